"""Experiments of the H2Learn comparison load, fit together, and every ablation changes something."""

from __future__ import annotations

import pytest

from simsnn.api import load
from simsnn.config.resolve import canonical
from simsnn.preparation import build_experiment_network
from simsnn.reproduction.h2learn_ablations import BASE, VARIATIONS
from simsnn.reproduction.h2learn_runs import NETWORKS, NetworkPair
from simsnn.workload.synthetic_config import SyntheticConfig
from simsnn.workload.synthetic_fit import transfer


@pytest.mark.parametrize("pair", NETWORKS, ids=lambda pair: pair.name)
def test_both_scales_load_and_every_product_reads_spikes(pair: NetworkPair) -> None:
    for source in (pair.full, pair.small):
        experiment, _ = load(source)
        network = build_experiment_network(experiment)
        assert all(layer.in_formats[0].binary for layer in network.weight_layers)
        assert experiment.workload.timesteps == 6


@pytest.mark.parametrize("pair", NETWORKS, ids=lambda pair: pair.name)
def test_shipped_statistics_name_every_layer_and_can_be_transferred(pair: NetworkPair) -> None:
    full, _ = load(pair.full)
    names = tuple(layer.name for layer in build_experiment_network(full).weight_layers)
    assert isinstance(full.activity, SyntheticConfig)
    assert tuple(full.activity.layers) == names
    small = tuple(layer.name for layer in build_experiment_network(load(pair.small)[0]).weight_layers)
    assert tuple(transfer(full.activity, small).layers) == small


def test_every_ablation_is_a_machine_of_its_own() -> None:
    texts = [canonical(load(NETWORKS[0].full, variation.overrides)[0]) for variation in VARIATIONS]
    assert VARIATIONS[0].name == BASE
    assert len(set(texts)) == len(texts)
