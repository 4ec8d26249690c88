"""Which k positions share a table in the weight update, and in which order groups of them follow.

Positions are numbered (b, t, y, x), x fastest. Groups come in *units* that read the same slots:

========  =========================================  ===========================  ==================
grouping  a group is                                 units, outer to inner        groups of a unit
========  =========================================  ===========================  ==================
time      k consecutive t of one pixel               b, block of k time steps     Eo: y, x
pixel     k consecutive x of one row                 b, t                         Ho ceil(Wo/k): y, x
sample    k consecutive b of one pixel               block of k samples, t        Eo: y, x
========  =========================================  ===========================  ==================

Tails are padded with absent positions (docs/machines section 4). Proof: ``tests/unit/test_lut_grouping.py``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simsnn.engines.lut_work import LutWork, Range

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PositionGroups:
    """Position groups of one product.

    Parameters
    ----------
    work : LutWork
        The product.
    grouping : str
        ``time``, ``pixel`` or ``sample``.
    k : int
        Positions of a group.
    """

    work: LutWork
    grouping: str
    k: int

    @property
    def units(self) -> int:
        """Units of all groups."""
        work = self.work
        if self.grouping == "time":
            return work.samples * -(-work.timesteps // self.k)
        return work.slots if self.grouping == "pixel" else -(-work.samples // self.k) * work.timesteps

    @property
    def row_groups(self) -> int:
        """Groups of one output row of a unit."""
        width = self.work.geometry.out_w
        return -(-width // self.k) if self.grouping == "pixel" else width

    @property
    def unit_groups(self) -> int:
        """Groups of a unit."""
        return self.work.geometry.out_h * self.row_groups

    @property
    def count(self) -> int:
        """Groups of the whole product."""
        return self.units * self.unit_groups

    def _unit_slots(self) -> Ints:
        """Slots of every unit, -1 absent: (units, k), or (units, 1) where a group stays within a slot."""
        samples, steps, k = self.work.samples, self.work.timesteps, self.k
        if self.grouping == "pixel":
            return np.arange(self.work.slots)[:, None]
        if self.grouping == "time":
            time = np.arange(-(-steps // k) * k)
            slots = np.where(time < steps, np.arange(samples)[:, None] * steps + time, -1)
            return slots.reshape(-1, k)
        sample = np.arange(-(-samples // k) * k).reshape(-1, 1, k)
        slots = np.where(sample < samples, sample * steps + np.arange(steps)[:, None], -1)
        return slots.reshape(-1, k)

    def positions(self) -> Ints:
        """Positions of every group, int64 (groups, k), -1 absent."""
        pixels, slots = self.work.geometry.out_pixels, self._unit_slots()
        if self.grouping == "pixel":
            height, width = self.work.geometry.out_h, self.work.geometry.out_w
            x = np.arange(self.row_groups * self.k)
            pixel = np.where(x < width, np.arange(height)[:, None] * width + x, -1).reshape(1, -1, self.k)
            found = np.where(pixel >= 0, slots[:, :, None] * pixels + pixel, -1)
        else:
            pixel = np.arange(pixels)[None, :, None]
            found = np.where(slots[:, None] >= 0, slots[:, None] * pixels + pixel, -1)
        return np.ascontiguousarray(found.reshape(-1, self.k), dtype=np.int64)

    def sizes(self) -> Ints:
        """Positions of every group that exist, int64 (groups,)."""
        if self.grouping == "pixel":
            width = self.work.geometry.out_w
            row = np.minimum(self.k, width - np.arange(self.row_groups) * self.k)
            return np.tile(row, self.units * self.work.geometry.out_h)
        return np.repeat((self._unit_slots() >= 0).sum(axis=1), self.unit_groups)

    def slots_of(self, units: Range) -> int:
        """Slots that a run of units reads."""
        return int((self._unit_slots()[units[0] : units[1]] >= 0).sum())
