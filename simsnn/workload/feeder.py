"""Operand feeder: buffer reads that stream a convolution operand, and the non-zeros it streams.

Source: docs/machines section 3.1. ``explicit`` reads the buffer once per streamed element,
padding zeros included; ``line_buffer`` reads each distinct stored element that a fold touches
once per fold, padding being made at the edge of the array. Both are exact enumerations, not
estimates.

All ranges are half-open, ``start <= i < stop``. Slow twins: ``tests/naive/lowering.py``; proof:
``tests/kernels/test_im2col.py``.
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from simsnn.kernels import im2col as kernels
from simsnn.workload.lowering import BLowering, Gather, Lowered, gathers
from simsnn.workload.operation import ConvGeometry, Pass
from simsnn.workload.spike_tensor import SpikeTensor

Ranges = NDArray[np.int64]


class Feeder(StrEnum):
    """How the array's edge gets a convolution operand (hardware key ``im2col``)."""

    EXPLICIT = "explicit"
    LINE_BUFFER = "line_buffer"


def distinct_elements(product: Lowered, k_start: int, k_stop: int, m_start: int, m_stop: int) -> int:
    """Distinct stored elements under a block of the left operand, padding excluded.

    Parameters
    ----------
    product : Lowered
        One product of a lowering; in pass W rows m are (ky, kx, ci) and k is (b, t, y, x).
    k_start, k_stop, m_start, m_stop : int
        Block of the M x K left operand.
    """
    columns, rows = (k_start, k_stop), (m_start, m_stop)
    if product.transposed:
        columns, rows = rows, columns
    return _distinct(product.gather, *columns, *rows)


def _distinct(gather: Gather, column_start: int, column_stop: int, row_start: int, row_stop: int) -> int:
    sizes = (gather.source_h, gather.source_w, gather.channels)
    block = (column_start, column_stop, row_start, row_stop)
    return int(kernels.distinct_elements(gather.source_y, gather.source_x, *sizes, *block))


def fold_reads(product: Lowered, feeder: Feeder, k_ranges: Ranges, m_ranges: Ranges) -> NDArray[np.int64]:
    """Buffer reads of the left operand for every fold.

    Parameters
    ----------
    product : Lowered
        One product of a lowering.
    feeder : Feeder
        Kind of the operand feeder.
    k_ranges, m_ranges : NDArray[int64], shapes (nk, 2) and (nm, 2)
        (start, stop) of every fold along K and along M.

    Returns
    -------
    NDArray[int64], shape (nk, nm)
        Reads of the fold (k range, m range).
    """
    if feeder is Feeder.EXPLICIT:
        return np.outer(k_ranges[:, 1] - k_ranges[:, 0], m_ranges[:, 1] - m_ranges[:, 0])
    if product.transposed:
        return _block_reads(product.gather, m_ranges, k_ranges).T
    return _block_reads(product.gather, k_ranges, m_ranges)


def _block_reads(gather: Gather, column_ranges: Ranges, row_ranges: Ranges) -> NDArray[np.int64]:
    # whole slots shift a row range without changing its count: enumerate each shape once
    shifted = row_ranges - row_ranges[:, :1] // gather.pixels * gather.pixels
    span = int(shifted[:, 1].max()) + 1
    codes, position = np.unique(shifted[:, 0] * span + shifted[:, 1], return_inverse=True)  # far faster than pairs
    shapes = np.stack(np.divmod(codes, span), axis=1)
    sizes = (gather.source_h, gather.source_w, gather.channels)
    counts = kernels.distinct_blocks(
        gather.source_y, gather.source_x, *sizes, np.ascontiguousarray(column_ranges), np.ascontiguousarray(shapes)
    )
    return counts[:, position.reshape(-1)]


def input_elements(geometry: ConvGeometry, row_start: int, row_stop: int) -> int:
    """Input elements, halo included, that rows m of pass F need over all of K and all groups."""
    ((_, gather),) = gathers(geometry, Pass.F, BLowering.PHASES)
    return geometry.groups * _distinct(gather, 0, gather.columns, row_start, row_stop)


def streamed_nonzeros(spikes: SpikeTensor, geometry: ConvGeometry) -> int:
    """Non-zero entries of the streamed matrix of passes F and W, all groups and slots.

    Each spike counts once per window and tap that really reads it; padding never counts. Spikes
    may be flat where the layer is, (T, B, N) or an unflattened (T, B, C, H, W) with C*H*W = N.

    Raises
    ------
    ValueError
        If a slot of ``spikes`` is not the layer's input.
    """
    elements = geometry.in_channels * geometry.in_pixels
    if spikes.slot_elements != elements:
        raise ValueError(f"the layer reads {elements} elements per slot, the spikes hold {spikes.slot_elements}")
    ((_, gather),) = gathers(geometry, Pass.F, BLowering.PHASES)
    pixels = spikes.element_counts().reshape(geometry.in_channels, geometry.in_pixels).sum(axis=0)
    return int(pixels @ uses_per_pixel(gather).reshape(-1))


def uses_per_pixel(gather: Gather) -> NDArray[np.int64]:
    """How many (row of one slot, tap) read each source pixel, shape (source_h, source_w)."""
    down = np.bincount(gather.source_y[gather.source_y >= 0], minlength=gather.source_h)
    across = np.bincount(gather.source_x[gather.source_x >= 0], minlength=gather.source_w)
    return np.outer(down, across).astype(np.int64, copy=False)
