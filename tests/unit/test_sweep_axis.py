"""Axes, cells and metrics behind the figures of sweeps."""

from __future__ import annotations

import pytest

from simsnn.results.sweep_table import METRICS, PointStatus, Scalar
from simsnn.viz.sweep_axis import apart, sweep_axes
from simsnn.viz.sweep_cells import cells_of
from simsnn.viz.sweep_figures import figures_of_sweep
from simsnn.viz.sweep_metric import METRIC, logarithmic
from tests.naive.sweeps import COLUMNS, ROWS, SEEDS, axis, made_metrics, made_sweep
from tests.unit.test_sweep_figures import texts

CYCLES = METRIC["total_cycles"]


def test_every_metric_of_a_table_can_be_shown() -> None:
    assert set(METRIC) == set(METRICS)
    assert METRIC["area_um2"].text(3.5e6) == "3.5 mm²"
    assert METRIC["accuracy"].text(0.986) == "98.6 %"
    assert METRIC["total_energy_pj"].text(2.5e6) == "2.50 µJ"
    assert METRIC["time_ns"].axis_label(METRIC["time_ns"].scale([2e6])) == "time (ms)"
    assert logarithmic([1, 1000])
    assert not logarithmic([0, 1000])
    assert not logarithmic([])


@pytest.mark.parametrize(
    ("values", "numbers", "labels", "logarithmic"),
    [
        ((8, 16, 32, 64), (8, 16, 32, 64), ("8", "16", "32", "64"), True),
        ((3, 1, 2), (1, 2, 3), ("1", "2", "3"), False),
        (("64 KiB", "1 MiB", "32 KiB"), (32768, 65536, 1048576), ("32 KiB", "64 KiB", "1 MiB"), True),
        (("1 GHz", "500 MHz"), (5e8, 1e9), ("500 MHz", "1 GHz"), False),
        (("1 GHz", "5 ns"), None, ("1 GHz", "5 ns"), False),
        ((0.5, 0.25), (0.25, 0.5), ("0.25", "0.5"), False),
        ((True, False), None, ("true", "false"), False),
        ((None, 4), None, ("none", "4"), False),
        (("a/x.yaml", "b/y.yaml"), None, ("x", "y"), False),
        (("a/x.yaml", "b/x.yaml"), None, ("a/x.yaml", "b/x.yaml"), False),
        ((0, 1, 10, 100), (0, 1, 10, 100), ("0", "1", "10", "100"), False),
        (("",), None, ("(empty)",), False),
    ],
)
def test_axes_are_numbers_where_they_can_be(
    values: tuple[Scalar, ...], numbers: tuple[float, ...] | None, labels: tuple[str, ...], logarithmic: bool
) -> None:
    (found,) = sweep_axes(made_sweep((axis("rows", *values),), lambda _: made_metrics(10, 1.0)))
    assert found.numbers == numbers
    assert found.labels == labels
    assert found.logarithmic is logarithmic
    if numbers:
        assert [found.place(value) for value in found.values] == list(numbers)
        assert {0, len(numbers) - 1} <= set(apart(found))


def test_cells_count_what_is_lost() -> None:
    outcomes = {0: PointStatus.OK, 1: PointStatus.REFUSED, 2: PointStatus.FAILED}

    def rule(values: dict[str, Scalar]) -> object:
        found = outcomes[int(values["seed"] or 0)]
        return made_metrics(100, 1.0, None) if found is PointStatus.OK else found

    stored = made_sweep((ROWS, SEEDS), rule)  # type: ignore[arg-type]
    rows, _ = sweep_axes(stored)
    cell = cells_of(stored, CYCLES, (rows,))[8,]
    assert (cell.mean, cell.lost, cell.count(PointStatus.REFUSED), cell.count(PointStatus.FAILED)) == (100, None, 1, 1)
    unknown = cells_of(stored, METRIC["area_um2"], (rows,))[8,]
    assert (unknown.mean, unknown.unknown, unknown.lost) == (None, 1, PointStatus.FAILED)
    assert "*" in "".join(texts(figures_of_sweep(made_sweep((ROWS, COLUMNS, SEEDS), _some_lost))[1].draw()))


def _some_lost(values: dict[str, Scalar]) -> object:
    return PointStatus.FAILED if values["seed"] == 1 else made_metrics(int(values["rows"] or 1), 1.0)
