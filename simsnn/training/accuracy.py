"""Course of a training alone, stored by the digest of all that it follows from.

For studies of many trainings, where the recorded batch of :mod:`simsnn.training.cache` is not
needed. An entry is one file ``<cache>/accuracy/<digest>.json``, written under a temporary name and
renamed; one that cannot be read is made again.

Proof: ``tests/unit/test_training_accuracy.py``.
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from simsnn.paths import cache_root
from simsnn.training.cache import training_digest
from simsnn.training.config import TrainConfig, check_delays
from simsnn.training.delayed import Delays
from simsnn.training.loop import EpochRecord, train
from simsnn.workload.backward_modes import BackwardMode
from simsnn.workload.encoding import Encoding
from simsnn.workload.network import Network
from simsnn.workload.step_tensors import STORE_ALL

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TrainingCourse:
    """Test accuracy 0..1 after the last epoch, and every epoch before it."""

    accuracy: float
    history: tuple[EpochRecord, ...]


def training_course(
    network: Network,
    config: TrainConfig,
    timesteps: int,
    batch: int,
    encoding: Encoding,
    seed: int,
    delays: Delays | None = None,
    mode: BackwardMode = STORE_ALL,
) -> TrainingCourse:
    """Stored course of this training, or train and store it.

    Parameters are those of :func:`simsnn.training.loop.train`. A cache folder that cannot be
    written costs a warning, not the result.

    Raises
    ------
    ConfigError
        If data set, network, batch and delays do not fit together.
    """
    check_delays(config, delays)
    digest = training_digest(network, config, timesteps, batch, encoding, seed, delays=delays, mode=mode)
    path = cache_root() / "accuracy" / f"{digest}.json"
    stored = _load(path)
    if stored is not None:
        return stored
    trained = train(network, config, timesteps, batch, encoding, seed, delays=delays, mode=mode)
    course = TrainingCourse(trained.accuracy, trained.history)
    try:
        _store(path, course)
    except OSError as error:
        _LOG.warning("the course of the training cannot be stored in %s: %s", path.parent, error)
    return course


def _store(path: Path, course: TrainingCourse) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.stem[:16]}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w") as file:
            json.dump(asdict(course), file)
        os.replace(temporary, path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise


def _load(path: Path) -> TrainingCourse | None:
    """The stored entry; None where there is none or it is damaged."""
    try:
        content = json.loads(path.read_text())
        history = tuple(EpochRecord(**epoch) for epoch in content["history"])
        if not 0 <= content["accuracy"] == history[-1].accuracy:
            raise ValueError("its accuracy is not that of its last epoch")
        return TrainingCourse(content["accuracy"], history)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        _LOG.warning("stored training %s is damaged (%s); training again", path, error)
        return None
