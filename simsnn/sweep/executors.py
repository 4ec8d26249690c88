"""Who evaluates the points: this process, or several beside it.

Workers of the process executor are started anew (not forked), with one thread each for Numba and BLAS. Every one has
one point at a time, so that a kill loses at most one point per worker; a worker that dies makes its point a failed row
and is replaced; workers end with the process that leads them, however that ends. A pool of the standard library could
not say which point a dead worker had. Proof: ``tests/integration/test_sweep_executors.py``.
"""

from __future__ import annotations

import gc
import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Protocol, Self

from simsnn.errors import ConfigError
from simsnn.results.sweep_table import PointStatus
from simsnn.sweep.log import Outcome
from simsnn.sweep.worker import PINNED, PointWorker, Task, WorkerPlan

_READY = "ready"
EXECUTORS = ("serial", "processes", "dask")


class Executor(Protocol):
    """Evaluates tasks, each once, in any order; used as a context."""

    workers: int

    def __enter__(self) -> Self:
        """Start."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End everything that was started."""

    def run(self, tasks: Iterable[Task]) -> Iterator[Outcome]:
        """Outcomes as they come."""


class SerialExecutor:
    """Evaluates in this process, in order."""

    def __init__(self, plan: WorkerPlan) -> None:
        self.workers = 1
        self._plan = plan

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing was started."""

    def run(self, tasks: Iterable[Task]) -> Iterator[Outcome]:
        """Outcomes in the order of the tasks."""
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

        worker = PointWorker(self._plan, "serial")
        with threadpool_limits(1), _quiet():
            yield from map(worker.run, tasks)


class ProcessExecutor:
    """Evaluates in processes of this machine.

    Parameters
    ----------
    plan : WorkerPlan
        The sweep.
    workers : int
        How many.
    """

    def __init__(self, plan: WorkerPlan, workers: int) -> None:
        self.workers = workers
        self._plan = plan
        self._team: list[_Member] = []
        self._started = 0

    def __enter__(self) -> Self:
        for _ in range(self.workers):
            self._team.append(self._member())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for member in self._team:
            member.end(at_once=kind is not None)
        self._team.clear()

    def run(self, tasks: Iterable[Task]) -> Iterator[Outcome]:
        """Outcomes as they come.

        Raises
        ------
        ConfigError
            If workers cannot even start.
        """
        waiting = iter(tasks)
        task = next(waiting, None)
        while task is not None or any(member.task is not None for member in self._team):
            for member in self._team:
                if task is not None and member.free:
                    member.give(task)
                    task = next(waiting, None)
            expected = {member.connection: member for member in self._team if not member.free}
            for connection in wait(list(expected)):
                member = expected[connection]  # type: ignore[index]
                outcome = member.take()
                if outcome is not None:
                    yield outcome
                if member.ended:
                    self._team[self._team.index(member)] = self._member()

    def _member(self) -> _Member:
        self._started += 1
        return _Member(self._plan, f"process-{self._started}")


class _Member:
    """One worker process, and the task that it has."""

    def __init__(self, plan: WorkerPlan, name: str) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.task: Task | None = None
        self.ready = self.ended = False
        self._process = context.Process(target=_serve, args=(plan, name, theirs), name=f"simsnn-{name}", daemon=True)
        with _environment(PINNED):
            self._process.start()
        theirs.close()

    @property
    def free(self) -> bool:
        """Whether it waits for a task."""
        return self.ready and self.task is None and not self.ended

    def give(self, task: Task) -> None:
        """Hand it a task; one that has died meanwhile is noticed when its answer is taken."""
        self.task = task
        with suppress(BrokenPipeError):
            self.connection.send(task)

    def take(self) -> Outcome | None:
        """Its answer; None while it only reports that it is there."""
        try:
            answer = self.connection.recv()
        except (EOFError, ConnectionResetError):
            return self._died()
        if not self.ready:
            self.ready = True
            return None
        self.task = None
        assert isinstance(answer, Outcome)
        return answer

    def _died(self) -> Outcome | None:
        self.ended = True
        self._process.join()
        code = self._process.exitcode or 0
        why = f"signal {-code} ({signal.Signals(-code).name})" if code < 0 else f"exit code {code}"
        if not self.ready:
            remedy = "a script that sweeps with processes needs `if __name__ == '__main__':`, or executor='serial'"
            raise ConfigError(f"a worker process ended with {why} before its first point", remedy=remedy)
        task, self.task = self.task, None
        if task is None:
            return None
        error = f"the worker process ended with {why}" + (": out of memory?" if code == -signal.SIGKILL else "")
        return Outcome(task.id, PointStatus.FAILED, error, None, 0.0, self._process.name)

    def end(self, at_once: bool) -> None:
        """End it: when it next asks for a task, or in the middle of one."""
        self.connection.close()
        if at_once:
            self._process.terminate()
        self._process.join(timeout=5)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def _serve(plan: WorkerPlan, name: str, connection: Connection) -> None:
    """Life of a worker process: tasks in, outcomes out, until the other side closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the leading process decides what an interrupt ends
    gc.disable()  # the worker collects now and then
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with _quiet(), suppress(EOFError, BrokenPipeError, ConnectionResetError):
        worker = PointWorker(plan, name)
        connection.send(_READY)
        while True:
            connection.send(worker.run(connection.recv()))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None  # workers are children
    wait([parent.sentinel])
    os._exit(1)


def executor_of(kind: str, plan: WorkerPlan, workers: int, scheduler: str | None) -> Executor:
    """Executor by name, one of ``EXECUTORS``.

    Raises
    ------
    ConfigError
        If what it needs is not installed.
    """
    if kind == "serial":
        return SerialExecutor(plan)
    if kind == "processes":
        return ProcessExecutor(plan, workers)
    try:
        from simsnn.sweep.dask_executor import DaskExecutor
    except ImportError:
        remedy = "pip install 'simsnn-accel[cluster]'"
        raise ConfigError("the executor dask needs Dask", value="dask", remedy=remedy) from None
    return DaskExecutor(plan, workers, scheduler)


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for processes that are started meanwhile."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _quiet() -> Iterator[None]:
    """No log line per point: what a reader must know of all points is said once, by the sweep."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
