"""Recording: everything one training step computed, layer by layer, as dense arrays.

Arrays are (T, B, C, H, W), or (T, B, N) around linear layers. The backward chain of a weight
layer is followed from its neuron inwards: gradient towards the spikes behind pooling (``pool``),
times the surrogate derivative (``surrogate``), after the recurrence over time (``time_carry``),
after the normalisation (``normalisation``), and as it enters the synapse products (``synapse``).

Proof: ``tests/unit/test_training_recording.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsnn.kernels.pooling import avg_pool, max_pool_select
from simsnn.neurons import Reversible
from simsnn.neurons.inversion import inversion_error
from simsnn.training.backpropagation import gradients_of
from simsnn.training.loss import Labels, LossName, loss_function
from simsnn.training.membrane import rows
from simsnn.training.model import Model, State
from simsnn.training.modes.run import mode_step
from simsnn.training.tape import Gradients, LayerTape
from simsnn.workload.activity import (
    Activity,
    ActivityKind,
    ChainMask,
    ChainPoint,
    DenseInput,
    LayerActivity,
    SpikeTensor,
)
from simsnn.workload.backward_modes import BackwardMode, ReversibleMode
from simsnn.workload.layers import AvgPoolLayer, MaxPoolLayer
from simsnn.workload.mode_checks import own_gradients
from simsnn.workload.network import Layer, Network, neuron_behind
from simsnn.workload.step_tensors import STORE_ALL

Array = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class ChainGradient:
    """Gradient after one point of the backward chain, in the shape of the layer's output currents."""

    point: ChainPoint
    values: Array


@dataclass(frozen=True, slots=True, eq=False)
class RecordedNeuron:
    """The neuron that a weight layer's current reaches.

    Parameters
    ----------
    layer : str
        Layer behind which it stands: the weight layer, its normalisation or its residual sum.
    current : array
        Its input.
    membrane : array
        Potential before the reset.
    spikes : array
        Where it fired, 0 or 1; its output, unless it delivers real values.
    derivative : array
        Surrogate derivative at the potential.
    """

    layer: str
    current: Array
    membrane: Array
    spikes: Array
    derivative: Array


@dataclass(frozen=True, slots=True, eq=False)
class RecordedLayer:
    """One weight layer.

    Parameters
    ----------
    layer : str
        Its name.
    inputs : array
        What its synapses read.
    current : array
        Its output before normalisation and neuron.
    neuron : RecordedNeuron or None
        None for a readout.
    chain : tuple of ChainGradient
        Gradients in chain order; the last is the one at ``synapse``.
    input_needed : NDArray[bool] or None
        Inputs whose gradient anything reads; None where every one is.
    weight_gradient : array, shape (Co, Ci/g, Kh, Kw)
        Gradient towards its weights.
    """

    layer: str
    inputs: Array
    current: Array
    neuron: RecordedNeuron | None
    chain: tuple[ChainGradient, ...]
    input_needed: NDArray[np.bool_] | None
    weight_gradient: Array

    def gradient(self, point: ChainPoint) -> Array | None:
        """Gradient after one point, None where the chain has no such point."""
        return next((entry.values for entry in self.chain if entry.point is point), None)


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """One training step: weight layers first to last, loss, readout.

    ``flipped``: per layer whose float inverse the step relied on, the share of spikes it gives back as the other one.
    """

    layers: tuple[RecordedLayer, ...]
    loss: float
    logits: Array
    flipped: tuple[tuple[str, float], ...] = ()


