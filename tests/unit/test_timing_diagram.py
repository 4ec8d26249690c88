"""A timing diagram shows every edge of the register-level twin once, in the state the trace says."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest
from matplotlib.patches import Rectangle

from simsnn.viz.timing_diagram import STATE_COLOURS, Lane, timing_figure

SCRIPT = Path(__file__).resolve().parents[2] / "docs" / "draw_timing.py"


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(SCRIPT))


def test_runs_of_equal_edges_are_joined_and_cover_the_lane() -> None:
    lane = Lane("unit", ("idle", "works", "works", "works", "idle"), ("", "a", "a", "b", ""))
    assert lane.runs() == ((0, 1, "idle", ""), (1, 2, "works", "a"), (3, 1, "works", "b"), (4, 1, "idle", ""))


def test_bars_start_and_end_at_their_edges() -> None:
    lane = Lane("unit", ("works",) * 3 + ("idle",) * 2, ("",) * 5)
    axes = timing_figure("title", "subtitle", (lane,)).axes[0]
    bars = [(p.get_x(), p.get_width()) for p in axes.patches if isinstance(p, Rectangle)]
    assert bars == [(0, 3), (3, 2)]


def test_lut_lanes_say_what_the_twin_did(script: dict[str, Any]) -> None:
    run = script["forward_run"]()
    builder, issue, accumulate = script["lut_lanes"](run)
    assert {len(lane.states) for lane in (builder, issue, accumulate)} == {run.cycles}
    stream = int(run.parts[1])
    assert issue.states.count("works") == accumulate.states.count("works") == stream
    assert "operands late" in builder.states
    assert "skips zeros" in issue.states
    assert set(builder.states) | set(issue.states) <= set(STATE_COLOURS)


def test_an_update_waits_for_its_drain_chain(script: dict[str, Any]) -> None:
    run = script["update_run"]()
    *_, issue, _, drain = script["lut_lanes"](run, drains=True)
    assert drain.states.count("works") == run.counts.drained_words  # one word per edge
    assert "waits for a drain" in issue.states


def test_dual_sparse_lanes_issue_as_often_as_the_twin(script: dict[str, Any]) -> None:
    run = script["backward_run"]()
    lanes = script["dual_sparse_lanes"](run)
    assert len(lanes) == 6
    issued = sum(lane.states.count("works") + lane.states.count("bank conflict") for lane in lanes[1::2])
    assert issued == int(run.parts[1])


def test_the_pages_figures_can_be_drawn(script: dict[str, Any], tmp_path: Path) -> None:
    names = {path.name for path in script["draw"](tmp_path)}
    assert names == {"lut_forward_timing.png", "lut_update_timing.png", "dual_sparse_timing.png"}
    assert all((SCRIPT.parent / "figures" / name).is_file() for name in names)
