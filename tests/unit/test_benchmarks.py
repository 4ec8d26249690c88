"""Benchmarks: ids, goals, the shape of ``latest.json``; no figure is asserted."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import benchmarks.__main__ as program
from benchmarks import registered
from benchmarks.bench_closed_form import closed_form_vgg16
from benchmarks.child import run_child
from benchmarks.goals import Direction, Goal, read_goals
from benchmarks.measurement import Measurement, NotMeasured, Yardstick
from benchmarks.outcome import Outcome, write_latest
from benchmarks.product import chunked_product

GOAL = Goal(goal=2.0, unit="s", direction=Direction.LOWER, what="a thing")


def test_every_benchmark_has_a_goal_and_every_goal_a_benchmark() -> None:
    assert tuple(read_goals()) == tuple(registered.BENCHMARKS)
    assert len(registered.BENCHMARKS) == 30


@pytest.mark.parametrize(
    ("direction", "value", "met"),
    [
        (Direction.LOWER, 1.9, True),
        (Direction.LOWER, 2.0, False),
        (Direction.HIGHER, 2.0, True),
        (Direction.HIGHER, 1.9, False),
        (Direction.LOWER, None, False),
        (Direction.HIGHER, None, False),
    ],
)
def test_goal_is_met_on_its_side(direction: Direction, value: float | None, met: bool) -> None:
    assert GOAL.model_copy(update={"direction": direction}).met(value) is met


def test_latest_json_has_the_contracted_keys(tmp_path: Path) -> None:
    measured = Measurement(1.0, Yardstick("other", 4.0), "small")
    path = tmp_path / "latest.json"
    write_latest(
        [Outcome("a", GOAL, measured, 0.5), Outcome("b", GOAL, Measurement(None, note="no network"), 3.0)], path
    )
    first, second = json.loads(path.read_text())
    contracted = {"id": "a", "value": 1.0, "unit": "s", "goal": 2.0, "direction": "lower", "met": True}
    assert {key: first[key] for key in contracted} == contracted
    assert (first["yardstick"], first["yardstick_value"], first["ratio"]) == ("other", 4.0, 0.25)
    assert (second["value"], second["met"], second["ratio"], second["note"]) == (None, False, None, "no network")
    assert (first["load_average"], second["load_average"]) == (0.5, 3.0)
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_measured_is_a_miss_and_no_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def unreachable() -> Measurement:
        raise NotMeasured("the package index is unreachable")

    monkeypatch.setitem(registered.BENCHMARKS, "scalesim_ratio", unreachable)
    assert program.main(["scalesim_ratio"]) == 0
    printed = capsys.readouterr().out
    assert "unreachable" in printed
    assert "0 of 1 goals met" in printed


def test_unknown_id_is_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["nothing"]) == 2
    assert "closed_form_vgg16" in capsys.readouterr().err


def test_peak_memory_is_that_of_the_command_and_not_of_this_process() -> None:
    small = run_child((sys.executable, "-c", "pass"))
    large = run_child((sys.executable, "-c", "x = b'1' * 100_000_000"))
    assert small.peak_bytes < 60e6
    assert 90e6 < large.peak_bytes - small.peak_bytes < 110e6


def test_a_failing_command_is_not_measured_and_says_why() -> None:
    with pytest.raises(NotMeasured, match="ended with 3: error: no such thing"):
        run_child((sys.executable, "-c", "import sys; print('error: no such thing', file=sys.stderr); sys.exit(3)"))


def test_a_missing_command_is_not_measured() -> None:
    with pytest.raises(NotMeasured, match="FileNotFoundError"):
        run_child(("/nowhere/simsnn",))


def test_closed_form_benchmark_measures_sixteen_layers() -> None:
    measurement = closed_form_vgg16()
    assert measurement.value is not None
    assert measurement.note.startswith("16 layers x 3 dataflows on 32 x 32")


def test_chunked_product_has_the_chunks_that_were_asked_for() -> None:
    plan = chunked_product(50, 32)
    assert plan.chunk_count == 50
    assert {plan.issues(chunk) for chunk in range(50)} == {32}
