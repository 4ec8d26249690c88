"""Training loop and the recording of one batch: repeatable for a seed on one machine.

Independent streams come from the seed: initial weights, order of the samples, and the random
draws of the encoding. BLAS runs on one thread, because the order of a threaded sum is not
fixed. The test accuracy is taken after every epoch; the reported one is that of the last. Delayed
gradients read older weights, as :mod:`simsnn.training.delayed` says.

Proof: ``tests/unit/test_training_loop.py``, ``tests/integration/test_training_digits.py``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsnn.errors import ConfigError, Where
from simsnn.training.backpropagation import gradients_of
from simsnn.training.config import TrainConfig, check_delays
from simsnn.training.datasets import Dataset, check_encoding, load_dataset
from simsnn.training.delayed import Delays, WeightVersions
from simsnn.training.loss import Labels, loss_function
from simsnn.training.model import Model, State
from simsnn.training.modes.run import mode_step
from simsnn.training.normalisation import Normalised
from simsnn.training.optimizer import Optimizer
from simsnn.training.parameters import initial_parameters
from simsnn.training.quantise import Rounding
from simsnn.training.recording import Recording, record_step
from simsnn.workload.backward_modes import BackwardMode
from simsnn.workload.encoding import Encoding, encode
from simsnn.workload.mode_checks import check_mode, own_gradients
from simsnn.workload.network import Network
from simsnn.workload.step_tensors import STORE_ALL

Array = NDArray[Any]
Progress = Callable[[int, int, float, float], None]
"""Called after every epoch with (epochs done, epochs, mean loss, test accuracy)."""

_LOG = logging.getLogger(__name__)
_EVALUATION_SLOTS = 1024
_WEIGHTS, _CALIBRATION, _ORDER, _ENCODING, _TEST, _RECORD = range(6)


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """One epoch: mean training loss, test accuracy behind it."""

    epoch: int
    loss: float
    accuracy: float


@dataclass(frozen=True, slots=True, eq=False)
class TrainedModel:
    """Result of a training.

    Parameters
    ----------
    state : State
        Parameters and statistics after the last epoch.
    recorded : State
        The same at the moment that ``record.when`` names.
    history : tuple of EpochRecord
        One entry per epoch.
    accuracy : float
        Test accuracy after the last epoch, 0..1.
    recorded_accuracy : float
        Test accuracy of ``recorded``.
    silent_layers : tuple of str
        Layers none of whose neurons fires on the test set.
    steps_per_epoch : int
        Updates per epoch.
    """

    state: State
    recorded: State
    history: tuple[EpochRecord, ...]
    accuracy: float
    recorded_accuracy: float
    silent_layers: tuple[str, ...]
    steps_per_epoch: int


class _Trainer:
    def __init__(
        self,
        network: Network,
        config: TrainConfig,
        timesteps: int,
        batch: int,
        encoding: Encoding,
        seed: int,
        rounding: Rounding | None,
        delays: Delays | None = None,
        mode: BackwardMode = STORE_ALL,
    ) -> None:
        check_mode(network, mode)
        self.config = config
        self.mode = mode
        self.timesteps = timesteps
        self.batch = batch
        self.encoding = encoding
        self.seed = seed
        self.network = network
        self.model = Model(network, timesteps)
        self.deployed = Model(network, timesteps, rounding=rounding)
        self.versions = WeightVersions(network, timesteps, delays or Delays.none(network), self.model.dtype)
        check_encoding(config.dataset, encoding)
        self.data: Dataset = load_dataset(config.dataset, network, timesteps)
        self.check_batch()

    def check_batch(self) -> None:
        samples, index = len(self.data.train_labels), self.config.record.batch_index
        if self.batch > samples:
            raise ConfigError(
                f"batch {self.batch} is larger than the {samples} training samples",
                where=Where(path="workload.batch"),
                value=self.batch,
                allowed=(f"1..{samples}",),
            )
        if index >= samples // self.batch:
            raise ConfigError(
                f"batch_index {index} does not exist: {samples} training samples make"
                f" {samples // self.batch} full batches",
                where=Where(path="activity.record.batch_index"),
                value=index,
                allowed=(f"0..{samples // self.batch - 1}",),
            )

    @property
    def steps_per_epoch(self) -> int:
        return -(-len(self.data.train_labels) // self.batch)

    def stream(self, purpose: int) -> np.random.Generator:
        return np.random.default_rng((self.seed, purpose))

    def encoded(self, images: Array, rng: np.random.Generator) -> Array:
        """Images (B, C, H, W) or frames of every step (B, T, C, H, W) as (T, B, H, W, C); T = 1 where all are equal."""
        steps = 1 if self.encoding is Encoding.DIRECT else self.timesteps
        return np.ascontiguousarray(np.moveaxis(encode(images, self.encoding, steps, rng), 2, -1))

    def initial(self) -> State:
        """Random weights, scaled on the first batch of the training split."""
        parameters = initial_parameters(self.network, self.timesteps, self.stream(_WEIGHTS), self.model.dtype)
        x = self.encoded(self.data.train_images[: self.batch], self.stream(_CALIBRATION))
        return State(self.model.calibrated(parameters, x), self.model.initial_statistics())

    def epoch(self, number: int, state: State, optimizer: Optimizer, order: NDArray[np.int64]) -> tuple[State, float]:
        """One pass over the training set; parameters change in place."""
        rng = np.random.default_rng((self.seed, _ENCODING, number))
        updates, losses = self.steps_per_epoch * self.config.epochs, []
        for start in range(0, len(order), self.batch):
            chosen = order[start : start + self.batch]
            x = self.encoded(self.data.train_images[chosen], rng)
            loss, gradient, moments = self.step(state, x, self.data.train_labels[chosen])
            rate = self.config.optimizer.rate(optimizer.updates, updates, number)
            self.versions.keep(state.parameters)
            optimizer.update(state.parameters, gradient, rate)
            state = State(state.parameters, self.model.updated(state.statistics, moments))
            losses.append(loss)
        return state, float(np.mean(losses))

    def step(self, state: State, x: Array, labels: Labels) -> tuple[float, Array, tuple[Normalised | None, ...]]:
        """Loss, gradient and normalisations of one batch."""
        forward, backward = self.versions.forward(state.parameters), self.versions.backward(state.parameters)
        if own_gradients(self.network, self.mode):
            read = State(forward, state.statistics)
            done = mode_step(self.model, read, x, labels, self.config.loss, self.mode, backward_parameters=backward)
            return done.loss, done.gradients.vector, done.moments
        tapes = self.model.forward(forward, x, state.statistics, training=True)
        loss, d_logits = loss_function(self.config.loss)(self.model.logits(tapes), labels)
        gradient = gradients_of(self.model, backward, tapes, d_logits).vector
        return loss, gradient, tuple(tape.normalised for tape in tapes)

    def evaluate(self, state: State) -> tuple[float, tuple[str, ...]]:
        """Test accuracy, and the layers whose neurons never fired."""
        images, labels, rng = self.data.test_images, self.data.test_labels, self.stream(_TEST)
        size, correct = max(1, _EVALUATION_SLOTS // self.timesteps), 0
        fired = [layer.neuron is None for layer in self.network.layers]
        for start in range(0, len(labels), size):
            x = self.encoded(images[start : start + size], rng)
            tapes = self.deployed.forward(state.parameters, x, state.statistics, training=False)
            fired = [before or bool(tape.output.any()) for before, tape in zip(fired, tapes, strict=True)]
            correct += int(np.sum(self.deployed.logits(tapes).argmax(axis=1) == labels[start : start + size]))
        silent = tuple(layer.name for layer, any_spike in zip(self.network.layers, fired, strict=True) if not any_spike)
        return correct / len(labels), silent

    def run(self, progress: Progress | None) -> TrainedModel:
        state, record = self.initial(), self.config.record
        recorded = state.copy()
        accuracy, silent = self.evaluate(state)
        recorded_accuracy, history = accuracy, []
        optimizer = Optimizer(self.config.optimizer, self.model.layout.size, self.model.dtype)
        shuffle, samples = self.stream(_ORDER), len(self.data.train_labels)
        for number in range(self.config.epochs):
            state, loss = self.epoch(number, state, optimizer, shuffle.permutation(samples))
            if not (np.isfinite(loss) and np.isfinite(state.parameters).all()):
                raise ConfigError(
                    f"training diverged in epoch {number + 1}: its loss or weights are no longer finite",
                    where=Where(path="activity.optimizer.learning_rate"),
                    value=self.config.optimizer.learning_rate,
                    remedy="lower the learning rate",
                )
            accuracy, silent = self.evaluate(state)
            history.append(EpochRecord(number + 1, loss, accuracy))
            if progress is not None:
                progress(number + 1, self.config.epochs, loss, accuracy)
            if record.when == "after_training" or record.epoch == number + 1:
                recorded, recorded_accuracy = state.copy(), accuracy
        for name in silent:
            _LOG.warning("layer %r is silent after training: its neurons never fire on the test set", name)
        return TrainedModel(state, recorded, tuple(history), accuracy, recorded_accuracy, silent, self.steps_per_epoch)


def _single_thread() -> Any:
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    return threadpool_limits(1, user_api="blas")


def train(
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
) -> TrainedModel:
    """Train a network.

    Parameters
    ----------
    network : Network
        What is trained.
    config : TrainConfig
        How.
    timesteps, batch : int
        T and B.
    encoding : Encoding
        How images become inputs.
    seed : int
        Everything random follows from it.
    progress : callable, optional
        Told after every epoch.
    rounding : Rounding, optional
        Widths at which the network is evaluated; it is trained in floats.
    delays : Delays, optional
        Weight versions that the batches read; goes with ``config.gradients: delayed``, and only with that.
    mode : BackwardMode
        Backward mode; one that has the gradients of store-all is not executed but relied upon.

    Raises
    ------
    ConfigError
        If data set, network, batch, record and delays do not fit together.
    UnsupportedOperation
        If the network does not allow the mode.
    """
    check_delays(config, delays)
    with _single_thread():
        return _Trainer(network, config, timesteps, batch, encoding, seed, rounding, delays, mode).run(progress)


def record(
    network: Network,
    config: TrainConfig,
    timesteps: int,
    batch: int,
    encoding: Encoding,
    seed: int,
    state: State,
    rounding: Rounding | None = None,
    mode: BackwardMode = STORE_ALL,
) -> Recording:
    """Record the batch that ``config.record`` names, at a state of the training.

    Parameters
    ----------
    network, config, timesteps, batch, encoding, seed, rounding, mode
        Those of :func:`train`.
    state : State
        Usually ``TrainedModel.recorded``.

    Returns
    -------
    Recording
        Of ``batch`` samples of the training split in its fixed order.
    """
    with _single_thread():
        trainer = _Trainer(network, config, timesteps, batch, encoding, seed, rounding, mode=mode)
        first = config.record.batch_index * batch
        chosen = slice(first, first + batch)
        x = trainer.encoded(trainer.data.train_images[chosen], trainer.stream(_RECORD))
        labels = trainer.data.train_labels[chosen]
        return record_step(trainer.deployed, state, x, labels, config.loss, mode)
