"""SpikePipe's scheduler on 300 tasks and 64 arrays, beside the contiguous partition alone."""

from __future__ import annotations

from random import Random

from benchmarks.measurement import Measurement, NotMeasured, Yardstick
from benchmarks.timing import median_seconds
from simsnn.costs import OperandClass
from simsnn.schedule.pipedream import PipeDream
from simsnn.schedule.spikepipe import SpikePipe
from simsnn.schedule.spikepipe_items import Items
from simsnn.schedule.spikepipe_search import least_load
from simsnn.schedule.step_graph import LayerTasks, StepEdge, StepGraph, StepTask
from simsnn.workload.operation import Pass

LAYERS, ARRAYS = 100, 64


class FlatLinks:
    """4 cycles and 64 bytes per cycle between any two arrays."""

    def alone_cycles(self, source: int, destination: int, size_bytes: int) -> int:
        """Latency and serialisation."""
        return 0 if source == destination else 4 - (-size_bytes // 64)


def spikepipe_scheduler() -> Measurement:
    """Seconds from the step graph to both programs, at the default effort."""
    step, links = network(), FlatLinks()
    found, seed = SpikePipe().programs(step, links)
    items = Items.of(step)
    loads = [max(items.loads(items.places_of(program.assignment))) for program in (found, seed)]
    if not least_load(items) <= loads[0] <= loads[1]:
        raise NotMeasured("the search lost to the partition it started from")
    seconds = median_seconds(lambda: SpikePipe().programs(step, links), 5)
    slow = median_seconds(lambda: PipeDream().programs(step, links), 5)
    note = (
        f"{3 * LAYERS} tasks on {ARRAYS} arrays, period {loads[0]:,} cycles, contiguous {loads[1]:,}, bound"
        f" {least_load(items):,}"
    )
    return Measurement(seconds, Yardstick("the contiguous program alone", slow), note)


def network() -> StepGraph:
    """A chain of layers whose tasks differ widely in length, the same each time."""
    rng = Random(0)
    tasks: list[StepTask] = []

    def add(layer: int, pass_: Pass, cycles: int) -> int:
        tasks.append(StepTask(len(tasks), layer, pass_, f"layer{layer} {pass_.value}", (cycles,) * ARRAYS))
        return len(tasks) - 1

    forward = [add(layer, Pass.F, rng.randint(1_000, 60_000)) for layer in range(LAYERS)]
    layers, edges = [], []
    above: int | None = None
    for layer in reversed(range(LAYERS)):
        backward = add(layer, Pass.B, rng.randint(1_000, 60_000))
        gradient = add(layer, Pass.W, rng.randint(1_000, 60_000))
        update = add(layer, Pass.U, rng.randint(10, 500))
        spikes, gradients = rng.randint(1, 8) * 1024, rng.randint(8, 64) * 1024
        edges += [
            StepEdge(forward[layer], backward, f"mask{layer}", OperandClass.MASKS, spikes),
            StepEdge(backward, gradient, f"gradient{layer}", OperandClass.GRADIENTS, gradients),
            StepEdge(gradient, update, f"dw{layer}", OperandClass.WEIGHT_GRADIENTS, 9_216),
        ]
        if layer:
            edges += [
                StepEdge(forward[layer - 1], reader, f"spikes{layer - 1}", OperandClass.SPIKES, spikes)
                for reader in (forward[layer], gradient)
            ]
        if above is not None:
            edges.append(StepEdge(above, backward, f"back{layer}", OperandClass.GRADIENTS, gradients))
        above = backward
        layers.append(
            LayerTasks(f"layer{layer}", forward[layer], backward, gradient, update, 9_216, 9_216, 4_608, layer > 0)
        )
    edges.sort(key=lambda edge: (edge.source, edge.target))
    return StepGraph(tuple(tasks), tuple(edges), tuple(layers[::-1]), ARRAYS)
