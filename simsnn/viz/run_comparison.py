"""Figures of runs side by side: their numbers over those of the first run, and where cycles and energy went.

Proof: ``tests/unit/test_waterfall.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from matplotlib.figure import Figure

from simsnn.results.compare import ComparedRun, RunComparison
from simsnn.results.report import Report
from simsnn.results.waterfall import Waterfall
from simsnn.viz.comparison import Comparison, Series, comparison_figure
from simsnn.viz.named import NamedFigure
from simsnn.viz.style import shortened
from simsnn.viz.waterfall import waterfall_figure

MOST_RUNS = 7
"""Runs beside the first in one figure of bars; there is a colour for each."""
_SHOWN = {
    "total_cycles": "total cycles",
    "cycles_per_iteration": "cycles per iteration",
    "samples_per_s": "samples per second",
    "total_energy_pj": "total energy",
    "energy_per_sample_pj": "energy per sample",
    "utilisation": "use of arrays",
    "dram_bytes": "DRAM traffic",
    "link_bytes": "link traffic",
    "peak_live_bytes": "peak live tensors",
    "area_um2": "area",
}
_FAR = 20.0


def figures_of_comparison(
    found: RunComparison, waterfalls: Sequence[Waterfall], reports: Sequence[Report]
) -> tuple[NamedFigure, ...]:
    """Figures of a comparison.

    Parameters
    ----------
    found : RunComparison
        Runs, their numbers and ratios.
    waterfalls : sequence of Waterfall
        From the first run to each of the others.
    reports : sequence of Report
        The runs in the same order.
    """
    figures = []
    others = len(found.runs) - 1
    for number, start in enumerate(range(1, others + 1, MOST_RUNS), start=1):
        chosen = tuple(range(start, min(start + MOST_RUNS, others + 1)))
        name = "ratios" if others <= MOST_RUNS else f"ratios_{number}"
        figures.append(NamedFigure(name, "numbers over those of the first run", partial(_ratios, found, chosen)))
    for number, one in enumerate(waterfalls, start=2):
        pair = reports[0], reports[number - 1]
        tail = "" if others == 1 else f"_{number}"
        for what in ("cycles", "energy"):
            draw = partial(waterfall_figure, one, pair, what)
            figures.append(NamedFigure(f"waterfall_{what}{tail}", f"where {what} went", draw))
    return tuple(figures)


def _ratios(found: RunComparison, chosen: tuple[int, ...]) -> Figure:
    """Bars of some runs for every metric of which any of them has a ratio."""
    runs = [found.runs[number] for number in chosen]
    metrics = [name for name in _SHOWN if any(run.ratios.get(name) is not None for run in runs)]
    ratios = [value for run in runs for name in metrics if (value := run.ratios.get(name)) is not None]
    names = [f"{number + 1} {_name(found.runs[number])}" for number in chosen]
    first = Series(f"1 {_name(found.runs[0])}", (1.0,) * len(metrics))
    others = (Series(name, tuple(run.ratios.get(m) for m in metrics)) for name, run in zip(names, runs, strict=True))
    series = (first, *others)
    marks = ["synthetic activity" if run.synthetic else "" for run in (found.runs[0], *runs)]
    subtitle = f"ratios to run 1{'; ' + 'synthetic activity in some runs' if any(marks) else ''}"
    content = Comparison(
        title=f"{len(found.runs)} runs side by side",
        subtitle=subtitle,
        footer="simsnn compare " + " ".join(run.id for run in (found.runs[0], *runs)),
        groups=tuple(_SHOWN[name] for name in metrics) or ("nothing to compare",),
        series=series if metrics else (Series("none", (1.0,)),),
        axis="value over that of run 1",
        logarithmic=bool(ratios) and min(ratios) > 0 and max(max(ratios), 1.0) / min(min(ratios), 1.0) > _FAR,
    )
    return comparison_figure(content)


def _name(run: ComparedRun) -> str:
    return f"{shortened(run.name, 24)} {run.id[:6]}"
