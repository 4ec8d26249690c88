"""A NIR graph as a network: one chain of layers from its input to its output, or a refusal that names the node.

What maps: Conv1d, Conv2d, Linear, Affine, LIF, CubaLIF, IF, AvgPool2d, SumPool2d, Flatten, Input, Output. Weights
give shapes only: costs do not depend on their values, and training here starts from its own. A neuron stands
behind the layer whose current it takes; behind anything else it becomes a layer of kind ``neuron``.

Tests: ``tests/unit/test_nir.py`` (shapes against a forward pass in plain NumPy and against the nir library's own).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from simsnn.errors import ConfigError, Where, nearest
from simsnn.importers.nir_child import read_apart
from simsnn.importers.nir_file import LIMIT_BYTES, NirFile, NirNode
from simsnn.importers.nir_neurons import NeuronTranslator
from simsnn.importers.nir_source import NirSource

Tree = dict[str, Any]
Shape = tuple[int, ...]

SUPPORTED = (
    "Input", "Conv1d", "Conv2d", "Linear", "Affine", "LIF", "CubaLIF", "IF", "AvgPool2d", "SumPool2d", "Flatten",
    "Output",
)  # fmt: skip
_REMEDIES = {
    "NIRGraph": "recurrent layers and graphs within graphs cannot be mapped; write a chain of layers",
    "LI": "leave it out: the last layer is a readout of mean current",
    "CubaLI": "leave it out: the last layer is a readout of mean current",
    "I": "leave it out: the last layer is a readout of mean current",
    "Scale": "fold the factors into the weights before it",
    "Delay": "leave it out: signals between layers take no time step here",
    "Threshold": "use an IF node, or leave it out",
}
WEIGHT_KINDS = ("conv1d", "conv2d", "linear")


@dataclass(frozen=True, slots=True)
class ImportedNetwork:
    """A network file's content, and what is not as the NIR file has it.

    Parameters
    ----------
    tree : dict
        As YAML would hold it, schema ``simsnn/network/1``.
    translations : tuple of str
        How the constants of every neuron came about, beginning with the node's name.
    remarks : tuple of str
        One sentence each on what is not as in the file, beginning with the node's name.
    """

    tree: Tree
    translations: tuple[str, ...]
    remarks: tuple[str, ...]


def import_nir(path: Path, source: NirSource, limit_bytes: int = LIMIT_BYTES) -> ImportedNetwork:
    """Read a NIR file as a network.

    Parameters
    ----------
    path : Path
        The file.
    source : NirSource
        What the file does not say.
    limit_bytes : int
        Bytes that its arrays may declare.

    Raises
    ------
    ConfigError
        Naming file, node and type of what cannot be mapped, with what can.
    """
    file = read_apart(path, limit_bytes)
    return _Mapper(file, source, _chain(file)).network()


def _error(file: NirFile, node: NirNode | None, message: str, remedy: str) -> ConfigError:
    place = "" if node is None else f"node {node.name!r} of type {node.kind}"
    return ConfigError(message, where=Where(place, str(file.path)), remedy=remedy)


def _chain(file: NirFile) -> tuple[NirNode, ...]:
    """Nodes from input to output, each with one way in and one way out."""
    nodes = {node.name: node for node in file.nodes}
    _check_nodes(file, nodes)
    following: dict[str, str] = {}
    before: dict[str, str] = {}
    for source, target in file.edges:
        for name in (source, target):
            if name not in nodes:
                close = nearest(name, nodes)
                hint = f"like {close!r}?" if close else "write the graph again"
                raise _error(file, None, f"an edge names {name!r}, which is no node", hint)
        if source in following:
            other = (following[source], target)
            raise _error(
                file, nodes[source], f"goes to {other}: only chains of layers can be mapped", "split the graph"
            )
        if target in before:
            other = (before[target], source)
            hint = "recurrent edges and sums cannot be mapped; write residual networks as a network file"
            raise _error(file, nodes[target], f"has several inputs, {other}", hint)
        following[source], before[target] = target, source
    (first,) = (node for node in file.nodes if node.kind == "Input")
    order = [first]
    while order[-1].name in following:  # ends: nothing leads back into the chain, every node has one way in
        order.append(nodes[following[order[-1].name]])
        if order[-1] is first:
            raise _error(file, first, "is part of a circle: recurrent edges cannot be mapped", "remove the edge")
    left = [node for node in file.nodes if node not in order]
    if left:
        circle = left[0].name in before
        message = "is not reached from the input" + (": recurrent edges cannot be mapped" if circle else "")
        raise _error(file, left[0], message, "connect it or leave it out")
    return tuple(order)


def _check_nodes(file: NirFile, nodes: dict[str, NirNode]) -> None:
    for node in file.nodes:
        if node.kind not in SUPPORTED:
            hint = _REMEDIES.get(node.kind, "replace it before exporting")
            where = Where(f"node {node.name!r} of type {node.kind}", str(file.path))
            raise ConfigError("cannot be mapped", where=where, value=node.kind, allowed=SUPPORTED, remedy=hint)
    for kind in ("Input", "Output"):
        found = [node.name for node in nodes.values() if node.kind == kind]
        if len(found) != 1:
            message = f"the graph has {len(found)} nodes of type {kind}" + (f": {', '.join(found)}" if found else "")
            raise _error(file, None, message, f"exactly one {kind} can be mapped")


@dataclass
class _Mapper:
    file: NirFile
    source: NirSource
    chain: tuple[NirNode, ...]
    layers: list[Tree] = field(default_factory=list)
    translations: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    shape: Shape = ()

    def network(self) -> ImportedNetwork:
        self.shape = first = self.declared(self.chain[0])
        for node in self.chain[1:-1]:
            self.add(node)
        last = self.chain[-1]
        if last.kind != "Output":
            raise self.error(last, "is the end of the chain", "put an Output node behind it")
        if "shape" in last.arrays and self.declared(last) != self.shape:
            raise self.error(last, f"declares {self.declared(last)}, what reaches it is {self.shape}", "correct it")
        if not any(layer["kind"] in WEIGHT_KINDS for layer in self.layers):
            raise _error(self.file, None, "the graph has no layer with weights", "nothing is left to simulate")
        name = self.source.name or _name(self.file.path.stem, "network", ())
        tree: Tree = {"schema": "simsnn/network/1", "name": name, "input": list(first)}
        self.place_neurons(tree)
        return ImportedNetwork({**tree, "layers": self.layers}, tuple(self.translations), tuple(self.remarks))

    def error(self, node: NirNode, message: str, remedy: str) -> ConfigError:
        return _error(self.file, node, message, remedy)

    def add(self, node: NirNode) -> None:
        """Append the layer of one node and follow the shape through it."""
        if node.kind in ("LIF", "CubaLIF", "IF"):
            self.add_neuron(node)
            return
        makers: dict[str, Callable[[NirNode], Tree | None]]
        makers = {"Conv1d": self.conv1d, "Conv2d": self.conv2d, "Linear": self.linear, "Affine": self.linear}
        makers |= {"AvgPool2d": self.pool, "SumPool2d": self.pool, "Flatten": self.flatten}
        if node.kind not in makers:
            raise self.error(node, "stands inside the chain", "Input comes first and Output last, once each")
        layer = makers[node.kind](node)
        if layer is not None:
            self.layers.append({"name": self.new_name(node), **layer})

    def new_name(self, node: NirNode) -> str:
        return _name(node.name, node.kind.lower(), tuple(layer["name"] for layer in self.layers))

    def remark(self, node: NirNode, text: str) -> None:
        self.remarks.append(f"{node.name}: {text}")

    def add_neuron(self, node: NirNode) -> None:
        def refuse(message: str, remedy: str) -> ConfigError:
            return self.error(node, message, remedy)

        found = NeuronTranslator(node, self.shape, self.source, refuse).neuron()
        self.translations.append(f"{node.name}: {found.translation}")
        for text in found.remarks:
            self.remark(node, text)
        before = self.layers[-1] if self.layers else {}
        if before.get("kind") in WEIGHT_KINDS and "neuron" not in before:
            before["neuron"] = found.tree
        else:
            self.layers.append({"name": self.new_name(node), "kind": "neuron", "neuron": found.tree})

    def place_neurons(self, tree: Tree) -> None:
        """One neuron for the network where all are equal; layers without one say so, the readout by being last."""
        found = [layer["neuron"] for layer in self.layers if "neuron" in layer]
        common = found[0] if found and all(neuron == found[0] for neuron in found) else None
        if common is not None:
            tree["neuron"] = common
        for layer in self.layers:
            last = layer is self.layers[-1]
            if layer["kind"] in WEIGHT_KINDS and "neuron" not in layer:
                if not last:
                    layer["neuron"] = "none"
            elif "neuron" in layer and layer["neuron"] == common and (not last or layer["kind"] == "neuron"):
                del layer["neuron"]

    def declared(self, node: NirNode) -> Shape:
        """Shape of an Input or Output node."""
        return self.sizes(node, "shape", least=1)

    def sizes(self, node: NirNode, key: str, least: int = 0, count: int = 0) -> tuple[int, ...]:
        """Whole numbers of a node; ``count`` of them, a single one standing for all."""
        values = node.arrays.get(key)
        if values is None:
            raise self.error(node, f"{key} is missing", "write the file again with it")
        flat = np.asarray(values).reshape(-1)
        whole = flat.dtype.kind in "iu" or (flat.dtype.kind == "f" and bool((flat == np.floor(flat)).all()))
        if values.ndim > 1 or not 1 <= flat.size <= 3 or not whole or flat.min() < least or flat.max() > 2**24:
            shown = flat[:4].tolist()
            raise self.error(node, f"{key} is {shown}", f"allowed are one to three whole numbers from {least} to 2**24")
        found = tuple(int(value) for value in flat)
        if count and len(found) == 1:
            found *= count
        if count and len(found) != count:
            raise self.error(node, f"{key} has {len(found)} values", f"{count} are needed")
        return found

    def weight(self, node: NirNode, dimensions: int) -> Shape:
        values = node.arrays.get("weight")
        if values is None or values.ndim != dimensions or 0 in values.shape:
            found = "missing" if values is None else f"of shape {values.shape}"
            raise self.error(node, f"its weight is {found}", f"{dimensions} dimensions, none of them empty, are needed")
        bias = node.arrays.get("bias")
        if bias is not None and bias.shape not in ((values.shape[0],), ()):
            raise self.error(node, f"its bias has shape {bias.shape}, its weight {values.shape}", "correct it")
        if bias is not None and bias.any():
            self.remark(node, f"its bias of {bias.size} values is left out: layers here have none")
        return values.shape

    def conv1d(self, node: NirNode) -> Tree:
        return self.convolution(node, 1)

    def conv2d(self, node: NirNode) -> Tree:
        return self.convolution(node, 2)

    def convolution(self, node: NirNode, axes: int) -> Tree:
        weight = self.weight(node, axes + 2)
        if len(self.shape) != axes + 1:
            raise self.mismatch(node, f"(channels, {'length' if axes == 1 else 'height, width'})")
        groups = self.sizes(node, "groups", 1)[0] if "groups" in node.arrays else 1
        if weight[1] * groups != self.shape[0] or weight[0] % groups:
            raise self.mismatch(node, f"{weight[1] * groups} channels in {groups} groups")
        kernel = weight[2:]
        stride, dilation = self.sizes(node, "stride", 1, axes), self.sizes(node, "dilation", 1, axes)
        padding = self.padding(node, kernel, stride, dilation)
        if "input_shape" in node.arrays and self.sizes(node, "input_shape", 1, axes) != self.shape[1:]:
            raise self.mismatch(node, f"a map of {self.sizes(node, 'input_shape', 1, axes)}, as it declares")
        steps = zip(self.shape[1:], kernel, stride, padding, dilation, strict=True)
        out = tuple((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in steps)
        if min(out) < 1:
            raise self.mismatch(node, f"at least the kernel {kernel} dilated by {dilation}")
        self.shape = (weight[0], *out)
        numbers = {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation}
        tree: Tree = {"kind": f"conv{axes}d", "channels": weight[0]}
        for key, value in numbers.items():
            if key == "kernel" or value != ((0,) if key == "padding" else (1,)) * axes:
                tree[key] = value[0] if len(set(value)) == 1 else list(value)
        return {**tree, "groups": groups} if groups > 1 else tree

    def padding(self, node: NirNode, kernel: Shape, stride: Shape, dilation: Shape) -> Shape:
        text = node.texts.get("padding")
        if text is None:
            return self.sizes(node, "padding", 0, len(kernel))
        if text == "valid":
            return (0,) * len(kernel)
        total = tuple(d * (k - 1) for k, d in zip(kernel, dilation, strict=True))
        if text != "same" or any(s != 1 for s in stride) or any(t % 2 for t in total):
            raise self.error(
                node, f"padding {text!r} with kernel {kernel} and stride {stride}", "give the padding in numbers"
            )
        return tuple(t // 2 for t in total)

    def linear(self, node: NirNode) -> Tree:
        features, inputs = self.weight(node, 2)
        if self.shape != (inputs,):
            raise self.mismatch(node, f"({inputs},)" + ("; put a Flatten before it" if len(self.shape) > 1 else ""))
        self.shape = (features,)
        return {"kind": "linear", "features": features}

    def pool(self, node: NirNode) -> Tree:
        if len(self.shape) != 3:
            raise self.mismatch(node, "(channels, height, width)")
        kernel, stride = self.sizes(node, "kernel_size", 1, 2), self.sizes(node, "stride", 1, 2)
        if any(self.sizes(node, "padding", 0, 2)):
            raise self.error(node, "pads its input", "only padding 0 can be mapped")
        if kernel[0] > self.shape[1] or kernel[1] > self.shape[2]:
            raise self.mismatch(node, f"at least the window {kernel}")
        if node.kind == "SumPool2d":
            self.remark(
                node, "a sum over the window is what avg_pool computes here: the next weights take the division"
            )
        sizes = zip(self.shape[1:], kernel, stride, strict=True)
        self.shape = (self.shape[0], *((n - k) // s + 1 for n, k, s in sizes))
        tree: Tree = {"kind": "avg_pool", "kernel": kernel[0] if kernel[0] == kernel[1] else list(kernel)}
        if stride != kernel:
            tree["stride"] = stride[0] if stride[0] == stride[1] else list(stride)
        return tree

    def flatten(self, node: NirNode) -> Tree | None:
        if "input_type" in node.arrays and self.sizes(node, "input_type", 1) != self.shape:
            raise self.mismatch(node, f"{self.sizes(node, 'input_type', 1)}, as it declares")
        start = int(node.arrays["start_dim"].reshape(-1)[0]) if "start_dim" in node.arrays else 0
        end = int(node.arrays["end_dim"].reshape(-1)[0]) if "end_dim" in node.arrays else -1
        if len(self.shape) == 1:
            return None
        if start not in (0, -len(self.shape)) or end not in (-1, len(self.shape) - 1):
            raise self.error(node, f"flattens dimensions {start} to {end} of {self.shape}", "flatten all: 0 to -1")
        self.shape = (math.prod(self.shape),)
        return {"kind": "flatten"}

    def mismatch(self, node: NirNode, wanted: str) -> ConfigError:
        message = f"what reaches it has shape {self.shape}, it takes {wanted}"
        return self.error(node, message, "shapes are without batch and time; correct the graph before exporting")


def _name(text: str, prefix: str, taken: tuple[str, ...]) -> str:
    """A layer name from a node name: ``0`` of type Conv2d becomes ``conv2d_0``."""
    clean = re.sub(r"[^A-Za-z0-9_.-]", "_", text)[:48].strip("_.-")
    if not re.match(r"[A-Za-z]", clean) or clean == "input":
        clean = f"{prefix}_{clean}" if clean else prefix
    name, number = clean, 2
    while name in taken:
        name, number = f"{clean}_{number}", number + 1
    return name
