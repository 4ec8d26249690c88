"""LUT engine: what its addresses hold, counted on packed spikes.

Consecutive runs of k bits of a lowered row (``lut_packing.py``) are the addresses of the forward pass;
the OR of k rows says which addresses of the weight update are not zero.

Flags pass a scanner of window Z (0: nothing is skipped): an issue costs 1 + floor(gap / Z) edges,
the gap of zero flags at the end ceil(gap / Z) (docs/machines section 4).

Slow twins: ``tests/naive/lut.py``; equality: ``tests/kernels/test_lut_counting.py``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simsnn.kernels.compiler import jit
from simsnn.kernels.lut_lines import LONGEST_FIELD, count_words, fill_line, fold_shifts, heads, join_ports
from simsnn.kernels.lut_packing import field, or_lowered_row
from simsnn.kernels.spikes import popcount64

Words = NDArray[np.uint64]
Ints = NDArray[np.int64]

EDGES, ISSUES, LEAD, TAIL, LAST_SET, NONZERO, ONES = range(7)
"""Words of a counted tile: edges at the issue stage, issues, bubbles before the first and after the last,
whether the last flag issues, non-zero addresses, ones in them."""
COUNT_WORDS = 7

LARGEST_ALIGNED = 2**31
"""Address bits of a tile up to which :func:`aligned_tiles` counts two numbers in one word."""

_ALL = 0xFFFFFFFFFFFFFFFF


@jit
def _fold(value: np.uint64, k: int) -> np.uint64:
    """OR of bits i .. i+k-1 at every bit i."""
    done = 1
    while done < k:
        step = min(done, k - done)
        value |= value >> np.uint64(step)
        done += step
    return value


@jit
def _flag(count: Ints, gap: int, is_set: bool, window: int) -> int:
    """One flag passes the scanner; returns the new gap of zero flags."""
    if window == 0:
        count[ISSUES] += 1
        count[EDGES] += 1
        return 0
    if not is_set:
        return gap + 1
    bubbles = gap // window
    if count[ISSUES] == 0:
        count[LEAD] = bubbles
    count[ISSUES] += 1
    count[EDGES] += 1 + bubbles
    return 0


@jit
def _close(count: Ints, gap: int, window: int) -> None:
    """End of a tile's flags."""
    count[LAST_SET] = 1 if gap == 0 else 0
    if window:
        count[TAIL] = (gap + window - 1) // window
        count[EDGES] += count[TAIL]


@jit
def _address_block(row: Words, start: int, stop: int, k: int, lowest: np.uint64) -> tuple[int, int]:
    """Non-zero k-bit addresses and ones among bits ``start <= i < stop`` of a row."""
    step, position, nonzero, ones = 64 // k * k, start, 0, 0
    while position < stop:
        value = field(row, position, min(step, stop - position))
        if value != 0:
            ones += popcount64(value)
            nonzero += popcount64(_fold(value, k) & lowest)
        position += step
    return nonzero, ones


