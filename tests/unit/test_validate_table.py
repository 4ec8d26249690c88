"""The table of a validation: a line per machine, every setting that differs, all of them where asked for."""

from __future__ import annotations

import io

from rich.console import Console

from simsnn.commands.validate import print_validation
from simsnn.validation.outcome import Outcome, Row

OUTCOME = Outcome(
    (
        Row("lut_forward", "single tables", "reference", 300, 0, 0),
        Row("lut_forward", "double tables", "reference", 300, 2, 5),
        Row("systolic", "ws scalesim", "scalesim", 94, 0, 0),
    )
)


def printed(*, every: bool) -> list[str]:
    console = Console(file=io.StringIO(), width=100, no_color=True, color_system=None)
    print_validation(OUTCOME, console, every=every)
    return [" ".join(line.split()) for line in console.file.getvalue().splitlines()]  # type: ignore[attr-defined]


def test_machines_are_summed_up_and_what_differs_is_named() -> None:
    lines = printed(every=False)
    assert "lut_forward reference 2 600 2" in lines
    assert "systolic scalesim 1 94 0" in lines
    assert "lut_forward double tables, against reference: 300 cases, 2 mismatches" in lines
    assert not any("single tables" in line for line in lines)
    assert lines[-1] == "694 cases, 2 mismatches"


def test_every_setting_is_listed_where_asked_for() -> None:
    named = [line for line in printed(every=True) if ", against " in line]
    assert len(named) == len(OUTCOME.rows)
