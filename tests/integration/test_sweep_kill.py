"""kill -9 in mid-sweep, twenty times: no row lost, none doubled, no worker left behind.

Every sweep is a process of its own, forked from one that has run a sweep: imports are what a start costs most.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from simsnn.results.sweep_store import LOG, POINTS
from simsnn.sweep.runner import SweepOptions, run_sweep
from tests.sweep_files import plan_of, sweep_file

KILLS, POINTS_IN_ALL = 20, 900
AXES = """\
axes:
  - {name: rows, path: hardware.arrays.0.rows, range: [20, 49]}
  - {name: columns, path: hardware.arrays.0.columns, range: [20, 49]}
"""
NURSERY = """
import contextlib, os, sys
from simsnn.cli import main
with contextlib.redirect_stdout(sys.stderr):
    main(sys.argv[1:])  # imports, and kernels from their cache
for line in sys.stdin:
    pid = os.fork()
    if pid == 0:
        os._exit(main(line.split()))
    print(pid, flush=True)
    os.waitpid(pid, 0)
    print("ended", flush=True)
"""


def logged(folder: Path) -> dict[str, str]:
    """Id and metrics of every row of the log."""
    if not (folder / LOG).exists():
        return {}
    with sqlite3.connect(f"file:{folder / LOG}?mode=ro", uri=True) as base:
        try:
            rows = base.execute("select id, metrics from points").fetchall()
        except sqlite3.OperationalError:  # the table is not there yet
            return {}
    assert len({identity for identity, _ in rows}) == len(rows)
    return dict(rows)


def children(pid: int) -> list[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in path.read_text().split()] if path.exists() else []


def words(path: Path, folder: Path, executor: str) -> list[str]:
    """A sweep on the command line."""
    return ["sweep", str(path), "-o", str(folder), "--executor", executor, "--workers", "2", "--no-figures"]


def wait_for_more(pid: int, folder: Path, before: int) -> None:
    deadline = time.monotonic() + 120
    while len(logged(folder)) <= before:
        assert not zombie(pid), "the sweep ended before it could be killed: give it more points"
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_twenty_kills_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    path, folder = sweep_file(tmp_path, AXES), tmp_path / "out"
    first = words(sweep_file(tmp_path / "first"), tmp_path / "first" / "out", "serial")
    nursery = subprocess.Popen(
        [sys.executable, "-c", NURSERY, *first],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert nursery.stdin
    assert nursery.stdout
    known: dict[str, str] = {}
    for kill in range(KILLS):
        nursery.stdin.write(" ".join([*words(path, folder, "serial" if kill % 7 else "processes"), "-q"]) + "\n")
        nursery.stdin.flush()
        pid = int(nursery.stdout.readline())
        wait_for_more(pid, folder, len(known))
        workers = children(pid)
        os.kill(pid, signal.SIGKILL)
        assert nursery.stdout.readline() == "ended\n"
        found = logged(folder)
        assert known.items() <= found.items(), "a kill changed or lost a finished row"
        known = found
        deadline = time.monotonic() + 20
        while not all(map(zombie, workers)):
            assert time.monotonic() < deadline, "a worker outlived its sweep"
            time.sleep(0.01)
    nursery.communicate()
    assert len(known) < POINTS_IN_ALL, "the sweep was over before the last kill"
    plan = plan_of(tmp_path, AXES)
    resumed = run_sweep(plan, folder, SweepOptions("serial"))
    assert len(resumed.table.rows) == POINTS_IN_ALL
    assert logged(folder).items() >= known.items()
    run_sweep(plan, tmp_path / "fresh", SweepOptions("serial"))
    assert (folder / POINTS).read_bytes() == (tmp_path / "fresh" / POINTS).read_bytes()


def zombie(pid: int) -> bool:
    """Whether a process has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


@pytest.mark.parametrize("executor", ["serial", "processes"])
def test_an_interrupt_says_how_to_go_on(tmp_path: Path, executor: str) -> None:
    path, folder = sweep_file(tmp_path, AXES), tmp_path / "out"
    code = "from simsnn.cli import main; raise SystemExit(main())"
    process = subprocess.Popen(
        [sys.executable, "-c", code, *words(path, folder, executor)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for_more(process.pid, folder, 0)
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert "the same command goes on" in err
    assert "Traceback" not in err
    assert 1 < len((folder / POINTS).read_text().splitlines()) < POINTS_IN_ALL + 1
