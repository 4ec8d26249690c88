"""Input pixels of a convolution's backward product, in the order in which groups take them.

Source: docs/machines sections 3.1 and 5. Pixels run (b, t descending, y, x), x fastest. The taps
that exist for input pixel (i, j) are the (ky, kx) for which ``(i + pad - d*ky)/s`` and the same in
x are whole and inside the output map: the table of the B lowering with zeros between strides.
All slots look alike, so one slot is enumerated and shifted.

Proof: ``tests/reference/test_dual_sparse_values.py`` against a loop over the forward sum.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simsnn.errors import ConfigError, Where
from simsnn.reference.dual_sparse_machine import PixelList
from simsnn.workload.lowering import BLowering, gathers
from simsnn.workload.operation import ConvGeometry, Pass

Ints = NDArray[np.int64]


def slot_order(slots: int, timesteps: int) -> Ints:
    """Slots b * T + t in processing order: b ascending, t descending.

    Raises
    ------
    ConfigError
        If the slots are not whole samples.
    """
    if timesteps < 1 or slots < 0 or slots % timesteps:
        raise ConfigError(
            f"{slots} slots are not whole samples of {timesteps} time steps",
            where=Where("slots"),
            value=slots,
            allowed=("a multiple of the time steps",),
            remedy="cut the operation at sample boundaries",
        )
    return np.arange(slots, dtype=np.int64).reshape(-1, timesteps)[:, ::-1].ravel()


def _one_slot(geometry: ConvGeometry) -> tuple[Ints, Ints, Ints]:
    """(entries of each pixel, output pixel of each entry, tap of each entry) of slot 0."""
    ((_, gather),) = gathers(geometry, Pass.B, BLowering.ZEROS)
    source_y, source_x = gather.source_y[:, None, :, None], gather.source_x[None, :, None, :]
    exists = (source_y >= 0) & (source_x >= 0)
    pixel = np.where(exists, source_y * geometry.out_w + source_x, 0)
    taps = np.arange(geometry.taps).reshape(1, 1, geometry.kernel_h, geometry.kernel_w)
    entries = exists.sum(axis=(2, 3), dtype=np.int64).ravel()
    return entries, pixel[exists], np.broadcast_to(taps, exists.shape)[exists].astype(np.int64)


def pixel_list(geometry: ConvGeometry, slots: int, timesteps: int) -> PixelList:
    """Pixels and fields of one convolution group; all groups share them.

    Parameters
    ----------
    geometry : ConvGeometry
        Convolution; linear is 1x1 on one pixel.
    slots, timesteps : int
        B * T slots of T time steps each; slot b * T + t.

    Returns
    -------
    PixelList
        Row ``slot * in_pixels + y * in_w + x`` of the input gradient, rows
        ``slot * out_pixels + y * out_w + x`` of the neuron-input gradient, taps ky * Kw + kx.

    Raises
    ------
    ConfigError
        If the slots are not whole samples.
    """
    order = slot_order(slots, timesteps)
    entries, source, taps = _one_slot(geometry)
    rows = order[:, None] * geometry.in_pixels + np.arange(geometry.in_pixels, dtype=np.int64)
    starts = np.zeros(rows.size + 1, dtype=np.int64)
    np.cumsum(np.broadcast_to(entries, rows.shape).ravel(), out=starts[1:])
    field_rows = order[:, None] * geometry.out_pixels + source
    return PixelList(rows.ravel(), starts, field_rows.ravel(), np.tile(taps, len(order)))
