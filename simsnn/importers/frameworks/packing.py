"""What a recorder saw as activity: tensors of all calls as (T, B, C, H, W) or (T, B, N), bit-packed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsnn.errors import ConfigError
from simsnn.importers.frameworks.modules import Seen, Tensor
from simsnn.workload.activity import (
    Activity,
    ActivityKind,
    ChainMask,
    ChainPoint,
    DenseInput,
    LayerActivity,
    SpikeTensor,
)

Array = NDArray[Any]

INPUT_BITS = 8
"""Width noted of inputs that are no spikes."""


def packed(
    layers: list[Seen],
    names: tuple[str, ...],
    neurons: list[Seen],
    timesteps: int,
    values: bool,
    accuracy: float | None,
) -> Activity:
    """Activity of all layers.

    Parameters
    ----------
    layers : list of Seen
        In the order in which they ran.
    names : tuple of str
        What they are called.
    neurons : list of Seen
        All of them.
    timesteps : int
        T of the pass.
    values : bool
        Whether to keep currents and gradients.
    accuracy : float or None
        Test accuracy to note.
    """
    batch = _batch(layers, neurons, timesteps)
    entries = (_Entry(seen, _neuron_of(seen, neurons), timesteps, batch, values) for seen in layers)
    found = tuple(entry.activity(name) for entry, name in zip(entries, names, strict=True))
    return Activity(timesteps, batch, found, ActivityKind.FILE, accuracy)


def _batch(layers: list[Seen], neurons: list[Seen], timesteps: int) -> int:
    """B: of a layer that ran step by step or on a sequence, else of a neuron that was given a sequence."""
    for seen in layers:
        shape = tuple(seen.outputs[0].shape)
        lead = shape[: len(shape) - seen.dimensions]
        if len(seen.outputs) == timesteps and len(lead) == 1:
            return int(lead[0])
        if len(seen.outputs) == 1 and len(lead) == 2:
            return int(lead[1])
    for seen in neurons:
        shape = tuple(seen.outputs[0].shape)
        if len(seen.outputs) == 1 and shape[0] == timesteps and len(shape) > 2:
            return int(shape[1])
    raise layers[0].calls_error(timesteps, layers[0].outputs[0].shape)


def _neuron_of(seen: Seen, neurons: list[Seen]) -> Seen | None:
    """The neuron that takes a layer's current, element by element."""
    size = sum(int(tensor.numel()) for tensor in seen.outputs)
    reached = [n for n in neurons if seen in n.sources and sum(int(t.numel()) for t in n.outputs) == size]
    if len(reached) > 1:
        raise ConfigError(f"the current of {seen.name!r} reaches several neurons: {', '.join(n.name for n in reached)}")
    return reached[0] if reached else None


@dataclass(frozen=True)
class _Entry:
    """One layer with weights."""

    seen: Seen
    neuron: Seen | None
    timesteps: int
    batch: int
    values: bool

    def activity(self, name: str) -> LayerActivity:
        """Its activity."""
        seen, neuron = self.seen, self.neuron
        gradient = self.stacked(seen.towards_outputs(), seen.outputs)
        chain: list[tuple[ChainPoint, Array]] = []
        spikes = surrogate = None
        if neuron is not None:
            spikes = self.stacked(neuron.outputs, seen.outputs)
            surrogate = self.stacked(neuron.derivatives, seen.outputs)
            towards = self.stacked(neuron.towards_outputs(), seen.outputs) != 0
            carried = self.stacked(neuron.towards_inputs(), seen.outputs) != 0
            chain = [(ChainPoint.POOL, towards), (ChainPoint.SURROGATE, towards & surrogate)]
            chain.append((ChainPoint.TIME_CARRY, carried))
            if neuron.normalised:
                chain.append((ChainPoint.NORMALISATION, gradient != 0))
        chain.append((ChainPoint.SYNAPSE, gradient != 0))
        needed = [mask for mask in seen.needed if mask is not None]
        return LayerActivity(
            layer=name,
            inputs=self.inputs(),
            outputs=None if spikes is None else SpikeTensor.from_dense(self.binary(spikes)),
            surrogate=None if surrogate is None else SpikeTensor.from_dense(surrogate),
            gradients=tuple(ChainMask(point, SpikeTensor.from_dense(mask)) for point, mask in chain),
            input_needed=self.needed(needed) if len(needed) == len(seen.needed) else None,
            currents=self.stacked(seen.outputs, seen.outputs) if self.values else None,
            gradient=gradient if self.values else None,
        )

    def inputs(self) -> SpikeTensor | DenseInput:
        """Spikes where every input is 0 or 1."""
        values = self.stacked(self.seen.inputs, self.seen.inputs)
        if np.isin(values, (0, 1)).all():
            return SpikeTensor.from_dense(values)
        return DenseInput(values.shape, INPUT_BITS, float(np.count_nonzero(values) / values.size))

    def needed(self, masks: list[Tensor]) -> SpikeTensor:
        """Inputs that need a gradient."""
        return SpikeTensor.from_dense(self.stacked(masks, self.seen.inputs))

    def binary(self, spikes: Array) -> Array:
        """Spikes, which are 0 and 1."""
        assert self.neuron is not None
        if not np.isin(spikes, (0, 1)).all():
            raise ConfigError(
                f"neuron {self.neuron.name!r} delivers other values than 0 and 1", remedy="record spiking neurons"
            )
        return spikes

    def stacked(self, calls: Sequence[Tensor], like: Sequence[Tensor]) -> Array:
        """Tensors of all calls, whose elements are those of ``like``, as one array; a conv1d has height 1."""
        shape = tuple(like[0].shape)
        lead, sample = shape[: len(shape) - self.seen.dimensions], shape[len(shape) - self.seen.dimensions :]
        steps, batch = self.timesteps, self.batch
        if (len(like), lead) not in ((steps, (batch,)), (1, (steps, batch)), (1, (steps * batch,))):
            raise self.seen.calls_error(steps, shape)
        full = (sample[0], 1, sample[1]) if len(sample) == 2 else sample
        flat = np.concatenate([tensor.detach().cpu().numpy().reshape(-1) for tensor in calls])
        return flat.reshape(steps, batch, *full)
