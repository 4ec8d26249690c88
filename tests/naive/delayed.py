"""Slow obvious twin of training with delayed gradients: every version of everything, one layer at a time.

Version k of a layer's parameters is entry k of its list; a batch reads entries of the lists and
adds one to each. Which layers share a delay, how a layer's value and gradients come from its
neighbours and what the optimizer does are written out here again; the products of one layer are
those of ``simsnn/training/synapse.py``, ``membrane.py``, ``pooling.py`` and ``normalisation.py``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from simsnn.training.loss import loss_function
from simsnn.training.membrane import Membrane
from simsnn.training.normalisation import normalise, normalise_backward
from simsnn.training.optimizer import AdamConfig, SgdConfig
from simsnn.training.pooling import pool_backward, pool_maximum
from simsnn.training.synapse import Synapse
from simsnn.workload.network import Layer, Network
from tests.membranes import backward


@dataclass
class History:
    """All versions of one layer's parameters, its optimizer state, and the layer with weights it goes with."""

    group: int
    versions: list[np.ndarray]
    moments: list[np.ndarray] = field(default_factory=list)

    def version(self, batch: int, delay: int) -> np.ndarray:
        """What batch ``batch`` reads with this delay."""
        if not self.versions[0].size:  # a layer without parameters has no versions but this
            return self.versions[0]
        return self.versions[max(0, batch - delay)]


def owner(network: Network, layer: Layer) -> int:
    """Position, among the layers with weights, of the last that leads to this one through layers without."""
    if layer.has_weights:
        return [w.index for w in network.weight_layers].index(layer.index)
    return max((owner(network, network.layers[i]) for i in layer.inputs if i >= 0), default=0)


def slots(x: np.ndarray) -> np.ndarray:
    """Time and batch as one axis."""
    return np.ascontiguousarray(x).reshape(-1, *x.shape[2:])


class Twin:
    """The network with its whole past; ``forward`` and ``backward`` are delays per layer with weights."""

    def __init__(
        self, network: Network, timesteps: int, initial: list[np.ndarray], forward: list[int], backward: list[int]
    ) -> None:
        self.network, self.timesteps = network, timesteps
        self.forward, self.backward = forward, backward
        self.histories = [History(owner(network, layer), [initial[layer.index].copy()]) for layer in network.layers]
        self.batches = 0

    def train_batch(
        self, x: np.ndarray, labels: np.ndarray, optimizer: SgdConfig | AdamConfig, rate: float, loss: str
    ) -> float:
        """Forward, backward and update of one batch; returns the loss."""
        n, values, tapes = self.batches, [], []
        for layer, history in zip(self.network.layers, self.histories, strict=True):
            inputs = [x if i < 0 else values[i] for i in layer.inputs]
            weights = history.version(n, self.forward[history.group])
            value, tape = self.value(layer, inputs, weights)
            values.append(value)
            tapes.append(tape)
        readout = values[-1].mean(axis=0).reshape(x.shape[1], -1)
        found, towards_readout = loss_function(loss)(readout, labels)
        towards = [None] * len(values)
        share = towards_readout / values[-1].dtype.type(len(values[-1]))
        towards[-1] = np.stack([share.reshape(values[-1].shape[1:])] * len(values[-1]))
        gradients = [None] * len(values)
        for layer, history in reversed(list(zip(self.network.layers, self.histories, strict=True))):
            weights = history.version(n, self.backward[history.group])
            before, gradients[layer.index] = self.gradients(layer, tapes[layer.index], weights, towards[layer.index])
            for source, gradient in zip(layer.inputs, before, strict=True):
                if source >= 0:
                    gradient = fit(gradient, values[source])
                    towards[source] = gradient if towards[source] is None else towards[source] + gradient
        for history, gradient in zip(self.histories, gradients, strict=True):
            if gradient is not None:
                history.versions.append(updated(history, gradient, optimizer, rate, n + 1))
        self.batches += 1
        return found

    def value(self, layer: Layer, inputs: list[np.ndarray], weights: np.ndarray) -> tuple[np.ndarray, tuple]:
        """A layer's value behind its neuron, and what its gradients need."""
        x, extra = inputs[0], None
        shape = (*x.shape[:2], layer.out_shape[1], layer.out_shape[2], layer.out_shape[0])
        if layer.has_weights:
            current = Synapse(layer.geometry).forward(slots(x), weights).reshape(shape)
        elif layer.kind == "batch_norm":
            extra = normalise(x, weights[0], weights[1], layer.config.epsilon, None)
            current = extra.y
        elif layer.kind == "max_pool":
            current, extra = pool_maximum(slots(x), layer.config, layer.out_shape)
            current = current.reshape(shape)
        elif layer.kind == "flatten":
            current = np.moveaxis(x, -1, 2).reshape(*x.shape[:2], 1, 1, -1)
        else:
            current = inputs[0] + inputs[1]
        spikes = v = None
        if layer.neuron is not None:
            spikes, v = Membrane(layer.neuron, self.timesteps).forward(current)
        return (current if spikes is None else spikes), (x, current, spikes, v, extra)

    def gradients(
        self, layer: Layer, tape: tuple, weights: np.ndarray, output: np.ndarray
    ) -> tuple[list[np.ndarray], np.ndarray | None]:
        """Gradients towards a layer's inputs and towards its parameters (None without any)."""
        x, current, spikes, v, extra = tape
        if layer.neuron is not None:
            output = backward(Membrane(layer.neuron, self.timesteps), output, v, spikes)
        output = fit(output, current)
        if layer.has_weights:
            synapse = Synapse(layer.geometry)
            below = synapse.input_gradient(slots(output), weights).reshape(x.shape)
            return [below], synapse.weight_gradient(slots(x), slots(output))
        if layer.kind == "batch_norm":
            below, scale, shift = normalise_backward(extra, weights[0], output)
            return [below], np.stack([scale, shift])
        if layer.kind == "max_pool":
            return [pool_backward(slots(output), layer.config, extra, slots(x).shape).reshape(x.shape)], None
        if layer.kind == "flatten":
            channels_first = output.reshape(*x.shape[:2], x.shape[4], x.shape[2], x.shape[3])
            return [np.moveaxis(channels_first, 2, -1)], None
        return [output, output], None


def fit(gradient: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Summed over time where the value is the same in every step, repeated where the gradient is."""
    if len(value) < len(gradient):
        return gradient.sum(axis=0, keepdims=True)
    return np.broadcast_to(gradient, value.shape)


def updated(
    history: History, gradient: np.ndarray, optimizer: SgdConfig | AdamConfig, rate: float, number: int
) -> np.ndarray:
    """The next version of one layer's parameters: update ``number`` = 1, 2, ... of the newest one."""
    newest = history.versions[-1]
    f = newest.dtype.type
    if not history.moments:
        history.moments = [np.zeros_like(newest), np.zeros_like(newest)]
    m, second = history.moments
    if optimizer.weight_decay:
        gradient = gradient + f(optimizer.weight_decay) * newest
    if optimizer.kind == "sgd":
        m = f(optimizer.momentum) * m + gradient
        history.moments = [m, second]
        return newest - f(rate) * m
    m = f(optimizer.beta1) * m + f(1 - optimizer.beta1) * gradient
    second = f(optimizer.beta2) * second + f(1 - optimizer.beta2) * gradient * gradient
    history.moments = [m, second]
    root = math.sqrt(1 - optimizer.beta2**number)
    corrected = f(rate * root / (1 - optimizer.beta1**number))
    return newest - corrected * (m / (np.sqrt(second) + f(optimizer.epsilon * root)))
