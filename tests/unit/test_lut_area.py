"""Area of a LUT engine: every unit is there, sharing and double buffering cost what they should."""

from __future__ import annotations

import pytest

from simsnn.energy.area import AreaModel
from simsnn.energy.parts import AreaPart, AreaUnit
from simsnn.energy.sram_table import sram_table
from simsnn.engines.base import DatapathWidths
from simsnn.engines.lut import LutEngine
from tests.unit.lut_samples import config

WIDTHS = DatapathWidths(stationary=8, streamed=1, arithmetic=32, state=16)


def parts(**keys: object) -> tuple[AreaPart, ...]:
    return LutEngine(config(**keys)).area_parts(WIDTHS)


def count(found: tuple[AreaPart, ...], unit: AreaUnit) -> int:
    return sum(part.count for part in found if part.unit is unit)


def um2(**keys: object) -> float:
    model = AreaModel.of(45, sram_table("cacti7_lstp", 45.0))
    ((_, area),) = model.area_um2(parts(**keys))
    return area


@pytest.mark.parametrize(("sharing", "copies"), [(1, 4), (2, 2), (3, 2), (4, 1)])
def test_ports_share_tables(sharing: int, copies: int) -> None:
    found = parts(read_ports=4, sharing=sharing, tables="single")
    assert count(found, AreaUnit.LUT_TABLE) == 4 * 3 * copies
    assert count(found, AreaUnit.TABLE_PORT) == 4 * 3 * 4


def test_two_table_sets_and_two_accumulator_sets() -> None:
    assert count(parts(), AreaUnit.LUT_TABLE) == 2 * count(parts(tables="single"), AreaUnit.LUT_TABLE)
    rows = {
        sets: next(p.widths[0] for p in parts(accumulators=sets) if p.unit is AreaUnit.ROW_MEMORY)
        for sets in ("single", "double")
    }
    assert rows == {"single": 50, "double": 100}  # 400 words over 4 lanes x 2 ports


def test_switches_have_their_hardware() -> None:
    plain = {part.unit for part in parts()}
    assert {AreaUnit.ADDER_TREE, AreaUnit.LINE_FEEDER, AreaUnit.ADD, AreaUnit.REGISTER} <= plain
    assert AreaUnit.PRIORITY_ENCODER not in plain
    assert AreaUnit.PRIORITY_ENCODER in {part.unit for part in parts(skip="zero_address", skip_window=4)}
    assert AreaUnit.GATE in {part.unit for part in parts(bypass="when_cheaper")}
    assert AreaUnit.ADDER_TREE not in {part.unit for part in parts(groups=1)}


def test_area_is_priced_and_falls_with_sharing() -> None:
    private, shared = um2(read_ports=4, sharing=1), um2(read_ports=4, sharing=4)
    assert 0 < shared < private
    assert um2(address_bits=6) > um2(address_bits=4)
    assert um2(tables="single") < um2()
