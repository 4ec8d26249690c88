"""Slow obvious twin of the lowering: a convolution and its two gradients, one scalar at a time."""

from __future__ import annotations

from itertools import product

import numpy as np

from simsnn.workload.operation import ConvGeometry


def _connections(g: ConvGeometry):
    """All (co, ci of the group, ky, kx, oy, ox, ci, iy, ix) that the convolution connects."""
    ci_group, co_group = g.in_channels // g.groups, g.out_channels // g.groups
    for co, c, ky, kx, oy, ox in product(
        range(g.out_channels), range(ci_group), range(g.kernel_h), range(g.kernel_w), range(g.out_h), range(g.out_w)
    ):
        iy = oy * g.stride_h + ky * g.dilation_h - g.padding_h
        ix = ox * g.stride_w + kx * g.dilation_w - g.padding_w
        if 0 <= iy < g.in_h and 0 <= ix < g.in_w:
            yield co, c, ky, kx, oy, ox, co // co_group * ci_group + c, iy, ix


def forward(spikes: np.ndarray, weights: np.ndarray, g: ConvGeometry) -> np.ndarray:
    """Currents (T, B, Co, Ho, Wo)."""
    out = np.zeros((*spikes.shape[:2], g.out_channels, g.out_h, g.out_w), np.int64)
    for co, c, ky, kx, oy, ox, ci, iy, ix in _connections(g):
        out[:, :, co, oy, ox] += spikes[:, :, ci, iy, ix] * weights[co, c, ky, kx]
    return out


def input_gradient(gradient: np.ndarray, weights: np.ndarray, g: ConvGeometry) -> np.ndarray:
    """Gradient towards the inputs (T, B, Ci, H, W)."""
    out = np.zeros((*gradient.shape[:2], g.in_channels, g.in_h, g.in_w), np.int64)
    for co, c, ky, kx, oy, ox, ci, iy, ix in _connections(g):
        out[:, :, ci, iy, ix] += gradient[:, :, co, oy, ox] * weights[co, c, ky, kx]
    return out


def weight_gradient(spikes: np.ndarray, gradient: np.ndarray, g: ConvGeometry) -> np.ndarray:
    """Gradient towards the weights (Co, Ci/g, Kh, Kw)."""
    out = np.zeros((g.out_channels, g.in_channels // g.groups, g.kernel_h, g.kernel_w), np.int64)
    for co, c, ky, kx, oy, ox, ci, iy, ix in _connections(g):
        out[co, c, ky, kx] += int((spikes[:, :, ci, iy, ix] * gradient[:, :, co, oy, ox]).sum())
    return out


def im2col_entries(g: ConvGeometry, slots: int) -> dict[tuple[int, int], tuple[int, int, int, int] | None]:
    """Element (slot, y, x, channel of the group) at every (m, k) of the forward matrix; None is padding."""
    entries: dict[tuple[int, int], tuple[int, int, int, int] | None] = {}
    channels = g.in_channels // g.groups
    rows = product(range(slots), range(g.out_h), range(g.out_w))
    for m, (slot, oy, ox) in enumerate(rows):
        for k, (ky, kx, ci) in enumerate(product(range(g.kernel_h), range(g.kernel_w), range(channels))):
            iy = oy * g.stride_h + ky * g.dilation_h - g.padding_h
            ix = ox * g.stride_w + kx * g.dilation_w - g.padding_w
            inside = 0 <= iy < g.in_h and 0 <= ix < g.in_w
            entries[m, k] = (slot, iy, ix, ci) if inside else None
    return entries


def backward_entries(g: ConvGeometry, slots: int, phase: tuple[int, int] | None):
    """Same for the gradient matrix of pass B: one phase, or every input pixel with zeros inserted."""
    entries: dict[tuple[int, int], tuple[int, int, int, int] | None] = {}
    channels = g.out_channels // g.groups
    pixels = [
        (y, x)
        for y, x in product(range(g.in_h), range(g.in_w))
        if phase is None or (y % g.stride_h, x % g.stride_w) == phase
    ]
    taps = [
        (ky, kx)
        for ky, kx in product(range(g.kernel_h), range(g.kernel_w))
        if phase is None
        or (
            (phase[0] + g.padding_h - g.dilation_h * ky) % g.stride_h == 0
            and (phase[1] + g.padding_w - g.dilation_w * kx) % g.stride_w == 0
        )
    ]
    for m, (slot, (y, x)) in enumerate(product(range(slots), pixels)):
        for k, ((ky, kx), co) in enumerate(product(taps, range(channels))):
            ty, tx = y + g.padding_h - g.dilation_h * ky, x + g.padding_w - g.dilation_w * kx
            oy, ox = ty // g.stride_h, tx // g.stride_w
            whole = ty % g.stride_h == 0 and tx % g.stride_w == 0
            inside = whole and 0 <= oy < g.out_h and 0 <= ox < g.out_w
            entries[m, k] = (slot, oy, ox, co) if inside else None
    return entries


def random_geometry(rng: np.random.Generator) -> ConvGeometry:
    """A small convolution: non-square, strided, padded, dilated, grouped; 1 in 6 each conv1d and linear."""
    groups = int(rng.choice([1, 1, 2, 3]))
    kind = rng.integers(6)
    if kind == 0:
        return ConvGeometry(int(rng.integers(1, 9)), 1, 1, int(rng.integers(1, 9)))
    while True:
        kh, kw, sh, sw = (int(v) for v in rng.integers(1, 5, 4))
        ph, pw = (int(v) for v in rng.integers(0, 4, 2))
        dh, dw = (int(v) for v in rng.integers(1, 4, 2))
        h, w = (int(v) for v in rng.integers(1, 9, 2))
        if kind == 1:
            kh, sh, ph, dh, h = 1, 1, 0, 1, 1
        depthwise = rng.random() < 0.2
        ci = groups * (1 if depthwise else int(rng.integers(1, 4)))
        co = groups * int(rng.integers(1, 4))
        geometry = ConvGeometry(ci, h, w, co, kh, kw, sh, sw, ph, pw, dh, dw, groups)
        if geometry.out_h >= 1 and geometry.out_w >= 1:
            return geometry
