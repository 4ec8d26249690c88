"""A report on the terminal, in under a screen: rows per layer and pass, totals, bounds, warnings.

Rows are put together, step by step, until they fit: by layer, pass and part; by layer and pass;
layers without weights into the weight layer before them; all passes of a weight layer; the
largest of those. Whatever the step, cycles and energy of the rows add up to those of the report.
Shares are of the step's cycles, so where engines overlap they add up to more than 100 %.
Proof: ``tests/unit/test_terminal.py``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from simsnn.results.engine_table import CAUSES, engine_notes, engine_table, shows_engines
from simsnn.results.gpu_table import gpu_lines
from simsnn.results.grouping import STALL_CAUSES, Group, Grouping, at_most, group_tasks
from simsnn.results.memory_table import memory_lines
from simsnn.results.parallel_table import parallel_lines
from simsnn.results.pipeline_table import period_words, pipeline_lines
from simsnn.results.prefix import count, mm2, percent, si
from simsnn.results.report import Report

SCREEN_LINES = 24
"""Lines of the smallest screen, and of the text when it does not go to a screen."""

EVERY_ROW = 10**9
"""More lines than any report has."""

PAGE_COLUMNS = 120
"""Characters of a line where standard output is a file or a pipe."""

_FEWEST_ROWS = 12
_TABLE_FRAME = 4
"""Lines of the table besides its rows: heading, rule, leakage, sum."""

_RELEVANT = 0.01
_PJ = 1e-12


@dataclass(frozen=True, slots=True)
class RunLine:
    """One stored run in a list.

    Parameters
    ----------
    id, name, level : str
        As in its report.
    cycles : int
        Total cycles of the step.
    energy_pj : float
        Total energy in pJ.
    date : str
        When it finished, as it is to be shown.
    """

    id: str
    name: str
    level: str
    cycles: int
    energy_pj: float
    date: str


def print_report(report: Report, console: Console, lines: int | None = None) -> None:
    """Print a report.

    Parameters
    ----------
    report : Report
        A run's result.
    console : Console
        Where; nothing is wider than it.
    lines : int or None
        Lines that the whole may take; more only where warnings and approximations leave less than
        twelve rows. None takes the height of the screen, ``EVERY_ROW`` prints every row.
    """
    widen(console)
    if lines is None:
        lines = max(SCREEN_LINES, console.height - 1) if console.is_terminal else SCREEN_LINES
    above, below = header(report), footer(report, lines >= EVERY_ROW)
    taken = sum(len(console.render_lines(part, pad=False)) for part in (*above, *below))
    rows = max(_FEWEST_ROWS, lines - taken - _TABLE_FRAME)
    for part in (*above, layer_table(report, rows), *below):
        console.print(part)


def widen(console: Console) -> None:
    """Give standard output that is no terminal at least ``PAGE_COLUMNS``, unless ``COLUMNS`` says how wide it is."""
    if console.file is sys.stdout and not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = max(console.width, PAGE_COLUMNS)


def header(report: Report) -> tuple[Text, ...]:
    """Name, id, level, machine; activity, loudly where synthetic; warnings."""
    totals = report.totals
    area = f", {mm2(totals.area_um2)}" if totals.area_um2 is not None else ""
    machine = f"{si(report.clock_hz, 'Hz', 3)}{area}, arrays {percent(totals.utilisation)} used"
    first = Text.assemble((report.name, "bold"), f"  {report.id}  level {report.level}  {machine}")
    rates = [rate for name, rate in report.activity.rates.items() if name.endswith(".output")]
    spread = f"  firing rates {min(rates) * 100:.1f}..{max(rates) * 100:.1f}%" if rates else ""
    second = Text(f"activity: {report.activity.kind}")
    if report.activity.synthetic:
        second.append("  ")
        second.append(" SYNTHETIC ", "bold white on red")
        second.append(" not recorded in training")
    if report.activity.accuracy is not None:
        second.append(f"  accuracy {report.activity.accuracy * 100:.1f}%")
    second.append(spread)
    warnings = (Text(f"warning: {warning}", "yellow") for warning in report.activity.warnings)
    return (first, second, *warnings)


def layer_table(report: Report, rows: int) -> Table:
    """Rows per layer and pass, leakage, sum.

    Parameters
    ----------
    report : Report
        A run's result.
    rows : int
        Most rows besides leakage and sum, at least 2.
    """
    grouping, groups = fitting_groups(report, rows)
    with_part = grouping is Grouping.PART
    table = _table()
    _column(table, "layer", flexible=True)
    _column(table, "pass")
    if with_part:
        _column(table, "part", flexible=True)
    _column(table, "engine" if report.pipeline is None or with_part else "processor", flexible=True)
    for name in ("cycles", "share", "util"):
        _column(table, name, right=True)
    _column(table, "stalls", flexible=True)
    _column(table, "energy", right=True)
    _column(table, "binds")
    for group in groups:
        table.add_row(*_cells(group, report.totals.total_cycles, with_part, report.pipeline is not None))
    static = sum(report.static_energy_pj.values())
    blank = [""] * (len(table.columns) - 3)
    table.add_row(_cut("leakage"), *blank, si(static * _PJ, "J"), "")
    table.add_row(*_sum_cells(report, with_part), style="bold")
    return table


def _sum_cells(report: Report, with_part: bool) -> list[RenderableType]:
    """Cells of the last row: all tasks, and the energy of the whole step with its leakage."""
    whole = Group(report.tasks, "sum")
    cells = _cells(whole, report.totals.total_cycles, with_part, False)
    names: list[RenderableType] = ["sum", "", *([""] if with_part else []), ""]
    energy = whole.energy_pj + sum(report.static_energy_pj.values())
    return [*names, *cells[len(names) : -2], si(energy * _PJ, "J"), ""]


def fitting_groups(report: Report, rows: int) -> tuple[Grouping, tuple[Group, ...]]:
    """Put tasks together no more than needed for a number of rows."""
    for grouping in (Grouping.PART, Grouping.PASS, Grouping.HOST_PASS, Grouping.HOST):
        groups = group_tasks(report, grouping)
        if len(groups) <= rows:
            return grouping, groups
    kept, rest = at_most(groups, rows)
    return Grouping.HOST, kept if rest is None else (*kept, rest)


def _cells(group: Group, total: int, with_part: bool, pipelined: bool) -> list[RenderableType]:
    guests = [layer for layer in group.layers if layer != group.host]
    folded = len(guests) < len({task.layer for task in group.tasks})
    name = f"{group.host} (+{', '.join(guests)})" if guests and folded else group.host
    cells: list[RenderableType] = [_cut(name), group.passes]
    if with_part:
        cells.append(_cut(" ".join(group.parts)))
    return [
        *cells,
        _cut(place_text(group) if pipelined and not with_part else engine_text(group)),
        si(group.cycles),
        percent(group.cycles / total) if total else "",
        percent(group.utilisation),
        _cut(stall_text(group)),
        si(group.energy_pj * _PJ, "J"),
        CAUSES.get(group.binds, group.binds) if group.tasks else "",
    ]


def engine_text(group: Group) -> str:
    """Engine with most cycles and its dataflow, ``array0 ws``; ``+1`` where one more took part."""
    arrays = group.arrays
    if not arrays:
        return "-"
    flows = dict.fromkeys(task.dataflow for task in group.tasks if task.array == arrays[0] and task.dataflow)
    more = f" +{len(arrays) - 1}" if len(arrays) > 1 else ""
    return f"{' '.join((arrays[0], '/'.join(flows))).strip()}{more}"


def place_text(group: Group) -> str:
    """Of a pipelined run the processor of the engine with most cycles, ``core0 +2`` where others took part."""
    names = list(dict.fromkeys(array.rpartition(".")[0] for array in group.arrays)) or ["-"]
    return f"{names[0]} +{len(names) - 1}" if len(names) > 1 else names[0]


def stall_text(group: Group) -> str:
    """Causes by size as shares of the cycles, ``dram 31% bank 4%``; below 1 % together ``<1%``."""
    if not group.cycles:
        return "-"
    shares = {cause: group.stall_cycles(cause) / group.cycles for cause in STALL_CAUSES}
    order = sorted((cause for cause in shares if shares[cause] >= _RELEVANT), key=lambda cause: -shares[cause])
    if order:
        return " ".join(f"{CAUSES[cause]} {percent(shares[cause])}" for cause in order)
    return "<1%" if any(shares.values()) else "-"


def footer(report: Report, every_row: bool = False) -> tuple[RenderableType, ...]:
    """Processors and links where there are any, totals, bounds, GPU baselines where asked for, approximations."""
    notes = (Text(f"approximation: {note}") for note in report.approximations)
    engines: tuple[RenderableType, ...] = ()
    if shows_engines(report):
        engines = (engine_table(report), *engine_notes(report))
    pipeline = pipeline_lines(report.pipeline, every_row) if report.pipeline is not None else ()
    return (
        *engines,
        *pipeline,
        _totals_table(report),
        *memory_lines(report),
        *parallel_lines(report),
        _bounds(report),
        *gpu_lines(report),
        *notes,
    )


def _totals_table(report: Report) -> Table:
    totals, per_epoch = report.totals, report.totals.steps_per_epoch
    gap = 2 if report.pipeline is None else 1
    table = Table(box=None, padding=(0, gap, 0, 0), pad_edge=False, header_style="bold")
    for name in ("per", "cycles", "time", "energy", ""):
        right = name in ("cycles", "time", "energy")
        table.add_column(name, justify="right" if right else "left", no_wrap=bool(name))

    def add(name: str, cycles: float, energy_pj: float, note: str) -> None:
        seconds = cycles / report.clock_hz
        # numbers keep their width: a note is cut, and that of a pipelined run goes on in the next line
        rest = _cut(note) if report.pipeline is None else Text(note)
        table.add_row(name, si(cycles), si(seconds, "s"), si(energy_pj * _PJ, "J"), rest)

    memory = f"DRAM {si(totals.dram_bytes, 'B', 3)}, peak {si(totals.peak_live_bytes, 'B', 3)}"
    speed = f"{si(totals.samples_per_s, digits=3)} samples/s"
    iteration, each = _iteration(report)
    if report.pipeline is None:
        add("step", iteration, each, f"{totals.total_cycles:,} cycles, {memory}")
        add("sample", iteration / totals.samples, each / totals.samples, f"{totals.samples} in a step, {speed}")
    else:
        run, what = report.pipeline, period_words(report.pipeline)
        batch = totals.samples / run.iterations
        add("run", totals.total_cycles, totals.total_energy_pj, f"{totals.total_cycles:,} cycles, {memory}")
        add("iteration", iteration, each, f"{run.iterations} in the run; {'cycles ' if run.settled else ''}{what}")
        add("sample", iteration / batch, each / batch, f"{si(batch)} in an iteration, {speed}")
    if per_epoch is not None:
        word = "step" if report.pipeline is None else "iteration"
        add("epoch", iteration * per_epoch, each * per_epoch, count(per_epoch, word))
    return table


def _iteration(report: Report) -> tuple[float, float]:
    """Cycles and energy in pJ of one step, or of one iteration of a pipelined run in its steady state."""
    totals, pipeline = report.totals, report.pipeline
    if pipeline is None:
        return totals.total_cycles, totals.total_energy_pj
    return pipeline.iteration_cycles, totals.total_energy_pj / pipeline.iterations


def _bounds(report: Report) -> Text:
    """Lower bound, cycles and upper bound with the relation that really holds between them."""
    totals = report.totals
    low = "<=" if totals.lower_bound_cycles <= totals.total_cycles else ">"
    high = "<=" if totals.total_cycles <= totals.upper_bound_cycles else ">"
    text = Text(
        f"bounds: lower {si(totals.lower_bound_cycles)} {low} {si(totals.total_cycles)} {high}"
        f" upper {si(totals.upper_bound_cycles)}; critical path {si(totals.critical_path_cycles)}"
    )
    if totals.coarse_pipeline_cycles is not None:
        text.append(f"; coarse pipeline {si(totals.coarse_pipeline_cycles)}")
    if ">" in (low, high):
        reason = "; closed_form leaves memory out" if report.level == "closed_form" else "; outside its bounds"
        text.append(reason, "yellow")
    return text


def runs_table(rows: Sequence[RunLine]) -> Table:
    """Table of stored runs, in the order given."""
    table = _table()
    for name, right in (("id", False), ("name", False), ("level", False), ("cycles", True), ("energy", True)):
        _column(table, name, right=right, flexible=name == "name")
    _column(table, "date", flexible=True)
    for row in rows:
        energy = si(row.energy_pj * _PJ, "J")
        table.add_row(row.id, _cut(row.name), row.level, si(row.cycles), energy, _cut(row.date))
    return table


def _table() -> Table:
    return Table(box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")


def _column(table: Table, name: str, *, right: bool = False, flexible: bool = False) -> None:
    """Numbers and short words keep their width; what is flexible is cut with an ellipsis."""
    table.add_column(name, justify="right" if right else "left", no_wrap=not flexible)


def _cut(text: str) -> Text:
    return Text(text, no_wrap=True, overflow="ellipsis")
