"""Runs a sweep: what is logged is not run again, what stops is a row, the table is the same whoever ran it.

Proof: ``tests/integration/test_sweep_runner.py``.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from simsnn.config.resolve import content_hash
from simsnn.config.sweep import GeneticSampling
from simsnn.errors import ConfigError, SimsnnError, nearest
from simsnn.results.store import StorageError
from simsnn.results.sweep_store import INFO, LOG, SWEEPS, StoredSweep
from simsnn.results.sweep_table import PointStatus, info_from_json
from simsnn.sweep.composition import Composer
from simsnn.sweep.executors import EXECUTORS, Executor, executor_of
from simsnn.sweep.identity import PointIds
from simsnn.sweep.log import Outcome, SweepLog, only_here
from simsnn.sweep.plan import SweepPlan
from simsnn.sweep.points import Choice, SweepPoint
from simsnn.sweep.worker import ACTIVITIES, Task, WorkerPlan, one_line
from simsnn.sweep.write import write_sweep

if TYPE_CHECKING:
    from simsnn.sweep.search import GeneticSearch

WRITTEN_EVERY_S = 10.0
"""How often an unfinished sweep writes its table, so that one can look at it."""


@dataclass(frozen=True)
class SweepOptions:
    """How a sweep is run.

    Parameters
    ----------
    executor : str
        ``processes``, ``serial`` or ``dask``.
    workers : int or None
        Processes or Dask workers started here; None: one per core that this process may use.
    scheduler : str or None
        Address of a running Dask cluster.
    retry_failed : bool
        Whether failed and refused points run again: a refusal may have been the machine's, for want of a package.

    Raises
    ------
    ConfigError
        For an executor that does not exist.
    """

    executor: str = EXECUTORS[1]
    workers: int | None = None
    scheduler: str | None = None
    retry_failed: bool = False

    def __post_init__(self) -> None:
        if self.executor not in EXECUTORS:
            close = nearest(self.executor, EXECUTORS)
            message = f"no executor {self.executor!r}"
            raise ConfigError(message, value=self.executor, allowed=EXECUTORS, nearest=close)
        if self.scheduler is not None and self.executor != "dask":
            message = f"a scheduler is for the executor dask, not {self.executor}"
            raise ConfigError(message, value=self.scheduler, remedy="leave one of the two out")

    @property
    def worker_count(self) -> int:
        """Workers that are started here."""
        return self.workers or len(os.sched_getaffinity(0))


@dataclass
class SweepProgress:
    """How far a sweep is.

    Parameters
    ----------
    total : int
        Points in all; of a search: the most that it may run.
    stored : int
        Points that were in the log already.
    workers : int
        Who works on it.
    """

    total: int
    stored: int = 0
    workers: int = 1
    counts: dict[PointStatus, int] = field(default_factory=lambda: dict.fromkeys(PointStatus, 0))
    seconds: list[float] = field(default_factory=list)
    """Wall time of every point that ran, also those that earlier sweeps logged."""

    @property
    def done(self) -> int:
        """Points with an outcome."""
        return sum(self.counts.values())

    @property
    def left_s(self) -> float | None:
        """Estimate of the time that is left, from the points that have run.

        The first point of every worker is left out where there are others: it also pays for what is kept for the rest.
        """
        seconds = self.seconds[self.workers :] or self.seconds
        return fmean(seconds) * (self.total - self.done) / self.workers if seconds else None

    def count(self, outcome: Outcome) -> None:
        """One more point has an outcome."""
        self.counts[outcome.status] += 1
        if outcome.status is PointStatus.OK:
            self.seconds.append(outcome.seconds)


Watch = Callable[[SweepProgress], None]
"""Called before the first point and after every point."""


def sweep_folder(plan: SweepPlan, output: Path | None) -> Path:
    """Folder of a sweep: ``output``, or its place below ``results/sweeps``."""
    return SWEEPS / plan.config.name if output is None else output


def run_sweep(
    plan: SweepPlan, folder: Path, options: SweepOptions = SweepOptions(), watch: Watch | None = None
) -> StoredSweep:
    """Run all points that the folder's log does not hold, and write the table.

    Parameters
    ----------
    plan : SweepPlan
        What to run.
    folder : Path
        Where; a folder of the same sweep is resumed.
    options : SweepOptions
        By whom.
    watch : callable, optional
        Told how far it is.

    Raises
    ------
    ConfigError
        If the folder belongs to another sweep, or workers cannot start.
    StorageError
        If the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"cannot write {folder}: {error.strerror}", value=str(folder)) from None
    with only_here(folder):
        _check_same(plan, folder)
        with SweepLog(folder / LOG) as log:
            if options.retry_failed:
                log.forget(PointStatus.FAILED)
                log.forget(PointStatus.REFUSED)
            return _Run(plan, folder, log, options, watch).run()


def _check_same(plan: SweepPlan, folder: Path) -> None:
    path = folder / INFO
    if not path.exists():
        return
    found = info_from_json(path.read_text(encoding="utf-8"), str(path)).name
    if found != plan.config.name:
        message = f"{folder} holds the sweep {found!r}, not {plan.config.name!r}"
        raise ConfigError(message, value=str(folder), remedy="choose another -o DIR")


