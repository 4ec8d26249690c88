"""Experiment files: every kind of bad input gives one located message, and a resolved file reads back."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from simsnn.api import config_hash, load
from simsnn.config.dump import to_yaml
from simsnn.config.experiment import ExperimentConfig
from simsnn.config.loader import parse_yaml, preset_folder
from simsnn.config.resolve import build
from simsnn.errors import ConfigError
from tests import pipelines

EXPERIMENT, MACHINE = "experiments/quickstart.yaml", "hardware/ws32.yaml"
QUICKSTART = preset_folder() / "experiments" / "quickstart.yaml"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A copy of the shipped files that a test may damage."""
    shutil.copytree(preset_folder(), tmp_path / "configs")
    return tmp_path / "configs"


def refused(source: Path | str, *overrides: str) -> ConfigError:
    with pytest.raises(ConfigError) as error:
        load(source, overrides)
    return error.value


def replace(path: Path, old: str, new: str) -> int:
    """Replace text once and return the line it stands on."""
    text = path.read_text()
    assert text.count(old) == 1, old
    path.write_text(text.replace(old, new))
    return text[: text.index(old)].count("\n") + 1


def test_quickstart_loads_and_its_resolved_form_is_the_same_experiment() -> None:
    experiment, _ = load(QUICKSTART)
    again = build(ExperimentConfig, parse_yaml(to_yaml(experiment), "resolved"))
    assert again == experiment
    assert config_hash(again) == config_hash(experiment)


def test_a_preset_is_found_by_name() -> None:
    assert load("quickstart")[0] == load(QUICKSTART)[0]


@pytest.mark.parametrize(
    ("file", "old", "new", "path", "says", "nearest"),
    [
        (EXPERIMENT, "\nseed: 0", "\nsed: 0", "sed", "unknown key 'sed'", "seed"),
        (EXPERIMENT, "batch: 64", "batch: 0", "workload.batch", "greater than 0", None),
        (EXPERIMENT, "batch: 64", "batch: 6.5", "workload.batch", "not a whole number", None),
        (EXPERIMENT, "kind: adam", "kind: adan", "activity.optimizer.kind", "unknown kind", "adam"),
        (EXPERIMENT, "weight: 8 bit", "weight: 8", "precision.weight", "8 has no unit", "8 bit"),
        (EXPERIMENT, "encoding: direct}", "encoding: dirct}", "workload.encoding", "dirct", "direct"),
        (EXPERIMENT, "kind: layer_by_layer", "kind: gpip", "schedule.kind", "unknown kind", None),
        (MACHINE, "clock: 500 MHz", "clock: 500 Mhz", "hardware.clock", "unit 'Mhz'", "500 MHz"),
        (MACHINE, "clock: 500 MHz", "clock: 0 MHz", "hardware.clock", "must be positive", None),
        (MACHINE, "size: 64 KiB", "size: 64 KB", "hardware.srams.1.size", "unit 'KB'", "64 KiB"),
        (MACHINE, "size: 64 KiB", "size: -64 KiB", "hardware.srams.1.size", "must be positive", None),
        (MACHINE, "rows: 32", "rows: 8.5", "hardware.arrays.0.rows", "not a whole number", None),
        (MACHINE, "rows: 32", "rows: -8", "hardware.arrays.0.rows", "greater than 0", None),
        (MACHINE, "kind: systolic", "kind: systolik", "hardware.arrays.0.kind", "systolik", None),
        (MACHINE, "[ws, is, os]", "[ws, rs]", "hardware.arrays.0.dataflows.1", "rs", None),
        (MACHINE, "bandwidth: 16 GB/s", "bandwith: 16 GB/s", "hardware.dram.bandwith", "unknown key", "bandwidth"),
        (MACHINE, "bandwidth: 16 GB/s", "bandwidth: 16 GB", "hardware.dram.bandwidth", "unit 'GB'", "16 GB/s"),
        (MACHINE, "name: vector0", "name: array0", "hardware", "two components are called 'array0'", None),
        (MACHINE, "[inputs, spikes,", "[inputs, weights,", "hardware", "weights stand in", None),
    ],
)
def test_bad_values_name_their_file_line_and_path(
    files: Path, file: str, old: str, new: str, path: str, says: str, nearest: str | None
) -> None:
    line = replace(files / file, old, new) + new.startswith("\n")
    if file.startswith("hardware"):
        source = files / "experiments" / "quickstart.yaml"
    else:
        source = files / file
    error = refused(source)
    assert says in str(error)
    assert error.where.path == path
    assert Path(str(error.where.file)).resolve() == (files / file).resolve() or path == "hardware"
    assert error.where.line == line or path == "hardware"
    if nearest is not None:
        assert error.nearest == nearest


@pytest.mark.parametrize("key", ["network", "hardware", "mapping", "name", "schema"])
def test_a_missing_key_is_named(files: Path, key: str) -> None:
    source = files / "experiments" / "quickstart.yaml"
    kept, skipping = [], False
    for line in source.read_text().splitlines():
        if not line.startswith((" ", "#")):
            skipping = line.startswith(f"{key}:")
        if not skipping:
            kept.append(line)
    source.write_text("\n".join(kept) + "\n")
    error = refused(source)
    assert f"missing key '{key}'" in str(error)


