"""Lowering: which matrix products a convolution becomes in passes F, B and W, and why they are right.

Source: docs/machines section 3.1. With spikes ``s``, weights ``w``, currents ``I`` and gradients
``g`` towards the currents, stride s, padding p, dilation d, all sums over one group:

- F: ``I[y, x, co] = sum over ky, kx, ci of s[y*s + d*ky - p, x*s + d*kx - p, ci] * w[co, ci, ky, kx]``
- B: ``e[i, j, ci] = sum over ky, kx, co of g[(i + p - d*ky)/s, (j + p - d*kx)/s, co] * w[co, ci, ky, kx]``,
  over the taps for which both quotients are whole and inside the map
- W: ``dw[co, ci, ky, kx] = sum over slots, y, x of s[y*s + d*ky - p, x*s + d*kx - p, ci] * g[y, x, co]``

The pixel that a row of the streamed matrix reads through a tap is separable into a source row
and a source column, so one :class:`Gather` of two small tables describes every lowering; the
operand feeder and the sparse counts are computed from the same tables.

Orders. Tensors are stored time-major, (T, B, C, H, W) or (T, B, N); a slot is one (b, t) pair and
slots run b outer, t inner (slot = b*T + t). Rows m of a streamed matrix are (b, t, y, x), x
fastest. K, the rows of dW and the columns of the col2im product are (ky, kx, c), c fastest.
Weights are (Co, Ci/g, Kh, Kw). The products of one pass follow one another group by group, and
within a group phase by phase, (y mod s) outer, (x mod s) inner; empty phases are absent.

Proof: ``tests/unit/test_lowering.py`` multiplies the operands built here, scatters the products
back and compares them with a loop over the sums above, exactly, in integers.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsnn.errors import UnsupportedOperation
from simsnn.workload.operation import ConvGeometry, Gemm, Pass

Tensor = NDArray[Any]
OperandPair = tuple[Tensor, Tensor]


class BLowering(StrEnum):
    """How the input gradient becomes matrix products (docs/machines section 3.1)."""

    PHASES = "phases"
    ZEROS = "zeros"
    COL2IM = "col2im"


@dataclass(frozen=True, slots=True, eq=False)
class Gather:
    """Where the rows of a streamed matrix lie in the tensor it is gathered from.

    Row (slot, y, x) reads through tap (ky, kx) the source pixel ``(source_y[y, ky], source_x[x, kx])``
    of the same slot; -1 means outside the map, which streams a zero.

    Parameters
    ----------
    source_y : NDArray[int64], shape (rows of the grid, taps in y)
        Source row, or -1.
    source_x : NDArray[int64], shape (columns of the grid, taps in x)
        Source column, or -1.
    source_h, source_w : int
        Size of the source map.
    channels : int
        Source channels of one group: the streamed matrix has ``taps * channels`` columns.
    """

    source_y: NDArray[np.int64]
    source_x: NDArray[np.int64]
    source_h: int
    source_w: int
    channels: int

    @property
    def pixels(self) -> int:
        """Rows of the streamed matrix per slot."""
        return len(self.source_y) * len(self.source_x)

    @property
    def taps(self) -> int:
        """Taps through which every row reads."""
        return int(self.source_y.shape[1]) * int(self.source_x.shape[1])

    @property
    def columns(self) -> int:
        """Columns of the streamed matrix."""
        return self.taps * self.channels


@dataclass(frozen=True, slots=True)
class Phase:
    """Input pixels ``(y mod s, x mod s) = (y, x)`` and the taps that reach them.

    Parameters
    ----------
    y, x : int
        Residue of the pixel's row and column.
    rows, columns : int
        Input rows and columns of this residue.
    taps_y, taps_x : tuple of int
        The ky (kx) with ``(y + pad - d*ky) mod s = 0``, ascending.
    """

    y: int
    x: int
    rows: int
    columns: int
    taps_y: tuple[int, ...]
    taps_x: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Lowered:
    """One product of a lowering and what it means.

    Parameters
    ----------
    gemm : Gemm
        Its size.
    group : int
        Convolution group it belongs to.
    phase : Phase or None
        Phase of the input pixels it computes; None except for ``BLowering.PHASES``.
    gather : Gather
        Reads the left operand (its transpose, if ``transposed``) out of the stored tensor.
    transposed : bool
        True in pass W: rows m are the gather's columns, and k its rows.
    """

    gemm: Gemm
    group: int
    phase: Phase | None
    gather: Gather
    transposed: bool


def _residues(
    size: int, kernel: int, stride: int, padding: int, dilation: int
) -> list[tuple[int, int, tuple[int, ...]]]:
    """(residue, pixels, taps) of one axis, without the residues that no pixel or no tap has."""
    found = []
    for residue in range(min(stride, size)):
        taps = tuple(k for k in range(kernel) if (residue + padding - dilation * k) % stride == 0)
        if taps:
            found.append((residue, (size - residue + stride - 1) // stride, taps))
    return found


def phases(geometry: ConvGeometry) -> tuple[Phase, ...]:
    """Phases of the input pixels that hold a pixel and a tap, y residue outer, x residue inner."""
    g = geometry
    rows = _residues(g.in_h, g.kernel_h, g.stride_h, g.padding_h, g.dilation_h)
    columns = _residues(g.in_w, g.kernel_w, g.stride_w, g.padding_w, g.dilation_w)
    return tuple(Phase(y, x, ny, nx, ky, kx) for y, ny, ky in rows for x, nx, kx in columns)


def _inside(source: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    table = np.where((source >= 0) & (source < size), source, -1)
    table.setflags(write=False)
    return table


def _forward_axis(size: int, out: int, kernel: int, stride: int, padding: int, dilation: int) -> NDArray[np.int64]:
    """Input coordinate of (output coordinate, tap)."""
    return _inside(np.arange(out)[:, None] * stride + np.arange(kernel)[None] * dilation - padding, size)


def _backward_axis(
    pixels: NDArray[np.int64], taps: NDArray[np.int64], out: int, stride: int, padding: int, dilation: int
) -> NDArray[np.int64]:
    """Output coordinate of (input coordinate, tap), -1 between strides."""
    shifted = pixels[:, None] + padding - taps[None] * dilation
    return _inside(np.where(shifted % stride == 0, shifted // stride, -1), out)


def _forward_gather(g: ConvGeometry) -> Gather:
    return Gather(
        _forward_axis(g.in_h, g.out_h, g.kernel_h, g.stride_h, g.padding_h, g.dilation_h),
        _forward_axis(g.in_w, g.out_w, g.kernel_w, g.stride_w, g.padding_w, g.dilation_w),
        g.in_h,
        g.in_w,
        g.in_channels // g.groups,
    )


def _backward_gather(g: ConvGeometry, phase: Phase | None) -> Gather:
    if phase is None:
        rows, columns = np.arange(g.in_h), np.arange(g.in_w)
        taps_y, taps_x = np.arange(g.kernel_h), np.arange(g.kernel_w)
    else:
        rows, columns = np.arange(phase.y, g.in_h, g.stride_h), np.arange(phase.x, g.in_w, g.stride_w)
        taps_y, taps_x = np.array(phase.taps_y), np.array(phase.taps_x)
    return Gather(
        _backward_axis(rows, taps_y, g.out_h, g.stride_h, g.padding_h, g.dilation_h),
        _backward_axis(columns, taps_x, g.out_w, g.stride_w, g.padding_w, g.dilation_w),
        g.out_h,
        g.out_w,
        g.out_channels // g.groups,
    )


def _pointwise_gather(g: ConvGeometry) -> Gather:
    rows, columns = np.arange(g.out_h)[:, None], np.arange(g.out_w)[:, None]
    return Gather(_inside(rows, g.out_h), _inside(columns, g.out_w), g.out_h, g.out_w, g.out_channels // g.groups)


@lru_cache(maxsize=1024)
def gathers(geometry: ConvGeometry, pass_: Pass, b_lowering: BLowering) -> tuple[tuple[Phase | None, Gather], ...]:
    """(phase, gather) of every product of one group; all groups share them.

    Raises
    ------
    UnsupportedOperation
        For a pass that is no synapse product.
    """
    if pass_ in (Pass.F, Pass.W, Pass.R):
        return ((None, _forward_gather(geometry)),)
    if pass_ is not Pass.B:
        message = f"pass {pass_} has no synapse product to lower"
        raise UnsupportedOperation(message, value=str(pass_), allowed=("F", "B", "W", "R"))
    if b_lowering is BLowering.PHASES:
        return tuple((phase, _backward_gather(geometry, phase)) for phase in phases(geometry))
    if b_lowering is BLowering.ZEROS:
        return ((None, _backward_gather(geometry, None)),)
    return ((None, _pointwise_gather(geometry)),)


def _right_columns(geometry: ConvGeometry, pass_: Pass, b_lowering: BLowering) -> int:
    if pass_ is Pass.B:
        inputs = geometry.in_channels // geometry.groups
        return inputs * geometry.taps if b_lowering is BLowering.COL2IM else inputs
    return geometry.out_channels // geometry.groups


@lru_cache(maxsize=1024)
def lowered(geometry: ConvGeometry, pass_: Pass, b_lowering: BLowering, slots: int) -> tuple[Lowered, ...]:
    """Products of one pass in fold-list order (group outer, phase inner), with their meaning.

    Parameters
    ----------
    geometry : ConvGeometry
        Convolution; linear is 1x1 on one pixel, conv1d has height 1.
    pass_ : Pass
        F, B, W, or R, which repeats F.
    b_lowering : BLowering
        Form of pass B; the other passes ignore it.
    slots : int
        (b, t) pairs covered, B * T for a whole batch.

    Raises
    ------
    UnsupportedOperation
        For a pass that is no synapse product.
    """
    n = _right_columns(geometry, pass_, b_lowering)
    products = []
    for group in range(geometry.groups):
        for phase, gather in gathers(geometry, pass_, b_lowering):
            rows, columns = slots * gather.pixels, gather.columns
            gemm = Gemm(columns, rows, n) if pass_ is Pass.W else Gemm(rows, columns, n)
            products.append(Lowered(gemm, group, phase, gather, pass_ is Pass.W))
    return tuple(products)


@lru_cache(maxsize=1024)
def lower(geometry: ConvGeometry, pass_: Pass, b_lowering: BLowering, slots: int) -> tuple[Gemm, ...]:
    """Sizes of :func:`lowered` alone."""
    return tuple(product.gemm for product in lowered(geometry, pass_, b_lowering, slots))


def scatter_adds(geometry: ConvGeometry, slots: int) -> int:
    """Scatter-adds on the vector unit after ``BLowering.COL2IM``: M * N of every group."""
    return sum(gemm.m * gemm.n for gemm in lower(geometry, Pass.B, BLowering.COL2IM, slots))
