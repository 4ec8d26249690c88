"""Networks: shapes, parameters and operation counts of the presets; where neurons stand; edge formats."""

from __future__ import annotations

import json

import pytest

from simsnn.errors import ConfigError
from simsnn.workload.network import Format, Network, NetworkConfig, build_network
from simsnn.workload.presets import GENERATORS, Document

ANALOG = Format.real(8)
LIF = GENERATORS.get("mlp")((4,), 2, False)["neuron"]


def network(document: Document, form: Format = ANALOG) -> Network:
    return build_network(NetworkConfig.model_validate_json(json.dumps(document)), form, 32)


def preset(name: str, shape: tuple[int, ...] = (3, 32, 32), classes: int = 10, norm: bool = False) -> Network:
    return network(GENERATORS.get(name)(shape, classes, norm))


def macs(net: Network) -> int:
    return sum(layer.geometry.out_pixels * layer.geometry.weights for layer in net.weight_layers)


def test_vgg16_at_224_has_the_published_number_of_weights() -> None:
    # 138,357,544 parameters of the usual VGG-16 less its 13,416 biases
    net = preset("vgg16", (3, 224, 224), 1000)
    biases = sum(layer.out_shape[0] for layer in net.weight_layers)
    assert net.parameters + biases == 138_357_544


def test_resnet18_at_224_has_the_published_number_of_weights() -> None:
    # 11,689,512 parameters of the usual ResNet-18 less the 1,000 biases of its classifier
    assert preset("resnet18", (3, 224, 224), 1000, norm=True).parameters + 1000 == 11_689_512


def test_cifar_net_counts() -> None:
    net = preset("cifar_net")
    assert macs(net) == 729_682_944
    assert net.parameters == 16_589_184
    assert sum(layer.out_elements for layer in net.layers if layer.neuron or layer is net.output) == 517_642


@pytest.mark.parametrize(("name", "weight_layers"), [("vgg5", 5), ("vgg9", 9), ("vgg11", 11), ("vgg16", 16)])
def test_vgg_depth_is_its_number_of_weight_layers(name: str, weight_layers: int) -> None:
    assert len(preset(name).weight_layers) == weight_layers


@pytest.mark.parametrize("name", GENERATORS.names())
@pytest.mark.parametrize("norm", [False, True])
def test_every_preset_builds_and_ends_in_its_classes(name: str, norm: bool) -> None:
    net = preset(name, (3, 32, 32), 7, norm)
    assert net.output.out_shape == (7, 1, 1)
    assert net.output.neuron is None
    assert any(layer.kind == "batch_norm" for layer in net.layers) == norm


def test_every_weight_layer_but_the_readout_ends_in_exactly_one_neuron() -> None:
    for norm in (False, True):
        net = preset("resnet18", norm=norm)
        for layer in net.weight_layers[:-1]:
            current, neurons = layer, 0
            while True:
                neurons += current.neuron is not None
                followers = [net.layers[i] for i in current.consumers]
                if current.neuron is not None or not all(f.kind in ("batch_norm", "add") for f in followers):
                    break
                current = followers[0]
            assert neurons == 1, layer.name


def test_a_residual_sum_reads_a_current_and_the_spikes_of_the_block_input() -> None:
    net = preset("resnet18", norm=True)
    add = net.layer("s1b1_add")
    assert [form.levels for form in add.in_formats] == [0, 1]
    assert add.neuron is not None


def small(*layers: Document, neuron: bool = True, shape: tuple[int, ...] = (2, 8, 8)) -> Document:
    base = GENERATORS.get("mlp")((4,), 2, False)
    return {**base, "input": list(shape), "layers": list(layers), "neuron": base["neuron"] if neuron else None}


def conv(name: str, **more: object) -> Document:
    return {"name": name, "kind": "conv2d", "channels": 4, "kernel": 3, "padding": 1, **more}


def test_average_pooling_of_spikes_gives_small_integers() -> None:
    net = network(small(conv("a"), {"name": "p", "kind": "avg_pool", "kernel": 2}, conv("b")))
    assert net.layer("p").out_format == Format(levels=4, bits=3)
    assert not net.layer("b").in_formats[0].binary


def test_a_sum_of_spikes_counts_its_terms() -> None:
    add = {"name": "s", "kind": "add", "inputs": ["a", "b"], "neuron": "none"}
    lif = GENERATORS.get("mlp")((4,), 2, False)["neuron"]
    net = network(small(conv("a", neuron=lif), conv("b", neuron=lif), add, conv("c")))
    assert net.layer("s").out_format == Format(levels=2, bits=2)


def test_encoded_inputs_are_spikes_and_direct_ones_are_not() -> None:
    document = small(conv("a"), conv("b"))
    assert network(document, Format.integer(1)).layers[0].in_formats[0].binary
    assert not network(document, Format.real(8)).layers[0].in_formats[0].binary


def test_conv1d_is_a_convolution_of_one_row() -> None:
    net = network(small({"name": "a", "kind": "conv1d", "channels": 3, "kernel": 5, "stride": 2}, shape=(2, 20)))
    geometry = net.layers[0].geometry
    assert (geometry.out_h, geometry.out_w, geometry.taps) == (1, 8, 5)


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (small(), "no layers"),
        (small(conv("a"), conv("a")), "two layers are called 'a'"),
        (small(conv("a", inputs=["b"])), "not an earlier layer"),
        (small(conv("a", inputs=["input", "input"])), "takes 1 inputs, got 2"),
        (small(conv("a", kernel=11, padding=0)), "exceeds the 8x8 input"),
        (small(conv("a", groups=3)), "groups 3 must divide"),
        (small({"name": "a", "kind": "linear", "features": 3}), "put a flatten layer before it"),
        (small(conv("a"), conv("b", inputs=["input"])), "nothing reads layer 'a'"),
        (small(conv("a"), conv("b"), neuron=False), "names none"),
        (small({"name": "p", "kind": "max_pool", "kernel": 9}), "does not fit"),
        (small(conv("a"), {"name": "g", "kind": "gemm", "m": 1, "k": 1, "n": 1}), "cannot be mixed"),
        (
            small(conv("a"), conv("b", stride=2), {"name": "s", "kind": "add", "inputs": ["a", "b"]}),
            "cannot add shapes",
        ),
        (small(conv("a"), shape=(1, 2, 3, 4)), "input must be"),
        (small(conv("a"), {"name": "p", "kind": "max_pool", "kernel": 2, "neuron": LIF}), "carries no current"),
    ],
)
def test_networks_that_cannot_be_are_refused_in_words(document: Document, says: str) -> None:
    if document["neuron"] is None:
        del document["neuron"]
    with pytest.raises(ConfigError) as error:
        network(document)
    assert says in str(error.value)
