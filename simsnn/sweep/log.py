"""The log of a sweep: one SQLite file (write-ahead logging), one commit per point, keyed by the point's id.

Whatever ends the process, finished points stay; a point is in the log once or not at all. Only the process that leads
the sweep writes. Proof: ``tests/unit/test_sweep_log.py``, ``tests/integration/test_sweep_kill.py``.
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

from simsnn.errors import ConfigError
from simsnn.results.store import StorageError
from simsnn.results.sweep_table import PointMetrics, PointStatus

FORMAT = 1
_LOCK = ".lock"
_TABLE = """
create table if not exists points (
    id text primary key, status text not null, error text not null, metrics text, seconds real not null,
    worker text not null, detail text not null
) without rowid
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one experiment.

    Parameters
    ----------
    id : str
        The point's id.
    status : PointStatus
        Whether it ran.
    error : str
        One line; empty where it ran.
    metrics : PointMetrics or None
        Its numbers, where it ran.
    seconds : float
        Wall time.
    worker : str
        Who ran it.
    detail : str
        Where a failure came from.
    """

    id: str
    status: PointStatus
    error: str = ""
    metrics: PointMetrics | None = None
    seconds: float = 0.0
    worker: str = ""
    detail: str = ""


class SweepLog:
    """An open log.

    Raises
    ------
    ConfigError
        If the file is no log of this version.
    StorageError
        If it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._base = sqlite3.connect(path, isolation_level=None)
            self._base.execute("pragma journal_mode=wal")
            self._base.execute("pragma synchronous=normal")
            self._check_format()
            self._base.execute(_TABLE)
        except sqlite3.OperationalError as error:
            raise StorageError(f"cannot write {path}: {error}", value=str(path)) from None
        except sqlite3.DatabaseError as error:
            raise _not_a_log(path, str(error)) from None

    def _check_format(self) -> None:
        found = self._base.execute("pragma user_version").fetchone()[0]
        tables = self._base.execute("select count(*) from sqlite_master").fetchone()[0]
        if found != FORMAT and (found or tables):
            raise _not_a_log(self.path, f"format {found}, this version reads {FORMAT}")
        self._base.execute(f"pragma user_version={FORMAT}")

    def __enter__(self) -> SweepLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._base.close()

    def add(self, outcome: Outcome) -> None:
        """Log one point; one commit."""
        metrics = None if outcome.metrics is None else json.dumps(asdict(outcome.metrics))
        row = (outcome.id, outcome.status.value, outcome.error, metrics, outcome.seconds, outcome.worker)
        try:
            self._base.execute("insert or replace into points values (?, ?, ?, ?, ?, ?, ?)", (*row, outcome.detail))
        except sqlite3.OperationalError as error:
            raise StorageError(f"cannot write {self.path}: {error}", value=str(self.path)) from None

    def outcomes(self) -> dict[str, Outcome]:
        """Every logged point by id.

        Raises
        ------
        ConfigError
            If a row is not what this version writes.
        """
        try:
            rows = self._base.execute("select id, status, error, metrics, seconds, worker, detail from points")
            return {row[0]: _outcome(row) for row in rows}
        except (sqlite3.DatabaseError, ValueError, TypeError) as error:
            raise _not_a_log(self.path, str(error)) from None

    def forget(self, status: PointStatus) -> int:
        """Drop the rows of a status, so that they run again; returns how many."""
        return self._base.execute("delete from points where status = ?", (status.value,)).rowcount


def _outcome(row: tuple[str, str, str, str | None, float, str, str]) -> Outcome:
    identity, status, error, text, seconds, worker, detail = row
    values: Mapping[str, int | float | None] | None = None if text is None else json.loads(text)
    metrics = None if values is None else PointMetrics(**values)  # type: ignore[arg-type]
    return Outcome(identity, PointStatus(status), error, metrics, seconds, worker, detail)


def _not_a_log(path: Path, why: str) -> ConfigError:
    return ConfigError(f"{path} is not a log of sweep points: {why}", value=str(path), remedy="choose another -o DIR")


@contextmanager
def only_here(folder: Path) -> Iterator[None]:
    """Hold a folder, so that no second process writes the same sweep; the system lets go when the process ends.

    Raises
    ------
    ConfigError
        If another process holds it.
    """
    try:
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise StorageError(f"cannot write {folder}: {error.strerror}", value=str(folder)) from None
    try:
        _hold(descriptor, folder)
        yield
    finally:
        os.close(descriptor)


def _hold(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        remedy = "wait for it, or choose another -o DIR"
        raise ConfigError(f"another sweep is writing {folder}", value=str(folder), remedy=remedy) from None
