"""An experiment trains with its schedule's delays where it says so, and without them where it does not."""

from __future__ import annotations

from typing import Any

import pytest

from simsnn.activities import resolve_activity
from simsnn.api import load
from simsnn.errors import ConfigError
from simsnn.simulation import build_experiment_network
from simsnn.training import cache
from simsnn.training.delayed import Delays

SMALL = ("activity.epochs=1", "network={preset: digits_mlp}", "workload.timesteps=2")
DELAYS = Delays.stashed((2, 0))


class _StoppedError(Exception):
    """Raised in place of a training."""


@pytest.mark.parametrize(("gradients", "expected"), [("immediate", None), ("delayed", DELAYS)])
def test_only_delayed_gradients_take_the_delays(
    gradients: str, expected: Delays | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[Any] = []

    def remember(*arguments: Any) -> None:
        taken.append(arguments[-2])
        raise _StoppedError

    monkeypatch.setattr(cache, "trained_activity", remember)
    experiment, _ = load("quickstart", (*SMALL, f"activity.gradients={gradients}"))
    with pytest.raises(_StoppedError):
        resolve_activity(experiment, build_experiment_network(experiment), None, DELAYS)
    assert taken == [expected]


def test_delayed_gradients_without_a_pipelined_schedule_are_refused() -> None:
    experiment, _ = load("quickstart", (*SMALL, "activity.gradients=delayed"))
    with pytest.raises(ConfigError, match="need a schedule") as caught:
        resolve_activity(experiment, build_experiment_network(experiment), None)
    assert caught.value.where.path == "activity.gradients"
    assert "pipelined" in caught.value.remedy
