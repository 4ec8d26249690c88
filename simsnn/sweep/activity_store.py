"""Activity shared by the workers of a sweep: written once as plain arrays, mapped read-only by everyone.

A folder per activity: ``activity.json`` (names, shapes, what is known of dense inputs) and one ``.npy`` file per
tensor. Nothing is pickled. It lies inside the sweep's folder while the sweep runs and is removed when it ends.
Proof: ``tests/unit/test_sweep_activity.py``.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from simsnn.activities import ResolvedActivity
from simsnn.config.experiment import ExperimentConfig
from simsnn.config.quantities import StrictModel
from simsnn.training.config import TrainConfig
from simsnn.workload.activity import (
    Activity,
    ActivityKind,
    ChainMask,
    ChainPoint,
    DenseInput,
    LayerActivity,
    SpikeTensor,
)

_META = "activity.json"
KEPT = 4
"""Activities that a worker keeps open."""


class StoredTensor(StrictModel):
    """A packed tensor: number of its file, and its shape."""

    file: int
    shape: tuple[int, ...]


class StoredDense(StrictModel):
    """What is known of a dense input."""

    shape: tuple[int, ...]
    bits: int
    density: float


class StoredMask(StrictModel):
    """A gradient mask and its point of the backward chain."""

    point: str
    mask: StoredTensor


class StoredLayer(StrictModel):
    """One layer: which file holds which tensor."""

    layer: str
    inputs: StoredTensor | None
    dense: StoredDense | None
    outputs: StoredTensor | None
    surrogate: StoredTensor | None
    gradients: tuple[StoredMask, ...]
    input_needed: StoredTensor | None
    currents: int | None
    gradient: int | None


class StoredShare(StrictModel):
    """Share of flipped spikes of a layer."""

    layer: str
    share: float


class StoredActivity(StrictModel):
    """Contents of ``activity.json``."""

    schema_: Literal["simsnn/sweep_activity/1"] = "simsnn/sweep_activity/1"
    timesteps: int
    batch: int
    kind: str
    accuracy: float | None
    steps_per_epoch: int | None
    flipped: tuple[StoredShare, ...]
    layers: tuple[StoredLayer, ...]


class _Files:
    """Writes arrays once each, however many layers share them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._written: dict[int, tuple[int, NDArray[Any]]] = {}

    def number(self, values: NDArray[Any]) -> int:
        if id(values) not in self._written:
            number = len(self._written)
            np.save(self.folder / f"{number}.npy", np.ascontiguousarray(values), allow_pickle=False)
            self._written[id(values)] = (number, values)
        return self._written[id(values)][0]

    def tensor(self, tensor: SpikeTensor | None) -> StoredTensor | None:
        return None if tensor is None else StoredTensor(file=self.number(tensor.packed), shape=tensor.shape)

    def layer(self, entry: LayerActivity) -> StoredLayer:
        dense = entry.inputs if isinstance(entry.inputs, DenseInput) else None
        masks = [(chain.point.value, self.tensor(chain.mask)) for chain in entry.gradients]
        return StoredLayer(
            layer=entry.layer,
            inputs=None if isinstance(entry.inputs, DenseInput) else self.tensor(entry.inputs),
            dense=None if dense is None else StoredDense(shape=dense.shape, bits=dense.bits, density=dense.density),
            outputs=self.tensor(entry.outputs),
            surrogate=self.tensor(entry.surrogate),
            gradients=tuple(StoredMask(point=point, mask=mask) for point, mask in masks if mask is not None),
            input_needed=self.tensor(entry.input_needed),
            currents=None if entry.currents is None else self.number(entry.currents),
            gradient=None if entry.gradient is None else self.number(entry.gradient),
        )


