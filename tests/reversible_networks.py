"""Small networks with couplings and with levels."""

from __future__ import annotations

from typing import Any

from simsnn.workload.network import Format, Network, NetworkConfig, build_network

Document = dict[str, Any]
RECTANGLE = {"kind": "rectangle", "width": 1.0}
IF: Document = {"kind": "lif", "leak": 1.0, "threshold": 1.0, "reset": "soft", "detach_reset": True}
LEVEL: Document = {**IF, "leak": 0.5, "reset": "none"}
FORGETS: Document = {**IF, "leak": 0.0}


def built(layers: list[Document], neuron: Document) -> Network:
    """Network on an input of 2 x 8 x 8."""
    document = {"input": [2, 8, 8], "layers": layers, "neuron": neuron}
    return build_network(NetworkConfig.model_validate(document), Format.real(8), 32)


def _conv(name: str, source: str, norm: str, channels: int = 4) -> list[Document]:
    conv = {"name": name, "kind": "conv2d", "channels": channels, "kernel": 3, "padding": 1, "inputs": [source]}
    return [conv] if norm == "none" else [conv, {"name": f"{name}_bn", "kind": "batch_norm", "mode": norm}]


def half_pair(
    name: str, stream: str, source: str, norm: str = "none", neuron: Document | None = None
) -> list[Document]:
    """One coupling: ``stream`` plus a neuron and a convolution on ``source``."""
    first: Document = {"name": f"{name}_n", "kind": "neuron", "inputs": [source]}
    conv = _conv(f"{name}_conv", f"{name}_n", norm)
    total = {"name": f"{name}_add", "kind": "add", "inputs": [stream, conv[-1]["name"]], "reversible": True}
    return [first if neuron is None else first | {"neuron": neuron}, *conv, total]


def coupled_layers(norm: str = "none", pairs: int = 2, neuron: Document | None = None) -> list[Document]:
    """Two streams of four channels, pairs of couplings, one neuron on each, pooling and a classifier of four."""
    layers = [*_conv("x1", "input", norm), *_conv("x2", "input", norm)]
    tail = "" if norm == "none" else "_bn"
    first, second = f"x1{tail}", f"x2{tail}"
    for pair in range(1, pairs + 1):
        layers += half_pair(f"f{pair}", first, second, norm, neuron)
        first = f"f{pair}_add"
        layers += half_pair(f"g{pair}", second, first, norm, neuron)
        second = f"g{pair}_add"
    layers += [{"name": f"n{i}", "kind": "neuron", "inputs": [stream]} for i, stream in ((1, first), (2, second))]
    layers.append({"name": "both", "kind": "add", "inputs": ["n1", "n2"], "neuron": "none"})
    layers.append({"name": "pool", "kind": "avg_pool", "kernel": 4})
    return [*layers, {"name": "flat", "kind": "flatten"}, {"name": "out", "kind": "linear", "features": 4}]


def coupled(norm: str = "none", pairs: int = 2, neuron: Document | None = None) -> Network:
    """The same, built; its surrogate is the triangle."""
    return built(coupled_layers(norm, pairs, neuron), IF)


def levels(leak: float = 0.5, **more: Any) -> Network:
    """Four layers of neurons, of which the second (``leak``) and the last (leak 1) remember."""
    second, last = {**LEVEL, "leak": leak, **more}, {**LEVEL, "leak": 1.0, **more}
    layers = [
        *_conv("c1", "input", "none"),
        {"name": "pool", "kind": "avg_pool", "kernel": 2},
        {**_conv("c2", "pool", "none", 6)[0], "neuron": second},
        *_conv("c3", "c2", "none"),
        {"name": "flat", "kind": "flatten"},
        {"name": "l1", "kind": "linear", "features": 8, "neuron": last},
        {"name": "out", "kind": "linear", "features": 4},
    ]
    return built(layers, {**FORGETS, **more})
