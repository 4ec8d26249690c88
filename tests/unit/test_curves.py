"""Curves on logarithmic axes: looks, marks, repeatable bytes."""

from __future__ import annotations

from pathlib import Path

from simsnn.viz.curves import Curve, CurvePanel, Curves, Mark, curves_figure
from simsnn.viz.style import save

PANEL = CurvePanel(
    "one",
    (Curve("a", (4, 8, 16), (10, 20, 40)), Curve("b", (4, 8, 16), (5, 25, 100), dashed=True)),
    (Mark(8, "T* 8"), Mark(300, "outside")),
)
CONTENT = Curves("title", "subtitle", "footer", "T", "cycles", (PANEL, CurvePanel("two", PANEL.curves[:1])))


def test_axes_lines_and_marks() -> None:
    figure = curves_figure(CONTENT)
    first, second, legend = figure.axes
    assert first.get_xscale() == first.get_yscale() == "log"
    assert len(first.lines) == 3  # two curves and the one mark that lies inside
    assert [text.get_text() for text in first.texts] == ["T* 8"]
    assert len(second.lines) == 1
    assert first.lines[0].get_color() == second.lines[0].get_color() != first.lines[1].get_color()
    assert first.lines[1].get_marker() == "None"
    assert [text.get_text() for text in legend.get_legend().get_texts()] == ["a", "b"]


def test_the_same_bytes_every_time(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        save(curves_figure(CONTENT), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
