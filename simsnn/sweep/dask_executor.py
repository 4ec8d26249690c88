"""Points on a Dask cluster: one started here for the sweep, or one that runs already (docs/sweeps.md, SLURM).

The sweep's folder must be one that all workers see: activity is shared through it. Proof:
``tests/integration/test_sweep_executors.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Self

import dask
from distributed import Client, LocalCluster, WorkerPlugin, as_completed, get_worker

from simsnn.errors import ConfigError
from simsnn.results.sweep_table import PointStatus
from simsnn.sweep.log import Outcome
from simsnn.sweep.worker import PINNED, PointWorker, Task, WorkerPlan

WAIT_FOR_WORKERS_S, CONNECT_S = 60, 15
_PLUGIN = "simsnn-sweep"


class DaskExecutor:
    """Evaluates on a Dask cluster, one point per worker at a time.

    Parameters
    ----------
    plan : WorkerPlan
        The sweep.
    workers : int
        Workers of a cluster started here.
    scheduler : str or None
        Address of a running cluster (``tcp://host:port``).
    """

    def __init__(self, plan: WorkerPlan, workers: int, scheduler: str | None = None) -> None:
        self.workers = workers
        self._plan = plan
        self._scheduler = scheduler
        self._cluster: Any = None
        self._client: Any = None

    def __enter__(self) -> Self:
        if self._scheduler is None:
            pinned = {f"distributed.nanny.pre-spawn-environ.{name}": value for name, value in PINNED.items()}
            with dask.config.set(pinned):
                self._cluster = LocalCluster(
                    n_workers=self.workers,
                    threads_per_worker=1,
                    processes=True,
                    host="127.0.0.1",
                    dashboard_address="127.0.0.1:0",
                    silence_logs="ERROR",
                )
        try:
            address = self._cluster if self._scheduler is None else self._scheduler
            self._client = Client(address, timeout=CONNECT_S, set_as_default=False)
            self._client.wait_for_workers(1, timeout=WAIT_FOR_WORKERS_S)
            self._client.register_plugin(_SweepPlugin(self._plan), name=_PLUGIN)
        except (OSError, TimeoutError, ValueError) as error:
            self._close()
            message = f"no Dask cluster with workers at {self._scheduler or 'this machine'}: {error}"
            remedy = "start one with `dask scheduler` and `dask worker`, or leave --scheduler out"
            raise ConfigError(message, value=self._scheduler, remedy=remedy) from None
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def _close(self) -> None:
        if self._client is not None:
            self._client.close()
        if self._cluster is not None:
            self._cluster.close()

    def run(self, tasks: Iterable[Task]) -> Iterator[Outcome]:
        """Outcomes as they come; as many points are out as there are workers."""
        waiting = iter(tasks)
        out: dict[str, Task] = {}
        running = as_completed(loop=self._client.loop)
        task = next(waiting, None)
        while task is not None or out:
            while task is not None and len(out) < self._slots():
                future = self._client.submit(_evaluate, task, key=f"simsnn-{task.id}", pure=False)
                out[future.key] = task
                running.add(future)
                task = next(waiting, None)
            future = next(running)
            yield _outcome(future, out.pop(future.key))

    def _slots(self) -> int:
        """Points that may be out: one per worker that is there now."""
        return max(1, len(self._client.scheduler_info(n_workers=-1)["workers"]))


def _outcome(future: Any, task: Task) -> Outcome:
    error = future.exception()
    if error is None:
        outcome: Outcome = future.result()
        return outcome
    text = " ".join(f"{type(error).__name__}: {error}".split())[:400]
    return Outcome(task.id, PointStatus.FAILED, f"the Dask worker failed: {text}")


class _SweepPlugin(WorkerPlugin):
    """Keeps one worker of the sweep on every Dask worker."""

    def __init__(self, plan: WorkerPlan) -> None:
        self.name = _PLUGIN
        self.plan = plan

    def setup(self, worker: Any) -> None:
        """Called by Dask on every worker, also on those that join later."""
        self.worker = PointWorker(self.plan, f"dask-{worker.name}")

    def teardown(self, worker: Any) -> None:
        """Nothing to end."""


def _evaluate(task: Task) -> Outcome:
    plugin: _SweepPlugin = get_worker().plugins[_PLUGIN]
    return plugin.worker.run(task)
