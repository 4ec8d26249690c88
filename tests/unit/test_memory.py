"""Where memory goes: equal to a census of every cycle, by class; node and network; what is told without a trace."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from simsnn.activities import ResolvedActivity
from simsnn.api import Result, load, simulate
from simsnn.costs import OperandClass
from simsnn.engines.base import Tile
from simsnn.errors import TraceError
from simsnn.mapping.mapped import MappedOperation, reads
from simsnn.pipeline_run import run_pipeline
from simsnn.results.memory import run_memory, stored_tensors
from simsnn.results.memory_on_chip import on_chip_census
from simsnn.results.memory_report import MemoryReport
from simsnn.results.memory_table import memory_lines, memory_text
from simsnn.sim.census import Census, Holdings, RunMemory
from simsnn.sim.execution import MOMENTS
from simsnn.simulation import Prepared
from simsnn.workload.operation import GemmOperation, Operand
from tests import pipelines
from tests.experiments import SYNTHETIC, layers, synthetic
from tests.naive.memory import Live, kept, tensors_alive, tiles_on_chip

NETWORK = layers(
    "{name: a, kind: conv2d, channels: 8, kernel: 3, padding: 1}",
    "{name: p, kind: max_pool, kernel: 2}",
    "{name: b, kind: conv2d, channels: 8, kernel: 3, stride: 2, padding: 1}",
    "{name: f, kind: flatten}",
    "{name: o, kind: linear, features: 5}",
)
T_OUTER = "hardware.vector_units.0.order=t_outer"
R = "mapping.R={engine: array0, dataflow: ws}"
WORDS = (
    "network.neuron={kind: lif_integer, leak_form: divide, leak_shift: 2, word_bits: 16, fraction_bits: 6,"
    " threshold: 1.0, detach_reset: true, surrogate: {kind: triangle, width: 1.0}}"
)
RUNS = {
    "layer_by_layer": (),
    "small_blocks": ("hardware.vector_units.0.block_slots=2",),
    "encoded": ("workload.encoding=poisson",),
    "t_outer": (T_OUTER,),
    "step_by_step": ("schedule.kind=step_by_step", T_OUTER),
    "engine_pipeline": ("schedule={kind: engine_pipeline, group_samples: 1}",),
    "recompute": ("workload.stash=recompute", R),
    "recompute_t_outer": ("workload.stash=recompute", R, T_OUTER),
    "time_checkpoint": ("workload.backward={kind: time_checkpoint, segment: 2}", R),
    "keeps_currents": ("workload.backward={kind: time_checkpoint, segment: 2, currents: keep}", R),
    "reversible": ("workload.backward={kind: reversible}", R, WORDS),
    "plain_reversible": ("workload.backward={kind: reversible, form: plain}", R, WORDS),
    "col2im": ("hardware.arrays.0.b_lowering=col2im", "hardware.arrays.0.psum=spill"),
    "small_buffers": ("hardware.srams.0.size=4 KiB", "hardware.srams.1.size=8 KiB", "hardware.srams.2.size=32 KiB"),
}


def ran(*overrides: str) -> Result:
    return simulate(synthetic(NETWORK, "workload.batch=3", "workload.timesteps=3", *overrides))


@pytest.fixture(scope="module")
def quick() -> Result:
    return ran()


def assert_equal(found: Census, wanted: Live) -> None:
    for operand, live in wanted.items():
        counter = found.counter(operand)
        place = np.searchsorted(counter.times, np.arange(len(live)), side="right") - 1
        mine = np.where(place >= 0, np.append(counter.values, 0)[place], 0)
        assert mine.tolist() == live.tolist(), operand
    total = sum(wanted.values())
    assert isinstance(total, np.ndarray)
    assert (found.peak, found.peak_cycle) == (total.max(), total.argmax())


@pytest.mark.parametrize("name", RUNS)
def test_every_census_equals_that_of_every_cycle(name: str) -> None:
    result = ran(*RUNS[name])
    mapped, execution, memory = result.prepared.mapped, result.execution, result.memory  # type: ignore[union-attr]
    assert_equal(memory.off_chip, tensors_alive(mapped, execution))
    assert_equal(memory.node, tensors_alive(mapped, execution, kept(mapped)))
    assert memory.on_chip is not None
    assert_equal(memory.on_chip, tiles_on_chip(mapped, execution))
    report = result.report.memory
    assert report is not None
    assert result.report.totals.peak_live_bytes == report.peak_bytes == memory.off_chip.peak
    assert 0 < report.peak_on_chip_bytes <= sum(s.config.size for s in result.prepared.machine.srams)  # type: ignore[operator, union-attr]


def test_tables_and_sparse_engines_equal_the_census_of_every_cycle() -> None:
    step = "workload={timesteps: 2, batch: 2, passes: [F, B, W, U], encoding: direct}"
    experiment = load("h2learn_cifar_small", (SYNTHETIC, NETWORK, step, "workload.encoding=poisson", "baselines=null"))
    result = simulate(experiment[0])
    assert isinstance(result.prepared, Prepared)
    mapped, execution, memory = result.prepared.mapped, result.execution, result.memory
    assert {"masks", "membrane"} <= {o.value for o in OperandClass if memory.off_chip.peak_of(o)}
    assert memory.on_chip is not None
    assert_equal(memory.off_chip, tensors_alive(mapped, execution))
    assert_equal(memory.node, tensors_alive(mapped, execution, kept(mapped)))
    assert_equal(memory.on_chip, tiles_on_chip(mapped, execution))


def test_the_levels_below_event_know_no_memory_on_chip() -> None:
    event = ran().report.memory
    assert event is not None
    for level in ("closed_form", "critical_path", "event"):
        found = ran(f"simulation={{level: {level}, trace: false}}").report.memory
        assert found is not None
        assert found.peak_on_chip_bytes is None
        assert all(row.on_chip_peak_bytes is None for row in found.classes)
        assert "on chip: null, because" in found.counted
        assert found.peak_bytes == found.peak_off_chip_bytes > found.node_peak_bytes > 0
    assert (found.peak_bytes, found.node_peak_bytes) == (event.peak_bytes, event.node_peak_bytes)


def test_inference_keeps_nothing_for_a_backward_pass() -> None:
    found = ran("workload.passes=[F]").report.memory
    assert found is not None
    assert found.node_peak_bytes == 0
    assert not {"gradients", "masks", "membrane"} & {row.operand for row in found.classes if row.peak_bytes}


@pytest.mark.parametrize(("bits", "reset"), [(16, "false"), (1, "true")])
def test_node_memory_is_what_neurons_stash(bits: int, reset: str) -> None:
    """Membrane potentials at their width; one mask bit where reset and surrogate let the mask alone do."""
    surrogate = "{kind: rectangle, width: 1.0}" if bits == 1 else "{kind: triangle, width: 1.0}"
    neuron = f"{{kind: lif, leak: 0.5, threshold: 1.0, reset: soft, detach_reset: {reset}, surrogate: {surrogate}}}"
    result = ran(f"network.neuron={neuron}")
    found = result.report.memory
    assert found is not None
    neurons = sum(layer.out_elements for layer in result.prepared.network.layers if layer.neuron is not None)
    assert found.node_peak_bytes == 3 * 3 * neurons * bits // 8


@dataclass(frozen=True)
class DrawnPlan:
    """Any tiles in any chunk, of few names, so that chunks share them, keep them and come back to them."""

    needed: tuple[tuple[Tile, ...], ...]
    left: tuple[tuple[Tile, ...], ...]
    held: tuple[tuple[Tile, ...], ...]

    @property
    def chunk_count(self) -> int:
        return len(self.needed)

    def needs(self, chunk: int) -> tuple[Tile, ...]:
        return self.needed[chunk]

    def leaves(self, chunk: int) -> tuple[Tile, ...]:
        return self.left[chunk]

    def holds(self, chunk: int) -> tuple[Tile, ...]:
        return self.held[chunk]

    @classmethod
    def draw(cls, rng: np.random.Generator, chunks: int) -> DrawnPlan:
        roles = (OperandClass.SPIKES, OperandClass.WEIGHTS, OperandClass.PARTIAL_SUMS)
        tiles = [Tile(f"t{n % 3}", roles[n % 3], (n,), int(rng.integers(0, 20))) for n in range(5)]

        def some() -> tuple[tuple[Tile, ...], ...]:
            return tuple(tuple(t for t in tiles if rng.random() < 0.4) for _ in range(chunks))

        return cls(some(), some(), some())


@pytest.mark.parametrize("seed", range(40))
def test_any_tiles_at_any_moments_equal_the_census_of_every_cycle(seed: int, quick: Result) -> None:
    """Also what no machine does yet: loads that start late although a tile stays, tiles that come back."""
    assert isinstance(quick.prepared, Prepared)
    rng, some = np.random.default_rng(seed), quick.prepared.mapped[0]
    counts = rng.integers(1, 6, size=3)
    items = []
    for count in counts.tolist():
        choice = replace(some.choice, plan=DrawnPlan.draw(rng, count))
        items.append(replace(some, choice=choice, fused=None, consumes=False, resident=frozenset()))
    moments = np.zeros(int(counts.sum()), MOMENTS)
    moments["task"] = np.repeat(np.arange(3), counts)
    moments["chunk"] = np.concatenate([np.arange(count) for count in counts])
    names = ("admitted", "loaded", "ready", "issue_end", "result_end", "stored")
    for row in moments:  # in order within a chunk
        for name, time in zip(names, np.cumsum(rng.integers(0, 9, size=6)) + 20 * row["chunk"], strict=True):
            row[name] = time
    execution = replace(quick.execution, makespan_cycles=int(moments["stored"].max()), moments=moments)
    assert_equal(on_chip_census(tuple(items), moments), tiles_on_chip(tuple(items), execution))


def test_processors_hold_what_every_cycle_says_and_add_up() -> None:
    run = pipelines.prepared(pipelines.CHAIN, "crossbar", "pipedream", count=2, iterations=2)
    found = run_pipeline(run, ResolvedActivity(None))
    items, owner = found.graph.items, run.processors.engine_base
    total = np.zeros(found.execution.makespan_cycles + 1, np.int64)
    assert found.report.pipeline is not None
    for number, row in enumerate(found.report.pipeline.processors):
        last = owner[number + 1] if number + 1 < len(owner) else 10**9
        mine = {task.id for task in found.graph.graph.tasks if owner[number] <= task.engine < last}
        wanted = tiles_on_chip(items, found.execution, mine)
        assert_equal(on_chip_census(items, found.execution.moments, mine), wanted)
        assert row.memory is not None
        assert row.memory.peak_on_chip_bytes == sum(wanted.values()).max()  # type: ignore[union-attr]
        assert row.memory.peak_bytes == row.peak_memory_bytes
        total += sum(wanted.values())
    assert found.report.memory is not None
    assert found.report.memory.peak_on_chip_bytes == total.max()
    assert 0 < found.report.memory.node_peak_bytes < found.report.memory.peak_bytes
    assert found.report.memory.peak_bytes <= found.report.totals.peak_live_bytes


@pytest.mark.parametrize("form", ["plain", "streamlined"])
def test_an_exact_inverse_leaves_neurons_their_last_state_and_side_bits(form: str) -> None:
    """At the node level alone: the network holds far more."""
    mode = f"workload.backward={{kind: reversible, form: {form}}}"
    stored, inverted = ran(WORDS).report.memory, ran(WORDS, mode, R, "workload.timesteps=6").report.memory
    assert stored is not None
    assert inverted is not None
    neurons = 3 * (8 * 8 * 8 + 8 * 2 * 2)
    assert stored.node_peak_bytes == 3 * neurons * 16 // 8
    assert inverted.node_peak_bytes == neurons * 16 // 8 + 6 * neurons * 2 // 8
    (side,) = [row for row in inverted.classes if row.operand == "side_bits"]
    assert side.peak_bytes == 6 * neurons * 2 // 8
    assert inverted.peak_bytes > 4 * inverted.node_peak_bytes


def wider(mapped: tuple[MappedOperation, ...], role: OperandClass, bits: int) -> tuple[MappedOperation, ...]:
    """The same operations with one class stored at so many bits."""

    def stored(operand: Operand) -> Operand:
        return replace(operand, bits=bits) if operand.role is role else operand

    found = []
    for item in mapped:
        op = item.operation
        if isinstance(op, GemmOperation):
            masks = tuple(map(stored, op.masks))
            op = replace(op, left=stored(op.left), right=stored(op.right), output=stored(op.output), masks=masks)
        else:
            op = replace(op, reads=tuple(map(stored, op.reads)), writes=tuple(map(stored, op.writes)))
        found.append(replace(item, operation=op))
    return tuple(found)


@pytest.mark.parametrize("role", [OperandClass.SPIKES, OperandClass.MASKS])
def test_a_bit_against_a_word_is_exactly_32_times_the_class_and_nothing_else(role: OperandClass, quick: Result) -> None:
    assert isinstance(quick.prepared, Prepared)
    packed = run_memory(quick.prepared.mapped, quick.execution).off_chip
    words = run_memory(wider(quick.prepared.mapped, role, 32), quick.execution).off_chip
    assert packed.peak_of(role) > 0
    for operand in OperandClass:
        factor = 32 if operand is role else 1
        assert words.peak_of(operand) == factor * packed.peak_of(operand)
    one = packed.counter(role)
    assert words.times.tolist() == packed.times.tolist()
    assert words.counter(role).values.tolist() == (32 * one.values).tolist()


def test_a_tensor_lives_until_the_last_of_its_readers_is_done(quick: Result) -> None:
    """Also where the reader that stands last in the program is done before another one."""
    assert isinstance(quick.prepared, Prepared)
    mapped, execution = quick.prepared.mapped, quick.execution
    shared = {t.name: t for t in stored_tensors(mapped, execution)}["b.dcurrent"]
    readers = [n for n, item in enumerate(mapped) if "b.dcurrent" in {o.tensor for o in reads(item.operation)}]
    assert len(readers) == 2
    assert shared.end == max(execution.tasks[n].done for n in readers)
    late = replace(execution.tasks[readers[0]], done=execution.tasks[readers[1]].done + 5)
    tasks = tuple(late if n == readers[0] else task for n, task in enumerate(execution.tasks))
    later = {t.name: t for t in stored_tensors(mapped, replace(execution, tasks=tasks))}
    assert later["b.dcurrent"].end == shared.end + 5


def random_census(seed: int, count: int) -> Census:
    rng, holdings = np.random.default_rng(seed), Holdings()
    for _ in range(count):
        start, length, size, role = rng.integers((0, 0, 1, 0), (900, 60, 50, len(OperandClass)))
        holdings.hold(list(OperandClass)[role], int(start), int(start + length), int(size))
    return holdings.census()


@pytest.mark.parametrize("steps", [1, 7, 40, 10_000])
def test_thinning_keeps_peaks_and_moments(steps: int) -> None:
    census = random_census(steps, 300)
    thin = census.thinned(steps)
    assert thin.peak == census.peak
    assert len(thin.times) <= steps or len(census.times) <= steps
    moments, kept_moments = (set(map(tuple, found.values.T.tolist())) for found in (census, thin))
    assert kept_moments <= moments
    step = int(thin.times[1] - thin.times[0]) if len(thin.times) > 1 else int(census.times[-1]) + 1
    for number, start in enumerate(thin.times.tolist()):
        if len(thin.times) == len(census.times):
            break
        inside = (census.times >= start) & (census.times < start + step)
        carried = int(np.searchsorted(census.times, start, side="right")) - 1
        fullest = max([int(census.total.values[carried]), *census.total.values[inside].tolist()])
        assert int(thin.total.values[number]) == fullest


def test_several_together_and_the_empty_census() -> None:
    one, two, none = random_census(1, 50), random_census(2, 50), Holdings().census()
    both = Census.together([one, two, none])
    cycles = np.arange(1000)

    def at(census: Census) -> list[int]:
        place = np.searchsorted(census.times, cycles, side="right") - 1
        return np.where(place >= 0, census.total.values[place], 0).tolist()  # type: ignore[no-any-return]

    assert at(both) == (np.array(at(one)) + np.array(at(two))).tolist()
    assert (none.peak, none.peak_cycle, none.at_peak(OperandClass.MASKS), len(none.thinned(3).times)) == (0, 0, 0, 0)


def test_the_file_keeps_everything_and_others_are_refused(tmp_path: Path, quick: Result) -> None:
    path = tmp_path / "memory.npz"
    quick.memory.save(path)
    loaded = RunMemory.load(path)
    assert loaded.on_chip is not None
    assert quick.memory.on_chip is not None
    for found, wanted in ((loaded.off_chip, quick.memory.off_chip), (loaded.on_chip, quick.memory.on_chip)):
        assert np.array_equal(found.times, wanted.times)
        assert np.array_equal(found.values, wanted.values)
    replace(quick.memory, on_chip=None).save(path)
    assert RunMemory.load(path).on_chip is None
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(TraceError, match="no census of memory"):
        RunMemory.load(path)
    path.write_text("nothing of the kind")
    with pytest.raises(TraceError, match="no census of memory"):
        RunMemory.load(path)
    np.savez(path, schema=np.array("simsnn/trace/1"))
    with pytest.raises(TraceError, match="no census of memory"):
        RunMemory.load(path)


def test_a_section_whose_classes_do_not_add_up_is_refused(quick: Result) -> None:
    assert quick.report.memory is not None
    stored = quick.report.memory.model_dump()
    with pytest.raises(ValueError, match="classes add up to"):
        MemoryReport.model_validate(stored | {"peak_bytes": stored["peak_bytes"] + 1})
    with pytest.raises(ValueError, match="neurons keep"):
        MemoryReport.model_validate(stored | {"node_peak_bytes": stored["peak_bytes"] + 1})


def test_the_terminal_says_peaks_and_largest_classes(quick: Result) -> None:
    assert quick.report.memory is not None
    text = memory_text(quick.report.memory)
    assert text.startswith("memory: peak ")
    assert "off chip (gradients " in text
    assert text.endswith(" on chip")
    assert memory_text(quick.report.memory.model_copy(update={"peak_on_chip_bytes": None})).endswith("on chip unknown")
    assert memory_lines(quick.report.model_copy(update={"memory": None})) == ()
