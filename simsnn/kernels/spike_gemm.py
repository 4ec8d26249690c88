"""Matrix products on packed spikes: forward, weight gradient, masked input gradient.

A spike adds a row, so a product with a binary operand is a list of row additions and needs no
multiplication. Rows are added four at a time into a narrow accumulator that is spilled into the
wide result before it can overflow: 252 additions of int8 stay within int16 (252 * 128 < 2^15),
2^15 additions of int16 within int32, 256 products of int16 and int8 within int32. Every result
is exact.

Slow twins: ``tests/naive/spikes.py``; exact equality: ``tests/kernels/test_spike_gemm.py``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsnn.kernels.compiler import jit
from simsnn.kernels.spikes import popcount64

Words = NDArray[np.uint64]
Integers = NDArray[Any]

SPILL_INT8 = 252
SPILL_INT16 = 2**15
SPILL_PRODUCT = 256


@jit
def set_bits(row: Words, out: NDArray[np.int64]) -> int:
    """Write the indices of the set bits of one row into ``out``, ascending; return how many."""
    count = 0
    for word in range(row.size):
        rest = row[word]
        while rest != 0:
            lowest = rest & (~rest + np.uint64(1))
            out[count] = 64 * word + popcount64(lowest - np.uint64(1))
            count += 1
            rest ^= lowest
    return count


@jit
def _add_rows(right: Integers, rows: NDArray[np.int64], accumulator: Integers) -> None:
    """Add the listed rows of ``right`` into the accumulator, four at a time."""
    width, q = accumulator.size, 0
    while q + 4 <= rows.size:
        a, b, c, d = right[rows[q]], right[rows[q + 1]], right[rows[q + 2]], right[rows[q + 3]]
        for j in range(width):
            accumulator[j] += (a[j] + b[j]) + (c[j] + d[j])
        q += 4
    while q < rows.size:
        a = right[rows[q]]
        for j in range(width):
            accumulator[j] += a[j]
        q += 1


@jit
def _binary_product(left: Words, right: Integers, accumulator: Integers, spill: int, out: Integers) -> None:
    indices = np.zeros(max(right.shape[0], 1), np.int64)
    for m in range(left.shape[0]):
        count = set_bits(left[m], indices)
        result = out[m]
        for start in range(0, count, spill):
            accumulator[:] = 0
            _add_rows(right, indices[start : min(start + spill, count)], accumulator)
            for j in range(accumulator.size):
                result[j] += accumulator[j]


@jit
def packed_forward(spikes: Words, weights: NDArray[np.int8]) -> NDArray[np.int32]:
    """Currents of packed spikes times int8 weights.

    Parameters
    ----------
    spikes : NDArray[uint64], shape (M, ceil(K / 64))
        Packed rows.
    weights : NDArray[int8], shape (K, N)
        Weights; K below 2^24, so that int32 holds every sum.

    Returns
    -------
    NDArray[int32], shape (M, N)
    """
    out = np.zeros((spikes.shape[0], weights.shape[1]), np.int32)
    _binary_product(spikes, weights, np.zeros(weights.shape[1], np.int16), SPILL_INT8, out)
    return out


@jit
def transpose_bits(packed: Words, elements: int) -> Words:
    """Packed rows (M, ceil(K / 64)) as packed columns (K, ceil(M / 64))."""
    out = np.zeros((elements, (packed.shape[0] + 63) // 64), np.uint64)
    for row in range(packed.shape[0]):
        bit = np.uint64(1) << np.uint64(row % 64)
        for word in range(packed.shape[1]):
            rest = packed[row, word]
            while rest != 0:
                lowest = rest & (~rest + np.uint64(1))
                out[64 * word + popcount64(lowest - np.uint64(1)), row // 64] |= bit
                rest ^= lowest
    return out


@jit
def packed_weight_gradient(spikes: Words, gradient: NDArray[np.int16], inputs: int) -> NDArray[np.int64]:
    """Weight gradient: transposed packed spikes times int16 gradients.

    Parameters
    ----------
    spikes : NDArray[uint64], shape (M, ceil(K / 64))
        Packed rows, one per (slot, output pixel).
    gradient : NDArray[int16], shape (M, N)
        Gradient towards the currents.
    inputs : int
        K.

    Returns
    -------
    NDArray[int64], shape (K, N)
    """
    out = np.zeros((inputs, gradient.shape[1]), np.int64)
    columns = transpose_bits(spikes, inputs)
    _binary_product(columns, gradient, np.zeros(gradient.shape[1], np.int32), SPILL_INT16, out)
    return out


@jit
def _add_scaled_rows(
    right: NDArray[np.int8], scales: NDArray[np.int16], rows: NDArray[np.int64], accumulator: NDArray[np.int32]
) -> None:
    """Add ``scales[k] * right[k]`` for the listed k into the accumulator, two at a time."""
    width, q = accumulator.size, 0
    while q + 2 <= rows.size:
        a, b = right[rows[q]], right[rows[q + 1]]
        x, y = np.int32(scales[rows[q]]), np.int32(scales[rows[q + 1]])
        for j in range(width):
            accumulator[j] += np.int32(x * np.int32(a[j])) + np.int32(y * np.int32(b[j]))
        q += 2
    if q < rows.size:
        a, x = right[rows[q]], np.int32(scales[rows[q]])
        for j in range(width):
            accumulator[j] += np.int32(x * np.int32(a[j]))


@jit
def masked_input_gradient(gradient: NDArray[np.int16], weights: NDArray[np.int8], mask: Words) -> NDArray[np.int64]:
    """Input gradient where the mask wants it, zero elsewhere; zero gradients are skipped.

    Parameters
    ----------
    gradient : NDArray[int16], shape (M, K)
        Gradient towards the currents.
    weights : NDArray[int8], shape (K, N)
        Weights, as lowered for pass B.
    mask : NDArray[uint64], shape (M, ceil(N / 64))
        Packed mask of the wanted entries (output sparsity).

    Returns
    -------
    NDArray[int64], shape (M, N)
    """
    (rows, inner), width = gradient.shape, weights.shape[1]
    out = np.zeros((rows, width), np.int64)
    wanted, nonzero = np.zeros(max(width, 1), np.int64), np.zeros(max(inner, 1), np.int64)
    accumulator, total = np.zeros(width, np.int32), np.zeros(width, np.int64)
    for m in range(rows):
        active = set_bits(mask[m], wanted)
        if active == 0:
            continue
        count = 0
        for k in range(inner):
            if gradient[m, k] != 0:
                nonzero[count] = k
                count += 1
        total[:] = 0
        for start in range(0, count, SPILL_PRODUCT):
            accumulator[:] = 0
            _add_scaled_rows(weights, gradient[m], nonzero[start : min(start + SPILL_PRODUCT, count)], accumulator)
            for j in range(width):
                total[j] += accumulator[j]
        for position in range(active):
            out[m, wanted[position]] = total[wanted[position]]
    return out
