"""Energy against time: run a sweep and draw its Pareto front. Run: python pareto.py [SWEEP [PICTURE]].

Without arguments it runs batch.yaml, which lies beside it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib

import simsnn
from simsnn.results.sweep_table import SweepRow, SweepTable

matplotlib.use("Agg")
DEFAULTS = (str(Path(__file__).with_name("batch.yaml")), "pareto.png")


def costs(row: SweepRow) -> tuple[float, float]:
    """Milliseconds of a step, microjoules of a sample."""
    return row.metrics.time_ns / 1e6, row.metrics.energy_per_sample_pj / 1e6


def draw(table: SweepTable, picture: Path) -> None:
    """Every point that ran, the front as a line with the designs on it."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 4), layout="constrained")
    done = sorted(table.done, key=costs)
    front = [row for row in done if row.pareto]
    axes.plot(*zip(*map(costs, done), strict=True), "o", color="#9AA5B1", label="all designs")
    axes.plot(
        *zip(*map(costs, front), strict=True), "o-", color="#B3431E", drawstyle="steps-post", label="Pareto front"
    )
    for row in front:
        axes.annotate(
            ", ".join(map(str, row.values)), costs(row), xytext=(6, 6), textcoords="offset points", fontsize=7
        )
    axes.set(xscale="log", xlabel="time of a training step in ms", ylabel="energy of a sample in uJ")
    axes.margins(0.15)
    axes.legend(frameon=False, title=f"labels: {', '.join(table.axes)}")
    figure.savefig(picture, dpi=150)


def main(source: str, picture: Path) -> None:
    """Run, name the front, and draw."""
    stored = simsnn.run_sweep(source)
    for row in sorted((row for row in stored.table.done if row.pareto), key=costs):
        milliseconds, microjoules = costs(row)
        design = dict(zip(stored.table.axes, row.values, strict=True))
        print(design, f"{milliseconds:.3f} ms, {microjoules:.2f} uJ")
    draw(stored.table, picture)
    print("drawn:", picture)


if __name__ == "__main__":
    arguments = [*sys.argv[1:], *DEFAULTS[len(sys.argv) - 1 :]]
    main(arguments[0], Path(arguments[1]))
