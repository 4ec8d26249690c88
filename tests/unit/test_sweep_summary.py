"""Mean and spread over seeds."""

from __future__ import annotations

import csv
import io
import statistics

import pytest

from simsnn.results.sweep_table import AxisInfo, PointStatus, SweepRow, SweepTable
from simsnn.sweep.summary import summary_of
from tests.sweep_files import metrics

AXES = (
    AxisInfo(name="rows", paths=("hardware.arrays.0.rows",), values=(8, 16)),
    AxisInfo(name="seed", paths=("seed",), values=(0, 1, 2), seed=True),
)


def table(*cells: tuple[int, int, float | None]) -> SweepTable:
    rows = [
        SweepRow(i, f"{i}", (size, seed), PointStatus.OK, "", metrics(int(value), value, value / 100))
        if value is not None
        else SweepRow(i, f"{i}", (size, seed), PointStatus.REFUSED, "no")
        for i, (size, seed, value) in enumerate(cells)
    ]
    return SweepTable(("rows", "seed"), tuple(rows))


def test_repetitions_become_mean_and_sample_deviation() -> None:
    found = summary_of(table((8, 0, 1.0), (8, 1, 2.0), (8, 2, 4.0), (16, 0, 5.0), (16, 1, None)), AXES)
    assert found is not None
    text = list(csv.DictReader(io.StringIO(found.to_csv())))
    assert [(line["rows"], line["repetitions"]) for line in text] == [("8", "3"), ("16", "1")]
    assert float(text[0]["total_energy_pj"]) == statistics.fmean([1, 2, 4])
    assert float(text[0]["total_energy_pj_std"]) == pytest.approx(statistics.stdev([1, 2, 4]), rel=1e-15)
    assert (float(text[1]["total_cycles"]), float(text[1]["total_cycles_std"])) == (5, 0)


def test_a_design_that_never_ran_has_no_numbers() -> None:
    found = summary_of(table((8, 0, None), (8, 1, None)), AXES)
    assert found is not None
    assert found.rows[0].repetitions == 0
    assert {spread.mean for spread in found.rows[0].spreads} == {None}


def test_without_seeds_there_is_no_summary() -> None:
    assert summary_of(SweepTable(("rows",), ()), AXES[:1]) is None