def save(resolved: ResolvedActivity, folder: Path) -> None:
    """Write an activity into a new folder; it appears complete or not at all."""
    activity = resolved.activity
    assert activity is not None  # what is not there needs no file
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    temporary.mkdir(parents=True)
    try:
        files = _Files(temporary)
        meta = StoredActivity(
            timesteps=activity.timesteps,
            batch=activity.batch,
            kind=activity.kind.value,
            accuracy=activity.accuracy,
            steps_per_epoch=resolved.steps_per_epoch,
            flipped=tuple(StoredShare(layer=layer, share=share) for layer, share in resolved.flipped),
            layers=tuple(files.layer(entry) for entry in activity.layers),
        )
        (temporary / _META).write_text(meta.model_dump_json(), encoding="utf-8")
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def load(folder: Path) -> ResolvedActivity:
    """Open a stored activity; its arrays are mapped, not read."""
    meta = StoredActivity.model_validate_json((folder / _META).read_text(encoding="utf-8"))
    opened: dict[int, SpikeTensor] = {}

    def values(number: int | None) -> NDArray[Any] | None:
        return None if number is None else np.load(folder / f"{number}.npy", mmap_mode="r", allow_pickle=False)

    def tensor(stored: StoredTensor | None) -> SpikeTensor | None:
        if stored is None:
            return None
        if stored.file not in opened:
            words = values(stored.file)
            assert words is not None
            opened[stored.file] = SpikeTensor(np.asarray(words), stored.shape)
        return opened[stored.file]

    def layer(stored: StoredLayer) -> LayerActivity:
        dense = stored.dense
        inputs = DenseInput(dense.shape, dense.bits, dense.density) if dense is not None else tensor(stored.inputs)
        assert inputs is not None
        masks = [(ChainPoint(entry.point), tensor(entry.mask)) for entry in stored.gradients]
        return LayerActivity(
            stored.layer,
            inputs,
            tensor(stored.outputs),
            tensor(stored.surrogate),
            tuple(ChainMask(point, mask) for point, mask in masks if mask is not None),
            tensor(stored.input_needed),
            values(stored.currents),
            values(stored.gradient),
        )

    layers = tuple(layer(entry) for entry in meta.layers)
    activity = Activity(meta.timesteps, meta.batch, layers, ActivityKind(meta.kind), meta.accuracy)
    flipped = tuple((entry.layer, entry.share) for entry in meta.flipped)
    return ResolvedActivity(activity, meta.steps_per_epoch, True, flipped)


class SharedActivities:
    """Activities of a sweep: each is made by one worker and mapped by all.

    Parameters
    ----------
    folder : Path or None
        Where they lie while the sweep runs; where there is none, or it cannot be written, each worker makes its own.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._open: list[tuple[tuple[Any, ...], ResolvedActivity]] = []

    def get(self, experiment: ExperimentConfig, make: Callable[[], ResolvedActivity]) -> ResolvedActivity:
        """Activity of an experiment; ``make`` is called where nobody has made it yet."""
        if experiment.activity is None:
            return make()
        sections = _sections(experiment)
        for known, found in self._open:
            if all(one is other for one, other in zip(known, sections, strict=False)) and len(known) == len(sections):
                return found
        found = make() if self.folder is None else self._shared(self.folder / _key(sections), make)
        self._open = [*self._open[1 - KEPT :], (sections, found)]
        return found

    @staticmethod
    def _shared(place: Path, make: Callable[[], ResolvedActivity]) -> ResolvedActivity:
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            with _locked(place.with_name(f"{place.name}.lock")):
                if not place.exists():
                    save(make(), place)
            return load(place)
        except OSError:  # no room, or no shared folder on this machine
            return make()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _sections(experiment: ExperimentConfig) -> tuple[Any, ...]:
    """What the activity follows from; with delayed gradients also the schedule and what it is made for."""
    needed: tuple[Any, ...] = (
        experiment.network,
        experiment.workload,
        experiment.precision,
        experiment.activity,
        experiment.seed,
    )
    if isinstance(experiment.activity, TrainConfig) and experiment.activity.gradients == "delayed":
        needed += (experiment.hardware, experiment.mapping, experiment.schedule, experiment.optimizer)
    return needed


def _key(sections: tuple[Any, ...]) -> str:
    texts = [str(part) if not hasattr(part, "model_dump_json") else part.model_dump_json() for part in sections]
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]
