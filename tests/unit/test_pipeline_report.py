"""The pipeline section refuses what does not add up, and comes back from JSON as it was."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from pydantic import ValidationError

from simsnn.results.pipeline_report import PipelineReport
from simsnn.results.report import Report
from tests.naive.pipeline_reports import GPIPE, PIPEDREAM, SPIKEPIPE, Made, make_pipeline
from tests.naive.reports import make_report

SECTION = make_pipeline(SPIKEPIPE)
Content = dict[str, Any]


@pytest.mark.parametrize("made", [PIPEDREAM, GPIPE, SPIKEPIPE], ids=lambda made: made.schedule)
def test_a_report_with_the_section_comes_back_from_json(made: Made) -> None:
    report = make_report().model_copy(update={"pipeline": make_pipeline(made)})
    again = Report.from_json(report.to_json())
    assert again == report
    assert again.to_json() == report.to_json()


def test_a_report_without_the_section_is_what_it_was() -> None:
    text = make_report().to_json()
    assert Report.from_json(text.replace(' "pipeline": null,\n', "")) == make_report()


def test_periods_are_exact() -> None:
    assert SECTION.period == Fraction(238_600)
    assert SECTION.iteration_cycles == 238_600
    kept = SECTION.candidates[0].model_copy(update={"period_cycles": 7, "period_iterations": 3})
    assert kept.iteration_cycles == Fraction(7, 3)
    assert SECTION.candidates[1].iteration_cycles is None


def changed(change: Callable[[Content], object]) -> None:
    content = SECTION.model_dump(mode="json", by_alias=True)
    change(content)
    PipelineReport.model_validate(content)


def put(*path: str | int, value: object) -> Callable[[Content], None]:
    def change(content: Any) -> None:
        for key in path[:-1]:
            content = content[key]
        content[path[-1]] = value

    return change


def test_an_unchanged_section_is_accepted() -> None:
    changed(lambda content: content)


def test_utilisation_is_of_dense_work_so_engines_that_skip_zeros_exceed_one() -> None:
    changed(put("processors", 0, "utilisation", value=1.3))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("processors", 0, "busy_share", value=1.2), "less than or equal to 1"),
        (put("processors", 0, "utilisation", value=-0.1), "greater than or equal to 0"),
        (put("processors", 1, "busy_share", value=0.5), "core1.busy_share is 0.5"),
        (put("processors", 1, "bubble_cycles", value=SECTION.makespan_cycles), "busy and bubbles are"),
        (put("processors", 2, "memory_bytes", value=1000), "its memory holds"),
        (put("processors", 2, "name", value="core0"), "names of their own"),
        (put("links", 0, "busy_share", value=0.99), "busy_share is 0.99"),
        (put("processor_count", value=3), "3 processors with names of their own"),
        (put("candidates", 0, "kept", value=False), "0 candidates are kept"),
        (put("candidates", 1, "kept", value=True), "2 candidates are kept"),
        (put("candidates", 0, "makespan_cycles", value=5), "not those of the report"),
        (put("program", value="other"), "the report is of 'other'"),
        (put("period_iterations", value=None), "both given or both null"),
        (put("distance", value=1.0), "distance is 1.0"),
        (put("step_cycles", value=1.0), "step_cycles is 1.0"),
        (put("bounds", "lower_cycles", value=1.0), "the largest of the three bounds"),
        (put("overhead", "share", value=0.5), "overhead.share is 0.5"),
        (put("layers", 0, "update", value="core9"), "unknown processors or layers: \\['core9'\\]"),
        (put("jobs", 0, "layer", value="conv99"), "unknown processors or layers: \\['conv99'\\]"),
        (put("jobs", 0, "end_cycle", value=10**9), "cycles 0..1000000000"),
        (put("jobs", 0, "iteration", value=48), "iteration 48, micro-batch 0 of 48 and 1"),
        (put("jobs", 0, "pass", value="R"), "Input should be 'F', 'B', 'W' or 'U'"),
        (put("weights", value="old"), "Input should be 'stashed' or 'latest'"),
        (put("colour", value="red"), "unknown key"),
    ],
)
def test_what_does_not_add_up_is_refused(change: Callable[[Content], None], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        changed(change)


def test_overhead_may_exceed_what_it_is_held_against() -> None:
    """The definition may leave the extra bytes out of the total: a network of linear layers at batch 1."""
    changed(put("overhead", value={"definition": "x", "extra_bytes": 30, "total_bytes": 10, "share": 3.0}))
