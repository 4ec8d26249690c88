"""Time of reversible modes: streamlined against plain, and layer checkpointing against store-all.

Nothing is fitted. A streamlined inverse drops one of four passes of the node; what that saves of a whole step
depends on what else the step does, so it is measured on several networks and machines. Checkpointing repeats the
forward product: where the three products take equal cycles and nothing else counts, four passes instead of three are
3/4 of the throughput; elsewhere the cycles of the products predict it, and what binds otherwise shows as the
difference.
"""

from __future__ import annotations

from dataclasses import dataclass

from simsnn.api import simulate
from simsnn.neurons import Neuron
from simsnn.reproduction.reversible_cases import (
    BLOCKS,
    FUSED,
    INTEGRATE_AND_FIRE,
    LIF,
    MLP,
    NODE,
    PLAIN,
    SEPARATE,
    STREAMLINED,
    VGG,
    WORD_LIF,
    mode_experiment,
)
from simsnn.results.report import Report
from simsnn.workload.backward_modes import BackwardMode, Bptt, LayerCheckpoint
from simsnn.workload.operation import Pass

SQUARE = "reversible_square"
_LANES, _RATE = "hardware.vector_units.0.lanes", "hardware.dram.bandwidth"


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine of the comparison with other numbers.

    Parameters
    ----------
    name : str
        As tables name it.
    dram_gb_per_s : int
        Rate of the DRAM.
    lanes : int
        Of the vector unit.
    """

    name: str
    dram_gb_per_s: int = 16
    lanes: int = 64

    @property
    def overrides(self) -> tuple[str, str]:
        """What it changes in the experiment."""
        return f"{_LANES}={self.lanes}", f"{_RATE}={self.dram_gb_per_s} GB/s"


BASE = Machine("16 GB/s, 64 lanes")
ROOMY = Machine("never DRAM-bound, 64 lanes", 4096)
NARROW = Machine("2 GB/s, 64 lanes", 2)
ONE_LANE = Machine("never DRAM-bound, 1 lane", 4096, 1)
WIDE = Machine("never DRAM-bound, 1024 lanes", 4096, 1024)


@dataclass(frozen=True, slots=True)
class Saving:
    """A network on a machine, store-all, plain and streamlined.

    Parameters
    ----------
    id : str
        Of its check.
    network, machine, neuron : str
        Which.
    store_all, plain, streamlined : int
        Cycles of a whole step.
    plain_node, streamlined_node : int
        Cycles that the vector unit works on passes of neurons, without waiting.
    product_share : float
        Cycles that the array works on products over the cycles of the plain step.
    """

    id: str
    network: str
    machine: str
    neuron: str
    store_all: int
    plain: int
    streamlined: int
    plain_node: int
    streamlined_node: int
    product_share: float

    @property
    def saved(self) -> float:
        """Share of the plain step that the streamlined one does not need."""
        return 1 - self.streamlined / self.plain

    @property
    def saved_node(self) -> float:
        """The same of the node's own passes."""
        return 1 - self.streamlined_node / self.plain_node


SAVINGS = (
    ("vector_bound", VGG, ONE_LANE, NODE),
    ("compute_bound", VGG, ROOMY, NODE),
    ("base", VGG, BASE, NODE),
    ("narrow_dram", VGG, NARROW, NODE),
    ("mlp_compute_bound", MLP, ROOMY, NODE),
    ("mlp_base", MLP, BASE, NODE),
    ("synapse_bound", SQUARE, WIDE, NODE),
    ("integer_lif_base", VGG, BASE, WORD_LIF),
    ("integer_lif_narrow_dram", VGG, NARROW, WORD_LIF),
)


def measure_saving(id_: str, network: str, machine: Machine, neuron: Neuron) -> Saving:
    """Simulate a step in the three modes."""
    whole, plain, streamlined = (_report(network, machine, neuron, mode) for mode in (Bptt(), PLAIN, STREAMLINED))
    return Saving(
        id_,
        network,
        machine.name,
        neuron.kind,
        whole.totals.total_cycles,
        plain.totals.total_cycles,
        streamlined.totals.total_cycles,
        _worked(plain, "neuron"),
        _worked(streamlined, "neuron"),
        _worked(plain, "synapse") / plain.totals.total_cycles,
    )


def measure_blocks(machine: Machine) -> tuple[int, int] | None:
    """Cycles of a step of reversible blocks, each branch run twice more and once more; None without such a mode."""
    if FUSED is None or SEPARATE is None:
        return None
    twice, once = (_report(BLOCKS, machine, INTEGRATE_AND_FIRE, mode) for mode in (SEPARATE, FUSED))
    return twice.totals.total_cycles, once.totals.total_cycles


@dataclass(frozen=True, slots=True)
class Throughput:
    """Store-all and layer checkpointing of one network on one machine.

    Parameters
    ----------
    network, machine : str
        Which.
    store_all, checkpoint : int
        Cycles of a step.
    forward, backward, weights, again : int
        Cycles that the array works on products F, B and W of the step, and R of the one with checkpoints.
    """

    network: str
    machine: str
    store_all: int
    checkpoint: int
    forward: int
    backward: int
    weights: int
    again: int

    @property
    def factor(self) -> float:
        """Throughput with checkpoints over that of store-all."""
        return self.store_all / self.checkpoint

    @property
    def predicted(self) -> float:
        """The same from the cycles of the products alone."""
        three = self.forward + self.backward + self.weights
        return three / (three + self.again)

    @property
    def spread(self) -> float:
        """Largest over smallest of F, B and W, less 1."""
        passes = (self.forward, self.backward, self.weights)
        return max(passes) / min(passes) - 1


THROUGHPUTS = (
    (SQUARE, WIDE),
    (SQUARE, BASE),
    (MLP, ROOMY),
    (MLP, BASE),
    (VGG, ROOMY),
    (VGG, BASE),
    (VGG, NARROW),
)


def measure_throughput(network: str, machine: Machine) -> Throughput:
    """Simulate a step in both modes."""
    whole, checkpoint = (_report(network, machine, LIF, mode) for mode in (Bptt(), LayerCheckpoint()))
    return Throughput(
        network,
        machine.name,
        whole.totals.total_cycles,
        checkpoint.totals.total_cycles,
        _worked(whole, "synapse", Pass.F),
        _worked(whole, "synapse", Pass.B),
        _worked(whole, "synapse", Pass.W),
        _worked(checkpoint, "synapse", Pass.R),
    )


def _report(network: str, machine: Machine, neuron: Neuron, mode: BackwardMode) -> Report:
    return simulate(mode_experiment(network, neuron, mode, *machine.overrides, "simulation.trace=false")).report


def _worked(report: Report, part: str, of: Pass | None = None) -> int:
    """Cycles that engines work on a part, without stalls."""
    chosen = (t for t in report.tasks if t.part == part and (of is None or t.pass_ == of.value))
    return sum(task.cycles - task.parts.stall for task in chosen)
