"""Area and energy of whole runs: the area table adds up, and a 28 nm float machine is priced end to end."""

from __future__ import annotations

import math

import pytest

from simsnn.api import Result, simulate
from simsnn.errors import MissingPrice
from simsnn.results.engine_summary import engine_summaries
from tests.experiments import layers, synthetic

SMALL = (
    "workload.batch=2",
    layers(
        "{name: a, kind: conv2d, channels: 8, kernel: 3, padding: 1}",
        "{name: flat, kind: flatten}",
        "{name: fc, kind: linear, features: 10}",
    ),
)

FLOAT = (
    "hardware.technology.node=28 nm",
    "precision={input: 16 bit, weight: 16 bit, membrane: 16 bit, gradient: 16 bit, partial_sum: 32 bit,"
    " optimizer_state: 32 bit}",
    "energy={arithmetic: horowitz_28nm_float, sram: cacti7_lop, dram: hbm2}",
)


@pytest.fixture(scope="module")
def integer() -> Result:
    return simulate(synthetic(*SMALL))


@pytest.fixture(scope="module")
def float_28() -> Result:
    return simulate(synthetic(*SMALL, *FLOAT))


def mac_um2(weight: int, streamed: int, partial: int) -> float:
    """The synthesized 8x8x32 element of 1206 um2, by the recorded rule: times the ratio of the compositions."""
    slope = math.log(3283 / 476) / math.log(32 * 32 / (8 * 8))  # multipliers, between 8x8 and 32x32

    def composition(w: int, s: int, p: int) -> float:
        return 476 * (w * s / 64) ** slope + 184 * p / 32 + 145 / 32 * (w + s + p)

    return 1206 * composition(weight, streamed, partial) / composition(8, 8, 32)


def test_the_area_table_adds_up_to_the_total_and_the_interface(integer: Result) -> None:
    report = integer.report
    areas = {(row.component, row.unit): row.um2 for row in report.area}
    interface = [row for row in report.area if row.component == "dram0"]
    assert {row.unit for row in interface} == {"dram_phy", "dram_controller"}
    assert {row.status for row in interface} == {"assumed"}
    assert sum(row.um2 for row in interface) == 8e6  # 16 GB/s: one DDR4 channel
    assert report.die_area_um2 == pytest.approx((report.totals.area_um2 or 0) + 8e6)
    assert areas["array0", "mac_pe"] == pytest.approx(1024 * mac_um2(16, 8, 32), rel=1e-9)
    assert {row.component for row in report.area} == {
        *(engine.name for engine in integer.prepared.machine.engines),
        *(sram.name for sram in integer.prepared.machine.srams),
        "dram0",
    }
    assert all(row.source and row.count > 0 for row in report.area)


def test_every_engine_has_its_area_in_the_summary(integer: Result) -> None:
    for engine in engine_summaries(integer.report):
        rows = [row.um2 for row in integer.report.area if row.component == engine.name]
        assert engine.area_um2 == pytest.approx(sum(rows))


def test_a_28_nm_float_run_is_priced_end_to_end(float_28: Result) -> None:
    report = float_28.report
    nodes = {source.role: source.node for source in report.energy_sources}
    assert (nodes["arithmetic"], nodes["sram"], nodes["area"]) == ("28 nm", "28 nm", "28 nm")
    assert all(task.energy_pj for task in report.tasks if task.actions)
    areas = {(row.component, row.unit, row.widths): row for row in report.area}
    register, factor = 145 / 32, 0.377
    element = areas["array0", "mac_pe", "16x16x32"]
    assert element.um2 == pytest.approx(1024 * (1640 + 4184 + 64 * register) * factor)
    assert areas["dram0", "dram_phy", "16"].um2 == 12.5e6  # one whole stack, however little of it is used
    assert sum(row.um2 for row in report.area if row.unit == "mac_pe") < (report.totals.area_um2 or 0)


def test_float_prices_refuse_integer_widths() -> None:
    with pytest.raises(MissingPrice, match="horowitz_28nm_float"):
        simulate(synthetic(*SMALL, FLOAT[0], FLOAT[2]))
