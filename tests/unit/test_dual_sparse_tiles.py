"""Chunks of the dual-sparsity engine: what they need, hold, leave and complete."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from simsnn.costs import OperandClass
from simsnn.engines.base import Box
from simsnn.engines.dual_sparse import DualSparseEngine
from simsnn.engines.dual_sparse_check import backward_operation
from simsnn.engines.dual_sparse_config import DualSparseConfig
from simsnn.engines.dual_sparse_tiles import Cut
from simsnn.workload.operation import ConvGeometry

GEOMETRY = ConvGeometry(6, 4, 4, 10, 3, 3, padding_h=1, padding_w=1)


def engine(**changes) -> DualSparseEngine:
    base = {"name": "be0", "groups": 2, "lanes": 4, "scan_bits": 8, "weight_words": 9 * 10 * 4, "acc_width": "32 bit"}
    return DualSparseEngine(DualSparseConfig(**{**base, "barrier_pixels": 4, **changes}))


def by_role(tiles, role):
    return [tile for tile in tiles if tile.role is role]


def test_one_chunk_per_slice_pair_shares_gradients_between_the_pairs():
    plan = engine().plan(backward_operation(GEOMETRY, 3, 2))
    assert plan.chunk_count == 2
    first, second = plan.needs(0), plan.needs(1)
    assert by_role(first, OperandClass.GRADIENTS) == by_role(second, OperandClass.GRADIENTS)
    assert by_role(first, OperandClass.GRADIENTS)[0].bytes == 6 * 16 * 10 * 2
    weights = [by_role(needs, OperandClass.WEIGHTS)[0] for needs in (first, second)]
    assert [tile.bytes for tile in weights] == [9 * 10 * 4 * 2, 9 * 10 * 2 * 2]
    assert weights[0].key != weights[1].key
    masks = {tile.tensor: tile.bytes for tile in by_role(second, OperandClass.MASKS)}
    assert masks == {"layer.dcurrent.mask": 6 * 16 * 10 // 8, "below.spikes.needed": 6 * 16 * 2 // 8}
    assert [plan.completes(chunk) for chunk in (0, 1)] == [Box((0, 6), (0, 4)), Box((0, 6), (4, 6))]
    assert [tile.bytes for chunk in (0, 1) for tile in plan.leaves(chunk)] == [6 * 16 * 4 * 2, 6 * 16 * 2 * 2]
    assert plan.holds(0) == ()


def test_samples_leave_when_their_last_pixel_is_done_and_are_held_until_then():
    # a sample has 32 pixels; chunks end at pixels 24, 40, 64, 96
    plan = engine().plan(backward_operation(GEOMETRY, 3, 2), Cut((0, 24, 40, 64, 96), by_sample=True))
    assert plan.chunk_count == 8
    left = [[tile.key[2:] for tile in plan.leaves(chunk)] for chunk in range(4)]
    assert left == [[], [(0, 32)], [(32, 64)], [(64, 96)]]
    held = [[tile.key[2:] for tile in plan.holds(chunk)] for chunk in range(4)]
    assert held == [[(0, 32)], [(32, 64)], [], []]
    boxes = [plan.completes(chunk) for chunk in range(4)]
    assert boxes == [None, Box((0, 2), (0, 4)), Box((2, 4), (0, 4)), Box((4, 6), (0, 4))]


def test_slots_are_whole_and_neighbours_name_the_same_pieces():
    plan = engine().plan(backward_operation(GEOMETRY, 3, 2), Cut((0, 24, 40, 64, 96), by_sample=True))
    keys = [[tile.key[2:] for tile in by_role(plan.needs(chunk), OperandClass.GRADIENTS)] for chunk in range(4)]
    # 16 pixels per slot: slots 0-1, 1-2, 2-3, 4-5 in processing order
    assert keys == [[(0, 1), (1, 2)], [(1, 2), (2, 3)], [(2, 3), (3, 4)], [(4, 6)]]


def test_small_chunks_leave_their_own_pixels():
    plan = engine().plan(backward_operation(GEOMETRY, 1, 2), Cut((0, 8, 16, 24, 32), by_sample=False))
    assert [plan.leaves(chunk)[0].key[2:] for chunk in range(4)] == [(0, 8), (8, 16), (16, 24), (24, 32)]
    assert all(plan.completes(chunk) is None and plan.holds(chunk) == () for chunk in range(plan.chunk_count))
    assert sum(tile.bytes for chunk in range(8) for tile in plan.leaves(chunk)) == plan.operation.output.bytes


def test_partial_sums_go_and_come_back_between_the_co_slices():
    split = engine(weight_words=9 * 4 * 4)  # four of ten outputs: three co-slices
    operation = backward_operation(GEOMETRY, 3, 2)
    whole = split.plan(operation)
    assert whole.chunk_count == 6
    held = [[tile.role for tile in whole.holds(chunk)] for chunk in range(3)]
    assert held == [[OperandClass.PARTIAL_SUMS]] * 3
    assert all(not by_role(whole.needs(c), OperandClass.PARTIAL_SUMS) for c in range(6))
    assert [bool(whole.leaves(chunk)) for chunk in range(6)] == [False, False, True] * 2
    halves = split.plan(operation, Cut((0, 48, 96), by_sample=True))
    came = [by_role(halves.needs(chunk), OperandClass.PARTIAL_SUMS) for chunk in range(6)]
    went = [by_role(halves.leaves(chunk), OperandClass.PARTIAL_SUMS) for chunk in range(6)]
    assert came == [[], [], went[0], went[1], went[2], went[3]]
    assert went[4:] == [[], []]
    assert went[0][0].bytes == 48 * 4 * 4
    assert (halves.totals.partial_writes, halves.totals.partial_reads) == (2 * 96 * 6, 2 * 96 * 6)
    assert halves.totals.written == 96 * 6


@pytest.mark.parametrize("balance", ["static", "dynamic"])
def test_candidates_get_finer_and_cover_every_pixel(balance):
    operation = backward_operation(GEOMETRY, 5, 3)
    plans = list(engine(balance=balance).candidates(operation))
    counts = [plan.chunk_count for plan in plans]
    assert counts == sorted(counts)
    assert counts[0] == 2
    for plan in plans:
        bounds = np.array(plan.cut.bounds)
        assert (bounds[0], bounds[-1]) == (0, 5 * 3 * 16)
        assert (np.diff(bounds) > 0).all()
        assert (bounds[:-1] % plan.config.block_pixels == 0).all()
        left = [tile for chunk in range(plan.chunk_count) for tile in plan.leaves(chunk)]
        assert sum(tile.bytes for tile in left) == operation.output.bytes
        assert sum(plan.issues(chunk) for chunk in range(plan.chunk_count)) * 2 >= plan.totals.issues
    assert len({plan.cost().cycles.total for plan in plans}) == 1


def test_chunks_do_not_depend_on_the_masks():
    operation = backward_operation(GEOMETRY, 2, 2)
    plan = engine().plan(operation, Cut((0, 40, 64), by_sample=True))
    same = plan.with_activity(None)
    assert plan.chunk_count == same.chunk_count
    for chunk in range(plan.chunk_count):
        assert (plan.needs(chunk), plan.leaves(chunk)) == (same.needs(chunk), same.leaves(chunk))
    bare = engine(sparsity="none").plan(replace(operation, masks=()))
    assert not by_role(bare.needs(0), OperandClass.MASKS)
