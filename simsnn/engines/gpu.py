"""GPU baseline: roofline plus kernel launches, always as three columns.

For kernel i with ``flops`` and ``bytes`` on a processor of peak P and bandwidth B:

    t_i        = max(flops / (P eta_c), bytes / (B eta_m), t_min)
    step time  = max(sum t_i + n g, n t_cpu) + synchronisation
    power      = idle + (TDP - idle) min(1, 0.35 u_mem + 0.65 u_compute)
    energy     = power * step time

- ``eager``: one kernel per operation and time step, elementwise chains unfused, eager launches:
  n is about 20 L T for L layers.
- ``fused``: T folded into the batch, one kernel per operation, launched as a graph: n about 5 L.
- ``roofline``: the fused kernels with n = 0 launches, no shortest kernel, eta = 1. No code on that
  processor that moves the same tensors is faster.

eta_c holds the quantisation of output tiles into waves over the multiprocessors. A product of
M x K x N is cut into tiles of a x b outputs and split along K into s slices of depth d; all of
them run in waves of one per multiprocessor, so it takes the time of

    2 a b d ceil(ceil(M/a) ceil(N/b) s / SMs) SMs     operations at eta_max P,

with the a, b and s that make this least (reading and adding the slices is left out, small tiles
are taken to be as efficient as large ones: both favour the GPU). The utilisations are the shares
of the peak roofs, u_compute = sum(flops_i / P_i) / time, u_mem = bytes / B / time, so the power
is an average over the step for that much work and never the TDP. Every number is in
``energy/tables/gpu.csv``. ``sustained_fraction`` is the one constant that a calibration may fit:
it scales both roofs of eager and fused, never of roofline.

Assumptions: dense tensors without skipping; fp32 is FP32 arithmetic without TF32; fp16 is tensor
cores for products and FP16 vectors for the rest; whether the step fits into the processor's memory
is not checked. Proof: ``tests/unit/test_gpu.py``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from simsnn.engines.gpu_kernels import Kernel, eager_kernels, fused_kernels
from simsnn.engines.gpu_table import GpuConstants, GpuSpec, gpu_constants
from simsnn.errors import ConfigError
from simsnn.workload.operation import Gemm, Operation

MODEL_VERSION = 1
"""Goes up with every change of the model or of its table that may change an estimate."""


class GpuPrecision(StrEnum):
    """Arithmetic and storage on the GPU."""

    FP32 = "fp32"
    FP16 = "fp16"

    @property
    def word_bytes(self) -> int:
        """Bytes of one element."""
        return 4 if self is GpuPrecision.FP32 else 2


class GpuColumn(StrEnum):
    """How well the GPU is programmed; a claim against a GPU must survive all three."""

    EAGER = "eager"
    FUSED = "fused"
    ROOFLINE = "roofline"


@dataclass(frozen=True, slots=True)
class GpuEstimate:
    """One training step on one GPU.

    Parameters
    ----------
    gpu : GpuSpec
        The processor.
    column, precision : GpuColumn, GpuPrecision
        How it is programmed.
    kernels : int
        Launches; 0 in the roofline.
    flops, bytes : int
        Dense arithmetic and memory traffic of the step.
    time_ns : float
        Time of the step.
    average_power_w : float
        Power averaged over the step, not TDP.
    energy_pj : float
        Average power times time.
    utilisation_compute, utilisation_memory : float
        Shares of the peak rates over the whole step.
    """

    gpu: GpuSpec
    column: GpuColumn
    precision: GpuPrecision
    kernels: int
    flops: int
    bytes: int
    time_ns: float
    average_power_w: float
    energy_pj: float
    utilisation_compute: float
    utilisation_memory: float


@dataclass(frozen=True, slots=True)
class _Roofs:
    """Peaks of one processor at one precision, and which share of them a column reaches."""

    gpu: GpuSpec
    precision: GpuPrecision
    constants: GpuConstants
    ideal: bool
    sustained: float

    def peak(self, kernel: Kernel) -> float:
        """Operations per ns of the pipelines that a kernel uses."""
        if self.precision is GpuPrecision.FP32:
            return self.gpu.fp32_flops_per_ns
        return self.gpu.fp16_flops_per_ns if kernel.product is None else self.gpu.tensor_flops_per_ns

    def time_ns(self, kernel: Kernel) -> float:
        """t_i of one launch."""
        if self.ideal:
            return max(kernel.flops / self.peak(kernel), kernel.bytes / self.gpu.bytes_per_ns)
        return max(self._compute_ns(kernel), self._memory_ns(kernel), self.constants.least_kernel_ns)

    def _compute_ns(self, kernel: Kernel) -> float:
        constants = self.constants
        tensor = self.precision is GpuPrecision.FP16 and kernel.product is not None
        share = constants.tensor_efficiency if tensor else constants.fp32_efficiency
        flops = kernel.flops
        if kernel.product is not None:
            flops = max(flops, quantised_flops(kernel.product, kernel.groups, self.gpu.sms, constants))
        return flops / (self.peak(kernel) * share * self.sustained)

    def _memory_ns(self, kernel: Kernel) -> float:
        return kernel.bytes / (self.gpu.bytes_per_ns * self.constants.memory_efficiency * self.sustained)


@lru_cache(maxsize=4096)
def quantised_flops(product: Gemm, groups: int, sms: int, constants: GpuConstants) -> float:
    """Operations that the multiprocessors could do while a product runs: its own and its idle ones.

    Parameters
    ----------
    product : Gemm
        Product of one group.
    groups : int
        Groups, which run side by side.
    sms : int
        Streaming multiprocessors.
    constants : GpuConstants
        Tile sides and least depth of a slice.
    """
    sides = [constants.smallest_tile]
    while sides[-1] < constants.largest_tile:
        sides.append(2 * sides[-1])
    tiles = [(a * b, groups * -(-product.m // a) * -(-product.n // b)) for a in sides for b in sides]
    slices = [1 << i for i in range((-(-product.k // constants.least_depth)).bit_length() + 1)]
    best = min(
        area * _slice_depth(product.k, s, constants) * -(-count * s // sms) for area, count in tiles for s in slices
    )
    return 2.0 * best * sms


def _slice_depth(depth: int, slices: int, constants: GpuConstants) -> int:
    """Depth of one slice; short slices are padded, so that a longer product never takes less time."""
    return depth if slices == 1 else max(-(-depth // slices), constants.least_depth)


def average_power_w(gpu: GpuSpec, compute: float, memory: float) -> float:
    """Power at given shares of the peak arithmetic rate and of the bandwidth, between idle and TDP."""
    constants = gpu_constants()
    load = constants.memory_power_weight * memory + constants.compute_power_weight * compute
    return gpu.idle_w + (gpu.tdp_w - gpu.idle_w) * min(1.0, load)


def gpu_estimates(
    operations: tuple[Operation, ...],
    timesteps: int,
    specs: tuple[GpuSpec, ...],
    precision: GpuPrecision = GpuPrecision.FP32,
    sustained_fraction: float = 1.0,
) -> tuple[GpuEstimate, ...]:
    """All three columns of every processor, in the order of ``specs``.

    Parameters
    ----------
    operations : tuple of Operation
        One training step in which every operation covers all time steps (built layer by layer).
    timesteps : int
        T.
    specs : tuple of GpuSpec
        Processors.
    precision : GpuPrecision
        fp32, or fp16 with tensor cores.
    sustained_fraction : float
        Share of both roofs that eager and fused code sustains, above 0, at most 1.

    Raises
    ------
    ConfigError
        For a fraction outside (0, 1].
    UnsupportedOperation
        For operations that cover a part of the time steps.
    """
    if not 0 < sustained_fraction <= 1:
        raise ConfigError(f"sustained_fraction is {sustained_fraction}, not above 0 and at most 1")
    constants = gpu_constants()
    eager = eager_kernels(operations, timesteps, precision.word_bytes, constants)
    fused = fused_kernels(operations, timesteps, precision.word_bytes)
    found = []
    for spec in specs:
        for column in GpuColumn:
            kernels = eager if column is GpuColumn.EAGER else fused
            roofs = _Roofs(spec, precision, constants, column is GpuColumn.ROOFLINE, sustained_fraction)
            found.append(_estimate(kernels, roofs, column))
    return tuple(found)


def _estimate(kernels: tuple[Kernel, ...], roofs: _Roofs, column: GpuColumn) -> GpuEstimate:
    gpu, constants = roofs.gpu, roofs.constants
    busy_ns = math.fsum(kernel.launches * roofs.time_ns(kernel) for kernel in kernels)
    launches = 0 if roofs.ideal else sum(kernel.launches for kernel in kernels)
    host_ns = constants.eager_launch_ns if column is GpuColumn.EAGER else constants.graph_launch_ns
    time_ns = max(busy_ns + launches * constants.kernel_gap_ns, launches * host_ns)
    time_ns += constants.synchronisation_ns if launches else 0.0
    moved = math.fsum(kernel.launches * kernel.bytes for kernel in kernels)
    at_peak_ns = math.fsum(kernel.launches * kernel.flops / roofs.peak(kernel) for kernel in kernels)
    compute, memory = _share(at_peak_ns, time_ns), _share(moved / gpu.bytes_per_ns, time_ns)
    power_w = average_power_w(gpu, compute, memory)
    return GpuEstimate(
        gpu=gpu,
        column=column,
        precision=roofs.precision,
        kernels=launches,
        flops=round(math.fsum(kernel.launches * kernel.flops for kernel in kernels)),
        bytes=round(moved),
        time_ns=time_ns,
        average_power_w=power_w,
        energy_pj=power_w * time_ns * 1000.0,
        utilisation_compute=compute,
        utilisation_memory=memory,
    )


def _share(busy_ns: float, time_ns: float) -> float:
    """Part of a time; a sum of the same terms in another order may round above the whole."""
    return min(1.0, busy_ns / time_ns) if time_ns else 0.0
