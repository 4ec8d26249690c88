"""The H2Learn comparison on one sample: the fit hits its target, exact claims hold, everything is written."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from simsnn.api import load
from simsnn.cli import main
from simsnn.engines.gpu import GpuColumn
from simsnn.preparation import build_experiment_network
from simsnn.reproduction.h2learn_claims import SPEEDUP, fit_fraction, fitted_constant, published_claims, speedup
from simsnn.reproduction.h2learn_exact import dense_claim, machine_claim, operations_claim, table_claims
from simsnn.reproduction.h2learn_figures import area_bars, energy_bars, speedup_bars
from simsnn.reproduction.h2learn_runs import NETWORKS, Measured, measure
from simsnn.reproduction.h2learn_tables import area_table, engine_table, gpu_table
from simsnn.reproduction.outcome import Drawing, Reproduction, Standing
from simsnn.reproduction.write import CHECKS, write_reproduction
from simsnn.viz.comparison import comparison_figure
from simsnn.viz.figures import save
from simsnn.workload.synthetic_config import SyntheticConfig
from simsnn.workload.synthetic_fit import transfer


@pytest.fixture(scope="module")
def measured() -> Measured:
    small = ("workload.batch=2", "schedule.group_samples=1", "simulation.level=critical_path")
    experiment, _ = load(NETWORKS[0].full, small)
    return measure(NETWORKS[0], experiment)


@pytest.fixture(scope="module")
def tiny() -> Measured:
    """The reduced network with made activity: so small that launches alone slow the GPU down."""
    experiment, _ = load(NETWORKS[0].small, ("workload.batch=8", "simulation.level=critical_path"))
    full, _ = load(NETWORKS[0].full)
    assert isinstance(full.activity, SyntheticConfig)
    names = tuple(layer.name for layer in build_experiment_network(experiment).weight_layers)
    return measure(NETWORKS[0], experiment.model_copy(update={"activity": transfer(full.activity, names)}))


def test_the_fitted_constant_puts_the_first_network_in_the_middle_of_the_published_range(measured: Measured) -> None:
    middle = math.sqrt(SPEEDUP[0] * SPEEDUP[1])
    assert speedup(measured, GpuColumn.EAGER, 1.0) < middle
    fraction = fit_fraction(measured)
    assert 0 < fraction < 1
    assert speedup(measured, GpuColumn.EAGER, fraction) == pytest.approx(middle, rel=1e-6)
    assert "bound" not in fitted_constant(measured, fraction).why


def test_a_gpu_that_is_slow_enough_unscaled_is_not_scaled_and_the_constant_says_so(tiny: Measured) -> None:
    assert speedup(tiny, GpuColumn.EAGER, 1.0) > math.sqrt(SPEEDUP[0] * SPEEDUP[1])
    assert fit_fraction(tiny) == 1.0
    assert "bound of 1" in fitted_constant(tiny, 1.0).why


def test_an_exact_claim_about_nothing_fails() -> None:
    claim = machine_claim("no_such_machine", 0)
    assert claim.value is None
    assert not claim.passed


def test_the_fit_never_touches_the_roofline(measured: Measured) -> None:
    eager, *_, roofline = measured.gpu("v100", 0.25)
    assert roofline.column is GpuColumn.ROOFLINE
    assert roofline.time_ns == measured.gpu("v100", 1.0)[-1].time_ns
    assert eager.time_ns > measured.gpu("v100", 1.0)[0].time_ns


def test_exact_claims_hold(measured: Measured) -> None:
    for claim in (*table_claims(1), dense_claim(measured), operations_claim(measured)):
        assert claim.standing is Standing.EXACT
        assert claim.passed, claim


def test_claims_say_what_they_rest_on(measured: Measured) -> None:
    claims = {claim.id: claim for claim in published_claims((measured,), 0.5)}
    assert claims["speedup.cifar"].standing is Standing.CALIBRATED
    assert "it tests nothing" in claims["speedup.cifar"].note  # the constant is fitted to it
    assert {claims[name].standing for name in ("energy_saving.cifar", "power_ratio.cifar", "area_ratio")} == {
        Standing.ASSUMED
    }
    assert claims["speedup.cifar.roofline"].low is None
    missed = [claim for claim in claims.values() if not claim.passed]
    assert all("outside:" in claim.note for claim in missed)
    ratio = claims["speedup.cifar"].value
    assert ratio is not None
    power = claims["power_ratio.cifar"].value
    saving = claims["energy_saving.cifar"].value
    assert power is not None
    assert saving is not None
    assert power == pytest.approx(ratio / saving)


def test_everything_is_written_and_other_files_stay(measured: Measured, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    bars = (("speedup", speedup_bars((measured,), 1.0)), ("energy", energy_bars((measured,), 1.0)))
    drawings = tuple(
        Drawing(name, lambda path, content=content: save(comparison_figure(content), path))  # type: ignore[misc]
        for name, content in (*bars, ("area", area_bars(measured)))
    )
    tables = (gpu_table((measured,), 1.0), engine_table((measured,)), area_table(measured))
    found = Reproduction(
        "h2learn",
        published_claims((measured,), 1.0),
        (fitted_constant(measured, 1.0),),
        tables,
        drawings,
        (("x", "a: 1\n"),),
    )
    write_reproduction(found, tmp_path)
    names = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    figures = {"speedup.png", "energy.png", "area.png"}
    assert names == {"notes.txt", CHECKS, "configs/x.yaml", "gpu.csv", "engines.csv", "area.csv"} | figures
    assert json.loads((tmp_path / CHECKS).read_text())["name"] == "h2learn"
    assert len((tmp_path / "gpu.csv").read_text().splitlines()) == 1 + 3 * 3


def test_unknown_names_and_places_that_cannot_be_written_are_refused_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["reproduce", "h2lern"]) == 2
    assert "did you mean 'h2learn'" in capsys.readouterr().err
    (tmp_path / "file").write_text("mine")
    assert main(["reproduce", "h2learn", "-o", str(tmp_path / "file" / "deeper")]) == 2
    assert "is not a folder" in capsys.readouterr().err
