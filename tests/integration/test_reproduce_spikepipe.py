"""``simsnn reproduce spikepipe`` in small: one cell, its schedules' claims, its tables."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simsnn.reproduction.outcome import Standing
from simsnn.reproduction.registry import REPRODUCTIONS
from simsnn.reproduction.spikepipe_accuracy import AccuracyStudy
from simsnn.reproduction.spikepipe_cells import Cell, Workload, measure_cell
from simsnn.reproduction.spikepipe_claims import published_claims
from simsnn.reproduction.spikepipe_communication import CONNECTED, CONVOLUTIONS, Communication, split_bytes
from simsnn.reproduction.spikepipe_exact import equal_stages, formula_claims
from simsnn.reproduction.spikepipe_tables import cell_table, point_table

SMALL = Workload("mlp", "spikepipe_mlp", 4)
COUNTS = (2, 3, 8, 9, 10)


@pytest.fixture(scope="module")
def cell() -> Cell:
    return measure_cell(SMALL, 16, COUNTS)


def test_it_is_registered() -> None:
    assert "spikepipe" in REPRODUCTIONS.names()


def test_a_cell_has_every_point_and_no_point_loses(cell: Cell) -> None:
    assert [point.processors for point in cell.points] == list(COUNTS)
    for point in cell.points:
        assert point.speedup >= 1
        assert point.kept == min(point.contiguous, point.search)
        assert float(point.search) >= point.lower * 0.999
    assert cell.best.speedup == max(point.speedup for point in cell.points)


def test_more_processors_than_tasks_change_nothing(cell: Cell) -> None:
    nine, ten = cell.points[-2:]
    assert ten == replace(nine, processors=10)


def test_tables_have_a_row_per_point_and_per_cell(cell: Cell) -> None:
    assert len(point_table((cell,)).rows) == len(COUNTS)
    row = cell_table((cell,)).rows[0]
    assert row[:2] == ("mlp", 16)
    assert row[-1] == cell.mean


def test_formulas_of_equal_stages_hold() -> None:
    claims = formula_claims()
    assert all(claim.passed for claim in claims)
    assert {claim.standing for claim in claims} == {Standing.EXACT}


def test_a_formula_that_is_off_by_one_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simsnn.reproduction.spikepipe_exact.gpipe_stash", lambda batches: batches + 1)
    failed = [claim.id for claim in formula_claims() if not claim.passed]
    assert failed == ["exact.stashes"]


def test_bytes_of_a_chain_split_over_three_processors() -> None:
    """Three layers, all tensors 100 bytes: weights to F and B; two hops each way, masks and gradients in a layer."""
    assert split_bytes(equal_stages(3)) == (600, 1000)


def test_claims_say_where_they_miss(cell: Cell) -> None:
    found = tuple(
        Communication(workload.name, 64, 6, extra, 1000, extra, 1000)
        for workload, extra in ((CONVOLUTIONS, 4), (CONNECTED, 400))
    )
    claims = {claim.id: claim for claim in published_claims((cell,), found, AccuracyStudy((), ("deep: no data",)))}
    assert claims["overhead.convolutions"].passed
    assert claims["overhead.connected"].passed
    assert claims["accuracy.small"].value is None
    assert not claims["accuracy.small"].passed
    assert "deep: no data" in claims["accuracy.small"].note
    assert claims["speedup.mean"].value == pytest.approx(cell.mean)
