"""Neurons of NIR files fire as forward Euler of NIR's own equations does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

nir = pytest.importorskip("nir")

from pydantic import TypeAdapter  # noqa: E402

from simsnn.errors import ConfigError  # noqa: E402
from simsnn.importers.nir import import_nir  # noqa: E402
from simsnn.importers.nir_source import NirSource  # noqa: E402
from simsnn.neurons import Neuron  # noqa: E402
from tests.nir_graphs import DT, chain, cuba, lif, linear, write  # noqa: E402

STEPS, NEURONS = 40, 300


def source(**values: Any) -> NirSource:
    return NirSource(nir="x", **({"dt": "100 us"} | values))


def translated(folder: Path, node: Any, **values: Any) -> tuple[Any, tuple[str, ...]]:
    """The neuron that a node becomes, and the remarks."""
    size = np.asarray(node.v_threshold).size
    path = write(folder / "n.nir", chain(linear(size, size), node, linear(size, 2), shape=(size,)))
    found = import_nir(path, source(**values))
    return TypeAdapter(Neuron).validate_python(found.tree["neuron"]), found.remarks


def spikes_of(neuron: Any, current: np.ndarray) -> np.ndarray:
    """What the simulator's own recurrence fires."""
    spikes, v = np.zeros_like(current), np.zeros_like(current)
    neuron.forward(current, np.zeros(0), spikes, v, np.zeros((neuron.forward_state_words, *current.shape[1:])))
    return spikes


def euler(current: np.ndarray, tau: float, r: float, leak: float, level: float) -> np.ndarray:
    """One neuron model of NIR in volts and seconds, step after step, reset to v_leak."""
    v = np.full(current.shape[1:], leak)
    found = []
    for now in current:
        v = v + DT / tau * ((leak - v) + r * now) if np.isfinite(tau) else v + DT * r * now
        fired = v >= level
        found.append(fired)
        v = np.where(fired, leak, v)
    return np.array(found, float)


def currents(seed: int, scale: float) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.2, 1.0, (STEPS, NEURONS)) * scale


@pytest.mark.parametrize(
    ("tau", "r", "leak", "level"), [(2, 1, 0, 1), (5, 3.5, 0, 0.7), (20, 2, -65, -50), (1, 1, 0, 1)]
)
def test_lif_fires_as_the_equations_do(tau: float, r: float, leak: float, level: float, tmp_path: Path) -> None:
    constants = {"tau": tau * DT, "r": r, "v_leak": leak, "v_threshold": level, "v_reset": leak}
    neuron, remarks = translated(tmp_path, lif(NEURONS, **constants))
    assert neuron.leak == pytest.approx(1 - 1 / tau, abs=1e-11)
    current = currents(1, 6 * (level - leak) / r)
    expected = euler(current, tau * DT, r, leak, level)
    assert 0.02 < expected.mean() < 0.7
    np.testing.assert_array_equal(spikes_of(neuron, current), expected)
    assert bool(remarks) == (leak != 0)


def test_if_integrates(tmp_path: Path) -> None:
    node = nir.IF(r=np.full(NEURONS, 0.5 / DT), v_threshold=np.full(NEURONS, 2.0), v_reset=np.zeros(NEURONS))
    neuron, remarks = translated(tmp_path, node)
    assert (neuron.leak, neuron.threshold, neuron.reset) == (1.0, 4.0, "hard")
    assert remarks == ()
    current = currents(2, 1.0)
    expected = euler(current, np.inf, 0.5 / DT, 0.0, 2.0)
    assert expected.mean() > 0.02
    np.testing.assert_array_equal(spikes_of(neuron, current), expected)


