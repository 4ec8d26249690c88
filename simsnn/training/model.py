"""Forward and backward through time over a network, layer by layer, all T of a layer at once.

Values on an edge are (T, B, H, W, C), or (1, B, H, W, C) where all time steps are equal (direct
encoding up to the first neuron): such a value is computed once, and its gradient is the sum over
time. Spikes are 0.0 or 1.0 in the model's dtype, float32 for training and float64 for checks.

The readout is the mean over time of what the last layer delivers. Backward is backpropagation
through time with surrogate derivatives: every layer's gradients are those of the equations in
``simsnn/neurons/``, ``simsnn/training/normalisation.py`` and ``simsnn/workload/lowering.py``.

Proof: ``tests/kernels/test_gradients.py`` (finite differences of whole networks),
``tests/unit/test_training_model.py`` (against one scalar at a time).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsnn.errors import ConfigError, Where
from simsnn.training.membrane import Membrane
from simsnn.training.normalisation import Moments, Normalised, normalise
from simsnn.training.parameters import Layout
from simsnn.training.pooling import pool_maximum, pool_mean
from simsnn.training.quantise import Rounding, symmetric, unit_interval
from simsnn.training.synapse import Synapse
from simsnn.training.tape import LayerTape, flattened, slots_of, steps_of
from simsnn.workload.layers import AvgPoolLayer, BatchNormLayer, MaxPoolLayer
from simsnn.workload.network import Layer, Network, neuron_behind

Array = NDArray[Any]
INITIAL_SPREAD = 0.7
"""Root mean square of the potential before training, without firing, in thresholds."""
Statistics = tuple[Moments | None, ...]
"""Stored moments of every layer of the network; None where it is no normalisation."""


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """What training changes: the parameter vector (P,) and the stored moments."""

    parameters: Array
    statistics: Statistics

    def copy(self) -> State:
        """A state that further updates leave alone."""
        return State(self.parameters.copy(), self.statistics)


class Model:
    """A network ready to run; parameters and statistics are passed in, nothing is kept.

    Parameters
    ----------
    network : Network
        Any network without bare products, ending in a flat readout.
    timesteps : int
        T.
    dtype : dtype
        float32 or float64.
    rounding : Rounding or None
        Widths to which values are rounded on the way; None keeps floats.

    Raises
    ------
    ConfigError
        For a list of matrix products, or a readout that is not flat.
    """

    def __init__(
        self, network: Network, timesteps: int, dtype: Any = np.float32, rounding: Rounding | None = None
    ) -> None:
        _check_trainable(network)
        self.network = network
        self.timesteps = timesteps
        self.dtype = np.dtype(dtype)
        self.rounding = rounding
        self.layout = Layout.of(network, timesteps)

    def initial_statistics(self) -> Statistics:
        """Moments before any batch: zero mean, unit variance."""
        return tuple(
            Moments.initial(layer.out_shape[0], self.dtype) if layer.kind == "batch_norm" else None
            for layer in self.network.layers
        )

    def calibrated(self, parameters: Array, x: Array) -> Array:
        """Parameters whose weights are scaled, first layer to last, to what a batch of inputs asks for.

        Behind every layer with weights and a neuron, the potential after T steps without any
        firing gets a root mean square of ``INITIAL_SPREAD`` thresholds (layer-sequential scaling,
        Mishkin and Matas 2016, with the filtered sum over time in place of the activation). The
        readout keeps its weights, and so does a layer whose input is all zero.

        Parameters
        ----------
        parameters : array, shape (P,)
            Unscaled; left alone.
        x : array, shape (T, B, H, W, C) or (1, B, H, W, C)
            Encoded inputs.
        """
        scaled = parameters.copy()
        statistics, tapes = self.initial_statistics(), list[LayerTape]()
        for layer in self.network.layers:
            inputs = tuple(x if i < 0 else tapes[i].output for i in layer.inputs)
            view = self.layout.view(scaled, layer.index)
            tape = self.layer_value(layer, inputs, scaled, statistics, training=True)
            stage = neuron_behind(self.network, layer)
            if layer.has_weights and stage is not None and stage.neuron is not None:
                membrane = self.membrane(stage, scaled)
                reached = membrane.potential_without_firing(tape.current)
                spread = float(np.sqrt(np.mean(np.square(reached))))
                factor = self.dtype.type(INITIAL_SPREAD * stage.neuron.threshold / spread if spread else 1.0)
                view *= factor
                tape = _tape(inputs, tape.current * factor)
            tapes.append(self._fired(layer, tape, scaled))
        return scaled

    def membrane(self, layer: Layer, parameters: Array) -> Membrane:
        """Neurons of a layer that has some, with what they have learned."""
        assert layer.neuron is not None
        return Membrane(layer.neuron, self.timesteps, self.layout.neuron_view(parameters, layer.index))

    def _fired(
        self, layer: Layer, tape: LayerTape, parameters: Array, smooth: bool = False, held: Array | None = None
    ) -> LayerTape:
        """The tape of a layer with its neuron behind it."""
        if layer.neuron is None:
            return tape
        membrane = self.membrane(layer, parameters)
        if self.rounding is not None:
            output, v = membrane.forward_rounded(tape.current, self.rounding.membrane_bits)
        else:
            output, v = membrane.forward(tape.current, smooth, held)
        return replace(tape, output=output, v=v)

    def forward(
        self,
        parameters: Array,
        x: Array,
        statistics: Statistics,
        *,
        training: bool,
        smooth: bool = False,
        frozen: tuple[Array | None, ...] | None = None,
    ) -> tuple[LayerTape, ...]:
        """Run all layers.

        Parameters
        ----------
        parameters : array, shape (P,)
            In the order of :class:`Layout`.
        x : array, shape (T, B, H, W, C) or (1, B, H, W, C)
            Encoded input.
        statistics : Statistics
            Stored moments, read by frozen normalisations and, unless ``training``, by all.
        training : bool
            True takes batch statistics.
        smooth, frozen : bool, tuple of array per layer
            For gradient checks only, see :meth:`Membrane.forward`.
        """
        tapes: list[LayerTape] = []
        parameters = self.rounded(parameters)
        if self.rounding is not None:
            x = unit_interval(x, self.rounding.input_bits)
        for layer in self.network.layers:
            inputs = tuple(x if i < 0 else tapes[i].output for i in layer.inputs)
            tape = self.layer_value(layer, inputs, parameters, statistics, training=training)
            held = None if frozen is None else frozen[layer.index]
            tapes.append(self._fired(layer, tape, parameters, smooth, held))
        return tuple(tapes)

    def rounded(self, parameters: Array) -> Array:
        """Parameters with every layer's weights at their stored width."""
        if self.rounding is None:
            return parameters
        rounded = parameters.copy()
        for layer in self.network.weight_layers:
            view = self.layout.view(rounded, layer.index)
            view[...] = symmetric(view, self.rounding.weight_bits)
        return rounded

    def logits(self, tapes: tuple[LayerTape, ...]) -> Array:
        """Readout (B, classes)."""
        output = tapes[-1].output
        logits: Array = output.mean(axis=0).reshape(output.shape[1], -1)
        return logits

    def updated(self, statistics: Statistics, moments: tuple[Normalised | None, ...]) -> Statistics:
        """Stored moments after a training batch, from the states of its normalisations."""
        updated = list(statistics)
        for layer, batch in zip(self.network.layers, moments, strict=True):
            stored = updated[layer.index]
            if batch is None or stored is None or not batch.from_batch:
                continue
            if isinstance(layer.config, BatchNormLayer):
                updated[layer.index] = stored.towards(batch.moments, layer.config.momentum)
        return tuple(updated)

    def layer_tape(
        self, layer: Layer, inputs: tuple[Array, ...], parameters: Array, statistics: Statistics, *, training: bool
    ) -> LayerTape:
        """One layer with its neuron; parameters at their stored width."""
        tape = self.layer_value(layer, inputs, parameters, statistics, training=training)
        return self._fired(layer, tape, parameters)

    def layer_value(
        self, layer: Layer, inputs: tuple[Array, ...], parameters: Array, statistics: Statistics, *, training: bool
    ) -> LayerTape:
        """Value of a layer before its neuron; parameters at their stored width."""
        parameters = self.layout.view(parameters, layer.index)
        x, config = inputs[0], layer.config
        if layer.has_weights:
            return _tape(inputs, steps_of(Synapse(layer.geometry).forward(slots_of(x), parameters), x.shape[1]))
        if isinstance(config, MaxPoolLayer):
            out, winner = pool_maximum(slots_of(x), config, layer.out_shape)
            return _tape(inputs, steps_of(out, x.shape[1]), winner=winner)
        if isinstance(config, AvgPoolLayer):
            return _tape(inputs, steps_of(pool_mean(slots_of(x), config, layer.out_shape), x.shape[1]))
        if isinstance(config, BatchNormLayer):
            batch = training and config.mode == "training"
            stored = None if batch else statistics[layer.index]
            result = normalise(x, parameters[0], parameters[1], config.epsilon, stored)
            return _tape(inputs, result.y, normalised=result)
        if config.kind == "flatten":
            return _tape(inputs, flattened(x))
        return _tape(inputs, x if config.kind == "neuron" else x + inputs[1])


def _check_trainable(network: Network) -> None:
    if network.bare_gemms:
        raise ConfigError(
            "bare matrix products cannot be trained",
            where=Where(path="activity.kind"),
            remedy="remove the activity: a dense engine needs none for gemm layers",
        )
    if network.output.out_shape[1:] != (1, 1):
        raise ConfigError(
            f"the readout {network.output.name!r} has shape {network.output.out_shape}, a loss needs one value a class",
            where=Where(path="network.layers"),
            remedy="end the network with flatten and linear",
        )


def _tape(
    inputs: tuple[Array, ...], value: Array, winner: Array | None = None, normalised: Normalised | None = None
) -> LayerTape:
    return LayerTape(inputs, value, value, None, winner, normalised)
