"""Fixed-point grid of the exact integer neurons: words of 16 or 32 bits, ``fraction_bits`` of them behind the point.

A current enters as rint(current * 2^fraction_bits); sums are taken modulo 2^word_bits. The arrays that hold words as
floats must hold them exactly: float32 has every integer up to 2^24, which covers 16-bit words, and 32-bit words as
long as they stay below; a larger one refuses the run, because the inverse would not be exact.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, ValidationInfo, field_validator

from simsnn.config.quantities import StrictModel
from simsnn.errors import ConfigError
from simsnn.neurons.base import Values

MOST_FRACTION_BITS = 15


class GridNeuron(StrictModel):
    """Word width, grid and threshold of a neuron that computes with integers."""

    word_bits: Literal[16, 32] = 16
    fraction_bits: Annotated[int, Field(ge=0, le=MOST_FRACTION_BITS)] = 8
    threshold: Annotated[float, Field(gt=0, strict=False)]

    @field_validator("threshold")
    @classmethod
    def _on_the_grid(cls, value: float, info: ValidationInfo) -> float:
        if not {"word_bits", "fraction_bits"} <= info.data.keys():
            return value  # one of them is refused itself
        bits, fraction_bits = info.data["word_bits"], info.data["fraction_bits"]
        scale = 2**fraction_bits
        largest = (2 ** (bits - 1) - 1) / scale
        if value > largest:
            raise ValueError(
                f"{value:g} does not fit into {bits} bits with {fraction_bits} bits of fraction, whose largest value"
                f" is {largest:g}; take fewer fraction_bits or wider words"
            )
        if value * scale != round(value * scale):
            raise ValueError(
                f"{value:g} is no multiple of the grid step 2^-{fraction_bits} = {1 / scale:g}; the nearest one is"
                f" {max(1, round(value * scale)) / scale:g}"
            )
        return value

    @property
    def scale(self) -> float:
        """Grid steps per unit."""
        return float(2**self.fraction_bits)

    @property
    def half(self) -> int:
        """2^(word_bits - 1): words lie from -half to half - 1."""
        return int(2 ** (self.word_bits - 1))

    @property
    def threshold_steps(self) -> int:
        """Threshold in grid steps."""
        return round(self.threshold * self.scale)

    def _words(self, like: Values) -> tuple[int, int, Any, Any, int]:
        """Threshold and half in grid steps, scale, step, and the largest integer up to which an array is exact."""
        scalar = like.dtype.type
        exact = 2 ** (np.finfo(like.dtype).nmant + 1)
        return self.threshold_steps, self.half, scalar(self.scale), scalar(1 / self.scale), exact

    def _refuse(self, misfits: int, like: Values) -> None:
        """Raise ConfigError where values could not enter the grid or could not leave it exactly."""
        if misfits:
            exact = 2 ** (np.finfo(like.dtype).nmant + 1) / self.scale
            raise ConfigError(
                f"{misfits:,} values of {self.word_bits}-bit words are not finite, or beyond {exact:g} in {like.dtype},"
                " which holds them no longer exactly: the inverse would not give back what went in",
                value=misfits,
                remedy="take word_bits: 16, fewer fraction_bits, fewer time steps or a smaller learning rate",
            )
