"""Position groups of the weight update: every position once, in the stated order, tails padded."""

from __future__ import annotations

import numpy as np
import pytest

from simsnn.engines.lut_grouping import PositionGroups
from simsnn.engines.lut_work import LutWork
from simsnn.workload.operation import ConvGeometry
from tests.unit.lut_samples import update

LAYER = ConvGeometry(2, 3, 5, 2, 3, 3, padding_h=1, padding_w=1)


@pytest.mark.parametrize("grouping", ["time", "pixel", "sample"])
@pytest.mark.parametrize("k", [1, 2, 3, 4, 7])
def test_every_position_is_in_one_group(grouping: str, k: int) -> None:
    groups = PositionGroups(LutWork.of(update(LAYER, 5, 3), 4), grouping, k)
    found = groups.positions()
    assert found.shape == (groups.count, k)
    assert sorted(found[found >= 0].tolist()) == list(range(5 * 3 * 15))
    assert (found >= 0).sum(axis=1).tolist() == groups.sizes().tolist()
    assert (found[:, 0] >= 0).all()
    assert groups.slots_of((0, groups.units)) == 15


@pytest.mark.parametrize(("grouping", "step"), [("time", 15), ("pixel", 1), ("sample", 45)])
def test_a_group_runs_along_its_axis(grouping: str, step: int) -> None:
    groups = PositionGroups(LutWork.of(update(LAYER, 5, 3), 4), grouping, 2).positions()
    both = groups[(groups >= 0).all(axis=1)]
    assert (both[:, 1] - both[:, 0] == step).all()


@pytest.mark.parametrize("grouping", ["time", "pixel", "sample"])
def test_units_read_their_own_slots(grouping: str) -> None:
    groups = PositionGroups(LutWork.of(update(LAYER, 5, 3), 4), grouping, 2)
    for unit in range(groups.units):
        own = groups.positions()[unit * groups.unit_groups : (unit + 1) * groups.unit_groups]
        slots = np.unique(own[own >= 0] // 15)
        assert len(slots) == groups.slots_of((unit, unit + 1))
