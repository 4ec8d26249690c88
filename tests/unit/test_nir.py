"""NIR graphs become networks of the same shapes, or are refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

nir = pytest.importorskip("nir")

from simsnn.cli import main  # noqa: E402
from simsnn.config.loader import Document, read_yaml  # noqa: E402
from simsnn.config.resolve import build  # noqa: E402
from simsnn.errors import ConfigError  # noqa: E402
from simsnn.importers.nir import SUPPORTED, import_nir  # noqa: E402
from simsnn.importers.nir_source import NirSource  # noqa: E402
from simsnn.workload.network import Format, Network, NetworkConfig, build_network  # noqa: E402
from tests.nir_graphs import chain, conv1d, conv2d, cuba, flatten, forward, lif, linear, pool, write  # noqa: E402

SOURCE = NirSource(nir="x", dt="100 us")  # type: ignore[arg-type]


def network_of(path: Path, source: NirSource = SOURCE) -> tuple[Network, tuple[str, ...]]:
    found = import_nir(path, source)
    config = build(NetworkConfig, Document(json.loads(json.dumps(found.tree))))
    return build_network(config, Format.real(8), 32), found.remarks


def digits() -> Any:
    """The shape of the shipped digits network, with a neuron behind the readout."""
    return chain(
        conv2d(1, 6, padding=1),
        lif(6, 8, 8),
        pool(nir.SumPool2d, 2),
        conv2d(6, 8, padding=(1, 1)),
        lif(8, 4, 4),
        pool(nir.AvgPool2d, 2),
        flatten(8, 2, 2),
        linear(32, 10),
        lif(10),
        shape=(1, 8, 8),
    )


GRAPHS = {
    "digits": digits,
    "strides": lambda: chain(conv2d(2, 4, 3, stride=(2, 1), padding=(1, 0), dilation=(1, 2)), shape=(2, 9, 11)),
    "groups": lambda: chain(conv2d(4, 8, 3, groups=4, stride=2), lif(8, 4, 4), shape=(4, 9, 9)),
    "conv1d": lambda: chain(
        conv1d(3, 6, 5, stride=2, padding=2, groups=3), lif(6, 10), flatten(6, 10), linear(60, 4), shape=(3, 20)
    ),
    "pools": lambda: chain(
        conv2d(1, 2), pool(nir.AvgPool2d, 3, 2), lif(2, 2, 2), flatten(2, 2, 2), linear(8, 3), shape=(1, 8, 8)
    ),
    "mlp": lambda: chain(linear(12, 9), linear(9, 7), lif(7), linear(7, 5), shape=(12,)),
    "cuba": lambda: chain(linear(12, 9), cuba(9), linear(9, 5), shape=(12,)),
    "neuron_first": lambda: chain(lif(12), linear(12, 9), shape=(12,)),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_every_layer_has_the_shape_of_a_forward_pass_in_numpy(name: str, tmp_path: Path) -> None:
    graph = GRAPHS[name]()
    network, _ = network_of(write(tmp_path / "g.nir", graph))
    values = forward(graph)
    neurons = ("LIF", "CubaLIF")
    nodes = [node for node in graph.nodes.values() if type(node).__name__ not in ("Input", "Output")]
    shapes = [v.shape for v, node in zip(values[1:-1], nodes, strict=True) if type(node).__name__ not in neurons]
    full = [s if len(s) == 3 else (s[0], 1, s[1]) if len(s) == 2 else (s[0], 1, 1) for s in shapes]
    assert [layer.out_shape for layer in network.layers if layer.kind != "neuron"] == full


@pytest.mark.parametrize("name", GRAPHS)
def test_the_shapes_are_those_that_the_library_infers(name: str, tmp_path: Path) -> None:
    path = write(tmp_path / "g.nir", GRAPHS[name]())
    network, _ = network_of(path)
    if name in ("groups", "conv1d"):
        pytest.skip("the library takes no account of groups")
    inferred = nir.read(path)
    shapes = {
        key: tuple(int(n) for n in node.output_type["output"])
        for key, node in inferred.nodes.items()
        if type(node).__name__ in ("Conv1d", "Conv2d", "Linear", "AvgPool2d", "SumPool2d")
    }
    for layer in network.layers:
        if layer.name in shapes:
            kept = tuple(n for n in layer.out_shape if n > 1)
            assert kept == tuple(n for n in shapes[layer.name] if n > 1)


def test_parameters_are_the_weights_of_the_file(tmp_path: Path) -> None:
    graph = digits()
    network, _ = network_of(write(tmp_path / "g.nir", graph))
    assert network.parameters == sum(n.weight.size for n in graph.nodes.values() if hasattr(n, "weight"))


def test_neurons_stand_where_the_file_has_them(tmp_path: Path) -> None:
    network, remarks = network_of(write(tmp_path / "g.nir", digits()))
    assert [layer.name for layer in network.layers if layer.neuron is not None] == ["n0", "n3", "n7"]
    assert len(remarks) == 1
    assert remarks[0].startswith("n2: a sum over the window")
    network, _ = network_of(write(tmp_path / "m.nir", GRAPHS["mlp"]()))
    assert [layer.neuron is not None for layer in network.layers] == [False, True, False]
    network, _ = network_of(write(tmp_path / "p.nir", GRAPHS["pools"]()))
    assert [(layer.kind, layer.neuron is not None) for layer in network.layers] == [
        ("conv2d", False),
        ("avg_pool", False),
        ("neuron", True),
        ("flatten", False),
        ("linear", False),
    ]
    network, _ = network_of(write(tmp_path / "f.nir", GRAPHS["neuron_first"]()))
    assert [(layer.kind, layer.neuron is not None) for layer in network.layers] == [("neuron", True), ("linear", False)]


def test_same_padding_and_biases(tmp_path: Path) -> None:
    first = conv2d(1, 2, 5, padding="same")
    first.bias = np.ones(2)
    path = write_raw(tmp_path, chain(first, lif(2, 8, 8), shape=(1, 8, 8)), (2, 8, 8))
    network, remarks = network_of(path)
    assert network.layers[0].out_shape == (2, 8, 8)
    assert remarks == ("n0: its bias of 2 values is left out: layers here have none",)
    path = write_raw(tmp_path, chain(conv2d(1, 2, 4, padding="same"), shape=(1, 8, 8)))
    refused(path, "node 'n0' of type Conv2d", "padding 'same'")


def test_names_are_those_of_the_nodes_made_fit(tmp_path: Path) -> None:
    graph = chain(linear(4, 3), linear(3, 3), linear(3, 2), shape=(4,), names=("0", "a b", "a_b"))
    network, _ = network_of(write(tmp_path / "g.nir", graph))
    assert [layer.name for layer in network.layers] == ["linear_0", "a_b", "a_b_2"]


def write_raw(folder: Path, graph: Any, shape: tuple[int, ...] = (1,)) -> Path:
    """A graph that the library itself would not infer; its output is declared, whatever it is."""
    graph.nodes["out"] = nir.Output(np.array(shape))
    for node in graph.nodes.values():
        if isinstance(node, nir.Conv1d | nir.Conv2d) and node.input_shape is None:
            node.input_shape = (8, 8) if isinstance(node, nir.Conv2d) else 8
    nir.write(folder / "raw.nir", graph)
    return folder / "raw.nir"


def refused(path: Path, place: str, message: str, source: NirSource = SOURCE) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        import_nir(path, source)
    error = caught.value
    assert error.where.file == str(path)
    assert error.where.path == place
    assert message in error.message
    assert "\n" not in error.message
    return error


def nodes_and_edges(nodes: dict[str, Any], *edges: tuple[str, str]) -> Any:
    ends = {"in": nir.Input(np.array([4])), "out": nir.Output(np.array([4]))}
    return nir.NIRGraph({**ends, **nodes}, list(edges), type_check=False)


UNMAPPED = {
    "recurrent": (
        nodes_and_edges({"a": linear(4, 4), "b": lif(4)}, ("in", "a"), ("a", "b"), ("b", "a"), ("b", "out")),
        "node 'a' of type Linear",
        "has several inputs, ('in', 'b')",
    ),
    "several inputs": (
        nodes_and_edges({"a": linear(4, 4), "b": linear(4, 4)}, ("in", "a"), ("b", "a"), ("a", "out")),
        "node 'a' of type Linear",
        "has several inputs, ('in', 'b')",
    ),
    "circle beside": (
        nodes_and_edges({"a": linear(4, 4), "b": lif(4)}, ("in", "out"), ("a", "b"), ("b", "a")),
        "node 'a' of type Linear",
        "recurrent edges cannot be mapped",
    ),
    "loop": (
        nodes_and_edges({"a": linear(4, 4)}, ("in", "a"), ("a", "in")),
        "node 'in' of type Input",
        "circle",
    ),
    "not reached": (
        nodes_and_edges({"a": linear(4, 4), "b": lif(4)}, ("in", "a"), ("a", "out")),
        "node 'b' of type LIF",
        "is not reached",
    ),
    "no such node": (nodes_and_edges({"a": linear(4, 4)}, ("in", "b"), ("a", "out")), "", "an edge names 'b'"),
    "two inputs": (
        nodes_and_edges({"a": linear(4, 4), "in2": nir.Input(np.array([4]))}, ("in", "a"), ("a", "out")),
        "",
        "2 nodes of type Input",
    ),
    "integrator": (
        nodes_and_edges({"a": nir.I(np.ones(4))}, ("in", "a"), ("a", "out")),
        "node 'a' of type I",
        "cannot be mapped",
    ),
    "graph within": (
        nodes_and_edges({"a": chain(linear(4, 4), shape=(4,))}, ("in", "a"), ("a", "out")),
        "node 'a' of type NIRGraph",
        "cannot be mapped",
    ),
    "flat into conv": (
        nodes_and_edges({"a": conv2d(1, 2, input_shape=(8, 8))}, ("in", "a"), ("a", "out")),
        "node 'a' of type Conv2d",
        "what reaches it has shape (4,)",
    ),
    "features": (
        nodes_and_edges({"a": linear(5, 4)}, ("in", "a"), ("a", "out")),
        "node 'a' of type Linear",
        "it takes (5,)",
    ),
    "neuron shape": (
        nodes_and_edges({"a": linear(4, 3), "b": lif(4)}, ("in", "a"), ("a", "b"), ("b", "out")),
        "node 'b' of type LIF",
        "tau has shape (4,)",
    ),
    "no end": (
        nodes_and_edges({"a": linear(4, 4), "b": lif(4)}, ("in", "a"), ("a", "b")),
        "node 'out' of type Output",
        "is not reached",
    ),
    "no weights": (nodes_and_edges({"a": lif(4)}, ("in", "a"), ("a", "out")), "", "no layer with weights"),
    "output": (
        nodes_and_edges({"a": linear(4, 3)}, ("in", "a"), ("a", "out")),
        "node 'out' of type Output",
        "declares (4,), what reaches it is (3,)",
    ),
}


@pytest.mark.parametrize("case", UNMAPPED)
def test_what_cannot_be_mapped_names_node_type_and_remedy(case: str, tmp_path: Path) -> None:
    graph, place, message = UNMAPPED[case]
    for name, node in graph.nodes.items():  # the library writes inner graphs only with an output of known shape
        if isinstance(node, nir.NIRGraph):
            node.nodes["out"] = nir.Output(np.array([4]))
            assert name == "a"
    nir.write(tmp_path / "g.nir", graph)
    error = refused(tmp_path / "g.nir", place, message)
    assert error.remedy
    assert not place.endswith(("type I", "NIRGraph")) or error.allowed == SUPPORTED


def test_wrong_convolutions_are_refused(tmp_path: Path) -> None:
    def run(node: Any, message: str, shape: tuple[int, ...] = (1, 8, 8)) -> None:
        kind = type(node).__name__
        refused(write_raw(tmp_path, chain(node, shape=shape)), f"node 'n0' of type {kind}", message)

    run(conv2d(2, 2), "it takes 2 channels")
    run(conv2d(1, 2, 9), "at least the kernel")
    run(conv2d(1, 2, input_shape=(7, 8)), "a map of (7, 8), as it declares")
    run(conv1d(1, 2), "it takes (channels, length)")
    run(pool(nir.AvgPool2d, 9), "at least the window")
    run(nir.AvgPool2d(np.array([2, 2]), np.array([2, 2]), np.array([1, 1])), "pads its input")
    run(nir.Flatten({"input": np.array([1, 8, 8])}, 1, -1), "flattens dimensions 1 to -1")
    run(nir.Linear(np.ones((2, 2, 8))), "its weight is of shape (2, 2, 8)", (8,))


def test_a_network_section_takes_a_nir_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "model.nir", digits())
    text = "quickstart", "--set", "network={nir: model.nir, dt: 100 us, surrogate: {kind: rectangle}}"
    short = ("--set", "activity.epochs=1", "--set", "workload.batch=4", "--set", "simulation.level=closed_form")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        assert main(["run", *text, *short, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert {row["layer"] for row in report["tasks"]} == {"n0", "n2", "n3", "n5", "n7"}
    (folder,) = (tmp_path / "results" / "runs").iterdir()
    network = read_yaml(folder / "config.resolved.yaml").tree["network"]
    assert network["neuron"]["surrogate"] == {"kind": "rectangle", "width": 1.0}


def test_import_writes_a_network_file_that_is_the_network(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, target = write(tmp_path / "model.nir", digits()), tmp_path / "network.yaml"
    assert main(["import", str(path), "--set", "dt=100 us", "-o", str(target), "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    network, remarks = network_of(path)
    assert summary["parameters"] == network.parameters
    assert summary["remarks"] == list(remarks)
    assert [tuple(layer["out_shape"]) for layer in summary["layers"]] == [layer.out_shape for layer in network.layers]
    again = build_network(build(NetworkConfig, read_yaml(target)), Format.real(8), 32)
    assert [layer.config for layer in again.layers] == [layer.config for layer in network.layers]
    assert [layer.neuron for layer in again.layers] == [layer.neuron for layer in network.layers]
    assert main(["import", str(path), "--set", "dt=100 us"]) == 0
    shown = capsys.readouterr().out
    assert "not as in the file: n2: a sum over the window" in shown
    told = (
        "n1: tau 0.0002, r 1, v_leak 0, v_reset 0, v_threshold 1, dt 0.0001 s: lif, leak 0.5, threshold 2, reset hard"
    )
    assert f"neuron {told}" in shown
    assert f"# neuron {told}" in target.read_text().splitlines()
    assert summary["neurons"][0] == told
    assert f"{network.parameters:,} weights" in shown


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "give dt"),
        (("--set", "dt=100"), "100 has no unit"),
        (("--set", "dt=1 s"), "longer than its time constant"),
        (("--set", "dtt=1 us"), "'dtt'"),
        (("--set", "dt=100 us", "--set", "surrogate.kind=round"), "surrogate"),
        (("--set", "dt=100 us", "--set", "reset=often"), "reset"),
        (("--set", "dt=100 us", "-o", "here.yaml"), "exists already"),
        (("--set", "dt=100 us", "-o", "no/such/folder.yaml"), "cannot write"),
    ],
)
def test_bad_words_exit_2_in_two_lines(
    words: tuple[str, ...],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = write(tmp_path / "model.nir", digits())
    (tmp_path / "here.yaml").write_text("mine")
    monkeypatch.chdir(tmp_path)
    assert main(["import", str(path), *words]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert message in shown.err
    assert len(shown.err.splitlines()) <= 2
    assert sorted(p.name for p in tmp_path.iterdir()) == ["here.yaml", "model.nir"]
    assert (tmp_path / "here.yaml").read_text() == "mine"


def test_without_the_library_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "model.nir", digits())
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    with pytest.raises(ConfigError, match="h5py") as caught:
        import_nir(path, SOURCE)
    assert "simsnn-accel[nir]" in caught.value.remedy
