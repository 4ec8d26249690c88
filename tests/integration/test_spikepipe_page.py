"""The SpikePipe page quotes the stored results."""

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
from simsnn.reproduction.spikepipe_cells import WORKLOADS, cell_experiment

ROOT = Path(__file__).resolve().parents[2]
PAGE, RESULTS = ROOT / "docs" / "spikepipe.md", ROOT / "results" / "spikepipe"
ROW = re.compile(r"^\| `([a-z0-9_.]+)` \| [^|]* \| ([\d.e+-]+)( \*\*miss\*\*)? \| ([^|]*) \| (\w+) \|$", re.MULTILINE)
CELL = re.compile(r"^\| `(\w+)` \| (\d+) ((?:\| [\d.]+ ){10})\|$", re.MULTILINE)


@pytest.fixture(scope="module")
def stored() -> dict[str, Any]:
    checks = json.loads((RESULTS / "checks.json").read_text(encoding="utf-8"))["checks"]
    return {check["id"]: check for check in checks}


def rows_of(name: str) -> list[dict[str, str]]:
    with (RESULTS / f"{name}.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_page_has_every_check_as_it_is_stored(stored: dict[str, Any]) -> None:
    rows = ROW.findall(PAGE.read_text(encoding="utf-8"))
    assert {row[0] for row in rows} == set(stored)
    for name, value, miss, _, standing in rows:
        check = stored[name]
        assert value == f"{check['value']:.4g}", name
        assert bool(miss) is not check["pass"], name
        assert standing == check["status"], name


def test_every_exact_check_passed(stored: dict[str, Any]) -> None:
    exact = [check for check in stored.values() if check["status"] == Standing.EXACT.value]
    assert len(exact) >= 8
    assert all(check["pass"] for check in exact)


def test_the_page_has_every_cell() -> None:
    told = {
        (name, size): [float(v) for v in values.split("|")[1:]] for name, size, values in CELL.findall(PAGE.read_text())
    }
    cells = rows_of("speedup")
    assert len(cells) == len(told) == 30
    for cell in cells:
        values = [float(value) for key, value in cell.items() if key not in ("network", "array")]
        assert told[cell["network"], cell["array"]] == pytest.approx(values, abs=0.0051)


def test_the_mean_is_that_of_the_points(stored: dict[str, Any]) -> None:
    speedups = [float(row["speedup"]) for row in rows_of("points")]
    assert len(speedups) == 270
    assert stored["speedup.mean"]["value"] == pytest.approx(sum(speedups) / len(speedups), rel=1e-5)
    for row in rows_of("points"):
        kept = min(float(row["contiguous_cycles"]), float(row["search_cycles"]))
        assert float(row["kept_cycles"]) == kept
        assert float(row["over_lower_bound"]) > 0.999


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda workload: workload.name)
def test_stored_experiments_are_what_the_comparison_runs(workload: Any) -> None:
    kept = build(ExperimentConfig, load_document(RESULTS / "configs" / f"spikepipe_{workload.name}.yaml", ()))
    assert to_yaml(kept) == to_yaml(cell_experiment(workload, 32, 4))
