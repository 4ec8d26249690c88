"""The grid of neurons, machines and schedules on one core, every network trained before.

The yardstick is the simplest of its cells as often as there are cells: LIF neurons on one systolic core.
"""

from __future__ import annotations

import time
from statistics import median

from benchmarks.measurement import Measurement, Yardstick
from simsnn.api import simulate
from simsnn.reproduction.combined_cells import MACHINES, NEURONS, SCHEDULES, cell_experiment, measure_grid
from simsnn.reproduction.stages import Stages

SIMPLEST_REPEATS = 3


def combined_grid() -> Measurement:
    """Seconds of all cells, those that an engine refuses included."""
    cells = len(MACHINES) * len(NEURONS) * len(SCHEDULES)
    simplest = cell_experiment(NEURONS[0], MACHINES[0], SCHEDULES[0])
    for neuron in NEURONS:  # trained and stored, kernels compiled
        simulate(cell_experiment(neuron, MACHINES[0], SCHEDULES[0]))
    alone = []
    for _ in range(SIMPLEST_REPEATS):
        start = time.perf_counter()
        simulate(simplest)
        alone.append(time.perf_counter() - start)
    start = time.perf_counter()
    found = measure_grid(Stages(lambda _what, _done, _total: None, cells))
    seconds = time.perf_counter() - start
    refused = sum(cell.measured is None for cell in found)
    yardstick = Yardstick(f"its simplest cell {cells} times", median(alone) * cells)
    return Measurement(seconds, yardstick, f"{cells} cells, {refused} of them refused; one run")
