"""The one table of the GPU baseline: processors and model constants, each with source and status.

The table is package data (``energy/tables/gpu.csv``); nothing in :mod:`simsnn.engines.gpu` holds a
number of its own. Rates are kept per nanosecond: 1 TFLOPS = 1000 operations/ns, 1 GB/s = 1 B/ns.
Proof: ``tests/unit/test_gpu.py`` (every constant has a row, every row is used).
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import cache
from importlib import resources

from simsnn.errors import ConfigError, nearest


class GpuName(StrEnum):
    """Processors of the table, as ``baselines.gpus`` takes them."""

    V100 = "v100"
    A100 = "a100"
    H100 = "h100"


class GpuStatus(StrEnum):
    """How a number came about; ``recalled`` is a well-known figure that was not read again."""

    PUBLISHED = "published"
    RECALLED = "recalled"
    ASSUMED = "assumed"


@dataclass(frozen=True, slots=True)
class GpuRow:
    """One row of the table; ``gpu`` is empty for a constant of the model."""

    gpu: str
    name: str
    value: str
    unit: str
    source: str
    status: GpuStatus
    note: str


@dataclass(frozen=True, slots=True)
class GpuSpec:
    """One graphics processor.

    Parameters
    ----------
    name : str
        As in ``baselines.gpus``.
    title : str
        Full name with its board.
    node : str
        Process; marketing names of different foundry generations, not a length.
    die_mm2 : float
        Die area.
    sms : int
        Streaming multiprocessors, over which output tiles are spread.
    fp32_flops_per_ns, fp16_flops_per_ns, tensor_flops_per_ns : float
        Dense peaks: FP32 vector, FP16 vector, FP16 tensor.
    bytes_per_ns : float
        Memory bandwidth.
    tdp_w, idle_w : float
        Thermal design power, power with nothing running.
    """

    name: str
    title: str
    node: str
    die_mm2: float
    sms: int
    fp32_flops_per_ns: float
    fp16_flops_per_ns: float
    tensor_flops_per_ns: float
    bytes_per_ns: float
    tdp_w: float
    idle_w: float


@dataclass(frozen=True, slots=True)
class GpuConstants:
    """Constants of the model; the table says where each is from.

    Parameters
    ----------
    fp32_efficiency, tensor_efficiency, memory_efficiency : float
        Best share of each roof.
    least_kernel_ns, kernel_gap_ns : float
        Shortest kernel; device time between two kernels.
    eager_launch_ns, graph_launch_ns, synchronisation_ns : float
        Host time per kernel without and with a graph; host round trip per step.
    memory_power_weight, compute_power_weight : float
        Shares of the dynamic power.
    neuron_forward_kernels, neuron_backward_kernels, update_kernels, chain_tensors : int
        Length of unfused elementwise chains, and tensors that each of their kernels moves.
    largest_tile, smallest_tile, least_depth : int
        Sides of output tiles, shortest split-K slice.
    """

    fp32_efficiency: float
    tensor_efficiency: float
    memory_efficiency: float
    least_kernel_ns: float
    kernel_gap_ns: float
    eager_launch_ns: float
    graph_launch_ns: float
    synchronisation_ns: float
    memory_power_weight: float
    compute_power_weight: float
    neuron_forward_kernels: int
    neuron_backward_kernels: int
    update_kernels: int
    chain_tensors: int
    largest_tile: int
    smallest_tile: int
    least_depth: int


@cache
def gpu_rows() -> tuple[GpuRow, ...]:
    """Every row of the table, in its order."""
    text = resources.files("simsnn").joinpath("energy", "tables", "gpu.csv").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return tuple(
        GpuRow(r["gpu"], r["name"], r["value"], r["unit"], r["source"], GpuStatus(r["status"]), r["note"])
        for r in csv.DictReader(lines)
    )


def _value(gpu: str, name: str) -> str:
    (row,) = [row for row in gpu_rows() if (row.gpu, row.name) == (gpu, name)]
    return row.value


@cache
def gpu_constants() -> GpuConstants:
    """Constants of the model."""
    names = [(field.name.removesuffix("_ns"), field.type) for field in fields(GpuConstants)]
    values = [_value("", name) for name, _ in names]
    return GpuConstants(
        *(int(v) if kind == "int" else float(v) for v, (_, kind) in zip(values, names, strict=True))  # type: ignore[arg-type]
    )


@cache
def gpu_specs() -> tuple[GpuSpec, ...]:
    """Every processor of the table, oldest first."""
    return tuple(_spec(name) for name in dict.fromkeys(row.gpu for row in gpu_rows() if row.gpu))


def gpu_spec(name: str) -> GpuSpec:
    """The processor of that name.

    Raises
    ------
    ConfigError
        For an unknown name, with the nearest known one.
    """
    specs = {spec.name: spec for spec in gpu_specs()}
    if name not in specs:
        raise ConfigError(f"unknown GPU {name!r}", value=name, allowed=tuple(specs), nearest=nearest(name, specs))
    return specs[name]


def _spec(name: str) -> GpuSpec:
    number = {row.name: float(row.value) for row in gpu_rows() if row.gpu == name and row.unit != "text"}
    return GpuSpec(
        name=name,
        title=_value(name, "title"),
        node=_value(name, "node"),
        die_mm2=number["die"],
        sms=int(number["sms"]),
        fp32_flops_per_ns=number["fp32_peak"] * 1000,
        fp16_flops_per_ns=number["fp16_peak"] * 1000,
        tensor_flops_per_ns=number["tensor_peak"] * 1000,
        bytes_per_ns=number["bandwidth"],
        tdp_w=number["tdp"],
        idle_w=number["idle"],
    )
