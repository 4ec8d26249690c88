"""GPU baselines of a report: every column of every GPU asked for, and the machine against it.

    speedup = GPU time / run time,  energy ratio = GPU energy / run energy,  area ratio = die / area,

with our area taken with the DRAM interface on the die, as the GPU's die has its own.

Proof: ``tests/integration/test_gpu_baselines.py``.
"""

from __future__ import annotations

from simsnn.engines.gpu import GpuEstimate, gpu_estimates
from simsnn.engines.gpu_config import BaselineConfig
from simsnn.engines.gpu_table import gpu_spec
from simsnn.results.report import GpuBaselineRow, Report
from simsnn.workload.operation import Operation


def with_gpu_baselines(
    report: Report, config: BaselineConfig, operations: tuple[Operation, ...], timesteps: int
) -> Report:
    """The report with a row per GPU and column, and with what these rows assume.

    Parameters
    ----------
    report : Report
        A run's result.
    config : BaselineConfig
        Which GPUs.
    operations : tuple of Operation
        The same training step, built layer by layer: every operation covers all time steps.
    timesteps : int
        T.
    """
    specs = tuple(gpu_spec(name) for name in config.gpus)
    estimates = gpu_estimates(operations, timesteps, specs, config.precision, config.sustained_fraction)
    rows = tuple(_row(estimate, report) for estimate in estimates)
    notes = (*report.approximations, *_notes(config))
    return report.model_copy(update={"gpu_baselines": rows, "approximations": notes})


def _row(estimate: GpuEstimate, report: Report) -> GpuBaselineRow:
    gpu, totals = estimate.gpu, report.totals
    return GpuBaselineRow(
        gpu=gpu.name,
        column=estimate.column.value,
        precision=estimate.precision.value,
        kernels=estimate.kernels,
        time_ns=estimate.time_ns,
        average_power_w=estimate.average_power_w,
        energy_pj=estimate.energy_pj,
        node=gpu.node,
        die_mm2=gpu.die_mm2,
        speedup=_ratio(estimate.time_ns, totals.time_ns),
        energy_ratio=_ratio(estimate.energy_pj, totals.total_energy_pj),
        area_ratio=_ratio(gpu.die_mm2 * 1e6, report.die_area_um2 or totals.area_um2),
    )


def _ratio(theirs: float, ours: float | None) -> float | None:
    return theirs / ours if ours else None


def _notes(config: BaselineConfig) -> tuple[str, ...]:
    fraction = config.sustained_fraction
    scaled = f", eager and fused sustain {fraction:g} of both roofs" if fraction != 1 else ""
    return (
        f"GPU rows: roofline and launch model on dense tensors in {config.precision}, not measured; energy is average"
        f" power times time, not TDP{scaled}",
        "GPU area ratio: die over our area at different nodes, not normalised",
    )
