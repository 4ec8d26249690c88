"""LUT plans against their register-level twin: values, cycles, parts, counts, chunk ends.

``COMBINATIONS`` names every combination of switches; ``check_lut`` draws random small machines, layers
(linear, convolutions with groups, stride and dilation), cuts, spikes (none, few, all), gradients
and ready times for one of them. Shapes do not divide the machine on purpose: channels, time steps and
samples that are no multiple of k, one position, tables that take longer to build than to read.

A twin runs one section; the sections of a plan follow one another, each from an empty pipeline.
Chunks of the update whose groups are all dropped have no tile, so the twin never waits for them;
the plan hands their ready time to the next tile, and so does the comparison.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import product

import numpy as np
from numpy.typing import NDArray

from simsnn.costs import CycleBreakdown
from simsnn.engines.lut_config import LutConfig
from simsnn.engines.lut_counts import LutTotals
from simsnn.engines.lut_draw import LutCase, LutSwitches, draw_case
from simsnn.engines.lut_forward_plan import ForwardCore
from simsnn.engines.lut_plan import LutChunk
from simsnn.engines.lut_update_core import UpdateCore
from simsnn.reference.lut import (
    LutCounts,
    LutMachine,
    LutRun,
    LutUpdateMachine,
    run_lut_forward,
    run_lut_update,
)
from simsnn.reference.lut_registers import DRAIN, FILL, STALL, STREAM
from simsnn.workload.operands import forward_operands, weight_gradient_operands

Ints = NDArray[np.int64]


def _combinations() -> Iterator[LutSwitches]:
    pairs, common = ("single", "double"), (("none", "zero_address"), ("never", "when_cheaper"))
    for tables, skip, bypass, late in product(pairs, *common, (False, True)):
        yield LutSwitches(False, tables, skip, bypass, late=late)
    more = (("none", "all_lanes"), pairs, ("time", "pixel", "sample"))
    for tables, skip, bypass, dropped, accumulators, grouping, late in product(pairs, *common, *more, (False, True)):
        yield LutSwitches(True, tables, skip, bypass, dropped, accumulators, grouping, late)


COMBINATIONS: tuple[LutSwitches, ...] = tuple(_combinations())
"""Every combination, in a fixed order: forward first."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """Outcome of a comparison; ``max_error`` is the largest difference of any integer compared."""

    cases: int
    mismatches: int
    max_error: int


def machine_of(config: LutConfig) -> LutMachine:
    """The twin's machine of a configuration."""
    return LutMachine(
        config.address_bits,
        config.build_ports,
        config.read_ports,
        config.lanes,
        config.groups,
        config.tables == "double",
        config.window,
        config.bypass == "when_cheaper",
    )


@dataclass(frozen=True, slots=True, eq=False)
class SectionRun:
    """What the twin did in one section, and what it should have computed."""

    run: LutRun
    expected: Ints
    empty: NDArray[np.bool_]


def forward_section(case: LutCase, core: ForwardCore, section: int, chunks: list[LutChunk], ready: Ints) -> SectionRun:
    """Step the twin through the chunks of one conv group."""
    spikes, weights = forward_operands(case.spikes, case.weights, core.work.geometry)[section]
    spans = [core.span(chunk, 0) for chunk in chunks]
    sizes = [(stop - first) * (chunk.ocs[1] - chunk.ocs[0]) for chunk, (first, stop) in zip(chunks, spans, strict=True)]
    bounds = np.array(core.bounds, dtype=np.int64)
    run = run_lut_forward(
        machine_of(core.config), weights, spikes.astype(np.uint8), bounds, np.array(sizes, dtype=np.int64), ready
    )
    return SectionRun(run, spikes @ weights, np.zeros(len(chunks), np.bool_))


def update_section(case: LutCase, core: UpdateCore, section: int, chunks: list[LutChunk], ready: Ints) -> SectionRun:
    """Step the twin through the chunks of one section; a chunk over several output-channel tiles is several of its."""
    config, work, place = core.config, core.work, core.sections[section]
    left, gradients = weight_gradient_operands(case.spikes, case.gradients, work.geometry)[place.group]
    rows = np.arange(work.geometry.taps)[:, None] * work.in_channels + np.arange(*place.channels)
    spikes = np.ascontiguousarray(left.T[:, rows.reshape(-1)])
    initial = case.initial[section] if work.operation.accumulates else np.zeros((spikes.shape[1], gradients.shape[1]))
    parts, late = [], []
    for number, chunk in enumerate(chunks):
        whole = [(oc, index) for oc in range(*chunk.ocs) for index in range(*chunk.blocks)]
        parts += [number] * len(whole)
        spans = [core.oc_tiles(section, oc).starts[index : index + 2] for oc, index in whole]
        late += [_handed(spans, int(ready[number]))]
    twin = LutUpdateMachine(
        config.skip_groups == "all_lanes",
        config.accumulators == "double",
        config.drain_width or 1,
        work.operation.accumulates,
    )
    flat, empty = _carried(late)
    groups = core.grouping.positions()
    first = initial.astype(np.int64)
    run = run_lut_update(machine_of(config), gradients, spikes.astype(np.uint8), groups, twin, core.bounds, flat, first)
    last = np.flatnonzero(np.diff([*parts, len(chunks)]))
    ends = run.ends[last]
    joined = LutRun(run.values, run.parts, ends, run.counts)
    return SectionRun(joined, spikes.T @ gradients + first, empty)


