"""``simsnn reproduce psu`` in small: exact checks, a study of one data set, crossovers, tables and figures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from simsnn.neurons.parallel_learned import PsnNeuron
from simsnn.neurons.parallel_reset import RpsuNeuron
from simsnn.reproduction import psu_exact, psu_recipes
from simsnn.reproduction.outcome import Standing
from simsnn.reproduction.psu import resolved_configs
from simsnn.reproduction.psu_claims import (
    assumed_claims,
    crossing_claims,
    firing_claims,
    measure_firing,
    overhead_cycles,
    recipe_claims,
)
from simsnn.reproduction.psu_crossover import Shape, bare_crossover, crossings, curves
from simsnn.reproduction.psu_figures import accuracy_bars, cycle_curves, step_bars
from simsnn.reproduction.psu_recipes import LIF, PSU, RECURRENCE, SCAN, UNITS, DataCase, Study, recipe, study
from simsnn.reproduction.psu_tables import accuracy_table, crossing_table, curve_table, step_table
from simsnn.reproduction.registry import REPRODUCTIONS
from simsnn.viz.comparison import comparison_figure
from simsnn.viz.curves import curves_figure
from simsnn.viz.style import save

SMALL = DataCase("psu_digits", (LIF, replace(PSU, forms=(RECURRENCE, SCAN))))
SHAPE = Shape(32, 8, 1)


def quietly(_what: str, _done: int, _total: int) -> None:
    """No progress."""


@pytest.fixture(scope="module")
def found() -> Study:
    return study(quietly, (SMALL,), (0,), processes=1)


def test_it_is_registered() -> None:
    assert "psu" in REPRODUCTIONS.names()


def test_exact_checks_hold() -> None:
    units = (RpsuNeuron(threshold=0.5), PsnNeuron(threshold=1))
    claims = (
        *psu_exact.identity_claims(20),
        *psu_exact.gradient_claims(units),
        *psu_exact.count_claims(),
        *psu_exact.register_claims(1),
    )
    assert [claim.id for claim in claims if not claim.passed] == []
    assert {claim.standing for claim in claims} == {Standing.EXACT}
    assert len({claim.id for claim in claims}) == len(claims) == 16


def test_exact_checks_notice_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    true = psu_exact.psu_given_spikes
    monkeypatch.setattr(psu_exact, "psu_given_spikes", lambda *inputs: true(*inputs) + 1e-12)
    monkeypatch.setattr(psu_exact, "CIFAR_STEPS", 31)
    monkeypatch.setattr(psu_exact, "OVERHEAD_STEPS", 5)
    wrong = {claim.id for claim in (*psu_exact.identity_claims(5), *psu_exact.count_claims()) if not claim.passed}
    assert wrong == {
        "exact.psu_given_spikes", "exact.released_lif_at_tau_2", "exact.psn_multiplies", "exact.psn_adds",
        "exact.psn_energy_uj", "exact.shift_shifts", "exact.shift_adds", "exact.shift_energy_uj",
        "exact.overhead_resnet18", "exact.overhead_vgg11",
    }  # fmt: skip


def test_gradients_of_a_wrong_backward_pass_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    unit = PsnNeuron(threshold=1)
    slopes = psu_exact.slopes_of(unit)
    assert np.abs(slopes.numeric).max() > 0.1
    monkeypatch.setattr(psu_exact, "slopes_of", lambda _unit: replace(slopes, analytic=1.001 * slopes.analytic))
    (claim,) = psu_exact.gradient_claims((unit,))
    assert not claim.passed


def test_firing_on_random_currents() -> None:
    claims = firing_claims(measure_firing(400))
    assert [claim.id for claim in claims if not claim.passed] == []


def test_a_study_trains_and_simulates(found: Study) -> None:
    assert [(t.unit, t.seed) for t in found.trainings] == [("LIF", 0), ("PSU", 0)]
    assert all(0.85 < training.accuracy < 1 for training in found.trainings)
    assert all(0.05 < training.rate < 0.6 for training in found.trainings)
    assert [(step.unit, step.short_form) for step in found.steps] == [
        ("LIF", "recurrence"), ("PSU", "recurrence"), ("PSU", "scan"),
    ]  # fmt: skip
    lif, swept, _ = found.steps
    assert swept.cycles > lif.cycles
    assert swept.peak_bytes > lif.peak_bytes
    assert (lif.fastest, swept.fastest) == ("-", "F recurrence; B scan")
    assert len(accuracy_table(found).rows) == 2
    rows = step_table(found).rows
    assert rows[0][6] == 1
    assert rows[1][6] == pytest.approx(swept.cycles / lif.cycles)


def test_claims_and_figures_of_a_study(found: Study, tmp_path: Path) -> None:
    points, crossed = curves((SHAPE,), (64,), (4, 64, 1024)), crossings((SHAPE,), (64,))
    claims = {claim.id: claim for claim in assumed_claims(measure_firing(50), crossed, found)}
    assert claims["overhead.digits.3x"].value == pytest.approx(
        overhead_cycles(min(step.cycles for step in found.steps[1:]), found.steps[0].cycles, 8, 3)
    )
    assert claims["report.fastest"].value in (0, 1)
    assert claims["crossover.bare"].value == crossed[0].bare
    assert len(curve_table(points).rows) == len(points) == 2 * 3 * 3
    assert len(crossing_table(crossed).rows) == 2
    save(curves_figure(cycle_curves(points, crossed)), tmp_path / "a.png")
    save(comparison_figure(accuracy_bars(found)), tmp_path / "b.png")
    save(comparison_figure(step_bars(found, True)), tmp_path / "c.png")
    assert all((tmp_path / name).stat().st_size > 10_000 for name in ("a.png", "b.png", "c.png"))


def test_an_overhead_makes_the_ratio() -> None:
    psu, lif, steps = 1000, 800, 8
    o = overhead_cycles(psu, lif, steps, 3)
    assert (lif + 2 * steps * o) / psu == pytest.approx(3)


def test_crossovers_follow_the_formula_where_tiles_are_small() -> None:
    """RC/P = 128, R = 32: sums are equal at 2 RC/P - R = 224, but from 193 on a seventh row of tiles is begun."""
    assert bare_crossover(SHAPE, 8192) == 193
    assert SHAPE.formula == 128
    (first, *_) = crossings((SHAPE,), (64,))
    assert first.overlapped is not None
    assert first.one_after_another is not None
    assert first.one_after_another < first.overlapped
    assert crossing_claims((first,))[0].value == first.one_after_another


def test_data_that_is_not_there_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psu_recipes, "mnist5k_file", lambda: None)
    monkeypatch.setattr(psu_recipes, "basic_motions_folder", lambda: None)
    empty = study(quietly, (DataCase("psu_mnist", UNITS), DataCase("psu_motions", UNITS)), (0,), processes=1)
    assert empty.trainings == empty.steps == ()
    assert len(empty.left_out) == 2
    (claim,) = recipe_claims(empty)
    assert claim.value is None
    assert "mlxtend" in claim.note


def test_a_recipe_changes_the_neuron_and_nothing_else() -> None:
    plain, bare = recipe("psu_digits", PSU, 3), recipe("psu_digits", psu_recipes.BARE, 3)
    assert plain.seed == 3
    assert [layer.kind for layer in bare.network.layers] == ["linear"] * 3
    assert bare.model_copy(update={"network": plain.network}) == plain
    assert recipe("psu_digits", LIF, 3).mapping.parallel is None


def test_configs_have_every_experiment() -> None:
    assert [name for name, _ in resolved_configs()] == ["psu_digits", "psu_mnist", "psu_motions", "psu_crossover"]
