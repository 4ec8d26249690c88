"""Figures of a stored sweep: which kinds there are, and which metrics and axes each shows.

Without a choice: the metrics of its objectives (else cycles and energy), the first axis of numbers across, the next
axis as lines; a heat map where two axes are numbers; bars where none is; the Pareto front of several objectives.
Proof: ``tests/unit/test_sweep_figures.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from simsnn.errors import ConfigError, nearest
from simsnn.results.sweep_store import StoredSweep
from simsnn.results.sweep_table import METRICS
from simsnn.viz.named import NamedFigure, write_figures
from simsnn.viz.sweep_axis import SweepAxis, sweep_axes
from simsnn.viz.sweep_bars import BarsView, bars_figure
from simsnn.viz.sweep_cells import cell
from simsnn.viz.sweep_heat import HeatView, heat_figure
from simsnn.viz.sweep_lines import LinesView, lines_figure
from simsnn.viz.sweep_metric import METRIC, Metric
from simsnn.viz.sweep_pareto import pareto_figure

DEFAULT_METRICS = ("total_cycles", "total_energy_pj")
_MOST_COLOURS = 8


@dataclass(frozen=True, slots=True)
class SweepView:
    """What a user chose: a metric, the axis across, the axis of lines or rows; None leaves it to the figures."""

    metric: str | None = None
    x: str | None = None
    y: str | None = None

    def __bool__(self) -> bool:
        return any((self.metric, self.x, self.y))


@dataclass(frozen=True, slots=True)
class SweepKind:
    """A kind of figure; files are called ``<name>_<metric>``, that of ``pareto`` by the name alone."""

    name: str
    what: str


LINES = SweepKind("lines", "a metric over an axis of numbers, a line per value of a second axis")
HEAT = SweepKind("heat", "a metric over two axes of numbers")
BARS = SweepKind("bars", "a metric by axes of names")
PARETO = SweepKind("pareto", "objectives against one another, with the Pareto front")
KINDS = (LINES, HEAT, BARS, PARETO)


def figures_of_sweep(stored: StoredSweep, view: SweepView = SweepView()) -> tuple[NamedFigure, ...]:
    """Figures that fit a sweep.

    Parameters
    ----------
    stored : StoredSweep
        The sweep.
    view : SweepView
        A choice of metric and axes.

    Returns
    -------
    tuple of NamedFigure
        None for a sweep without points.

    Raises
    ------
    ConfigError
        For a metric or axis that the sweep does not have.
    """
    if not stored.table.rows:
        return ()
    chosen = _Choice(stored, view)
    figures = [figure for metric in _metrics(stored, view) for figure in chosen.figures(metric)]
    if len({own.metric for own in stored.info.objectives}) > 1 and not view:
        figures.append(NamedFigure(PARETO.name, PARETO.what, partial(pareto_figure, stored)))
    return tuple(figures)


def sweep_figures_named(stored: StoredSweep, view: SweepView, only: tuple[str, ...]) -> tuple[NamedFigure, ...]:
    """Figures of a sweep by name or kind; all that fit where none is named.

    Raises
    ------
    ConfigError
        For a name that is none, or a sweep that has no points yet.
    """
    figures = figures_of_sweep(stored, view)
    if not figures:
        raise ConfigError(f"the sweep {stored.info.name!r} has no points yet", value=stored.info.name)
    names = tuple(figure.name for figure in figures)
    kinds = tuple(kind.name for kind in KINDS if any(_is_kind(name, kind.name) for name in names))
    wanted: list[str] = []
    for name in only:
        found = [own for own in names if name == own or (_is_kind(own, name) and name in kinds)]
        if not found:
            known = tuple(dict.fromkeys((*kinds, *names)))
            close = nearest(name, known)
            raise ConfigError(f"no figure {name!r} of this sweep", value=name, allowed=known, nearest=close)
        wanted += found
    return tuple(figure for figure in figures if not only or figure.name in wanted)


def write_sweep_figures(stored: StoredSweep, folder: Path) -> tuple[Path, ...]:
    """Write all figures of a sweep into a folder as PNG and return the files."""
    return write_figures(figures_of_sweep(stored), folder)


def _is_kind(name: str, kind: str) -> bool:
    return name.split("_")[0] == kind


def _metrics(stored: StoredSweep, view: SweepView) -> tuple[Metric, ...]:
    """Metrics to show; without a choice those that any point has."""
    if view.metric is not None:
        if view.metric not in METRIC:
            close = nearest(view.metric, METRICS)
            message = f"unknown metric {view.metric!r}"
            raise ConfigError(message, value=view.metric, allowed=METRICS, nearest=close)
        if stored.table.done and not _known(stored, METRIC[view.metric]):
            known = tuple(name for name in METRICS if _known(stored, METRIC[name]))
            raise ConfigError(f"no point of this sweep has {view.metric!r}", value=view.metric, allowed=known)
        return (METRIC[view.metric],)
    names = dict.fromkeys(own.metric for own in stored.info.objectives) or dict.fromkeys(DEFAULT_METRICS)
    metrics = tuple(METRIC[name] for name in names if name in METRIC)
    return tuple(metric for metric in metrics if _known(stored, metric)) or metrics[:1]


def _known(stored: StoredSweep, metric: Metric) -> bool:
    return bool(cell(stored.table.rows, metric).values)


class _Choice:
    """Which axis goes where."""

    def __init__(self, stored: StoredSweep, view: SweepView) -> None:
        self.stored = stored
        self.axes = sweep_axes(stored)
        x, y = (self._named(name) for name in (view.x, view.y))
        if x is not None and x is y:
            raise ConfigError(f"{x.name!r} cannot be both --x and --y", value=x.name)
        self.varying = tuple(axis for axis in self.axes if axis.varies)
        numeric = [axis for axis in self.varying if axis.numbers is not None and axis is not y]
        self.x = x or next(iter(numeric), None)
        self.y = y
        self.joined = stored.info.sampling.startswith("grid")

    def _named(self, name: str | None) -> SweepAxis | None:
        if name is None:
            return None
        known = tuple(axis.name for axis in self.axes)
        if name not in known:
            raise ConfigError(
                f"no axis {name!r} in this sweep", value=name, allowed=known, nearest=nearest(name, known)
            )
        return self.axes[known.index(name)]

    def _rest(self, *taken: SweepAxis | None) -> tuple[SweepAxis, ...]:
        return tuple(axis for axis in self.varying if all(axis is not other for other in taken))

    def figures(self, metric: Metric) -> Iterator[NamedFigure]:
        """Figures of one metric."""
        if self.x is None or self.x.numbers is None:
            yield self._figure(BARS, metric, partial(bars_figure, self.stored, metric, self._bars()))
            return
        yield self._figure(LINES, metric, partial(lines_figure, self.stored, metric, self._lines(self.x)))
        y = self.y or next((axis for axis in self._rest(self.x) if axis.numbers is not None), None)
        if y is not None and (y.numbers is not None or self.y is not None) and not y.seed and not self.x.seed:
            heat = HeatView(self.x, y, self._rest(self.x, y))
            yield self._figure(HEAT, metric, partial(heat_figure, self.stored, metric, heat))

    @staticmethod
    def _figure(kind: SweepKind, metric: Metric, draw: partial) -> NamedFigure:  # type: ignore[type-arg]
        return NamedFigure(f"{kind.name}_{metric.name}", f"{metric.label}: {kind.what}", draw)

    def _lines(self, x: SweepAxis) -> LinesView:
        series = self.y or next(iter(self._rest(x)), None)
        seeded = any(axis.seed for axis in self.axes)
        return LinesView(x, series, self._rest(x, series), seeded, self.joined)

    def _bars(self) -> BarsView:
        """Groups by ``--x`` and all other axes; colours by ``--y``, else the last axis of few values."""
        rest = self._rest(self.x, self.y)
        series = self.y
        if series is None and (self.x is not None or len(rest) > 1):
            series = next((axis for axis in reversed(rest) if len(axis.values) <= _MOST_COLOURS), None)
        groups = (*((self.x,) if self.x is not None else ()), *(axis for axis in rest if axis is not series))
        if not groups and series is None:
            groups = tuple(axis for axis in self.axes if not axis.seed)
        return BarsView(groups, series)
