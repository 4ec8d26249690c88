"""The tasks of one training iteration as a pipeline sees them: per layer F, B, W and U.

A task is everything that one layer with weights, and the layers behind it that have none, do in
one pass, on one processor, for one micro-batch (U: once per iteration). Tasks stand in program order
of a step, so every edge leads forward:
F of the first layer .. F of the last, then per layer from the last to the first B, W, U. The first
layer's B is its neuron backward alone (docs/machines section 8).

Edges are tensors. What links updates to later iterations (new weights) is not an edge here but
follows from ``StepGraph.layers`` and the weight versions that a program declares.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from simsnn.costs import OperandClass
from simsnn.workload.operation import Pass


@dataclass(frozen=True, slots=True)
class StepTask:
    """One pass of one layer.

    Parameters
    ----------
    id : int
        Position in ``StepGraph.tasks``.
    layer : int
        Position in ``StepGraph.layers``.
    pass_ : Pass
        F, B, W or U.
    name : str
        ``conv1 F``.
    cycles : tuple of int, per processor
        Cycles of the task alone on each processor, one micro-batch, everything local.
    """

    id: int
    layer: int
    pass_: Pass
    name: str
    cycles: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class StepEdge:
    """A tensor that one task makes and another of the same micro-batch reads.

    Parameters
    ----------
    source, target : int
        Task ids, source < target.
    tensor : str
        Name of the tensor: what several targets read is one tensor.
    role : OperandClass
        What it is, for the communication meter.
    bytes : int
        Stored bytes of one micro-batch; spikes and masks are bits.
    ready : int
        Operation of the source behind which it exists, counted from 0: W may start before all of B is done.
    node : bool
        Whether the neuron of the source's layer keeps it for its own backward pass.
    """

    source: int
    target: int
    tensor: str
    role: OperandClass
    bytes: int
    ready: int = 0
    node: bool = False


@dataclass(frozen=True, slots=True)
class LayerTasks:
    """The tasks of one layer and what its weights take.

    Parameters
    ----------
    name : str
        Of the layer with weights.
    forward, backward, gradient, update : int
        Task ids of F, B, W, U.
    weight_bytes, gradient_bytes, state_bytes : int
        Of the weights, of the weight gradient, of the optimizer state.
    backward_reads_weights : bool
        False for the first layer, whose B has no product.
    """

    name: str
    forward: int
    backward: int
    gradient: int
    update: int
    weight_bytes: int
    gradient_bytes: int
    state_bytes: int
    backward_reads_weights: bool


@dataclass(frozen=True)
class StepGraph:
    """Tasks, tensors and layers of one iteration.

    Parameters
    ----------
    tasks : tuple of StepTask
        In program order.
    edges : tuple of StepEdge
        Sorted by (source, target).
    layers : tuple of LayerTasks
        First to last.
    processors : int
        P.
    """

    tasks: tuple[StepTask, ...]
    edges: tuple[StepEdge, ...]
    layers: tuple[LayerTasks, ...]
    processors: int

    @cached_property
    def sources(self) -> tuple[tuple[int, ...], ...]:
        """Tasks before each task, ascending."""
        found: list[set[int]] = [set() for _ in self.tasks]
        for edge in self.edges:
            found[edge.target].add(edge.source)
        return tuple(tuple(sorted(before)) for before in found)

    @cached_property
    def targets(self) -> tuple[tuple[int, ...], ...]:
        """Tasks behind each task, ascending."""
        found: list[set[int]] = [set() for _ in self.tasks]
        for edge in self.edges:
            found[edge.source].add(edge.target)
        return tuple(tuple(sorted(after)) for after in found)

    def weight_readers(self, layer: int) -> tuple[int, ...]:
        """Tasks that read the weights of a layer."""
        found = self.layers[layer]
        return (found.forward, found.backward) if found.backward_reads_weights else (found.forward,)
