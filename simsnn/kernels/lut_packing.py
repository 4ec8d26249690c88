"""Packed spikes as the LUT engine reads them: channel-minor words, and lowered rows of bits.

Spikes are repacked once per section: one row of bits per stored pixel, channel by channel. A *lowered
row* is the J = taps * channels bits that one output position reads, ordered (ky, kx, ci), outside
pixels as zeros (docs/machines section 3.1).

Slow twins: ``simsnn.workload.operands.im2col``; equality: ``tests/kernels/test_lut_counting.py``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simsnn.kernels.compiler import jit
from simsnn.kernels.spikes import popcount64

Words = NDArray[np.uint64]
Ints = NDArray[np.int64]

_ALL = 0xFFFFFFFFFFFFFFFF


@jit
def field(row: Words, position: int, bits: int) -> np.uint64:
    """``bits`` <= 64 bits of a row from ``position`` on."""
    word, shift = position >> 6, np.uint64(position & 63)
    value: np.uint64 = row[word] >> shift
    if shift != 0 and (position & 63) + bits > 64:
        value |= row[word + 1] << (np.uint64(64) - shift)
    if bits < 64:
        value &= (np.uint64(1) << np.uint64(bits)) - np.uint64(1)
    return value


@jit
def _by_bits(rows: Words, first: int, stop: int, pixels: int) -> Words:
    """Spike by spike: for maps smaller than a word."""
    width = (stop - first + 63) // 64
    out = np.zeros((rows.shape[0], pixels, max(1, width)), np.uint64)
    low, high = first * pixels, stop * pixels
    for slot in range(rows.shape[0]):
        for word in range(low // 64, (high + 63) // 64):
            rest = rows[slot, word]
            base = 64 * word
            if base < low:
                rest &= np.uint64(_ALL) << np.uint64(low - base)
            if base + 64 > high:
                rest &= np.uint64(_ALL) >> np.uint64(base + 64 - high)
            while rest != 0:
                lowest = rest & (~rest + np.uint64(1))
                rest ^= lowest
                element = base + popcount64(lowest - np.uint64(1)) - low
                channel = element // pixels
                out[slot, element - channel * pixels, channel >> 6] |= np.uint64(1) << np.uint64(channel & 63)
    return out


@jit
def _transpose(block: Words) -> None:
    """Transpose 64 x 64 bits in place: bit c of word p becomes bit p of word c."""
    step, mask = 32, np.uint64(0x00000000FFFFFFFF)
    while step:
        shift = np.uint64(step)
        row = 0
        while row < 64:
            swapped = ((block[row] >> shift) ^ block[row + step]) & mask
            block[row + step] ^= swapped
            block[row] ^= swapped << shift
            row = (row + step + 1) & ~step
        step >>= 1
        mask ^= mask << np.uint64(step)


@jit
def _by_blocks(rows: Words, first: int, stop: int, pixels: int) -> Words:
    """Blocks of 64 channels x 64 pixels at a time."""
    out = np.zeros((rows.shape[0], pixels, (stop - first + 63) // 64), np.uint64)
    block = np.zeros(64, np.uint64)
    for slot in range(rows.shape[0]):
        row = rows[slot]
        for word in range(out.shape[2]):
            channels = min(64, stop - first - 64 * word)
            for start in range(0, pixels, 64):
                taken = min(64, pixels - start)
                block[:] = 0
                for channel in range(channels):
                    block[channel] = field(row, (first + 64 * word + channel) * pixels + start, taken)
                _transpose(block)
                for pixel in range(taken):
                    out[slot, start + pixel, word] = block[pixel]
    return out


@jit
def channel_minor(rows: Words, first: int, stop: int, pixels: int) -> Words:
    """Repack slots (slots, words) in (c, y, x) order to (slots, pixels, words of channels first..stop).

    Parameters
    ----------
    rows : NDArray[uint64], shape (slots, words)
        Packed slots.
    first, stop : int
        Channels taken; they become bits 0, 1, ...
    pixels : int
        Elements of one channel.
    """
    if pixels < 16:
        return _by_bits(rows, first, stop, pixels)
    return _by_blocks(rows, first, stop, pixels)


@jit
def _append(row: Words, position: int, source: Words, bits: int) -> None:
    """OR ``bits`` bits of ``source`` into ``row`` from bit ``position`` on; bits beyond are zero in ``source``."""
    word, shift = position >> 6, np.uint64(position & 63)
    if shift == 0:
        for index in range((bits + 63) >> 6):
            row[word + index] |= source[index]
        return
    back = np.uint64(64) - shift
    for index in range((bits + 63) >> 6):
        row[word + index] |= source[index] << shift
        row[word + index + 1] |= source[index] >> back


@jit
def or_lowered_row(packed: Words, slot: int, ys: Ints, xs: Ints, width: int, channels: int, row: Words) -> None:
    """OR the lowered row of one position into ``row``, which has a spare word at its end.

    Parameters
    ----------
    packed : NDArray[uint64], shape (slots, pixels, words)
        Channel-minor spikes.
    slot : int
        Slot of the position.
    ys, xs : NDArray[int64], shapes (Kh,) and (Kw,)
        Source rows and columns of its taps, -1 outside.
    width : int
        Columns of the stored map.
    channels : int
        Channels, the bits of one tap.
    row : NDArray[uint64], shape (ceil(J / 64) + 1,)
        Receives the bits.
    """
    position = 0
    for y in ys:
        for x in xs:
            if y >= 0 and x >= 0:
                _append(row, position, packed[slot, y * width + x], channels)
            position += channels
