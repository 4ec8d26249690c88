"""What SRAMs and lanes hold over time, by operand class, from the tiles of plans and the moments of chunks.

A tile of a task is in SRAM, once, in the union of these stretches (docs/machines sections 7 and 9):

* needed by chunk c: from the start of the chunk's loads to its last issue; if the next chunk needs it too it is not
  loaded again but stays until that one's last issue;
* left by chunk c: from the start of its compute until it is stored; if it passes to a consumer inside SRAM, to the last
  issue of the chunk of the consumer that reads it;
* held by chunk c without being moved (recurrent state, sums that are not complete): from the start of its compute to
  its last result, and on to the next chunk if that holds or leaves it too.

Recurrent state that lanes hold (``t_inner``) counts for the neurons of one resident block, from the start of a chunk's
compute to its last result, as the class it would have in SRAM; not what a scan keeps in its network. Copies for two
engines count twice. Not counted: operand registers and accumulators of arrays, queues, tables of the LUT engine.

Twin: every cycle asked what is there (``tests/naive/memory.py``), equal in ``tests/unit/test_memory.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from simsnn.costs import OperandClass
from simsnn.engines.base import Tile
from simsnn.engines.vector_unit_cut import slot_elements
from simsnn.engines.vector_unit_plan import VectorPlan
from simsnn.mapping.mapped import MappedOperation
from simsnn.sim.census import Census
from simsnn.sim.trace import OPERANDS

ADMITTED, READY, ISSUE_END, RESULT_END, STORED = range(5)
_MOMENTS = ("admitted", "ready", "issue_end", "result_end", "stored")

Stretch = tuple[int, int, int, int, int, int, int]
"""Number of the tile, class, bytes, chunk and moment of its start, chunk and moment of its end; the chunks of the
consumer of a pair are counted on behind those of its producer."""

Ints = NDArray[np.int64]


def on_chip_census(
    items: tuple[MappedOperation, ...], moments: NDArray[np.void], chosen: Iterable[int] | None = None
) -> Census:
    """Bytes on chip over time.

    Parameters
    ----------
    items : tuple of MappedOperation, per task
        What ran; one may stand for several tasks.
    moments : ndarray of MOMENTS, shape (chunks,)
        When, by task and chunk.
    chosen : iterable of int or None
        Tasks that count; all of them without.
    """
    times = np.stack([moments[name] for name in _MOMENTS])
    beyond = 1 + int(times.max(initial=0))
    count = np.array([item.choice.plan.chunk_count for item in items], np.int64)
    first = np.cumsum(count) - count
    known: dict[int, Ints] = {}
    found = []
    for task in range(len(items)) if chosen is None else chosen:
        item = items[task]
        if id(item) not in known:
            known[id(item)] = np.array(list(stretches(item)), np.int64).reshape(-1, 7)
        found.append(_changes(known[id(item)], times[:, first[task] :], beyond))
    empty = np.zeros((3, 0), np.int64)
    changes = np.concatenate([empty, *found], axis=1)
    return Census.of(changes[0], changes[1], changes[2])


def _changes(rows: Ints, times: Ints, beyond: int) -> Ints:
    """Changes of one task, int64, shape (3, n): cycle, class, bytes; stretches of one tile count once.

    ``times`` are the moments of its chunks and of all behind, all of them before cycle ``beyond``.
    """
    tile, operand, size, chunk_a, moment_a, chunk_b, moment_b = rows.T
    start, end = times[moment_a, chunk_a], times[moment_b, chunk_b]
    some = end > start
    tile, operand, size, start, end = (column[some] for column in (tile, operand, size, start, end))
    order = np.lexsort((start, tile))
    tile, operand, size, start, end = (column[order] for column in (tile, operand, size, start, end))
    if not len(tile):
        return np.zeros((3, 0), np.int64)
    # tiles are set apart in time, so that one running maximum finds how far each has been covered
    apart = tile * beyond
    reach = np.maximum.accumulate(end + apart)
    head = np.concatenate(([True], start[1:] + apart[1:] > reach[:-1]))
    heads = np.flatnonzero(head)
    until = reach[np.concatenate((heads[1:], [len(tile)])) - 1] - apart[heads]
    operand, size = operand[heads], size[heads]
    return np.stack(
        [
            np.concatenate((start[heads], until)),
            np.concatenate((operand, operand)),
            np.concatenate((size, -size)),
        ]
    )


def stretches(item: MappedOperation) -> Iterator[Stretch]:
    """Stretches in which the tiles of a task are on chip."""
    plan, numbers = item.choice.plan, _Numbers()
    needed: frozenset[int] = frozenset()
    held: dict[int, Tile] = {}
    for chunk in range(plan.chunk_count):
        needs = {numbers.of(t): t for t in plan.needs(chunk) if t.tensor not in item.resident}
        leaves = {numbers.of(t): t for t in plan.leaves(chunk) if not (item.consumes and t.tensor in item.resident)}
        holds = {numbers.of(t): t for t in plan.holds(chunk)}
        for number, tile in needs.items():
            yield _stretch(number, tile, (chunk, ADMITTED), (chunk, ISSUE_END))
            if number in needed:
                yield _stretch(number, tile, (chunk - 1, ISSUE_END), (chunk, ISSUE_END))
        for number, tile in leaves.items():
            yield _stretch(number, tile, (chunk, READY), _left_until(item, tile, chunk))
        for number, tile in holds.items():
            yield _stretch(number, tile, (chunk, READY), (chunk, RESULT_END))
        for number in held.keys() & (holds.keys() | leaves.keys()):
            yield _stretch(number, held[number], (chunk - 1, RESULT_END), (chunk, READY))
        needed, held = frozenset(needs), holds
    yield from _in_lanes(item, numbers)


def _left_until(item: MappedOperation, tile: Tile, chunk: int) -> tuple[int, int]:
    """Chunk and moment at which a result's room is free again."""
    if tile.tensor in item.resident and item.fused is not None:
        return item.choice.plan.chunk_count + item.fused.group[chunk], ISSUE_END
    return chunk, STORED


def _in_lanes(item: MappedOperation, numbers: _Numbers) -> Iterator[Stretch]:
    """State of the neurons that lanes hold at once."""
    plan = item.choice.plan
    if not isinstance(plan, VectorPlan) or plan.config.order != "t_inner":
        return
    name, operation = f"{plan.operation.layer}.{plan.operation.pass_}", plan.operation
    each = slot_elements(plan.config, operation)
    parts = (
        (plan.state_role, operation.state_bits if plan.carries else 0),
        (OperandClass.MEMBRANE, operation.steps * operation.kept_bits),
    )
    for chunk in range(plan.chunk_count):
        held = min(plan.chunk_elements[chunk], plan.resident_slots(chunk) * each)
        for part, (role, bits) in enumerate(parts):
            tile = Tile(f"{name}.lanes", role, (chunk, part), (held * bits + 7) // 8)
            yield _stretch(numbers.of(tile), tile, (chunk, READY), (chunk, RESULT_END))


def _stretch(number: int, tile: Tile, start: tuple[int, int], end: tuple[int, int]) -> Stretch:
    return (number, OPERANDS.index(tile.role), tile.bytes, *start, *end)


class _Numbers:
    """Numbers the tiles of a task: what has one tensor and key is one tile."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, tuple[int, ...]], int] = {}

    def of(self, tile: Tile) -> int:
        """The tile's number."""
        return self._found.setdefault((tile.tensor, tile.key), len(self._found))
