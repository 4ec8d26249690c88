"""The published numbers of reversible training beside the simulator's: all *assumed*, nothing fitted.

The publication (arXiv 2308.08649) is known to us from its abstract and public reviews: 58.65 times less node memory,
23.8 % less time than plain reversible backpropagation. Its node, networks, T and machine are not known;
the pair node is a reconstruction. The throughput of checkpointing follows from counting passes and is also what
GPU measurements of other authors show (0.746 and 0.753).
"""

from __future__ import annotations

import re
from functools import partial

from simsnn.neurons.inversion import FailureRow
from simsnn.reproduction.outcome import Claim, Standing
from simsnn.reproduction.reversible_memory import (
    CHECKPOINTED,
    PLAIN_LIF,
    PUBLISHED_NODE_RATIO,
    REVERSED,
    KeptBits,
    MemoryPoint,
    network_ratio,
    node_ratio,
)
from simsnn.reproduction.reversible_rates import COMPARED, RatePoint, fastest_rate
from simsnn.reproduction.reversible_time import BASE, ROOMY, SQUARE, Saving, Throughput, measure_blocks

SAVED_LOW, SAVED_HIGH = 0.20, 0.25
FACTOR, FACTOR_OFF, EQUAL_PASSES = 0.75, 0.03, 0.05
FAR_SMALLER = 0.25
"""The network-level ratio over the node-level one: at most this counts as far smaller."""
NETWORK_STEPS = 16
_PUBLISHED = "published 23.8 %"

_assumed = partial(Claim, standing=Standing.ASSUMED)
_shown = partial(Claim, low=None, high=None, standing=Standing.ASSUMED)


def time_claims(savings: tuple[Saving, ...], throughputs: tuple[Throughput, ...]) -> tuple[Claim, ...]:
    """Streamlined against plain, checkpointing against store-all."""
    return (*_saved(savings), *_factors(throughputs))


def _saved(savings: tuple[Saving, ...]) -> tuple[Claim, ...]:
    found = [_operations(savings[0])]
    for each in savings:
        where = f"{each.network} on {each.machine}, {each.neuron}: share of the plain step that is saved"
        found.append(
            _assumed(
                f"streamlined.{each.id}",
                each.saved,
                SAVED_LOW,
                SAVED_HIGH,
                note=f"{where}; {_PUBLISHED}; {_why(each)}",
            )
        )
    return tuple(found)


def _operations(vector_bound: Saving) -> Claim:
    """The node's own passes where the vector unit binds."""
    note = "passes of the pair node alone, cycles that the vector unit works: forward, inverse, forward and gradient"
    value = vector_bound.saved_node
    return _assumed("streamlined.node_passes", value, SAVED_LOW, SAVED_HIGH, note=f"{note}; {_PUBLISHED}")


def _why(each: Saving) -> str:
    """What decides the saving of one row."""
    if each.saved < SAVED_LOW:
        share = f"the products, {each.product_share:.0%} of the plain step, are the same in both"
        return f"{share}, and most work of nodes is hidden behind them"
    if each.saved > SAVED_HIGH:
        return "the plain form also writes and reads potentials and currents of every step between its passes"
    return "passes of the node bind"


def block_claims() -> tuple[Claim, ...]:
    """Reversible blocks: five passes against four; nothing where this version has no blocks."""
    found = []
    for name, machine in (("compute_bound", ROOMY), ("base", BASE)):
        cycles = measure_blocks(machine)
        if cycles is None:
            continue
        saved = 1 - cycles[1] / cycles[0]
        note = f"blocks on {machine.name}: share saved by running a branch once more instead of twice; {_PUBLISHED}"
        why = "4/5 of the products of branches is 0.2 less, stem, readout and vector work are the same in both"
        note = f"{note}; {why}" if saved < SAVED_LOW else note
        found.append(_assumed(f"streamlined.blocks_{name}", saved, SAVED_LOW, SAVED_HIGH, note=note))
    return tuple(found)


def _factors(throughputs: tuple[Throughput, ...]) -> tuple[Claim, ...]:
    equal = throughputs[0]
    assert equal.network == SQUARE  # what the check is about stands first
    passes = f"F {equal.forward:,}, B {equal.backward:,}, W {equal.weights:,} cycles"
    free = [each for each in throughputs if each.machine.startswith("never")]
    bound = [each for each in throughputs if each not in free]
    worst = max(free, key=lambda each: abs(each.factor - each.predicted))
    highest = max(bound, key=lambda each: each.factor)
    return (
        _assumed(
            "throughput.equal_passes",
            equal.factor,
            FACTOR - FACTOR_OFF,
            FACTOR + FACTOR_OFF,
            note=f"layer checkpointing over store-all on {equal.network}, {equal.machine}; {passes}",
        ),
        _assumed(
            "throughput.pass_spread",
            equal.spread,
            0.0,
            EQUAL_PASSES,
            note=f"largest over smallest pass, less 1; {passes}",
        ),
        _shown(
            "throughput.largest_difference",
            abs(worst.factor - worst.predicted),
            note=f"where DRAM never binds, simulated {worst.factor:.3f} against {worst.predicted:.3f} from the products"
            f" ({worst.network}): work of the vector unit that is not hidden; {len(free)} networks",
        ),
        _shown(
            "throughput.dram_bound",
            highest.factor,
            note=f"{highest.network} on {highest.machine}: the products predict {highest.predicted:.3f}; potentials"
            " that are not stored save more DRAM time than the fourth product costs",
        ),
    )


