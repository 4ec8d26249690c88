"""SpikeTensor: a bit-packed, read-only binary tensor.

Tensors are time-major, (T, B, C, H, W) or (T, B, N), and packed: each (t, b) slot is one row of
``ceil(C*H*W / 64)`` words, elements in (c, y, x) order, x fastest, bit k of word w being element
``64*w + k``.

Proof: ``tests/unit/test_activity.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsnn.kernels.spikes import Counts, Words, element_counts, pack, popcount, row_counts, unpack, words_for


@dataclass(frozen=True, eq=False)
class SpikeTensor:
    """A binary tensor, bit-packed, read-only.

    Parameters
    ----------
    packed : NDArray[uint64], shape (T, B, ceil(elements / 64))
        One row of words per (t, b) slot; unused bits are zero.
    shape : tuple of int
        (T, B, C, H, W) or (T, B, N).

    Raises
    ------
    ValueError
        If packed does not belong to the shape, or sets a bit beyond the last element.
    """

    packed: Words
    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.shape) not in (3, 5) or min(self.shape) < 0:
            raise ValueError(f"shape must be (T, B, C, H, W) or (T, B, N), got {self.shape}")
        expected = (*self.shape[:2], words_for(self.slot_elements))
        if self.packed.shape != expected or self.packed.dtype != np.uint64:
            found = f"{self.packed.dtype} {self.packed.shape}"
            raise ValueError(f"shape {self.shape} needs uint64 words {expected}, got {found}")
        used = self.slot_elements % 64
        if used and np.any(self.packed[..., -1] >> np.uint64(used)):
            raise ValueError(f"bits beyond element {self.slot_elements} of a slot are set")
        words = np.ascontiguousarray(self.packed)
        if words is self.packed and words.flags.writeable:
            words = words.copy()  # the caller keeps a writeable array of its own
        words.setflags(write=False)
        object.__setattr__(self, "packed", words)

    @classmethod
    def from_dense(cls, dense: NDArray[Any]) -> SpikeTensor:
        """Pack an array of exact zeros and ones, shape (T, B, C, H, W) or (T, B, N), any dtype."""
        flat = dense.reshape(*dense.shape[:2], int(np.prod(dense.shape[2:])))
        return cls(pack(flat), tuple(int(size) for size in dense.shape))

    def part(self, samples: tuple[int, int], steps: tuple[int, int]) -> SpikeTensor:
        """The tensor of some samples and time steps, both half-open ranges."""
        packed = self.packed[steps[0] : steps[1], samples[0] : samples[1]]
        if packed.shape == self.packed.shape:
            return self
        return SpikeTensor(np.ascontiguousarray(packed), (*packed.shape[:2], *self.shape[2:]))

    def to_dense(self) -> NDArray[np.uint8]:
        """Elements as uint8 0 or 1 in ``shape``."""
        return unpack(self.packed, self.slot_elements).reshape(self.shape)

    @property
    def slot_elements(self) -> int:
        """Elements of one (t, b) slot."""
        return int(np.prod(self.shape[2:]))

    @property
    def elements(self) -> int:
        """Elements of the whole tensor."""
        return int(np.prod(self.shape))

    @property
    def rows(self) -> Words:
        """Words as (T*B, words), row t*B + b: the storage order, not the slot order of a GEMM."""
        return self.packed.reshape(-1, self.packed.shape[-1])

    @property
    def slot_major_rows(self) -> Words:
        """Words as (B*T, words), row b*T + t: the slot order of the lowering."""
        return np.ascontiguousarray(self.packed.transpose(1, 0, 2)).reshape(-1, self.packed.shape[-1])

    @cached_property
    def nonzeros(self) -> int:
        """Ones in the whole tensor."""
        return int(popcount(self.packed))

    @property
    def rate(self) -> float:
        """Ones per element; 0 for an empty tensor."""
        return self.nonzeros / self.elements if self.elements else 0.0

    def slot_counts(self) -> Counts:
        """Ones of every slot, shape (T, B)."""
        return row_counts(self.rows).reshape(self.shape[:2])

    def element_counts(self) -> Counts:
        """Slots in which each element is one, shape (C, H, W) or (N,)."""
        return element_counts(self.rows, self.slot_elements).reshape(self.shape[2:])

    def equals(self, other: SpikeTensor) -> bool:
        """Same shape and same elements."""
        return self.shape == other.shape and np.array_equal(self.packed, other.packed)


MaskTensor = SpikeTensor
"""A mask is stored like spikes: one where something is not exactly zero."""
