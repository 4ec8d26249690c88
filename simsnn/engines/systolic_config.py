"""Configuration of a systolic array: every switch of docs/machines section 3.

Names and values are those of the hardware file; ``machine_switches`` turns them into the integer
vector that kernels and register-level twins share.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from simsnn.config.quantities import AccumulatorBits, Count, Name, StrictModel
from simsnn.engines.base import Dataflow
from simsnn.kernels import folds
from simsnn.workload.feeder import Feeder
from simsnn.workload.lowering import BLowering

__all__ = ["BLowering", "Dataflow", "Feeder", "SystolicConfig", "machine_switches"]


class ProcessingElement(StrEnum):
    """What one element does with its operands."""

    MAC = "mac"
    GATED_ADD = "gated_add"


class PartialFolds(StrEnum):
    """Whether an edge fold occupies the whole array or its own corner."""

    FULL = "full"
    TRIMMED = "trimmed"


class Buffering(StrEnum):
    """Stationary registers per element."""

    SINGLE = "single"
    DOUBLE = "double"


class WeightLoad(StrEnum):
    """How a stationary tile gets into the array."""

    SHIFT_GLOBAL = "shift_global"
    SHIFT_SKEWED = "shift_skewed"
    ROW_ADDRESSED = "row_addressed"


class Drain(StrEnum):
    """Whether ``os`` results leave before the next fold or while it accumulates."""

    SERIAL = "serial"
    OVERLAPPED = "overlapped"


class DrainEnable(StrEnum):
    """Which drain registers shift at an edge."""

    GLOBAL = "global"
    SKEWED = "skewed"
    ROW_TIMED = "row_timed"


class FoldOrder(StrEnum):
    """Loop order of ``ws`` and ``is`` (docs/machines section 3.2)."""

    K_INNER = "k_inner"
    N_INNER = "n_inner"


class PartialSums(StrEnum):
    """Where partial sums of several K folds live."""

    ACCUMULATE = "accumulate"
    SPILL = "spill"


class Transpose(StrEnum):
    """Whether a tensor that is read across its packing axis has a second, transposed copy."""

    NONE = "none"
    ON_STORE = "on_store"


class Compatibility(StrEnum):
    """Machine whose cycle count is reproduced instead of the configured one."""

    NONE = "none"
    SCALESIM = "scalesim"


def _parsed(kind: type[StrEnum]) -> BeforeValidator:
    """YAML holds a plain string, strict models take the enum alone; the error names what is allowed."""
    expected = " or ".join(repr(member.value) for member in kind)

    def read(value: Any) -> Any:
        if value not in {member.value for member in kind}:
            raise PydanticCustomError("enum", "Input should be {expected}", {"expected": expected})
        return kind(value)

    return BeforeValidator(read)


_LOADS = (WeightLoad.SHIFT_GLOBAL, WeightLoad.SHIFT_SKEWED, WeightLoad.ROW_ADDRESSED)
_ENABLES = (DrainEnable.GLOBAL, DrainEnable.SKEWED, DrainEnable.ROW_TIMED)


class SystolicConfig(StrictModel):
    """A systolic array as the hardware file describes it.

    Parameters
    ----------
    name : str
        Name that ``mapping`` refers to.
    rows, columns : int
        R x C.
    pe : "mac" or "gated_add"
        Multiply-accumulate, or an adder gated by a spike.
    dataflows : tuple of Dataflow
        Dataflows that the array offers.
    b_lowering, transpose, group_packing, partial_folds, stationary_buffering, weight_load, drain,
    drain_enable, fold_order, psum, im2col, compatibility
        Switches of docs/machines section 3.
    acc_rows : int
        Rows of the partial-sum accumulator of C banks.
    acc_width : int
        Width of partial sums in bits; written ``32 bit``. Sums wrap.
    """

    name: Name
    kind: Literal["systolic"] = "systolic"
    rows: Annotated[int, Field(gt=0, le=4096)]
    columns: Annotated[int, Field(gt=0, le=4096)]
    pe: Annotated[ProcessingElement, _parsed(ProcessingElement)]
    dataflows: tuple[Annotated[Dataflow, _parsed(Dataflow)], ...] = (Dataflow.WS, Dataflow.IS, Dataflow.OS)
    b_lowering: Annotated[BLowering, _parsed(BLowering)] = BLowering.PHASES
    transpose: Annotated[Transpose, _parsed(Transpose)] = Transpose.NONE
    group_packing: Literal["none"] = "none"
    partial_folds: Annotated[PartialFolds, _parsed(PartialFolds)] = PartialFolds.FULL
    stationary_buffering: Annotated[Buffering, _parsed(Buffering)] = Buffering.DOUBLE
    weight_load: Annotated[WeightLoad, _parsed(WeightLoad)] = WeightLoad.ROW_ADDRESSED
    drain: Annotated[Drain, _parsed(Drain)] = Drain.OVERLAPPED
    drain_enable: Annotated[DrainEnable, _parsed(DrainEnable)] = DrainEnable.ROW_TIMED
    fold_order: Annotated[FoldOrder, _parsed(FoldOrder)] = FoldOrder.K_INNER
    psum: Annotated[PartialSums, _parsed(PartialSums)] = PartialSums.ACCUMULATE
    acc_rows: Count
    acc_width: AccumulatorBits
    im2col: Annotated[Feeder, _parsed(Feeder)] = Feeder.LINE_BUFFER
    compatibility: Annotated[Compatibility, _parsed(Compatibility)] = Compatibility.NONE

    @field_validator("dataflows", mode="before")
    @classmethod
    def _as_tuple(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value

    @model_validator(mode="after")
    def _dataflows_named_once(self) -> SystolicConfig:
        if not self.dataflows:
            raise ValueError("dataflows is empty: name at least one of ws, is, os")
        if len(set(self.dataflows)) != len(self.dataflows):
            raise ValueError("dataflows names one of ws, is, os twice")
        return self

    @property
    def peak_per_cycle(self) -> int:
        """Multiply-accumulates per cycle at best: one of every element."""
        return self.rows * self.columns

    @property
    def scalesim(self) -> bool:
        """True when the other timing switches are overridden by SCALE-Sim's machine."""
        return self.compatibility is Compatibility.SCALESIM

    @property
    def full_folds(self) -> bool:
        """True when an edge fold is timed as a whole array."""
        return self.scalesim or self.partial_folds is PartialFolds.FULL


