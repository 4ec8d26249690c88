"""``simulation.epoch_samples``: the epoch in the report is that of the run simulated in full."""

from __future__ import annotations

from functools import cache

import pytest
from rich.console import Console

from simsnn.activities import resolve_activity
from simsnn.pipeline_run import run_pipeline
from simsnn.results.pipeline_table import pipeline_lines
from simsnn.results.report import Report
from tests.pipelines import CHAIN, prepared

BATCH = 4


def report(kind: str, iterations: int, *more: str, count: int = 2) -> Report:
    """A run of the chain."""
    run = prepared(CHAIN, "crossbar", kind, *more, count=count, iterations=iterations)
    return run_pipeline(run, resolve_activity(run.experiment, run.network, None)).report


@cache
def simulated(kind: str, iterations: int) -> int:
    """Makespan of a run simulated in full."""
    found = report(kind, iterations).pipeline
    assert found is not None
    return found.makespan_cycles


@pytest.mark.parametrize("kind", ["sequential", "gpipe", "one_f_one_b", "pipedream"])
def test_an_epoch_is_the_run_of_all_its_iterations(kind: str) -> None:
    found = report(kind, 24, f"simulation.epoch_samples={60 * BATCH - 1}").pipeline
    assert found is not None
    epoch = found.epoch
    assert epoch is not None
    assert (epoch.samples, epoch.iterations) == (60 * BATCH - 1, 60)
    assert 24 <= epoch.simulated_iterations < 60
    assert epoch.cycles == simulated(kind, 60)
    assert epoch.time_ns == pytest.approx(2 * epoch.cycles)  # 500 MHz
    assert found.iterations == 24
    assert found.makespan_cycles == simulated(kind, 24)


def test_an_epoch_shorter_than_the_run_is_simulated() -> None:
    found = report("one_f_one_b", 12, f"simulation.epoch_samples={3 * BATCH}").pipeline
    assert found is not None
    assert found.epoch is not None
    assert (found.epoch.iterations, found.epoch.simulated_iterations, found.epoch.proven) == (3, 3, True)
    assert found.epoch.cycles == simulated("one_f_one_b", 3)


def test_without_a_steady_state_a_note_says_how_much_more_to_simulate() -> None:
    found = report("one_f_one_b", 2, "simulation.epoch_samples=4000")
    assert found.pipeline is not None
    assert found.pipeline.epoch is None
    (note,) = (text for text in found.approximations if text.startswith("no epoch"))
    wanted = int(note.rsplit("schedule.iterations=", 1)[1])
    assert wanted > 2
    longer = report("one_f_one_b", wanted, "simulation.epoch_samples=4000").pipeline
    assert longer is not None
    assert longer.epoch is not None


def test_the_terminal_has_a_line_for_it() -> None:
    asked, silent = report("one_f_one_b", 12, "simulation.epoch_samples=50000").pipeline, report("one_f_one_b", 12)
    assert asked is not None
    assert asked.epoch is not None
    assert silent.pipeline is not None
    assert silent.pipeline.epoch is None
    shown = []
    for section in (asked, silent.pipeline):
        console = Console(width=200, record=True, file=None, quiet=False)
        with console.capture() as capture:
            for line in pipeline_lines(section):
                console.print(line)
        shown.append(capture.get())
    assert f"epoch: 50,000 samples, 12,500 iterations: {asked.epoch.cycles:,} cycles" in shown[0]
    assert "epoch" not in shown[1]
