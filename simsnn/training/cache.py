"""Trained activity, stored by the digest of all that it follows from.

An entry is a folder ``<cache>/activity/<digest>/`` with the trace (``activity.npz``), the
training's history (``training.json``) and the SHA-256 of both (``checksums.json``). It is made
under a temporary name and renamed, so it is complete or absent. The digest covers network,
workload, training configuration, seed and model versions, and nothing of the hardware: another
machine never trains again. An entry that does not match its checksums is dropped with a warning
and made again.

Proof: ``tests/unit/test_training_cache.py``.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from simsnn.errors import TraceError
from simsnn.importers.npz import read_trace, write_trace
from simsnn.paths import cache_root
from simsnn.training.config import TrainConfig, check_delays
from simsnn.training.delayed import Delays
from simsnn.training.loop import EpochRecord, Progress, record, train
from simsnn.training.quantise import Rounding
from simsnn.training.recording import to_activity
from simsnn.workload.activity import Activity, ActivityKind
from simsnn.workload.backward_modes import BackwardMode
from simsnn.workload.encoding import Encoding
from simsnn.workload.mode_checks import own_gradients
from simsnn.workload.network import Layer, Network
from simsnn.workload.step_tensors import STORE_ALL

_LOG = logging.getLogger(__name__)
_TRACE, _TRAINING, _CHECKSUMS = "activity.npz", "training.json", "checksums.json"
FORMAT = 1
RECORDED_OF_MODES = 2
"""Version of what is stored of trainings whose mode has gradients of its own; 2: the share of flipped spikes."""


@dataclass(frozen=True, slots=True, eq=False)
class TrainedActivity:
    """Activity of a trained network, as a run needs it.

    Parameters
    ----------
    activity : Activity
        The recorded batch; its ``accuracy`` is that of the recorded moment.
    history : tuple of EpochRecord
        Course of the training.
    accuracy : float
        Test accuracy after the last epoch.
    silent_layers : tuple of str
        Layers that never fire on the test set after training.
    steps_per_epoch : int
        Updates per epoch.
    from_cache : bool
        True when nothing was trained now.
    flipped : tuple of (str, float)
        Share of spikes that a float inverse gives back as the other one, per layer that the training relied on it.
    """

    activity: Activity
    history: tuple[EpochRecord, ...]
    accuracy: float
    silent_layers: tuple[str, ...]
    steps_per_epoch: int
    from_cache: bool
    flipped: tuple[tuple[str, float], ...] = ()


def training_digest(
    network: Network,
    config: TrainConfig,
    timesteps: int,
    batch: int,
    encoding: Encoding,
    seed: int,
    rounding: Rounding | None = None,
    delays: Delays | None = None,
    mode: BackwardMode = STORE_ALL,
) -> str:
    """SHA-256 over everything that decides the trained activity; the network's name does not.

    Delays are part of it where there are some, and a backward mode where its gradients are its own; the key
    ``gradients`` never is. So what was stored before there were delays or modes is found again.
    """
    content: dict[str, Any] = {
        "format": FORMAT,
        "input": [list(network.input_shape), asdict(network.input_format)],
        "layers": [_layer_content(layer) for layer in network.layers],
        "workload": [timesteps, batch, encoding.value],
        "training": [config.model_version, config.model_dump(mode="json", exclude={"gradients"})],
        "seed": seed,
    }
    if rounding is not None:
        content["rounding"] = asdict(rounding)
    if delays is not None:
        content["delays"] = asdict(delays)
    if own_gradients(network, mode):
        content["mode"] = [RECORDED_OF_MODES, mode.model_dump(mode="json")]
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _layer_content(layer: Layer) -> list[Any]:
    neuron = None if layer.neuron is None else [layer.neuron.model_version, layer.neuron.model_dump(mode="json")]
    formats = [asdict(form) for form in layer.in_formats]
    return [layer.config.model_dump(mode="json", exclude={"neuron", "inputs"}), list(layer.inputs), neuron, formats]


def trained_activity(
    network: Network,
    config: TrainConfig,
    timesteps: int,
    batch: int,
    encoding: Encoding,
    seed: int,
    progress: Progress | None = None,
    rounding: Rounding | None = None,
    delays: Delays | None = None,
    mode: BackwardMode = STORE_ALL,
) -> TrainedActivity:
    """Stored activity of this training, or train, record and store.

    Parameters are those of :func:`simsnn.training.loop.train`. A cache folder that cannot be
    written costs a warning, not the result.

    Raises
    ------
    ConfigError
        If data set, network, batch, record and delays do not fit together.
    """
    check_delays(config, delays)
    digest = training_digest(network, config, timesteps, batch, encoding, seed, rounding, delays, mode)
    folder = cache_root() / "activity" / digest
    stored = _load(folder)
    if stored is not None:
        return stored
    model = train(network, config, timesteps, batch, encoding, seed, progress, rounding, delays, mode)
    recording = record(network, config, timesteps, batch, encoding, seed, model.recorded, rounding, mode)
    activity = to_activity(recording, network, model.recorded_accuracy)
    course = (model.history, model.accuracy, model.silent_layers, model.steps_per_epoch)
    fresh = TrainedActivity(activity, *course, from_cache=False, flipped=recording.flipped)
    try:
        _store(folder, fresh, network)
    except OSError as error:
        _LOG.warning("the trained activity cannot be stored in %s: %s", folder.parent, error)
    return fresh


def _store(folder: Path, entry: TrainedActivity, network: Network) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name[:16]}.", dir=folder.parent))
    try:
        neuron = next((layer.neuron for layer in network.layers if layer.neuron is not None), None)
        names = ("none", "none") if neuron is None else (neuron.kind, neuron.surrogate.kind)
        write_trace(temporary / _TRACE, entry.activity, *names)
        training = {
            "history": [asdict(epoch) for epoch in entry.history],
            "accuracy": entry.accuracy,
            "silent_layers": list(entry.silent_layers),
            "steps_per_epoch": entry.steps_per_epoch,
            "flipped": entry.flipped,
        }
        (temporary / _TRAINING).write_text(json.dumps(training))
        checksums = {name: _sha256(temporary / name) for name in (_TRACE, _TRAINING)}
        (temporary / _CHECKSUMS).write_text(json.dumps(checksums))
        if not folder.exists():
            os.replace(temporary, folder)
    except OSError:
        if not folder.exists():  # another process may have stored the same entry meanwhile
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _load(folder: Path) -> TrainedActivity | None:
    """The stored entry; None where there is none or it is damaged, which removes it."""
    if not folder.is_dir():
        return None
    try:
        checksums = json.loads((folder / _CHECKSUMS).read_text())
        if checksums != {name: _sha256(folder / name) for name in (_TRACE, _TRAINING)}:
            raise ValueError("its checksum differs")
        training = json.loads((folder / _TRAINING).read_text())
        activity = replace(read_trace(folder / _TRACE), kind=ActivityKind.TRAIN)
    except (OSError, ValueError, TraceError) as error:
        _LOG.warning("stored activity %s is damaged (%s); training again", folder, error)
        shutil.rmtree(folder, ignore_errors=True)
        return None
    return TrainedActivity(
        activity,
        tuple(EpochRecord(**epoch) for epoch in training["history"]),
        training["accuracy"],
        tuple(training["silent_layers"]),
        training["steps_per_epoch"],
        from_cache=True,
        flipped=tuple((name, share) for name, share in training.get("flipped", ())),
    )


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
