"""Random small machines, layers, cuts and activity for the comparison of LUT plans with their twin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simsnn.costs import OperandClass
from simsnn.engines.lut_candidates import block_bounds
from simsnn.engines.lut_config import LutConfig
from simsnn.engines.lut_forward_plan import ForwardCore, LutForwardPlan
from simsnn.engines.lut_update_core import UpdateCore
from simsnn.engines.lut_update_plan import LutUpdatePlan
from simsnn.engines.lut_work import LutWork
from simsnn.workload.operation import ConvGeometry, Extent, GemmOperation, Operand, Pass
from simsnn.workload.product_activity import ProductActivity
from simsnn.workload.spike_tensor import SpikeTensor

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class LutSwitches:
    """One combination of the switches; the last three belong to the weight update."""

    update: bool
    tables: str
    skip: str
    bypass: str
    skip_groups: str = "none"
    accumulators: str = "double"
    grouping: str = "time"
    late: bool = False

    @property
    def name(self) -> str:
        """``double zero_address never``, ``single none when_cheaper all_lanes double time late operands``."""
        words = [f"{self.tables} tables", f"skip {self.skip}", f"bypass {self.bypass}"]
        if self.update:
            words += [f"groups {self.skip_groups}", f"{self.accumulators} accumulators", self.grouping]
        return ", ".join([*words, "late operands"] if self.late else words)


@dataclass(frozen=True, slots=True, eq=False)
class LutCase:
    """A plan with real activity, the ready times of its chunks, and the values behind them.

    Parameters
    ----------
    plan : LutForwardPlan or LutUpdatePlan
        The plan.
    ready : tuple of int
        Ready time of every chunk.
    spikes : NDArray[int64], shape (T, B, Ci, H, W)
        Inputs.
    weights : NDArray[int64], shape (Co, Ci/g, Kh, Kw)
        Weights.
    gradients : NDArray[int64], shape (T, B, Co, Ho, Wo)
        Gradients towards the currents.
    initial : tuple of NDArray[int64], shape (J, Co/g) each
        dW that stands in memory, by section.
    """

    plan: LutForwardPlan | LutUpdatePlan
    ready: tuple[int, ...]
    spikes: Ints
    weights: Ints
    gradients: Ints
    initial: tuple[Ints, ...]


def draw_geometry(rng: np.random.Generator) -> ConvGeometry:
    """Random small layer: every fourth is linear, others have groups, stride, dilation and padding."""
    groups = int(rng.choice([1, 1, 1, 2]))
    channels, out = groups * int(rng.integers(1, 7)), groups * int(rng.integers(1, 7))
    if rng.random() < 0.25:
        return ConvGeometry(channels * int(rng.integers(1, 5)), 1, 1, out, groups=groups)
    kernel, dilation = [int(rng.integers(1, 4)) for _ in range(2)], int(rng.integers(1, 3))
    padding = int(rng.integers(0, 2))
    least = [max(1, dilation * (size - 1) + 1 - 2 * padding) for size in kernel]
    height, width = (size + int(rng.integers(0, 4)) for size in least)
    stride = [int(rng.integers(1, 3)) for _ in range(2)]
    sizes = (channels, height, width, out)
    return ConvGeometry(
        *sizes,
        kernel_h=kernel[0],
        kernel_w=kernel[1],
        stride_h=stride[0],
        stride_w=stride[1],
        padding_h=padding,
        padding_w=padding,
        dilation_h=dilation,
        dilation_w=dilation,
        groups=groups,
    )


def draw_config(rng: np.random.Generator, switches: LutSwitches) -> LutConfig:
    """Random small machine with the given switches."""
    ports, lanes = int(rng.integers(1, 5)), int(rng.integers(1, 5))
    skips = switches.skip == "zero_address"
    return LutConfig.model_validate(
        {
            "name": "lut0",
            "address_bits": int(rng.integers(1, 6)),
            "build_ports": int(rng.integers(1, 5)),
            "lanes": lanes,
            "groups": int(rng.integers(1, 6)),
            "read_ports": ports,
            "tables": switches.tables,
            "block_positions": int(rng.integers(1, 60)),
            "skip": switches.skip,
            "skip_window": int(rng.integers(1, 6)) if skips else None,
            "skip_groups": switches.skip_groups,
            "grouping": switches.grouping,
            "accumulator_words": lanes * int(rng.integers(9, 80)),
            "accumulators": switches.accumulators,
            "drain_width": int(rng.integers(1, 9)),
            "bypass": switches.bypass,
            "acc_width": "32 bit",
        }
    )


def draw_operation(rng: np.random.Generator, update: bool) -> GemmOperation:
    """Random small layer in pass F or W."""
    geometry, steps, samples = draw_geometry(rng), int(rng.integers(1, 6)), int(rng.integers(1, 4))
    slots = steps * samples
    spikes = Operand("x", OperandClass.SPIKES, slots * geometry.in_channels * geometry.in_pixels, 1, True, slots)
    weights = Operand("w", OperandClass.WEIGHTS, geometry.weights, 8)
    outputs = slots * geometry.out_channels * geometry.out_pixels
    extent = Extent((0, samples), (0, steps))
    if not update:
        currents = Operand("y", OperandClass.CURRENTS, outputs, 32, slots=slots)
        return GemmOperation("l", Pass.F, slots, geometry, None, spikes, weights, currents, steps, extent)
    gradients = Operand("g", OperandClass.GRADIENTS, outputs, 16, slots=slots)
    total = Operand("dw", OperandClass.WEIGHT_GRADIENTS, geometry.weights, 32)
    adds = bool(rng.random() < 0.3)
    return GemmOperation("l", Pass.W, slots, geometry, None, spikes, gradients, total, steps, extent, accumulates=adds)


def draw_plan(rng: np.random.Generator, config: LutConfig, operation: GemmOperation) -> LutForwardPlan | LutUpdatePlan:
    """Random cut of an operation."""
    work = LutWork.of(operation, config.lanes)
    if operation.pass_ is Pass.F:
        coarse, fine = block_bounds(config, work)
        options = [*coarse, *fine]
        core = ForwardCore(config, work, options[int(rng.integers(0, len(options)))])
        depth = int(rng.integers(0, 4))
        runs = [int(rng.integers(1, 4)), int(rng.integers(1, 4)), int(rng.integers(1, 4))]
        cuts = ((0, 0, 0), (runs[0], 0, 0), (1, runs[1], 0), (1, 1, runs[2]))
        return LutForwardPlan(core, *cuts[depth])
    whole = UpdateCore(config, work)
    units, height = whole.grouping.units, work.geometry.out_h
    if rng.random() < 0.3:
        return LutUpdatePlan(UpdateCore(config, work, int(rng.integers(1, units + 1))), False)
    tiles = int(rng.integers(1, 4))
    pieces = int(rng.integers(1, height + 1)) if rng.random() < 0.4 else 1
    ranges = units if pieces > 1 else int(rng.integers(1, units + 1))
    return LutUpdatePlan(UpdateCore(config, work, ranges, pieces, tiles), True)


def draw_case(rng: np.random.Generator, switches: LutSwitches) -> LutCase:
    """Random machine, layer, cut, activity and ready times."""
    config, operation = draw_config(rng, switches), draw_operation(rng, switches.update)
    geometry, extent = operation.geometry, operation.extent
    assert geometry is not None
    assert extent is not None
    shape = (extent.steps[1], extent.samples[1])
    inside = (geometry.in_channels, geometry.in_h, geometry.in_w)
    rate, density = rng.choice([0.0, 0.05, 0.2, 0.5, 1.0]), rng.choice([0.0, 0.05, 0.3, 1.0])
    spikes = (rng.random((*shape, *inside)) < rate).astype(np.int64)
    gradients = rng.integers(-99, 100, (*shape, geometry.out_channels, geometry.out_h, geometry.out_w))
    gradients *= rng.random(gradients.shape) < density
    weights = rng.integers(
        -99, 100, (geometry.out_channels, geometry.in_channels // geometry.groups, geometry.kernel_h, geometry.kernel_w)
    )
    mask = SpikeTensor.from_dense((gradients != 0).astype(np.uint8))
    activity = ProductActivity(geometry, SpikeTensor.from_dense(spikes.astype(np.uint8)), mask)
    plan = draw_plan(rng, config, operation).with_activity(activity)
    ready = np.zeros(plan.chunk_count, np.int64)
    if switches.late:
        ready = np.cumsum(rng.integers(0, 40, plan.chunk_count)) * (rng.random(plan.chunk_count) < 0.5)
    initial: tuple[Ints, ...] = ()
    if isinstance(plan, LutUpdatePlan):
        shapes = [(plan.core.rows(section), plan.core.work.out_channels) for section in range(len(plan.core.sections))]
        initial = tuple(rng.integers(-99, 100, size) for size in shapes)
    return LutCase(plan, tuple(ready.tolist()), spikes, weights, gradients, initial)
