"""Energy against time: run a sweep and draw its Pareto front. Run: python pareto.py [SWEEP [PICTURE]]."""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib

import simsnn
from simsnn.results.sweep_table import SweepTable

matplotlib.use("Agg")
NO_TRAINING = ("activity=null",)


def draw(table: SweepTable, picture: Path) -> None:
    """Every point that ran, the front as a line."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 4), layout="constrained")
    done = sorted(table.done, key=lambda row: row.metrics.time_ns)
    front = [row for row in done if row.pareto]
    axes.plot(*points(done), "o", color="#9AA5B1", label=f"{len(done)} points")
    axes.plot(*points(front), "o-", color="#B3431E", drawstyle="steps-post", label=f"front, {len(front)} points")
    for row in front:
        name = ", ".join(str(value) for value in row.values)
        (time,), (energy,) = points([row])
        axes.annotate(name, (time, energy), xytext=(5, 5), textcoords="offset points", fontsize=7)
    axes.set(xlabel="time of a training step in ms", ylabel="energy of a training step in mJ")
    axes.margins(0.12)
    axes.legend(frameon=False)
    figure.savefig(picture, dpi=150)


def points(rows: list) -> tuple[list[float], list[float]]:
    """Milliseconds and millijoules."""
    return [row.metrics.time_ns / 1e6 for row in rows], [row.metrics.total_energy_pj / 1e9 for row in rows]


def main(source: str, picture: Path) -> None:
    """Run, draw, and name the front."""
    stored = simsnn.run_sweep(source, NO_TRAINING)
    draw(stored.table, picture)
    for row in stored.table.done:
        if row.pareto:
            design = dict(zip(stored.table.axes, row.values, strict=True))
            print(design, f"{row.metrics.time_ns / 1e6:.3f} ms, {row.metrics.total_energy_pj / 1e9:.3f} mJ")
    print("drawn:", picture)


if __name__ == "__main__":
    arguments = [*sys.argv[1:], *("array_size", "pareto.png")[len(sys.argv) - 1 :]]
    main(arguments[0], Path(arguments[1]))
