"""What a run is refused for before training names its place; what it silently assumes is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from simsnn.activities import ResolvedActivity, resolve_activity
from simsnn.api import load, located
from simsnn.errors import ConfigError, MissingPrice, SimsnnError
from simsnn.preparation import assumptions
from simsnn.simulation import prepare

SMALL = ("workload.batch=2", "workload.timesteps=2")


def refusal(source: str, *overrides: str) -> SimsnnError:
    experiment, document = load(source, overrides)
    with pytest.raises(SimsnnError) as caught, located(document):
        prepare(experiment)
    return caught.value


@pytest.mark.parametrize(
    ("override", "path"),
    [
        ("energy.arithmetic=foo", "energy.arithmetic"),
        ("energy.arithmetic=horowitz_45nm", "energy.arithmetic"),
        ("energy.sram=cacti9", "energy.sram"),
        ("energy.dram=hbm9", "energy.dram"),
    ],
)
def test_a_wrong_price_table_is_refused_at_the_key_that_names_it(override: str, path: str) -> None:
    error = refusal("h2learn_cifar", *SMALL, override)
    assert isinstance(error, ConfigError)
    assert (error.where.path, error.where.file) == (path, "--set")
    assert error.value == override.partition("=")[2]
    assert error.allowed


@pytest.mark.parametrize("override", ["hardware.arrays.0.acc_width=8 bit", "precision.weight=64 bit"])
def test_a_width_without_a_price_is_refused_before_anything_is_trained(override: str) -> None:
    error = refusal("h2learn_cifar_small", *SMALL, override)
    assert isinstance(error, MissingPrice)
    assert error.where.path == "energy.arithmetic"
    assert error.where.line is not None
    assert error.allowed
    assert error.remedy


def test_a_file_of_another_kind_is_named_before_its_keys(tmp_path: Path) -> None:
    path = tmp_path / "machine.yaml"
    path.write_text("schema: simsnn/hardware/1\nname: m\nclock: 500 MHz\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert (caught.value.where.path, caught.value.where.line) == ("schema", 1)
    assert caught.value.allowed == ("simsnn/experiment/1",)


@pytest.mark.parametrize(("group", "said"), [(1, False), (2, True), (8, True)])
def test_a_batch_of_one_group_says_that_nothing_overlaps(group: int, said: bool) -> None:
    experiment, _ = load("h2learn_cifar", (*SMALL, f"schedule.group_samples={group}"))
    notes = assumptions(prepare(experiment), ResolvedActivity(None))
    assert any(note.startswith("engine pipeline: the batch of 2 is one group") for note in notes) is said


def test_gradients_that_the_activity_does_not_hold_are_said_to_be_dense() -> None:
    experiment, _ = load("h2learn_cifar", SMALL)
    prepared = prepare(experiment)
    resolved = resolve_activity(experiment, prepared.network, None)
    assert resolved.activity is not None
    assert not any("holds no gradients" in note for note in assumptions(prepared, resolved))
    bare = tuple(replace(layer, gradients=()) for layer in resolved.activity.layers)
    without = ResolvedActivity(replace(resolved.activity, layers=bare))
    (note,) = [note for note in assumptions(prepared, without) if "holds no gradients" in note]
    assert "conv1_2" in note
    assert note.endswith("taken as nowhere zero")
