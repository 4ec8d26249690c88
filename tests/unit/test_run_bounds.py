"""Lower bounds of a run where micro-batches differ: engines that look for zeros."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from simsnn.api import simulate
from simsnn.config.loader import preset_folder, read_yaml
from simsnn.mapping.pipeline_lower import run_bounds
from simsnn.pipeline_preparation import message_costs, prepare_pipeline
from simsnn.schedule.bounds import resource_bound
from tests.experiments import SYNTHETIC
from tests.pipelines import ARRAY, CHAIN, KINDS, LINKS, MEMORY, experiment, group, groups_of, machine, network, schedule
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


@pytest.mark.parametrize("kind", KINDS)
def test_no_run_of_unlike_processors_is_faster_than_its_bounds(kind: str) -> None:
    """Two processors with one array, two engines each, and one with an array of four times as many elements."""
    wide = ARRAY.replace("rows: 8, columns: 8", "rows: 16, columns: 16")
    hardware = machine(group("core", 2), group("wide", 1, array=wide), links=LINKS["crossbar"])
    found = simulate(experiment(network(CHAIN), hardware, schedule(kind, 12))).report.pipeline
    assert found is not None
    assert found.distance >= 1
    assert found.bounds.resource_cycles <= found.bounds.lower_cycles


def test_the_resource_bound_of_unlike_processors_counts_the_engine_that_has_most_to_do() -> None:
    """More than all engines sharing the work, and no less than what the arrays alone must do."""
    wide = ARRAY.replace("rows: 8, columns: 8", "rows: 16, columns: 16")
    hardware = machine(group("core", 2), group("wide", 1, array=wide), links=LINKS["crossbar"])
    run = prepare_pipeline(experiment(network(CHAIN), hardware, schedule("pipedream")))
    groups, place = groups_of(run), run.processors.group
    bounds = run_bounds(run.step, run.programs[0], groups, place, message_costs(run.processors))

    def of(pick: Callable[[tuple[int, ...]], int]) -> int:
        return resource_bound(
            tuple(tuple(pick(groups[g].engine_work[task.id]) for g in place) for task in run.step.tasks)
        )

    shared, arrays = of(lambda work: sum(work) // len(work)), of(lambda work: work[0])
    assert bounds.resource_cycles >= max(shared, arrays)
    assert bounds.resource_cycles > shared
