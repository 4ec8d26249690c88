"""Synthetic activity: spikes and masks of chosen or fitted rate and correlation, always labelled as such.

Every tensor is the largest values of a Gaussian field (:mod:`simsnn.workload.synthetic_field`).
The surrogate mask and the gradient masks of a layer threshold one field at their own densities,
so the sparser is a subset of the denser; with a density after the time carry, the field is carried
back in time for that point and those behind it. A layer reads the very spikes of the stage that it is
wired to. Behind max pooling it reads a field of its own at the plain rate; with fitted statistics
(``layers``) the stage's spikes are really pooled, and its mask is routed to the winners. Neurons that no layer
with weights has as its stage (further readers of a value that several neurons read) have a field of their own.

Assumptions: one rate for all channels and steps; samples are independent; spikes, masks and
gradients of one layer are independent of one another but for the nesting, and of other layers but
for the wiring. Proof of rate and correlation: ``tests/unit/test_synthetic.py``; of the wiring and
the fit: ``tests/unit/test_synthetic_shapes.py``, ``tests/unit/test_synthetic_fit.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from simsnn.errors import ConfigError, Where, nearest
from simsnn.kernels.fields import pool_route
from simsnn.kernels.spikes import words_for
from simsnn.workload.activity import (
    Activity,
    ActivityKind,
    ChainMask,
    ChainPoint,
    DenseInput,
    LayerActivity,
    SpikeTensor,
)
from simsnn.workload.network import INPUT
from simsnn.workload.synthetic_config import (
    Correlation,
    FieldStatistics,
    LayerStatistics,
    Share,
    SyntheticConfig,
)
from simsnn.workload.synthetic_field import (
    Field,
    carried_field,
    gaussian_field,
    latent_correlation,
    spike_correlation,
    threshold_field,
)
from simsnn.workload.synthetic_shapes import LayerShape, Window, layer_shapes

__all__ = [
    "Correlation",
    "LayerShape",
    "LayerStatistics",
    "Share",
    "SyntheticConfig",
    "gaussian_field",
    "latent_correlation",
    "layer_shapes",
    "spike_correlation",
    "synthetic_activity",
    "threshold_field",
]

Inputs = tuple[SpikeTensor | DenseInput, SpikeTensor | None]
"""What a layer reads, and which of it needs a gradient (None: all, or nobody asks)."""
_INPUT, _SPIKES, _MASK, _NEEDED = range(4)


def synthetic_activity(
    shapes: tuple[LayerShape, ...], config: SyntheticConfig, timesteps: int, batch: int, seed: int
) -> Activity:
    """Synthetic activity of a network.

    Parameters
    ----------
    shapes : tuple of LayerShape
        Weight layers in network order, as :func:`layer_shapes` gives them.
    config : SyntheticConfig
        Statistics.
    timesteps, batch, seed : int
        T, B and the seed; equal arguments give equal activity.

    Returns
    -------
    Activity
        Of kind ``synthetic``; gradient masks stand at the synapse, and at every point of the
        chain whose density is given. All densities are exact to one element.

    Raises
    ------
    ConfigError
        If the statistics name a layer that does not exist.
    """
    _check_names(shapes, config)
    make = _Generator(config, timesteps, batch, seed)
    layers: list[LayerActivity] = []
    for index, shape in enumerate(shapes):
        layers.append(make.layer(index, shape))
    return Activity(timesteps, batch, tuple(layers), ActivityKind.SYNTHETIC)


def _check_names(shapes: tuple[LayerShape, ...], config: SyntheticConfig) -> None:
    names = tuple(shape.layer for shape in shapes)
    for name in config.layers:
        if name not in names:
            raise ConfigError(
                f"statistics of {name!r}, which is no layer with weights",
                where=Where("activity.layers"),
                value=name,
                allowed=names,
                nearest=nearest(name, names),
            )


@dataclass(slots=True)
class _Generator:
    """Layer by layer; every tensor has a random stream of its own."""

    config: SyntheticConfig
    timesteps: int
    batch: int
    seed: int
    stages: dict[str, LayerActivity] = field(default_factory=dict)
    """The first layer of every stage: its other layers share spikes and masks with it."""
    others: dict[tuple[str, tuple[int, int, int]], tuple[SpikeTensor, SpikeTensor]] = field(default_factory=dict)
    """Spikes and masks of sources that are no stage, in the shape in which they are read."""
    latest: LayerActivity | None = None
    network_input: SpikeTensor | None = None

    def layer(self, index: int, shape: LayerShape) -> LayerActivity:
        inputs, needed = self.inputs(index, shape)
        stage = shape.stage or shape.layer
        first = self.stages.get(stage)
        if first is not None:
            made = LayerActivity(shape.layer, inputs, first.outputs, first.surrogate, first.gradients, needed)
        else:
            made = self.stage(index, shape, inputs, needed)
            self.stages[stage] = made
        self.latest = made
        return made

    def stage(
        self, index: int, shape: LayerShape, inputs: SpikeTensor | DenseInput, needed: SpikeTensor | None
    ) -> LayerActivity:
        statistics = self.config.of(shape.layer)
        outputs = self.spikes(shape.output_shape, statistics, index, _SPIKES) if shape.neuron else None
        values = self.field(shape.output_shape, statistics.mask(), index, _MASK)
        surrogate = threshold_field(values, statistics.mask_density) if shape.neuron else None
        gradients = _chain(values, statistics, shape.neuron)
        return LayerActivity(shape.layer, inputs, outputs, surrogate, gradients, needed)

    def field(self, shape: tuple[int, int, int], statistics: FieldStatistics, index: int, role: int) -> Field:
        rate = statistics.rate
        wanted = (statistics.temporal_correlation, statistics.spatial_correlation, statistics.channel_correlation)
        temporal, spatial, channel = (latent_correlation(value, rate) for value in wanted)
        generator = np.random.default_rng([self.seed, index, role])
        return gaussian_field((self.timesteps, self.batch, *shape), temporal, spatial, generator, channel)

    def spikes(self, shape: tuple[int, int, int], statistics: FieldStatistics, index: int, role: int) -> SpikeTensor:
        return threshold_field(self.field(shape, statistics, index, role), statistics.rate)

    def inputs(self, index: int, shape: LayerShape) -> Inputs:
        full = (self.timesteps, self.batch, *shape.input_shape)
        if not shape.binary_input:
            return DenseInput(full, shape.input_bits), None
        if shape.source == INPUT or self.latest is None:
            return self.first_input(index, shape.input_shape), None
        producer = self.stages.get(shape.source) if shape.source else self.latest
        if producer is None:
            spikes, needed = self.other(index, shape)
        elif shape.pools and self.config.fitted:
            spikes, needed = _pooled(producer, shape.pools)
        elif producer.outputs is not None and producer.outputs.slot_elements == int(np.prod(shape.input_shape)):
            assert producer.surrogate is not None  # a neuron has both
            spikes, needed = producer.outputs, producer.surrogate
        else:
            statistics = self.config.of(producer.layer)
            spikes = self.spikes(shape.input_shape, statistics, index, _INPUT)
            needed = self.spikes(shape.input_shape, statistics.mask(), index, _NEEDED)
        routed = SpikeTensor(needed.packed, full) if shape.output_sparsity else None
        return SpikeTensor(spikes.packed, full), routed

    def other(self, index: int, shape: LayerShape) -> tuple[SpikeTensor, SpikeTensor]:
        """Spikes and mask of a source that is no stage, the same for every layer that reads it."""
        key = (shape.source, shape.input_shape)
        if key not in self.others:
            spikes = self.spikes(shape.input_shape, self.config, index, _INPUT)
            self.others[key] = spikes, self.spikes(shape.input_shape, self.config.mask(), index, _NEEDED)
        return self.others[key]

    def first_input(self, index: int, shape: tuple[int, int, int]) -> SpikeTensor:
        """The network's input, the same for every layer that reads it."""
        if self.network_input is None:
            self.network_input = self.spikes(shape, self.config.input or self.config, index, _INPUT)
        return SpikeTensor(self.network_input.packed, (self.timesteps, self.batch, *shape))


