"""Gathering convolution operands: distinct pixels under a window range, and packed im2col rows.

Slow twins: ``tests/naive/lowering.py`` (one entry of the matrix at a time); equality:
``tests/kernels/test_im2col.py``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simsnn.kernels.compiler import jit

Table = NDArray[np.int64]
Words = NDArray[np.uint64]


@jit
def _write(out: Table, position: int, row_start: int, row_stop: int, column_start: int, column_stop: int) -> None:
    out[position, 0], out[position, 1] = row_start, row_stop
    out[position, 2], out[position, 3] = column_start, column_stop


@jit
def rectangles(start: int, stop: int, width: int, out: Table) -> int:
    """Split the linear range ``start <= i < stop`` of a row-major grid into at most 3 rectangles.

    Parameters
    ----------
    start, stop : int
        Range; empty ranges give no rectangle.
    width : int
        Columns of the grid.
    out : NDArray[int64], shape (3, 4)
        Receives (row start, row stop, column start, column stop).

    Returns
    -------
    int
        Number of rectangles written.
    """
    if stop <= start:
        return 0
    first, last = start // width, (stop - 1) // width
    head, tail = start % width, (stop - 1) % width + 1
    if first == last:
        _write(out, 0, first, first + 1, head, tail)
        return 1
    count = 0
    if head:
        _write(out, count, first, first + 1, head, width)
        count += 1
        first += 1
    if tail < width:
        _write(out, count, last, last + 1, 0, tail)
        count += 1
        last -= 1
    if first <= last:
        _write(out, count, first, last + 1, 0, width)
        count += 1
    return count


@jit
def _mark(table: Table, row_start: int, row_stop: int, tap_start: int, tap_stop: int, bit: int, codes: Table) -> None:
    """Set a bit in the code of every coordinate that the rows reach through the taps."""
    for row in range(row_start, row_stop):
        for tap in range(tap_start, tap_stop):
            source = table[row, tap]
            if source >= 0:
                codes[source] |= 1 << bit


@jit
def _histogram(codes: Table) -> tuple[Table, Table]:
    """Distinct non-zero codes and how often each occurs; codes have at most 9 bits."""
    counts = np.zeros(512, np.int64)
    for code in codes:
        counts[code] += 1
    counts[0] = 0
    present = np.flatnonzero(counts)
    return present, counts[present]


@jit
def distinct_pixels(
    source_y: Table,
    source_x: Table,
    source_h: int,
    source_w: int,
    tap_start: int,
    tap_stop: int,
    pixel_start: int,
    pixel_stop: int,
) -> int:
    """Distinct source pixels that a range of rows reads through a range of taps, padding excluded.

    A range of a row-major grid is at most 3 rectangles, so the pixels read are a union of at most
    9 products (rows set) x (columns set). A pixel lies in the union exactly if the bit codes of
    its row and of its column share a bit, so counting codes replaces visiting pixels.

    Parameters
    ----------
    source_y, source_x : NDArray[int64], shapes (grid rows, taps in y), (grid columns, taps in x)
        Source coordinate or -1 (:class:`simsnn.workload.lowering.Gather`).
    source_h, source_w : int
        Size of the source map.
    tap_start, tap_stop, pixel_start, pixel_stop : int
        Half-open ranges of taps (ky outer) and of grid pixels of one slot (y outer).
    """
    windows, taps = np.zeros((3, 4), np.int64), np.zeros((3, 4), np.int64)
    window_count = rectangles(pixel_start, pixel_stop, source_x.shape[0], windows)
    tap_count = rectangles(tap_start, tap_stop, source_x.shape[1], taps)
    rows, columns = np.zeros(source_h, np.int64), np.zeros(source_w, np.int64)
    for w in range(window_count):
        for t in range(tap_count):
            bit = 3 * w + t
            _mark(source_y, windows[w, 0], windows[w, 1], taps[t, 0], taps[t, 1], bit, rows)
            _mark(source_x, windows[w, 2], windows[w, 3], taps[t, 2], taps[t, 3], bit, columns)
    row_codes, row_counts = _histogram(rows)
    column_codes, column_counts = _histogram(columns)
    total = 0
    for i in range(len(row_codes)):
        for j in range(len(column_codes)):
            if row_codes[i] & column_codes[j]:
                total += row_counts[i] * column_counts[j]
    return int(total)


@jit
def distinct_elements(
    source_y: Table,
    source_x: Table,
    source_h: int,
    source_w: int,
    channels: int,
    column_start: int,
    column_stop: int,
    row_start: int,
    row_stop: int,
) -> int:
    """Distinct stored elements under a block of a gathered matrix, padding excluded.

    Rows are (slot, y, x), columns (ky, kx, c), both half-open ranges. A channel sees a contiguous
    range of taps, and at most three ranges occur; whole slots between two cut ones are alike.
    """
    if column_stop <= column_start or row_stop <= row_start:
        return 0
    pixels = source_y.shape[0] * source_x.shape[0]
    first_tap, first_channel = column_start // channels, column_start % channels
    last_tap, last_channel = column_stop // channels, column_stop % channels
    low, high = min(first_channel, last_channel), max(first_channel, last_channel)
    bounds = (0, low, high, channels)
    first_slot, last_slot = row_start // pixels, (row_stop - 1) // pixels
    total = 0
    for part in range(3):
        width = bounds[part + 1] - bounds[part]
        if width == 0:
            continue
        taps_from = first_tap if bounds[part] >= first_channel else first_tap + 1
        taps_to = last_tap + 1 if bounds[part] < last_channel else last_tap
        if taps_to <= taps_from:
            continue
        for piece in range(3):
            if piece == 0:
                start, stop, repeat = row_start - first_slot * pixels, min(row_stop - first_slot * pixels, pixels), 1
            elif piece == 1:
                start, stop, repeat = 0, row_stop - last_slot * pixels, int(last_slot > first_slot)
            else:
                start, stop, repeat = 0, pixels, last_slot - first_slot - 1
            if repeat > 0:
                seen = distinct_pixels(source_y, source_x, source_h, source_w, taps_from, taps_to, start, stop)
                total += width * repeat * seen
    return int(total)


@jit
def distinct_blocks(
    source_y: Table,
    source_x: Table,
    source_h: int,
    source_w: int,
    channels: int,
    column_ranges: Table,
    row_ranges: Table,
) -> Table:
    """:func:`distinct_elements` of every (column range, row range); ranges are (n, 2) start, stop."""
    counts = np.zeros((len(column_ranges), len(row_ranges)), np.int64)
    for i in range(len(column_ranges)):
        for j in range(len(row_ranges)):
            counts[i, j] = distinct_elements(
                source_y,
                source_x,
                source_h,
                source_w,
                channels,
                column_ranges[i, 0],
                column_ranges[i, 1],
                row_ranges[j, 0],
                row_ranges[j, 1],
            )
    return counts


@jit
def pixel_major(rows: Words, channels: int, pixels: int) -> Words:
    """Rows packed in (c, pixel) order as words packed along channels, (slots, pixels, ceil(channels / 64))."""
    out = np.zeros((rows.shape[0], pixels, (channels + 63) // 64), np.uint64)
    for slot in range(rows.shape[0]):
        for word in range(rows.shape[1]):
            rest = rows[slot, word]
            position = 64 * word
            while rest != 0:
                if rest & np.uint64(1):
                    channel, pixel = position // pixels, position % pixels
                    out[slot, pixel, channel // 64] |= np.uint64(1) << np.uint64(channel % 64)
                rest >>= np.uint64(1)
                position += 1
    return out


@jit
def append_bits(target: Words, position: int, source: Words, start: int, count: int) -> None:
    """OR bits ``start .. start + count - 1`` of source into target at ``position`` (where target is zero)."""
    done = 0
    while done < count:
        read, write = start + done, position + done
        taken = min(count - done, 64 - read % 64, 64 - write % 64)
        bits = source[read // 64] >> np.uint64(read % 64)
        if taken < 64:
            bits &= (np.uint64(1) << np.uint64(taken)) - np.uint64(1)
        target[write // 64] |= bits << np.uint64(write % 64)
        done += taken


@jit
def packed_im2col(pixels: Words, source_y: Table, source_x: Table, source_w: int, first: int, channels: int) -> Words:
    """Rows of the streamed matrix, packed along K.

    Parameters
    ----------
    pixels : NDArray[uint64], shape (slots, source pixels, words)
        Spikes packed along channels (:func:`pixel_major`).
    source_y, source_x : NDArray[int64]
        Source coordinate or -1, as in :func:`distinct_pixels`.
    source_w : int
        Columns of the source map.
    first, channels : int
        First channel and number of channels of the group.

    Returns
    -------
    NDArray[uint64], shape (slots * grid pixels, ceil(taps * channels / 64))
        Bit (ky, kx, c), c fastest; padding is zero.
    """
    height, width = source_y.shape[0], source_x.shape[0]
    taps_y, taps_x = source_y.shape[1], source_x.shape[1]
    words = (taps_y * taps_x * channels + 63) // 64
    out = np.zeros((pixels.shape[0] * height * width, words), np.uint64)
    for row in range(len(out)):
        slot, y, x = row // (height * width), row // width % height, row % width
        for ky in range(taps_y):
            if source_y[y, ky] < 0:
                continue
            for kx in range(taps_x):
                if source_x[x, kx] < 0:
                    continue
                source = pixels[slot, source_y[y, ky] * source_w + source_x[x, kx]]
                append_bits(out[row], (ky * taps_x + kx) * channels, source, first, channels)
    return out
