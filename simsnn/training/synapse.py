"""Dense synapse products of one layer by matrix multiplication, forward and both gradients.

Maps are channels-last, (S, H, W, C) with S = T*B slots, because the product of a column matrix
with the weights then already is the output map. Weights are (Co, Ci/g, Kh, Kw); columns are
(ky, kx, ci), ci fastest. Slots are taken in blocks that bound the column matrix, so a large map
costs time and not memory.

Equations: head of ``simsnn/workload/lowering.py``. Proof: ``tests/unit/test_training_model.py``
(against a loop over every connection) and ``tests/kernels/test_gradients.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from simsnn.workload.operation import ConvGeometry

Array = NDArray[Any]

_BLOCK_ELEMENTS = 1 << 22
"""Elements of the column matrix that are built at once (16 MiB of float32)."""


@dataclass(frozen=True, slots=True)
class Synapse:
    """Products of one convolution or linear layer.

    Parameters
    ----------
    geometry : ConvGeometry
        Its shape.
    """

    geometry: ConvGeometry

    def forward(self, x: Array, weights: Array) -> Array:
        """Currents (S, Ho, Wo, Co) of inputs (S, H, W, Ci) and weights (Co, Ci/g, Kh, Kw)."""
        g = self.geometry
        out = np.empty((len(x), g.out_h, g.out_w, g.out_channels), x.dtype)
        matrix = self._as_matrix(weights)
        for block in self._blocks(len(x)):
            np.matmul(self._columns(x[block]), matrix, out=self._split(out[block]))
        return out

    def weight_gradient(self, x: Array, gradient: Array) -> Array:
        """Gradient towards the weights, (Co, Ci/g, Kh, Kw), from inputs and the gradient towards the currents."""
        g = self.geometry
        shape = (g.groups, g.taps * (g.in_channels // g.groups), g.out_channels // g.groups)
        total = np.zeros(shape, x.dtype)
        for block in self._blocks(len(x)):
            total += np.matmul(self._columns(x[block]).transpose(0, 2, 1), self._split(gradient[block]))
        grid = total.reshape(g.groups, g.kernel_h, g.kernel_w, -1, shape[2])
        return grid.transpose(0, 4, 3, 1, 2).reshape(g.out_channels, -1, g.kernel_h, g.kernel_w)

    def input_gradient(self, gradient: Array, weights: Array) -> Array:
        """Gradient towards the inputs, (S, H, W, Ci), from the gradient (S, Ho, Wo, Co) towards the currents."""
        g, mirrored = self.geometry, self._mirrored()
        if mirrored is not None:
            grouped = weights.reshape(g.groups, -1, *weights.shape[1:])[..., ::-1, ::-1]
            return mirrored.forward(gradient, grouped.swapaxes(1, 2).reshape(g.in_channels, -1, *weights.shape[2:]))
        out = np.empty((len(gradient), g.in_h, g.in_w, g.in_channels), gradient.dtype)
        matrix = self._as_matrix(weights).transpose(0, 2, 1)
        for block in self._blocks(len(gradient)):
            self._scatter(np.matmul(self._split(gradient[block]), matrix), out[block])
        return out

    def _mirrored(self) -> Synapse | None:
        """The convolution with mirrored taps that is the input gradient at stride 1.

        Gathering the gradients takes one pass over them; scattering the product columns, which
        larger strides and paddings need, takes one per tap over as many columns.
        """
        g = self.geometry
        padding_h = g.dilation_h * (g.kernel_h - 1) - g.padding_h
        padding_w = g.dilation_w * (g.kernel_w - 1) - g.padding_w
        if (g.stride_h, g.stride_w) != (1, 1) or min(padding_h, padding_w) < 0 or self._pointwise:
            return None
        maps, strides, padding = (g.out_channels, g.out_h, g.out_w, g.in_channels), (1, 1), (padding_h, padding_w)
        kernel, dilation = (g.kernel_h, g.kernel_w), (g.dilation_h, g.dilation_w)
        return Synapse(ConvGeometry(*maps, *kernel, *strides, *padding, *dilation, g.groups))

    @property
    def _pointwise(self) -> bool:
        g = self.geometry
        return (g.taps, g.stride_h, g.stride_w, g.padding_h, g.padding_w) == (1, 1, 1, 0, 0)

    def _blocks(self, slots: int) -> Iterator[slice]:
        per_slot = self.geometry.out_pixels * self.geometry.taps * self.geometry.in_channels
        size = max(1, _BLOCK_ELEMENTS // per_slot)
        return (slice(start, min(start + size, slots)) for start in range(0, slots, size))

    def _as_matrix(self, weights: Array) -> Array:
        """(g, KK*Ci/g, Co/g) of weights (Co, Ci/g, Kh, Kw)."""
        g = self.geometry
        grouped = weights.reshape(g.groups, -1, *weights.shape[1:])
        return grouped.transpose(0, 3, 4, 2, 1).reshape(g.groups, -1, g.out_channels // g.groups)

    def _split(self, maps: Array) -> Array:
        """View (g, S*Ho*Wo, Co/g) of maps (S, Ho, Wo, Co)."""
        return maps.reshape(-1, self.geometry.groups, maps.shape[-1] // self.geometry.groups).transpose(1, 0, 2)

    def _columns(self, x: Array) -> Array:
        """Column matrices (g, S*Ho*Wo, KK*Ci/g) of inputs (S, H, W, Ci)."""
        g = self.geometry
        if self._pointwise:
            return self._split(np.ascontiguousarray(x))
        windows = self._windows(self._padded(x))
        if g.groups == 1:
            return windows.reshape(1, -1, g.taps * g.in_channels)
        grouped = windows.reshape(*windows.shape[:5], g.groups, -1).transpose(5, 0, 1, 2, 3, 4, 6)
        return grouped.reshape(g.groups, -1, g.taps * (g.in_channels // g.groups))

    def _padded(self, x: Array) -> Array:
        g = self.geometry
        if g.padding_h == g.padding_w == 0:
            return np.ascontiguousarray(x)
        shape = (len(x), g.in_h + 2 * g.padding_h, g.in_w + 2 * g.padding_w, g.in_channels)
        padded = np.zeros(shape, x.dtype)
        padded[:, g.padding_h : g.padding_h + g.in_h, g.padding_w : g.padding_w + g.in_w] = x
        return padded

    def _windows(self, padded: Array) -> Array:
        """View (S, Ho, Wo, Kh, Kw, Ci) of padded inputs."""
        g = self.geometry
        slot, row, column, channel = padded.strides
        shape = (len(padded), g.out_h, g.out_w, g.kernel_h, g.kernel_w, g.in_channels)
        strides = (slot, row * g.stride_h, column * g.stride_w, row * g.dilation_h, column * g.dilation_w, channel)
        return as_strided(padded, shape, strides, writeable=False)

    def _scatter(self, columns: Array, out: Array) -> None:
        """Add column gradients (g, S*Ho*Wo, KK*Ci/g) to the inputs they were gathered from."""
        g = self.geometry
        if self._pointwise:
            self._split(out)[...] = columns
            return
        shape = (g.groups, len(out), g.out_h, g.out_w, g.kernel_h, g.kernel_w, g.in_channels // g.groups)
        windows = columns.reshape(shape)
        padded = np.zeros((len(out), g.in_h + 2 * g.padding_h, g.in_w + 2 * g.padding_w, g.in_channels), out.dtype)
        target = padded.reshape(*padded.shape[:3], g.groups, -1)
        for ky in range(g.kernel_h):
            rows = slice(ky * g.dilation_h, ky * g.dilation_h + (g.out_h - 1) * g.stride_h + 1, g.stride_h)
            for kx in range(g.kernel_w):
                cols = slice(kx * g.dilation_w, kx * g.dilation_w + (g.out_w - 1) * g.stride_w + 1, g.stride_w)
                # one tap reaches every input pixel at most once, so += loses nothing
                target[:, rows, cols] += windows[:, :, :, :, ky, kx].transpose(1, 2, 3, 0, 4)
        out[...] = padded[:, g.padding_h : g.padding_h + g.in_h, g.padding_w : g.padding_w + g.in_w]
