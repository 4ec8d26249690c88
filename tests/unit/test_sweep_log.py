"""The log: what is added is there, once; a foreign file is refused; a folder is held by one sweep."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from simsnn.errors import ConfigError
from simsnn.results.store import StorageError
from simsnn.results.sweep_table import PointStatus
from simsnn.sweep.log import Outcome, SweepLog, only_here
from tests.sweep_files import metrics

DONE = Outcome("a", PointStatus.OK, "", metrics(7, 0.1 + 0.2, 1 / 3), 0.25, "process-1")
STOPPED = Outcome("b", PointStatus.FAILED, "ValueError: x", None, 0.5, "process-2", "Traceback ...")


def test_what_is_added_comes_back_exactly(tmp_path: Path) -> None:
    with SweepLog(tmp_path / "log") as log:
        log.add(DONE)
        log.add(STOPPED)
        log.add(DONE)
    with SweepLog(tmp_path / "log") as log:
        assert log.outcomes() == {"a": DONE, "b": STOPPED}
        assert log.forget(PointStatus.FAILED) == 1
        assert log.outcomes() == {"a": DONE}


def test_a_commit_is_seen_by_others_at_once(tmp_path: Path) -> None:
    with SweepLog(tmp_path / "log") as log:
        log.add(DONE)
        with SweepLog(tmp_path / "log") as reader:
            assert reader.outcomes() == {"a": DONE}


@pytest.mark.parametrize("kind", ["text", "other", "newer", "row"])
def test_a_foreign_file_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "log"
    if kind == "text":
        path.write_text("no database at all, but long enough to be looked at as one" * 20)
    elif kind == "row":
        with SweepLog(path) as log:
            log.add(DONE)
        with sqlite3.connect(path) as base:
            base.execute("update points set metrics = '{\"a\": 1}'")
    else:
        with sqlite3.connect(path) as base:
            base.execute("create table things (x)" if kind == "other" else "pragma user_version=99")
    with pytest.raises(ConfigError, match="is not a log of sweep points"), SweepLog(path) as log:
        log.outcomes()


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot write"):
        SweepLog(tmp_path / "nowhere" / "log")
    with pytest.raises(StorageError, match="cannot write"), only_here(tmp_path / "nowhere"):
        pass


def test_one_sweep_at_a_time_holds_a_folder(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from simsnn.sweep.log import only_here\n"
        f"with only_here(Path({str(tmp_path)!r})): print('held')"
    )
    with only_here(tmp_path):
        other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert "another sweep is writing" in other.stderr
    again = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert again.stdout == "held\n"
