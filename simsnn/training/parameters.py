"""Trainable parameters of a network in one vector, seen layer by layer.

Weights of a layer are (Co, Ci/g, Kh, Kw) - a linear layer (N_out, N_in, 1, 1); a normalisation
has a scale and a shift of one value per channel. There are no biases: the modelled hardware has
none. Layers follow one another in network order.

Behind a layer's own parameters stands what its neurons learn (:mod:`simsnn.neurons.base`), if they learn anything.

Initial weights are normal with standard deviation ``1 / sqrt(fan_in)``;
:meth:`simsnn.training.model.Model.calibrated` then scales them layer by layer so that no layer
starts out silent, whatever its depth.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsnn.workload.network import Layer, Network

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the parameters of every layer lie in the vector.

    Parameters
    ----------
    offsets : tuple of int
        First element of each layer of the network; one more entry holds the total.
    shapes : tuple of tuple of int
        Weights (Co, Ci/g, Kh, Kw), normalisation (2, C), or () for a layer without parameters.
    learned : tuple of int
        Numbers that the neurons of each layer learn.
    """

    offsets: tuple[int, ...]
    shapes: tuple[tuple[int, ...], ...]
    learned: tuple[int, ...]

    @classmethod
    def of(cls, network: Network, timesteps: int) -> Layout:
        """Layout of a network over T steps."""
        shapes = tuple(_shape(layer) for layer in network.layers)
        learned = tuple(_learned(layer, timesteps) for layer in network.layers)
        offsets = [0]
        for shape, count in zip(shapes, learned, strict=True):
            offsets.append(offsets[-1] + (math.prod(shape) if shape else 0) + count)
        return cls(tuple(offsets), shapes, learned)

    @property
    def size(self) -> int:
        """Parameters of the whole network."""
        return self.offsets[-1]

    def view(self, vector: Array, layer: int) -> Array:
        """Parameters of one layer as a view of the vector; empty for a layer without any."""
        part = vector[self.offsets[layer] : self.offsets[layer + 1] - self.learned[layer]]
        return part.reshape(self.shapes[layer]) if self.shapes[layer] else part

    def neuron_view(self, vector: Array, layer: int) -> Array:
        """What the neurons of one layer have learned, as a view of the vector; empty where they learn nothing."""
        stop = self.offsets[layer + 1]
        return vector[stop - self.learned[layer] : stop]


def _shape(layer: Layer) -> tuple[int, ...]:
    if layer.has_weights:
        g = layer.geometry
        return (g.out_channels, g.in_channels // g.groups, g.kernel_h, g.kernel_w)
    return (2, layer.out_shape[0]) if layer.kind == "batch_norm" else ()


def _learned(layer: Layer, timesteps: int) -> int:
    return 0 if layer.neuron is None else math.prod(layer.neuron.learned_shape(timesteps) or (0,))


def initial_parameters(network: Network, timesteps: int, rng: np.random.Generator, dtype: np.dtype[Any]) -> Array:
    """Parameter vector before calibration.

    Parameters
    ----------
    network : Network
        Any network without bare products.
    timesteps : int
        T.
    rng : numpy Generator
        The same generator state gives the same weights in every dtype.
    dtype : dtype
        float32 or float64.
    """
    layout = Layout.of(network, timesteps)
    vector = np.zeros(layout.size, dtype)
    for layer in network.layers:
        view = layout.view(vector, layer.index)
        if layer.has_weights:
            view[...] = rng.normal(0.0, 1 / math.sqrt(math.prod(view.shape[1:])), view.shape)
        elif layer.kind == "batch_norm":
            view[0] = 1
        if layer.neuron is not None:
            layout.neuron_view(vector, layer.index)[...] = layer.neuron.initial_learned(timesteps, rng, dtype)
    return vector
