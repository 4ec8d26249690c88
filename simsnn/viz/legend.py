"""Legend over the axes, from the left edge of the page, in as many columns as fit."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.transforms import blended_transform_factory

from simsnn.viz.style import WIDTH_INCHES

_LINE_INCHES, _CHARACTER_INCHES, _HANDLE_INCHES = 0.15, 0.057, 0.36


def columns(labels: Sequence[str]) -> int:
    """Columns that fit the page when each is as wide as the longest label."""
    longest = max(map(len, labels), default=1)
    return max(1, min(len(labels), int((WIDTH_INCHES - 0.2) / (longest * _CHARACTER_INCHES + _HANDLE_INCHES))))


def legend_inches(labels: Sequence[str]) -> float:
    """Height that the legend needs above the axes."""
    return 0.1 + _LINE_INCHES * -(-len(labels) // columns(labels))


def draw_legend(axes: Axes, handles: Sequence[Artist], labels: Sequence[str], above_inches: float = 0.0) -> None:
    """Draw handles with their labels, so far above the axes; nothing where there are none."""
    figure = axes.figure
    if not labels:
        return
    height = axes.get_position().height * figure.get_figheight()  # type: ignore[union-attr]
    axes.legend(
        handles,
        labels,
        loc="lower left",
        bbox_to_anchor=(0.1 / WIDTH_INCHES, 1.0 + above_inches / height),
        bbox_transform=blended_transform_factory(figure.transFigure, axes.transAxes),
        ncols=columns(labels),
        borderaxespad=0.2,
        borderpad=0.0,
        columnspacing=1.2,
    )
