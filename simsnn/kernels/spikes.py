"""Packed spikes: packing, counting, and AND with counting.

Layout: a row of n binary elements is ``ceil(n / 64)`` uint64 words; bit k of word w is element
``64*w + k``. The unused bits of the last word are zero, and every kernel relies on that.

Counting uses the population-count instruction through LLVM ``ctpop``. Slow twins:
``tests/naive/spikes.py``; equality: ``tests/kernels/test_spikes.py``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from simsnn.kernels.compiler import jit

Words = NDArray[np.uint64]
Counts = NDArray[np.int64]

WORD_BITS = 64


def _ctpop(_typing_context: Any, _word: Any) -> Any:
    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.int64(types.uint64), emit


popcount64: Any = intrinsic(_ctpop)
"""Number of set bits of one uint64, inside compiled code."""


def words_for(elements: int) -> int:
    """Words that hold a row of so many elements."""
    return -(-elements // WORD_BITS)


def pack(dense: NDArray[Any]) -> Words:
    """Pack 0/1 elements along the last axis.

    Parameters
    ----------
    dense : array, shape (..., n), any boolean or number dtype
        Elements; each must be exactly 0 or 1.

    Returns
    -------
    NDArray[uint64], shape (..., ceil(n / 64))

    Raises
    ------
    ValueError
        If an element is neither 0 nor 1 (NaN included).
    """
    binary = dense != 0
    if dense.dtype != np.bool_ and not np.array_equal(binary, dense):
        offender = dense[binary != dense].flat[0]
        raise ValueError(f"only 0 and 1 can be packed, found {offender}")
    packed = np.packbits(binary, axis=-1, bitorder="little")
    return words_from_bytes(packed, dense.shape[-1])


def words_from_bytes(packed: NDArray[np.uint8], elements: int) -> Words:
    """Rows of little-endian packed bytes, shape (..., ceil(n / 8)), as rows of words."""
    rows = np.zeros((*packed.shape[:-1], words_for(elements) * 8), np.uint8)
    rows[..., : packed.shape[-1]] = packed
    return rows.view("<u8").astype(np.uint64, copy=False)


def bytes_from_words(packed: Words, elements: int) -> NDArray[np.uint8]:
    """Inverse of :func:`words_from_bytes`."""
    rows = np.ascontiguousarray(packed.astype("<u8", copy=False)).view(np.uint8)
    return np.ascontiguousarray(rows[..., : -(-elements // 8)])


def unpack(packed: Words, elements: int) -> NDArray[np.uint8]:
    """Rows of words as 0/1 elements, shape (..., elements), uint8."""
    if elements == 0:
        return np.zeros((*packed.shape[:-1], 0), np.uint8)
    return np.unpackbits(bytes_from_words(packed, elements), axis=-1, count=elements, bitorder="little")


@jit
def popcount(packed: Words) -> int:
    """Set bits of a contiguous array of any shape."""
    total = 0
    flat = packed.reshape(packed.size)
    for word in range(flat.size):
        total += popcount64(flat[word])
    return total


@jit
def and_popcount(left: Words, right: Words) -> int:
    """Set bits of ``left & right``, two contiguous arrays of the same size."""
    total = 0
    a, b = left.reshape(left.size), right.reshape(right.size)
    for word in range(a.size):
        total += popcount64(a[word] & b[word])
    return total


@jit
def row_counts(packed: Words) -> Counts:
    """Set bits of every row, (rows, words) -> (rows,)."""
    counts = np.zeros(packed.shape[0], np.int64)
    for row in range(packed.shape[0]):
        total = 0
        for word in range(packed.shape[1]):
            total += popcount64(packed[row, word])
        counts[row] = total
    return counts


@jit
def range_count(row: Words, start: int, stop: int) -> int:
    """Set bits among elements ``start <= e < stop`` of one row."""
    if stop <= start:
        return 0
    first, last = start // 64, (stop - 1) // 64
    head = np.uint64(0xFFFFFFFFFFFFFFFF) << np.uint64(start % 64)
    tail = np.uint64(0xFFFFFFFFFFFFFFFF) >> np.uint64(63 - (stop - 1) % 64)
    if first == last:
        return int(popcount64(row[first] & head & tail))
    total = int(popcount64(row[first] & head)) + int(popcount64(row[last] & tail))
    for word in range(first + 1, last):
        total += popcount64(row[word])
    return total


@jit
def tile_counts(packed: Words, elements: int, tile_rows: int, tile_columns: int) -> Counts:
    """Set bits of every tile of ``tile_rows`` rows x ``tile_columns`` elements; edge tiles are smaller.

    Parameters
    ----------
    packed : NDArray[uint64], shape (rows, ceil(elements / 64))
        Packed rows.
    elements : int
        Elements of a row.
    tile_rows, tile_columns : int
        Size of a tile; ``tile_columns`` need not divide the word.

    Returns
    -------
    NDArray[int64], shape (ceil(rows / tile_rows), ceil(elements / tile_columns))
    """
    down, across = -(-packed.shape[0] // tile_rows), -(-elements // tile_columns)
    counts = np.zeros((down, across), np.int64)
    for row in range(packed.shape[0]):
        for tile in range(across):
            start = tile * tile_columns
            counts[row // tile_rows, tile] += range_count(packed[row], start, min(start + tile_columns, elements))
    return counts


@jit
def element_counts(packed: Words, elements: int) -> Counts:
    """How many rows have each element set, (rows, words) -> (elements,)."""
    counts = np.zeros(elements, np.int64)
    for row in range(packed.shape[0]):
        for word in range(packed.shape[1]):
            rest = packed[row, word]
            while rest != 0:
                lowest = rest & (~rest + np.uint64(1))
                counts[64 * word + popcount64(lowest - np.uint64(1))] += 1
                rest ^= lowest
    return counts