class _Run:
    """One run of a sweep: what is known, who works, what comes back."""

    def __init__(
        self, plan: SweepPlan, folder: Path, log: SweepLog, options: SweepOptions, watch: Watch | None
    ) -> None:
        self.plan = plan
        self.folder = folder
        self.log = log
        self.options = options
        self.watch = watch or _nobody
        self.known = log.outcomes()
        self.points = list(plan.points)
        self.ids: dict[Choice, str] = {}
        self.progress = SweepProgress(_most_points(plan), workers=options.worker_count)
        self._written_s = time.monotonic()
        self._composer = Composer(plan.base, plan.axes)
        self._identify = PointIds(plan.versions)
        self._team = ExitStack()
        self._executor: Executor | None = None

    def run(self) -> StoredSweep:
        """Run, and write whatever there is, also after an interrupt."""
        shutil.rmtree(self.folder / ACTIVITIES, ignore_errors=True)
        try:
            with self._team:
                if isinstance(self.plan.config.sampling, GeneticSampling):
                    self._search(self.plan.config.sampling)
                else:
                    self._evaluate(point.choice for point in self.points)
        finally:
            shutil.rmtree(self.folder / ACTIVITIES, ignore_errors=True)
            stored = self._write()
        return stored

    def _search(self, sampling: GeneticSampling) -> None:
        search = _genetic(sampling, self.plan)
        while designs := search.ask():
            choices = [choice for design in designs for choice in self.plan.space.repeats(design)]
            fresh = [choice for choice in choices if choice not in self.ids]
            self.points += [SweepPoint(len(self.points) + i, choice) for i, choice in enumerate(fresh)]
            self._evaluate(fresh)
            search.tell({design: self._objectives(design) for design in designs})

    def _objectives(self, design: Choice) -> tuple[float, ...] | None:
        """Means over the seeds of a design; None where one of them did not run."""
        found = [self.known[self.ids[choice]].metrics for choice in self.plan.space.repeats(design)]
        rows = [
            [getattr(metrics, entry.metric) for entry in self.plan.objectives]
            for metrics in found
            if metrics is not None
        ]
        if len(rows) < len(found) or any(value is None for row in rows for value in row):
            return None
        return tuple(fmean(column) for column in zip(*rows, strict=True))

    def _evaluate(self, choices: Iterable[Choice]) -> None:
        """Outcomes of all choices, from the log or from the workers, who start while the rest is looked up."""
        tasks: list[Task] = []
        for task in self._tasks(choices):
            tasks.append(task)
            self._workers()
        self.watch(self.progress)
        if not tasks:
            return
        for outcome in self._workers().run(tasks):
            self._add(outcome)
            self.watch(self.progress)

    def _tasks(self, choices: Iterable[Choice]) -> Iterator[Task]:
        out: set[str] = set()
        for choice in choices:
            identity, refused = self._identity(choice)
            self.ids[choice] = identity
            if identity in self.known:
                self.progress.stored += 1
                self.progress.count(self.known[identity])
            elif refused is not None:
                self._add(refused)
            elif identity in out:
                self.progress.total -= 1  # the same experiment as another point: it runs once
            else:
                out.add(identity)
                yield Task(identity, choice)

    def _identity(self, choice: Choice) -> tuple[str, Outcome | None]:
        """Id of a choice, with its outcome where not even its document can be composed."""
        try:
            tree = self._composer.tree(choice)
            return self._identify.of(tree, self._composer.text(tree)), None
        except SimsnnError as error:
            labels = json.dumps([self.plan.info(0).base_sha256, *self.plan.space.labels(choice)])
            identity = content_hash(labels)[:16]
            return identity, Outcome(identity, PointStatus.REFUSED, one_line(error))

    def _workers(self) -> Executor:
        if self._executor is None:
            worker = WorkerPlan(self.plan.base, self.plan.axes, str(self.folder.resolve()))
            options = self.options
            found = executor_of(options.executor, worker, options.worker_count, options.scheduler)
            self._executor = self._team.enter_context(found)
            self.progress.workers = found.workers
        return self._executor

    def _add(self, outcome: Outcome) -> None:
        self.log.add(outcome)
        self.known[outcome.id] = outcome
        self.progress.count(outcome)
        if time.monotonic() - self._written_s > WRITTEN_EVERY_S:
            self._write()
            self._written_s = time.monotonic()

    def _write(self) -> StoredSweep:
        total = len(self.points)
        found = [
            (point, self.known[self.ids[point.choice]])
            for point in self.points
            if self.ids.get(point.choice) in self.known
        ]
        return write_sweep(self.plan, self.folder, total, found)


def _nobody(_: SweepProgress) -> None:
    """Nobody watches."""


def _most_points(plan: SweepPlan) -> int:
    """Points that a sweep has; of a search the most that it may run."""
    if not isinstance(plan.config.sampling, GeneticSampling):
        return len(plan.points)
    repeats = math.prod(len(plan.axes[index]) for index in plan.space.seeds)
    return plan.config.sampling.points * repeats


def _genetic(sampling: GeneticSampling, plan: SweepPlan) -> GeneticSearch:
    try:
        from simsnn.sweep.search import GeneticSearch
    except ImportError:
        remedy = "pip install 'simsnn-accel[search]'"
        raise ConfigError("sampling nsga2 needs Optuna", value="nsga2", remedy=remedy) from None
    return GeneticSearch(sampling, plan.space, plan.objectives)
