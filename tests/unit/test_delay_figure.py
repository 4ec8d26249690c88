"""Accuracy against delay: every point and its spread is drawn, the legend names the curves once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from simsnn.viz.delay import DelayContent, DelayCurve, DelayPanel, DelayPoint, delay_figure
from simsnn.viz.style import save

PLAIN = DelayPoint(0, 97.0, 96.5, 97.5)
ONE = DelayCurve("1F1B", (DelayPoint(2, 96.0, 95.0, 96.5),))
TWO = DelayCurve("retimed", (DelayPoint(2, 95.0, 94.0, 96.0), DelayPoint(4, 90.0, 80.0, 95.0)))
CONTENT = DelayContent(
    "title",
    "subtitle",
    "footer",
    (
        DelayPanel("net a", PLAIN, 1.0, (ONE, TWO)),
        DelayPanel("net b", PLAIN, 10.0, (TWO,)),
        DelayPanel("c", PLAIN, 1, ()),
    ),
)


def test_every_mean_is_drawn_with_its_spread() -> None:
    first = delay_figure(CONTENT).axes[0]
    means = sorted(container.lines[0].get_ydata().tolist() for container in first.containers)
    assert means == [[95.0, 90.0], [96.0], [97.0]]
    spreads = [segment[:, 1] for c in first.containers for bars in c.lines[2] for segment in bars.get_segments()]
    expected = [[96.5, 97.5], [95.0, 96.5], [94.0, 96.0], [80.0, 95.0]]
    np.testing.assert_allclose(sorted(map(tuple, spreads)), sorted(map(tuple, expected)))
    low, high = first.get_ylim()
    assert low < 80 < 97.5 < high


def test_equal_delays_do_not_hide_one_another() -> None:
    first = delay_figure(CONTENT).axes[0]
    places = [container.lines[0].get_xdata()[0] for container in first.containers]
    assert places[0] == 0
    assert places[1] != places[2]
    assert places[1:] == pytest.approx([2, 2], abs=0.3)


def test_the_legend_names_every_curve_once() -> None:
    figure = delay_figure(CONTENT)
    legends = [axes.get_legend() for axes in figure.axes if axes.get_legend() is not None]
    assert [[text.get_text() for text in legend.get_texts()] for legend in legends] == [
        ["1F1B", "retimed", "no delay", "accepted loss"]
    ]
    assert [axes.get_title(loc="left") for axes in figure.axes[:3]] == ["net a", "net b", "c"]


def test_the_same_bytes_every_time(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        save(delay_figure(CONTENT), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
