"""Fitted against recorded activity: equal where the record is itself of the kind that is fitted."""

from __future__ import annotations

import pytest

from simsnn.activities import resolve_activity
from simsnn.api import load
from simsnn.preparation import build_experiment_network
from simsnn.reproduction.h2learn_fit import ENGINES, FitRun, fit_claims, fit_table, run_fits
from simsnn.reproduction.h2learn_runs import NETWORKS, Trained
from simsnn.reproduction.outcome import Standing
from simsnn.reproduction.stages import Stages

SYNTHETIC = (
    "activity={kind: synthetic, rate: 0.15, temporal_correlation: 0.3, spatial_correlation: 0.2, mask_density: 0.3,"
    " gradient_density: 0.4}"
)


@pytest.fixture(scope="module")
def fits() -> tuple[FitRun, ...]:
    experiment, _ = load(NETWORKS[0].small, (SYNTHETIC, "workload.batch=4"))
    recorded = resolve_activity(experiment, build_experiment_network(experiment), None).activity
    assert recorded is not None
    told: list[str] = []
    found = run_fits((Trained(NETWORKS[0], experiment, recorded),), Stages(lambda what, *_: told.append(what), 1))
    assert told == ["h2learn_cifar_small: fitted against recorded activity"]
    return found


def test_activity_of_the_generators_own_kind_is_met_closely(fits: tuple[FitRun, ...]) -> None:
    for engine in ENGINES:
        assert fits[0].ratio(engine) == pytest.approx(1, abs=0.05)
        assert fits[0].recorded != fits[0].fitted


def test_claims_name_every_network_and_promise_nothing(fits: tuple[FitRun, ...]) -> None:
    claims = fit_claims(fits)
    assert [claim.id for claim in claims] == ["fit.fe0", "fit.wue0", "fit.be0"]
    for claim, engine in zip(claims, ENGINES, strict=True):
        assert claim.value == fits[0].ratio(engine)
        assert (claim.low, claim.high, claim.standing) == (None, None, Standing.ASSUMED)
        assert "cifar" in claim.note


def test_the_claim_is_the_ratio_furthest_from_one(monkeypatch: pytest.MonkeyPatch) -> None:
    ratios = {"a": 1.05, "b": 0.9, "c": 1.09}
    monkeypatch.setattr(FitRun, "ratio", lambda self, _: ratios[self.name])
    several = tuple(FitRun(name, None, None) for name in ratios)  # type: ignore[arg-type]
    assert {claim.value for claim in fit_claims(several)} == {0.9}


def test_the_table_has_a_row_per_network_and_engine(fits: tuple[FitRun, ...]) -> None:
    table = fit_table(fits)
    assert [row[:2] for row in table.rows] == [("cifar", engine) for engine in ENGINES]
    assert all(len(row) == len(table.columns) for row in table.rows)
    operations = table.columns.index("operations_recorded")
    assert all(isinstance(row[operations], int) and row[operations] > 0 for row in table.rows)  # type: ignore[operator]
