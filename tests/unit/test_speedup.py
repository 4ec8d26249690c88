"""The speed-up figure has a panel per network, a line per array size, every point and every cap."""

from __future__ import annotations

import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Text

from simsnn.viz.speedup import COLOURS, SpeedupCurve, Speedups, speedup_figure
from simsnn.viz.style import INK

PROCESSORS = tuple(range(2, 11))


def curve(network: str, array: str, cap: float | None, gain: float = 0.1) -> SpeedupCurve:
    return SpeedupCurve(network, array, PROCESSORS, tuple(min(cap or 9.0, 1 + gain * p) for p in PROCESSORS), cap)


CONTENT = Speedups(
    "title",
    "subtitle",
    "footer",
    "speed-up over PipeDream",
    (
        curve("mlp", "16x16", 2.0),
        curve("mlp", "32x32", 2.0, 0.15),
        curve("cnn", "16x16", 3.0, 0.25),
        curve("cnn", "32x32", None, 0.2),
        curve("vgg", "16x16", None, -0.02),
        curve("net", "64x64", None),
    ),
)


def test_panels_and_lines() -> None:
    figure = speedup_figure(CONTENT)
    assert [axes.get_title("left") for axes in figure.axes] == ["mlp", "cnn", "vgg", "net"]
    for axes in figure.axes:
        wanted = [c for c in CONTENT.curves if c.network == axes.get_title("left")]
        lines = [line for line in axes.lines if len(line.get_xdata()) == len(PROCESSORS)]  # type: ignore[arg-type]
        assert [tuple(line.get_ydata()) for line in lines] == [c.speedups for c in wanted]  # type: ignore[arg-type]
        colours = [COLOURS[CONTENT.arrays.index(c.array)].lower() for c in wanted]
        assert [to_hex(line.get_color()) for line in lines] == colours


def test_caps_are_drawn_once_in_the_colour_of_their_line_or_black() -> None:
    mlp, cnn, *_ = speedup_figure(CONTENT).axes
    for axes, value, colour in ((mlp, 2.0, INK), (cnn, 3.0, COLOURS[0])):
        caps = [line for line in axes.lines if list(line.get_ydata()) == [value, value]]  # type: ignore[arg-type]
        assert [to_hex(line.get_color()) for line in caps] == [colour.lower()]
        assert f"{value:.3g}" in [text.get_text() for text in axes.texts]


def test_every_point_and_cap_is_inside_and_axes_are_shared() -> None:
    figure = speedup_figure(CONTENT)
    assert len({(axes.get_xlim(), axes.get_ylim()) for axes in figure.axes}) == 1
    low, high = figure.axes[0].get_ylim()
    values = [v for c in CONTENT.curves for v in (*c.speedups, c.cap or 1.0)]
    assert low < min(values) <= max(values) < high


@pytest.mark.parametrize("count", [1, 2, 6])
def test_nothing_leaves_the_page(count: int) -> None:
    figure = speedup_figure(Speedups("t", "s", "f", "speed-up over PipeDream", CONTENT.curves[:count]))
    box = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert min(box.x0, box.y0, width - box.x1, height - box.y1) >= 0
    shown = [text.get_text() for text in figure.findobj(Text) if isinstance(text, Text)]
    assert {"t", "s", "f", "cap", "as fast as the baseline", "processors"} <= set(shown)


def test_mean_is_over_the_processors() -> None:
    assert SpeedupCurve("n", "a", (2, 3, 4), (1.0, 1.5, 2.0)).mean == 1.5
