"""Totals of a run on several processors mean what those of one machine mean."""

from __future__ import annotations

import pytest

from simsnn.api import simulate
from tests.pipelines import ARRAY, CHAIN, SRAMS, VECTOR, cores, experiment, network

PRICES = "energy={arithmetic: horowitz_45nm, sram: cacti7_lstp, dram: ddr4_2400}"
ALONE = (
    "hardware={schema: simsnn/hardware/1, name: one, clock: 500 MHz, technology: {node: 45 nm, voltage: 0.9 V},"
    f" arrays: [{ARRAY}], vector_units: [{VECTOR}], srams: {SRAMS},"
    " dram: {name: memory, kind: fixed_rate, bandwidth: 8 GB/s, latency: 60 ns}, links: []}"
)


def test_area_is_that_of_engines_and_srams_times_the_processors() -> None:
    one = simulate(experiment(network(CHAIN), ALONE, "schedule={kind: layer_by_layer}", PRICES)).report
    found = simulate(experiment(network(CHAIN), cores(3), "schedule={kind: pipedream, iterations: 3}", PRICES)).report
    assert one.totals.area_um2
    assert found.totals.area_um2 == pytest.approx(3 * one.totals.area_um2)
    assert found.die_area_um2 == pytest.approx(3 * (one.die_area_um2 or 0.0))
