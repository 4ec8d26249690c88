"""Experiment key ``baselines``: which processors a run is held against."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from simsnn.config.quantities import StrictModel
from simsnn.engines.gpu import GpuPrecision
from simsnn.engines.gpu_table import GpuName


class BaselineConfig(StrictModel):
    """GPUs, their precision, and the one constant that a calibration may fit."""

    gpus: tuple[Annotated[GpuName, Field(strict=False)], ...] = tuple(GpuName)
    precision: Annotated[GpuPrecision, Field(strict=False)] = GpuPrecision.FP32
    sustained_fraction: Annotated[float, Field(gt=0, le=1)] = 1.0

    @field_validator("gpus")
    @classmethod
    def _each_once(cls, gpus: tuple[GpuName, ...]) -> tuple[GpuName, ...]:
        if not gpus:
            raise ValueError("gpus must name at least one of " + ", ".join(GpuName))
        if len(set(gpus)) != len(gpus):
            raise ValueError("a GPU is listed twice")
        return gpus
