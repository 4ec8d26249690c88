"""What a float inverse flips is recorded with a training that relied on it, and told with every run of its activity."""

from __future__ import annotations

import numpy as np
import pytest

from simsnn.activities import ResolvedActivity
from simsnn.training.model import Model, State
from simsnn.training.recording import Recording, record_step, to_activity
from simsnn.workload.backward_modes import BackwardMode, Bptt, ReversibleMode
from simsnn.workload.network import Format, Network, NetworkConfig, build_network

STEPS = 12
NODE = {"kind": "reversible_lei", "alpha": 0.1, "beta": 0.1, "tau": 2.0, "threshold": 1.0, "reset": "soft"}
LAYERS = [{"name": "fc1", "kind": "linear", "features": 40}, {"name": "fc2", "kind": "linear", "features": 4}]


def network() -> Network:
    document = {"input": [12], "layers": LAYERS, "neuron": {**NODE, "detach_reset": True}}
    return build_network(NetworkConfig.model_validate(document), Format.real(8), 32)


def recorded(mode: BackwardMode) -> Recording:
    rng = np.random.default_rng(3)
    model = Model(network(), STEPS)
    state = State(rng.normal(size=model.layout.size).astype(np.float32), model.initial_statistics())
    x = rng.normal(size=(STEPS, 8, 1, 1, 12)).astype(np.float32)
    return record_step(model, state, x, np.arange(8) % 4, "cross_entropy", mode)


def told(recording: Recording) -> tuple[dict[str, float], tuple[str, ...]]:
    """Rates and warnings about flips in the summary of a report."""
    activity = to_activity(recording, network(), None)
    summary = ResolvedActivity(activity, flipped=recording.flipped).summary
    rates = {name: rate for name, rate in summary.rates.items() if name.endswith(".flipped")}
    return rates, tuple(warning for warning in summary.warnings if "flipped" in warning)


@pytest.mark.parametrize(("anchor", "flips"), [(None, True), (1, False)], ids=["from the end", "from every step"])
def test_flips_are_told_and_anchors_prevent_them(anchor: int | None, flips: bool) -> None:
    rates, warnings = told(recorded(ReversibleMode(kind="reversible", anchor=anchor)))
    assert list(rates) == ["fc1.flipped"]
    assert (rates["fc1.flipped"] > 0.01) is flips
    assert bool(warnings) is flips
    assert not flips or "of the spikes flipped (fc1)" in warnings[0]


def test_stored_potentials_flip_nothing() -> None:
    assert told(recorded(Bptt())) == ({}, ())
