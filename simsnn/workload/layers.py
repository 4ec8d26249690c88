"""Layer kinds of a network file: strict parameters and output shapes.

Shapes are (channels, height, width) throughout; a vector of features is (features, 1, 1) and a
conv1d sequence of length L is (channels, 1, L).
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from simsnn.config.quantities import Count, Index, Name, StrictModel
from simsnn.errors import ConfigError, Where
from simsnn.neurons import Neuron
from simsnn.workload.operation import ConvGeometry

Shape = tuple[int, int, int]
Width = Annotated[int, Field(gt=0, le=2**20)]
"""Channels or features of a layer."""
Pair = Count | tuple[Count, Count]
PairOrZero = Index | tuple[Index, Index]
NeuronChoice = Neuron | Literal["none"]


def _pair(value: int | tuple[int, int]) -> tuple[int, int]:
    return value if isinstance(value, tuple) else (value, value)


class LayerConfig(StrictModel):
    """What every layer may say: its name, where its inputs come from, its neuron.

    ``inputs`` names earlier layers (or ``input``); absent means the layer before. ``neuron``
    absent means the rule of :mod:`simsnn.workload.network`; ``none`` means no neuron.
    """

    name: Name
    inputs: tuple[Name, ...] | None = None
    neuron: NeuronChoice | None = None

    carries_current: ClassVar[bool] = False
    has_weights: ClassVar[bool] = False
    input_count: ClassVar[int] = 1

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """Shape of the output; ``ConfigError`` where the inputs do not fit."""
        raise NotImplementedError(f"{type(self).__name__} has no output_shape")

    def refuse(self, message: str, remedy: str = "") -> ConfigError:
        """Error that names this layer."""
        return ConfigError(f"layer {self.name!r}: {message}", where=Where(path="network.layers"), remedy=remedy)


class Conv2dLayer(LayerConfig):
    """2-D convolution; padding, stride, dilation and kernel are one number or [rows, columns]."""

    kind: Literal["conv2d"]
    channels: Width
    kernel: Pair
    stride: Pair = 1
    padding: PairOrZero = 0
    dilation: Pair = 1
    groups: Count = 1

    carries_current: ClassVar[bool] = True
    has_weights: ClassVar[bool] = True

    def geometry(self, shape: Shape) -> ConvGeometry:
        """Convolution shape on an input of the given shape."""
        (kh, kw), (sh, sw) = _pair(self.kernel), _pair(self.stride)
        (ph, pw), (dh, dw) = _pair(self.padding), _pair(self.dilation)
        channels, height, width = shape
        return ConvGeometry(channels, height, width, self.channels, kh, kw, sh, sw, ph, pw, dh, dw, self.groups)

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        geometry = self.geometry(inputs[0])
        if geometry.in_channels % self.groups or self.channels % self.groups:
            raise self.refuse(
                f"groups {self.groups} must divide {geometry.in_channels} input and {self.channels} output channels"
            )
        if geometry.out_h < 1 or geometry.out_w < 1:
            raise self.refuse(
                f"kernel {geometry.kernel_h}x{geometry.kernel_w} exceeds the {geometry.in_h}x{geometry.in_w} input",
                "add padding or use a smaller kernel",
            )
        return (self.channels, geometry.out_h, geometry.out_w)


class Conv1dLayer(LayerConfig):
    """1-D convolution over the last axis of a (channels, 1, length) input."""

    kind: Literal["conv1d"]
    channels: Width
    kernel: Count
    stride: Count = 1
    padding: Index = 0
    dilation: Count = 1
    groups: Count = 1

    carries_current: ClassVar[bool] = True
    has_weights: ClassVar[bool] = True

    def as_conv2d(self) -> Conv2dLayer:
        """The same layer as a one-row 2-D convolution."""
        return Conv2dLayer(
            name=self.name,
            kind="conv2d",
            channels=self.channels,
            kernel=(1, self.kernel),
            stride=(1, self.stride),
            padding=(0, self.padding),
            dilation=(1, self.dilation),
            groups=self.groups,
        )

    def geometry(self, shape: Shape) -> ConvGeometry:
        """Convolution shape on an input of the given shape."""
        return self.as_conv2d().geometry(shape)

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        if inputs[0][1] != 1:
            raise self.refuse(f"conv1d needs an input of height 1, got {inputs[0]}", "use conv2d")
        return self.as_conv2d().output_shape(inputs)


class LinearLayer(LayerConfig):
    """Fully connected layer on a flat input."""

    kind: Literal["linear"]
    features: Width

    carries_current: ClassVar[bool] = True
    has_weights: ClassVar[bool] = True

    def geometry(self, shape: Shape) -> ConvGeometry:
        """A 1x1 convolution on one pixel."""
        return ConvGeometry(shape[0], 1, 1, self.features)

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        if inputs[0][1:] != (1, 1):
            raise self.refuse(f"linear needs a flat input, got {inputs[0]}", "put a flatten layer before it")
        return (self.features, 1, 1)


class PoolLayer(LayerConfig):
    """Parameters shared by both poolings."""

    kernel: Pair
    stride: Pair | None = None
    padding: Literal[0] = 0

    def window(self) -> tuple[int, int, int, int]:
        """(kernel rows, kernel columns, stride rows, stride columns)."""
        kernel = _pair(self.kernel)
        return (*kernel, *(_pair(self.stride) if self.stride is not None else kernel))

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        channels, height, width = inputs[0]
        kh, kw, sh, sw = self.window()
        if kh > height or kw > width:
            raise self.refuse(f"pooling window {kh}x{kw} does not fit the {height}x{width} input")
        return (channels, (height - kh) // sh + 1, (width - kw) // sw + 1)


class MaxPoolLayer(PoolLayer):
    """Maximum over a window; spikes stay spikes."""

    kind: Literal["max_pool"]


class AvgPoolLayer(PoolLayer):
    """Mean over a window; spikes become small integers (the division is folded into the next weights)."""

    kind: Literal["avg_pool"]


class BatchNormLayer(LayerConfig):
    """Batch normalisation per channel; ``training`` uses batch statistics over (T, B, H, W), ``frozen`` stored ones."""

    kind: Literal["batch_norm"]
    mode: Literal["training", "frozen"] = "training"
    epsilon: Annotated[float, Field(gt=0)] = 1e-5
    momentum: Annotated[float, Field(gt=0, le=1)] = 0.1

    carries_current: ClassVar[bool] = True

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        return inputs[0]


class FlattenLayer(LayerConfig):
    """(C, H, W) to (C*H*W, 1, 1), channels outermost; moves no data."""

    kind: Literal["flatten"]

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        channels, height, width = inputs[0]
        return (channels * height * width, 1, 1)


class AddLayer(LayerConfig):
    """Residual sum of two layers of equal shape.

    ``reversible``: a coupling, whose first input is a stream that backward mode ``block_reversible`` gives back
    from the sum and whose second is the branch (:mod:`simsnn.workload.couplings`).
    """

    kind: Literal["add"]
    reversible: bool = False

    carries_current: ClassVar[bool] = True
    input_count: ClassVar[int] = 2

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        if inputs[0] != inputs[1]:
            raise self.refuse(
                f"cannot add shapes {inputs[0]} and {inputs[1]}", "put a 1x1 convolution on the shorter path"
            )
        return inputs[0]


class NeuronLayer(LayerConfig):
    """Places a neuron on a value, whatever reads it: no weights, its current is its input."""

    kind: Literal["neuron"]

    carries_current: ClassVar[bool] = True

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        return inputs[0]


class GemmLayer(LayerConfig):
    """A bare matrix product (M x K)(K x N), independent of every other layer."""

    kind: Literal["gemm"]
    m: Count
    k: Count
    n: Count

    input_count: ClassVar[int] = 0

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:  # noqa: ARG002 - a product reads no layer
        return (self.n, self.m, 1)


LAYERS: tuple[type[LayerConfig], ...] = (
    Conv2dLayer,
    Conv1dLayer,
    LinearLayer,
    MaxPoolLayer,
    AvgPoolLayer,
    BatchNormLayer,
    FlattenLayer,
    AddLayer,
    NeuronLayer,
    GemmLayer,
)
AnyLayer = Annotated[
    Conv2dLayer
    | Conv1dLayer
    | LinearLayer
    | MaxPoolLayer
    | AvgPoolLayer
    | BatchNormLayer
    | FlattenLayer
    | AddLayer
    | NeuronLayer
    | GemmLayer,
    Field(discriminator="kind"),
]
