"""Neurons of a NIR file as neurons of this simulator: forward Euler in steps of dt, written without units.

NIR's equations are continuous: ``tau dv/dt = v_leak - v + R I`` with a spike where ``v > v_threshold``. One step of
length dt, with ``w = v - v_leak``, is

    w[t] = (1 - dt/tau) w[t-1] + g I[t],     g = R dt/tau         (IF: decay 1, g = R dt)

and divided by g it is the recurrence of :mod:`simsnn.neurons.lif` with ``leak = 1 - dt/tau`` and ``threshold =
(v_threshold - v_leak) / g``: the same spikes from the same weights, whatever g is. CubaLIF filters its current first,
``tau_syn dI/dt = w_in S - I``; both steps together are the filter of :mod:`simsnn.neurons.iir` with ``feedback =
[a + b, -a b]``, a = 1 - dt/tau_syn, b = 1 - dt/tau_mem, and g = R w_in (dt/tau_mem) (dt/tau_syn).

What is not the same is said in words, one sentence each. Proof: ``tests/unit/test_nir_neurons.py``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from simsnn.errors import ConfigError
from simsnn.importers.nir_file import NirNode
from simsnn.importers.nir_source import NirSource

Tree = dict[str, Any]
Refuse = Callable[[str, str], ConfigError]
"""Makes the error of a node from a message and a remedy."""

DIGITS, SINGLE_DIGITS = 12, 6
"""Significant digits of a constant that is kept: of a double, of a single-precision number."""
EXACT_SHARE = 1e-6
"""Constants of a layer that differ by less than this share are one."""


@dataclass(frozen=True, slots=True)
class TranslatedNeuron:
    """A neuron as a network file has it, how its constants came about, and what is not as in the NIR file."""

    tree: Tree
    translation: str
    remarks: tuple[str, ...]


class NeuronTranslator:
    """Translates one node.

    Parameters
    ----------
    node : NirNode
        Of type LIF, CubaLIF or IF.
    shape : tuple of int
        Shape of its input, without batch and time.
    source : NirSource
        dt, surrogate and reset.
    refuse : callable
        Makes the error of this node.
    """

    def __init__(self, node: NirNode, shape: tuple[int, ...], source: NirSource, refuse: Refuse) -> None:
        self.node = node
        self.shape = shape
        self.source = source
        self.refuse = refuse
        self.remarks: list[str] = []
        self.used: dict[str, float] = {}

    def neuron(self) -> TranslatedNeuron:
        """The neuron; ``ConfigError`` where there is none."""
        if self.source.dt is None:
            raise self.refuse(
                "its constants are continuous in time, and the file does not say how long a time step is",
                "give dt, e.g. dt: 100 us (what SpikingJelly and snnTorch export with)",
            )
        tree = {"LIF": self._lif, "IF": self._if, "CubaLIF": self._cuba}[self.node.kind]()
        used = ", ".join(f"{key} {value:g}" for key, value in self.used.items())
        made = [f"leak {tree['leak']:g}"] if "leak" in tree else [f"feedback {tree['feedback']}"]
        made += [f"threshold {tree['threshold']:g}", f"reset {tree['reset']}"]
        translation = f"{used}, dt {self.dt_s:g} s: {tree['kind']}, {', '.join(made)}"
        return TranslatedNeuron(tree, translation, tuple(self.remarks))

    @property
    def dt_s(self) -> float:
        """Seconds of one time step."""
        assert self.source.dt is not None
        return float(self.source.dt / 10**9)

    def _if(self) -> Tree:
        rest = self.value("v_reset", 0.0)
        gain = self.value("r", 1.0) * self.dt_s
        return self._fires("lif", {"leak": 1.0}, gain, self.value("v_threshold"), rest)

    def _lif(self) -> Tree:
        share = self.share("tau")
        gain, rest = self.value("r", 1.0) * share, self.value("v_leak", 0.0)
        self._check_reset(rest)
        return self._fires("lif", {"leak": self.rounded(1 - share)}, gain, self.value("v_threshold"), rest)

    def _cuba(self) -> Tree:
        synapse, membrane = self.share("tau_syn"), self.share("tau_mem")
        a, b = 1 - synapse, 1 - membrane
        gain = self.value("r", 1.0) * self.value("w_in", 1.0) * synapse * membrane
        rest = self.value("v_leak", 0.0)
        taps = [self.rounded(a + b), self.rounded(-a * b)]
        if self.source.reset != "none":
            self.remarks.append(
                "a spike takes the threshold off the filtered potential (soft reset of an IIR neuron), which is not"
                " the reset of the file; until a neuron's first spike the two are the same"
            )
        else:
            self.remarks.append("no reset, as asked for; the file resets")
        return self._fires("iir", {"feedback": taps}, gain, self.value("v_threshold"), rest)

    def _check_reset(self, rest: float) -> None:
        reset = self.value("v_reset", rest)
        if self.source.reset == "hard" and not math.isclose(reset, rest, rel_tol=EXACT_SHARE, abs_tol=1e-12):
            self.remarks.append(f"a spike resets to v_leak = {rest:g}; the file says v_reset = {reset:g}")

    def _fires(self, kind: str, filter_: Tree, gain: float, level: float, rest: float) -> Tree:
        """Threshold, reset and surrogate, which all kinds have."""
        if gain <= 0:
            raise self.refuse(f"a current of 1 moves its potential by {gain:g} per step", "only r > 0 can be mapped")
        if level <= rest:
            raise self.refuse(f"its threshold {level:g} is not above its resting potential {rest:g}", "raise it")
        if rest:
            self.remarks.append(f"potentials are counted from the resting potential {rest:g}, where they start")
        reset = self.source.reset
        if kind == "lif" and reset != "hard":
            self.remarks.append(f"reset: {reset}, as asked for; the file resets hard")
        return {
            "kind": kind,
            **filter_,
            "threshold": self.rounded((level - rest) / gain),
            "reset": "soft" if kind == "iir" and reset == "hard" else reset,
            "detach_reset": self.source.detach_reset,
            "surrogate": self.source.surrogate.model_dump(mode="json"),
        }

    def share(self, key: str) -> float:
        """dt over a time constant, above 0, at most 1."""
        tau = self.value(key)
        if tau <= 0:
            raise self.refuse(f"its time constant {key} is {tau:g} s", "time constants are above 0")
        share = self.dt_s / tau
        if share > 1 + EXACT_SHARE:
            raise self.refuse(
                f"dt = {self.dt_s:g} s is longer than its time constant {key} = {tau:g} s: the step would overshoot",
                f"give a dt of at most {tau:g} s",
            )
        return min(share, 1.0)

    def value(self, key: str, default: float | None = None) -> float:
        """The one value of a constant of this node."""
        self.used[key] = self._value(key, default)
        return self.used[key]

    def _value(self, key: str, default: float | None) -> float:
        values = self.node.arrays.get(key)
        if values is None:
            if default is None:
                raise self.refuse(f"{key} is missing", "write the file again with it")
            return default
        try:
            fits = np.broadcast_shapes(values.shape, self.shape) == self.shape or values.size == 1
        except ValueError:
            fits = False
        if not fits:
            raise self.refuse(
                f"{key} has shape {values.shape}, its input is {self.shape}",
                "constants have the shape of the input, without batch and time",
            )
        low, high = float(values.min()), float(values.max())
        if math.isclose(low, high, rel_tol=EXACT_SHARE, abs_tol=1e-15):
            return low
        if self.source.varied == "refuse":
            raise self.refuse(
                f"{key} differs between its neurons, from {low:g} to {high:g}; a layer here has one value",
                "say varied: mean to take the mean, which changes no cost",
            )
        mean = float(values.mean())
        self.remarks.append(f"{key} = {mean:g}, the mean of values from {low:g} to {high:g}")
        return mean

    def rounded(self, value: float) -> float:
        """Without the noise of the last digits."""
        single = any(a.dtype.kind == "f" and a.dtype.itemsize < 8 for a in self.node.arrays.values())
        return float(f"{value:.{SINGLE_DIGITS if single else DIGITS}g}") + 0.0
