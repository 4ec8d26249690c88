"""The page of a sweep: what was swept, the best points, all points, a scatter of any two columns, figures.

Equal sweep folders give equal bytes. Proof: ``tests/unit/test_html_sweep.py``.
"""

from __future__ import annotations

from pathlib import Path

from simsnn.results.prefix import count
from simsnn.results.sweep_store import StoredSweep
from simsnn.results.sweep_table import AxisInfo, PointStatus, SweepInfo, SweepTable
from simsnn.viz.html.element import NONE, Markup, data, element, joined, paragraph
from simsnn.viz.html.page import Card, Page, Section, cards, part
from simsnn.viz.html.sweep_columns import label_of, scatter_columns
from simsnn.viz.html.sweep_figures import stored_figures
from simsnn.viz.html.sweep_tables import (
    best_table,
    objectives_of,
    points_table,
    refusals_table,
    shown_points,
    summary_table,
)
from simsnn.viz.html.table import Column, Table, text

MOST_POINTS = 3_000
"""Points of the scatter."""

_MOST_VALUES = 16
_GOALS = {"min": "least", "max": "most"}


def sweep_page(sweep: StoredSweep, summary: str = "") -> str:
    """HTML of a sweep.

    Parameters
    ----------
    sweep : StoredSweep
        Its table and what it says of itself; figures are taken from its folder.
    summary : str
        Text of its ``summary.csv``.

    Raises
    ------
    OSError
        If one of its figures cannot be read.
    """
    info, table = sweep.info, sweep.table
    seeds = summary_table(summary).to_markup() if summary else Markup()
    refused = part("What did not run", refusals_table(table).to_markup())
    sections = (
        Section("overview", "Overview", cards(_cards(info, table))),
        Section("axes", "What was swept", _axes(info).to_markup()),
        Section("best", "Best points", best_table(info, table).to_markup() or paragraph("No point has run yet.")),
        Section("scatter", "Scatter", _scatter(info, table)),
        Section("points", "Points", joined(refused, part("All points", points_table(info, table)))),
        Section("seeds", "Summary over seeds", seeds),
        Section("figures", "Figures", stored_figures(sweep.folder)),
        Section("provenance", "Provenance", _provenance(info)),
    )
    footer = f"simsnn {info.versions.get('simsnn', '')}, sweep {info.name}"
    return Page(info.name, "sweep report", _lead(info, table), sections, footer).to_html()


def _lead(info: SweepInfo, table: SweepTable) -> Markup:
    axes = [axis for axis in info.axes if not axis.seed]
    names = ", ".join(f"{axis.name} ({_values(axis)})" for axis in axes)
    seeds = [axis for axis in info.axes if axis.seed]
    again = f", each repeated with {count(len(seeds[0].values), 'seed')}" if seeds else ""
    wanted = " and ".join(f"{_GOALS[goal.goal]} {label_of(goal.metric)}" for goal in objectives_of(info))
    where = f" Only points with {info.where} are in it." if info.where else ""
    first = (
        f"The sweep {info.name} changes {count(len(axes), 'thing')} of {Path(info.base).name}: {names}{again}."
        f"{where} Its points are chosen by {info.sampling} and simulated at level {info.level.replace('_', ' ')};"
        f" it looks for {wanted}."
    )
    activity: tuple[Markup | str, ...] = ()
    if info.synthetic:
        mark = element("span", {"class": "synthetic"}, "SYNTHETIC")
        activity = (mark, " The activity of its points was made up to given rates and not recorded in training.")
    return joined(element("p", NONE, first), element("p", NONE, *activity) if activity else "", _state(info, table))


def _state(info: SweepInfo, table: SweepTable) -> Markup:
    """What did not run, in words; nothing where all points ran."""
    missing = info.points - len(table.rows)
    words = [f"{count(missing, 'point')} of {info.points:,} did not run yet"] if missing > 0 else []
    for status, verb in ((PointStatus.FAILED, "failed"), (PointStatus.REFUSED, "refused by a machine")):
        number = sum(row.status is status for row in table.rows)
        words += [f"{count(number, 'point')} {verb}"] if number else []
    return paragraph(f"{'; '.join(words)}.".capitalize(), "warning") if words else Markup()


def _values(axis: AxisInfo) -> str:
    """Its values, or the first and last where they are many."""
    shown = [_plain(value) for value in axis.values]
    if not shown:
        return "searched"
    if len(shown) <= _MOST_VALUES:
        return ", ".join(shown)
    return f"{shown[0]} .. {shown[-1]}, {len(shown)} values"


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _cards(info: SweepInfo, table: SweepTable) -> tuple[Card, ...]:
    number = {status: sum(row.status is status for row in table.rows) for status in PointStatus}
    front = sum(row.pareto for row in table.rows)
    found = [
        Card("points", f"{info.points:,}", f"sampling {info.sampling}"),
        Card("simulated", f"{number[PointStatus.OK]:,}", "points with metrics"),
        Card("refused", f"{number[PointStatus.REFUSED]:,}", "do not fit or cannot run"),
        Card("failed", f"{number[PointStatus.FAILED]:,}"),
        Card("Pareto front", f"{front:,}", "not beaten in every objective"),
        Card("axes", f"{len(info.axes):,}", ", ".join(axis.name for axis in info.axes)),
    ]
    return tuple(found)


def _axes(info: SweepInfo) -> Table:
    rows = tuple(
        (
            text(axis.name),
            text(", ".join(axis.paths)),
            text(_values(axis)),
            text("repetitions: mean and spread" if axis.seed else ""),
        )
        for axis in info.axes
    )
    columns = tuple(Column(name, False) for name in ("axis", "sets", "values", "note"))
    return Table("axes-table", "Axes of the sweep", columns, rows)


def _scatter(info: SweepInfo, table: SweepTable) -> Markup:
    done = tuple(number for number in shown_points(table, MOST_POINTS) if table.rows[number].metrics is not None)
    if not done:
        return Markup()
    columns = scatter_columns(table, done)
    names = [column["name"] for column in columns]
    goals = [goal.metric for goal in objectives_of(info) if goal.metric in names] or names
    across, up = goals[0], goals[1] if len(goals) > 1 else names[0]
    content = {
        "columns": columns,
        "points": [table.rows[number].point for number in done],
        "pareto": [table.rows[number].pareto for number in done],
        "x": names.index(across),
        "y": names.index(up),
        "colour": -1,
    }
    keys = "Choose what stands across and up; point at a point, or walk with arrow keys, for its values."
    left = sum(row.metrics is not None for row in table.rows) - len(done)
    note = paragraph(f"{left:,} points are not drawn; points.csv has all.", "note") if left else Markup()
    box = element("div", {"class": "chart scatter", "data-source": "scatter-data"})
    plain = element("noscript", NONE, "The chart needs scripts; the table below has its numbers.")
    return joined(element("p", {"class": "note screen"}, keys), box, plain, note, data("scatter-data", content))


def _provenance(info: SweepInfo) -> Markup:
    versions = ", ".join(f"{name} {version}" for name, version in sorted(info.versions.items()))
    facts = (
        ("base experiment", Path(info.base).name),
        ("base (SHA-256)", info.base_sha256),
        ("level", info.level),
        ("sampling", info.sampling),
        ("condition", info.where or "none"),
        ("activity", "synthetic" if info.synthetic else "as the base experiment says"),
        ("versions", versions),
    )
    rows = [joined(element("dt", NONE, name), element("dd", NONE, value)) for name, value in facts]
    return element("dl", {"class": "facts"}, rows)