@jit
def forward_tiles(
    packed: Words,
    source_y: Ints,
    source_x: Ints,
    width: int,
    channels: int,
    bounds: Ints,
    k: int,
    tile_bits: int,
    read_ports: int,
    window: int,
) -> Ints:
    """Counts of every (position block, group tile) of the forward pass.

    Parameters
    ----------
    packed : NDArray[uint64], shape (slots, pixels, words)
        Channel-minor spikes of the section.
    source_y, source_x : NDArray[int64], shapes (Ho, Kh) and (Wo, Kw)
        Source coordinates, -1 outside the map.
    width, channels : int
        Columns of the stored map, channels of the section.
    bounds : NDArray[int64], shape (blocks + 1,)
        Bounds of the position blocks; positions are (slot, y, x), x fastest.
    k, tile_bits, read_ports, window : int
        Address bits, bits of a group tile (N_g * k), N_r, Z.

    Returns
    -------
    NDArray[int64], shape (blocks, group tiles, COUNT_WORDS)
    """
    columns = source_y.shape[1] * source_x.shape[1] * channels
    tiles, out_w = (columns + tile_bits - 1) // tile_bits, source_x.shape[0]
    pixels, lowest = source_y.shape[0] * out_w, heads(k)
    counts = np.zeros((len(bounds) - 1, tiles, COUNT_WORDS), np.int64)
    row = np.zeros(columns // 64 + 2, np.uint64)
    gaps, any_set = np.zeros(tiles, np.int64), np.zeros(tiles, np.bool_)
    for block in range(len(bounds) - 1):
        gaps[:] = 0
        any_set[:] = False
        for position in range(bounds[block], bounds[block + 1]):
            slot, pixel = position // pixels, position % pixels
            row[:] = 0
            or_lowered_row(packed, slot, source_y[pixel // out_w], source_x[pixel % out_w], width, channels, row)
            last = position + 1 == bounds[block + 1]
            complete = last or (position + 1 - bounds[block]) % read_ports == 0
            for tile in range(tiles):
                start, count = tile * tile_bits, counts[block, tile]
                nonzero, ones = _address_block(row, start, min(columns, start + tile_bits), k, lowest)
                count[NONZERO] += nonzero
                count[ONES] += ones
                any_set[tile] |= nonzero > 0
                if complete:
                    gaps[tile] = _flag(count, gaps[tile], any_set[tile], window)
                    any_set[tile] = False
        for tile in range(tiles):
            _close(counts[block, tile], gaps[tile], window)
    return counts


@jit
def _segments(packed: Words, channels: int, k: int, tile_bits: int) -> Ints:
    """Non-zero addresses << 32 | ones of every (segment of ``tile_bits`` channels, slot, pixel)."""
    if tile_bits % 64 == 0 and 64 % k == 0:
        return count_words(packed, k, tile_bits // 64)
    lowest = heads(k)
    found = np.zeros((channels // tile_bits, packed.shape[0], packed.shape[1]), np.int64)
    for slot in range(packed.shape[0]):
        for pixel in range(packed.shape[1]):
            row = packed[slot, pixel]
            for segment in range(found.shape[0]):
                nonzero, ones = _address_block(row, segment * tile_bits, (segment + 1) * tile_bits, k, lowest)
                found[segment, slot, pixel] = (nonzero << 32) | ones
    return found


@jit
def _count_line(line: Ints, positions: int, read_ports: int, window: int, count: Ints) -> None:
    """One tile that stays within a tap; the line is used up."""
    total = 0
    for index in range(positions):
        total += line[index]
    count[NONZERO], count[ONES] = total >> 32, total & 0xFFFFFFFF
    issues, gap = (positions + read_ports - 1) // read_ports, 0
    if join_ports(line, positions, read_ports) == 0 or window == 0:
        count[ISSUES] = count[EDGES] = issues
    else:
        for issue in range(issues):
            gap = _flag(count, gap, line[issue] != 0, window)
    _close(count, gap, window)


@jit
def aligned_tiles(
    packed: Words,
    source_y: Ints,
    source_x: Ints,
    width: int,
    channels: int,
    bounds: Ints,
    k: int,
    tile_bits: int,
    read_ports: int,
    window: int,
) -> Ints:
    """As :func:`forward_tiles`, where ``tile_bits`` divides the channels: every pixel is looked at once per segment.

    A tile has fewer than ``LARGEST_ALIGNED`` ones.
    """
    values = _segments(packed, channels, k, tile_bits)
    taps_x, segments = source_x.shape[1], len(values)
    tiles = source_y.shape[1] * taps_x * segments
    counts = np.zeros((len(bounds) - 1, tiles, COUNT_WORDS), np.int64)
    line, stored = np.empty(np.diff(bounds).max(), np.int64), packed.shape[1]
    for tile in range(tiles):
        tap, segment = tile // segments, tile % segments
        ys, xs = source_y[:, tap // taps_x].copy(), source_x[:, tap % taps_x].copy()
        of_pixels = values[segment].reshape(-1)
        for block in range(len(bounds) - 1):
            start, stop = bounds[block], bounds[block + 1]
            fill_line(of_pixels, stored, ys, xs, width, start, stop, line)
            _count_line(line, stop - start, read_ports, window, counts[block, tile])
    return counts


@jit
def _pixel_ones(packed: Words) -> Ints:
    """Ones of every (slot, pixel), in one row."""
    found = np.zeros(packed.shape[0] * packed.shape[1], np.int64)
    rows = packed.reshape(-1, packed.shape[2])
    for row in range(len(found)):
        for word in range(rows.shape[1]):
            found[row] += popcount64(rows[row, word])
    return found


@jit
def _tap_pixels(source_y: Ints, source_x: Ints, width: int) -> Ints:
    """Stored pixel of every output pixel and tap, -1 outside the map."""
    rows, columns = source_y.shape[1], source_x.shape[1]
    found = np.full((len(source_y) * len(source_x), rows * columns), -1, np.int64)
    for pixel in range(found.shape[0]):
        for tap in range(found.shape[1]):
            y, x = source_y[pixel // len(source_x), tap // columns], source_x[pixel % len(source_x), tap % columns]
            if y >= 0 and x >= 0:
                found[pixel, tap] = y * width + x
    return found


@jit
def group_rows(
    packed: Words, source_y: Ints, source_x: Ints, width: int, channels: int, position_groups: Ints
) -> tuple[Words, Ints]:
    """OR of the lowered rows of each position group, and the ones in all of them.

    Parameters
    ----------
    packed, source_y, source_x, width, channels
        As in :func:`forward_tiles`.
    position_groups : NDArray[int64], shape (groups, k)
        Positions, -1 absent.

    Returns
    -------
    rows : NDArray[uint64], shape (groups, ceil(J / 64) + 1)
        Bit j: the address of weight row j is not zero.
    ones : NDArray[int64], shape (groups, 2)
        Non-zero addresses, and ones in them.
    """
    sources, of_pixels = _tap_pixels(source_y, source_x, width), _pixel_ones(packed)
    (pixels, taps), stored, out_w = sources.shape, packed.shape[1], len(source_x)
    rows = np.zeros((len(position_groups), taps * channels // 64 + 2), np.uint64)
    found, flat = np.zeros((len(position_groups), 2), np.int64), packed.reshape(-1)
    tap_words = channels // 64 if channels % 64 == 0 else 0
    for group in range(len(position_groups)):
        row, ones, nonzero = rows[group], 0, 0
        for index in range(position_groups.shape[1]):
            position = position_groups[group, index]
            if position < 0:
                continue
            slot, pixel = position // pixels, position % pixels
            for tap in range(taps):
                if sources[pixel, tap] >= 0:
                    at = slot * stored + sources[pixel, tap]
                    ones += of_pixels[at]
                    for word in range(tap_words):
                        row[tap * tap_words + word] |= flat[at * tap_words + word]
            if not tap_words:
                ys, xs = source_y[pixel // out_w], source_x[pixel % out_w]
                or_lowered_row(packed, slot, ys, xs, width, channels, row)
        for word in range(rows.shape[1]):
            nonzero += popcount64(row[word])
        found[group, 0], found[group, 1] = nonzero, ones
    return rows, found


@jit
def kept_groups(gradients: Words, pixels: int, first: int, stop: int, position_groups: Ints) -> NDArray[np.bool_]:
    """Position groups with a non-zero gradient in one of the channels ``first <= c < stop``.

    Parameters
    ----------
    gradients : NDArray[uint64], shape (slots, pixels, words)
        Channel-minor gradient mask.
    pixels : int
        Output pixels of a slot.
    """
    kept = np.zeros(len(position_groups), np.bool_)
    low, high = first >> 6, (stop - 1) >> 6
    head = np.uint64(_ALL) << np.uint64(first & 63)
    tail = np.uint64(_ALL) >> np.uint64(63 - ((stop - 1) & 63))
    for group in range(len(position_groups)):
        for position in position_groups[group]:
            if position < 0:
                continue
            words = gradients[position // pixels, position % pixels]
            for word in range(low, high + 1):
                value = words[word]
                if word == low:
                    value &= head
                if word == high:
                    value &= tail
                if value != 0:
                    kept[group] = True
    return kept


@jit
def _flags_in_words(row: Words, read_ports: int, issues: int, window: int, count: Ints) -> int:
    """Flags of a row whose issues do not cross words: all of a word at once where all are set. Returns the gap."""
    lowest, shifts, step, gap = heads(read_ports), fold_shifts(read_ports), 64 // read_ports, 0
    for first in range(0, issues, step):
        value = row[first // step]
        for shift in shifts:
            value |= value >> shift
        value &= lowest
        if value == lowest and gap == 0 and first + step <= issues:
            count[ISSUES] += step
            count[EDGES] += step
            continue
        for issue in range(min(step, issues - first)):
            gap = _flag(count, gap, (value >> np.uint64(issue * read_ports)) & np.uint64(1) != 0, window)
    return gap


@jit
def update_tiles(
    rows: Words, found: Ints, members: Ints, tile_bounds: Ints, columns: int, read_ports: int, window: int
) -> Ints:
    """Counts of the group tiles of one output-channel tile of the weight update.

    Parameters
    ----------
    rows, found : NDArray
        As :func:`group_rows` returns them.
    members : NDArray[int64]
        Kept position groups in order.
    tile_bounds : NDArray[int64], shape (tiles + 1,)
        Bounds of the tiles in ``members``.
    columns, read_ports, window : int
        J, N_r, Z.

    Returns
    -------
    NDArray[int64], shape (tiles, COUNT_WORDS)
    """
    counts = np.zeros((len(tile_bounds) - 1, COUNT_WORDS), np.int64)
    total = np.zeros(rows.shape[1], np.uint64)
    issues = (columns + read_ports - 1) // read_ports
    for tile in range(len(tile_bounds) - 1):
        count = counts[tile]
        total[:] = 0
        for index in range(tile_bounds[tile], tile_bounds[tile + 1]):
            group = members[index]
            count[NONZERO] += found[group, 0]
            count[ONES] += found[group, 1]
            for word in range(rows.shape[1]):
                total[word] |= rows[group, word]
        gap = 0
        if window == 0:
            count[ISSUES] = count[EDGES] = issues
        elif read_ports <= LONGEST_FIELD and 64 % read_ports == 0:
            gap = _flags_in_words(total, read_ports, issues, window, count)
        else:
            for issue in range(issues):
                gap = _flag(count, gap, _any(total, issue * read_ports, min(columns, (issue + 1) * read_ports)), window)
        _close(count, gap, window)
    return counts


@jit
def _any(row: Words, start: int, stop: int) -> bool:
    """Whether any bit ``start <= i < stop`` is set."""
    position = start
    while position < stop:
        bits = min(64, stop - position)
        if field(row, position, bits) != 0:
            return True
        position += bits
    return False