def machine_switches(config: SystolicConfig, dataflow: Dataflow, accumulates: bool) -> NDArray[np.int64]:
    """Switch vector int64[MACHINE_WORDS] of one task.

    Parameters
    ----------
    config : SystolicConfig
        The array.
    dataflow : Dataflow
        Dataflow of the task.
    accumulates : bool
        Whether a product of the task has more than one K fold, so that its rows pass the
        accumulator (or the re-adder that ``psum: spill`` needs at the same place).
    """
    machine = np.zeros(folds.MACHINE_WORDS, dtype=np.int64)
    machine[folds.OUTPUT_STATIONARY] = dataflow is Dataflow.OS
    if config.scalesim:
        machine[folds.SINGLE_BUFFER], machine[folds.EXTRA_EDGE] = 1, -1
        return machine
    machine[folds.WEIGHT_LOAD] = _LOADS.index(config.weight_load)
    machine[folds.SINGLE_BUFFER] = config.stationary_buffering is Buffering.SINGLE
    machine[folds.OVERLAPPED] = config.drain is Drain.OVERLAPPED
    machine[folds.DRAIN_ENABLE] = _ENABLES.index(config.drain_enable)
    machine[folds.SHIFT_OUT] = 1
    machine[folds.EXTRA_EDGE] = accumulates and dataflow is not Dataflow.OS
    return machine