def test_cuba_is_the_filter_of_both_equations_until_the_first_spike(tmp_path: Path) -> None:
    tau_syn, tau_mem, r, w_in, level = 3 * DT, 7 * DT, 2.0, 1.5, 0.3
    node = cuba(NEURONS, tau_syn=tau_syn, tau_mem=tau_mem, r=r, w_in=w_in, v_threshold=level)
    neuron, remarks = translated(tmp_path, node)
    assert neuron.kind == "iir"
    assert neuron.reset == "soft"
    assert any("until a neuron's first spike" in remark for remark in remarks)
    current = currents(3, 1.0)
    filtered, v, first = np.zeros(NEURONS), np.zeros(NEURONS), np.full(NEURONS, STEPS)
    for step, now in enumerate(current):
        filtered = filtered + DT / tau_syn * (w_in * now - filtered)
        v = v + DT / tau_mem * (r * filtered - v)
        first = np.where((first == STEPS) & (v >= level), step, first)
    fired = spikes_of(neuron, current)
    ours = np.where(fired.any(axis=0), fired.argmax(axis=0), STEPS)
    np.testing.assert_array_equal(ours, first)
    assert 10 < (first < STEPS).sum() < NEURONS


def test_what_frameworks_export_with_100_us_is_their_own_decay(tmp_path: Path) -> None:
    """SpikingJelly writes tau * dt and r = 1 or tau, snnTorch tau = dt / (1 - beta) and r = tau / dt."""
    spikingjelly, _ = translated(tmp_path, lif(8, tau=2.0 * DT))
    assert (spikingjelly.leak, spikingjelly.threshold) == (
        0.5,
        2.0,
    )  # v += (x - v) / tau reaches 1 where sum x / 2 does
    beta = np.float32(0.9)
    node = lif(8, tau=float(DT / (1 - beta)), r=float(1 / (1 - beta)))
    for name in ("tau", "r"):
        setattr(node, name, getattr(node, name).astype(np.float32))
    snntorch, _ = translated(tmp_path, node)
    assert (snntorch.leak, snntorch.threshold) == (0.9, 1.0)


def test_reset_and_surrogate_are_what_is_asked_for(tmp_path: Path) -> None:
    neuron, remarks = translated(tmp_path, lif(4), reset="soft", detach_reset=False, surrogate={"kind": "arctan"})
    assert (neuron.reset, neuron.detach_reset, neuron.surrogate.kind) == ("soft", False, "arctan")
    assert remarks == ("n1: reset: soft, as asked for; the file resets hard",)
    _, remarks = translated(tmp_path, lif(4, v_reset=-0.5))
    assert remarks == ("n1: a spike resets to v_leak = 0; the file says v_reset = -0.5",)
    neuron, remarks = translated(tmp_path, cuba(4), reset="none")
    assert neuron.reset == "none"
    assert remarks == ("n1: no reset, as asked for; the file resets",)


def test_neurons_that_differ_are_refused_or_averaged(tmp_path: Path) -> None:
    node = lif(4)
    node.tau = np.array([2, 2, 2, 4]) * DT
    path = write(tmp_path / "n.nir", chain(linear(4, 4), node, shape=(4,)))
    with pytest.raises(ConfigError, match="tau differs between its neurons") as caught:
        import_nir(path, source())
    assert "varied: mean" in caught.value.remedy
    found = import_nir(path, source(varied="mean"))
    assert found.tree["neuron"]["leak"] == pytest.approx(0.6)
    assert found.remarks == ("n1: tau = 0.00025, the mean of values from 0.0002 to 0.0004",)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"tau": 0.0}, "its time constant tau is 0 s"),
        ({"tau": -1.0}, "its time constant tau is -1 s"),
        ({"tau": DT / 2}, "dt = 0.0001 s is longer than its time constant"),
        ({"r": 0.0}, "moves its potential by 0"),
        ({"r": -1.0}, "moves its potential by -0.5"),
        ({"v_threshold": -1.0}, "its threshold -1 is not above its resting potential 0"),
    ],
)
def test_neurons_that_cannot_be(values: dict[str, float], message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        translated(tmp_path, lif(4, **values))
    assert caught.value.where.path == "node 'n1' of type LIF"
    assert caught.value.remedy
