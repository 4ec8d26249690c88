"""Tables of the H2Learn comparison: networks, GPU columns, engines, area."""

from __future__ import annotations

from simsnn.costs import Observed
from simsnn.engines.gpu import GpuColumn
from simsnn.engines.gpu_table import gpu_specs
from simsnn.reproduction.h2learn_claims import GPU, energy_saving, speedup
from simsnn.reproduction.h2learn_runs import Measured, Trained
from simsnn.reproduction.outcome import Table
from simsnn.results.engine_summary import engine_summaries
from simsnn.results.grouping import STALL_CAUSES
from simsnn.workload.activity import Activity, ChainPoint


def network_table(trained: tuple[Trained, ...], measured: tuple[Measured, ...], fraction: float) -> Table:
    """One row per network: what was trained, what was simulated, ratios to the V100."""
    columns = (
        "network", "activity", "small_accuracy", "batch", "timesteps", "firing_rate", "gradient_density",
        "output_mask_density", "total_cycles", "coarse_pipeline_cycles", "time_ms", "energy_mj", "average_power_w",
        "dram_bytes", "speedup_eager", "speedup_fused", "speedup_roofline", "energy_saving_eager",
    )  # fmt: skip
    rows = []
    for small, each in zip(trained, measured, strict=True):
        totals, workload = each.report.totals, each.experiment.workload
        rows.append(
            (
                each.pair.name,
                f"synthetic, fitted to {each.pair.small}",
                small.activity.accuracy or 0.0,
                workload.batch,
                workload.timesteps,
                *_densities(each.activity),
                totals.total_cycles,
                totals.coarse_pipeline_cycles or 0,
                totals.time_ns * 1e-6,
                totals.total_energy_pj * 1e-9,
                totals.total_energy_pj / totals.time_ns * 1e-3,
                totals.dram_bytes,
                speedup(each, GpuColumn.EAGER, fraction),
                speedup(each, GpuColumn.FUSED, fraction),
                speedup(each, GpuColumn.ROOFLINE, 1.0),
                energy_saving(each, GpuColumn.EAGER, fraction),
            )
        )
    return Table("networks", columns, tuple(rows))


def _densities(activity: Activity) -> tuple[float, float, float]:
    """Firing rate, gradient density at the synapse, density of the output mask; over all elements that have one."""
    spikes = [entry.outputs for entry in activity.layers if entry.outputs is not None]
    gradients = [m for entry in activity.layers if (m := entry.gradient_mask(ChainPoint.SYNAPSE)) is not None]
    needed = [entry.input_needed for entry in activity.layers if entry.input_needed is not None]
    rates = [sum(t.nonzeros for t in found) / max(1, sum(t.elements for t in found)) for found in (spikes, gradients)]
    masks = sum(t.nonzeros for t in needed) / max(1, sum(t.elements for t in needed))
    return rates[0], rates[1], masks


def gpu_table(measured: tuple[Measured, ...], fraction: float) -> Table:
    """Every GPU in its three columns beside the accelerator; all constants are in ``energy/tables/gpu.csv``."""
    columns = (
        "network", "gpu", "column", "sustained_fraction", "kernels", "time_ms", "average_power_w", "energy_mj",
        "speedup", "energy_ratio",
    )  # fmt: skip
    rows = []
    for each in measured:
        for spec in gpu_specs():
            used = fraction if spec.name == GPU else 1.0
            for estimate in each.gpu(spec.name, used):
                rows.append(
                    (
                        each.pair.name,
                        spec.name,
                        estimate.column.value,
                        1.0 if estimate.column is GpuColumn.ROOFLINE else used,
                        estimate.kernels,
                        estimate.time_ns * 1e-6,
                        estimate.average_power_w,
                        estimate.energy_pj * 1e-9,
                        estimate.time_ns / each.report.totals.time_ns,
                        estimate.energy_pj / each.report.totals.total_energy_pj,
                    )
                )
    return Table("gpu", columns, tuple(rows))


def engine_table(measured: tuple[Measured, ...]) -> Table:
    """What each engine did for each network."""
    seen = tuple(Observed)
    columns = (
        "network", "engine", "kind", "busy_cycles", "idle_cycles", *(f"stall_{cause}_cycles" for cause in STALL_CAUSES),
        "energy_pj", "area_um2", *(what.value for what in seen),
    )  # fmt: skip
    rows = tuple(
        (
            each.pair.name,
            engine.name,
            engine.kind,
            round(engine.busy_cycles),
            engine.idle_cycles,
            *(round(engine.stalled_by(cause)) for cause in STALL_CAUSES),
            engine.dynamic_energy_pj,
            engine.area_um2 or 0.0,
            *(engine.observed(what) for what in seen),
        )
        for each in measured
        for engine in engine_summaries(each.report)
    )
    return Table("engines", columns, rows)


def area_table(each: Measured) -> Table:
    """Every unit of the machine with its area and what that rests on."""
    columns = ("component", "unit", "widths", "count", "um2", "status", "source")
    rows = tuple((r.component, r.unit, r.widths, r.count, r.um2, r.status, r.source) for r in each.report.area)
    return Table("area", columns, rows)
