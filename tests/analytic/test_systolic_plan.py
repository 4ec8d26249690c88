"""Systolic plans against formulas and plain loops: closed forms, chunks, tiles, reads, refusals."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from pydantic import ValidationError

from simsnn.costs import Action, OperandClass
from simsnn.engines.base import Dataflow
from simsnn.engines.systolic import SystolicEngine
from simsnn.engines.systolic_blocking import Blocking
from simsnn.engines.systolic_check import COMBINATIONS, systolic_cases
from simsnn.engines.systolic_config import SystolicConfig
from simsnn.engines.systolic_plan import SystolicPlan
from simsnn.engines.systolic_reference import plan_folds
from simsnn.errors import ConfigError, UnsupportedOperation
from simsnn.workload.lowering import lowered
from simsnn.workload.operands import im2col
from simsnn.workload.operation import ConvGeometry, Gemm, GemmOperation, Operand, Pass
from tests.naive.systolic import balanced_pieces, pieces

GEOMETRY = ConvGeometry(4, 8, 6, 6, 3, 3, 1, 1, 1, 1)


def config(**switches: object) -> SystolicConfig:
    given = {"name": "a", "rows": 4, "columns": 4, "pe": "mac", "acc_rows": 4096, "acc_width": "32 bit"}
    return SystolicConfig.model_validate({**given, **switches})


def bare(m: int, k: int, n: int) -> GemmOperation:
    left, right = Operand("left", OperandClass.INPUTS, m * k, 8), Operand("right", OperandClass.WEIGHTS, k * n, 8)
    return GemmOperation(
        "g", Pass.F, 1, None, Gemm(m, k, n), left, right, Operand("o", OperandClass.CURRENTS, m * n, 32)
    )


def conv(pass_: Pass, slots: int, geometry: ConvGeometry = GEOMETRY) -> GemmOperation:
    g = geometry
    spikes = Operand("spikes", OperandClass.SPIKES, slots * g.in_channels * g.in_pixels, 1, True, slots)
    gradient = Operand("gradient", OperandClass.GRADIENTS, slots * g.out_channels * g.out_pixels, 16, False, slots)
    weights = Operand("weights", OperandClass.WEIGHTS, g.weights, 8)
    currents = Operand("currents", OperandClass.CURRENTS, gradient.elements, 32, False, slots)
    below = Operand("below", OperandClass.GRADIENTS, spikes.elements, 16, False, slots)
    dw = Operand("dw", OperandClass.WEIGHT_GRADIENTS, g.weights, 32)
    operands = {Pass.F: (spikes, weights, currents), Pass.B: (gradient, weights, below), Pass.W: (spikes, gradient, dw)}
    return GemmOperation("c", pass_, slots, geometry, None, *operands[pass_])


def plan_of(operation: GemmOperation, flow: Dataflow, cut: Blocking = Blocking(), **switches: object) -> SystolicPlan:
    return SystolicEngine(config(**switches)).plan(operation, flow, cut)


@pytest.mark.parametrize(("load", "extra"), [("shift_global", 6), ("shift_skewed", 3), ("row_addressed", 0)])
@pytest.mark.parametrize("m", [1, 3, 5, 9, 30])
def test_equal_folds_stationary(load: str, extra: int, m: int) -> None:
    """S + 2R + C - 2 + (F - 1) max(S, II), and F times a fold where nothing overlaps."""
    folds, fold = 6, m + 2 * 4 + 4 - 2
    cost = plan_of(bare(m, 8, 12), Dataflow.WS, weight_load=load).cost().cycles
    assert cost.total == fold + (folds - 1) * max(m, extra + 4) + 1  # one accumulator edge, K > R
    single = plan_of(bare(m, 8, 12), Dataflow.WS, weight_load=load, stationary_buffering="single").cost().cycles
    assert single.total == folds * fold + 1
    twin = plan_of(bare(12, 8, m), Dataflow.IS, weight_load=load).cost().cycles
    assert twin == cost


@pytest.mark.parametrize(("enable", "interval"), [("global", 10), ("skewed", 7), ("row_timed", 4)])
@pytest.mark.parametrize("k", [1, 5, 8, 30])
def test_equal_folds_outputs(enable: str, interval: int, k: int) -> None:
    folds, fold = 6, k + 2 * 4 + 4 - 2
    cost = plan_of(bare(8, k, 12), Dataflow.OS, drain_enable=enable).cost().cycles
    assert cost.total == fold + (folds - 1) * max(k, interval)
    assert plan_of(bare(8, k, 12), Dataflow.OS, drain="serial").cost().cycles.total == folds * fold


def test_chunks_hold_the_folds_in_order() -> None:
    """Every chunk table equals one built fold by fold, boxes and issues included."""
    for switches in COMBINATIONS[::5]:
        for case in systolic_cases(switches, 6, seed=11):
            plan, chunk = case.plan, 0
            boxes = [plan.tile_map.box(row) for row in plan.tables.boxes]
            issued = [0] * plan.chunk_count
            for fold in plan_folds(plan):
                at = fold.stream[0]
                for rows, _ in fold.tiles:
                    if issued[chunk] == plan.issues(chunk):
                        chunk += 1
                    issued[chunk] += rows
                    box, axes = boxes[chunk], (fold.rows, fold.columns, (at, at + rows))
                    order = {"ws": (2, 0, 1), "is": (1, 0, 2), "os": (0, 2, 1)}[plan.dataflow.value]
                    for span, axis in zip((box.m, box.k, box.n), order, strict=True):
                        assert span[0] <= axes[axis][0] < axes[axis][1] <= span[1]
                    assert box.gemm == fold.gemm
                    at += rows
            assert issued == [plan.issues(c) for c in range(plan.chunk_count)]


def test_outputs_leave_exactly_once() -> None:
    for switches in COMBINATIONS[::3]:
        for case in systolic_cases(switches, 6, seed=12):
            plan = case.plan
            left = [np.zeros((plan.partial_outputs + 1, g.m, g.n), np.int64) for g in plan.gemms]
            size = 0
            for chunk in range(plan.chunk_count):
                box = plan.tile_map.box(plan.tables.boxes[chunk])
                for tile in plan.leaves(chunk):
                    if tile.role is OperandClass.PARTIAL_SUMS:
                        continue
                    bounds = plan.grids[box.gemm % len(plan.period)].stream.bounds.tolist()
                    copy = bounds.index(box.k[0]) if plan.partial_outputs else 0
                    left[box.gemm][copy, box.m[0] : box.m[1], box.n[0] : box.n[1]] += 1
                    size += tile.bytes
            assert all((count == 1).all() for count in left)
            assert size == sum(count.size for count in left) * 4
            spilled = sum(
                t.bytes for c in range(plan.chunk_count) for t in plan.needs(c) if t.tensor.endswith(".partial_sums")
            )
            assert plan.spills or spilled == 0


@pytest.mark.parametrize("flow", list(Dataflow))
@pytest.mark.parametrize("pass_", [Pass.F, Pass.B])
@pytest.mark.parametrize(
    "cut", [Blocking(3), Blocking(6, 2), Blocking(6, 3, 1), Blocking(2, 1, 1, 2), Blocking(1, 1, 1, 1)]
)
def test_every_slot_is_completed_once_per_channel(flow: Dataflow, pass_: Pass, cut: Blocking) -> None:
    plan = plan_of(conv(pass_, 6), flow, cut)
    channels = GEOMETRY.out_channels if pass_ is Pass.F else GEOMETRY.in_channels
    done = np.zeros((6, channels), np.int64)
    for chunk in range(plan.chunk_count):
        span, (low, high) = plan.output_slots(chunk), plan.output_channels(chunk)
        if span is not None:
            done[span[0] : span[1] + 1, low:high] += 1
    assert (done == 1).all()


@pytest.mark.parametrize(
    "geometry", [GEOMETRY, ConvGeometry(2, 7, 7, 4, 3, 3, 2, 2, 1, 1), ConvGeometry(4, 5, 5, 4, 1, 1, 2, 2)]
)
@pytest.mark.parametrize("flow", list(Dataflow))
@pytest.mark.parametrize("cut", [Blocking(2), Blocking(3, 2), Blocking(3, 4, 1)])
def test_input_tiles_are_the_distinct_elements_touched(geometry: ConvGeometry, flow: Dataflow, cut: Blocking) -> None:
    """Against the stored positions that a lowered tensor of element numbers really holds."""
    slots = 3
    plan = plan_of(conv(Pass.F, slots, geometry), flow, cut)
    numbers = 1 + np.arange(slots * geometry.in_channels * geometry.in_pixels)
    tensor = numbers.reshape(1, slots, geometry.in_channels, geometry.in_h, geometry.in_w)
    streamed = im2col(tensor, lowered(geometry, Pass.F, plan.config.b_lowering, slots)[0].gather, 0)
    per_slot_row = geometry.out_w
    for chunk in range(plan.chunk_count):
        box = plan.tile_map.box(plan.tables.boxes[chunk])
        start, stop = box.m
        if stop - start >= geometry.out_pixels or start // geometry.out_pixels != (stop - 1) // geometry.out_pixels:
            start = start // geometry.out_pixels * geometry.out_pixels
            stop = -(-stop // geometry.out_pixels) * geometry.out_pixels
        else:
            start, stop = start // per_slot_row * per_slot_row, -(-stop // per_slot_row) * per_slot_row
        touched = np.unique(streamed[start:stop])
        count = int((touched > 0).sum())
        slots_in = len({(int(n) - 1) // (geometry.in_channels * geometry.in_pixels) for n in touched if n > 0})
        tile = plan.needs(chunk)[0]
        assert tile.bytes == slots_in * ((count // slots_in + 7) // 8)


def test_weight_tiles_are_shared_and_cover() -> None:
    plan = plan_of(conv(Pass.F, 4), Dataflow.WS, Blocking(4, 1, 1, 1), acc_rows=10**6)
    tiles = {(tile.tensor, tile.key): tile.bytes for c in range(plan.chunk_count) for tile in plan.needs(c)}
    assert sum(size for (tensor, _), size in tiles.items() if tensor == "weights") == GEOMETRY.weights
    keys = [plan.needs(c)[1].key for c in range(plan.chunk_count)]
    assert all(keys[4 * i : 4 * i + 4] == [keys[4 * i]] * 4 for i in range(len(keys) // 4))  # M-tiles keep the tile
    assert plan.cost().cycles == plan_of(conv(Pass.F, 4), Dataflow.WS, acc_rows=10**6).cost().cycles


def test_weight_gradient_blocks() -> None:
    """os leaves partial copies over K blocks, ws adds up in the accumulator."""
    cut = Blocking(3)
    outputs, weights = (plan_of(conv(Pass.W, 6), flow, cut) for flow in (Dataflow.OS, Dataflow.WS))
    assert (outputs.partial_outputs, weights.partial_outputs) == (2, 0)
    assert outputs.buffer_writes(OperandClass.WEIGHT_GRADIENTS) == 3 * GEOMETRY.weights
    assert weights.buffer_writes(OperandClass.WEIGHT_GRADIENTS) == GEOMETRY.weights
    assert all(len(outputs.leaves(c)) == 1 for c in range(outputs.chunk_count))
    left = {
        tile.key: tile.bytes for c in range(outputs.chunk_count) for tile in outputs.needs(c) if tile.tensor == "spikes"
    }
    assert sum(left.values()) == conv(Pass.W, 6).left.bytes


def test_accumulator_blocks_reload_whole_slots() -> None:
    """48 rows per slot: 100 accumulator rows hold 2 slots, 40 hold half of one."""
    for acc_rows, blocks in ((10**6, [(0, 288)]), (100, balanced_pieces(288, 3)), (40, balanced_pieces(288, 12))):
        plan = plan_of(conv(Pass.F, 6), Dataflow.WS, acc_rows=acc_rows)
        found = sorted({fold.stream for fold in plan_folds(plan)})
        assert found == blocks
        folds = len(blocks) * len(pieces(36, 4)) * len(pieces(6, 4))
        assert len(plan_folds(plan)) == folds == plan.folds_of(0)
    with pytest.raises(ConfigError, match="accumulator rows alive"):
        _ = plan_of(conv(Pass.F, 6), Dataflow.WS, acc_rows=1, fold_order="n_inner").grids


def test_loop_orders() -> None:
    """n, m-block, k or m-block, k, n; os m, n."""
    blocks, k_pieces, n_pieces = balanced_pieces(20, 2), pieces(10, 4), pieces(7, 4)
    inner = plan_of(bare(20, 10, 7), Dataflow.WS, Blocking(m_blocks=2))
    expected = [(s, k, n) for n, s, k in product(n_pieces, blocks, k_pieces)]
    assert [(f.stream, f.rows, f.columns) for f in plan_folds(inner)] == expected
    outer = plan_of(bare(20, 10, 7), Dataflow.WS, Blocking(m_blocks=2), fold_order="n_inner")
    assert [(f.stream, f.rows, f.columns) for f in plan_folds(outer)] == list(product(blocks, k_pieces, n_pieces))
    outputs = plan_of(bare(20, 10, 7), Dataflow.OS)
    assert [(f.rows, f.columns) for f in plan_folds(outputs)] == list(product(pieces(20, 4), n_pieces))


@pytest.mark.parametrize("flow", list(Dataflow))
@pytest.mark.parametrize("im2col_kind", ["explicit", "line_buffer"])
@pytest.mark.parametrize("pass_", [Pass.F, Pass.W])
def test_feeder_reads_fold_by_fold(flow: Dataflow, im2col_kind: str, pass_: Pass) -> None:
    """Against the distinct element numbers under every fold."""
    operation = conv(pass_, 3)
    plan = plan_of(operation, flow, Blocking(2), im2col=im2col_kind, acc_rows=40)
    numbers = 1 + np.arange(operation.left.elements)
    gather = lowered(GEOMETRY, pass_, plan.config.b_lowering, 3)[0].gather
    left = im2col(numbers.reshape(1, 3, 4, 8, 6), gather, 0)
    left = left.T if pass_ is Pass.W else left
    reads = right_reads = 0
    for fold in plan_folds(plan):
        m, k, n = {
            Dataflow.WS: (fold.stream, fold.rows, fold.columns),
            Dataflow.IS: (fold.columns, fold.rows, fold.stream),
            Dataflow.OS: (fold.rows, fold.stream, fold.columns),
        }[flow]
        block = left[m[0] : m[1], k[0] : k[1]]
        distinct = np.unique(block)
        reads += block.size if im2col_kind == "explicit" else int((distinct > 0).sum())
        right_reads += (k[1] - k[0]) * (n[1] - n[0])
    assert plan.buffer_reads(operation.left.role) == reads
    assert plan.buffer_reads(operation.right.role) == right_reads


def test_gated_adds_follow_the_spikes() -> None:
    operation = conv(Pass.F, 2)
    plan = plan_of(operation, Dataflow.WS, pe="gated_add")
    macs = sum(gemm.macs for gemm in plan.gemms)
    assert plan.cost().actions.get("pe", Action.ADD) == macs
    assert plan.with_nonzeros(123).cost().actions.get("pe", Action.ADD) == 123 * 6
    assert plan.with_nonzeros(123).cost().actions.get("pe", Action.MULTIPLY) == 0
    dense = plan_of(operation, Dataflow.WS).with_nonzeros(123)
    assert dense.cost().actions.get("pe", Action.MULTIPLY) == macs
    assert dense.cost().cycles == plan.cost().cycles


def test_refusals_say_why() -> None:
    gated = SystolicEngine(config(pe="gated_add", dataflows=["ws"]))
    refusal = gated.supports(conv(Pass.B, 2))
    assert refusal is not None
    assert "16 bit gradients and 8 bit weights" in refusal.reason
    assert "pe: mac" in refusal.remedy
    assert gated.supports(conv(Pass.F, 2)) is None
    with pytest.raises(UnsupportedOperation, match="dataflow os is not offered"):
        gated.plan(conv(Pass.F, 2), Dataflow.OS)
    with pytest.raises(UnsupportedOperation, match="gated adders"):
        gated.plan(conv(Pass.B, 2), Dataflow.WS)
    with pytest.raises(ConfigError, match="7 slot_blocks of 6 slots"):
        _ = plan_of(conv(Pass.F, 6), Dataflow.WS, Blocking(7)).grids
    with pytest.raises(ConfigError, match="row_blocks is 0"):
        Blocking(1, 0)
    empty = bare(3, 0, 2)
    assert gated.supports(empty) is not None


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("rows", 0, "greater than 0"),
        ("columns", -3, "greater than 0"),
        ("pe", "adder", "gated_add"),
        ("dataflows", [], "dataflows is empty"),
        ("dataflows", ["ws", "ws"], "twice"),
        ("acc_width", 32, "no unit"),
        ("acc_width", "64 bit", "2 bit to 63 bit"),
        ("group_packing", "dense", "none"),
        ("depth", 3, "unknown key"),
    ],
)
def test_configuration_errors(key: str, value: object, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        config(**{key: value})


def test_port_demand() -> None:
    """ws: R streamed, C stationary, C results; os: R left, C right, C results."""
    found = [
        (d.role.value, d.reads_per_edge, d.writes_per_edge) for d in plan_of(conv(Pass.F, 2), Dataflow.WS).port_demand()
    ]
    assert found == [("spikes", 4, 0), ("weights", 4, 0), ("currents", 0, 4)]
    wide = plan_of(conv(Pass.F, 2), Dataflow.IS, rows=8, psum="spill").port_demand()
    assert [(d.role.value, d.reads_per_edge, d.writes_per_edge, d.bits) for d in wide] == [
        ("spikes", 4, 0, 1),
        ("weights", 8, 0, 8),
        ("partial_sums", 4, 4, 32),
    ]


def test_the_least_number_of_chunks_is_never_above_the_number() -> None:
    """A search skips plans by it without laying them out, so it must not skip one that is coarse enough."""
    for operation, flow, order in product((bare(60, 50, 20), conv(Pass.W, 6)), Dataflow, ("k_inner", "n_inner")):
        for plan in SystolicEngine(config(fold_order=order)).candidates(operation, flow):
            assert 0 < plan.least_chunks <= plan.chunk_count
