"""LUT engine: long plain loops under its counting kernels, which compilers turn into vector instructions.

A *line* holds one number per position of a block, in order: what a tap contributes there. Where
positions lie as pixels do (stride 1, as many columns out as in) a tap is the stored map shifted by
a constant, so a line is copied in one run and its columns outside the map are cleared afterwards.

Proof: ``tests/kernels/test_lut_counting.py``, against the slow twins of ``tests/naive/lut.py``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simsnn.kernels.compiler import jit
from simsnn.kernels.spikes import popcount64

Words = NDArray[np.uint64]
Ints = NDArray[np.int64]

FOLDS = 4
LONGEST_FIELD = 16
"""Bits that so many shifts fold."""


@jit
def fold_shifts(bits: int) -> Words:
    """Shifts that, one after another, OR bits i .. i + bits - 1 to bit i; those not needed are 0."""
    shifts, done = np.zeros(FOLDS, np.uint64), 1
    for index in range(FOLDS):
        step = min(done, bits - done)
        shifts[index] = np.uint64(step)
        done += step
    return shifts


@jit
def heads(bits: int) -> np.uint64:
    """The lowest bit of each of the 64 // bits fields of a word."""
    mask = np.uint64(0)
    for index in range(64 // bits):
        mask |= np.uint64(1) << np.uint64(index * bits)
    return mask


@jit
def count_words(packed: Words, bits: int, tile_words: int) -> Ints:
    """Non-zero fields << 32 | ones of every run of ``tile_words`` words, where fields do not cross words.

    Parameters
    ----------
    packed : uint64 (slots, pixels, words)
    bits : int
        Bits of a field, a divisor of 64 up to ``LONGEST_FIELD``.

    Returns
    -------
    int64 (runs, slots, pixels)
    """
    lowest, shifts = heads(bits), fold_shifts(bits)
    first, second, third, fourth = shifts[0], shifts[1], shifts[2], shifts[3]
    rows = packed.reshape(-1, packed.shape[2])
    found = np.zeros((packed.shape[2] // tile_words, rows.shape[0]), np.int64)
    for run in range(found.shape[0]):
        counts = found[run]
        for word in range(run * tile_words, (run + 1) * tile_words):
            for row in range(rows.shape[0]):
                value = rows[row, word]
                ones = popcount64(value)
                value |= value >> first
                value |= value >> second
                value |= value >> third
                value |= value >> fourth
                counts[row] += (popcount64(value & lowest) << 32) | ones
    return found.reshape(found.shape[0], packed.shape[0], packed.shape[1])


@jit
def _columns_by_one(xs: Ints, width: int) -> bool:
    """Whether every column that exists is the output column plus a constant."""
    shift = width
    for x in range(len(xs)):
        if xs[x] >= 0:
            if shift == width:
                shift = xs[x] - x
            elif xs[x] - x != shift:
                return False
    return len(xs) == width and shift < width


@jit
def _shifted(values: Ints, lead: int, first: int, stop: int, line: Ints, at: int) -> None:
    """``values[lead + p]`` for positions ``first <= p < stop``, to ``line`` from ``at`` on; 0 outside ``values``."""
    inside = min(max(first, -lead), stop)
    end = max(inside, min(stop, len(values) - lead))
    line[at : at + inside - first] = 0
    # slices first: an index that counts from 0 needs no look at its sign, so whole vectors are moved
    source, target = values[lead + inside : lead + end], line[at + inside - first : at + end - first]
    for index in range(end - inside):
        target[index] = source[index]
    line[at + end - first : at + stop - first] = 0


@jit
def _copy_rows(values: Ints, stored: int, ys: Ints, xs: Ints, width: int, start: int, stop: int, line: Ints) -> None:
    """A line where columns go by one: rows of a slot that follow each other are one run."""
    pixels, shift = len(ys) * width, 0
    for x in range(width):
        if xs[x] >= 0:
            shift = xs[x] - x
    position = start
    while position < stop:
        slot, pixel = position // pixels, position % pixels
        y, base = pixel // width, ys[pixel // width]
        last = y + 1
        while last < len(ys) and ((base < 0 and ys[last] < 0) or (base >= 0 and ys[last] == base + last - y)):
            last += 1
        end = min(stop, slot * pixels + last * width)
        at = position - start
        if base < 0:
            line[at : at + end - position] = 0
        else:
            lead = slot * (stored - pixels) + (base - y) * width + shift
            _shifted(values, lead, position, end, line, at)
        position = end
    for x in range(width):
        if xs[x] < 0:
            for index in range((x - start) % width, stop - start, width):
                line[index] = 0


@jit
def fill_line(values: Ints, stored: int, ys: Ints, xs: Ints, width: int, start: int, stop: int, line: Ints) -> None:
    """What positions ``start <= p < stop`` read at one tap.

    Parameters
    ----------
    values : int64 (slots * stored,)
        A number per stored pixel.
    ys, xs : int64 (Ho,), (Wo,)
        Source row and column of the tap for every output row and column, -1 outside.
    width : int
        Stored columns.
    line : int64 (stop - start or more,)
        Written.
    """
    if _columns_by_one(xs, width):
        _copy_rows(values, stored, ys, xs, width, start, stop, line)
        return
    out_w, pixels = len(xs), len(ys) * len(xs)
    position = start
    while position < stop:
        slot, pixel = position // pixels, position % pixels
        y, x = pixel // out_w, pixel % out_w
        taken, at = min(out_w - x, stop - position), position - start
        lead = slot * stored + ys[y] * width
        for index in range(taken):
            column = xs[x + index]
            line[at + index] = values[lead + column] if ys[y] >= 0 and column >= 0 else 0
        position += taken


@jit
def join_ports(line: Ints, count: int, ports: int) -> int:
    """OR of every ``ports`` numbers of a line, in place; returns how many of the joined are zero.

    The last of the ``ceil(count / ports)`` joined ones may have fewer.
    """
    whole = count // ports
    if ports == 4:
        # the same as below, as one loop that vector loads can feed
        for index in range(whole):
            line[index] = line[4 * index] | line[4 * index + 1] | line[4 * index + 2] | line[4 * index + 3]
    elif ports > 1:
        for index in range(whole):
            joined = line[index * ports]
            for port in range(1, ports):
                joined |= line[index * ports + port]
            line[index] = joined
    zeros = 0
    for index in range(whole):
        zeros += line[index] == 0
    if whole * ports < count:
        joined = line[whole * ports]
        for index in range(whole * ports + 1, count):
            joined |= line[index]
        line[whole] = joined
        zeros += joined == 0
    return zeros
