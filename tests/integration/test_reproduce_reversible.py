"""``simsnn reproduce reversible`` in small: its checks hold, and each of them can fail."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from simsnn.costs import OperandClass
from simsnn.neurons.inversion import failure_table
from simsnn.neurons.reversible_integer import ReversibleIntegerNeuron
from simsnn.reproduction import reversible_exact
from simsnn.reproduction.outcome import Claim, Standing
from simsnn.reproduction.registry import REPRODUCTIONS
from simsnn.reproduction.reversible_cases import CASES, LEVEL_CASES, MLP, case_of, mode_experiment, mode_of
from simsnn.reproduction.reversible_claims import flip_claims, memory_claims, time_claims
from simsnn.reproduction.reversible_exact import gradient_claim, inversion_claims, mode_claims, packed_claim
from simsnn.reproduction.reversible_figures import rates_content, savings_content
from simsnn.reproduction.reversible_memory import (
    FOLLOWED,
    PUBLISHED_NODE_RATIO,
    REVERSED,
    STORED,
    KeptBits,
    MemoryPoint,
    guess_table,
    kept_bits,
    memory_point,
    network_ratio,
    node_ratio,
    ratio_table,
)
from simsnn.reproduction.reversible_passes import PASS_CASES, left_out, pass_claims
from simsnn.reproduction.reversible_rates import COMPARED, LIF_STORED, RatePoint, fastest_rate, rate_table
from simsnn.reproduction.reversible_recipes import DATA, recipe_table, train_recipe
from simsnn.reproduction.reversible_runs import NETWORKS, modes_table, run_mode
from simsnn.reproduction.reversible_steps import RealCase, kept_elements, real_case
from simsnn.reproduction.reversible_tables import flip_table, saving_table, throughput_table
from simsnn.reproduction.reversible_time import SQUARE, WIDE, Saving, Throughput, measure_throughput
from simsnn.workload.backward_modes import LayerCheckpoint

INTEGER_LIF = case_of("integer LIF (E2)", "streamlined reversible")
SMALL = ("workload.timesteps=4", "workload.batch=4")


@pytest.fixture(scope="module")
def reals() -> tuple[RealCase, ...]:
    chosen = (INTEGER_LIF, case_of("LIF", "layer checkpoint"), REVERSED, case_of("LIF", "SLTT"))
    return tuple(real_case(MLP, case, 4, 4) for case in chosen)


def _of(claims: tuple[Claim, ...], id_: str) -> Claim:
    return next(claim for claim in claims if claim.id == id_)


def test_it_is_registered() -> None:
    assert "reversible" in REPRODUCTIONS.names()


def test_integer_neurons_are_undone_although_sums_wrap() -> None:
    claims = inversion_claims(neurons=8)
    assert [claim.id for claim in claims] == ["exact.inversion.e1", "exact.inversion.e2"]
    assert all(claim.passed for claim in claims)


def test_an_inverse_that_is_off_by_one_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    true = ReversibleIntegerNeuron.invert

    def off(self: Any, output: Any, side: Any, state: Any, current: Any, v: Any) -> None:
        true(self, output, side, state, current, v)
        current[0, 0] += 1

    monkeypatch.setattr(ReversibleIntegerNeuron, "invert", off)
    claims = inversion_claims(neurons=4)
    assert [claim.value for claim in claims] == [2.0, 0.0]  # one word in each of two lengths
    assert not claims[0].passed


def test_words_that_never_wrap_prove_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reversible_exact, "LARGEST_WORD", 4)
    monkeypatch.setattr(reversible_exact, "TIMESTEPS", (2,))
    claim = inversion_claims(neurons=4)[1]
    assert claim.value is None
    assert not claim.passed


def test_the_gradient_through_reconstructed_values(monkeypatch: pytest.MonkeyPatch) -> None:
    assert gradient_claim(steps=3, neurons=4).passed
    true = reversible_exact._undone_gradient
    monkeypatch.setattr(reversible_exact, "_undone_gradient", lambda *given: true(*given) * 1.00001)
    assert not gradient_claim(steps=3, neurons=4).passed


def test_exact_modes_change_no_bit_and_keep_what_is_simulated(reals: tuple[RealCase, ...]) -> None:
    assert all(claim.passed for claim in mode_claims(reals))
    exact, _, node, online = reals
    assert exact.differing == exact.error == exact.leftover == 0
    assert 0 < node.error < 1e-5
    assert node.leftover is not None
    assert online.error > 0.1
    assert online.simulated == ()


@pytest.mark.parametrize(
    ("id_", "change"),
    [
        ("exact.gradient.modes", {"differing": 1}),
        ("exact.leftover", {"leftover": 1e-9}),
        ("exact.kept", {"kept": ((OperandClass.SPIKES, 1),)}),
    ],
)
def test_a_mode_that_is_not_exact_is_noticed(reals: tuple[RealCase, ...], id_: str, change: dict[str, Any]) -> None:
    claims = mode_claims((replace(reals[0], **change), *reals[1:]))
    assert [claim.id for claim in claims if not claim.passed] == [id_]


def test_what_the_float_node_does_is_no_exact_claim(reals: tuple[RealCase, ...]) -> None:
    assert all(claim.passed for claim in mode_claims((*reals[:2], replace(reals[2], differing=9, leftover=1.0))))


def test_spikes_are_packed() -> None:
    claim = packed_claim(timesteps=2, batch=2)
    assert claim.value == 32
    assert claim.passed


def test_every_mode_runs_its_synapses_as_often_as_said() -> None:
    claims = pass_claims()
    assert all(claim.passed for claim in claims)
    assert {claim.standing for claim in claims} == {Standing.EXACT}
    assert len(claims) + len(left_out()) == len(PASS_CASES)
    assert {"exact.passes.bptt", "exact.passes.layer_checkpoint"} <= {claim.id for claim in claims}
    assert not pass_claims((replace(PASS_CASES[0], passes=4),))[0].passed


def test_modes_by_name() -> None:
    assert mode_of("layer_checkpoint") == LayerCheckpoint()
    assert mode_of("reversible", "plain") == case_of("pair node", "plain reversible").mode
    assert mode_of("reversible", "neither") is None
    assert mode_of("no_such_mode") is None
    assert len({(case.family, case.name) for case in (*CASES, *LEVEL_CASES)}) == len(CASES) + len(LEVEL_CASES)


def test_one_row_of_modes() -> None:
    run = run_mode(NETWORKS[1], INTEGER_LIF, *SMALL)
    table = modes_table((run,))
    row = dict(zip(table.columns, table.rows[0], strict=True))
    assert (row["network"], row["synapse_passes"], row["gradient_error"]) == ("mlp", 4, 0)
    assert row["node_peak_bytes"] < row["network_peak_bytes"]  # type: ignore[operator]
    assert row["kept_elements"] == sum(count for _, count in kept_elements(run.experiment))


def test_three_equal_passes_make_three_quarters() -> None:
    """The throughput check itself, on its network and machine."""
    found = measure_throughput(SQUARE, WIDE)
    assert found.spread <= 0.05
    assert found.factor == pytest.approx(0.75, abs=0.03)
    assert found.predicted == pytest.approx(0.75, abs=0.03)


def _saving(id_: str, plain: int, streamlined: int) -> Saving:
    return Saving(id_, "net", "machine", "node", 80, plain, streamlined, 40, 31, 0.5)


def test_misses_name_their_reason() -> None:
    savings = (_saving("inside", 100, 78), _saving("below", 100, 90), _saving("above", 100, 60))
    times = (Throughput(SQUARE, "never DRAM-bound", 300, 400, 100, 100, 100, 100),)
    times += (Throughput("net", "2 GB/s", 300, 280, 100, 100, 100, 100),)
    claims = time_claims(savings, times)
    assert _of(claims, "streamlined.inside").passed
    assert not _of(claims, "streamlined.below").passed
    assert "50% of the plain step" in _of(claims, "streamlined.below").note
    assert "writes and reads potentials" in _of(claims, "streamlined.above").note
    assert _of(claims, "streamlined.node_passes").value == pytest.approx(1 - 31 / 40)
    assert _of(claims, "throughput.equal_passes").value == 0.75
    assert _of(claims, "throughput.dram_bound").value == pytest.approx(300 / 280)
    assert len(saving_table(savings).rows) == 3
    assert throughput_table(times).rows[0][-2:] == (0.75, 0.75)
    assert len(savings_content(savings).panels[0].curves) == 3


def test_nodes_keep_t_times_less_and_networks_do_not() -> None:
    points = tuple(memory_point(case, steps) for steps in (2, 8) for case in (STORED, REVERSED))
    assert [node_ratio(points, steps) for steps in (2, 8)] == [2, 8]
    assert 1 < network_ratio(points, 8) < 2
    stored, left = kept_bits(STORED, 4), kept_bits(REVERSED, 4)
    assert stored.node == 4 * left.node
    assert stored.network - stored.node == left.network - left.node  # what nodes deliver stays


def test_memory_claims_of_known_numbers() -> None:
    """Nodes keep T times less, the network 1.25 times less, LIF with checkpoints half of that."""
    points = []
    for steps in (8, 16):
        sizes = {STORED: (1000, 10 * steps), REVERSED: (800, 10)}
        points += [MemoryPoint(case, steps, *sizes.get(case, (400, 1))) for case in FOLLOWED]
    claims = memory_claims(tuple(points), KeptBits(160, 1000), KeptBits(10, 800))
    assert _of(claims, "memory.network_over_node").value == pytest.approx(1.25 / 16)
    assert _of(claims, "memory.network_over_node_arrays").value == pytest.approx(1.25 / 16)
    assert _of(claims, "memory.checkpoint_over_reversible").value == 0.5
    assert _of(claims, "memory.node_ratio").value == 16
    assert all(claim.passed for claim in claims)
    worse = tuple(replace(p, node_peak_bytes=11) if p.case is REVERSED else p for p in points)
    assert not _of(memory_claims(worse, KeptBits(160, 1000), KeptBits(10, 800)), "memory.node_ratio_per_step").passed
    assert ratio_table(tuple(points)).rows[1][:3] == (16, 16, 1.25)


def test_many_guesses_come_close_to_the_published_ratio() -> None:
    rows = guess_table().rows
    near = [row for row in rows if row[-1] == pytest.approx(PUBLISHED_NODE_RATIO, rel=0.03)]
    assert len(near) >= 10
    for steps, states, needed, nearest, ratio in rows:
        assert needed * steps / states == pytest.approx(PUBLISHED_NODE_RATIO)  # type: ignore[operator]
        assert ratio == nearest * steps / states  # type: ignore[operator]


def test_the_rate_up_to_which_a_mode_pays() -> None:
    cases = dict.fromkeys(case for pair in COMPARED for case in pair)
    points = tuple(RatePoint(case, rate, 100 if case.name == "store-all" else 90 + 5 * rate) for case in cases
                   for rate in (1, 2, 4))  # fmt: skip
    assert fastest_rate(points, LIF_STORED, COMPARED[0][1]) == 2
    slow = tuple(replace(p, cycles=200) if p.case is COMPARED[0][1] else p for p in points)
    assert fastest_rate(slow, LIF_STORED, COMPARED[0][1]) is None
    assert rate_table(points).rows[0][-1] == 0.95
    assert [len(panel.curves) for panel in rates_content(points).panels] == [4, 4]


def test_a_recipe_is_trained_and_simulated() -> None:
    recipe = train_recipe(DATA[1], INTEGER_LIF, "activity.epochs=2")
    assert recipe.accuracy > 0.5
    assert 0 < recipe.firing_rate < 1
    assert recipe_table((recipe,)).rows[0][:4] == ("digits_columns", *(INTEGER_LIF.family, INTEGER_LIF.name), "no")


def test_flips_are_shown() -> None:
    rows = failure_table("hard", pairs=2000)
    assert all(claim.passed for claim in flip_claims(rows))
    table = flip_table(rows)
    assert len(table.rows) == len(rows)
    assert {row[table.columns.index("longest_run")] for row in table.rows if row[2] == -1.0} == {"any"}


def test_online_modes_go_step_by_step_and_others_do_not() -> None:
    online, whole = case_of("LIF", "SLTT"), case_of("LIF", "store-all")
    kinds = [mode_experiment(MLP, case.neuron, case.mode).schedule.kind for case in (online, whole)]
    assert kinds == ["step_by_step", "layer_by_layer"]
