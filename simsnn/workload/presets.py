"""Network generators: MLP, VGG, spiking and reversible ResNets, the CIFAR net of the H2Learn authors' code.

Each returns the plain document of a network file (what YAML would hold), so that a preset can be
written out, edited and read back. Widths follow the usual definitions for the ImageNet-style
families; with inputs smaller than 64 pixels the VGG poolings that would leave less than one pixel
are dropped and ResNet starts with a 3x3 stem (the usual CIFAR form). Every layer of the spiking
ResNets puts its neuron behind the residual sum; the reversible ones have no neuron on their two streams.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simsnn.registry import Registry

Document = dict[str, Any]
Generator = Callable[[tuple[int, ...], int, bool], Document]

DEFAULT_NEURON: Document = {
    "kind": "lif",
    "leak": 0.5,
    "threshold": 1.0,
    "reset": "hard",
    "detach_reset": True,
    "surrogate": {"kind": "triangle", "width": 1.0},
}
_VGG_BLOCKS = {
    5: ((64,), (128, 128)),
    9: ((64, 64), (128, 128), (256, 256, 256)),
    11: ((64,), (128,), (256, 256), (512, 512), (512, 512)),
    16: ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512)),
}
_VGG_HEADS = {5: (1024,), 9: (1024,), 11: (4096, 4096), 16: (4096, 4096)}
_INTEGRATE_AND_FIRE: Document = {
    "kind": "lif",
    "leak": 1.0,
    "threshold": 1.0,
    "reset": "hard",
    "detach_reset": True,
    "surrogate": {"kind": "arctan", "alpha": 2.0},
}
_REV_PAIRS = {11: (1, 1), 21: (1, 1, 1, 1), 37: (1, 2, 3, 2), 109: (2, 4, 16, 4)}
_REV_WIDTHS = {11: (8, 16)}
_RESNET_BLOCKS = {18: (2, 2, 2, 2), 19: (3, 3, 2), 34: (3, 4, 6, 3)}
_RESNET_WIDTHS = {18: (64, 128, 256, 512), 19: (128, 256, 512), 34: (64, 128, 256, 512)}


def _document(name: str, shape: tuple[int, ...], layers: list[Document]) -> Document:
    return {
        "schema": "simsnn/network/1",
        "name": name,
        "input": list(shape),
        "neuron": dict(DEFAULT_NEURON),
        "layers": layers,
    }


def _conv(name: str, channels: int, *, kernel: int = 3, stride: int = 1, padding: int = 1) -> Document:
    return {
        "name": name,
        "kind": "conv2d",
        "channels": channels,
        "kernel": kernel,
        "stride": stride,
        "padding": padding,
    }


def _with_norm(layer: Document, norm: bool) -> list[Document]:
    return [layer, {"name": layer["name"] + "_bn", "kind": "batch_norm"}] if norm else [layer]


def mlp(shape: tuple[int, ...], classes: int, norm: bool, hidden: tuple[int, ...] = (128,)) -> Document:
    """Fully connected network with one spiking hidden layer of 128."""
    layers: list[Document] = [{"name": "flat", "kind": "flatten"}] if len(shape) > 1 else []
    for index, width in enumerate(hidden, 1):
        layers += _with_norm({"name": f"fc{index}", "kind": "linear", "features": width}, norm)
    layers.append({"name": f"fc{len(hidden) + 1}", "kind": "linear", "features": classes})
    return _document("mlp", shape, layers)


def vgg(depth: int) -> Generator:
    """VGG of 5, 9, 11 or 16 weight layers; VGG-5 is the three-convolution network of SATA's example."""

    def generate(shape: tuple[int, ...], classes: int, norm: bool) -> Document:
        layers: list[Document] = []
        size = min(shape[1:])
        for block, widths in enumerate(_VGG_BLOCKS[depth], 1):
            for index, width in enumerate(widths, 1):
                layers += _with_norm(_conv(f"conv{block}_{index}", width), norm)
            if size >= 2:
                layers.append({"name": f"pool{block}", "kind": "max_pool", "kernel": 2})
                size //= 2
        layers.append({"name": "flat", "kind": "flatten"})
        for index, width in enumerate(_VGG_HEADS[depth], 1):
            layers.append({"name": f"fc{index}", "kind": "linear", "features": width})
        layers.append({"name": f"fc{len(_VGG_HEADS[depth]) + 1}", "kind": "linear", "features": classes})
        return _document(f"vgg{depth}", shape, layers)

    return generate


