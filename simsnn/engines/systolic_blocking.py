"""How an operation is cut for a systolic array: folds, hard blocks, M-tiles and chunks.

Sources: docs/machines sections 3.2 and 9. A product is seen from the array: *rows*, *columns* and
*stream* are its three axes, by dataflow::

    dataflow   rows   columns   stream
    ws         K      N         M
    is         K      M         N
    os         M      N         K

An axis is cut into hard blocks and a block of the row or column axis into pieces of R or C.
Every (row piece, column piece, stream block) is one fold. A stream block may be cut further into
M-tiles, which neither reload nor refill. Blocks, tiles and slot groups are balanced: sizes differ
by one at most, because a greedy cut makes a larger buffer slower.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from simsnn.errors import ConfigError

Ints = NDArray[np.int64]


class Axis(IntEnum):
    """Axis of a product as the array sees it; the value is the column of a run table."""

    ROWS = 0
    COLUMNS = 1
    STREAM = 2


@dataclass(frozen=True, slots=True)
class Blocking:
    """How one operation is cut into chunks.

    Parameters
    ----------
    slot_blocks : int
        Balanced blocks over the slots (b, t), cut at whole slots. Where the slots are streamed
        (F and B in ``ws``) such a cut is an M-tile and costs nothing; in the other dataflows it
        starts new folds. Pass W: blocks of K; in ``os`` every block leaves a partial dW.
    row_blocks : int
        Balanced cuts of M within each slot block, for slots that are too large.
    column_folds, row_folds : int
        Folds per chunk along the columns and the rows of the array; 0 is all of them.
    m_blocks : int
        Least number of accumulator blocks (hard cuts of the stream, ``ws``/``is``); the
        accumulator may force more.
    """

    slot_blocks: int = 1
    row_blocks: int = 1
    column_folds: int = 0
    row_folds: int = 0
    m_blocks: int = 1

    def __post_init__(self) -> None:
        least = (("slot_blocks", 1), ("row_blocks", 1), ("column_folds", 0), ("row_folds", 0), ("m_blocks", 1))
        for name, bound in least:
            if getattr(self, name) < bound:
                raise ConfigError(f"blocking: {name} is {getattr(self, name)}, at least {bound} is needed")


def balanced(total: int, parts: int) -> Ints:
    """Bounds int64[parts + 1] of ``total`` things in at most ``parts`` blocks whose sizes differ by one at most."""
    parts = max(1, min(parts, total))
    return np.arange(parts + 1, dtype=np.int64) * (total // parts) + np.minimum(np.arange(parts + 1), total % parts)


def refine(bounds: Ints, parts: int) -> Ints:
    """Cut every block of ``bounds`` into ``parts`` balanced pieces."""
    if parts == 1:
        return bounds
    inner = [balanced(int(stop - start), parts)[:-1] + start for start, stop in pairwise(bounds)]
    return np.concatenate([*inner, bounds[-1:]])


@dataclass(frozen=True, eq=False)
class Cut:
    """One axis of a product in hard blocks and pieces.

    Parameters
    ----------
    bounds : NDArray[int64], shape (blocks + 1,)
        Hard blocks.
    piece : int
        Largest piece of a block: R or C; 0 leaves blocks whole (the stream).
    per_chunk : int
        Consecutive pieces of one block in a chunk; 0 is the whole block.
    """

    bounds: Ints
    piece: int = 0
    per_chunk: int = 0

    def sizes(self) -> Ints:
        """Sizes of the blocks."""
        return np.diff(self.bounds)

    @cached_property
    def blocks(self) -> list[tuple[int, int]]:
        """(size, count) of consecutive equal blocks."""
        if len(self.bounds) == 2:
            return [(int(self.bounds[1] - self.bounds[0]), 1)]
        return _equal_runs(self.sizes())

    def count(self) -> int:
        """Number of pieces."""
        if not self.piece:
            return len(self.bounds) - 1
        return sum(-(-size // self.piece) * count for size, count in self.blocks)

    def groups(self) -> int:
        """Number of runs of pieces that may share a chunk."""
        if not self.per_chunk or not self.piece:
            return len(self.bounds) - 1
        pieces = ((-(-size // self.piece), count) for size, count in self.blocks)
        return sum(-(-folds // self.per_chunk) * count for folds, count in pieces)

    def equal_pieces(self, full: int = 0) -> list[tuple[int, int]]:
        """(size, count) of consecutive equal pieces; ``full`` > 0 charges that size for each piece."""
        if full not in self._equal_pieces:
            self._equal_pieces[full] = self._find_equal_pieces(full)
        return self._equal_pieces[full]

    @cached_property
    def _equal_pieces(self) -> dict[int, list[tuple[int, int]]]:
        return {}

    def _find_equal_pieces(self, full: int) -> list[tuple[int, int]]:
        found: list[tuple[int, int]] = []
        for size, count in self.blocks:
            whole, rest = divmod(size, self.piece) if self.piece else (0, size)
            inner = [(full or self.piece, whole)] if whole else []
            inner += [(full or rest, 1)] if rest else []
            if full:
                inner = [(full, whole + bool(rest))]
            if len(inner) == 1:
                inner, count = [(inner[0][0], inner[0][1] * count)], 1
            for piece, repeats in inner * count:
                if found and found[-1][0] == piece:
                    repeats += found.pop()[1]
                found.append((piece, repeats))
        return found

    def pieces(self) -> Ints:
        """(start, stop, chunk group) of every piece, int64[pieces, 3]."""
        sizes = self.sizes()
        step = self.piece or np.maximum(1, sizes)
        counts = -(-sizes // step)
        block = np.repeat(np.arange(len(sizes)), counts)
        within = np.arange(len(block), dtype=np.int64) - np.repeat(np.cumsum(counts) - counts, counts)
        start = self.bounds[block] + within * (self.piece or 1)
        stop = np.minimum(start + self.piece, self.bounds[block + 1]) if self.piece else self.bounds[block + 1]
        shared = within // self.per_chunk if self.per_chunk else np.zeros_like(within)
        groups = np.cumsum((np.diff(block, prepend=block[:1]) > 0) | (np.diff(shared, prepend=shared[:1]) > 0))
        return np.stack([start, stop, groups], axis=1)


def _equal_runs(sizes: Ints) -> list[tuple[int, int]]:
    change = np.flatnonzero(np.diff(sizes)) + 1
    edges = [0, *change.tolist(), len(sizes)]
    return [(int(sizes[a]), b - a) for a, b in pairwise(edges)]


def accumulator_blocks(slots: int, slot_rows: int, live_columns: int, acc_rows: int, least: int) -> Ints:
    """Hard cuts of the stream so that the live partial sums fit the accumulator.

    Whole slots per block where a slot fits, else whole blocks per slot.

    Parameters
    ----------
    slots, slot_rows : int
        The stream is ``slots * slot_rows`` long.
    live_columns : int
        Accumulator rows that one stream row keeps alive (column folds in flight).
    acc_rows : int
        Rows of the accumulator.
    least : int
        Least number of blocks wanted.

    Raises
    ------
    ConfigError
        If not even one stream row fits.
    """
    room = acc_rows // live_columns
    if room == 0:
        raise ConfigError(
            f"one streamed row keeps {live_columns} accumulator rows alive, acc_rows is {acc_rows}",
            value=acc_rows,
            remedy=f"set acc_rows to {live_columns} or more, fold_order: k_inner, or psum: spill",
        )
    if slot_rows <= room:
        blocks = max(-(-slots // (room // slot_rows)), min(least, slots))
        return refine(balanced(slots, blocks) * slot_rows, -(-least // blocks))
    per_slot = max(-(-slot_rows // room), -(-least // slots))
    return refine(balanced(slots, slots) * slot_rows, per_slot)
