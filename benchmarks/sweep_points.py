"""Points of the sweep benchmarks, and two processes that evaluate them.

A process makes its points itself, from a base and a few numbers, as a worker of a sweep does from its axes: the array
is validated anew, the other sections of the experiment stay as they are.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from statistics import median

from benchmarks.measurement import NotMeasured
from simsnn.api import simulate
from simsnn.config.experiment import ExperimentConfig
from simsnn.results.sweep_table import PointMetrics
from simsnn.sim.garbage import collector_paused
from simsnn.sweep.evaluator import PointEvaluator

WORKERS = 2
ORDINARY_POINTS = 5
"""Points that are simulated the ordinary way beside, after one that warms up."""

Keys = tuple[tuple[str, int | str], ...]
"""Parameters of the array of one point."""
Base = Callable[[], ExperimentConfig]


def of_array(base: ExperimentConfig, name: str, keys: Keys) -> ExperimentConfig:
    """The base with other parameters of one array; ``dataflow`` is that of pass F."""
    found = dict(keys)
    mapping, flow = base.mapping, found.pop("dataflow", None)
    if flow is not None and mapping.F is not None:
        forward = type(mapping.F).model_validate({"engine": name, "dataflow": flow})
        mapping = mapping.model_copy(update={"F": forward})
    arrays = tuple(_changed(array, found) if array.name == name else array for array in base.hardware.arrays)
    hardware = base.hardware.model_copy(update={"arrays": arrays})
    return base.model_copy(update={"hardware": hardware, "mapping": mapping})


def _changed(array: object, keys: dict[str, int | str]) -> object:
    model = type(array)
    return model.model_validate(array.model_dump(mode="json") | keys)  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Evaluated:
    """Metrics of all points in their order; wall seconds and processor seconds, start of the processes included."""

    metrics: list[PointMetrics]
    seconds: float
    processor_seconds: float

    def note(self, ordinary_seconds: float) -> str:
        """Points per second, beside those of the ordinary path on one core."""
        points = len(self.metrics)
        times = ordinary_seconds * points / self.seconds / WORKERS
        return (
            f"{points / self.seconds:,.1f} points a second in {WORKERS} processes, {times:,.1f} x api.simulate"
            f" ({1 / ordinary_seconds:,.2f} a second on one core); {self.processor_seconds:,.1f} s of processor time"
        )


def evaluate_in_processes(base: Base, name: str, points: Sequence[Keys]) -> Evaluated:
    """Metrics of all points, half of them in each process."""
    start = time.perf_counter()
    shares = [points[worker::WORKERS] for worker in range(WORKERS)]
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:
        found = list(pool.map(evaluate_share, [base] * WORKERS, [name] * WORKERS, shares))
    seconds = time.perf_counter() - start
    metrics = [found[point % WORKERS][0][point // WORKERS] for point in range(len(points))]
    return Evaluated(metrics, seconds, sum(used for _, used in found))


def evaluate_share(base: Base, name: str, points: Sequence[Keys]) -> tuple[list[PointMetrics], float]:
    """Metrics of the points of one process, and all processor time that it has used."""
    experiment, evaluator = base(), PointEvaluator()
    with collector_paused():  # points make no cycles of references
        metrics = [evaluator.evaluate(of_array(experiment, name, point)) for point in points]
    return metrics, time.process_time()


def ordinary_seconds(base: Base, name: str, points: Sequence[Keys], found: Evaluated) -> float:
    """Seconds of one point by ``api.simulate``, over a few of them that must agree.

    Raises
    ------
    NotMeasured
        If a point has other metrics than the evaluator found.
    """
    experiment, seconds = base(), list[float]()
    for number in range(0, len(points), max(1, len(points) // ORDINARY_POINTS)):
        point = of_array(experiment, name, points[number])
        start = time.perf_counter()
        report = simulate(point).report
        seconds.append(time.perf_counter() - start)
        if PointMetrics.of(report) != found.metrics[number]:
            raise NotMeasured(f"point {number} differs from its ordinary run")
    return median(seconds[1:])
