"""What SpikingJelly's own exporter writes is read as the neurons that SpikingJelly computes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("nirtorch")
pytest.importorskip("spikingjelly.activation_based.neuron")

from pydantic import TypeAdapter  # noqa: E402
from spikingjelly.activation_based import layer, neuron  # noqa: E402
from spikingjelly.activation_based.nir_exchange import export_to_nir  # noqa: E402

from simsnn.importers.nir import import_nir  # noqa: E402
from simsnn.importers.nir_source import NirSource  # noqa: E402
from simsnn.neurons import Neuron  # noqa: E402

NEURONS, STEPS = 60, 30
SOURCE = NirSource(nir="x", dt="100 us")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "make",
    [
        lambda: neuron.LIFNode(tau=2.0),
        lambda: neuron.LIFNode(tau=3.0, v_threshold=0.7, decay_input=False),
        lambda: neuron.LIFNode(tau=5.0, v_threshold=1.0, v_reset=-0.5),
        lambda: neuron.IFNode(v_threshold=2.0),
    ],
)
def test_exported_neurons_fire_as_they_did(make: Any, tmp_path: Path) -> None:
    node = make()
    net = torch.nn.Sequential(layer.Linear(4, NEURONS, bias=False), node, layer.Linear(NEURONS, 2, bias=False))
    export_to_nir(net, torch.rand(3, 4), tmp_path / "n.nir")
    found = import_nir(tmp_path / "n.nir", SOURCE)
    ours = TypeAdapter(Neuron).validate_python(found.tree["neuron"])
    current = np.random.default_rng(0).normal(0.5, 2.0, (STEPS, NEURONS))
    # SpikingJelly starts from 0 where v_reset is not 0; NIR says nothing, and here potentials start at rest
    node.reset()
    node.v = torch.full((NEURONS,), float(node.v_reset), dtype=torch.float64)
    theirs = np.array([node(torch.tensor(row)).numpy() for row in current])
    spikes, v = np.zeros_like(current), np.zeros_like(current)
    ours.forward(current, np.zeros(0), spikes, v, np.zeros((1, NEURONS)))
    assert 0.02 < theirs.mean() < 0.9
    np.testing.assert_array_equal(spikes, theirs)


def test_an_exported_network_is_read_layer_by_layer(tmp_path: Path) -> None:
    net = torch.nn.Sequential(
        layer.Conv2d(1, 6, 3, padding=1, bias=False),
        neuron.LIFNode(tau=2.0),
        layer.AvgPool2d(2),
        layer.Conv2d(6, 8, 3, stride=2),
        neuron.IFNode(),
        layer.Flatten(),
        layer.Linear(8, 10),
        neuron.CUBALIFNode(c_decay=0.5, v_decay=0.75),
    )
    export_to_nir(net, torch.rand(2, 1, 8, 8), tmp_path / "n.nir")
    found = import_nir(tmp_path / "n.nir", SOURCE)
    kinds = [(entry["name"], entry["kind"]) for entry in found.tree["layers"]]
    assert kinds == [
        ("conv2d_0", "conv2d"),
        ("avgpool2d_2", "avg_pool"),
        ("conv2d_3", "conv2d"),
        ("flatten_5", "flatten"),
        ("affine_6", "linear"),
    ]
    assert found.tree["layers"][-1]["neuron"]["feedback"] == pytest.approx([1.25, -0.375])