def _basic_block(name: str, source: str, channels: int, stride: int, project: bool, norm: bool) -> list[Document]:
    tail = "_bn" if norm else ""
    layers = _with_norm(_conv(f"{name}_conv1", channels, stride=stride) | {"inputs": [source]}, norm)
    layers += _with_norm(_conv(f"{name}_conv2", channels), norm)
    shortcut = source
    if project:
        skip = _conv(f"{name}_skip", channels, kernel=1, stride=stride, padding=0) | {"inputs": [source]}
        layers += _with_norm(skip, norm)
        shortcut = f"{name}_skip{tail}"
    layers.append({"name": f"{name}_add", "kind": "add", "inputs": [f"{name}_conv2{tail}", shortcut]})
    return layers


def resnet(depth: int) -> Generator:
    """Spiking ResNet of 18, 19 or 34 layers; 19 is the three-stage CIFAR form with widths 128, 256, 512."""

    def generate(shape: tuple[int, ...], classes: int, norm: bool) -> Document:
        widths = _RESNET_WIDTHS[depth]
        large = min(shape[1:]) >= 64
        stem = _conv("stem", widths[0], kernel=7, stride=2, padding=3) if large else _conv("stem", widths[0])
        layers = _with_norm(stem, norm)
        source = layers[-1]["name"]
        if large:
            layers.append({"name": "stem_pool", "kind": "max_pool", "kernel": 2})
            source = "stem_pool"
        channels = widths[0]
        for stage, (count, width) in enumerate(zip(_RESNET_BLOCKS[depth], widths, strict=True), 1):
            for block in range(1, count + 1):
                stride = 2 if block == 1 and stage > 1 else 1
                name = f"s{stage}b{block}"
                layers += _basic_block(name, source, width, stride, stride == 2 or channels != width, norm)
                source, channels = f"{name}_add", width
        layers += _resnet_head(depth, shape, large, classes)
        return _document(f"resnet{depth}", shape, layers)

    return generate