def test_a_missing_key_inside_a_component_is_named(files: Path) -> None:
    line = replace(files / "hardware" / "ws32.yaml", "lanes: 32, ", "")
    error = refused(files / "experiments" / "quickstart.yaml")
    assert error.where.path == "hardware.vector_units.0.lanes"
    assert error.where.line == line


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "found nothing"),
        ("just text", "found"),
        ("- 1\n- 2\n", "found"),
        ("a: [1, 2\n", "not YAML"),
        ("a: 1\nb: 2\na: 3\n", "duplicate key 'a'"),
        ("\tx: 1", "not YAML"),
    ],
)
def test_what_is_not_an_experiment_is_refused(tmp_path: Path, text: str, says: str) -> None:
    source = tmp_path / "bad.yaml"
    source.write_text(text)
    assert says in str(refused(source))


def test_no_such_file_a_folder_and_a_binary_file(tmp_path: Path) -> None:
    (tmp_path / "experiment.yaml").write_text("a: 1")
    assert "no such file" in str(refused(tmp_path / "experimnt.yaml"))
    assert refused(tmp_path / "experimnt.yaml").nearest == "experiment.yaml"
    assert "is a folder" in str(refused(tmp_path))
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00\x01")
    assert "not a text file" in str(refused(tmp_path / "binary.yaml"))


def test_a_duplicate_key_names_its_line(files: Path) -> None:
    source = files / "experiments" / "quickstart.yaml"
    line = replace(source, "\nseed: 0", "\nseed: 0\nseed: 1") + 2
    assert refused(source).where.line == line


def test_a_file_that_explodes_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "laughs.yaml"
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    source.write_text("\n".join(lines))
    assert "more than" in str(refused(source))


def test_overrides_act_on_the_composed_document_and_are_placed() -> None:
    changes = ("hardware.arrays.0.rows=64", "mapping.F.dataflow=is", "network.layers.0.channels=8")
    experiment, _ = load(QUICKSTART, changes)
    assert experiment.hardware.arrays[0].rows == 64
    assert experiment.mapping.F is not None
    assert str(experiment.mapping.F.dataflow) == "is"
    assert experiment.network.layers[0].channels == 8  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("assignment", "says"),
    [
        ("hardware.arrays.0.rows", "is not PATH=VALUE"),
        ("hardware.arrays.7.rows=3", "nothing at hardware.arrays.7"),
        ("hardware.arays.0.rows=3", "unknown key"),
        ("hardware.clock.rows=3", "nothing at"),
        ("hardware.srams.0.size=32", "has no unit"),
        ("workload.passes=[X]", "'X' is not allowed"),
        ("workload.passes=[]", "at least one of"),
        ("workload.batch=[", "not YAML"),
        ("network={preset: vgg17}", "unknown network preset"),
        ("network={preset: vgg16, depth: 3}", "cannot stand beside"),
    ],
)
def test_bad_overrides_are_refused(assignment: str, says: str) -> None:
    assert says in str(refused(QUICKSTART, assignment))


PIPELINE = "schedule={kind: pipedream, iterations: 8}"


@pytest.mark.parametrize(
    ("assignments", "path", "says", "allowed", "nearest"),
    [
        (("schedule.micro_batches=2",), "schedule.micro_batches", "cuts no batch", "1", None),
        (("schedule.kind=layer_by_layer",), "schedule.iterations", "layer_by_layer", "kind", None),
        (("schedule.kicks=2",), "schedule.kicks", "pipedream has no such key", "iterations", None),
        (("schedule.iterations=0",), "schedule.iterations", "greater than 0", "more than 0", None),
        (("hardware.processors.0.count=2000",), "hardware.processors.0.count", "2000", "at most 1024", None),
        (("hardware.processors.0.srams=[]",), "hardware.processors.0.srams", "list is empty", "at least 1", None),
        (("hardware.processors=[]",), "hardware.processors", "list of processors is empty", None, None),
        (("hardware.arrays.0.rows=4",), "hardware.arrays", "stand inside processors", None, None),
        (("hardware.links.0.bandwidth=16",), "hardware.links.0.bandwidth", "no unit", "B/cycle", "16 B/cycle"),
        (("hardware.processors.0.memory.size=4 MIB",), "hardware.processors.0.memory.size", "MIB", "MiB", "4 MiB"),
        (("hardware.clock=-1 MHz",), "hardware.clock", "must be positive", "more than 0 Hz", None),
        (("hardware.links.0.latency_cycles=-1",), "hardware.links.0.latency_cycles", "-1", "at least 0", None),
    ],
)
def test_an_override_of_a_pipelined_run_that_cannot_be_names_itself_its_range_and_its_cause(
    assignments: tuple[str, ...], path: str, says: str, allowed: str | None, nearest: str | None
) -> None:
    error = refused(QUICKSTART, *pipelines.overrides(PIPELINE, *assignments))
    assert (error.where.file, error.where.path) == ("--set", path)
    assert says in error.message
    assert allowed is None or allowed in error.allowed
    assert error.nearest == nearest or nearest is None
    assert error.allowed or error.remedy


def test_the_key_that_a_kind_set_from_outside_leaves_behind_is_told_from_a_slip(tmp_path: Path) -> None:
    source = tmp_path / "experiment.yaml"
    source.write_text(to_yaml(load(QUICKSTART, pipelines.overrides(PIPELINE))[0]))
    error = refused(source, "schedule.kind=layer_by_layer")
    assert "schedule.kind layer_by_layer, given by --set, has no such key" in error.message
    assert "--set 'schedule={kind: layer_by_layer}'" in error.remedy
    assert error.where.file == str(source)


def test_a_whole_network_can_be_set() -> None:
    experiment, _ = load(QUICKSTART, ("network={preset: vgg9, input: [1, 16, 16], classes: 4}",))
    assert experiment.network.name == "vgg9"
    assert experiment.network.input == (1, 16, 16)
