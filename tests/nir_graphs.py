"""Graphs written by the nir library, and a forward pass of them in plain NumPy that knows nothing of the importer."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import nir
import numpy as np

Array = np.ndarray[Any, Any]
DT = 1e-4


def conv2d(inputs: int, outputs: int, kernel: int = 3, **options: Any) -> nir.Conv2d:
    groups = options.get("groups", 1)
    weight = np.random.default_rng(outputs).normal(size=(outputs, inputs // groups, kernel, kernel)).astype(np.float32)
    values = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "input_shape": None}
    return nir.Conv2d(weight=weight, bias=np.zeros(outputs, np.float32), **(values | options))


def conv1d(inputs: int, outputs: int, kernel: int = 3, **options: Any) -> nir.Conv1d:
    groups = options.get("groups", 1)
    weight = np.random.default_rng(outputs).normal(size=(outputs, inputs // groups, kernel)).astype(np.float32)
    values = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "input_shape": None}
    return nir.Conv1d(weight=weight, bias=np.zeros(outputs, np.float32), **(values | options))


def lif(*shape: int, **values: float) -> nir.LIF:
    constants = {"tau": 2 * DT, "r": 1.0, "v_leak": 0.0, "v_threshold": 1.0, "v_reset": 0.0} | values
    return nir.LIF(**{key: np.full(shape, value) for key, value in constants.items()})


def cuba(*shape: int, **values: float) -> nir.CubaLIF:
    constants = {
        "tau_mem": 4 * DT,
        "tau_syn": 2 * DT,
        "r": 1.0,
        "v_leak": 0.0,
        "v_threshold": 1.0,
        "w_in": 1.0,
    } | values
    return nir.CubaLIF(**{key: np.full(shape, value) for key, value in constants.items()})


def linear(inputs: int, outputs: int) -> nir.Linear:
    return nir.Linear(np.random.default_rng(outputs).normal(size=(outputs, inputs)))


def flatten(*shape: int) -> nir.Flatten:
    return nir.Flatten({"input": np.array(shape)}, 0, -1)


def pool(kind: Any, kernel: int, stride: int | None = None) -> Any:
    return kind(np.array([kernel] * 2), np.array([stride or kernel] * 2), np.array([0, 0]))


def chain(*nodes: Any, shape: tuple[int, ...], names: tuple[str, ...] = ()) -> nir.NIRGraph:
    """Input of that shape, the nodes in order, an output; types as the library infers them."""
    found = dict(zip(names or [f"n{i}" for i in range(len(nodes))], nodes, strict=True))
    every = {"in": nir.Input(np.array(shape)), **found, "out": nir.Output(None)}
    order = list(every)
    return nir.NIRGraph(every, list(pairwise(order)), type_check=False)


def write(path: Path, graph: nir.NIRGraph) -> Path:
    """Write as the library does, with the shapes that it insists on filled in."""
    values = forward(graph)
    for node, before in zip(list(graph.nodes.values())[1:], values, strict=False):
        if isinstance(node, nir.Conv1d | nir.Conv2d) and node.input_shape is None:
            node.input_shape = before.shape[1] if before.ndim == 2 else before.shape[1:]
    graph.nodes["out"] = nir.Output(np.array(values[-1].shape))
    nir.write(path, graph)
    return path


def forward(graph: nir.NIRGraph) -> list[Array]:
    """What every node of a chain delivers for random input, in order; neurons pass their input on."""
    (value,) = [
        np.random.default_rng(0).normal(size=tuple(node.input_type["input"]))
        for node in graph.nodes.values()
        if isinstance(node, nir.Input)
    ]
    following = dict(graph.edges)
    name, found = "in", [value]
    while name in following:
        name = following[name]
        value = _apply(graph.nodes[name], value)
        found.append(value)
    return found


def _apply(node: Any, x: Array) -> Array:
    if isinstance(node, nir.Conv1d):
        y = _convolve(x[:, None, :], node.weight[:, :, None, :], *_one(node))
        return y[:, 0, :]
    if isinstance(node, nir.Conv2d):
        return _convolve(x, node.weight, *_two(node))
    if isinstance(node, nir.Linear | nir.Affine):
        return node.weight @ x
    if isinstance(node, nir.Flatten):
        return x.reshape(-1)
    if isinstance(node, nir.SumPool2d | nir.AvgPool2d):
        (kh, kw), (sh, sw) = node.kernel_size, node.stride
        rows, columns = range(0, x.shape[1] - kh + 1, sh), range(0, x.shape[2] - kw + 1, sw)
        return np.array([[[c[i : i + kh, j : j + kw].sum() for j in columns] for i in rows] for c in x])
    return x


def _one(node: Any) -> list[tuple[int, int]]:
    values = (node.stride, node.padding, node.dilation)
    return [(n, int(v)) for n, v in zip((1, 0, 1), values, strict=True)] + [(node.groups, node.groups)]


def _two(node: Any) -> list[tuple[int, int]]:
    pairs = [tuple(int(n) for n in np.broadcast_to(v, 2)) for v in (node.stride, node.padding, node.dilation)]
    return [*pairs, (node.groups, node.groups)]  # type: ignore[list-item]


def _convolve(x: Array, weight: Array, stride: Any, padding: Any, dilation: Any, groups: Any) -> Array:
    """Every output by its own sum of products."""
    x = np.pad(x, ((0, 0), (padding[0],) * 2, (padding[1],) * 2))
    outputs, per_group, kh, kw = weight.shape
    span = (dilation[0] * (kh - 1) + 1, dilation[1] * (kw - 1) + 1)
    rows = range(0, x.shape[1] - span[0] + 1, stride[0])
    columns = range(0, x.shape[2] - span[1] + 1, stride[1])
    found = np.zeros((outputs, len(rows), len(columns)))
    for o in range(outputs):
        first = o // (outputs // groups[0]) * per_group
        for y, i in enumerate(rows):
            for z, j in enumerate(columns):
                window = x[first : first + per_group, i : i + span[0] : dilation[0], j : j + span[1] : dilation[1]]
                found[o, y, z] = (window * weight[o]).sum()
    return found
