"""Figures of the comparison of backward modes."""

from __future__ import annotations

from simsnn.neurons.inversion import MEASURED_ALPHAS, FailureRow
from simsnn.reproduction.outcome import Drawing
from simsnn.reproduction.reversible_memory import BATCH, MemoryPoint
from simsnn.reproduction.reversible_rates import COMPARED, LIF_STORED, PAIR_STORED, RatePoint, cycles_of
from simsnn.reproduction.reversible_runs import NETWORKS, ModeRun, run_of
from simsnn.reproduction.reversible_time import Saving
from simsnn.viz.curves import Curve, CurvePanel, Curves, curves_figure
from simsnn.viz.style import save

_KIB = 1024
_FOOTER = "networks and machine are assumed; the pair node is a reconstruction of arXiv 2308.08649"
_LIVE = (
    ("LIF", "store-all"),
    ("LIF", "layer checkpoint"),
    ("pair node", "store-all"),
    ("pair node", "streamlined reversible"),
)
_STEPS = 600


def drawings(
    runs: tuple[ModeRun, ...],
    points: tuple[MemoryPoint, ...],
    savings: tuple[Saving, ...],
    rates: tuple[RatePoint, ...],
    flips: tuple[FailureRow, ...],
) -> tuple[Drawing, ...]:
    """Memory over T, time against memory, live memory, savings, time over the rate of the DRAM, flips."""
    contents = (
        ("memory", memory_content(points)),
        ("time_memory", scatter_content(runs)),
        ("live", live_content(runs)),
        ("savings", savings_content(savings)),
        ("rates", rates_content(rates)),
        ("flips", flips_content(flips)),
    )
    return tuple(_drawing(name, content) for name, content in contents)


def _drawing(name: str, content: Curves) -> Drawing:
    return Drawing(name, lambda path: save(curves_figure(content), path))


def memory_content(points: tuple[MemoryPoint, ...]) -> Curves:
    """Peaks at both levels over T."""
    panels = []
    for title, node in (("network level", False), ("node level", True)):
        curves = []
        for case in dict.fromkeys(point.case for point in points):
            own = [p for p in points if p.case is case]
            values = [(p.node_peak_bytes if node else p.peak_bytes) / _KIB for p in own]
            if all(values):
                curves.append(Curve(case.label, tuple(p.timesteps for p in own), tuple(values)))
        axis = "kept by neurons / KiB" if node else "peak / KiB"
        panels.append(CurvePanel(title, "time steps T", axis, tuple(curves), x_log=True, y_log=True))
    subtitle = f"reversible_vgg, {BATCH} samples; memory meter of simulated steps; what keeps nothing has no line"
    return Curves("Memory over the number of time steps", subtitle, _FOOTER, tuple(panels))


def scatter_content(runs: tuple[ModeRun, ...]) -> Curves:
    """Cycles against peak, a point per neuron and mode."""
    panels = []
    for network in (each.name for each in NETWORKS):
        own = [run for run in runs if run.network.name == network]
        curves = tuple(
            Curve(run.case.label, (run.report.totals.total_cycles / 1e3,), (run.held.peak_bytes / _KIB,)) for run in own
        )
        panels.append(CurvePanel(network, "kcycles per step", "network peak / KiB", curves, kind="points"))
    workload = runs[0].experiment.workload
    subtitle = f"one training step, T = {workload.timesteps}, {workload.batch} samples, machine reversible_base"
    return Curves("Time against memory", subtitle, _FOOTER, tuple(panels), panel_inches=2.4)


def live_content(runs: tuple[ModeRun, ...]) -> Curves:
    """Stored bytes over the cycles of a step."""
    curves = []
    for family, name in _LIVE:
        run = run_of(runs, "vgg", family, name)
        census = run.memory.off_chip.thinned(_STEPS)
        times = tuple(float(t) / 1e3 for t in census.times)
        curves.append(Curve(run.case.label, times, tuple(float(b) / _KIB for b in census.total.values)))
    panel = CurvePanel("vgg", "kcycles", "stored / KiB", tuple(curves), kind="steps")
    subtitle = "every stored tensor from its first writer to its last reader; forward pass up, backward pass down"
    return Curves("Live memory of one training step", subtitle, _FOOTER, (panel,), columns=1, panel_inches=2.4)


def savings_content(savings: tuple[Saving, ...]) -> Curves:
    """What streamlined saves, over how much of the step is products."""
    curves = tuple(Curve(f"{each.id}", (each.product_share,), (each.saved,)) for each in savings)
    panel = CurvePanel(
        "streamlined over plain",
        "products / cycles of the plain step",
        "share of the step saved",
        curves,
        kind="points",
    )
    subtitle = "whole simulated steps; published 0.238 on an unknown network and machine"
    return Curves("What the streamlined backward pass saves", subtitle, _FOOTER, (panel,), columns=1)


def rates_content(points: tuple[RatePoint, ...]) -> Curves:
    """Cycles over those of store-all against the rate of the DRAM."""
    rates = tuple(dict.fromkeys(point.gb_per_s for point in points))
    panels = []
    for stored, title in ((LIF_STORED, "over LIF, store-all"), (PAIR_STORED, "over pair node, store-all")):
        curves = tuple(
            Curve(case.label, rates, tuple(cycles_of(points, case, r) / cycles_of(points, stored, r) for r in rates))
            for base, case in COMPARED
            if base is stored
        )
        same = Curve("as fast as store-all", (rates[0], rates[-1]), (1.0, 1.0))
        panels.append(CurvePanel(title, "DRAM / GB/s", "cycles over store-all", (*curves, same), x_log=True))
    subtitle = "reversible_vgg, one training step, T = 8, 16 samples; below 1 keeping less is also faster"
    return Curves("When keeping less is also faster", subtitle, _FOOTER, tuple(panels))


def flips_content(rows: tuple[FailureRow, ...]) -> Curves:
    """Flipped spikes over T, a line per alpha."""
    panels = []
    for reset in ("hard", "soft"):
        curves = []
        for alpha in MEASURED_ALPHAS:
            own = [r for r in rows if (r.reset, r.dtype, r.alpha) == (reset, "float32", alpha) and r.error.flipped]
            if own:
                x, y = tuple(r.timesteps for r in own), tuple(r.error.flipped for r in own)
                curves.append(Curve(f"alpha = {alpha:g}, G = {own[0].growth:.3g}", x, y))
        title = f"{reset} reset, float32"
        panels.append(
            CurvePanel(title, "time steps T", "share of flipped spikes", tuple(curves), x_log=True, y_log=True)
        )
    subtitle = "synthetic currents, 50,000 neurons, beta = |alpha|; no point: no flip (alpha = -1 has none)"
    return Curves("Spikes that the float inverse gives back flipped", subtitle, _FOOTER, tuple(panels))
