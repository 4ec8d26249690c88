"""Panels of curves: every point is drawn, one legend names each curve once, equal input gives equal bytes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from simsnn.viz.curves import Curve, CurvePanel, Curves, Mark, curves_figure
from simsnn.viz.style import save

ONE, TWO = Curve("one", (1.0, 2.0, 4.0), (3.0, 5.0, 1.0)), Curve("two", (2.0,), (7.0,))
LINES = CurvePanel("lines", "T", "KiB", (ONE, TWO), x_log=True, y_log=True)
STEPS = CurvePanel("steps", "cycles", "KiB", (ONE,), kind="steps")
POINTS = CurvePanel("points", "cycles", "KiB", (TWO, ONE), kind="points")
CONTENT = Curves("title", "subtitle", "footer", (LINES, STEPS, POINTS))


def test_every_point_is_drawn_and_within_the_axes() -> None:
    for panel, axes in zip(CONTENT.panels, curves_figure(CONTENT).axes, strict=False):
        drawn = [(tuple(line.get_xdata()), tuple(line.get_ydata())) for line in axes.lines]
        assert drawn == [(curve.x, curve.y) for curve in panel.curves]
        left, right = axes.get_xlim()
        low, high = axes.get_ylim()
        assert left <= 1.0 < 4.0 <= right
        assert low <= 1.0 < max(y for curve in panel.curves for y in curve.y) <= high
        assert axes.get_title(loc="left") == panel.title


def test_kinds_and_scales() -> None:
    lines, steps, points = curves_figure(CONTENT).axes[:3]
    assert (lines.get_xscale(), lines.get_yscale()) == ("log", "log")
    assert (steps.get_xscale(), steps.get_yscale()) == ("linear", "linear")
    assert steps.lines[0].get_drawstyle() == "steps-post"
    assert steps.lines[0].get_marker() == "none"
    assert points.lines[0].get_linestyle() == "None"
    assert lines.lines[0].get_linestyle() == "-"


def test_a_curve_looks_the_same_in_every_panel_and_is_named_once() -> None:
    figure = curves_figure(CONTENT)
    assert figure.axes[0].lines[1].get_color() == figure.axes[2].lines[0].get_color()
    legends = [axes.get_legend() for axes in figure.axes if axes.get_legend() is not None]
    assert [[text.get_text() for text in legend.get_texts()] for legend in legends] == [["one", "two"]]


@pytest.mark.parametrize("count", [9, 18])
def test_many_curves_stay_apart(count: int) -> None:
    curves = tuple(Curve(f"c{i}", (1.0,), (float(i + 1),)) for i in range(count))
    axes = curves_figure(replace(CONTENT, panels=(replace(POINTS, curves=curves),))).axes[0]
    looks = {(line.get_color(), line.get_marker(), line.get_markerfacecolor()) for line in axes.lines}
    assert len(looks) == count


def test_the_same_bytes_every_time(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        save(curves_figure(CONTENT), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_dashes_and_marks() -> None:
    dashed = replace(TWO, x=(1.0, 4.0), y=(2.0, 3.0), dashed=True)
    marked = replace(LINES, curves=(ONE, dashed), marks=(Mark(2.0, "T* 2"), Mark(9.0, "outside")))
    axes = curves_figure(replace(CONTENT, panels=(marked,))).axes[0]
    assert len(axes.lines) == 3  # two curves and the one mark that lies inside
    assert [text.get_text() for text in axes.texts] == ["T* 2"]
    assert [line.get_marker() for line in axes.lines[:2]] == ["o", "none"]
    assert axes.lines[1].get_linestyle() == "--"
