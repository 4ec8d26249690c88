"""From the total of one run to that of another, step by step: a bar per layer and pass that changed.

Steps go in the order of the layers; the smallest beyond 40 are one bar, which says how many they are. Where the change
is small beside the totals, the axis begins later than 0 and says so. Proof: ``tests/unit/test_waterfall.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from simsnn.results.prefix import percent, si
from simsnn.results.report import Report
from simsnn.results.waterfall import Waterfall
from simsnn.viz.legend import draw_legend, legend_inches
from simsnn.viz.style import (
    BLUE,
    GREY,
    INK,
    VERMILLION,
    WIDTH_INCHES,
    Caption,
    Panel,
    Scale,
    captioned,
    quantity,
    shortened,
    style,
)

What = Literal["cycles", "energy"]
MOST_STEPS = 40
_ROW_INCHES, _HEIGHT = 0.17, 0.74
_SMALL, _LETTER_INCHES = 0.35, 0.056
_PJ = 1e-12


@dataclass(frozen=True, slots=True)
class Step:
    """One step: its name, what it adds, where it begins; ``note`` says in which run alone it is."""

    name: str
    change: float
    start: float
    note: str = ""


def steps_of(found: Waterfall, what: What) -> tuple[Step, ...]:
    """Steps that lead from the first total to the second; rows without change are left out, small ones put together."""
    alone = {"both": "", "first": "first run only", "second": "second run only"}
    changed = [(row, float(row.cycles_change if what == "cycles" else row.energy_change_pj)) for row in found.rows]
    layers = [(row.name, change, alone[row.present]) for row, change in changed if change and row.layer is not None]
    whole = [(row.name, change, "") for row, change in changed if change and row.layer is None]
    changes = [*_largest(layers, MOST_STEPS - len(whole)), *whole]
    at = float(found.total_cycles[0] if what == "cycles" else found.total_energy_pj[0])
    steps = []
    for name, change, note in changes:
        steps.append(Step(name, change, at, note))
        at += change
    return tuple(steps)


def _largest(changes: list[tuple[str, float, str]], most: int) -> list[tuple[str, float, str]]:
    """At most so many, those with the largest change; the others together behind them."""
    if len(changes) <= most:
        return changes
    order = sorted(range(len(changes)), key=lambda index: (-abs(changes[index][1]), index))
    keep = set(order[: most - 1])
    others = [change for index, change in enumerate(changes) if index not in keep]
    kept = [change for index, change in enumerate(changes) if index in keep]
    return [*kept, (f"{len(others)} others", sum(change for _, change, _ in others), "")]


@style()
def waterfall_figure(found: Waterfall, reports: tuple[Report, Report], what: What) -> Figure:
    """Draw where cycles or energy went.

    Parameters
    ----------
    found : Waterfall
        The difference, taken apart.
    reports : tuple of Report
        The two runs, for the captions.
    what : "cycles" or "energy"
        Which of the two.
    """
    steps = steps_of(found, what)
    totals = [float(value) for value in (found.total_cycles if what == "cycles" else found.total_energy_pj)]
    scale = Scale.of(max(totals), "cycles" if what == "cycles" else "J", 1.0 if what == "cycles" else _PJ)
    names = [f"1  {shortened(reports[0].name, 26)}", f"2  {shortened(reports[1].name, 26)}"]
    labels = (names[0], *(shortened(step.name) for step in steps), names[1])
    handles = [Patch(facecolor=GREY), Patch(facecolor=VERMILLION), Patch(facecolor=BLUE)]
    texts = ["total", "more in the second run", "less in the second run"]
    height = max(len(labels), 3) * _ROW_INCHES
    drawn = captioned(_caption(found, reports, what), labels, (Panel(legend_inches(texts), height, 0.46),))
    axes = drawn.axes[0]
    low, high = _ends(totals, steps, scale.factor)
    axes.set_xlim(low, high)
    _draw(axes, steps, totals, (low, scale.factor), what)
    axes.set_yticks(range(len(labels)), labels)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(labels) - 0.45, -0.55)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=7, steps=[1, 2, 2.5, 5, 10]))
    axes.grid(axis="x")
    late = ", the axis does not begin at 0" if low > 0 else ""
    axes.set_xlabel(f"{'length of the run' if what == 'cycles' else 'energy'} ({scale.unit}){late}")
    draw_legend(axes, handles, texts)
    return drawn.figure


def _caption(found: Waterfall, reports: tuple[Report, Report], what: What) -> Caption:
    first, second = reports
    totals = found.total_cycles if what == "cycles" else found.total_energy_pj
    ratio = f", x{totals[1] / totals[0]:.3f}" if totals[0] else ""
    subtitle = f"{_amount(totals[0], what)} to {_amount(totals[1], what)}{ratio}"
    if what == "cycles":
        subtitle += "; a cycle with tasks of several rows under way counts for each in part"
    footer = f"simsnn runs {first.id} (level {first.level}) and {second.id} (level {second.level})"
    synthetic = first.activity.synthetic or second.activity.synthetic
    return Caption(f"{first.name} to {second.name}: where {what} went", subtitle, footer, synthetic)


def _amount(value: float, what: What) -> str:
    return f"{si(value)} cycles" if what == "cycles" else quantity(value * _PJ, "J")


def _ends(totals: list[float], steps: tuple[Step, ...], factor: float) -> tuple[float, float]:
    """Ends of the axis: from 0, or from close below what is drawn where all of it is far from 0."""
    places = [*totals, *(step.start for step in steps), *(step.start + step.change for step in steps)]
    low, high = min(places), max(places)
    span = high - low
    room = 0.22 * span if 0 < span < _SMALL * high else 0.14 * (high or 1.0)
    begin = low - 0.3 * span if 0 < span < _SMALL * high else min(0.0, low)
    return begin / factor, (high + room) / factor


def _draw(axes: Axes, steps: tuple[Step, ...], totals: list[float], axis: tuple[float, float], what: What) -> None:
    """Totals above and below, steps between them, a thin line from each to the next."""
    low, factor = axis
    for place, total in ((0, totals[0]), (len(steps) + 1, totals[1])):
        left = max(low, 0.0)
        axes.barh(place, total / factor - left, _HEIGHT, left, color=GREY, linewidth=0)
        _write(axes, (total / factor, total / factor), place, _amount(total, what))
    for place, step in enumerate(steps, start=1):
        colour = VERMILLION if step.change > 0 else BLUE
        axes.barh(place, step.change / factor, _HEIGHT, step.start / factor, color=colour, linewidth=0)
        axes.plot([step.start / factor] * 2, [place - 1, place], color=INK, linewidth=0.4)
        ends = sorted((step.start / factor, (step.start + step.change) / factor))
        _write(axes, (ends[0], ends[1]), place, _told(step, totals[0], what))
    if steps:
        axes.plot([totals[1] / factor] * 2, [len(steps), len(steps) + 1], color=INK, linewidth=0.4)


def _told(step: Step, first: float, what: What) -> str:
    """``+7638, +3%, second run only``."""
    sign = "+" if step.change > 0 else "-"
    share = percent(abs(step.change) / first) if first else ""
    told = [f"{sign}{_amount(abs(step.change), what).removesuffix(' cycles')}"]
    told += [share if share.startswith("<") else f"{sign}{share}"] if share else []
    return ", ".join((*told, step.note) if step.note else told)


def _write(axes: Axes, ends: tuple[float, float], place: int, text: str) -> None:
    """Write behind a bar, or before it where there is no room behind."""
    box = {"boxstyle": "round,pad=0.08", "facecolor": "white", "edgecolor": "none", "alpha": 0.7}
    low, high = axes.get_xlim()
    room = (high - ends[1]) / (high - low) * axes.get_position().width * WIDTH_INCHES
    before = room < _LETTER_INCHES * len(text)
    shift, align = (-4, "right") if before else (4, "left")
    at = ends[0] if before else ends[1], place
    note = axes.annotate(text, at, (shift, 0), textcoords="offset points", bbox=box)
    note.set(va="center", ha=align, color="#404040", size=6)
