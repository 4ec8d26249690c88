"""Step graphs for tests: chains, residual graphs, equal and unequal processors, links of any price."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from simsnn.costs import OperandClass
from simsnn.schedule.step_graph import LayerTasks, StepEdge, StepGraph, StepTask
from simsnn.workload.operation import Pass

Cycles = dict[Pass, tuple[int, ...]]
"""Of one layer's tasks on each processor."""


def step_graph(
    cycles: list[Cycles], processors: int, skips: tuple[tuple[int, int], ...] = (), size: int = 8
) -> StepGraph:
    """A chain of layers, with residual edges from layer a to layer b for each (a, b) of ``skips``."""
    count = len(cycles)

    def number(layer: int, pass_: Pass) -> int:
        if pass_ is Pass.F:
            return layer
        return count + 3 * (count - 1 - layer) + (Pass.B, Pass.W, Pass.U).index(pass_)

    tasks = [
        StepTask(number(layer, pass_), layer, pass_, f"l{layer} {pass_}", cycles[layer][pass_])
        for layer in range(count)
        for pass_ in (Pass.F, Pass.B, Pass.W, Pass.U)
    ]
    edges = []
    for layer in range(count):
        f, b, w, u = (number(layer, pass_) for pass_ in (Pass.F, Pass.B, Pass.W, Pass.U))
        edges += [
            StepEdge(f, b, f"mask{layer}", OperandClass.MASKS, size + layer, node=True),
            StepEdge(b, w, f"delta{layer}", OperandClass.GRADIENTS, 2 * size + layer),
            StepEdge(w, u, f"dw{layer}", OperandClass.WEIGHT_GRADIENTS, 5 * size),
        ]
        for above in [layer + 1] * (layer + 1 < count) + [b for a, b in skips if a == layer]:
            # every layer above reads the same spikes; it sends back a gradient of its own
            edges += [
                StepEdge(f, number(above, Pass.F), f"spikes{layer}", OperandClass.SPIKES, 3 * size),
                StepEdge(f, number(above, Pass.W), f"spikes{layer}", OperandClass.SPIKES, 3 * size),
                StepEdge(number(above, Pass.B), b, f"back{above}", OperandClass.GRADIENTS, 4 * size),
            ]
    layers = tuple(
        LayerTasks(
            f"l{layer}",
            *(number(layer, pass_) for pass_ in (Pass.F, Pass.B, Pass.W, Pass.U)),
            weight_bytes=100 + layer,
            gradient_bytes=50 + layer,
            state_bytes=200 + layer,
            backward_reads_weights=layer > 0,
        )
        for layer in range(count)
    )
    ordered = sorted(edges, key=lambda edge: (edge.source, edge.target))
    return StepGraph(tuple(sorted(tasks, key=lambda task: task.id)), tuple(ordered), layers, processors)


def equal_stages(stages: int, forward: int, backward: int, gradient: int = 0, update: int = 0) -> StepGraph:
    """One layer per stage, all alike, on so many equal processors."""
    passes = {Pass.F: forward, Pass.B: backward, Pass.W: gradient, Pass.U: update}
    return step_graph([{pass_: (c,) * stages for pass_, c in passes.items()}] * stages, stages)


def random_step(rng: Random, layers: int, processors: int, *, least: int = 1, most: int = 9) -> StepGraph:
    """Any cycles; equal or unequal processors; now and then residual edges."""
    equal = rng.random() < 0.5
    cycles: list[Cycles] = []
    for _ in range(layers):
        found = {}
        for pass_ in (Pass.F, Pass.B, Pass.W, Pass.U):
            values = tuple(rng.randint(least, most) for _ in range(processors))
            found[pass_] = values[:1] * processors if equal else values
        cycles.append(found)
    skips = [(a, b) for a in range(layers) for b in range(a + 2, layers) if rng.random() < 0.3]
    return step_graph(cycles, processors, tuple(skips))


@dataclass
class RandomLinks:
    """A price per pair of processors, plus one that grows with the bytes."""

    rng: Random
    most: int = 6
    bytes_per_cycle: int = 16
    found: dict[tuple[int, int], int] = field(default_factory=dict)

    def alone_cycles(self, source: int, destination: int, size_bytes: int) -> int:
        if source == destination:
            return 0
        pair = (source, destination)
        if pair not in self.found:
            self.found[pair] = self.rng.randint(0, self.most)
        return self.found[pair] + -(-size_bytes // self.bytes_per_cycle)
