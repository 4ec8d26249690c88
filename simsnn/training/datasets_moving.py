"""Moving digits: synthetic events made from the real bundled digits, in the form of a DVS recording.

No event camera saw them. Each digit, enlarged by ``scale`` with linear interpolation, moves over
a dark canvas of ``size`` x ``size`` pixels at ``speed`` pixels a step: from a seeded place in a
seeded direction that turns by a seeded, constant angle, mirrored at the walls. With I[t] the
brightness (0..1) at time t and theta the ``threshold``, step t holds

    ON (channel 0):  I[t+1] - I[t] >  theta
    OFF (channel 1): I[t] - I[t+1] >  theta

as exact zeros and ones. A recording has as many steps as the workload has time steps. The place
of pixel (y, x) in the digit is ((y - py) / scale, (x - px) / scale); a pixel between four digit
pixels gets their tent-weighted mean, outside the digit it is dark.

Proof: ``tests/unit/test_datasets_moving.py``.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from simsnn.config.quantities import Index, StrictModel
from simsnn.training.datasets_digits import PIXELS, Labels, TestFraction, bundled_digits
from simsnn.workload.encoding import Delivery
from simsnn.workload.layers import Shape

Frames = NDArray[np.uint8]
Positions = NDArray[np.float64]
LARGEST_TURN = np.pi / 8
"""Bound of the angle, in radians, by which a path turns in every step."""


class MovingDigitsConfig(StrictModel):
    """Synthetic events of digits that move over a canvas (no camera recording).

    ``size``: canvas rows and columns. ``scale``: canvas pixels per digit pixel. ``speed``: pixels
    per step. ``threshold``: brightness change, of a range of 1, that makes an event.
    """

    kind: Literal["moving_digits"]
    test_fraction: TestFraction = 0.2
    split_seed: Index = 0
    path_seed: Index = 0
    size: Annotated[int, Field(ge=PIXELS, le=256)] = 32
    scale: Annotated[float, Field(ge=1, le=32, strict=False)] = 2.0
    speed: Annotated[float, Field(gt=0, le=64, strict=False)] = 2.0
    threshold: Annotated[float, Field(gt=0, lt=1, strict=False)] = 0.2

    classes: ClassVar[int] = 10
    delivers: ClassVar[Delivery] = Delivery.EVENTS

    @model_validator(mode="after")
    def _digit_fits(self) -> MovingDigitsConfig:
        if self.scale * PIXELS > self.size:
            raise ValueError(
                f"a digit of {PIXELS} pixels at scale {self.scale} is larger than the canvas of {self.size}"
            )
        return self

    @property
    def shape(self) -> Shape:
        """(polarity, H, W) of one step."""
        return (2, self.size, self.size)


def read_moving_digits(config: MovingDigitsConfig, timesteps: int) -> tuple[Frames, Labels]:
    """Events (1797, T, 2, size, size), exact zeros and ones, and labels (1797,).

    Raises
    ------
    ConfigError
        If the digits are missing.
    """
    digits, labels = bundled_digits()
    path = positions(config, len(digits), timesteps + 1)
    before = rendered(config, digits[:, 0], path[0])
    steps = []
    for place in path[1:]:
        after = rendered(config, digits[:, 0], place)
        steps.append(np.stack((after - before > config.threshold, before - after > config.threshold), axis=1))
        before = after
    return np.stack(steps, axis=1).astype(np.uint8), labels


def positions(config: MovingDigitsConfig, samples: int, moments: int) -> Positions:
    """Upper left corner of every digit, (moments, samples, 2) in canvas pixels, inside the canvas."""
    rng = np.random.default_rng(config.path_seed)
    room = config.size - config.scale * PIXELS
    start = rng.uniform(0, room, (samples, 2))
    heading = rng.uniform(0, 2 * np.pi, samples)
    turn = rng.uniform(-LARGEST_TURN, LARGEST_TURN, samples)
    angles = heading + turn * np.arange(moments - 1)[:, np.newaxis]
    moves = config.speed * np.stack((np.sin(angles), np.cos(angles)), axis=-1)
    free = np.concatenate((start[np.newaxis], start + np.cumsum(moves, axis=0)))
    return _mirrored(free, room)


def _mirrored(free: Positions, room: float) -> Positions:
    """Coordinates folded into 0..room, as if the walls reflected the path."""
    if room == 0:
        return np.zeros_like(free)
    folded: Positions = room - np.abs(free % (2 * room) - room)
    return folded


def rendered(config: MovingDigitsConfig, digits: NDArray[np.float32], place: Positions) -> NDArray[np.float64]:
    """Brightness (N, size, size) of digits (N, 8, 8) with their upper left corners at ``place`` (N, 2)."""
    pixels, source = np.arange(config.size), np.arange(PIXELS)
    where = (pixels - place[:, :, np.newaxis]) / config.scale
    weights = np.maximum(0.0, 1 - np.abs(where[..., np.newaxis] - source))  # (N, 2, size, 8)
    canvas: NDArray[np.float64] = weights[:, 0] @ digits @ weights[:, 1].transpose(0, 2, 1)
    return canvas
