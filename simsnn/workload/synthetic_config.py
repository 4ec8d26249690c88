"""Chosen or fitted statistics of synthetic activity: strict models of the ``activity`` block.

The plain form has one set of statistics for every layer. With ``layers`` (usually the result of
:func:`simsnn.workload.synthetic_fit.fit_synthetic` or of its ``transfer``) each named layer has
its own, and the others fall back to the plain ones.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from simsnn.config.quantities import Name, StrictModel

Share = Annotated[float, Field(ge=0, le=1)]
Correlation = Annotated[float, Field(ge=0, lt=1)]


class FieldStatistics(StrictModel):
    """Rate of ones, and correlation of neighbouring steps, neighbouring pixels, and channels of one pixel."""

    rate: Share
    temporal_correlation: Correlation
    spatial_correlation: Correlation
    channel_correlation: Correlation = 0.0


class LayerStatistics(FieldStatistics):
    """Statistics of one layer's tensors.

    ``rate``, ``temporal_correlation``, ``spatial_correlation``, ``channel_correlation``: of the
    spikes. ``mask_density``: surrogate derivatives that are not zero. ``gradient_density``:
    gradients that B and W read and that are not zero. ``mask_*_correlation``: of the surrogate
    mask; absent, those of the spikes. The other densities are those of the gradient after a point
    of the backward chain; absent, there is no mask of that point.
    """

    mask_density: Share
    gradient_density: Share
    mask_temporal_correlation: Correlation | None = None
    mask_spatial_correlation: Correlation | None = None
    mask_channel_correlation: Correlation | None = None
    pool_density: Share | None = None
    surrogate_density: Share | None = None
    time_carry_density: Share | None = None
    normalisation_density: Share | None = None

    def mask(self) -> FieldStatistics:
        """Statistics of the surrogate mask."""
        own = (self.mask_temporal_correlation, self.mask_spatial_correlation, self.mask_channel_correlation)
        spikes = (self.temporal_correlation, self.spatial_correlation, self.channel_correlation)
        temporal, spatial, channel = (b if a is None else a for a, b in zip(own, spikes, strict=True))
        return FieldStatistics(
            rate=self.mask_density,
            temporal_correlation=temporal,
            spatial_correlation=spatial,
            channel_correlation=channel,
        )


class SyntheticConfig(LayerStatistics):
    """Statistics of synthetic activity; nothing here was trained.

    ``layers``: statistics of named layers in place of the plain ones. ``input``: statistics of a
    spiking network input; absent, the plain ones.
    """

    kind: Literal["synthetic"] = "synthetic"
    layers: dict[Name, LayerStatistics] = Field(default_factory=dict)
    input: FieldStatistics | None = None

    def of(self, layer: str) -> LayerStatistics:
        """Statistics of one layer."""
        return self.layers.get(layer, self)

    @property
    def fitted(self) -> bool:
        """True when layers have statistics of their own."""
        return bool(self.layers)
