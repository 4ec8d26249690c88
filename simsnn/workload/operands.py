"""Values of a lowering: operand matrices out of tensors, and products scattered back into tensors.

Orders and equations are those of :mod:`simsnn.workload.lowering`. Tensors are (T, B, C, H, W) or
(T, B, N), which is read as (T, B, N, 1, 1); weights are (Co, Ci/g, Kh, Kw). Every function keeps
the dtype it is given, so integers stay exact.

Proof: ``tests/unit/test_lowering.py``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simsnn.workload.lowering import BLowering, Gather, OperandPair, Phase, Tensor, gathers
from simsnn.workload.operation import ConvGeometry, Pass


def slot_major(tensor: Tensor) -> Tensor:
    """(T, B, C, H, W) or (T, B, N) as (slots, H, W, C) with slot = b*T + t."""
    if tensor.ndim == 3:
        tensor = tensor[..., None, None]
    steps, batch, channels, height, width = tensor.shape
    return tensor.transpose(1, 0, 3, 4, 2).reshape(batch * steps, height, width, channels)


def time_major(slots: Tensor, timesteps: int) -> Tensor:
    """(slots, H, W, C) as (T, B, C, H, W), the inverse of :func:`slot_major`."""
    count, height, width, channels = slots.shape
    return slots.reshape(count // timesteps, timesteps, height, width, channels).transpose(1, 0, 4, 2, 3)


def im2col(tensor: Tensor, gather: Gather, group: int) -> Tensor:
    """Streamed matrix of one group, shape (slots * pixels, taps * channels), padding as zeros."""
    source = slot_major(tensor)[..., group * gather.channels : (group + 1) * gather.channels]
    bordered = np.pad(source, ((0, 0), (0, 1), (0, 1), (0, 0)))  # index -1 reads the zero border
    gathered = bordered[:, gather.source_y[:, None, :, None], gather.source_x[None, :, None, :]]
    return np.ascontiguousarray(gathered.reshape(len(source) * gather.pixels, gather.columns))


def _group_weights(weights: Tensor, geometry: ConvGeometry, group: int) -> Tensor:
    size = geometry.out_channels // geometry.groups
    return weights[group * size : (group + 1) * size]


def forward_operands(spikes: Tensor, weights: Tensor, geometry: ConvGeometry) -> list[OperandPair]:
    """Left (B*T*Eo, KK*Ci/g) and right (KK*Ci/g, Co/g) of every group of pass F.

    Parameters
    ----------
    spikes : array, shape (T, B, Ci, H, W) or (T, B, N)
        Inputs of the layer, binary or not.
    weights : array, shape (Co, Ci/g, Kh, Kw)
        Weights.
    geometry : ConvGeometry
        Shape of the layer.
    """
    ((_, gather),) = gathers(geometry, Pass.F, BLowering.PHASES)
    pairs = []
    for group in range(geometry.groups):
        right = _group_weights(weights, geometry, group).transpose(2, 3, 1, 0)
        pairs.append((im2col(spikes, gather, group), np.ascontiguousarray(right.reshape(gather.columns, -1))))
    return pairs


def _backward_right(weights: Tensor, phase: Phase | None, b_lowering: BLowering) -> Tensor:
    if b_lowering is BLowering.COL2IM:
        right = weights.transpose(0, 2, 3, 1).reshape(len(weights), -1)
    else:
        if phase is not None:
            weights = weights[:, :, list(phase.taps_y)][:, :, :, list(phase.taps_x)]
        right = weights.transpose(2, 3, 0, 1).reshape(-1, weights.shape[1])
    return np.ascontiguousarray(right)


def backward_operands(
    gradient: Tensor, weights: Tensor, geometry: ConvGeometry, b_lowering: BLowering
) -> list[OperandPair]:
    """Left and right operands of pass B, in the order of :func:`simsnn.workload.lowering.lower`.

    Parameters
    ----------
    gradient : array, shape (T, B, Co, Ho, Wo) or (T, B, N)
        Gradient towards the currents of the layer.
    weights : array, shape (Co, Ci/g, Kh, Kw)
        Weights.
    geometry, b_lowering : ConvGeometry, BLowering
        Shape of the layer and form of the lowering.
    """
    pairs = []
    for group in range(geometry.groups):
        own = _group_weights(weights, geometry, group)
        for phase, gather in gathers(geometry, Pass.B, b_lowering):
            pairs.append((im2col(gradient, gather, group), _backward_right(own, phase, b_lowering)))
    return pairs


def weight_gradient_operands(spikes: Tensor, gradient: Tensor, geometry: ConvGeometry) -> list[OperandPair]:
    """Left (KK*Ci/g, B*T*Eo) and right (B*T*Eo, Co/g) of every group of pass W."""
    ((_, inputs),) = gathers(geometry, Pass.W, BLowering.PHASES)
    ((_, outputs),) = gathers(geometry, Pass.B, BLowering.COL2IM)
    return [
        (np.ascontiguousarray(im2col(spikes, inputs, group).T), im2col(gradient, outputs, group))
        for group in range(geometry.groups)
    ]


def scatter_forward(products: Sequence[Tensor], geometry: ConvGeometry, timesteps: int) -> Tensor:
    """Products of pass F as currents of shape (T, B, Co, Ho, Wo)."""
    slots = len(products[0]) // geometry.out_pixels
    shape = (slots, geometry.out_h, geometry.out_w, geometry.out_channels // geometry.groups)
    return time_major(np.concatenate([p.reshape(shape) for p in products], axis=-1), timesteps)


def scatter_input_gradient(
    products: Sequence[Tensor], geometry: ConvGeometry, b_lowering: BLowering, slots: int, timesteps: int
) -> Tensor:
    """Products of pass B as the input gradient of shape (T, B, Ci, H, W).

    ``slots`` is B * T; it cannot be read off the products, since a lowering may have none
    (stride beyond the kernel). Pixels of absent phases are exactly zero.
    """
    inputs = geometry.in_channels // geometry.groups
    dtype = np.result_type(*products) if products else np.dtype(np.int64)
    result: Tensor = np.zeros((slots, geometry.in_h, geometry.in_w, geometry.in_channels), dtype)
    each = [(group, phase) for group in range(geometry.groups) for phase, _ in gathers(geometry, Pass.B, b_lowering)]
    for (group, phase), product in zip(each, products, strict=True):
        target = result[..., group * inputs : (group + 1) * inputs]
        if b_lowering is BLowering.COL2IM:
            _scatter_columns(product, target, geometry)
        elif phase is None:
            target[...] = product.reshape(target.shape)
        else:
            own = target[:, phase.y :: geometry.stride_h, phase.x :: geometry.stride_w]
            own[...] = product.reshape(own.shape)
    return time_major(result, timesteps)


def _scatter_columns(product: Tensor, target: Tensor, geometry: ConvGeometry) -> None:
    """Add every (row, tap) of a col2im product to the input pixel it came from."""
    ((_, gather),) = gathers(geometry, Pass.F, BLowering.PHASES)
    shape = (len(target), geometry.out_h, geometry.out_w, geometry.kernel_h, geometry.kernel_w, -1)
    columns = product.reshape(shape)
    for ky in range(geometry.kernel_h):
        for kx in range(geometry.kernel_w):
            rows, cols = gather.source_y[:, ky], gather.source_x[:, kx]
            y, x = np.flatnonzero(rows >= 0), np.flatnonzero(cols >= 0)
            # one tap reaches every input pixel at most once, so += loses nothing
            target[:, rows[y][:, None], cols[x][None]] += columns[:, y[:, None], x[None], ky, kx]


def scatter_weight_gradient(products: Sequence[Tensor], geometry: ConvGeometry) -> Tensor:
    """Products of pass W as a weight gradient of shape (Co, Ci/g, Kh, Kw)."""
    shape = (geometry.kernel_h, geometry.kernel_w, geometry.in_channels // geometry.groups, -1)
    return np.concatenate([p.reshape(shape).transpose(3, 2, 0, 1) for p in products], axis=0)