def rate_claims(points: tuple[RatePoint, ...]) -> tuple[Claim, ...]:
    """Largest rate of the DRAM at which keeping less takes no more cycles than store-all of that neuron."""
    found = []
    for stored, case in COMPARED:
        rate = fastest_rate(points, stored, case)
        name = re.sub("[^a-z0-9]+", "_", case.label.lower()).strip("_")
        note = f"GB/s, the largest of those tried at which {case.label} is as fast as {stored.label}; 0: at none"
        found.append(_shown(f"rate.{name}", float(rate or 0), note=f"{note}; reversible_vgg"))
    return tuple(found)


def memory_claims(points: tuple[MemoryPoint, ...], stored: KeptBits, left: KeptBits) -> tuple[Claim, ...]:
    """Node level and network level apart; ``stored`` and ``left`` are real arrays of store-all and reversible."""
    steps = [point.timesteps for point in points if point.case is REVERSED]
    node = {t: node_ratio(points, t) for t in steps}
    nearest = min(node, key=lambda t: abs(node[t] - PUBLISHED_NODE_RATIO))
    network, chosen = network_ratio(points, NETWORK_STEPS), node[NETWORK_STEPS]
    slope = {node[t] / t for t in steps}
    return (
        _shown(
            "memory.node_ratio",
            node[nearest],
            note=f"published {PUBLISHED_NODE_RATIO} = k T / c with k, T, c unknown; with ours (k = 1 potential"
            f" stored, c = 1 state left) it takes T = {PUBLISHED_NODE_RATIO}, shown for T = {nearest}; T = 16 takes"
            f" k / c = {PUBLISHED_NODE_RATIO / 16:.2f}, T = 8 takes {PUBLISHED_NODE_RATIO / 8:.2f}",
        ),
        _assumed(
            "memory.node_ratio_per_step",
            max(slope, key=lambda value: abs(value - 1)),
            1.0,
            1.0,
            note=f"node ratio over T, the value farthest from k / c = 1 over {len(steps)} values of T: linear",
        ),
        _shown(
            "memory.network_ratio",
            network,
            note=f"network level, the same node stored over reversible, T = {NETWORK_STEPS}: real outputs stay for the"
            " weight gradients",
        ),
        _assumed(
            "memory.network_over_node",
            network / chosen,
            None,
            FAR_SMALLER,
            note=f"network-level ratio {network:.2f} over node-level ratio {chosen:g}, memory meter,"
            f" T = {NETWORK_STEPS}",
        ),
        _assumed(
            "memory.network_over_node_arrays",
            stored.network / left.network / (stored.node / left.node),
            None,
            FAR_SMALLER,
            note=f"the same of what real arrays keep: {stored.network / left.network:.2f} over"
            f" {stored.node / left.node:g}, T = {NETWORK_STEPS}",
        ),
        _shown(
            "memory.lif_over_reversible",
            network_ratio(points, NETWORK_STEPS, PLAIN_LIF),
            note=f"network peak of LIF with everything stored over that of the reversible node, T = {NETWORK_STEPS}",
        ),
        _assumed(
            "memory.checkpoint_over_reversible",
            network_ratio(points, NETWORK_STEPS, CHECKPOINTED),
            None,
            1.0,
            note=f"network peak of LIF with layer checkpoints of packed spikes over that of the"
            f" reversible node, T = {NETWORK_STEPS}",
        ),
    )


def flip_claims(rows: tuple[FailureRow, ...]) -> tuple[Claim, ...]:
    """Float inversion fails where fading memory meets many steps."""
    half = next(r for r in rows if (r.dtype, r.reset, r.alpha, r.timesteps) == ("float32", "hard", 0.25, 8))
    safe = [r for r in rows if r.dtype == "float64" and r.alpha == 1.0 and r.timesteps <= 8]
    return (
        _assumed(
            "flips.quarter",
            half.error.flipped,
            1e-4,
            None,
            note="share of spikes that come back flipped, float32, alpha = beta = 0.25, T = 8: the inverse multiplies"
            f" errors by {half.growth:.1f} per step",
        ),
        _assumed(
            "flips.one_double",
            max(row.error.flipped for row in safe),
            0.0,
            0.0,
            note="the same in double precision with alpha = beta = 1, T up to 8",
        ),
    )
