"""A comparison draws one bar per value, as long as the value, and says it in numbers."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.patches import Rectangle

from simsnn.viz.comparison import Band, Comparison, Series, comparison_figure
from simsnn.viz.figures import save

CONTENT = Comparison(
    "title",
    "subtitle",
    "footer",
    ("net a", "net b"),
    (Series("eager", (5.0, 7.25)), Series("roofline", (2.0, None))),
    "speed-up",
    (Band(5.74, 10.2, "published"),),
)


def test_bars_have_the_length_of_their_values_and_missing_ones_are_left_out() -> None:
    axes = comparison_figure(CONTENT).axes[0]
    bars = [p.get_width() for p in axes.patches if isinstance(p, Rectangle) and p.get_height() == pytest.approx(0.82)]
    assert bars == [5.0, 7.25, 2.0]
    assert [text.get_text() for text in axes.texts] == ["5", "7.25", "2"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["net a", "net b"]


def test_the_legend_names_series_and_bands() -> None:
    legend = comparison_figure(CONTENT).axes[0].get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["eager", "roofline", "published"]


def test_the_same_bytes_every_time(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        save(comparison_figure(CONTENT), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