def _chain(values: Field, statistics: LayerStatistics, neuron: bool) -> tuple[ChainMask, ...]:
    """Gradient masks in chain order, one threshold for equal densities."""
    points = [(ChainPoint.SYNAPSE, statistics.gradient_density)]
    if neuron:
        earlier = (
            (ChainPoint.POOL, statistics.pool_density),
            (ChainPoint.SURROGATE, statistics.surrogate_density),
            (ChainPoint.TIME_CARRY, statistics.time_carry_density),
            (ChainPoint.NORMALISATION, statistics.normalisation_density),
        )
        points = [(point, density) for point, density in earlier if density is not None] + points
    before, after = statistics.surrogate_density, statistics.time_carry_density
    carried = values
    if neuron and before and after and before <= after:
        carried = carried_field(values, before, after)
    early, late = _thresholds(values), _thresholds(carried)
    return tuple(
        ChainMask(point, (early if point in (ChainPoint.POOL, ChainPoint.SURROGATE) else late)(density))
        for point, density in points
    )


def _thresholds(values: Field) -> Callable[[float], SpikeTensor]:
    """Masks of one field by density; equal densities share one."""
    made: dict[float, SpikeTensor] = {}

    def mask(density: float) -> SpikeTensor:
        if density not in made:
            made[density] = threshold_field(values, density)
        return made[density]

    return mask


def _pooled(producer: LayerActivity, pools: tuple[Window, ...]) -> tuple[SpikeTensor, SpikeTensor]:
    """Spikes of a stage behind max poolings, and its mask at the winners."""
    assert producer.outputs is not None  # only spikes are pooled to bits
    assert producer.surrogate is not None
    spikes, mask = producer.outputs, producer.surrogate
    for window in pools:
        spikes, mask = _pooled_once(spikes, mask, window)
    return spikes, mask


def _pooled_once(spikes: SpikeTensor, mask: SpikeTensor, window: Window) -> tuple[SpikeTensor, SpikeTensor]:
    steps, batch, channels, height, width = spikes.shape
    kh, kw, sh, sw = window
    shape = (steps, batch, channels, (height - kh) // sh + 1, (width - kw) // sw + 1)
    pooled, routed = (np.zeros((steps * batch, words_for(int(np.prod(shape[2:])))), np.uint64) for _ in range(2))
    pool_route(spikes.rows, mask.rows, (channels, height, width), window, pooled, routed)
    made = (SpikeTensor(words.reshape(steps, batch, -1), shape) for words in (pooled, routed))
    first, second = made
    return first, second