def record_step(
    model: Model, state: State, x: Array, labels: Labels, loss: LossName, mode: BackwardMode = STORE_ALL
) -> Recording:
    """Run one training step, without an update, and keep everything, with the gradients of a backward mode.

    Parameters
    ----------
    model : Model
        The network.
    state : State
        Parameters and statistics at the moment of the recording.
    x : array, shape (T, B, H, W, C) or (1, B, H, W, C)
        Encoded input; repeated over time, so that every gradient is recorded per time step.
    labels : NDArray[int64], shape (B,)
        Targets.
    loss : str
        Which loss.
    mode : BackwardMode
        How the backward pass is done.
    """
    every_step = np.broadcast_to(x, (model.timesteps, *x.shape[1:]))
    tapes = model.forward(state.parameters, every_step, state.statistics, training=True)
    logits = model.logits(tapes)
    value, d_logits = loss_function(loss)(logits, labels)
    flipped: tuple[tuple[str, float], ...]
    if own_gradients(model.network, mode):
        gradients = mode_step(model, state, every_step, labels, loss, mode, keep=True).gradients
        flipped = _flipped(model.network, tapes, mode)
    else:
        gradients, flipped = gradients_of(model, state.parameters, tapes, d_logits, keep=True), ()
    recorder = _Recorder(model, state.parameters, tapes, gradients)
    return Recording(tuple(recorder.layer(layer) for layer in model.network.weight_layers), value, logits, flipped)


def _flipped(network: Network, tapes: tuple[LayerTape, ...], mode: BackwardMode) -> tuple[tuple[str, float], ...]:
    """Share of flipped spikes of every layer whose float inverse the mode relies on."""
    if not isinstance(mode, ReversibleMode):
        return ()
    layers = [layer for layer in network.layers if isinstance(layer.neuron, Reversible)]
    return tuple((layer.name, _flips(layer, tapes[layer.index].current, mode)) for layer in layers)


def _flips(layer: Layer, current: Array, mode: ReversibleMode) -> float:
    assert isinstance(layer.neuron, Reversible)
    return inversion_error(layer.neuron, rows(current), mode.anchor).flipped


class _Recorder:
    def __init__(self, model: Model, parameters: Array, tapes: tuple[LayerTape, ...], gradients: Gradients) -> None:
        self.model = model
        self.parameters = parameters
        self.network = model.network
        self.tapes = tapes
        self.gradients = gradients

    def layer(self, layer: Layer) -> RecordedLayer:
        tape, flat = self.tapes[layer.index], layer.kind == "linear"
        needed = self._needed(layer.inputs[0])
        return RecordedLayer(
            layer.name,
            time_major(tape.inputs[0], flat),
            time_major(tape.current, flat),
            self._neuron(layer, flat),
            tuple(self._chain(layer, flat)),
            None if needed is None else time_major(needed, flat),
            self.model.layout.view(self.gradients.vector, layer.index).copy(),
        )

    def _neuron(self, layer: Layer, flat: bool) -> RecordedNeuron | None:
        stage = neuron_behind(self.network, layer)
        if stage is None:
            return None
        tape, h = self.tapes[stage.index], self._derivative(stage)
        assert stage.neuron is not None
        assert tape.v is not None
        fired = tape.output if stage.neuron.binary_output else (tape.v >= stage.neuron.threshold).astype(tape.v.dtype)
        arrays = (tape.current, tape.v, fired, h)
        return RecordedNeuron(stage.name, *(time_major(a, flat) for a in arrays))

    def _derivative(self, stage: Layer) -> Array:
        v = self.tapes[stage.index].v
        assert v is not None
        return self.model.membrane(stage, self.parameters).derivative(v)

    def _chain(self, layer: Layer, flat: bool) -> list[ChainGradient]:
        stage, own = neuron_behind(self.network, layer), self.gradients.layers[layer.index]
        points: list[tuple[ChainPoint, Array]] = []
        behind = None if stage is None else self.gradients.layers[stage.index]
        if stage is not None and behind is not None:
            points.append((ChainPoint.POOL, behind.output))
            points.append((ChainPoint.SURROGATE, behind.output * self._derivative(stage)))
            points.append((ChainPoint.TIME_CARRY, behind.current))
        if own is not None:
            if any(self.network.layers[i].kind == "batch_norm" for i in layer.consumers) and layer.neuron is None:
                points.append((ChainPoint.NORMALISATION, own.current))
            points.append((ChainPoint.SYNAPSE, own.current))
        return [ChainGradient(point, time_major(values, flat)) for point, values in points]

    def _needed(self, index: int) -> Array | None:
        """Where the gradient towards what layer ``index`` delivers is read; None for everywhere.

        A spike's gradient is only read times the surrogate derivative; pooling and flatten
        hand the question on, and anything else (a normalisation, an identity branch to a
        current) reads it everywhere.
        """
        if index < 0:
            return None
        layer, tape = self.network.layers[index], self.tapes[index]
        if layer.neuron is not None:
            masked = layer.neuron.surrogate.compact and layer.neuron.binary_output
            return self._derivative(layer) != 0 if masked else None
        below = [self._needed(i) for i in layer.inputs]
        if any(mask is None for mask in below) or layer.kind in ("batch_norm", "conv2d", "conv1d", "linear"):
            return None
        masks = [mask for mask in below if mask is not None]
        return _routed(layer, tape, masks)


