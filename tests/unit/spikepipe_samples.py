"""Small step graphs for the tests of periodic schedules: chains, residual edges, unequal processors."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from simsnn.costs import OperandClass
from simsnn.schedule.step_graph import LayerTasks, StepEdge, StepGraph, StepTask
from simsnn.workload.operation import Pass

LayerCycles = tuple[int, int, int, int]
"""Cycles of F, B, W and U."""


class FlatMessages:
    """Messages of a fixed latency and rate between any two processors; at rate 0 they take the latency alone."""

    def __init__(self, latency_cycles: int = 0, bytes_per_cycle: int = 0) -> None:
        self.latency_cycles, self.bytes_per_cycle = latency_cycles, bytes_per_cycle

    def alone_cycles(self, source: int, destination: int, size_bytes: int) -> int:
        """Latency and serialisation; 0 to itself."""
        if source == destination:
            return 0
        return self.latency_cycles + (-(-size_bytes // self.bytes_per_cycle) if self.bytes_per_cycle else 0)


def chain(
    cycles: Sequence[LayerCycles],
    processors: int,
    speeds: Sequence[int] | None = None,
    size: int = 64,
    skips: Sequence[tuple[int, int]] = (),
) -> StepGraph:
    """A network of layers one behind the other; ``skips`` add residual edges between the F, and back between the B.

    ``speeds`` multiply the cycles of a processor.
    """
    count, factors = len(cycles), speeds or [1] * processors
    tasks: list[StepTask] = []

    def add(layer: int, pass_: Pass, which: int) -> int:
        own = tuple(cycles[layer][which] * factor for factor in factors)
        tasks.append(StepTask(len(tasks), layer, pass_, f"l{layer} {pass_.value}", own))
        return len(tasks) - 1

    forward = [add(layer, Pass.F, 0) for layer in range(count)]
    rest = {
        layer: [add(layer, pass_, 1 + i) for i, pass_ in enumerate((Pass.B, Pass.W, Pass.U))]
        for layer in reversed(range(count))
    }
    edges = []

    def link(source: int, target: int, tensor: str, role: OperandClass, factor: int = 1) -> None:
        edges.append(StepEdge(source, target, tensor, role, size * factor))

    for layer in range(count):
        backward, gradient, update = rest[layer]
        link(forward[layer], backward, f"mask{layer}", OperandClass.MASKS)
        if layer + 1 < count:
            link(forward[layer], forward[layer + 1], f"s{layer}", OperandClass.SPIKES)
            link(forward[layer], rest[layer + 1][1], f"s{layer}", OperandClass.SPIKES)
            link(rest[layer + 1][0], backward, f"d{layer}", OperandClass.GRADIENTS, 8)
        link(backward, gradient, f"g{layer}", OperandClass.GRADIENTS, 8)
        link(gradient, update, f"dw{layer}", OperandClass.WEIGHT_GRADIENTS, 2)
    for low, high in skips:
        link(forward[low], forward[high], f"s{low}", OperandClass.SPIKES)
        link(rest[high][0], rest[low][0], f"skip{low}", OperandClass.GRADIENTS, 8)
    layers = tuple(
        LayerTasks(f"l{layer}", forward[layer], *rest[layer], 2 * size, 2 * size, size, layer > 0)
        for layer in range(count)
    )
    edges.sort(key=lambda edge: (edge.source, edge.target))
    return StepGraph(tuple(tasks), tuple(edges), layers, processors)


def random_step(rng: Random, layers: int, processors: int, *, unequal: bool = False) -> StepGraph:
    """Layers of widely different size; U small and sometimes free, residual edges now and then."""
    cycles = [
        (rng.randint(1, 60), rng.randint(1, 60), rng.randint(1, 60), rng.choice((0, 0, 1, 5))) for _ in range(layers)
    ]
    skips = [(low, low + 2) for low in range(layers - 2) if rng.random() < 0.2]
    speeds = [rng.randint(1, 3) for _ in range(processors)] if unequal else None
    return chain(cycles, processors, speeds, size=rng.choice((1, 64, 500)), skips=skips)


def random_plan(rng: Random, step: StepGraph) -> tuple[tuple[int, ...], tuple[tuple[int, ...], ...]]:
    """Any assignment that keeps U with W, in any order that has them in this order."""
    assignment = [rng.randrange(step.processors) for _ in step.tasks]
    for layer in step.layers:
        assignment[layer.update] = assignment[layer.gradient]
    order = []
    for processor in range(step.processors):
        own = [task for task, where in enumerate(assignment) if where == processor]
        rng.shuffle(own)
        order.append(tuple(own))
    return tuple(assignment), tuple(order)
