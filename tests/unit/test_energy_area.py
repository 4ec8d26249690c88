"""Area: synthesized rows exact, other widths by the recorded rule, unknown units refused."""

from __future__ import annotations

from itertools import pairwise

import pytest

from simsnn.energy.area import AreaModel, dram_interface
from simsnn.energy.area_rows import area_rows, interface_rows, listed_area_rows
from simsnn.energy.area_rules import ARITY
from simsnn.energy.dram_table import dram_names
from simsnn.energy.model import PricedSram
from simsnn.energy.parts import AreaPart, AreaUnit
from simsnn.energy.rows import Status
from simsnn.energy.sram_table import sram_table
from simsnn.engines.base import DatapathWidths
from simsnn.engines.vector_unit import VectorUnit
from simsnn.engines.vector_unit_config import VectorUnitConfig
from simsnn.errors import MissingPrice

GRID = sram_table("cacti7_lstp", 45.0)
AREAS = AreaModel.of(45, GRID)
FLOATS = AreaModel.of(45, GRID, "float")
STORED = {row.unit for row in area_rows() if row.number != "float"}
REGISTER, SELECT, GATE = 145 / 32, 1.862, 1.064


def test_synthesized_rows_come_back_exactly():
    for row in area_rows():
        model = FLOATS if row.number == "float" else AREAS
        assert model.unit_um2(row.unit, row.widths) == row.value_um2
    assert AREAS.unit_um2(AreaUnit.MAC_PE, (8, 8, 32)) == 1206
    assert AREAS.unit_um2(AreaUnit.GATED_ADD_PE, (8, 24)) == 304


@pytest.mark.parametrize("unit", sorted(STORED))
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


@pytest.mark.parametrize("unit", [AreaUnit.ROW_MEMORY, AreaUnit.WEIGHT_BANK])
@pytest.mark.parametrize("bits", [8, 32, 600])
def test_fewer_rows_never_take_more_area(unit, bits):
    found = [AREAS.unit_um2(unit, (rows, bits)) for rows in (1, 8, 31, 64, 255, 256, 511, 512, 1000, 1024)]
    assert found == sorted(found)
    assert AREAS.unit_um2(unit, (1, bits)) >= bits * REGISTER  # the smallest ones are flip-flops


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
    assert len(rows) == len(area_rows()) + len(interface_rows())
    assert all(row.source and row.value_unit == "um2" for row in rows)


@pytest.mark.parametrize(
    ("unit", "widths", "um2"),
    [
        (AreaUnit.SELECT, (16,), 16 * SELECT),
        (AreaUnit.GATE, (16,), 16 * GATE),
        (AreaUnit.LUT_TABLE, (16, 10), 150 * (REGISTER + SELECT)),
        (AreaUnit.TABLE_PORT, (16, 10), 150 * SELECT),
        (AreaUnit.ADDER_TREE, (16, 32), 15 * (184 + 145)),
        (AreaUnit.ADDER_TREE, (1, 32), 0.0),
        (AreaUnit.CROSSBAR, (4, 8, 16), 8 * 3 * 16 * SELECT),
        (AreaUnit.SCANNER, (8,), 8 * REGISTER + 4 * 3 * (39 * 3 / 8) + 3 * 8 * 3 * SELECT),
        (AreaUnit.SCANNER, (1,), REGISTER),
        (AreaUnit.PRIORITY_ENCODER, (8,), 8 * REGISTER + (8 * 3 + 4 * 3) * GATE),
        (AreaUnit.LINE_FEEDER, (64,), 64 * (REGISTER + SELECT)),
        (AreaUnit.WEIGHT_BANK, (16, 16), 256 * REGISTER + 15 * 16 * SELECT),
        (AreaUnit.WEIGHT_BANK, (1152, 16), GRID.bank(2304, 32).area_um2),
        (AreaUnit.WEIGHT_BANK, (1024, 256), GRID.bank(32768, 256).area_um2),
        (AreaUnit.WEIGHT_BANK, (512, 1024), 2 * GRID.bank(32768, 512).area_um2),  # two 512-bit banks side by side
        (AreaUnit.WEIGHT_BANK, (24, 512), 2 * GRID.bank(1024, 256).area_um2),  # two halves below the smallest bank
        (AreaUnit.ROW_MEMORY, (2048, 1024), 4 * GRID.bank(65536, 512).area_um2),
        (AreaUnit.SRAM, (8192, 64), GRID.bank(8192, 64).area_um2),
    ],
)
def test_rules_by_hand(unit, widths, um2):
    assert AREAS.unit_um2(unit, widths) == pytest.approx(um2)
    if unit is not AreaUnit.ADDER_TREE:  # only its sums depend on the number format
        assert FLOATS.unit_um2(unit, widths) == pytest.approx(um2)


def test_the_parts_of_a_lut_add_up_to_the_synthesized_one():
    parts = ((AreaUnit.LUT_TABLE, (16, 10)), (AreaUnit.TABLE_PORT, (16, 10)), (AreaUnit.ADD, (10,)))
    total = sum(AREAS.unit_um2(unit, widths) for unit, widths in parts)
    total += AREAS.unit_um2(AreaUnit.ADD, (24,)) + AREAS.unit_um2(AreaUnit.REGISTER, (24,))
    assert 0.9 < total / AREAS.unit_um2(AreaUnit.LUT_PE, (4, 10, 24)) < 1.0


