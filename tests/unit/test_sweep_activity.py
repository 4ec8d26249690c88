"""Shared activity: stored and opened without a difference, mapped and not copied, made once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from simsnn import api
from simsnn.activities import ResolvedActivity
from simsnn.sweep.activity_store import SharedActivities, load, save

SETS = ("activity.epochs=1", "workload.batch=8", "simulation.level=closed_form")


@pytest.fixture(scope="module")
def resolved() -> ResolvedActivity:
    found = api.simulate("quickstart", SETS).activity
    assert found.activity is not None
    first, *rest = found.activity.layers
    values = np.linspace(-1, 1, first.outputs.elements).reshape(first.outputs.shape)  # type: ignore[union-attr]
    layers = (replace(first, currents=values.astype(np.float32), gradient=values), *rest)
    return ResolvedActivity(replace(found.activity, layers=layers), 17, False, (("conv1", 0.25),))


def test_nothing_is_lost(tmp_path: Path, resolved: ResolvedActivity) -> None:
    save(resolved, tmp_path / "a")
    found = load(tmp_path / "a")
    assert found.digest == resolved.digest
    assert found.summary == resolved.summary
    assert (found.steps_per_epoch, found.flipped) == (17, (("conv1", 0.25),))
    for one, other in zip(found.activity.layers, resolved.activity.layers, strict=True):  # type: ignore[union-attr]
        assert one.layer == other.layer
        assert [name for name, _ in one.tensors()] == [name for name, _ in other.tensors()]


def test_tensors_are_mapped(tmp_path: Path, resolved: ResolvedActivity) -> None:
    save(resolved, tmp_path / "a")
    tensor = load(tmp_path / "a").activity.layers[0].outputs  # type: ignore[union-attr]
    base = tensor.packed.base  # type: ignore[union-attr]
    assert isinstance(base, np.memmap)
    assert not tensor.packed.flags.writeable  # type: ignore[union-attr]


def test_tensors_that_layers_share_are_stored_once(tmp_path: Path, resolved: ResolvedActivity) -> None:
    save(resolved, tmp_path / "a")
    distinct = {
        id(values)
        for entry in resolved.activity.layers  # type: ignore[union-attr]
        for values in (*(tensor.packed for _, tensor in entry.tensors()), *(array for _, array in entry.arrays()))
    }
    assert len(list((tmp_path / "a").glob("*.npy"))) == len(distinct)


def test_an_activity_is_made_once_for_all(tmp_path: Path, resolved: ResolvedActivity) -> None:
    made = []

    def make() -> ResolvedActivity:
        made.append(1)
        return resolved

    experiment, _ = api.load("quickstart", SETS)
    other = experiment.model_copy(update={"hardware": experiment.hardware.model_copy(update={"name": "another"})})
    later = experiment.model_copy(update={"seed": 5})
    for _ in range(2):  # two workers
        shared = SharedActivities(tmp_path / "shared")
        for found in (experiment, other, experiment):
            assert shared.get(found, make).digest == resolved.digest
    assert len(made) == 1
    shared.get(later, make)
    assert len(made) == 2


def test_without_a_place_each_makes_its_own(tmp_path: Path, resolved: ResolvedActivity) -> None:
    (tmp_path / "file").write_text("")
    experiment, _ = api.load("quickstart", SETS)
    assert SharedActivities(tmp_path / "file" / "x").get(experiment, lambda: resolved) is resolved
    bare = experiment.model_copy(update={"activity": None})
    nothing = ResolvedActivity(None)
    assert SharedActivities(tmp_path / "shared").get(bare, lambda: nothing) is nothing
