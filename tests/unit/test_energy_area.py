"""Area: synthesized rows exact, other widths by the recorded rule, unknown units refused."""

from __future__ import annotations

from itertools import pairwise

import pytest

from simsnn.energy.area import AreaModel, area_rows, listed_area_rows
from simsnn.energy.model import PricedSram
from simsnn.energy.parts import AreaPart, AreaUnit
from simsnn.energy.sram_table import sram_table
from simsnn.engines.base import DatapathWidths
from simsnn.engines.vector_unit import VectorUnit
from simsnn.engines.vector_unit_config import VectorUnitConfig
from simsnn.errors import MissingPrice

GRID = sram_table("cacti7_lstp", 45.0)
AREAS = AreaModel.of(45, GRID)


def test_synthesized_rows_come_back_exactly():
    for row in area_rows():
        assert AREAS.unit_um2(row.unit, row.widths) == row.value_um2
    assert AREAS.unit_um2(AreaUnit.MAC_PE, (8, 8, 32)) == 1206
    assert AREAS.unit_um2(AreaUnit.GATED_ADD_PE, (8, 24)) == 304
    assert {row.unit for row in area_rows()} == set(AreaUnit) - {AreaUnit.ROW_MEMORY}


@pytest.mark.parametrize("unit", [u for u in AreaUnit if u is not AreaUnit.ROW_MEMORY])
def test_areas_grow_with_every_width(unit):
    stored = next(row.widths for row in area_rows() if row.unit is unit)
    for position in range(len(stored)):
        grown = [AREAS.unit_um2(unit, (*stored[:position], w, *stored[position + 1 :])) for w in range(1, 11)]
        assert all(0 < a < b for a, b in pairwise(grown))


def test_a_wider_pe_scales_with_its_composition():
    add, register = AREAS.unit_um2(AreaUnit.ADD, (32,)), AREAS.unit_um2(AreaUnit.REGISTER, (1,))
    small = AREAS.unit_um2(AreaUnit.MULTIPLY, (8, 8)) + add + 48 * register
    large = AREAS.unit_um2(AreaUnit.MULTIPLY, (16, 16)) + add + 64 * register
    assert AREAS.unit_um2(AreaUnit.MAC_PE, (16, 16, 32)) == pytest.approx(1206 * large / small)


def test_row_memory_is_two_half_banks_or_flip_flops():
    assert AREAS.unit_um2(AreaUnit.ROW_MEMORY, (1024, 32)) == pytest.approx(2 * GRID.bank(2048, 32).area_um2)
    assert AREAS.unit_um2(AreaUnit.ROW_MEMORY, (1024, 24)) == AREAS.unit_um2(AreaUnit.ROW_MEMORY, (1024, 32))
    assert AREAS.unit_um2(AreaUnit.ROW_MEMORY, (16, 32)) == pytest.approx(16 * 145.0)


@pytest.mark.parametrize(
    ("unit", "widths"),
    [(AreaUnit.ADD, (33,)), (AreaUnit.ADD, (8, 8)), (AreaUnit.MULTIPLY, (8, 0)), (AreaUnit.MAC_PE, (8, 8, 64))],
)
def test_unknown_widths_are_refused(unit, widths):
    with pytest.raises(MissingPrice, match=unit.value):
        AREAS.unit_um2(unit, widths)


def test_other_nodes_scale_logic_by_the_recorded_factor_and_refuse_without_one():
    scaled = AreaModel.of(32, sram_table("cacti7_lstp", 32.0))
    assert scaled.unit_um2(AreaUnit.MAC_PE, (8, 8, 32)) == pytest.approx(0.46 * 1206)
    assert any("Stillmaker" in source for source in scaled.info().sources)
    with pytest.raises(MissingPrice, match="65 nm"):
        AreaModel.of(65, GRID)


def test_machine_area_is_the_sum_over_components():
    config = VectorUnitConfig(
        name="vector0", lanes=4, ops_per_cycle=2, pipeline_cycles=3, order="t_inner", block_slots=8
    )
    parts = (
        *VectorUnit(config).area_parts(DatapathWidths(8, 8, 8, 16)),
        AreaPart("array0", AreaUnit.MAC_PE, (8, 8, 32), 64),
    )
    sram = PricedSram("weight_buffer", 64, 8, GRID.bank(8192, 64))
    areas = dict(AREAS.area_um2(parts, (sram,)))
    register = 145 / 32
    assert areas["vector0"] == pytest.approx(8 * (476 + 39) + 4 * 3 * 8 * register + 4 * 8 * 16 * register)
    assert areas["array0"] == 64 * 1206
    assert areas["weight_buffer"] == pytest.approx(8 * GRID.bank(8192, 64).area_um2)
    assert list(areas) == sorted(areas)


def test_rows_are_listed_with_their_source():
    rows = listed_area_rows()
    assert len(rows) == len(area_rows())
    assert all(row.source and row.value_unit == "um2" for row in rows)
