"""Memory of backward modes over the number of time steps: what nodes keep, and what the whole step holds.

The published 58.65 is of the node alone. With k stored values per neuron and step against c states per neuron it is
k T / c, whatever network, depth and batch; k, T and c are not published. Ours are k = 1 (the potential) and c = 1. The
network level has in addition what the synapses need: with ordinary weights the weight gradient reads the stored
output of the layer below, and that of the pair node is real.
"""

from __future__ import annotations

from dataclasses import dataclass

from simsnn.api import simulate
from simsnn.costs import OperandClass
from simsnn.neurons.lif_integer import IntegerLifNeuron
from simsnn.reproduction.outcome import Table
from simsnn.reproduction.reversible_cases import VGG, ModeCase, case_of, mode_experiment
from simsnn.reproduction.reversible_steps import RealCase, real_case
from simsnn.reproduction.stages import Stages

PUBLISHED_NODE_RATIO = 58.65
TIMESTEPS = (2, 4, 8, 16, 32, 59)
BATCH = 4
STORED = case_of("pair node", "store-all")
REVERSED = case_of("pair node", "streamlined reversible")
PLAIN_LIF = case_of("LIF", "store-all")
CHECKPOINTED = case_of("LIF", "layer checkpoint")
SIDE_BITS = case_of("integer LIF (E2)", "streamlined reversible")
FOLLOWED = (PLAIN_LIF, CHECKPOINTED, STORED, REVERSED, SIDE_BITS, case_of("LIF", "SLTT"))
_GUESSED_STEPS = (4, 5, 6, 8, 10, 12, 15, 16, 20)
_GUESSED_STATES = (1, 2)


@dataclass(frozen=True, slots=True)
class MemoryPoint:
    """A mode with T time steps on the network of the comparison: what the memory meter says.

    Parameters
    ----------
    case : ModeCase
        Which.
    timesteps : int
        T.
    peak_bytes, node_peak_bytes : int
        Of the network level and of what neurons keep.
    """

    case: ModeCase
    timesteps: int
    peak_bytes: int
    node_peak_bytes: int


def measure_memory(stages: Stages, timesteps: tuple[int, ...] = TIMESTEPS) -> tuple[MemoryPoint, ...]:
    """All followed modes over T; without contention, because only the order of tasks matters."""
    found = []
    for steps in timesteps:
        stages.next(f"memory with T = {steps}")
        found += [memory_point(case, steps) for case in FOLLOWED]
    return tuple(found)


def memory_point(case: ModeCase, timesteps: int) -> MemoryPoint:
    """One simulated step."""
    shape = (f"workload.timesteps={timesteps}", f"workload.batch={BATCH}")
    level = "simulation={level: critical_path, trace: false}"
    memory = simulate(mode_experiment(VGG, case.neuron, case.mode, *shape, level)).report.memory
    assert memory is not None  # every simulated step has one
    return MemoryPoint(case, timesteps, memory.peak_bytes, memory.node_peak_bytes)


def point_of(points: tuple[MemoryPoint, ...], case: ModeCase, timesteps: int) -> MemoryPoint:
    """The point of a mode at T."""
    return next(point for point in points if (point.case, point.timesteps) == (case, timesteps))


def node_ratio(points: tuple[MemoryPoint, ...], timesteps: int) -> float:
    """What nodes keep, store-all over reversible."""
    stored, left = (point_of(points, case, timesteps).node_peak_bytes for case in (STORED, REVERSED))
    return stored / left


def network_ratio(points: tuple[MemoryPoint, ...], timesteps: int, over: ModeCase = STORED) -> float:
    """What the whole step holds at its peak, another mode over the reversible one."""
    other, left = (point_of(points, case, timesteps).peak_bytes for case in (over, REVERSED))
    return other / left


def memory_table(points: tuple[MemoryPoint, ...]) -> Table:
    """One row per T and mode."""
    columns = ("timesteps", "neuron", "mode", "network_peak_bytes", "node_peak_bytes")
    rows = tuple((p.timesteps, p.case.family, p.case.name, p.peak_bytes, p.node_peak_bytes) for p in points)
    return Table("memory", columns, rows)


def ratio_table(points: tuple[MemoryPoint, ...]) -> Table:
    """Ratios at node and network level over T."""
    columns = ("timesteps", "node_ratio", "network_ratio", "lif_store_all_ratio", "lif_checkpoint_ratio")
    steps = dict.fromkeys(point.timesteps for point in points)
    rows = tuple(
        (t, node_ratio(points, t), *(network_ratio(points, t, case) for case in (STORED, PLAIN_LIF, CHECKPOINTED)))
        for t in steps
    )
    return Table("ratios", columns, rows)


def guess_table() -> Table:
    """Stored values k per neuron and step that would give the published ratio, for T and c that it may have had."""
    rows = []
    for steps in _GUESSED_STEPS:
        for states in _GUESSED_STATES:
            needed = PUBLISHED_NODE_RATIO * states / steps
            nearest = max(1, round(needed))
            rows.append((steps, states, needed, nearest, nearest * steps / states))
    columns = ("timesteps", "states", "stored_values_needed", "nearest_stored_values", "ratio_of_nearest")
    return Table("node_guesses", columns, tuple(rows))


@dataclass(frozen=True, slots=True)
class KeptBits:
    """What real arrays keep between F and the later passes, at the widths of the experiment.

    Parameters
    ----------
    node, network : int
        Bits that nodes keep, and all.
    """

    node: int
    network: int


def kept_bits(case: ModeCase, timesteps: int = 8) -> KeptBits:
    """One real step on digits, its elements times the widths that hardware stores them in."""
    experiment = mode_experiment(VGG, case.neuron, case.mode)
    precision = experiment.precision
    real: RealCase = real_case(VGG, case, timesteps, BATCH)
    widths = {
        OperandClass.SPIKES: 1,
        OperandClass.MASKS: 1,
        OperandClass.SIDE_BITS: case.neuron.side_bits if isinstance(case.neuron, IntegerLifNeuron) else 0,
        OperandClass.MEMBRANE: precision.membrane,
        OperandClass.CURRENTS: precision.partial_sum,
        OperandClass.INPUTS: precision.partial_sum,
    }
    bits = {role: count * widths[role] for role, count in real.kept}
    node = sum(size for role, size in bits.items() if role not in (OperandClass.SPIKES, OperandClass.INPUTS))
    return KeptBits(node, sum(bits.values()))
