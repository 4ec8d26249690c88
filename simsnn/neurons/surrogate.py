"""Surrogate derivatives: what stands in for the derivative of the spike threshold.

With x = v - v_th the surrogate derivative h(x) is

========== =========================================== ==================
kind       h(x)                                        zero outside
========== =========================================== ==================
rectangle  1/width                                     abs(x) < width/2
triangle   max(0, 1 - abs(x)/width) / width            abs(x) < width
arctan     alpha / (2 (1 + (pi alpha x / 2)^2))        never zero
fast_sigmoid 1 / (1 + slope abs(x))^2                  never zero
sigmoid    slope sig(slope x) (1 - sig(slope x))       never zero
========== =========================================== ==================

Only the first two have compact support: a backward engine can skip where they are zero. The
kernels live in ``simsnn/kernels/neuron.py``; ``tests/kernels/test_neuron.py`` compares each with
the derivative of its smooth primitive.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from simsnn.config.quantities import StrictModel
from simsnn.costs import OperationCounts

PositiveFloat = Annotated[float, Field(gt=0, strict=False)]


class RectangleSurrogate(StrictModel):
    """Constant derivative in a window of the given width around the threshold."""

    kind: Literal["rectangle"] = "rectangle"
    width: PositiveFloat = 1.0

    compact: ClassVar[bool] = True
    code: ClassVar[int] = 0
    counts: ClassVar[OperationCounts] = OperationCounts(add=1, compare=1, select=2)

    @property
    def parameter(self) -> float:
        """Scalar that the kernel takes."""
        return self.width


class TriangleSurrogate(StrictModel):
    """Derivative falling linearly to zero at ``width`` from the threshold."""

    kind: Literal["triangle"] = "triangle"
    width: PositiveFloat = 1.0

    compact: ClassVar[bool] = True
    code: ClassVar[int] = 1
    counts: ClassVar[OperationCounts] = OperationCounts(add=2, multiply=1, compare=1, select=2)

    @property
    def parameter(self) -> float:
        """Scalar that the kernel takes."""
        return self.width


class ArctanSurrogate(StrictModel):
    """Derivative of a scaled arctangent; never exactly zero."""

    kind: Literal["arctan"] = "arctan"
    alpha: PositiveFloat = 2.0

    compact: ClassVar[bool] = False
    code: ClassVar[int] = 2
    counts: ClassVar[OperationCounts] = OperationCounts(add=2, multiply=2, divide=1)

    @property
    def parameter(self) -> float:
        """Scalar that the kernel takes."""
        return self.alpha


class FastSigmoidSurrogate(StrictModel):
    """Derivative of x / (1 + slope abs(x)); never exactly zero."""

    kind: Literal["fast_sigmoid"] = "fast_sigmoid"
    slope: PositiveFloat = 5.0

    compact: ClassVar[bool] = False
    code: ClassVar[int] = 3
    counts: ClassVar[OperationCounts] = OperationCounts(add=2, multiply=2, select=1, divide=1)

    @property
    def parameter(self) -> float:
        """Scalar that the kernel takes."""
        return self.slope


class SigmoidSurrogate(StrictModel):
    """Derivative of the logistic function; never exactly zero."""

    kind: Literal["sigmoid"] = "sigmoid"
    slope: PositiveFloat = 4.0

    compact: ClassVar[bool] = False
    code: ClassVar[int] = 4
    counts: ClassVar[OperationCounts] = OperationCounts(add=2, multiply=3, lookup=1)

    @property
    def parameter(self) -> float:
        """Scalar that the kernel takes."""
        return self.slope


Surrogate = Annotated[
    RectangleSurrogate | TriangleSurrogate | ArctanSurrogate | FastSigmoidSurrogate | SigmoidSurrogate,
    Field(discriminator="kind"),
]
SURROGATES: tuple[type[StrictModel], ...] = (
    RectangleSurrogate,
    TriangleSurrogate,
    ArctanSurrogate,
    FastSigmoidSurrogate,
    SigmoidSurrogate,
)
