"""The grid figure: a bar for every combination that ran, a cross for every refused one, one scale per row."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.patches import Rectangle

from simsnn.viz.grid import Grid, GridBar, Quantity, grid_figure
from simsnn.viz.style import save

QUANTITIES = (Quantity("cycles", ""), Quantity("energy", "J", 1e-12))
BARS = tuple(
    GridBar(machine, schedule, neuron, None if (machine, neuron) == ("n", "b") else (1e3 * i, 2e9 * i))
    for i, (machine, schedule, neuron) in enumerate(
        ((m, s, n) for m in "mn" for s in ("one", "two") for n in "ab"), start=1
    )
)
CONTENT = Grid("title", "subtitle", "footer", QUANTITIES, BARS)


def test_every_combination_is_drawn_where_it_belongs() -> None:
    figure = grid_figure(CONTENT)
    panels = figure.axes
    assert [axes.get_title(loc="left") for axes in panels] == ["m", "n", "", ""]
    heights = [[bar.get_height() for bar in axes.patches if isinstance(bar, Rectangle)] for axes in panels]
    assert heights == [[1, 2, 3, 4], [5, 7], [2, 4, 6, 8], [10, 14]]  # k, and mJ
    crosses = [[line for line in axes.lines if line.get_marker() == "x"] for axes in panels]
    assert [len(found) for found in crosses] == [0, 2, 0, 2]
    assert panels[0].get_ylim() == panels[1].get_ylim()
    assert panels[2].get_ylabel() == "energy\n[mJ]"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "b", "refused by an engine"]


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_the_figure_can_be_saved(tmp_path: Path, suffix: str) -> None:
    save(grid_figure(CONTENT), tmp_path / f"grid{suffix}")
    assert (tmp_path / f"grid{suffix}").stat().st_size > 1000
