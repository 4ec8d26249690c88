"""The page on reversible training quotes the stored results: every check, every row of every table."""

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
from simsnn.reproduction.reversible_cases import mode_experiment
from simsnn.reproduction.reversible_memory import REVERSED
from simsnn.reproduction.reversible_runs import NETWORKS

ROOT = Path(__file__).resolve().parents[2]
PAGE, RESULTS = ROOT / "docs" / "reversible.md", ROOT / "results" / "reversible"
ROW = re.compile(r"^\| `([a-z0-9_.]+)` \| [^|]* \| ([\d.e+-]+)( \*\*miss\*\*)? \| ([^|]*) \| (\w+) \|$", re.MULTILINE)
TABLE = re.compile(r"^\[(\w+)\.csv\]\([^)]*\):\n\n(\| `.*\|)\n\|[-|]+\|\n((?:\|.*\|\n)+)", re.MULTILINE)


@pytest.fixture(scope="module")
def stored() -> dict[str, Any]:
    checks = json.loads((RESULTS / "checks.json").read_text(encoding="utf-8"))["checks"]
    return {check["id"]: check for check in checks}


def rows_of(name: str) -> list[dict[str, str]]:
    with (RESULTS / f"{name}.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def shown(value: str) -> str:
    """A stored cell as the page has it."""
    if re.fullmatch(r"-?\d+", value):
        return f"{int(value):,}"
    try:
        return f"{float(value):.4g}"
    except ValueError:
        return value


def cells(line: str) -> list[str]:
    return [cell.strip().strip("`") for cell in line.strip("|").split("|")]


def tables() -> dict[str, tuple[list[str], list[list[str]]]]:
    found = TABLE.findall(PAGE.read_text(encoding="utf-8"))
    return {name: (cells(head), [cells(line) for line in body.splitlines()]) for name, head, body in found}


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
    assert len(exact) >= 15
    assert all(check["pass"] for check in exact)


def test_every_row_of_every_table_is_stored() -> None:
    told = tables()
    assert set(told) == {
        "savings",
        "throughput",
        "ratios",
        "node_guesses",
        "modes",
        "rates",
        "dense",
        "recipes",
    }
    for name, (columns, rows) in told.items():
        known = [[shown(row[column]) for column in columns] for row in rows_of(name)]
        assert rows
        for row in rows:
            assert row in known, (name, row)


@pytest.mark.parametrize("name", ["savings", "throughput", "ratios", "modes", "dense", "recipes"])
def test_no_row_is_left_out(name: str) -> None:
    assert len(tables()[name][1]) == len(rows_of(name))


def test_the_range_of_savings_is_that_of_the_rows() -> None:
    saved = [float(row["saved"]) for row in rows_of("savings")]
    low, high = re.findall(r"anything from (\d+) to (\d+) %", PAGE.read_text(encoding="utf-8"))[0]
    assert (round(100 * min(saved)), round(100 * max(saved))) == (int(low), int(high))


def test_what_the_page_concludes_is_so() -> None:
    """Sentences that rest on an order of numbers."""
    modes = {(row["network"], row["neuron"], row["mode"]): row for row in rows_of("modes")}
    vgg = {key[1:]: int(row["network_peak_bytes"]) for key, row in modes.items() if key[0] == "vgg"}
    exact = {key for key in vgg if modes[("vgg", *key)]["gradient_elements_differing"] == "0"}
    assert sorted(exact, key=vgg.__getitem__)[:2] == [
        ("LIF", "layer checkpoint"),
        ("integer LIF (E2)", "streamlined reversible"),
    ]
    rates = [row for row in rows_of("rates") if row["neuron"] == "pair node"]
    for row in rates:
        ratio = float(row["over_store_all"])
        assert (ratio > 1) if row["mode"] == "plain reversible" else (ratio <= 1 or row["mode"] == "layer checkpoint")
    ratios = rows_of("ratios")
    assert all(float(row["lif_store_all_ratio"]) < 1 for row in ratios)
    assert all(float(row["node_ratio"]) == int(row["timesteps"]) for row in ratios)
    assert all(0.25 < float(row["lif_checkpoint_ratio"]) < 0.4 for row in ratios if 8 <= int(row["timesteps"]) <= 32)
    forward = {(row["neuron"], row["engine"]): int(row["input_bytes_from_dram"]) for row in rows_of("dense")
               if row["pass"] == "F"}  # fmt: skip
    assert forward["pair node", "array0"] == 32 * forward["LIF", "array0"]
    accuracies = [float(row["accuracy"]) for row in rows_of("recipes") if row["data"] == "digits"]
    assert max(accuracies) - min(accuracies) < 0.02


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_stored_experiments_are_what_the_comparison_runs(network: Any) -> None:
    kept = build(ExperimentConfig, load_document(RESULTS / "configs" / f"{network.file}.yaml", ()))
    assert to_yaml(kept) == to_yaml(mode_experiment(network.file, REVERSED.neuron, REVERSED.mode))
