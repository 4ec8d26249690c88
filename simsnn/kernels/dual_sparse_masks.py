"""What the masks ask of the dual-sparsity engine: non-zero values, active channels and passes per pixel.

Masks are stored slot by slot in (c, y, x) order; the engine works pixel by pixel. ``channel_minor``
turns them once, in 64 x 64 bit blocks, into one row of channel words per pixel; counting is then a
population count of words under a range of channels. Source: docs/machines section 5.
Proof: ``tests/kernels/test_dual_sparse_masks.py``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsnn.kernels.compiler import jit
from simsnn.kernels.spikes import Words, popcount64, words_for

Counts32 = NDArray[np.int32]
Ints = NDArray[np.int64]

ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
ONE = np.uint64(1)
LONGEST_COUNTER = 32
"""Bit planes of the lane counters."""


@jit
def read_bits(row: Words, first: int, count: int) -> Any:
    """Up to 64 bits of a packed row, from bit ``first`` on."""
    if count <= 0:
        return np.uint64(0)
    word, shift = first >> 6, np.uint64(first & 63)
    bits = row[word] >> shift
    if shift and word + 1 < row.shape[0]:
        bits |= row[word + 1] << (np.uint64(64) - shift)
    if count < 64:
        bits &= (ONE << np.uint64(count)) - ONE
    return bits


@jit
def transpose_block(block: Words) -> None:
    """Transpose 64 x 64 bits in place: bit c of word r becomes bit r of word c."""
    width, mask = 32, np.uint64(0x00000000FFFFFFFF)
    while width:
        shift, k = np.uint64(width), 0
        while k < 64:
            swap = ((block[k] >> shift) ^ block[k + width]) & mask
            block[k + width] ^= swap
            block[k] ^= swap << shift
            k = (k + width + 1) & ~width
        width >>= 1
        mask ^= mask << np.uint64(width)


@jit
def channel_minor(rows: Words, channels: int, pixels: int) -> Words:
    """One row of ceil(channels / 64) words per pixel of every slot.

    Parameters
    ----------
    rows : uint64, shape (slots, words)
        Packed slots, elements in (c, pixel) order.

    Returns
    -------
    uint64, shape (slots * pixels, ceil(channels / 64))
    """
    words = (channels + 63) // 64
    out = np.zeros((rows.shape[0] * pixels, words), np.uint64)
    block = np.zeros(64, np.uint64)
    for slot in range(rows.shape[0]):
        row = rows[slot]
        for word in range(words):
            present = min(64, channels - 64 * word)
            for first in range(0, pixels, 64):
                width = min(64, pixels - first)
                if pixels & 63 == 0:
                    for c in range(present):
                        block[c] = row[((64 * word + c) * pixels + first) >> 6]
                else:
                    for c in range(present):
                        block[c] = read_bits(row, (64 * word + c) * pixels + first, width)
                block[present:] = np.uint64(0)
                transpose_block(block)
                base = slot * pixels + first
                for pixel in range(width):
                    out[base + pixel, word] = block[pixel]
    return out


def pixel_words(rows: Words, channels: int, pixels: int) -> Words:
    """:func:`channel_minor`, which a map of one pixel already is."""
    if pixels == 1 and rows.shape[1] == words_for(channels):
        return rows
    packed: Words = channel_minor(rows, channels, pixels)
    return packed


@jit
def slice_counts(words: Words, low: int, high: int, out: Counts32) -> None:
    """Ones among channels ``low <= c < high`` of every row; out int32 (rows,)."""
    first, last = low >> 6, (high - 1) >> 6
    head = ALL << np.uint64(low & 63)
    tail = ALL >> np.uint64(63 - ((high - 1) & 63))
    for row in range(words.shape[0]):
        if first == last:
            out[row] = popcount64(words[row, first] & head & tail)
            continue
        total = popcount64(words[row, first] & head) + popcount64(words[row, last] & tail)
        for word in range(first + 1, last):
            total += popcount64(words[row, word])
        out[row] = total


@jit
def field_counts(
    counts: Counts32, order: Ints, source_y: Ints, source_x: Ints, pixels: int, width: int, out: Counts32
) -> None:
    """Non-zero values in the field of every input pixel, in processing order.

    Parameters
    ----------
    counts : int32 (slots * output pixels,)
        Non-zero values of every output pixel in the co-slice.
    order : int64 (slots,)
        Slots in processing order.
    source_y, source_x : int64 (rows, Kh), (columns, Kw)
        Output row (column) under each tap of an input row (column), -1 for none.
    pixels, width : int
        Output pixels of a slot, and columns of the output map.
    out : int32 (slots * input pixels,)
    """
    rows, columns, height = source_y.shape[0], source_x.shape[0], pixels // width
    # first along x, then along y; columns outside the map read the zero behind the last one
    sources = np.ascontiguousarray(np.where(source_x < 0, width, source_x).T)
    along_x, line = np.zeros((height, columns), np.int32), np.zeros(width + 1, np.int32)
    for index in range(len(order)):
        slot = order[index]
        for y in range(height):
            line[:width] = counts[slot * pixels + y * width : slot * pixels + (y + 1) * width]
            sums = along_x[y]
            sums[:] = 0
            for tap in range(len(sources)):
                for x in range(columns):
                    sums[x] += line[sources[tap, x]]
        for y in range(rows):
            first = (index * rows + y) * columns
            total = out[first : first + columns]
            total[:] = 0
            for oy in source_y[y]:
                if oy >= 0:
                    for x in range(columns):
                        total[x] += along_x[oy, x]


@jit
def _fullest_lane(row: Words, low: int, high: int, lanes: int, planes: Words) -> int:
    """Largest number of active channels that are congruent modulo ``lanes``: counters in bit planes."""
    fullest = 0
    for block in range(0, lanes, 64):
        width, used = min(64, lanes - block), 0
        first = low + block
        while first < high:
            carry = read_bits(row, first, min(width, high - first))
            plane = 0
            while carry:
                if plane == used:
                    planes[used] = np.uint64(0)
                    used += 1
                both = planes[plane] & carry
                planes[plane] ^= carry
                carry = both
                plane += 1
            first += lanes
        among, count = ALL, 0
        for plane in range(used - 1, -1, -1):
            if planes[plane] & among:
                among &= planes[plane]
                count |= 1 << plane
        fullest = max(fullest, count)
    return fullest


@jit
def _conflicted_passes(row: Words, low: int, high: int, lanes: int, offset: int, banks: int, load: Ints) -> int:
    """Sum over runs of ``lanes`` active channels of the largest number of them in one bank."""
    total, listed, worst = 0, 0, 0
    first = low
    while first < high:
        bits = read_bits(row, first, min(64, high - first))
        while bits:
            lowest = bits & (~bits + ONE)
            bits ^= lowest
            bank = (first + popcount64(lowest - ONE) - offset) % banks
            load[bank] += 1
            worst = max(worst, load[bank])
            listed += 1
            if listed == lanes:
                total += worst
                listed, worst = 0, 0
                load[:] = 0
        first += 64
    if listed:
        total += worst
        load[:] = 0
    return total


@jit
def _one_pass(words: Words, order: Ints, pixels: int, low: int, high: int, needed: Counts32, edges: Counts32) -> None:
    """:func:`lane_edges` where every active pixel of a slice takes one pass; the slice lies in one word."""
    word, mask = low >> 6, (ALL << np.uint64(low & 63)) & (ALL >> np.uint64(63 - ((high - 1) & 63)))
    for index in range(len(order)):
        first = order[index] * pixels
        rows = words[first : first + pixels]
        counts, passes = needed[index * pixels : (index + 1) * pixels], edges[index * pixels : (index + 1) * pixels]
        for pixel in range(pixels):
            count = popcount64(rows[pixel, word] & mask)
            counts[pixel] = count
            passes[pixel] = 1 if count else 0


@jit
def lane_edges(
    words: Words,
    order: Ints,
    pixels: int,
    low: int,
    high: int,
    lanes: int,
    compact: bool,
    offset: int,
    banks: int,
    needed: Counts32,
    edges: Counts32,
) -> None:
    """Active channels of every pixel in a c-slice, and edges of its passes per V values.

    Parameters
    ----------
    words : uint64 (slots * pixels, words)
        Output mask, channels of a pixel in a row.
    order : int64 (slots,)
        Slots in processing order.
    pixels : int
        Input pixels of a slot.
    low, high : int
        Channels of the slice; ``low`` is a multiple of ``lanes`` from the start of its conv group on.
    offset : int
        First channel of the conv group: banks count from there.
    needed, edges : int32 (slots * pixels,)
        Written in processing order: n_out, and the sum of f over the passes.
    """
    if not compact and high - low <= lanes and low >> 6 == (high - 1) >> 6:
        _one_pass(words, order, pixels, low, high, needed, edges)
        return
    load, planes = np.zeros(banks, np.int64), np.zeros(LONGEST_COUNTER, np.uint64)
    index = 0
    slice_counts(words, low, high, needed)
    active = needed.copy()
    for slot in order:
        for pixel in range(pixels):
            row = slot * pixels + pixel
            count = active[row]
            needed[index] = count
            if count == 0:
                edges[index] = 0
            elif compact:
                edges[index] = _conflicted_passes(words[row], low, high, lanes, offset, banks, load)
            elif high - low <= lanes:
                edges[index] = 1
            else:
                edges[index] = _fullest_lane(words[row], low, high, lanes, planes)
            index += 1