def _handed(spans: list[tuple[int, ...]], ready: int) -> list[tuple[bool, int]]:
    """(has tiles, ready) of every piece of a chunk."""
    return [(span[0] < span[1], ready) for span in spans]


def _carried(chunks: list[list[tuple[bool, int]]]) -> tuple[Ints, NDArray[np.bool_]]:
    """Ready times with those of chunks without tiles handed to the next tile, and which chunks have none."""
    flat, carry = [], 0
    for chunk in chunks:
        for has_tiles, ready in chunk:
            flat.append(max(ready, carry) if has_tiles else ready)
            carry = 0 if has_tiles else max(carry, ready)
    return np.array(flat, dtype=np.int64), np.array([not any(has for has, _ in chunk) for chunk in chunks])


def _expected_ends(section: SectionRun, ready: Ints) -> Ints:
    """The twin's ends, never before the ready time of a chunk without tiles."""
    waits = np.maximum.accumulate(np.where(section.empty, ready, 0))
    return np.maximum(section.run.ends, waits[:, None])


def _expected_parts(section: SectionRun, ready: Ints) -> Ints:
    """The twin's parts, and as stall the waits for chunks without tiles behind the last tile.

    While the issue stage waits for such a chunk the accumulators may still drain: those edges are stall,
    not drain (or fill, where nothing was ever issued).
    """
    parts, result, added = section.run.parts.copy(), 0, 0
    last = int(np.flatnonzero(~section.empty).max(initial=-1))
    for number, end in enumerate(section.run.ends[:, 1].tolist()):
        result = max(result, end)
        if section.empty[number]:
            late = max(0, int(ready[number]) - result)
            added += late if number > last else 0
            result += late
    parts[STALL] += added
    parts[DRAIN if parts[STREAM] else FILL] += result - int(section.run.cycles) - added
    return parts


def differences(case: LutCase) -> list[int]:
    """Every difference between twin, plan and plain sums; all zero when they agree."""
    plan, core = case.plan, case.plan.core
    state, offset, found = plan.start(), 0, list[int]()
    parts, counts = np.zeros(8, np.int64), list[LutCounts]()
    numbered = list(enumerate(plan.chunks))
    for section in range(len(core.sections)):
        own = [(number, chunk) for number, chunk in numbered if chunk.section == section]
        ready = np.array([max(0, case.ready[number] - offset) for number, _ in own], dtype=np.int64)
        chunks = [chunk for _, chunk in own]
        if isinstance(core, ForwardCore):
            done = forward_section(case, core, section, chunks, ready)
        else:
            done = update_section(case, core, section, chunks, ready)
        found.append(int(np.abs(done.run.values - done.expected).max(initial=0)))
        ends = _expected_ends(done, ready)
        for (number, _), end in zip(own, ends.tolist(), strict=True):
            fast = plan.advance(state, number, case.ready[number])
            found += [fast[0] - offset - end[0], fast[1] - offset - end[1], plan.parts(state).total - fast[1]]
        parts += _expected_parts(done, ready)
        offset += int(ends[-1, 1])
        counts.append(done.run.counts)
    found += [offset - plan.parts(state).total, *_part_differences(plan.parts(state), parts)]
    found += _count_differences(core.totals, counts)
    if not any(case.ready):
        found += _part_differences(plan.cost().cycles, parts)
    return [abs(value) for value in found]


def _part_differences(fast: CycleBreakdown, parts: Ints) -> list[int]:
    names = ("fill", "stream", "build", "reload", "scan", "imbalance", "drain", "stall")
    return [int(getattr(fast, name)) - int(value) for name, value in zip(names, parts, strict=True)]


def _count_differences(totals: LutTotals, counts: list[LutCounts]) -> list[int]:
    names = [field.name for field in fields(LutCounts)]
    return [int(getattr(totals, name)) - sum(getattr(count, name) for count in counts) for name in names]


def lut_cases(switches: LutSwitches, cases: int, seed: int) -> Iterator[LutCase]:
    """``cases`` random cases of one combination of switches."""
    rng = np.random.default_rng([seed, COMBINATIONS.index(switches)])
    for _ in range(cases):
        yield draw_case(rng, switches)


def check_lut(switches: LutSwitches, cases: int, seed: int = 0) -> CheckResult:
    """Compare ``cases`` random runs of one combination; exact equality is expected.

    Returns
    -------
    CheckResult
        Number of cases, of cases that differ anywhere, and the largest difference.
    """
    mismatches, worst = 0, 0
    for case in lut_cases(switches, cases, seed):
        error = max(differences(case))
        mismatches += error > 0
        worst = max(worst, error)
    return CheckResult(cases, mismatches, worst)
