"""The H2Learn page quotes the stored results, and the stored results are those of the shipped experiments."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from simsnn.config.dump import to_yaml
from simsnn.config.experiment import ExperimentConfig
from simsnn.config.resolve import build, load_document
from simsnn.reproduction.h2learn_runs import NETWORKS
from simsnn.reproduction.outcome import Standing

ROOT = Path(__file__).resolve().parents[2]
PAGE, RESULTS = ROOT / "docs" / "h2learn.md", ROOT / "results" / "h2learn"
ROW = re.compile(r"^\| `([a-z0-9_.]+)` \| [^|]* \| ([\d.e+-]+)( \*\*miss\*\*)? \| ([^|]*) \| (\w+) \|$", re.MULTILINE)


@pytest.fixture(scope="module")
def stored() -> dict[str, Any]:
    checks = json.loads((RESULTS / "checks.json").read_text(encoding="utf-8"))["checks"]
    return {check["id"]: check for check in checks}


def test_every_row_of_the_page_is_the_stored_check(stored: dict[str, Any]) -> None:
    rows = ROW.findall(PAGE.read_text(encoding="utf-8"))
    assert len(rows) > 30
    for name, value, miss, _, standing in rows:
        check = stored[name]
        assert value == f"{check['value']:.4g}", name
        assert bool(miss) is not check["pass"], name
        assert standing == check["status"], name


def test_the_page_hides_no_check_but_the_exact_ones(stored: dict[str, Any]) -> None:
    told = {row[0] for row in ROW.findall(PAGE.read_text(encoding="utf-8"))}
    hidden = {name for name, check in stored.items() if name not in told}
    assert {stored[name]["status"] for name in hidden} <= {Standing.EXACT.value}


def test_every_exact_check_passed(stored: dict[str, Any]) -> None:
    exact = [check for check in stored.values() if check["status"] == Standing.EXACT.value]
    assert len(exact) >= 9
    assert all(check["pass"] for check in exact)


@pytest.mark.parametrize("pair", NETWORKS, ids=lambda pair: pair.name)
def test_stored_experiments_are_the_shipped_ones_but_for_the_fitted_activity(pair: Any) -> None:
    for name in (pair.full, pair.small):
        kept = build(ExperimentConfig, load_document(RESULTS / "configs" / f"{name}.yaml", ()))
        shipped = build(ExperimentConfig, load_document(name, ()))
        assert to_yaml(kept.model_copy(update={"activity": shipped.activity})) == to_yaml(shipped)
