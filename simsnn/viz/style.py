"""One look for every figure: colours that colour-blind readers can tell apart, type, captions.

Colours are the eight of Okabe and Ito ("Color Universal Design", 2008). Figures are made of
``Figure`` and the Agg canvas alone; pyplot and its global state are never touched, and the
user's matplotlibrc changes nothing. Bytes are repeatable: no date, no version, fixed SVG ids.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from simsnn.errors import ConfigError, nearest
from simsnn.results.prefix import prefix_of, si
from simsnn.results.report import Report

BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILLION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
GREY, LIGHT, INK = "#8C8C8C", "#E4E4E4", "#262626"

PASS_COLOURS = {"F": BLUE, "B": VERMILLION, "W": GREEN, "U": ORANGE, "I": PURPLE, "R": SKY}
PASS_NAMES = {
    "F": "F forward",
    "B": "B backward",
    "W": "W weight gradient",
    "U": "U update",
    "I": "I inverse",
    "R": "R recompute",
}

WIDTH_INCHES = 7.2
"""Text width of a page with two columns."""

_TITLE_INCHES, _FOOTER_INCHES, _RIGHT_INCHES = 0.46, 0.22, 0.12
_MARK_INCHES = 1.2
_LABEL_INCHES = 0.058
"""Width of a character of an axis label, a little more than the mean of the font."""
_FORMATS: dict[str, dict[str, str | None]] = {
    ".png": {"Software": None},
    ".svg": {"Date": None, "Creator": None},
    ".pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}
_RC: dict[str, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": INK,
    "axes.labelsize": 8.0,
    "axes.linewidth": 0.6,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.dpi": 100.0,
    "font.family": ["DejaVu Sans"],
    "font.size": 8.0,
    "grid.color": "#D0D0D0",
    "grid.linewidth": 0.5,
    "hatch.linewidth": 0.6,
    "legend.fontsize": 7.0,
    "legend.frameon": False,
    "legend.handleheight": 0.9,
    "legend.handlelength": 1.3,
    "pdf.fonttype": 42,
    "savefig.dpi": 200.0,
    "svg.hashsalt": "simsnn",
    "xtick.labelsize": 7.0,
    "xtick.major.width": 0.6,
    "ytick.labelsize": 7.0,
    "ytick.major.width": 0.6,
}


@contextmanager
def style() -> Iterator[None]:
    """Library defaults and the table above, for a block or, as ``@style()``, for a function."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        parameters: dict[Any, Any] = _RC
        matplotlib.rcParams.update(parameters)
        yield


@dataclass(frozen=True, slots=True)
class Scale:
    """Axis of a quantity: values are divided by ``factor``, the label names the prefixed unit."""

    factor: float
    unit: str

    @classmethod
    def of(cls, largest: float, unit: str, in_unit: float = 1.0) -> Scale:
        """Prefix that fits the largest value; ``in_unit`` is what 1 of the values is in ``unit``."""
        prefix = prefix_of(largest * in_unit)
        symbol = "µ" if prefix.symbol == "u" else prefix.symbol
        return cls(prefix.scale / in_unit, f"{symbol}{unit}")


@dataclass(frozen=True, slots=True)
class Panel:
    """One plot of a figure, sizes in inches: room above (legend, title), the axes, room below (ticks, label)."""

    above: float
    height: float
    below: float


@dataclass(frozen=True, slots=True)
class Page:
    """A captioned figure and its axes, top panel first."""

    figure: Figure
    axes: tuple[Axes, ...]


@dataclass(frozen=True, slots=True)
class Caption:
    """What stands around the panels: title, line below it, footer, and whether the activity is synthetic."""

    title: str
    subtitle: str
    footer: str
    synthetic: bool = False


def page(report: Report, title: str, labels: tuple[str, ...], panels: tuple[Panel, ...]) -> Page:
    """Start a figure of a run; ``title`` follows the experiment's name. See :func:`captioned`."""
    caption = Caption(f"{report.name}: {title}", _subtitle(report), _footer(report), report.activity.synthetic)
    return captioned(caption, labels, panels)


