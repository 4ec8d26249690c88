"""Longest path of one operation, and of a fused pair, alone on the machine, without a task graph.

The same times as :func:`simsnn.sim.critical_path` finds for a graph of one task, or of two tasks on two engines: every
requester (loads and stores of each engine) has a channel of its own, chunks of one engine follow one another, and
``slots`` loads and stores of an engine are in flight at most (:mod:`simsnn.sim.program`). The search for pairs asks
for many such paths, most of them short.

Tests: ``tests/unit/test_fusion.py`` (equal to the critical path of the graph).
"""

from __future__ import annotations

from simsnn.engines.base import Plan
from simsnn.mapping.fusion import Fused
from simsnn.mapping.transfers import ChunkMoves
from simsnn.memory.dram import FixedRateDram
from simsnn.schedule.graph import Transfer


def path_cycles(plan: Plan, moves: tuple[ChunkMoves, ...], slowdown: int, dram: FixedRateDram, slots: int) -> int:
    """Cycles from the first load of an operation to its last store."""
    run = _Path(plan, moves, slowdown, dram, slots)
    for chunk in range(len(moves)):
        run.step(chunk, 0)
    return run.done


def pair_path_cycles(fused: Fused, slowdowns: tuple[int, int], dram: FixedRateDram, slots: int) -> int:
    """Cycles of a pair whose consumer runs behind its producer, chunk by chunk.

    A chunk of the consumer waits for the last result of its group; a chunk of the producer for the consumer to have
    read the group that stood in its place (:func:`simsnn.mapping.fusion.pair_chunks`).
    """
    first = _Path(fused.producer.plan, fused.producer.moves, slowdowns[0], dram, slots)
    second = _Path(fused.consumer.plan, fused.consumer.moves, slowdowns[1], dram, slots)
    chunk = 0
    for group in range(len(fused.consumer.moves)):
        while chunk < len(fused.group) and fused.group[chunk] == group:
            first.step(chunk, second.issue_ends[group - slots] if group >= slots else 0)
            chunk += 1
        second.step(group, first.result_ends[chunk - 1])
    return max(first.done, second.done)


class _Path:
    """One task whose time starts at 0, chunk by chunk."""

    def __init__(
        self, plan: Plan, moves: tuple[ChunkMoves, ...], slowdown: int, dram: FixedRateDram, slots: int
    ) -> None:
        self._plan, self._moves, self._slowdown, self._dram, self._slots = plan, moves, slowdown, dram, slots
        self._state = plan.start()
        self._load_free = self._store_free = self._store_from = self._admitted = 0
        # Chunk that used the slot of each loading chunk last, and when each storing chunk was stored.
        self._last_users: list[int] = []
        self._stored: list[int] = []
        # Frozen edges before each chunk, and its issue_end in engine time.
        self._freezes: list[tuple[int, int]] = []
        self._frozen = 0
        self.issue_ends: list[int] = []
        self.result_ends: list[int] = []
        self._latest = self._complete = 0

    @property
    def done(self) -> int:
        """When the last result and the last store are there; frozen edges hold back the end of the task."""
        return max(self._complete, self._frozen + self._latest)

    def step(self, chunk: int, edge: int) -> None:
        """Run the next chunk, which may compute from ``edge`` on."""
        move = self._moves[chunk]
        ready = max(self._load(chunk, move), edge)
        if move.stores and len(self._stored) >= self._slots:
            ready = max(ready, self._stored[-self._slots])
        issue_end, result_end = self._compute(chunk, ready)
        self.issue_ends.append(issue_end)
        self.result_ends.append(result_end)
        if move.stores:
            self._store_from = max(self._store_from, result_end)
            complete, self._store_free = self._move(move.stores, self._store_from, self._store_free)
            self._stored.append(max(complete, result_end))
            self._complete = max(self._complete, complete)

    def _load(self, chunk: int, move: ChunkMoves) -> int:
        if not move.loads:
            if self._last_users:
                self._last_users[-1] = chunk
            return self._admitted
        if len(self._last_users) >= self._slots:
            self._admitted = max(self._admitted, self.issue_ends[self._last_users[-self._slots]])
        self._last_users.append(chunk)
        complete, self._load_free = self._move(move.loads, self._admitted, self._load_free)
        return complete

    def _move(self, transfers: tuple[Transfer, ...], arrival: int, free: int) -> tuple[int, int]:
        """When all data is complete, and when the channel is free."""
        complete = arrival
        for transfer in transfers:
            free = max(free, arrival) + self._dram.occupancy_cycles(transfer.bytes)
            complete = max(complete, free + self._dram.latency_cycles)
        return complete, free

    def _compute(self, chunk: int, ready: int) -> tuple[int, int]:
        """As :class:`simsnn.sim.task_run.TaskRun`, without booking stalls."""
        inside = max(0, self._engine_time(ready) if self._freezes else ready)
        issue_end, result_end = map(int, self._plan.advance(self._state, chunk, inside))
        self._latest = max(self._latest, result_end)
        if self._slowdown > 1:
            self._freezes.append((self._frozen, issue_end))
            self._frozen += (self._slowdown - 1) * self._plan.issues(chunk)
        return self._frozen + issue_end, self._frozen + result_end

    def _engine_time(self, elapsed: int) -> int:
        inside = elapsed - self._frozen
        for frozen, issue_end in reversed(self._freezes):
            if inside >= issue_end:
                break
            inside = min(elapsed - frozen, issue_end)
        return inside
