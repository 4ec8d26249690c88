"""Roofline: what each operation reached, under the peak of its engine and the bandwidth of its memory.

A panel per engine, or per kind of equal engines of equal processors; a point is a row of the report (layer, pass and
part), its colour the pass, its shape what binds. Operations are those of the dense work, so an engine that skips zeros
may lie above its roof; so may, a little, one whose tiles are loaded while the operation before it runs. An operation
without traffic has no place on the axis: it stands at the right edge; one that did nothing in the lower left corner.
Proof: ``tests/unit/test_run_figures.py``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from simsnn.results.prefix import count
from simsnn.results.report import Report
from simsnn.results.roofs import EngineRoof, RoofPoint, roof_points
from simsnn.viz.legend import draw_legend, legend_inches
from simsnn.viz.style import GREY, INK, PASS_COLOURS, PASS_NAMES, Panel, page, shortened, style

MARKS = {"compute": "o", "dram": "s", "dependency": "^", "sram_bank": "D", "buffer_full": "v", "link": "P"}
"""Shapes of what binds; any other cause is a star."""
_OTHER = "*"
MAX_PANELS, NAMED = 8, 4
_TITLE_INCHES, _HEIGHT_INCHES, _GAP_INCHES, _BELOW_INCHES = 0.18, 1.6, 0.12, 0.46


@dataclass(frozen=True, slots=True)
class _Frame:
    """Ends of both logarithmic axes, the same for all panels."""

    left: float
    right: float
    bottom: float
    top: float

    @property
    def edge(self) -> float:
        """Where operations without traffic stand."""
        return self.right / 1.25


@dataclass(frozen=True, slots=True)
class EnginePanel:
    """Equal engines and their points."""

    roof: EngineRoof
    points: tuple[RoofPoint, ...]


def engine_panels(report: Report, roofs: tuple[EngineRoof, ...]) -> tuple[EnginePanel, ...]:
    """Engines that had work, equal ones together, those with most cycles first where they are too many."""
    found: dict[tuple[object, ...], list[RoofPoint]] = {}
    for point in roof_points(report, roofs):
        roof = point.roof
        key = (roof.alike, roof.kind, roof.peak_ops_per_cycle, roof.bytes_per_cycle)
        found.setdefault(key, []).append(point)
    panels = [EnginePanel(points[0].roof, tuple(points)) for points in found.values()]
    if len(panels) > MAX_PANELS:
        panels = sorted(panels, key=lambda panel: -sum(point.task.cycles for point in panel.points))[:MAX_PANELS]
    return tuple(panels)


@style()
def roofline_figure(report: Report, roofs: tuple[EngineRoof, ...]) -> Figure:
    """Draw the operations of a run under the roofs of its engines.

    Parameters
    ----------
    report : Report
        A run's result.
    roofs : tuple of EngineRoof
        Of its machine; see :func:`simsnn.results.roofs.engine_roofs`.
    """
    panels = engine_panels(report, roofs)
    all_engines = len({point.roof.alike for point in roof_points(report, roofs)})
    handles = _legend(panels)
    labels = [str(handle.get_label()) for handle in handles]
    last = len(panels) - 1
    rooms = tuple(
        Panel(
            (legend_inches(labels) if number == 0 else 0.0) + _TITLE_INCHES,
            _HEIGHT_INCHES,
            _BELOW_INCHES if number == last else _GAP_INCHES,
        )
        for number in range(len(panels))
    )
    title = "operations under the roofs of their engines"
    if report.level == "closed_form":
        title += ", without waits for memory"  # so they may lie left of the slope
    if all_engines > len(panels):
        title += f", the {len(panels)} of {all_engines} with most cycles"
    drawn = page(report, title, ("operations\n10000",), rooms or (Panel(0.1, 1.0, 0.2),))
    if not panels:
        drawn.axes[0].text(0.5, 0.5, "no operation ran on an engine with a known peak", ha="center")
        drawn.axes[0].set_axis_off()
        return drawn.figure
    frame = _frame(panels)
    for number, (axes, panel) in enumerate(zip(drawn.axes, panels, strict=True)):
        _draw(axes, panel, frame)
        axes.tick_params(axis="x", labelbottom=number == last)
    memory = "memory" if report.pipeline is not None else report.dram_level
    drawn.axes[-1].set_xlabel(f"operations of the dense work per byte to and from {memory}")
    draw_legend(drawn.axes[0], handles, labels, _TITLE_INCHES)
    return drawn.figure


def _legend(panels: tuple[EnginePanel, ...]) -> list[Line2D]:
    points = [point for panel in panels for point in panel.points]
    plain = {"linestyle": "none", "markersize": 5.0}
    passes = [letter for letter in PASS_COLOURS if any(point.task.pass_ == letter for point in points)]
    found = [Line2D([], [], marker="o", color=PASS_COLOURS[p], label=PASS_NAMES[p], **plain) for p in passes]  # type: ignore[arg-type]
    binds = dict.fromkeys(point.task.binds for point in points)
    known = [name for name in MARKS if name in binds] + [name for name in binds if name not in MARKS]
    for name in known:
        label, mark = f"bound by {name.replace('_', ' ')}", MARKS.get(name, _OTHER)
        found.append(Line2D([], [], marker=mark, color=INK, fillstyle="none", label=label, **plain))  # type: ignore[arg-type]
    return found


def _frame(panels: tuple[EnginePanel, ...]) -> _Frame:
    points = [point for panel in panels for point in panel.points]
    across = [point.ops_per_byte for point in points if point.ops_per_byte]
    across += [panel.roof.ridge_ops_per_byte for panel in panels]
    up = [point.ops_per_cycle for point in points if point.ops] + [panel.roof.peak_ops_per_cycle for panel in panels]
    resting = any(point.ops_per_byte is None for point in points)
    return _Frame(min(across) / 3, max(across) * (8 if resting else 3), max(min(up), 1e-4) / 2.5, max(up) * 3)


def _draw(axes: Axes, panel: EnginePanel, frame: _Frame) -> None:
    roof = panel.roof
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(frame.left, frame.right)
    axes.set_ylim(frame.bottom, frame.top)
    ridge = min(max(roof.ridge_ops_per_byte, frame.left), frame.right)
    across = (frame.left, ridge, frame.right)
    line = [min(roof.peak_ops_per_cycle, x * roof.bytes_per_cycle) for x in across]
    axes.plot(across, line, color=INK, linewidth=1.1, zorder=2, label="roof")
    _draw_points(axes, panel, frame)
    _name_roofs(axes, roof, frame)
    _name_points(axes, panel, frame)
    axes.grid(True, linewidth=0.4)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(base=10, numticks=9))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}" if value < 1 else f"{value:,.0f}"))
        axis.set_minor_formatter(NullFormatter())
    axes.set_ylabel("operations\nper cycle")
    title = f"{roof.alike} ({roof.kind}): {count(len(panel.points), 'operation')}"
    axes.set_title(title, loc="left", size=7.5, pad=3)


def _draw_points(axes: Axes, panel: EnginePanel, frame: _Frame) -> None:
    """Points in order of their cycles, largest first, so that small ones are not covered."""
    most = max((point.task.cycles for point in panel.points), default=1) or 1
    for point in sorted(panel.points, key=lambda point: -point.task.cycles):
        x, y = place(point, frame.edge, (frame.left, frame.bottom))
        axes.plot(
            [x],
            [y],
            marker=MARKS.get(point.task.binds, _OTHER),
            markersize=3.2 + 4.3 * math.sqrt(point.task.cycles / most),
            markerfacecolor=PASS_COLOURS[point.task.pass_],
            markeredgecolor="white",
            markeredgewidth=0.5,
            linestyle="none",
            alpha=0.9,
            clip_on=False,
            zorder=3,
        )
    if any(point.ops_per_byte is None for point in panel.points):
        axes.axvline(frame.edge, color=GREY, linewidth=0.5, linestyle=":")
        axes.text(frame.edge * 0.95, frame.bottom * 1.3, "no traffic", size=6, color=INK, ha="right")


def place(point: RoofPoint, edge: float, corner: tuple[float, float]) -> tuple[float, float]:
    """Where a point stands: without traffic at ``edge``, without operations in the lower left ``corner``."""
    across = edge if point.ops_per_byte is None else point.ops_per_byte or corner[0]
    return across, point.ops_per_cycle or corner[1]


def _name_roofs(axes: Axes, roof: EngineRoof, frame: _Frame) -> None:
    peak = f"peak {roof.peak_ops_per_cycle:,} per cycle"
    axes.annotate(
        peak,
        (frame.right, roof.peak_ops_per_cycle),
        (-3, 2.5),
        textcoords="offset points",
        size=6,
        ha="right",
        zorder=2.5,
    )
    rate = f"{roof.memory} {roof.bytes_per_cycle:.4g} B/cycle"
    memory = rate if "*" not in roof.alike else f"memory {roof.bytes_per_cycle:.4g} B/cycle"
    x = max(frame.left * 1.15, frame.bottom * 1.5 / roof.bytes_per_cycle)
    y = x * roof.bytes_per_cycle
    if y < roof.peak_ops_per_cycle / 4:
        axes.annotate(memory, (x, y), (0, 3), textcoords="offset points", size=6, rotation=_slope(axes, frame))
    else:
        axes.annotate(memory, (0, 1), (3, -8), "axes fraction", "offset points", size=6)


def _slope(axes: Axes, frame: _Frame) -> float:
    """Degrees of a line of slope 1 on both logarithmic axes, from the sizes in inches."""
    box, (width, height) = axes.get_position(), axes.figure.get_size_inches()  # type: ignore[union-attr]
    across = box.width * width / math.log(frame.right / frame.left)
    up = box.height * height / math.log(frame.top / frame.bottom)
    return math.degrees(math.atan2(up, across))


def _name_points(axes: Axes, panel: EnginePanel, frame: _Frame) -> None:
    """Write layer and pass at the points with most cycles that are not too close to one another."""
    taken: list[tuple[float, float]] = []
    for point in sorted(panel.points, key=lambda point: -point.task.cycles):
        x, y = place(point, frame.edge, (frame.left, frame.bottom))
        spot = (
            math.log(x / frame.left) / math.log(frame.right / frame.left),
            math.log(y / frame.bottom) / math.log(frame.top / frame.bottom),
        )
        if len(taken) == NAMED or any(abs(spot[0] - a) < 0.2 and abs(spot[1] - b) < 0.12 for a, b in taken):
            continue
        taken.append(spot)
        right = spot[0] > 0.8
        axes.annotate(
            f"{shortened(point.task.layer, 16)} {point.task.pass_}",
            (x, y),
            (-5 if right else 5, -8.5),
            textcoords="offset points",
            size=6,
            ha="right" if right else "left",
            color=INK,
        )
