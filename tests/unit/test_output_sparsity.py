"""Where zeros of the input gradient may be skipped: compact surrogates on every path, nothing else."""

from __future__ import annotations

import json

import pytest

from simsnn.workload.network import Format, Network, NetworkConfig, build_network
from simsnn.workload.output_sparsity import output_sparsity_refusal

NEURON = {"kind": "lif", "leak": 0.5, "threshold": 1.0, "reset": "hard", "detach_reset": True}
CONV = {"kind": "conv2d", "channels": 4, "kernel": 3, "padding": 1}


def network(*layers: dict[str, object], surrogate: str = "rectangle") -> Network:
    neuron = NEURON | {"surrogate": {"kind": surrogate}}
    document = {"input": [2, 4, 4], "neuron": neuron, "layers": layers}
    config = NetworkConfig.model_validate_json(json.dumps(document))
    return build_network(config, Format.integer(1), 32)


def refusal_below(net: Network, name: str) -> str:
    return output_sparsity_refusal(net, net.layer(name).inputs[0])


@pytest.mark.parametrize("pool", ["max_pool", "avg_pool"])
def test_a_spiking_layer_below_is_maskable_also_through_pooling_and_flatten(pool: str) -> None:
    net = network(
        {"name": "a", **CONV},
        {"name": "p", "kind": pool, "kernel": 2},
        {"name": "f", "kind": "flatten"},
        {"name": "b", "kind": "linear", "features": 3},
    )
    assert refusal_below(net, "b") == ""
    assert "input has no neuron" in refusal_below(net, "a")


@pytest.mark.parametrize("surrogate", ["arctan", "sigmoid", "fast_sigmoid"])
def test_a_surrogate_without_compact_support_has_no_zeros(surrogate: str) -> None:
    net = network({"name": "a", **CONV}, {"name": "b", **CONV}, surrogate=surrogate)
    assert f"the {surrogate} surrogate of a has no zeros" in refusal_below(net, "b")


def test_an_identity_branch_reads_the_gradient_unmasked() -> None:
    net = network(
        {"name": "a", **CONV},
        {"name": "b", **CONV},
        {"name": "sum", "kind": "add", "inputs": ["b", "a"], "neuron": "none"},
        {"name": "c", **CONV},
    )
    assert "identity branch" in refusal_below(net, "c")
    # a fires: whoever reads it reads the sum of the gradients times the surrogate of a
    assert refusal_below(net, "b") == ""


def test_a_normalisation_between_makes_it_dense_only_without_a_neuron_behind_it() -> None:
    net = network(
        {"name": "a", **CONV},
        {"name": "n", "kind": "batch_norm"},
        {"name": "b", **CONV, "neuron": "none"},
        {"name": "m", "kind": "batch_norm", "neuron": "none"},
        {"name": "c", **CONV},
    )
    assert refusal_below(net, "b") == ""
    assert "m has no neuron" in refusal_below(net, "c")
