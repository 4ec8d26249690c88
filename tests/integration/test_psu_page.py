"""The page on parallel units quotes the stored results, and these are of the shipped experiments."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest

from simsnn.config.dump import to_yaml
from simsnn.config.experiment import ExperimentConfig
from simsnn.config.resolve import build, load_document
from simsnn.reproduction.outcome import Standing
from simsnn.reproduction.psu import resolved_configs

ROOT = Path(__file__).resolve().parents[2]
PAGE, RESULTS = ROOT / "docs" / "parallel_units.md", ROOT / "results" / "psu"
ROW = re.compile(r"^\| `([a-z0-9_.]+)` \| [^|]* \| ([\d.e+-]+)( \*\*miss\*\*)? \| ([^|]*) \| (\w+) \|$", re.MULTILINE)


@pytest.fixture(scope="module")
def stored() -> dict[str, Any]:
    checks = json.loads((RESULTS / "checks.json").read_text(encoding="utf-8"))["checks"]
    return {check["id"]: check for check in checks}


@pytest.fixture(scope="module")
def page() -> str:
    return PAGE.read_text(encoding="utf-8")


def rows_of(name: str) -> list[dict[str, str]]:
    with (RESULTS / f"{name}.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_page_has_every_check_as_it_is_stored(stored: dict[str, Any], page: str) -> None:
    rows = ROW.findall(page)
    assert {row[0] for row in rows} == set(stored)
    for name, value, miss, _, standing in rows:
        check = stored[name]
        assert value == f"{check['value']:.4g}", name
        assert bool(miss) is not check["pass"], name
        assert standing == check["status"], name


def test_every_exact_check_passed(stored: dict[str, Any]) -> None:
    exact = [check for check in stored.values() if check["status"] == Standing.EXACT.value]
    assert len(exact) == 16
    assert all(check["pass"] for check in exact)


def crossover_row(row: dict[str, str]) -> str:
    shape = f"{row['array']} x {row['array']}, {row['lanes']} lanes of {row['ops_per_cycle']}"
    found = (row[name] or "-" for name in ("t_star", "t_star_overlapped", "t_star_bare"))
    formulas = (f"{float(row[name]):g}" for name in ("rc_over_p", "two_rc_over_p", "two_rc_over_p_minus_r"))
    return f"| {shape} | {int(row['neurons']):,} | {row['pass']} | {' | '.join((*found, *formulas))} |"


def accuracy_row(row: dict[str, str]) -> str:
    mean, low, high = (f"{100 * float(row[f'accuracy_{name}']):.1f}" for name in ("mean", "low", "high"))
    rates = (f"{100 * float(row[name]):.0f} %" for name in ("firing_rate", "spikes_in_first_step"))
    return f"| `{row['experiment']}` | {row['unit']} | {mean} % ({low} to {high}) | {' | '.join(rates)} |"


def step_row(row: dict[str, str]) -> str:
    cells = (f"{int(row['cycles']):,}", f"{float(row['over_lif']):.2f}", f"{float(row['energy_uj']):.0f}")
    peak = f"{int(row['peak_bytes']) / 1000:.0f}"
    return f"| `{row['experiment']}` | {row['unit']} | {row['form']} | {' | '.join((*cells, peak))} |"


@pytest.mark.parametrize(
    ("name", "written"), [("crossover", crossover_row), ("accuracy", accuracy_row), ("steps", step_row)]
)
def test_the_page_has_every_row_of_the_tables(name: str, written: Any, page: str) -> None:
    rows = rows_of(name)
    assert len(rows) > 15
    lines = set(page.splitlines())
    for row in rows:
        assert written(row) in lines


def test_stored_curves_are_what_the_crossovers_say() -> None:
    """At every stored T from T* on products are slower, at the stored T before it they are not."""
    found: dict[tuple[str, ...], dict[int, dict[str, int]]] = {}
    for row in rows_of("cycles_over_t"):
        place = tuple(row[name] for name in ("array", "lanes", "ops_per_cycle", "neurons", "pass"))
        found.setdefault(place, {}).setdefault(int(row["timesteps"]), {})[row["form"]] = int(row["cycles"])
    crossings = {
        tuple(row[n] for n in ("array", "lanes", "ops_per_cycle", "neurons", "pass")): row
        for row in rows_of("crossover")
    }
    assert len(found) == 8
    for place, by_steps in found.items():
        crossing = int(crossings[place]["t_star"])
        for steps, forms in by_steps.items():
            if steps >= crossing:
                assert forms["product"] > min(forms["recurrence"], forms["scan"])
        before = [steps for steps in by_steps if steps < crossing]
        if before:
            last = by_steps[max(before)]
            assert last["product"] <= min(last["recurrence"], last["scan"])


def test_stored_experiments_are_what_the_comparison_runs() -> None:
    for name, text in resolved_configs():
        kept = build(ExperimentConfig, load_document(RESULTS / "configs" / f"{name}.yaml", ()))
        assert to_yaml(kept) == text
