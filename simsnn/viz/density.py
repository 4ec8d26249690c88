"""How dense gradients are along the backward chain of every layer, beside its spikes.

A cell is the share of elements that are not exactly zero: spikes in and out, and the gradient
after each point of the chain pool -> surrogate -> time carry -> normalisation -> synapse
(docs/machines section 5). What was not recorded stays blank. Proof: ``tests/unit/test_density.py``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from simsnn.results.prefix import percent
from simsnn.results.report import Report
from simsnn.viz.bars import CLOSE_ROW_INCHES, MANY_ROWS, ROW_INCHES
from simsnn.viz.style import INK, Panel, page, shortened, style

COLUMNS = (
    ("input", "spikes\nin"),
    ("output", "spikes\nout"),
    ("surrogate", "surrogate\nnot zero"),
    ("gradient_pool", "gradient\nafter pool"),
    ("gradient_surrogate", "after\nsurrogate"),
    ("gradient_time_carry", "after\ntime carry"),
    ("gradient_normalisation", "after nor-\nmalisation"),
    ("gradient_synapse", "at the\nsynapse"),
    ("needed", "input grad.\nneeded"),
)
"""Key in the report's rates and heading of every column."""

_DARK = 0.55


@dataclass(frozen=True)
class Densities:
    """Rates of a report as a table: layers down, points of the chain across; NaN where not recorded."""

    layers: tuple[str, ...]
    columns: tuple[str, ...]
    values: NDArray[np.float64]

    @classmethod
    def of(cls, report: Report) -> Densities:
        """Layers in network order, columns that any layer has."""
        rates = report.activity.rates
        layers = tuple(dict.fromkeys(name.rpartition(".")[0] for name in rates))
        columns = tuple(key for key, _ in COLUMNS if any(f"{layer}.{key}" in rates for layer in layers))
        values = [[rates.get(f"{layer}.{key}", np.nan) for key in columns] for layer in layers]
        return cls(layers, columns, np.array(values, np.float64).reshape(len(layers), len(columns)))


@style()
def density_figure(report: Report) -> Figure:
    """Draw the densities of every layer, first layer on top, the numbers in the cells."""
    found = Densities.of(report)
    rows = max(len(found.layers), 1)
    height = rows * (ROW_INCHES if rows <= MANY_ROWS else CLOSE_ROW_INCHES)
    labels = tuple(shortened(layer) for layer in found.layers)
    title = "spikes and gradients that are not zero"
    drawn = page(report, title, labels or (" ",), (Panel(0.32, height, 0.1),))
    if found.columns:
        _draw(drawn.axes[0], found, labels)
    return drawn.figure


def _draw(axes: Axes, found: Densities, labels: tuple[str, ...]) -> None:
    axes.imshow(np.ma.masked_invalid(found.values), cmap="YlGnBu", vmin=0, vmax=1, aspect="auto")
    headings = dict(COLUMNS)
    axes.set_xticks(range(len(found.columns)), [headings[key] for key in found.columns], size=6.5)
    axes.xaxis.tick_top()
    axes.set_yticks(range(len(labels)), labels)
    axes.tick_params(length=0)
    for (row, column), value in np.ndenumerate(found.values):
        if not np.isnan(value):
            colour = "white" if value > _DARK else INK
            axes.text(column, row, percent(float(value)), ha="center", va="center", size=6, color=colour)
    for spine in axes.spines.values():
        spine.set_visible(False)
