"""The density figure shows the report's rates, cell by cell, and leaves blank what was not recorded."""

from __future__ import annotations

import numpy as np
from matplotlib.text import Text

from simsnn.viz.density import Densities, density_figure
from tests.naive.reports import make_report

RATES = {
    "conv1.input": 0.2,
    "conv1.output": 0.1,
    "conv1.gradient_pool": 0.9,
    "conv1.gradient_surrogate": 0.3,
    "conv1.gradient_synapse": 0.5,
    "fc.input": 0.105,
    "fc.gradient_synapse": 0.001,
}
REPORT = make_report()
REPORT = REPORT.model_copy(update={"activity": REPORT.activity.model_copy(update={"rates": RATES})})


def test_rates_become_a_table_in_chain_order() -> None:
    found = Densities.of(REPORT)
    assert found.layers == ("conv1", "fc")
    assert found.columns == ("input", "output", "gradient_pool", "gradient_surrogate", "gradient_synapse")
    assert np.array_equal(found.values[0], [0.2, 0.1, 0.9, 0.3, 0.5])
    assert np.array_equal(np.isnan(found.values[1]), [False, True, True, True, False])


def test_every_cell_is_printed_and_nothing_else() -> None:
    axes = density_figure(REPORT).axes[0]
    cells = [text.get_text() for text in axes.texts if isinstance(text, Text)]
    assert cells == ["20%", "10%", "90%", "30%", "50%", "10%", "<1%"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["conv1", "fc"]


def test_a_report_without_activity_still_draws() -> None:
    empty = REPORT.model_copy(update={"activity": REPORT.activity.model_copy(update={"rates": {}})})
    assert not density_figure(empty).axes[0].texts
