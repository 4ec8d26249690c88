"""Activity: the spikes, surrogate masks and gradient masks that a training step really had.

Tensors are time-major, (T, B, C, H, W) or (T, B, N), bit-packed (:mod:`simsnn.workload.spike_tensor`).

The backward chain of a layer runs pool -> surrogate -> time carry -> normalisation -> synapse
(docs/machines section 5). A :class:`ChainMask` says which gradients are not exactly zero *after*
the named point; all of them have the shape of the layer's output currents.

Proof: ``tests/unit/test_activity.py``.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsnn.workload.spike_tensor import MaskTensor, SpikeTensor

__all__ = [
    "Activity",
    "ActivityKind",
    "ChainMask",
    "ChainPoint",
    "DenseInput",
    "LayerActivity",
    "MaskTensor",
    "SpikeTensor",
]


class ActivityKind(StrEnum):
    """Where activity comes from (docs/contracts: experiment)."""

    TRAIN = "train"
    FILE = "file"
    SYNTHETIC = "synthetic"


class ChainPoint(StrEnum):
    """Points of the backward chain after which a gradient mask was taken, in chain order."""

    POOL = "pool"
    SURROGATE = "surrogate"
    TIME_CARRY = "time_carry"
    NORMALISATION = "normalisation"
    SYNAPSE = "synapse"


@dataclass(frozen=True, slots=True)
class DenseInput:
    """What is known of an input that is not binary: an analog image, pooled spike sums.

    Parameters
    ----------
    shape : tuple of int
        (T, B, C, H, W) or (T, B, N).
    bits : int
        Bits of one element.
    density : float
        Share of elements that are not exactly zero, 0..1.
    """

    shape: tuple[int, ...]
    bits: int
    density: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class ChainMask:
    """Which gradients are not exactly zero after one point of the backward chain."""

    point: ChainPoint
    mask: MaskTensor

    @property
    def density(self) -> float:
        """Share of gradients that are not exactly zero."""
        return self.mask.rate


@dataclass(frozen=True, slots=True, eq=False)
class LayerActivity:
    """Activity of one weight layer in one training step.

    Parameters
    ----------
    layer : str
        Name of the layer.
    inputs : SpikeTensor or DenseInput
        What its synapses read, (T, B, Ci, H, W) or (T, B, N).
    outputs : SpikeTensor or None
        Spikes of its neuron, shape of its output currents; None without a neuron (readout).
    surrogate : MaskTensor or None
        Where the surrogate derivative of its neuron is not exactly zero; None without a neuron.
    gradients : tuple of ChainMask
        Non-zero gradients after points of the backward chain, in chain order.
    input_needed : MaskTensor or None
        Elements of ``inputs`` whose gradient anything reads (output sparsity of its B pass: the
        producer's surrogate, routed through pooling); None where every element is needed.
    currents, gradient : NDArray or None
        Recorded values of the output currents and of the gradient towards them.
    """

    layer: str
    inputs: SpikeTensor | DenseInput
    outputs: SpikeTensor | None = None
    surrogate: MaskTensor | None = None
    gradients: tuple[ChainMask, ...] = ()
    input_needed: MaskTensor | None = None
    currents: NDArray[Any] | None = field(default=None, repr=False)
    gradient: NDArray[Any] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        order = [list(ChainPoint).index(entry.point) for entry in self.gradients]
        if order != sorted(set(order)):
            raise ValueError(f"layer {self.layer!r}: gradient masks must be unique and in chain order")
        shapes = {self.inputs.shape[:2]} | {tensor.shape[:2] for _, tensor in self.tensors()}
        if len(shapes) > 1:
            raise ValueError(f"layer {self.layer!r}: tensors disagree in (T, B): {sorted(shapes)}")

    @property
    def binary_input(self) -> bool:
        """True when the synapses read spikes."""
        return isinstance(self.inputs, SpikeTensor)

    @property
    def input_density(self) -> float:
        """Share of input elements that are not exactly zero."""
        return self.inputs.rate if isinstance(self.inputs, SpikeTensor) else self.inputs.density

    def gradient_mask(self, point: ChainPoint) -> MaskTensor | None:
        """Mask after one point of the chain, or None where none was taken."""
        return next((entry.mask for entry in self.gradients if entry.point is point), None)

    @property
    def synapse_gradient(self) -> MaskTensor | None:
        """Mask of the gradient that B and W read: the one at the latest point of the chain."""
        return self.gradients[-1].mask if self.gradients else None

    @property
    def silent(self) -> bool:
        """True when no spike, no surrogate derivative or no gradient of the layer is non-zero."""
        recorded = (self.outputs, self.surrogate, self.synapse_gradient)
        return any(tensor is not None and tensor.nonzeros == 0 for tensor in recorded)

    def tensors(self) -> tuple[tuple[str, SpikeTensor], ...]:
        """Every packed tensor with its name, in a fixed order."""
        named = [("inputs", self.inputs), ("outputs", self.outputs), ("surrogate", self.surrogate)]
        named += [(f"gradient.{entry.point}", entry.mask) for entry in self.gradients]
        named += [("input_needed", self.input_needed)]
        return tuple((name, tensor) for name, tensor in named if isinstance(tensor, SpikeTensor))

    def arrays(self) -> tuple[tuple[str, NDArray[Any]], ...]:
        """Every recorded value array with its name."""
        named = (("currents", self.currents), ("gradient", self.gradient))
        return tuple((name, values) for name, values in named if values is not None)


@dataclass(frozen=True, eq=False)
class Activity:
    """Activity of every weight layer of a network in one training step.

    Parameters
    ----------
    timesteps, batch : int
        T and B of every tensor.
    layers : tuple of LayerActivity
        In network order, names unique.
    kind : ActivityKind
        Trained here, read from a file, or synthetic.
    accuracy : float or None
        Test accuracy of the trained network, 0..1; None where nothing was trained.
    """

    timesteps: int
    batch: int
    layers: tuple[LayerActivity, ...]
    kind: ActivityKind
    accuracy: float | None = None

    def __post_init__(self) -> None:
        names = [entry.layer for entry in self.layers]
        if len(set(names)) != len(names):
            raise ValueError(f"layer names must be unique, got {names}")
        for entry in self.layers:
            if entry.inputs.shape[:2] != (self.timesteps, self.batch):
                raise ValueError(
                    f"layer {entry.layer!r} holds (T, B) = {entry.inputs.shape[:2]}, not {(self.timesteps, self.batch)}"
                )

    @property
    def synthetic(self) -> bool:
        """True when nothing was trained: no statement about a real network follows from it."""
        return self.kind is ActivityKind.SYNTHETIC

    def layer(self, name: str) -> LayerActivity:
        """Activity of one layer; ``KeyError`` with the known names otherwise."""
        for entry in self.layers:
            if entry.layer == name:
                return entry
        raise KeyError(f"no activity of layer {name!r}; known: {', '.join(entry.layer for entry in self.layers)}")

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the content: equal activity has an equal digest, trained here or read from a file."""
        digest = hashlib.sha256(f"{self.synthetic}|{self.timesteps}|{self.batch}|{self.accuracy!r}".encode())
        for entry in self.layers:
            digest.update(f"|layer {entry.layer}".encode())
            if isinstance(entry.inputs, DenseInput):
                digest.update(f"|dense {entry.inputs!r}".encode())
            for name, tensor in entry.tensors():
                digest.update(f"|{name} {tensor.shape}|".encode())
                digest.update(tensor.packed.astype("<u8", copy=False).tobytes())
            for name, values in entry.arrays():
                digest.update(f"|{name} {values.shape} {values.dtype.name}|".encode())
                digest.update(np.ascontiguousarray(values, values.dtype.newbyteorder("<")).tobytes())
        return digest.hexdigest()

    def silent_layers(self) -> tuple[str, ...]:
        """Layers in which spikes, surrogate derivatives or gradients are all exactly zero."""
        return tuple(entry.layer for entry in self.layers if entry.silent)

    def warnings(self) -> tuple[str, ...]:
        """What a reader of any result from this activity must know, one sentence each."""
        found = []
        if self.synthetic:
            found.append(
                "the activity is synthetic: its rates and correlations were chosen or fitted, not recorded in training"
            )
        for entry in self.layers:
            gradient = entry.synapse_gradient
            if gradient is not None and gradient.elements and gradient.nonzeros == 0:
                found.append(f"layer {entry.layer!r}: all gradients are exactly zero: 100 % sparsity is fake")
            elif entry.outputs is not None and entry.outputs.nonzeros == 0:
                found.append(f"layer {entry.layer!r} is silent: no neuron fires, so its costs describe no real network")
            elif entry.surrogate is not None and entry.surrogate.nonzeros == 0:
                found.append(f"layer {entry.layer!r}: every surrogate derivative is zero: nothing can be learned")
        return tuple(found)