def _resnet_head(depth: int, shape: tuple[int, ...], large: bool, classes: int) -> list[Document]:
    reduction = (4 if large else 1) * 2 ** (len(_RESNET_BLOCKS[depth]) - 1)
    pixels = max(1, min(shape[1:]) // reduction)
    head: list[Document] = [{"name": "pool", "kind": "avg_pool", "kernel": pixels}, {"name": "flat", "kind": "flatten"}]
    if depth == 19:
        head.append({"name": "fc1", "kind": "linear", "features": 256})
    head.append({"name": "fc", "kind": "linear", "features": classes})
    return head


def _source(layer: Document, *sources: str) -> Document:
    return layer | {"inputs": list(sources)}


def _ending(name: str, norm: bool) -> str:
    return f"{name}_bn" if norm else name


def _coupled(name: str, streams: tuple[str, str], width: int, norm: bool) -> list[Document]:
    """One coupling: the first stream plus a branch of two convolutions, a neuron in front of each, on the second."""
    first = {"name": f"{name}_n", "kind": "neuron", "inputs": [streams[1]]}
    convolutions = [layer for i in (1, 2) for layer in _with_norm(_conv(f"{name}_conv{i}", width), norm)]
    total = {"name": f"{name}_add", "kind": "add", "inputs": [streams[0], _ending(f"{name}_conv2", norm)]}
    return [first, *convolutions, total | {"reversible": True}]


def _narrowed(name: str, streams: tuple[str, str], width: int, pool: bool, norm: bool) -> list[Document]:
    """Both streams through a neuron, pooling and one 1x1 convolution over the channels of both, to two new ones."""
    layers: list[Document] = []
    ends = []
    for half, stream in enumerate(streams, 1):
        layers.append({"name": f"{name}_n{half}", "kind": "neuron", "inputs": [stream]})
        if pool:
            layers.append({"name": f"{name}_pool{half}", "kind": "avg_pool", "kernel": 2})
        ends.append(layers[-1]["name"])
    for half in (1, 2):
        parts = [f"{name}_{half}from{source}" for source in (1, 2)]
        for part, end in zip(parts, ends, strict=True):
            layers.append(_source(_conv(part, width, kernel=1, padding=0), end))
        layers += _with_norm({"name": f"{name}_{half}", "kind": "add", "inputs": parts}, norm)
    return layers


def rev_resnet(depth: int) -> Generator:
    """Reversible spiking ResNet (RevSNN, arXiv 2312.07922) of 11 (small, for trials), 21, 37 or 109 layers.

    Two streams of half the channels; a pair of blocks is y1 = x1 + F(x2), y2 = x2 + G(y1) with F and G twice
    (integrate-and-fire, 3x3 convolution, normalisation). Layers are counted as in the paper: the stem, four
    convolutions a pair, one between stages, the classifier. Where a convolution spans both streams it is cut into one
    per pair of halves here, with the same weights and products, since no layer joins or splits channels.
    """

    def generate(shape: tuple[int, ...], classes: int, norm: bool) -> Document:
        pairs, widths = _REV_PAIRS[depth], _REV_WIDTHS.get(depth, (64, 128, 256, 448))
        layers, streams = _rev_stem(shape, widths[0], norm)
        size = min(shape[1:]) // (4 if min(shape[1:]) >= 64 else 1)
        for stage, (count, width) in enumerate(zip(pairs, widths, strict=True), 1):
            if stage > 1:
                layers += _narrowed(f"d{stage}", streams, width, size >= 2, norm)
                streams = (_ending(f"d{stage}_1", norm), _ending(f"d{stage}_2", norm))
                size = max(1, size // 2)
            for pair in range(1, count + 1):
                layers += _coupled(f"s{stage}p{pair}f", streams, width, norm)
                streams = (f"s{stage}p{pair}f_add", streams[1])
                layers += _coupled(f"s{stage}p{pair}g", streams[::-1], width, norm)
                streams = (streams[0], f"s{stage}p{pair}g_add")
        layers += _rev_head(streams, size, classes)
        return _document(f"rev_resnet{depth}", shape, layers) | {"neuron": dict(_INTEGRATE_AND_FIRE)}

    return generate


def _rev_stem(shape: tuple[int, ...], width: int, norm: bool) -> tuple[list[Document], tuple[str, str]]:
    """Two convolutions of the input, each one stream; a large input is narrowed as in the other ResNets."""
    large, layers, streams = min(shape[1:]) >= 64, list[Document](), []
    for half in (1, 2):
        stem = _conv(f"stem{half}", width, kernel=7, stride=2, padding=3) if large else _conv(f"stem{half}", width)
        layers += _with_norm(_source(stem, "input"), norm)
        if large:
            layers[-1]["neuron"] = "none"
            layers.append({"name": f"stem{half}_pool", "kind": "max_pool", "kernel": 2})
        streams.append(layers[-1]["name"])
    return layers, (streams[0], streams[1])


def _rev_head(streams: tuple[str, str], pixels: int, classes: int) -> list[Document]:
    """Neuron and mean over the pixels of each stream, one classifier over both."""
    layers: list[Document] = []
    for half, stream in enumerate(streams, 1):
        layers.append({"name": f"head{half}_n", "kind": "neuron", "inputs": [stream]})
        layers.append({"name": f"head{half}_pool", "kind": "avg_pool", "kernel": pixels})
        layers.append({"name": f"head{half}_flat", "kind": "flatten"})
        layers.append({"name": f"fc{half}", "kind": "linear", "features": classes})
    return [*layers, {"name": "fc", "kind": "add", "inputs": ["fc1", "fc2"]}]


def cifar_net(shape: tuple[int, ...], classes: int, norm: bool) -> Document:
    """The CIFAR net of the H2Learn authors' code: 128 128 128/s2 256 256 256/s2 512 512 512/s2, FC 1024-512-classes."""
    layers: list[Document] = []
    for block, width in enumerate((128, 256, 512), 1):
        for index in (1, 2, 3):
            layers += _with_norm(_conv(f"conv{block}_{index}", width, stride=2 if index == 3 else 1), norm)
    layers.append({"name": "flat", "kind": "flatten"})
    for index, width in enumerate((1024, 512), 1):
        layers.append({"name": f"fc{index}", "kind": "linear", "features": width})
    layers.append({"name": "fc3", "kind": "linear", "features": classes})
    return _document("cifar_net", shape, layers)


GENERATORS: Registry[Generator] = Registry("network preset")
GENERATORS.add("mlp", mlp)
for _depth in _VGG_BLOCKS:
    GENERATORS.add(f"vgg{_depth}", vgg(_depth))
for _depth in _RESNET_BLOCKS:
    GENERATORS.add(f"resnet{_depth}", resnet(_depth))
GENERATORS.add("cifar_net", cifar_net)
for _depth in _REV_PAIRS:
    GENERATORS.add(f"rev_resnet{_depth}", rev_resnet(_depth))