@pytest.mark.parametrize(
    ("unit", "widths", "um2"),
    [
        (AreaUnit.ADD, (16,), 1360),
        (AreaUnit.MULTIPLY, (16, 32), 7700),
        (AreaUnit.MULTIPLY, (1, 16), 16 * GATE),
        (AreaUnit.MAC_PE, (16, 16, 32), 1640 + 4184 + 64 * REGISTER),
        (AreaUnit.GATED_ADD_PE, (16, 32), 4184 + 48 * REGISTER),
        (AreaUnit.ADDER_TREE_PE, (4, 16, 32), 4 * 4184 + 96 * REGISTER),
        (AreaUnit.LUT_PE, (4, 16, 32), 4184 + 288 * REGISTER),
        (AreaUnit.ADDER_TREE, (16, 16), 15 * (1360 + 16 * REGISTER)),
    ],
)
def test_float_areas_are_published_operators_and_their_composition(unit, widths, um2):
    assert FLOATS.unit_um2(unit, widths) == pytest.approx(um2)
    scaled = AreaModel.of(28, sram_table("cacti7_lstp", 28.0), "float")
    assert scaled.unit_um2(unit, widths) == pytest.approx(0.377 * um2)


@pytest.mark.parametrize(
    ("unit", "widths"),
    [(AreaUnit.ADD, (24,)), (AreaUnit.MULTIPLY, (16, 2)), (AreaUnit.MAC_PE, (8, 8, 32)), (AreaUnit.ADDER_TREE, (4, 8))],
)
def test_float_widths_without_a_row_are_refused(unit, widths):
    with pytest.raises(MissingPrice, match=f"no float {unit.value} of widths {'x'.join(map(str, widths))}"):
        FLOATS.unit_um2(unit, widths)


def test_the_interface_to_the_dram_counts_whole_stacks_and_needs_a_named_dram():
    parts = dram_interface("dram0", 256e9)
    model = AreaModel.of(28, sram_table("cacti7_lstp", 28.0), "float", "hbm2")
    lines = model.lines(parts)
    assert [(line.component, line.unit, line.um2, line.status) for line in lines] == [
        ("dram0", AreaUnit.DRAM_CONTROLLER, 4e6, Status.ASSUMED),
        ("dram0", AreaUnit.DRAM_PHY, 12.5e6, Status.ASSUMED),
    ]
    assert model.unit_um2(AreaUnit.DRAM_PHY, (257,)) == 25e6
    assert dram_interface("dram0", 16.2e9)[0].widths == (17,)
    for name in dram_names():
        assert AreaModel.of(45, GRID, dram=name).lines(dram_interface("dram0", 16e9))
    with pytest.raises(MissingPrice, match="dram_phy of DRAM"):
        AREAS.lines(parts)


def test_lines_name_every_unit_with_its_source():
    sram = PricedSram("weight_buffer", 64, 8, GRID.bank(8192, 64), 8192)
    parts = (
        AreaPart("fe0", AreaUnit.TABLE_PORT, (16, 10), 4),
        AreaPart("fe0", AreaUnit.TABLE_PORT, (16, 10), 2),
        AreaPart("fe0", AreaUnit.MAC_PE, (8, 8, 32), 2),
        AreaPart("fe0", AreaUnit.WEIGHT_BANK, (1152, 16), 1),
    )
    lines = AREAS.lines(parts, (sram,))
    assert [(line.component, line.unit.value, line.widths, line.count, line.status.value) for line in lines] == [
        ("fe0", "mac_pe", (8, 8, 32), 2, "measured"),
        ("fe0", "table_port", (16, 10), 6, "derived"),
        ("fe0", "weight_bank", (1152, 16), 1, "derived"),
        ("weight_buffer", "sram", (8192, 64), 8, "measured"),
    ]
    assert all(line.source for line in lines)
    assert "CACTI" in lines[2].source
    for component, um2 in AREAS.area_um2(parts, (sram,)):
        assert um2 == pytest.approx(sum(line.um2 for line in lines if line.component == component))
    scaled = AreaModel.of(28, sram_table("cacti7_lstp", 28.0)).lines(parts)
    assert {line.status for line in scaled} == {Status.DERIVED}
    assert "area times 0.377" in scaled[0].source


def test_every_unit_has_an_area():
    arity = {AreaUnit.SRAM: (8192, 64), AreaUnit.WEIGHT_BANK: (512, 16), AreaUnit.ROW_MEMORY: (512, 32)}
    model = AreaModel.of(28, sram_table("cacti7_lop", 28.0), "integer", "hbm2")
    for unit in AreaUnit:
        widths = arity.get(unit, (8,) * ARITY[unit])
        assert model.unit_um2(unit, widths) > 0, unit
        assert model.provenance(unit, widths)[0]
        with pytest.raises(MissingPrice):
            model.unit_um2(unit, (*widths, 8))


@pytest.mark.parametrize(
    ("unit", "widths", "um2"),
    [
        (AreaUnit.MAC_PE, (16, 16, 16), 2133.4098378493336),
        (AreaUnit.ADDER_TREE_PE, (10, 10, 10), 1899.764731081027),
        (AreaUnit.LUT_PE, (5, 5, 5), 1294.8313065328996),
        (AreaUnit.LUT_PE, (8, 32, 32), 62808.516622028656),
    ],
)
def test_integer_areas_stay_as_they_were_before_floats(unit, widths, um2):
    assert AREAS.unit_um2(unit, widths) == um2
