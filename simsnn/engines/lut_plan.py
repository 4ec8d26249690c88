"""What the forward and the update plan of a LUT engine share: the recurrence over chunks, parts, cost.

A plan is a *core* (the tiles, their times and counts, which the cut into chunks does not change)
and a list of chunks, each a run of output-channel tiles times a run of tiles of each of them. Cycles are
the recurrence of ``simsnn.kernels.lut``; the closed form runs it over whole output-channel tiles with
nothing late. Proof: ``tests/reference/test_lut.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from simsnn.costs import CycleBreakdown, EngineCost
from simsnn.engines.base import BufferAccess, PortDemand, State, Work
from simsnn.engines.lut_config import LutConfig
from simsnn.engines.lut_counts import LutTotals, actions, approximations, observations
from simsnn.engines.lut_work import LutWork, Range, Section
from simsnn.kernels import lut as steps

Ints = NDArray[np.int64]
NO_DRAIN = -1


@dataclass(frozen=True, slots=True)
class LutChunk:
    """A run of tiles: of every output-channel tile in ``ocs`` the pieces ``pieces``.

    Parameters
    ----------
    section : int
        Section it belongs to.
    ocs : tuple of int
        Output-channel tiles.
    blocks : tuple of int
        Position blocks (forward) or ranges of position groups (update).
    tiles : tuple of int
        Group tiles of each block (forward); unused in the update.
    ends : bool
        Its last output-channel tile ends with it.
    """

    section: int
    ocs: Range
    blocks: Range
    tiles: Range
    ends: bool


class LutCore(Protocol):
    """Tiles of one operation, with their times and counts."""

    @property
    def config(self) -> LutConfig:
        """The engine."""

    @property
    def work(self) -> LutWork:
        """The product."""

    @property
    def sections(self) -> tuple[Section, ...]:
        """Sections, one after another."""

    @property
    def totals(self) -> LutTotals:
        """Counters of the task."""

    def table(self, section: int, oc: int) -> Ints:
        """Timing words of the tiles of one output-channel tile, (tiles, TILE_WORDS)."""

    def drain_edges(self, section: int, oc: int) -> int:
        """Edges in which its accumulators drain; ``NO_DRAIN`` where they do not."""

    def span(self, chunk: LutChunk, oc: int) -> Range:
        """Tiles of one output-channel tile that belong to a chunk."""

    def buffer_accesses(self) -> tuple[BufferAccess, ...]:
        """Elements read from and written to each operand's SRAM over the whole task."""

    def port_demand(self) -> tuple[PortDemand, ...]:
        """Elements asked of each operand's SRAM at the busiest edge."""


def machine_words(config: LutConfig) -> Ints:
    """Switches that the recurrence takes."""
    words = np.zeros(3, np.int64)
    words[steps.DOUBLE_TABLES] = config.tables == "double"
    words[steps.DOUBLE_ACCUMULATORS] = config.accumulators == "double"
    words[steps.DEPTH] = config.depth
    return words


def closed_form(core: LutCore) -> State:
    """State after all tiles, nothing late."""
    state, machine = steps.new_state(), machine_words(core.config)
    for number in range(len(core.sections)):
        if number:
            steps.next_section(state, number)
        for oc in range(core.work.oc_tiles):
            tiles = core.table(number, oc)
            steps.run_tiles(state, tiles, 0, len(tiles), 0, machine)
            edges = core.drain_edges(number, oc)
            if edges >= 0:
                steps.run_drain(state, edges, machine)
        steps.end_chunk(state, 0, False, machine)
    return state


def breakdown(state: State) -> CycleBreakdown:
    """Parts of all cycles up to the last result."""
    fill, stream, build, reload, scan, drain, stall = (int(part) for part in steps.all_parts(state))
    return CycleBreakdown(fill=fill, stream=stream, build=build, reload=reload, scan=scan, drain=drain, stall=stall)


def engine_cost(core: LutCore) -> EngineCost:
    """Cycles with nothing late, action counts, what was noticed and what is approximate."""
    totals, bits = core.totals, core.work.operation.right.bits
    return EngineCost(
        breakdown(closed_form(core)),
        actions(totals, core.config, bits),
        approximations=approximations(core.config, bits),
        observations=observations(totals, core.work.macs),
    )


@dataclass(frozen=True, eq=False)
class ChunkRunner:
    """Runs the chunks of a plan over its core."""

    core: LutCore
    chunks: tuple[LutChunk, ...]
    machine: Ints

    @classmethod
    def of(cls, core: LutCore, chunks: tuple[LutChunk, ...]) -> ChunkRunner:
        """Runner of a core's chunks."""
        return cls(core, chunks, machine_words(core.config))

    def _spans(self, chunk: LutChunk) -> Iterator[tuple[int, int, int]]:
        for oc in range(*chunk.ocs):
            yield (oc, *self.core.span(chunk, oc))

    def advance(self, state: State, number: int, ready: int) -> tuple[int, int]:
        """Run one chunk; see :class:`simsnn.engines.base.Plan`."""
        chunk, core, empty = self.chunks[number], self.core, True
        if chunk.section != state[steps.SECTION]:
            steps.next_section(state, chunk.section)
        for oc, first, stop in self._spans(chunk):
            steps.run_tiles(state, core.table(chunk.section, oc), first, stop, ready, self.machine)
            empty = empty and first == stop
            edges = core.drain_edges(chunk.section, oc)
            if edges >= 0 and (chunk.ends or oc + 1 < chunk.ocs[1]):
                steps.run_drain(state, edges, self.machine)
        issue_end, result_end = steps.end_chunk(state, ready, empty, self.machine)
        return int(issue_end), int(result_end)

    def issues(self, number: int) -> int:
        """Issue edges of a chunk."""
        chunk = self.chunks[number]
        spans = self._spans(chunk)
        return sum(int(self.core.table(chunk.section, oc)[a:b, steps.ISSUES].sum()) for oc, a, b in spans)


def engine_work(core: LutCore) -> Work:
    """Accumulates of the dense product, and what all tables read at every edge would do."""
    return Work(core.work.macs, core.config.peak_per_cycle)
