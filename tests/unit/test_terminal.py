"""The terminal's tables say what the report says, fit the console, and mark what is synthetic."""

from __future__ import annotations

import io
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from simsnn.results.grouping import STALL_CAUSES, WORK_PARTS, Group, Grouping, at_most, group_tasks
from simsnn.results.prefix import mm2, percent, prefix_of, si
from simsnn.results.report import Report
from simsnn.results.terminal import EVERY_ROW, RunLine, fitting_groups, print_report, runs_table, stall_text
from tests.naive.reports import deep_layers, make_report

QUICK = make_report()
DEEP = make_report(deep_layers(60), name="deep")


def printed(report: Report, width: int = 100, lines: int | None = None) -> list[str]:
    console = Console(file=io.StringIO(), width=width, no_color=True, color_system=None)
    print_report(report, console, lines)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    return [line.rstrip() for line in text.splitlines()]


def value(text: str) -> float:
    """Read a number with an SI prefix back, without its unit."""
    scale = {"": 1, "p": 1e-12, "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9}
    number, prefix = re.fullmatch(r"([\d.]+) ?([pnumkMG]?)[A-Za-z]*", text).groups()  # type: ignore[union-attr]
    return float(number) * scale[prefix]


def energy_column(lines: list[str]) -> list[float]:
    return [value(match[0]) for line in lines for match in [re.search(r"[\d.]+ [pnum]?J", line)] if match]


@pytest.mark.parametrize("grouping", Grouping)
@pytest.mark.parametrize("report", [QUICK, make_report(groups=4), DEEP], ids=["quick", "groups", "deep"])
def test_every_grouping_adds_up(report: Report, grouping: Grouping) -> None:
    groups = group_tasks(report, grouping)
    whole = Group(report.tasks, "whole")
    assert sorted(id(task) for group in groups for task in group.tasks) == sorted(map(id, report.tasks))
    assert sum(group.cycles for group in groups) == sum(task.cycles for task in report.tasks)
    assert sum(group.energy_pj for group in groups) == pytest.approx(whole.energy_pj, rel=1e-12)
    for group in groups:
        parts = sum(map(group.part_cycles, WORK_PARTS)) + sum(map(group.stall_cycles, STALL_CAUSES))
        assert parts == pytest.approx(group.cycles, rel=1e-12)


def test_groupings_get_coarser() -> None:
    counts = [len(group_tasks(QUICK, grouping)) for grouping in (Grouping.PART, Grouping.PASS, Grouping.HOST_PASS)]
    assert counts == [22, 16, 12]
    assert [group.host for group in group_tasks(QUICK, Grouping.HOST)] == ["conv1", "conv2", "fc"]


def test_pools_join_the_weight_layer_before_them() -> None:
    first = group_tasks(QUICK, Grouping.HOST_PASS)[0]
    assert (first.host, first.layers, first.passes) == ("conv1", ("conv1", "pool1"), "F")
    assert first.parts == ("synapse", "neuron", "pool")


def test_what_binds_is_what_binds_most_cycles() -> None:
    short, long = QUICK.tasks[10], QUICK.tasks[3]
    pair = Group((short.model_copy(update={"binds": "dram"}), long), "x")
    assert short.cycles < long.cycles
    assert pair.binds == "compute"


@settings(max_examples=40, deadline=None)
@given(rows=st.integers(2, 120))
def test_fitting_groups_fit_and_lose_nothing(rows: int) -> None:
    for report in (QUICK, DEEP):
        _, groups = fitting_groups(report, rows)
        assert len(groups) <= rows
        assert sum(len(group.tasks) for group in groups) == len(report.tasks)


def test_at_most_keeps_the_largest() -> None:
    groups = group_tasks(QUICK, Grouping.PASS)
    kept, rest = at_most(groups, 4)
    assert rest is not None
    assert rest.host == "13 others"
    assert min(group.cycles for group in kept) >= max(
        group.cycles for group in groups if group not in kept and group.tasks[0] in rest.tasks
    )
    assert at_most(groups, 16) == (groups, None)


@pytest.mark.parametrize("width", [100, 80])
@pytest.mark.parametrize("report", [QUICK, DEEP], ids=["quick", "deep"])
def test_fits_the_screen(report: Report, width: int) -> None:
    lines = printed(report, width)
    assert len(lines) <= 24
    assert max(map(len, lines)) <= width


def test_a_tall_screen_gets_more_rows() -> None:
    console = Console(file=io.StringIO(), width=100, height=50, force_terminal=True, color_system=None)
    print_report(QUICK, console)
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert sum(bool(re.match(r"(conv|pool|fc)", line)) for line in lines) == 22
    assert len(lines) < 50


def test_a_narrow_console_still_holds_every_line() -> None:
    assert max(map(len, printed(QUICK, 44))) <= 44


@pytest.mark.parametrize(("columns", "wider"), [(None, True), ("80", False)])
def test_a_file_gets_wider_lines_than_the_smallest_screen(
    monkeypatch: pytest.MonkeyPatch, columns: str | None, wider: bool
) -> None:
    file = io.StringIO()
    monkeypatch.setattr("sys.stdout", file)
    if columns is None:
        monkeypatch.delenv("COLUMNS", raising=False)
    else:
        monkeypatch.setenv("COLUMNS", columns)
    print_report(QUICK, Console(file=file, no_color=True, color_system=None))
    assert (max(map(len, file.getvalue().splitlines())) > 80) == wider


def test_all_rows_when_no_limit_is_given() -> None:
    lines = printed(QUICK, 100, EVERY_ROW)
    parts = [line.split()[2] for line in lines if re.match(r"(conv|pool|fc)", line)]
    assert len(parts) == 22
    assert parts.count("synapse") == 8
    assert parts.count("loss") == 1


@pytest.mark.parametrize("lines", [24, EVERY_ROW])
@pytest.mark.parametrize("width", [100, 80])
def test_rows_add_up_to_the_totals(width: int, lines: int) -> None:
    text = printed(QUICK, width, lines)
    end = next(index for index, line in enumerate(text) if line.startswith("sum"))
    start = next(index for index, line in enumerate(text) if line.startswith("layer")) + 2
    energies = energy_column(text[start : end + 1])
    assert sum(energies[:-1]) == pytest.approx(energies[-1], rel=2e-3)
    assert energies[-1] == pytest.approx(QUICK.totals.total_energy_pj * 1e-12, rel=1e-3)
    cycles = [value(re.search(r"([\d.]+[kM]?)\s+<?\d+%\s+\d+%", line)[1]) for line in text[start : end - 1]]  # type: ignore[index]
    assert sum(cycles) == pytest.approx(sum(task.cycles for task in QUICK.tasks), rel=1e-3)


def test_totals_per_step_sample_and_epoch() -> None:
    text = printed(QUICK)
    rows = {line.split()[0]: line for line in text if re.match(r"(step|sample|epoch) ", line)}
    totals, steps = QUICK.totals, QUICK.totals.steps_per_epoch
    assert steps is not None
    for name, factor in (("step", 1.0), ("sample", 1 / 64), ("epoch", float(steps))):
        cycles, seconds, energy = re.findall(r"[\d.]+ ?[pnumkMG]?[sJ]?(?=\s)", rows[name].split(None, 1)[1] + " ")[:3]
        assert value(cycles) == pytest.approx(totals.total_cycles * factor, rel=1e-3)
        assert value(seconds) == pytest.approx(totals.time_ns * 1e-9 * factor, rel=1e-3)
        assert value(energy) == pytest.approx(totals.total_energy_pj * 1e-12 * factor, rel=1e-3)
    assert f"{totals.total_cycles:,} cycles" in rows["step"]


def test_no_epoch_without_a_dataset() -> None:
    assert not any(line.startswith("epoch") for line in printed(make_report(steps_per_epoch=None)))


def test_synthetic_activity_is_marked_and_recorded_is_not() -> None:
    report = make_report(synthetic=True)
    console = Console(file=io.StringIO(), width=100, force_terminal=True, color_system="standard")
    print_report(report, console)
    assert "\x1b[1;37;41m SYNTHETIC" in console.file.getvalue()  # type: ignore[attr-defined]
    assert any("SYNTHETIC" in line for line in printed(report, 80))
    assert not any("synthetic" in line.lower() for line in printed(QUICK))
    assert any("accuracy 96.9%" in line for line in printed(QUICK))


def test_warnings_and_approximations_are_listed() -> None:
    warning, note = "conv2 is silent: 0.0 % of its neurons fire", "trimmed folds counted as full"
    lines = printed(make_report(warnings=(warning,), approximations=(note, "other [b]note[/b]")))
    assert f"warning: {warning}" in lines
    assert f"approximation: {note}" in lines
    assert "approximation: other [b]note[/b]" in lines
    assert len([line for line in lines if re.match(r"(conv|fc)", line)]) == 12


def test_bounds_say_the_relation_that_holds() -> None:
    assert any(re.match(r"bounds: lower \S+ <= \S+ <= upper \S+; critical path \S+$", line) for line in printed(QUICK))
    raised = QUICK.totals.model_copy(update={"lower_bound_cycles": 10**9})
    wrong = QUICK.model_copy(update={"totals": raised, "level": "closed_form"})
    line = next(line for line in printed(wrong) if line.startswith("bounds"))
    assert re.match(r"bounds: lower 1\.000G > 211\.4k <= upper", line)
    assert line.endswith("closed_form leaves memory out")


def test_stalls_by_cause_largest_first() -> None:
    task = next(task for task in QUICK.tasks if task.part == "update" and task.layer == "conv2")
    assert task.cycles == 231
    assert stall_text(Group((task,), "conv2")) == "dram 31% dep 3%"
    calm = task.model_copy(update={"stalls": task.stalls.model_copy(update={"dram": 0, "dependency": 1})})
    assert stall_text(Group((calm,), "conv2")) == "<1%"
    none = task.model_copy(update={"stalls": task.stalls.model_copy(update={"dram": 0, "dependency": 0})})
    assert stall_text(Group((none,), "conv2")) == "-"


def test_runs_table() -> None:
    console = Console(file=io.StringIO(), width=80, no_color=True, color_system=None)
    rows = [RunLine(f"{index:016x}", f"run{index}", "event", 211436, 2.23e7, "2026-01-02 03:04") for index in range(3)]
    console.print(runs_table(rows))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert [line.split()[:2] for line in lines[2:]] == [[row.id, row.name] for row in rows]
    assert all(
        "event" in line and "211.4k" in line and "22.30 uJ" in line and "2026-01-02" in line for line in lines[2:]
    )
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    ("number", "unit", "text"),
    [
        (0, "", "0"),
        (9999, "", "9999"),
        (10_000, "", "10.00k"),
        (12_345_678, "", "12.35M"),
        (999_960, "", "1.000M"),
        (0, "J", "0 J"),
        (2.23e-5, "J", "22.30 uJ"),
        (9.9999e-10, "J", "1.000 nJ"),
        (4321.0, "s", "4321 s"),
        (54321.0, "s", "54320 s"),
        (1.5, "", "1.500"),
    ],
)
def test_si(number: float, unit: str, text: str) -> None:
    assert si(number, unit) == text


@settings(max_examples=200, deadline=None)
@given(st.floats(1e-14, 1e17), st.integers(3, 5))
def test_si_keeps_its_digits(number: float, digits: int) -> None:
    assert value_of(si(number, "J", digits)) == pytest.approx(number, rel=10.0 ** (1 - digits))
    assert 1 <= number / prefix_of(number).scale < 1000.0001


def value_of(text: str) -> float:
    number, unit = text.split()
    scale = dict(zip("fpnumkMGTP", (-15, -12, -9, -6, -3, 3, 6, 9, 12, 15), strict=True))
    return float(number) * 10.0 ** scale.get(unit.removesuffix("J"), 0)


def test_percent() -> None:
    assert [percent(share) for share in (0.0, 0.004, 0.31, 1.0, 1.24)] == ["0%", "<1%", "31%", "100%", "124%"]


@pytest.mark.parametrize(
    ("um2", "text"), [(100_565_553.0, "101 mm2"), (4_760_000.0, "4.76 mm2"), (1_504_400_000.0, "1,504 mm2")]
)
def test_areas_keep_three_digits_and_never_need_an_exponent(um2: float, text: str) -> None:
    assert mm2(um2) == text
