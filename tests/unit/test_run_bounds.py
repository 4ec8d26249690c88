"""Lower bounds of a run where micro-batches differ: engines that look for zeros."""

from __future__ import annotations

import json

import pytest

from simsnn.api import simulate
from simsnn.config.loader import preset_folder, read_yaml
from tests.experiments import SYNTHETIC
from tests.pipelines import LINKS, MEMORY, experiment, machine, network
from tests.unit.test_processors import SPARSE

LAYERS = (
    "{name: conv1, kind: conv2d, channels: 6, kernel: 3, padding: 1},"
    " {name: conv2, kind: conv2d, channels: 16, kernel: 3, padding: 1}, {name: flat, kind: flatten},"
    " {name: fc, kind: linear, features: 4}"
)
CLUMPED = (
    SYNTHETIC.replace("rate: 0.2", "rate: 0.1")
    .replace("temporal_correlation: 0.2", "temporal_correlation: 0.9, channel_correlation: 0.9")
    .replace("spatial_correlation: 0.1", "spatial_correlation: 0.9")
    .replace("mask_density: 0.5", "mask_density: 0.2")
    .replace("gradient_density: 0.3", "gradient_density: 0.1")
)
"""Some samples have next to nothing, others much."""


def narrow_sparse_group(count: int) -> str:
    """The shipped engines that look for zeros, so narrow that products are what a run takes."""
    parts = read_yaml(preset_folder() / "hardware" / "h2learn_a0.yaml").tree
    arrays = [dict(array) for array in parts["arrays"]]
    for array in arrays:
        lut = {"lanes": 2, "groups": 1, "read_ports": 1, "sharing": 1}
        dual = {"groups": 2, "lanes": 4, "banks": 4, "grants_per_cycle": 4, "barrier_pixels": 1}
        array.update(lut if array["kind"] == "lut" else dual)
    held = {"arrays": arrays, "vector_units": parts["vector_units"], "srams": parts["srams"]}
    return f"{{name: core, count: {count}, {json.dumps(held)[1:-1]}, {MEMORY}}}"


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("kind", ["gpipe", "one_f_one_b", "sequential"])
def test_no_bound_exceeds_the_period_where_the_first_micro_batch_has_more_to_do_than_others(
    kind: str, seed: int
) -> None:
    found = simulate(
        experiment(
            network(LAYERS),
            machine(narrow_sparse_group(2), links=LINKS["crossbar"]).replace("45 nm", "28 nm"),
            f"mapping={{{SPARSE}}}",
            "precision={weight: 16 bit, gradient: 16 bit}",
            "energy={arithmetic: horowitz_28nm_float, sram: cacti7_lop, dram: hbm2}",
            CLUMPED,
            f"schedule={{kind: {kind}, iterations: 9, micro_batches: 4}}",
            "workload.timesteps=6",
            f"seed={seed}",
        )
    ).report.pipeline
    assert found is not None
    assert found.period_cycles is not None
    assert found.distance >= 1
    assert found.bounds.lower_cycles > found.bounds.largest_task_cycles
