"""A claim passes within its bounds, fails where it was not run; only exact claims fail the command."""

from __future__ import annotations

import pytest

from simsnn.reproduction.outcome import Claim, Constant, Reproduction, Standing, Table


@pytest.mark.parametrize(
    ("value", "low", "high", "passed"),
    [(1.0, 1.0, 2.0, True), (2.0, 1.0, 2.0, True), (2.1, 1.0, 2.0, False), (0.9, 1.0, None, False),
     (5.0, 1.0, None, True), (5.0, None, None, True), (None, None, None, False), (None, 0.0, 1.0, False)],
)  # fmt: skip
def test_bounds_are_included_and_what_was_not_run_fails(
    value: float | None, low: float | None, high: float | None, passed: bool
) -> None:
    claim = Claim("a.b_1", value, low, high, Standing.ASSUMED, "")
    assert claim.passed is passed
    assert claim.to_json()["pass"] is passed


@pytest.mark.parametrize(("standing", "failed"), [("exact", True), ("calibrated", False), ("assumed", False)])
def test_only_an_exact_miss_fails(standing: str, failed: bool) -> None:
    miss = Claim("x", 2.0, 0.0, 1.0, Standing(standing), "")
    assert Reproduction("paper", (miss,), ()).failed is failed


def test_the_json_is_that_of_the_contract() -> None:
    claims = (Claim("speedup.net", 7.5, 4.6, 12.7, Standing.CALIBRATED, "note"),)
    found = Reproduction("h2learn", claims, (Constant("fraction", 0.5, "fitted"),)).to_json()
    assert found == {
        "name": "h2learn",
        "checks": [
            {"id": "speedup.net", "value": 7.5, "low": 4.6, "high": 12.7, "pass": True, "status": "calibrated",
             "note": "note"}
        ],
        "constants": [{"name": "fraction", "value": 0.5, "why": "fitted"}],
    }  # fmt: skip


def test_ids_keep_to_the_contract() -> None:
    with pytest.raises(ValueError, match="must match"):
        Claim("Speed up", 1.0, None, None, Standing.EXACT, "")


def test_a_table_writes_its_rows() -> None:
    table = Table("speedup", ("network", "cycles", "ratio"), (("cifar", 12, 1 / 3),))
    assert table.to_csv() == "network,cycles,ratio\ncifar,12,0.333333\n"
