"""Genetic search: finds the front of a small space, asks the same of the same seed, goes on from its log."""

from __future__ import annotations

from pathlib import Path

import pytest

from simsnn.results.sweep_store import POINTS
from simsnn.results.sweep_table import PointStatus
from simsnn.sweep.runner import SweepOptions, SweepProgress, run_sweep
from tests.sweep_files import plan_of

pytest.importorskip("optuna")
AXES = """\
axes:
  - {name: rows, path: hardware.arrays.0.rows, range: [8, 47]}
  - {name: columns, path: hardware.arrays.0.columns, range: [8, 27]}
  - {name: dataflow, path: mapping.F.dataflow, values: [ws, os]}
"""
SEARCH = """\
sampling: {kind: nsga2, points: 60, population: 12, seed: 3}
objectives: [{metric: total_cycles}, {metric: area_um2}]
"""
SERIAL = SweepOptions("serial")


def test_a_search_stays_in_its_bounds_and_beats_chance(tmp_path: Path) -> None:
    where = 'where: "rows * columns <= 600"\n'
    stored = run_sweep(plan_of(tmp_path, AXES, where + SEARCH), tmp_path / "out", SERIAL)
    rows = stored.table.rows
    assert [row.point for row in rows] == list(range(60))
    assert len({row.values for row in rows}) == 60
    assert all(int(row.values[0]) * int(row.values[1]) <= 600 for row in rows)  # type: ignore[arg-type]
    random = where + SEARCH.replace("nsga2", "random").replace("population: 12, ", "")
    chance = run_sweep(plan_of(tmp_path, AXES, random), tmp_path / "random", SERIAL)
    assert volume(stored.table.rows) > volume(chance.table.rows)


def volume(rows) -> float:  # type: ignore[no-untyped-def]
    """Share of the box up to a fixed worst corner that some row dominates, in logarithms of both objectives."""
    import numpy as np

    corner = np.log([1e5, 1e8])
    found = np.log([[row.metrics.total_cycles, row.metrics.area_um2] for row in rows if row.metrics is not None])
    front = sorted(map(tuple, found[(found < corner).all(axis=1)]))
    area, best = 0.0, float(corner[1])
    for cycles, size in front:
        if size < best:
            area += (float(corner[0]) - cycles) * (best - size)
            best = size
    return area


def test_the_same_seed_asks_the_same_and_an_interrupted_search_goes_on(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, AXES, SEARCH)
    whole = run_sweep(plan, tmp_path / "whole", SERIAL)

    def stop(progress: SweepProgress) -> None:
        if progress.done == 30:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_sweep(plan, tmp_path / "cut", SERIAL, stop)
    assert len((tmp_path / "cut" / POINTS).read_text().splitlines()) == 31
    assert run_sweep(plan, tmp_path / "cut", SERIAL).table == whole.table
    other = run_sweep(plan_of(tmp_path, AXES, SEARCH.replace("seed: 3", "seed: 4")), tmp_path / "other", SERIAL)
    assert other.table != whole.table


def test_a_search_over_less_than_it_may_ask_ends(tmp_path: Path) -> None:
    axes = "axes:\n  - {name: rows, path: hardware.arrays.0.rows, values: [0, 8, 16]}\n"
    stored = run_sweep(plan_of(tmp_path, axes, SEARCH), tmp_path / "out", SERIAL)
    assert sorted(row.values[0] for row in stored.table.rows) == [0, 8, 16]  # type: ignore[type-var]
    assert [row.status for row in stored.table.rows].count(PointStatus.REFUSED) == 1


def test_seeds_repeat_every_design(tmp_path: Path) -> None:
    axes = AXES + "  - {name: seed, path: seed, values: [0, 1]}\n"
    more = SEARCH.replace("points: 60", "points: 10").replace("12", "5")
    stored = run_sweep(plan_of(tmp_path, axes, more), tmp_path / "out", SERIAL)
    designs = [row.values[:3] for row in stored.table.rows]
    assert len(designs) == 20
    assert all(designs.count(design) == 2 for design in designs)
