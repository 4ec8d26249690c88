"""The ``activity`` block of an experiment: train, read a trace, or synthesise."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from simsnn.config.quantities import Count, Index, StrictModel
from simsnn.errors import ConfigError, Where
from simsnn.training.datasets import DatasetConfig
from simsnn.training.delayed import Delays
from simsnn.training.loss import LossName
from simsnn.training.optimizer import OptimizerConfig
from simsnn.workload.synthetic import SyntheticConfig


class RecordConfig(StrictModel):
    """Which batch is recorded, and at which moment of the training.

    ``batch_index`` counts batches of the training split in its fixed order; ``epoch`` (from 1) is
    needed by, and only allowed with, ``when: after_epoch``.
    """

    when: Literal["before_training", "after_training", "after_epoch"] = "after_training"
    batch_index: Index = 0
    epoch: Count | None = None

    @model_validator(mode="after")
    def _epoch_belongs(self) -> RecordConfig:
        if (self.when == "after_epoch") != (self.epoch is not None):
            raise ValueError("record.epoch belongs to record.when: after_epoch, and to nothing else")
        return self


class TrainConfig(StrictModel):
    """Train the network and record one batch of it.

    ``gradients: delayed`` trains with the weight versions that the experiment's pipelined schedule
    implies (:mod:`simsnn.training.delayed`); ``immediate`` with none but the newest.
    """

    kind: Literal["train"]
    dataset: DatasetConfig
    epochs: Count
    optimizer: OptimizerConfig
    loss: LossName = "cross_entropy"
    record: RecordConfig = RecordConfig()
    gradients: Literal["immediate", "delayed"] = "immediate"

    model_version: ClassVar[int] = 1

    @model_validator(mode="after")
    def _recorded_epoch_exists(self) -> TrainConfig:
        if self.record.epoch is not None and self.record.epoch > self.epochs:
            raise ValueError(f"record.epoch {self.record.epoch} lies beyond the {self.epochs} epochs of the training")
        return self


def check_delays(config: TrainConfig, delays: Delays | None) -> None:
    """Delayed gradients need delays, immediate ones have none.

    Raises
    ------
    ConfigError
        Saying which of both is missing.
    """
    if (config.gradients == "delayed") == (delays is not None):
        return
    delayed = config.gradients == "delayed"
    raise ConfigError(
        "delayed gradients need a schedule that says how late they are"
        if delayed
        else "delays are given for a training with immediate gradients",
        where=Where(path="activity.gradients"),
        value=config.gradients,
        allowed=("immediate",) if delayed else ("delayed",),
        remedy="choose a pipelined schedule, or gradients: immediate" if delayed else "set gradients: delayed",
    )


class FileActivityConfig(StrictModel):
    """Activity recorded elsewhere: a trace file of schema ``simsnn/trace/1``."""

    kind: Literal["file"]
    file: str


ActivityConfig = Annotated[TrainConfig | FileActivityConfig | SyntheticConfig, Field(discriminator="kind")]
