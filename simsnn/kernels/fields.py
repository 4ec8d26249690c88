"""Random fields as bits: correlation along one axis, thresholds, pooling and routing of packed maps.

    autoregress:  z[i] := fresh * z[i] + latent * z[i-1]                 along the middle axis
    pack_largest: bit = z > threshold, or z == threshold among the first ``ties`` of those
    carry_back:   z[t] := max(z[t], z[t+1] - penalty), t descending      along the first axis
    pool_route:   pooled = OR over a window; routed = mask of the window's first one (of its first
                  element where the window is silent), as max pooling routes its gradient

Rows of bits are laid out as in ``simsnn/kernels/spikes.py``. No reordering of sums, so results
equal those of plain float32 arrays. Proof: ``tests/kernels/test_fields.py``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simsnn.kernels.compiler import jit
from simsnn.kernels.spikes import Words

Field = NDArray[np.float32]


@jit
def _bit(row: Words, element: int) -> bool:
    return bool((row[element >> 6] >> np.uint64(element & 63)) & np.uint64(1))


@jit
def _set(row: Words, element: int) -> None:
    row[element >> 6] |= np.uint64(1) << np.uint64(element & 63)


@jit
def autoregress(values: Field, latent: np.float32, fresh: np.float32) -> None:
    """First-order autoregression along the middle axis of (outer, n, inner), in place."""
    for outer in range(values.shape[0]):
        for i in range(1, values.shape[1]):
            for inner in range(values.shape[2]):
                scaled = fresh * values[outer, i, inner]
                values[outer, i, inner] = scaled + latent * values[outer, i - 1, inner]


@jit
def mix_shared(values: Field, shared: Field, own: np.float32, common: np.float32) -> None:
    """``own * values + common * shared`` of (slots, channels, pixels) and (slots, pixels), in place."""
    for slot in range(values.shape[0]):
        for channel in range(values.shape[1]):
            for pixel in range(values.shape[2]):
                kept = own * values[slot, channel, pixel]
                values[slot, channel, pixel] = kept + common * shared[slot, pixel]


@jit
def count_from(values: Field, low: np.float32, high: np.float32) -> tuple[int, int]:
    """How many of a flat array are at least ``high``, and how many at least ``low`` but below it."""
    above, reached = 0, 0
    for value in values:  # sums instead of branches, which random values would mispredict
        above += int(value >= high)
        reached += int(value >= low)
    return above, reached - above


@jit
def gather_between(values: Field, low: np.float32, high: np.float32, out: Field) -> None:
    """The values of a flat array in [low, high), in order, into ``out`` of their number."""
    at = 0
    for value in values:
        if (value >= low) & (value < high):
            out[at] = value
            at += 1


@jit
def pack_largest(rows: Field, threshold: np.float32, ties: int, out: Words) -> None:
    """Bits of (rows, elements) above the threshold, and of the first ``ties`` elements equal to it."""
    elements = rows.shape[1]
    for row in range(rows.shape[0]):
        for word in range(out.shape[1]):
            bits = np.uint64(0)
            for bit in range(min(64, elements - 64 * word)):
                bits |= np.uint64(rows[row, 64 * word + bit] > threshold) << np.uint64(bit)
            out[row, word] = bits
    for row in range(rows.shape[0] if ties else 0):
        for element in range(elements):
            if rows[row, element] == threshold:
                _set(out[row], element)
                ties -= 1
                if ties == 0:
                    return


@jit
def carry_back(values: Field, penalty: np.float32) -> None:
    """Carry (steps, inner) back in time, in place."""
    for step in range(values.shape[0] - 2, -1, -1):
        for inner in range(values.shape[1]):
            carried = values[step + 1, inner] - penalty
            if carried > values[step, inner]:
                values[step, inner] = carried


@jit
def carried_count(values: Field, penalty: np.float32, threshold: np.float32) -> int:
    """How many of (steps, inner) are above the threshold once carried back; nothing is written."""
    count = 0
    for inner in range(values.shape[1]):
        carried = np.float32(-np.inf)
        for step in range(values.shape[0] - 1, -1, -1):
            carried = max(values[step, inner], carried - penalty)
            count += int(carried > threshold)
    return count


@jit
def pool_route(
    spikes: Words,
    mask: Words,
    shape: tuple[int, int, int],
    window: tuple[int, int, int, int],
    pooled: Words,
    routed: Words,
) -> None:
    """Pool maps and route a mask to the winners.

    Parameters
    ----------
    spikes, mask : NDArray[uint64], shape (rows, words)
        Maps of ``shape`` (C, H, W).
    window : tuple of int
        Kernel rows and columns, stride rows and columns.
    pooled, routed : NDArray[uint64], shape (rows, words of the pooled maps)
        Written; zero before.
    """
    channels, height, width = shape
    kh, kw, sh, sw = window
    out_h, out_w = (height - kh) // sh + 1, (width - kw) // sw + 1
    for row in range(spikes.shape[0]):
        target = 0
        for channel in range(channels):
            for y in range(out_h):
                for x in range(out_w):
                    first = (channel * height + y * sh) * width + x * sw
                    winner = -1
                    for element in range(kh * kw):
                        place = first + (element // kw) * width + element % kw
                        if winner < 0 and _bit(spikes[row], place):
                            winner = place
                    if winner >= 0:
                        _set(pooled[row], target)
                    if _bit(mask[row], winner if winner >= 0 else first):
                        _set(routed[row], target)
                    target += 1
