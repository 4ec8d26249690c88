"""What the comparison of backward modes runs: neurons, modes, networks, and one experiment of each.

The networks, their data and the machine (``configs/hardware/reversible_base.yaml``) are a choice; nothing is fitted.
Online modes go one time step at a time, so there the vector unit keeps neurons in memory instead of in its lanes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from simsnn.api import load
from simsnn.config.experiment import ExperimentConfig
from simsnn.neurons import Neuron
from simsnn.neurons.lif import LifNeuron
from simsnn.neurons.lif_integer import IntegerLifNeuron
from simsnn.neurons.reversible import ReversibleLeiNeuron
from simsnn.neurons.reversible_integer import ReversibleIntegerNeuron
from simsnn.neurons.surrogate import RectangleSurrogate, TriangleSurrogate
from simsnn.schedule.step_by_step import StepByStep
from simsnn.workload.backward_modes import (
    BackwardMode,
    Bptt,
    LayerCheckpoint,
    Ottt,
    ReversibleMode,
    Sltt,
    TimeCheckpoint,
)
from simsnn.workload.network import NetworkConfig

EXPERIMENT = "reversible_modes"
_ROUNDING = ("block_reversible", "temporal_reversible")
"""Modes that subtract floats."""
VGG, MLP = "reversible_vgg", "reversible_mlp"
BLOCKS = "blocks"
"""Not a file: :func:`two_streams`."""
_TRIANGLE = TriangleSurrogate(width=0.5)
LIF = LifNeuron(leak=0.5, threshold=0.5, reset="soft", detach_reset=True, surrogate=_TRIANGLE)
MASKED_LIF = LIF.model_copy(update={"surrogate": RectangleSurrogate(width=1.0)})
NODE = ReversibleLeiNeuron(
    alpha=1.0, beta=1.0, tau=2.0, threshold=1.0, reset="soft", detach_reset=True, surrogate=_TRIANGLE
)
WORD_PAIR = ReversibleIntegerNeuron(threshold=1.0, detach_reset=True, surrogate=_TRIANGLE)
WORD_LIF = IntegerLifNeuron(leak_form="divide", threshold=0.5, detach_reset=True, surrogate=_TRIANGLE)


@dataclass(frozen=True, slots=True)
class ModeCase:
    """A neuron trained in a backward mode.

    Parameters
    ----------
    name : str
        Mode as tables name it.
    family : str
        Neuron as tables name it.
    neuron : NeuronModel
        Of every layer that has one.
    mode : BackwardMode
        How the backward pass comes by what it needs.
    """

    name: str
    family: str
    neuron: Neuron
    mode: BackwardMode

    @property
    def label(self) -> str:
        """Neuron and mode."""
        return f"{self.family}, {self.name}"

    @property
    def exact(self) -> bool:
        """Whether its gradient is that of store-all, bit for bit."""
        floats = isinstance(self.mode, ReversibleMode) and isinstance(self.neuron, ReversibleLeiNeuron)
        return not (floats or self.mode.changes_gradients or self.mode.kind in _ROUNDING)


def mode_of(kind: str, form: str = "") -> BackwardMode | None:
    """The backward mode of that name and form; None where this version has none."""
    content = {"kind": kind, "form": form} if form else {"kind": kind}
    try:
        found: BackwardMode = TypeAdapter(BackwardMode).validate_python(content)
    except ValidationError:
        return None
    return found


PLAIN = ReversibleMode(kind="reversible", form="plain")
STREAMLINED = ReversibleMode(kind="reversible")
_CHECKPOINT, _BY_ROOT = LayerCheckpoint(), LayerCheckpoint(every="sqrt")
_SEGMENTS = TimeCheckpoint(kind="time_checkpoint", segment=3)
CASES = (
    ModeCase("store-all", "LIF", LIF, Bptt()),
    ModeCase("store-all, 1-bit masks", "LIF", MASKED_LIF, Bptt()),
    ModeCase("layer checkpoint", "LIF", LIF, _CHECKPOINT),
    ModeCase("checkpoint of sqrt(L)", "LIF", LIF, _BY_ROOT),
    ModeCase("time checkpoint", "LIF", LIF, _SEGMENTS),
    ModeCase("time checkpoint, currents kept", "LIF", LIF, _SEGMENTS.model_copy(update={"currents": "keep"})),
    ModeCase("SLTT", "LIF", LIF, Sltt(kind="sltt")),
    ModeCase("OTTT", "LIF", LIF, Ottt(kind="ottt")),
    ModeCase("store-all", "pair node", NODE, Bptt()),
    ModeCase("layer checkpoint", "pair node", NODE, _CHECKPOINT),
    ModeCase("plain reversible", "pair node", NODE, PLAIN),
    ModeCase("streamlined reversible", "pair node", NODE, STREAMLINED),
    ModeCase("streamlined, anchors", "pair node", NODE, STREAMLINED.model_copy(update={"anchor": 4})),
    ModeCase("store-all", "integer pair (E1)", WORD_PAIR, Bptt()),
    ModeCase("streamlined reversible", "integer pair (E1)", WORD_PAIR, STREAMLINED),
    ModeCase("store-all", "integer LIF (E2)", WORD_LIF, Bptt()),
    ModeCase("plain reversible", "integer LIF (E2)", WORD_LIF, PLAIN),
    ModeCase("streamlined reversible", "integer LIF (E2)", WORD_LIF, STREAMLINED),
)


INTEGRATE_AND_FIRE = LifNeuron(leak=1.0, threshold=0.5, reset="soft", detach_reset=True, surrogate=_TRIANGLE)
LEVEL = LifNeuron(leak=0.5, threshold=0.5, reset="none", detach_reset=True, surrogate=_TRIANGLE)
FUSED, SEPARATE = mode_of("block_reversible", form="fused"), mode_of("block_reversible", form="separate")
TEMPORAL = mode_of("temporal_reversible")


def _optional(name: str, family: str, neuron: Neuron, mode: BackwardMode | None) -> tuple[ModeCase, ...]:
    """The case, in a tuple that is empty where this version does not have its mode."""
    return () if mode is None else (ModeCase(name, family, neuron, mode),)


LEVEL_CASES = (
    ModeCase("store-all", "level", LEVEL, Bptt()),
    *_optional("temporal reversible", "level", LEVEL, TEMPORAL),
)
BLOCK_CASES = (
    ModeCase("store-all", "blocks of IF", INTEGRATE_AND_FIRE, Bptt()),
    *_optional("block reversible, fused", "blocks of IF", INTEGRATE_AND_FIRE, FUSED),
)
"""Modes for couplings of two streams (:func:`two_streams`)."""


def case_of(family: str, name: str) -> ModeCase:
    """The case with these names."""
    return next(case for case in CASES if (case.family, case.name) == (family, name))


def mode_experiment(
    network: str, neuron: Neuron, mode: BackwardMode, *overrides: str, experiment: str = EXPERIMENT
) -> ExperimentConfig:
    """One training step of a shipped network with another neuron, in a backward mode.

    Parameters
    ----------
    network : str
        File in configs/networks, or ``blocks``.
    neuron : NeuronModel
        Of every layer that has one.
    mode : BackwardMode
        How the backward pass comes by what it needs.
    overrides : str
        ``PATH=VALUE``, after everything else.
    experiment : str
        File in configs/experiments.
    """
    by_step = mode.online or mode == TEMPORAL
    preset = () if network == BLOCKS else (f"network={{preset: {network}}}",)
    order = ("hardware.vector_units.0.order=t_outer",) if by_step else ()
    found, _ = load(experiment, (*preset, *order, *overrides))
    workload = found.workload.model_copy(update={"backward": mode})
    config = two_streams(neuron) if network == BLOCKS else found.network.model_copy(update={"neuron": neuron})
    changed = {"network": config, "workload": workload}
    schedule = StepByStep() if by_step else found.schedule
    return found.model_copy(update={**changed, "schedule": schedule})


def two_streams(neuron: Neuron, couplings: int = 6) -> NetworkConfig:
    """y = x1 + F(x2), and so on with the streams in turn, on 8 x 8 images; a branch is a neuron and a convolution."""
    conv = {"kind": "conv2d", "channels": 16, "kernel": 3, "padding": 1}
    layers: list[dict[str, Any]] = [{"name": f"x{i}", **conv, "inputs": ["input"]} for i in (1, 2)]
    streams = ["x1", "x2"]
    for i in range(1, couplings + 1):
        stream, other = streams
        layers.append({"name": f"spikes{i}", "kind": "neuron", "inputs": [other]})
        layers.append({"name": f"branch{i}", **conv, "neuron": "none"})
        layers.append({"name": f"y{i}", "kind": "add", "reversible": True, "inputs": [stream, f"branch{i}"]})
        streams = [other, f"y{i}"]
    layers += [{"name": "both", "kind": "add", "inputs": streams}, {"name": "flat", "kind": "flatten"}]
    layers.append({"name": "out", "kind": "linear", "features": 10})
    return NetworkConfig.model_validate({"name": BLOCKS, "input": (1, 8, 8), "neuron": neuron, "layers": layers})
