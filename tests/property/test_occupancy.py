"""What is physically alive in an SRAM during a run never exceeds its size, over random machines and networks.

Lifetimes come from the moments of the run, not from the mapper: an input tile lives from the start
of its load to the end of the last issue that uses it, a stored result from the start of its chunk to
the end of its store, a result that passes on inside SRAM until the chunk that reads it has issued.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from simsnn.api import Result, simulate
from simsnn.errors import CapacityError, SimsnnError, UnsupportedOperation
from simsnn.mapping.mapped import MappedOperation
from tests.experiments import layers, synthetic

Lifetime = tuple[int, int, int, int]
"""SRAM, first cycle, end cycle, bytes."""


def lifetimes(result: Result) -> Iterator[Lifetime]:
    """Every tile of every chunk."""
    moments = {(int(m["task"]), int(m["chunk"])): m for m in result.execution.moments}
    for task, item in enumerate(result.prepared.mapped):
        for chunk in range(item.choice.plan.chunk_count):
            yield from _chunk(result, item, task, chunk, moments)


def _chunk(
    result: Result, item: MappedOperation, task: int, chunk: int, moments: dict[tuple[int, int], np.void]
) -> Iterator[Lifetime]:
    plan, machine, now = item.choice.plan, result.prepared.machine, moments[task, chunk]
    before = {(t.tensor, t.key) for t in plan.needs(chunk - 1)} if chunk else set()
    needs = {(t.tensor, t.key): t for t in plan.needs(chunk)}
    for key, tile in needs.items():
        if key[0] not in item.resident:
            start = int(moments[task, chunk - 1]["issue_end"]) if key in before else int(now["admitted"])
            yield machine.sram_of(tile.role), start, int(now["issue_end"]), tile.bytes
    for tile in plan.leaves(chunk):
        start = int(now["issue_end"]) if (tile.tensor, tile.key) in needs else int(now["ready"])
        end = int(now["stored"])
        if tile.tensor in item.resident:
            assert item.fused is not None
            end = int(moments[task + 1, item.fused.group[chunk]]["issue_end"])
        yield machine.sram_of(tile.role), start, end, tile.bytes
    for tile in plan.holds(chunk):
        yield machine.sram_of(tile.role), int(now["ready"]), int(now["issue_end"]), tile.bytes


def peaks(result: Result) -> list[int]:
    """Most bytes alive at once in each SRAM."""
    found = []
    for sram in range(len(result.prepared.machine.srams)):
        events = [
            change
            for index, start, end, size in lifetimes(result)
            if index == sram and end > start
            for change in ((start, 1, size), (end, 0, -size))
        ]
        live = np.cumsum([size for _, _, size in sorted(events)])
        found.append(int(live.max(initial=0)))
    return found


def draw(rng: np.random.Generator) -> tuple[str, ...]:
    """Overrides of a random small network and machine."""
    channels, second = int(rng.choice([4, 12, 40])), int(rng.choice([3, 20]))
    network = layers(
        f"{{name: a, kind: conv2d, channels: {channels}, kernel: 3, padding: 1}}",
        f"{{name: b, kind: conv2d, channels: {second}, kernel: 3, padding: 1, stride: {int(rng.integers(1, 3))}}}",
        "{name: f, kind: flatten}",
        "{name: o, kind: linear, features: 5}",
    )
    sizes = [f"hardware.srams.{i}.size={int(2 ** rng.integers(3, 7))} KiB" for i in range(3)]
    # few banks, so that small buffers have banks that the price table holds
    banks = [f"hardware.srams.{i}.banks=4" for i in range(3)]
    flows = [f"mapping.{p}.dataflow={rng.choice(['ws', 'is', 'os'])}" for p in "FBW"]
    return (
        network,
        *sizes,
        *banks,
        *flows,
        f"workload.timesteps={int(rng.choice([1, 3, 8]))}",
        f"workload.batch={int(rng.choice([1, 2, 6]))}",
        f"hardware.arrays.0.rows={int(rng.choice([4, 16]))}",
        f"hardware.arrays.0.columns={int(rng.choice([4, 16]))}",
        f"hardware.arrays.0.psum={rng.choice(['accumulate', 'spill'])}",
        f"hardware.vector_units.0.order={rng.choice(['t_inner', 't_outer'])}",
        f"hardware.srams.2.buffering={rng.choice(['single', 'double'])}",
        f"hardware.dram.bandwidth={int(rng.choice([1, 8, 64]))} B/cycle",
    )


@pytest.mark.parametrize("seed", range(24))
def test_no_sram_ever_holds_more_than_its_size(seed: int) -> None:
    try:
        result = simulate(synthetic(*draw(np.random.default_rng(seed))))
    except (CapacityError, UnsupportedOperation):
        return  # refused with its numbers; how many are is the next test
    for sram, peak in zip(result.prepared.machine.srams, peaks(result), strict=True):
        assert peak <= sram.config.size, sram.name


def test_the_random_machines_are_not_all_refused() -> None:
    done = 0
    for seed in range(8):
        try:
            simulate(synthetic(*draw(np.random.default_rng(seed)), "simulation.level=closed_form"))
        except SimsnnError:
            continue
        done += 1
    assert done >= 4


def test_joined_slots_count_as_one_box() -> None:
    # T = 16 slots of one sample join into one box, far more than a chunk of the product leaves
    network = (
        "network={name: n, input: [1, 16, 16], neuron: "
        + synthetic().network.neuron.model_dump_json()
        + (  # type: ignore[union-attr]
            ", layers: [{name: c, kind: conv2d, channels: 8, kernel: 3, padding: 1},"
            " {name: d, kind: conv2d, channels: 8, kernel: 3, padding: 1}, {name: f, kind: flatten},"
            " {name: o, kind: linear, features: 5}]}"
        )
    )
    sizes = [f"hardware.srams.{i}.{what}" for i in range(3) for what in ("size=32 KiB", "banks=4")]
    experiment = synthetic(network, "workload.passes=[F]", "workload.timesteps=16", "workload.batch=2", *sizes)
    result = simulate(experiment)
    for sram, peak in zip(result.prepared.machine.srams, peaks(result), strict=True):
        assert peak <= sram.config.size


def test_spilled_sums_are_read_back_after_they_are_stored() -> None:
    conv = "kind: conv2d, channels: 16, kernel: 3, padding: 1"
    network = layers(
        f"{{name: a, {conv}}}",
        f"{{name: b, {conv}}}",
        "{name: f, kind: flatten}",
        "{name: o, kind: linear, features: 5}",
    )
    sizes = [f"hardware.srams.{i}.{what}" for i in range(3) for what in ("size=16 KiB", "banks=4")]
    array = [f"hardware.arrays.0.{what}" for what in ("psum=spill", "rows=8", "columns=8")]
    shape = ("workload.timesteps=2", "workload.batch=2", "workload.passes=[F]", "hardware.dram.bandwidth=2 B/cycle")
    result = simulate(synthetic(network, *sizes, *array, *shape))
    moments = {(int(m["task"]), int(m["chunk"])): m for m in result.execution.moments}
    seen = 0
    for task, item in enumerate(result.prepared.mapped):
        plan, left = item.choice.plan, dict[tuple[str, tuple[int, ...]], int]()
        for chunk in range(plan.chunk_count):
            for tile in plan.needs(chunk):
                if (tile.tensor, tile.key) in left:
                    seen += 1
                    assert moments[task, chunk]["admitted"] >= moments[task, left[tile.tensor, tile.key]]["stored"]
            left |= {(t.tensor, t.key): chunk for t in plan.leaves(chunk) if t.tensor.endswith("partial_sums")}
    assert seen
