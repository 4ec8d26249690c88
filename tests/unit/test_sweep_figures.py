"""Figures of sweeps: what they draw equals the table; refused, failed and unknown points are there; odd sweeps draw."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from simsnn.errors import ConfigError
from simsnn.results.sweep_store import StoredSweep
from simsnn.results.sweep_table import METRICS, ObjectiveInfo, PointStatus, Scalar
from simsnn.viz.sweep_axis import sweep_axes
from simsnn.viz.sweep_bars import MAX_BARS, BarsView, bars_figure, bars_of
from simsnn.viz.sweep_figures import (
    SweepView,
    figures_of_sweep,
    sweep_figures_named,
    write_sweep_figures,
)
from simsnn.viz.sweep_heat import HeatView, heat_figure, heat_panels
from simsnn.viz.sweep_lines import LinesView, lines_figure, lines_of
from simsnn.viz.sweep_metric import METRIC
from simsnn.viz.sweep_pareto import pairs_of, pareto_figure
from tests.naive.sweeps import (
    BUFFER,
    COLUMNS,
    CYCLES_ENERGY,
    DATAFLOW,
    NETWORK,
    ROWS,
    SEEDS,
    array_rule,
    axis,
    made_metrics,
    made_sweep,
)

CYCLES = METRIC["total_cycles"]
GRID = made_sweep((ROWS, COLUMNS))
FULL = made_sweep((ROWS, COLUMNS, DATAFLOW, SEEDS))


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if isinstance(text, Text) and text.get_text()]


def drawn(stored: StoredSweep, name: str, view: SweepView = SweepView()) -> Figure:
    (figure,) = (figure for figure in figures_of_sweep(stored, view) if figure.name == name)
    return figure.draw()


def data(line: Line2D) -> list[tuple[float, float]]:
    return list(zip(map(float, line.get_xdata()), map(float, line.get_ydata()), strict=True))  # type: ignore[arg-type]


def curves(axes: Axes) -> list[Line2D]:
    """Lines through values: what is not a single mark above the axes."""
    return [
        line for line in axes.lines if line.get_transform() is axes.transData or line.get_transform() == axes.transData
    ]


def marks(axes: Axes) -> list[tuple[float, str]]:
    """Marks above the axes: place and shape."""
    return [
        (data(line)[0][0], str(line.get_marker()))
        for line in axes.lines
        if line.get_transform() == axes.get_xaxis_transform() and data(line)[0][1] > 1
    ]


def test_lines_go_through_the_stored_values_and_lost_points_are_marked() -> None:
    axes = drawn(GRID, "lines_total_cycles").axes[0]
    found = [data(line) for line in curves(axes)]
    wanted = []
    for columns in COLUMNS.values:
        rows = [row for row in GRID.table.rows if row.values[1] == columns and row.metrics is not None]
        wanted.append([(float(row.values[0]), row.metrics.total_cycles / 1e6) for row in rows])  # type: ignore[arg-type,union-attr]
    assert [[x for x, _ in line] for line in found] == [[x for x, _ in line] for line in wanted]
    for got, expected in zip(found, wanted, strict=True):
        assert [y for _, y in got] == pytest.approx([y for _, y in expected], rel=1e-12)
    assert sorted(marks(axes)) == [(64.0, "X"), (128.0, "x")]
    assert axes.get_xscale() == "log"
    shown = texts(drawn(GRID, "lines_total_cycles"))
    assert {"columns 16", "columns 64", "refused", "failed", "15 points: 13 ok, 1 failed, 1 refused"} <= set(shown)


def test_every_point_is_in_exactly_one_line() -> None:
    x, series, flow, _ = sweep_axes(FULL)
    lines = lines_of(FULL, CYCLES, LinesView(x, series, (flow,), True, True))
    points = [row.point for line in lines for _, cell in line.cells for row in cell.rows]
    assert sorted(points) == [row.point for row in FULL.table.rows]


def test_repetitions_are_a_mean_and_a_band() -> None:
    one = made_sweep((ROWS, SEEDS), objectives=CYCLES_ENERGY[:1])
    figure = drawn(one, "lines_total_cycles")
    axes = figure.axes[0]
    (line,) = curves(axes)
    for x, y in data(line):
        cycles = [row.metrics.total_cycles for row in one.table.rows if row.values[0] == x and row.metrics]
        assert y * 1e6 == pytest.approx(sum(cycles) / 3, rel=1e-12)
    band = axes.collections[0].get_paths()[0].vertices
    lowest = min(row.metrics.total_cycles for row in one.table.rows if row.metrics)
    assert band[:, 1].min() * 1e6 == pytest.approx(lowest, rel=1e-12)
    assert "range of repetitions" in texts(figure)


def test_a_third_axis_has_line_styles_or_is_named() -> None:
    axes = drawn(FULL, "lines_total_cycles").axes[0]
    assert [line.get_linestyle() for line in curves(axes)] == ["-", "--"] * 3
    assert {"ws", "os"} <= set(texts(axes.figure))  # type: ignore[arg-type]
    deep = axis("depth", *range(6))
    figure = drawn(made_sweep((ROWS, COLUMNS, deep)), "lines_total_cycles")
    assert len(curves(figure.axes[0])) == 18
    assert any("points also differ in depth" in text for text in texts(figure))


def test_points_of_a_search_are_not_joined() -> None:
    places = [(8, 16), (9, 40), (40, 9), (100, 100)]
    search = made_sweep((ROWS, COLUMNS), points=places, sampling="random (4 points, seed 0)")
    axes = drawn(search, "lines_total_cycles").axes[0]
    assert {line.get_linestyle() for line in curves(axes)} == {"None"}
    heat = drawn(search, "heat_total_cycles")
    spots = [data(line)[0] for line in heat.axes[0].lines]
    assert sorted(spots) == sorted((float(x), float(y)) for x, y in places)
    assert sorted(line.get_marker() for line in heat.axes[0].lines) == ["o", "o", "o", "x"]


def test_a_heat_map_has_a_cell_per_place_with_its_number() -> None:
    figure = drawn(GRID, "heat_total_cycles")
    axes = figure.axes[0]
    written = {text.get_position(): text.get_text() for text in axes.texts}
    for row in GRID.table.rows:
        place = ROWS.values.index(row.values[0]), COLUMNS.values.index(row.values[1])
        value = row.status.value if row.metrics is None else f"{row.metrics.total_cycles / 1e6:.3g}"
        assert written[place] == value
    squares, frames = axes.collections
    assert len(squares.get_facecolor()) == len(squares.get_paths()) == len(GRID.table.done)  # type: ignore[arg-type]
    assert len(frames.get_paths()) == sum(row.pareto for row in GRID.table.rows) > 1
    hatches = [patch.get_hatch() for patch in axes.patches if isinstance(patch, Rectangle)]
    assert sorted(hatches) == ["////", "xxxx"]
    assert {"refused", "failed", "on the Pareto front"} <= set(texts(figure))


def test_further_axes_are_maps_of_their_own_or_the_best() -> None:
    x, y, flow, _ = sweep_axes(FULL)
    panels, note = heat_panels(FULL, CYCLES, HeatView(x, y, (flow,)))
    assert [panel.label for panel in panels] == ["dataflow ws", "dataflow os"]
    assert note == ""
    assert sum(len(cell.rows) for panel in panels for cell in panel.cells.values()) == len(FULL.table.rows)
    deep = axis("depth", *range(6))

    def rule(values: dict[str, Scalar]) -> object:
        found = array_rule(values)
        return (
            found
            if isinstance(found, PointStatus)
            else made_metrics(found.total_cycles + int(values["depth"] or 0), 1.0)
        )

    stored = made_sweep((ROWS, COLUMNS, deep), rule)  # type: ignore[arg-type]
    x, y, more = sweep_axes(stored)
    (panel,), note = heat_panels(stored, CYCLES, HeatView(x, y, (more,)))
    assert note == "lowest over depth"
    best = min(row.metrics.total_cycles for row in stored.table.rows if row.values[:2] == (8, 16) and row.metrics)
    assert panel.shown[8, 16] == best
    best = heat_panels(stored, METRIC["utilisation"], HeatView(x, y, (more,)))[1]
    assert best == "highest over depth"
    assert any("lowest over depth" in text for text in texts(heat_figure(stored, CYCLES, HeatView(x, y, (more,)))))


def test_the_front_is_the_marked_points_in_steps() -> None:
    (pair,) = pairs_of(GRID)
    figure = pareto_figure(GRID)
    axes = figure.axes[0]
    (steps,) = [line for line in axes.lines if line.get_drawstyle() == "steps-post"]
    assert [x for x, _ in data(steps)] == pytest.approx([spot.x / 1e6 for spot in pair.front], rel=1e-12)
    assert [y for _, y in data(steps)] == pytest.approx([spot.y / 1e6 for spot in pair.front], rel=1e-12)
    assert {spot.row.point for spot in pair.front} == {row.point for row in GRID.table.rows if row.pareto}
    places = axes.collections[0].get_offsets()
    assert len(places) == len(GRID.table.done)  # type: ignore[arg-type]
    for (x, y), row in zip(places, GRID.table.done, strict=True):  # type: ignore[call-overload]
        assert row.metrics is not None
        assert (x * 1e6, y * 1e6) == pytest.approx((row.metrics.total_cycles, row.metrics.total_energy_pj), rel=1e-12)
    labels = {text.get_text() for text in axes.texts}
    assert {f"{row.values[0]}, {row.values[1]}" for row in GRID.table.rows if row.pareto} <= labels
    assert "without a place: 1 failed, 1 refused" in labels
    lost = [line.get_marker() for line in axes.lines if line.get_transform() == axes.transAxes]
    assert sorted(map(str, lost)) == ["X", "x"]


def test_more_is_better_turns_the_steps_round() -> None:
    goals = (ObjectiveInfo(metric="utilisation", goal="max"), ObjectiveInfo(metric="total_energy_pj", goal="min"))
    figure = pareto_figure(made_sweep((ROWS, COLUMNS), objectives=goals))
    assert any(line.get_drawstyle() == "steps-pre" for line in figure.axes[0].lines)
    assert figure.axes[0].get_xlabel() == "use of arrays (%), more is better"


def test_three_objectives_are_three_pairs_with_marks_alone() -> None:
    three = (*CYCLES_ENERGY, ObjectiveInfo(metric="utilisation", goal="max"))
    figure = pareto_figure(made_sweep((ROWS, COLUMNS), objectives=three))
    assert len(figure.axes) == 3
    assert not any(line.get_drawstyle().startswith("steps") for axes in figure.axes for line in axes.lines)


def test_bars_are_as_long_as_the_values_and_say_why_there_is_none() -> None:
    def rule(values: dict[str, Scalar]) -> object:
        if "mlp" in str(values["network"]) and values["dataflow"] == "os":
            return PointStatus.REFUSED
        return made_metrics(len(str(values["network"])) * 1000, 1e8)

    stored = made_sweep((NETWORK, DATAFLOW), rule)  # type: ignore[arg-type]
    figure = drawn(stored, "bars_total_cycles")
    axes = figure.axes[0]
    lengths = [patch.get_width() for container in axes.containers for patch in container]  # type: ignore[attr-defined]
    wanted = [row.metrics.total_cycles / 1e3 for row in stored.table.rows if row.metrics]
    assert lengths == pytest.approx(wanted)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["digits_conv", "digits_mlp", "spikepipe_vgg9"]
    shown = texts(figure)
    assert "refused: tensor of 96 KiB does not fit hardware.srams.0" in shown
    assert {"dataflow ws", "dataflow os", "refused"} <= set(shown)


def test_many_bars_keep_the_best() -> None:
    names = axis("name", *(f"variant_{index:03d}" for index in range(150)))
    stored = made_sweep((names,), lambda values: made_metrics(1000 + int(str(values["name"])[-3:]) * 7919 % 5000, 1.0))
    (own,) = sweep_axes(stored)
    bars, total = bars_of(stored, CYCLES, BarsView((own,), None))
    assert (len(bars), total) == (MAX_BARS, 150)
    cycles = sorted(row.metrics.total_cycles for row in stored.table.rows if row.metrics)
    assert sorted(bar.cell.mean for bar in bars) == cycles[:MAX_BARS]  # type: ignore[type-var]
    assert any("the 60 best of 150" in text for text in texts(bars_figure(stored, CYCLES, BarsView((own,), None))))


ODD: dict[str, Callable[[], StoredSweep]] = {
    "one": lambda: made_sweep((axis("rows", 32),)),
    "seeds": lambda: made_sweep((SEEDS,)),
    "refused": lambda: made_sweep((ROWS, COLUMNS), lambda _: PointStatus.REFUSED),
    "refused names": lambda: made_sweep((NETWORK,), lambda _: PointStatus.REFUSED),
    "failed one": lambda: made_sweep((axis("rows", 32),), lambda _: PointStatus.FAILED),
    "unknown": lambda: made_sweep(
        (ROWS,), lambda _: made_metrics(10, 1.0, None), objectives=(ObjectiveInfo(metric="area_um2", goal="min"),)
    ),
    "no axes": lambda: made_sweep(()),
    "buffers": lambda: made_sweep(
        (BUFFER, NETWORK), lambda v: made_metrics(int(str(v["weight_buffer"]).split()[0]), 1.0)
    ),
    "zeros": lambda: made_sweep((ROWS, COLUMNS), lambda _: made_metrics(1, 0.0, 0.0)),
    "long labels": lambda: made_sweep((axis("name", *("x" * 300 + str(i) for i in range(40))), ROWS), array_rule),
    "wide": lambda: made_sweep((axis("rows", *range(1, 300)),)),
    "all seven": lambda: made_sweep((ROWS, COLUMNS, DATAFLOW, BUFFER, axis("depth", 1, 2), axis("n", 1, 2), SEEDS)),
    "many refused": lambda: made_sweep((axis("name", *map(str, range(80, 180)), "x"),), lambda _: PointStatus.REFUSED),
    "formulas": lambda: made_sweep(
        (axis("name", "$x^2$", "$\\frac{", "a\nb", "$", "\\"),), lambda _: PointStatus.REFUSED
    ),
    "not finite": lambda: made_sweep(
        (axis("rows", 1.0),),
        lambda _: made_metrics(9, 1.0),
        points=[(1.0,), (float("inf"),), (float("nan"),), (10**400,)],
    ),
    "synthetic": lambda: made_sweep((ROWS, COLUMNS), synthetic=True, name="a_rather_long_name_of_a_sweep_of_arrays"),
}


@pytest.mark.parametrize("name", list(ODD))
def test_odd_sweeps_draw_and_stay_on_the_page(name: str) -> None:
    stored = ODD[name]()
    figures = figures_of_sweep(stored)
    assert figures
    for figure in figures:
        found = figure.draw()
        box, (width, height) = found.get_tightbbox(), found.get_size_inches()
        assert min(box.x0, box.y0, width - box.x1, height - box.y1) >= -0.02, figure.name
        assert ("synthetic activity" in texts(found)) == stored.info.synthetic
        if not stored.table.done:
            assert {"no point has a value", "no point has both values", "refused", "failed"} & set(texts(found))


def test_figures_are_chosen_by_the_axes() -> None:
    assert [figure.name for figure in figures_of_sweep(GRID)] == [
        "lines_total_cycles",
        "heat_total_cycles",
        "lines_total_energy_pj",
        "heat_total_energy_pj",
        "pareto",
    ]
    view = SweepView(metric="utilisation", x="columns", y="dataflow")
    figures = figures_of_sweep(FULL, view)
    assert [figure.name for figure in figures] == ["lines_utilisation", "heat_utilisation"]
    assert "array_size: use of arrays over columns and dataflow" in texts(figures[0].draw())
    by_flow = figures_of_sweep(FULL, SweepView(x="dataflow"))
    assert {figure.name for figure in by_flow} == {"bars_total_cycles", "bars_total_energy_pj"}
    assert figures_of_sweep(made_sweep((ROWS,), points=[])) == ()


@pytest.mark.parametrize(
    ("view", "message", "close"),
    [
        (SweepView(metric="total_cycels"), "unknown metric 'total_cycels'", "total_cycles"),
        (SweepView(x="row"), "no axis 'row' in this sweep", "rows"),
        (SweepView(y="colums"), "no axis 'colums' in this sweep", "columns"),
        (SweepView(x="rows", y="rows"), "'rows' cannot be both --x and --y", None),
    ],
)
def test_wrong_choices_are_refused(view: SweepView, message: str, close: str | None) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        figures_of_sweep(GRID, view)
    assert caught.value.nearest == close


def test_a_metric_that_no_point_has_is_refused_with_those_that_are_there() -> None:
    stored = made_sweep((ROWS,), lambda _: made_metrics(10, 1.0, None))
    with pytest.raises(ConfigError, match="no point of this sweep has 'accuracy'") as caught:
        figures_of_sweep(stored, SweepView(metric="accuracy"))
    assert set(caught.value.allowed) == set(METRICS) - {"accuracy", "area_um2"}


def test_names_and_kinds_choose() -> None:
    def names(*only: str) -> list[str]:
        return [figure.name for figure in sweep_figures_named(GRID, SweepView(), only)]

    assert names("heat", "pareto") == ["heat_total_cycles", "heat_total_energy_pj", "pareto"]
    assert names("lines_total_cycles") == ["lines_total_cycles"]
    with pytest.raises(ConfigError, match="no figure 'bars' of this sweep"):
        names("bars")
    with pytest.raises(ConfigError, match="has no points yet"):
        sweep_figures_named(made_sweep((ROWS,), points=[]), SweepView(), ())


def test_files_are_the_same_every_time(tmp_path: Path) -> None:
    stored = made_sweep((ROWS, COLUMNS), objectives=CYCLES_ENERGY[:1])
    first, second = write_sweep_figures(stored, tmp_path / "a"), write_sweep_figures(stored, tmp_path / "b")
    assert [path.name for path in first] == ["lines_total_cycles.png", "heat_total_cycles.png"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_a_line_of_the_view_without_series() -> None:
    stored = made_sweep((ROWS,))
    (own,) = sweep_axes(stored)
    figure = lines_figure(stored, CYCLES, LinesView(own, None, (), False, True))
    assert len(curves(figure.axes[0])) == 1


@pytest.mark.parametrize("x", [None, "rows", "columns", "dataflow", "seed"])
def test_every_choice_of_axes_draws_every_point(x: str | None) -> None:
    for y in (None, "rows", "columns", "dataflow", "seed"):
        if x is not None and x == y:
            continue
        for figure in figures_of_sweep(FULL, SweepView(metric="total_cycles", x=x, y=y)):
            found = figure.draw()
            box, (width, height) = found.get_tightbbox(), found.get_size_inches()
            assert min(box.x0, box.y0, width - box.x1, height - box.y1) >= -0.02, (figure.name, y)
            assert "90 points: 78 ok, 6 failed, 6 refused" in " ".join(texts(found))
            lost = {"refused", "failed"}, {"* without points that were refused or failed"}  # the latter of merged cells
            assert any(words <= set(texts(found)) for words in lost), (figure.name, y)