def captioned(caption: Caption, labels: tuple[str, ...], panels: tuple[Panel, ...]) -> Page:
    """Start a figure with title, mark of synthetic activity and footer, and stack its panels between them.

    Sizes are set in inches here and not found by drawing the figure twice.

    Parameters
    ----------
    caption : Caption
        What is written around the panels.
    labels : tuple of str
        Labels of the vertical axes, which need room on the left; a label may have several lines.
    panels : tuple of Panel
        From top to bottom.
    """
    height = _TITLE_INCHES + _FOOTER_INCHES + sum(panel.above + panel.height + panel.below for panel in panels)
    figure = Figure(figsize=(WIDTH_INCHES, height))
    FigureCanvasAgg(figure)
    longest = max((len(line) for label in labels for line in label.splitlines()), default=0)
    left = _LABEL_INCHES * longest + 0.2
    axes, top = [], height - _TITLE_INCHES
    for panel in panels:
        top -= panel.above + panel.height
        width = (WIDTH_INCHES - left - _RIGHT_INCHES) / WIDTH_INCHES
        axes.append(figure.add_axes((left / WIDTH_INCHES, top / height, width, panel.height / height)))
        top -= panel.below
    _draw_caption(figure, caption, height)
    return Page(figure, tuple(axes))


def _draw_caption(figure: Figure, caption: Caption, height: float) -> None:
    left, top = 0.1 / WIDTH_INCHES, 1 - 0.1 / height
    room_points = 72 * (WIDTH_INCHES - 0.2 - (_MARK_INCHES if caption.synthetic else 0.0))
    size = min(10.0, room_points / (0.68 * len(caption.title)))
    figure.text(left, top, caption.title, va="top", size=size, weight="bold")
    figure.text(left, top - 0.19 / height, caption.subtitle, va="top", size=7, color="#5A5A5A")
    figure.text(left, 0.07 / height, caption.footer, size=6, color="#5A5A5A")
    if caption.synthetic:
        box = {"boxstyle": "round,pad=0.25", "facecolor": VERMILLION, "edgecolor": "none"}
        right = 1 - 0.14 / WIDTH_INCHES
        figure.text(right, top, "synthetic activity", ha="right", va="top", size=8, color="white", bbox=box)


def shortened(label: str, most: int = 32) -> str:
    """Cut a long label in the middle, so that the page keeps room for what it shows; dollars stay dollars."""
    half = (most - 1) // 2
    cut = label if len(label) <= most else f"{label[:half]}…{label[-half:]}"
    return cut.replace("$", r"\$")  # between two of them a formula would be read


def _subtitle(report: Report) -> str:
    if report.pipeline is not None:
        run, cycles = report.pipeline, si(report.totals.total_cycles)
        counts = _count(run.iterations, "iteration"), _count(run.processor_count, "processor")
        whole = f"{counts[0]} on {counts[1]}: {cycles} cycles"
        return f"{whole} at {report.clock_hz / 1e6:g} MHz; {_activity(report)}"
    samples = report.totals.samples
    passes = {task.pass_ for task in report.tasks}
    what = "one forward pass" if passes == {"F"} else "one training step"
    whole = f"{what} of {_count(samples, 'sample')}: {si(report.totals.total_cycles)} cycles"
    return f"{whole} at {report.clock_hz / 1e6:g} MHz; {_activity(report)}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _activity(report: Report) -> str:
    activity = report.activity
    if activity.synthetic:
        return "synthetic activity"
    accuracy = f" (accuracy {activity.accuracy * 100:.1f} %)" if activity.accuracy is not None else ""
    return f"activity: {activity.kind}{accuracy}"


def quantity(value: float, unit: str) -> str:
    """Three significant digits with an SI prefix, typeset: ``6.71 µJ``."""
    return si(value, unit, 3).replace(" u", " µ")


def _footer(report: Report) -> str:
    count = len(report.approximations)
    return f"simsnn run {report.id}   level: {report.level}   approximations: {count or 'none'}"


def value_axis(axes: Axes, label: str, largest: float) -> None:
    """Set up the horizontal axis of bars: from 0, room for the numbers at the ends, light grid."""
    axes.set_xlim(0, largest * 1.16 if largest else 1.0)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=7, steps=[1, 2, 2.5, 5, 10]))
    axes.grid(axis="x")
    axes.set_xlabel(label)


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, SVG or PDF by the suffix of ``path``, the same bytes every time.

    Raises
    ------
    ConfigError
        For another suffix.
    """
    suffix = path.suffix.lower()
    if suffix not in _FORMATS:
        raise ConfigError(
            f"no figure format {suffix!r}", value=path.name, allowed=tuple(_FORMATS), nearest=nearest(suffix, _FORMATS)
        )
    with style():
        figure.savefig(path, metadata=_FORMATS[suffix])