def _routed(layer: Layer, tape: LayerTape, masks: list[Array]) -> Array:
    """Mask of a layer's output out of the masks of its inputs, (T, B, H, W, C)."""
    mask, config = masks[0], layer.config
    if config.kind == "flatten":
        return mask.transpose(0, 1, 4, 2, 3).reshape(tape.output.shape)
    if isinstance(config, MaxPoolLayer | AvgPoolLayer):
        source = np.ascontiguousarray(mask, np.float32).reshape(-1, *mask.shape[2:])
        out = np.empty((len(source), *tape.output.shape[2:]), np.float32)
        kh, kw, sh, sw = config.window()
        if tape.winner is not None:
            max_pool_select(source, kw, sh, sw, tape.winner, out)
        else:
            avg_pool(source, kh, kw, sh, sw, out)
        return np.not_equal(out, 0).reshape(tape.output.shape)
    either: Array = masks[0] | masks[1]
    return either


def time_major(maps: Array, flat: bool) -> Array:
    """(T, B, H, W, C) as contiguous (T, B, C, H, W), or as (T, B, N) if ``flat``."""
    if flat:
        return np.ascontiguousarray(maps).reshape(*maps.shape[:2], -1)
    return np.ascontiguousarray(np.moveaxis(maps, -1, 2))


def to_activity(recording: Recording, network: Network, accuracy: float | None, *, values: bool = False) -> Activity:
    """Pack a recording.

    Parameters
    ----------
    recording : Recording
        One training step.
    network : Network
        Its network, for the formats of the inputs.
    accuracy : float or None
        Test accuracy to carry along.
    values : bool
        Keep the values of currents and synapse gradients as well.
    """
    layers = tuple(_packed(entry, network.layer(entry.layer), values) for entry in recording.layers)
    timesteps, batch = recording.layers[0].inputs.shape[:2]
    return Activity(timesteps, batch, layers, ActivityKind.TRAIN, accuracy)


def _packed(entry: RecordedLayer, layer: Layer, values: bool) -> LayerActivity:
    form, neuron = layer.in_formats[0], entry.neuron
    inputs: SpikeTensor | DenseInput
    if form.binary:
        inputs = SpikeTensor.from_dense(entry.inputs)
    else:
        inputs = DenseInput(entry.inputs.shape, form.bits, float(np.count_nonzero(entry.inputs) / entry.inputs.size))
    return LayerActivity(
        layer=entry.layer,
        inputs=inputs,
        outputs=None if neuron is None else SpikeTensor.from_dense(neuron.spikes),
        surrogate=None if neuron is None else SpikeTensor.from_dense(neuron.derivative != 0),
        gradients=tuple(ChainMask(g.point, SpikeTensor.from_dense(g.values != 0)) for g in entry.chain),
        input_needed=None if entry.input_needed is None else SpikeTensor.from_dense(entry.input_needed),
        currents=entry.current if values else None,
        gradient=entry.gradient(ChainPoint.SYNAPSE) if values else None,
    )
