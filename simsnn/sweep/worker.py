"""One worker of a sweep: composes points, evaluates them, and turns whatever happens into an outcome.

Proof: ``tests/unit/test_sweep_worker.py``.
"""

from __future__ import annotations

import gc
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

from simsnn.activities import ResolvedActivity, resolve_activity
from simsnn.config.experiment import ExperimentConfig
from simsnn.config.loader import Document
from simsnn.errors import ExitCode, SimsnnError
from simsnn.results.sweep_table import PointStatus
from simsnn.sim.garbage import collector_paused
from simsnn.sweep.activity_store import SharedActivities
from simsnn.sweep.axes import Axis
from simsnn.sweep.composition import Composer
from simsnn.sweep.evaluator import PointEvaluator
from simsnn.sweep.log import Outcome
from simsnn.sweep.points import Choice
from simsnn.training.delayed import Delays
from simsnn.workload.network import Network

LONGEST_ERROR = 400
PINNED = dict.fromkeys(("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""Environment of a worker process: one thread each, there are as many workers as cores."""
COLLECTED_EVERY_S = 60.0
"""Points leave no cycles of references behind, errors may; looking through all that is kept takes half a second."""
ACTIVITIES = ".activity"
"""Folder inside the sweep's folder, while it runs."""


@dataclass(frozen=True)
class WorkerPlan:
    """All that a worker needs to know of a sweep.

    Parameters
    ----------
    base : Document
        Composed base experiment.
    axes : tuple of Axis
        What points change.
    folder : str or None
        The sweep's folder, where activity is shared; None for a worker that is alone.
    """

    base: Document
    axes: tuple[Axis, ...]
    folder: str | None


@dataclass(frozen=True, slots=True)
class Task:
    """One experiment to evaluate: its id and which value of each axis it takes."""

    id: str
    choice: Choice


class PointWorker:
    """Evaluates tasks of one sweep.

    Parameters
    ----------
    plan : WorkerPlan
        The sweep.
    name : str
        Who this is, for the log.
    """

    def __init__(self, plan: WorkerPlan, name: str) -> None:
        self.name = name
        self._composer = Composer(plan.base, plan.axes)
        self._activities = SharedActivities(None if plan.folder is None else Path(plan.folder) / ACTIVITIES)
        self._evaluator = PointEvaluator()
        self._collected_s = time.monotonic()

    def run(self, task: Task) -> Outcome:
        """Evaluate one task; never raises but for an interrupt."""
        with collector_paused():
            outcome = self._run(task)
        if time.monotonic() - self._collected_s > COLLECTED_EVERY_S:
            gc.collect()
            self._collected_s = time.monotonic()
        return outcome

    def _run(self, task: Task) -> Outcome:
        start = time.perf_counter()
        try:
            experiment = self._composer.compose(task.choice)
            metrics = self._evaluator.evaluate(experiment, self._activity)
        except SimsnnError as error:
            return self._stopped(task.id, start, error, error.exit_code is ExitCode.BAD_INPUT)
        except Exception as error:  # noqa: BLE001 - one broken point must not stop the rest
            return self._stopped(task.id, start, error, refused=False)
        seconds = time.perf_counter() - start
        return Outcome(task.id, PointStatus.OK, "", metrics, seconds, self.name)

    def _activity(
        self, experiment: ExperimentConfig, network: Network, progress: None, delays: Delays | None
    ) -> ResolvedActivity:
        return self._activities.get(experiment, lambda: resolve_activity(experiment, network, progress, delays))

    def _stopped(self, identity: str, start: float, error: Exception, refused: bool) -> Outcome:
        status = PointStatus.REFUSED if refused else PointStatus.FAILED
        detail = "" if refused else "".join(traceback.format_exception(error))
        seconds = time.perf_counter() - start
        return Outcome(identity, status, one_line(error), None, seconds, self.name, detail)


def one_line(error: Exception) -> str:
    """An error as a cell of a table: dotted path and message, no file of this machine, no line break."""
    if isinstance(error, SimsnnError):
        text = ": ".join(part for part in (error.where.path, error.message) if part)
    else:
        text = f"{type(error).__name__}: {error}"
    text = " ".join(text.split())
    return text if len(text) <= LONGEST_ERROR else text[: LONGEST_ERROR - 3] + "..."
