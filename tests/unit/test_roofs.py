"""Roofs of a machine from its configuration, and the rows of a report under them."""

from __future__ import annotations

from pathlib import Path

import pytest

from simsnn.api import load
from simsnn.config.dump import to_yaml
from simsnn.config.hardware import HardwareConfig
from simsnn.mapping.machine import Machine
from simsnn.results.roofs import EngineRoof, engine_roofs, roof_points, stored_hardware
from simsnn.results.store import CONFIG
from tests.naive.reports import ARRAY, DRAM, VECTOR, make_report

MADE = (
    EngineRoof(ARRAY, "systolic", 1024, DRAM, 32.0, ARRAY),
    EngineRoof(VECTOR, "vector_unit", 128, DRAM, 32.0, VECTOR),
)


@pytest.mark.parametrize(
    ("name", "peaks"),
    [
        ("quickstart", {"array0": 32 * 32, "vector0": 32 * 4}),
        ("combined_h2learn", {"fe0": 1024, "be0": 1024, "wue0": 1024, "soma0": 256, "grad0": 256}),
    ],
)
def test_peaks_are_those_of_the_hardware_file(name: str, peaks: dict[str, int]) -> None:
    hardware = load(name)[0].hardware
    roofs = engine_roofs(hardware)
    assert {roof.name: roof.peak_ops_per_cycle for roof in roofs} == peaks
    rate = float(Machine.build(hardware).dram.bytes_per_cycle)
    assert {(roof.memory, roof.bytes_per_cycle) for roof in roofs} == {(hardware.dram.name, rate)}


def test_equal_processors_have_equal_roofs_and_their_own_memories() -> None:
    roofs = engine_roofs(load("spikepipe_vgg9")[0].hardware)
    assert len(roofs) == 16
    assert {roof.alike for roof in roofs} == {"core*.array0", "core*.vector0"}
    assert {roof.memory for roof in roofs if roof.name == "core3.array0"} == {"core3.memory"}


def test_points_undo_the_utilisation() -> None:
    report = make_report()
    points = roof_points(report, MADE)
    assert [point.task for point in points] == list(report.tasks)
    for point in points:
        peak = 1024 if point.task.array == ARRAY else 128
        assert point.ops == round(point.task.utilisation * peak * point.task.cycles)
        assert point.ops_per_cycle == pytest.approx(point.task.utilisation * peak, rel=1e-3)
        moved = sum(row.read_bytes + row.write_bytes for row in point.task.traffic)
        assert point.bytes == moved
        assert point.ops_per_byte == (point.ops / moved if moved else None)


def test_engines_without_a_roof_are_left_out() -> None:
    report = make_report()
    assert {point.task.array for point in roof_points(report, MADE[:1])} == {ARRAY}


def test_a_stored_configuration_gives_the_same_roofs(tmp_path: Path) -> None:
    experiment = load("quickstart")[0]
    (tmp_path / CONFIG).write_text(to_yaml(experiment))
    found = stored_hardware(tmp_path)
    assert isinstance(found, HardwareConfig)
    assert engine_roofs(found) == engine_roofs(experiment.hardware)


@pytest.mark.parametrize(
    "text", ["", "name: x\n", "hardware: {name: x}\n", "hardware: 3\n", "not: [yaml", "hardware:\n"]
)
def test_a_configuration_that_cannot_be_read_has_no_roofs(tmp_path: Path, text: str) -> None:
    (tmp_path / CONFIG).write_text(text)
    assert stored_hardware(tmp_path) is None
    assert stored_hardware(tmp_path / "nowhere") is None


def test_only_bytes_of_the_engines_own_memory_count() -> None:
    report = make_report()
    (own,) = report.tasks[0].traffic
    other = own.model_copy(update={"level": "spike_buffer", "read_bytes": 10**9})
    task = report.tasks[0].model_copy(update={"traffic": (other, own)})
    (point,) = roof_points(report.model_copy(update={"tasks": (task,)}), MADE)
    assert point.bytes == own.read_bytes + own.write_bytes
