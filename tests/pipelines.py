"""Small machines with processors and small networks for tests of pipelined runs; no activity, nothing trained."""

from __future__ import annotations

from functools import cache

from simsnn.api import load
from simsnn.config.experiment import ExperimentConfig
from simsnn.mapping.pipeline_step import GroupTasks
from simsnn.pipeline_preparation import PreparedPipeline, group_tasks, prepare_pipeline
from simsnn.preparation import MappedStep
from simsnn.schedule.registry import SCHEDULES

LIF = "{kind: lif, leak: 0.5, threshold: 1.0, reset: hard, detach_reset: true, surrogate: {kind: triangle, width: 1.0}}"
ARRAY = (
    "{name: array0, kind: systolic, rows: 8, columns: 8, pe: mac, dataflows: [ws, is, os], b_lowering: phases,"
    " transpose: none, group_packing: none, partial_folds: full, stationary_buffering: double,"
    " weight_load: row_addressed, drain: overlapped, drain_enable: row_timed, fold_order: k_inner, psum: accumulate,"
    " acc_rows: 1024, acc_width: 32 bit, im2col: line_buffer, compatibility: none}"
)
VECTOR = (
    "{name: vector0, kind: vector_unit, lanes: 16, ops_per_cycle: 4, pipeline_cycles: 4, order: t_inner,"
    " block_slots: 64}"
)
BANKS = "ports: 1, word: 64 bit, buffering: double, port_shortage: slow"
SRAMS = (
    f"[{{name: spike_buffer, size: 32 KiB, banks: 4, {BANKS}, holds: [inputs, spikes, masks]}},"
    f" {{name: weight_buffer, size: 64 KiB, banks: 8, {BANKS}, holds: [weights, weight_gradients, optimizer_state]}},"
    f" {{name: state_buffer, size: 128 KiB, banks: 32, {BANKS},"
    " holds: [currents, membrane, gradients, partial_sums]}]"
)
MEMORY = "memory: {name: memory, kind: fixed_rate, bandwidth: 8 GB/s, latency: 60 ns, size: 16 MiB}"
RATE = "bandwidth: 16 B/cycle, latency_cycles: 3, packet: 64 B"
LINKS = {
    "crossbar": f"{{name: x0, kind: crossbar, {RATE}}}",
    "bus": f"{{name: b0, kind: bus, {RATE}, multicast: false}}",
    "ring": f"{{name: r0, kind: ring, {RATE}}}",
    "mesh": f"{{name: m0, kind: mesh, {RATE}}}",
    "point_to_point": ", ".join(
        f"{{name: p{a}{b}, kind: point_to_point, ends: [core{a}, core{b}], {RATE}}}"
        for a, b in ((0, 1), (1, 2), (2, 3))
    ),
}
"""Components by kind, for four processors; a message between others than neighbours is passed on by those between."""

CHAIN = (
    "{name: conv1, kind: conv2d, channels: 6, kernel: 3, padding: 1}, {name: pool1, kind: max_pool, kernel: 2},"
    " {name: conv2, kind: conv2d, channels: 8, kernel: 3, padding: 1}, {name: flat, kind: flatten},"
    " {name: fc1, kind: linear, features: 24}, {name: fc2, kind: linear, features: 10}"
)
RESIDUAL = (
    "{name: stem, kind: conv2d, channels: 6, kernel: 3, padding: 1},"
    " {name: conv1, kind: conv2d, channels: 12, kernel: 3, stride: 2, padding: 1, inputs: [stem]},"
    " {name: conv2, kind: conv2d, channels: 12, kernel: 3, padding: 1},"
    " {name: skip, kind: conv2d, channels: 12, kernel: 1, stride: 2, padding: 0, inputs: [stem]},"
    " {name: sum, kind: add, inputs: [conv2, skip]}, {name: flat, kind: flatten},"
    " {name: fc, kind: linear, features: 10}"
)
NETWORKS = {"chain": CHAIN, "residual": RESIDUAL}
KINDS = tuple(kind for kind, model in SCHEDULES if model.pipelined)


def network(layers: str) -> str:
    """Override: layers on an input of 2 x 6 x 6."""
    return f"network={{name: small, input: [2, 6, 6], neuron: {LIF}, layers: [{layers}]}}"


def group(name: str, count: int, memory: str = MEMORY, *, array: str = ARRAY, srams: str = SRAMS) -> str:
    """A group of processors of one array and one vector unit each; in the shared DRAM if ``memory`` is empty."""
    own = f", {memory}" if memory else ""
    parts = f"arrays: [{array}], vector_units: [{VECTOR}], srams: {srams}"
    return f"{{name: {name}, count: {count}, {parts}{own}}}"


def machine(*groups: str, links: str = "") -> str:
    """Override: a machine of groups and links."""
    return (
        "hardware={schema: simsnn/hardware/1, name: several, clock: 500 MHz,"
        f" technology: {{node: 45 nm, voltage: 0.9 V}}, processors: [{', '.join(groups)}],"
        f" dram: {{name: dram0, kind: fixed_rate, bandwidth: 16 GB/s, latency: 60 ns}}, links: [{links}]}}"
    )


def cores(count: int, link: str = "crossbar") -> str:
    """Override: equal processors; ``link`` names a kind of link, or ``shared`` for one DRAM and no link."""
    if link == "shared":
        return machine(group("core", count, ""))
    return machine(group("core", count), links=LINKS[link])


def overrides(*more: str) -> tuple[str, ...]:
    """The small workload, then ``more``."""
    workload = "workload={timesteps: 2, batch: 4, passes: [F, B, W, U], encoding: poisson}"
    return (workload, "activity=null", network(CHAIN), cores(2), "schedule={kind: pipedream}", *more)


def experiment(*more: str) -> ExperimentConfig:
    """The small experiment, changed."""
    return load("quickstart", overrides(*more))[0]


def schedule(kind: str, iterations: int = 4) -> str:
    """Override: a schedule; the random search of spikepipe is kept short."""
    short = ", kicks: 4, order_trials: 10" if kind == "spikepipe" else ""
    cut = ", micro_batches: 2" if kind in ("gpipe", "one_f_one_b") else ""
    return f"schedule={{kind: {kind}, iterations: {iterations}{cut}{short}}}"


@cache
def _parts(layers: str, link: str, micro_batches: int) -> tuple[MappedStep, ...]:
    kind = f"schedule={{kind: sequential, micro_batches: {micro_batches}}}"
    return prepare_pipeline(experiment(network(layers), cores(4, link), kind)).parts


def prepared(layers: str, link: str, kind: str, *more: str, count: int = 4, iterations: int = 4) -> PreparedPipeline:
    """A prepared run; operations are mapped once per network, memory and number of micro-batches."""
    found = experiment(network(layers), cores(count, link), schedule(kind, iterations), *more)
    return prepare_pipeline(
        found, _parts(layers, "shared" if link == "shared" else "crossbar", found.schedule.micro_batches)
    )  # type: ignore[union-attr]


def groups_of(run: PreparedPipeline) -> tuple[GroupTasks, ...]:
    """Operations by task of a prepared run."""
    return group_tasks(run.parts, run.numbers)
