"""The lowered products are the convolution: forward, input gradient, weight gradient, exactly."""

from __future__ import annotations

import numpy as np
import pytest

from simsnn.errors import UnsupportedOperation
from simsnn.workload.lowering import BLowering, lower, lowered, phases, scatter_adds
from simsnn.workload.operands import (
    backward_operands,
    forward_operands,
    scatter_forward,
    scatter_input_gradient,
    scatter_weight_gradient,
    slot_major,
    time_major,
    weight_gradient_operands,
)
from simsnn.workload.operation import ConvGeometry, Gemm, Pass
from tests.naive import lowering as naive

EDGES = (
    ConvGeometry(1, 1, 1, 1),
    ConvGeometry(5, 1, 1, 3),
    ConvGeometry(2, 5, 5, 3, 3, 3, 2, 2, 1, 1),
    ConvGeometry(2, 7, 4, 2, 1, 1, 3, 3),  # stride beyond the kernel: phases without a tap
    ConvGeometry(2, 2, 2, 2, 3, 3, 4, 4, 1, 1),  # stride beyond the map
    ConvGeometry(1, 6, 6, 1, 2, 2, 2, 2),
    ConvGeometry(1, 7, 7, 1, 2, 2, 2, 2),  # last row and column unread
    ConvGeometry(1, 3, 3, 2, 3, 3, 1, 1, 4, 4),  # outputs that read padding alone
    ConvGeometry(2, 5, 5, 2, 3, 3, 2, 2, 2, 2, 2, 2),  # stride divides dilation: one phase has all taps
    ConvGeometry(6, 4, 4, 6, 3, 3, 1, 1, 1, 1, 1, 1, 6),  # depthwise
    ConvGeometry(3, 1, 11, 2, 1, 4, 1, 3, 0, 2, 1, 2),  # conv1d
)


def _multiply(pairs: list, gemms: tuple[Gemm, ...]) -> list[np.ndarray]:
    assert [(a.shape, b.shape) for a, b in pairs] == [((g.m, g.k), (g.k, g.n)) for g in gemms]
    return [a @ b for a, b in pairs]


def _check(g: ConvGeometry, rng: np.random.Generator) -> None:
    steps, batch = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    slots = steps * batch
    spikes = (rng.random((steps, batch, g.in_channels, g.in_h, g.in_w)) < 0.5).astype(np.int64)
    weights = rng.integers(-9, 10, (g.out_channels, g.in_channels // g.groups, g.kernel_h, g.kernel_w))
    gradient = rng.integers(-9, 10, (steps, batch, g.out_channels, g.out_h, g.out_w))

    products = _multiply(forward_operands(spikes, weights, g), lower(g, Pass.F, BLowering.PHASES, slots))
    np.testing.assert_array_equal(scatter_forward(products, g, steps), naive.forward(spikes, weights, g))

    products = _multiply(weight_gradient_operands(spikes, gradient, g), lower(g, Pass.W, BLowering.PHASES, slots))
    np.testing.assert_array_equal(scatter_weight_gradient(products, g), naive.weight_gradient(spikes, gradient, g))

    expected = naive.input_gradient(gradient, weights, g)
    for form in BLowering:
        products = _multiply(backward_operands(gradient, weights, g, form), lower(g, Pass.B, form, slots))
        np.testing.assert_array_equal(scatter_input_gradient(products, g, form, slots, steps), expected, str(form))


@pytest.mark.parametrize("geometry", EDGES)
def test_edges_equal_direct_convolution(geometry: ConvGeometry) -> None:
    _check(geometry, np.random.default_rng(7))


@pytest.mark.parametrize("seed", range(4))
def test_random_geometries_equal_direct_convolution(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(100):
        _check(naive.random_geometry(rng), rng)


def test_sizes_are_the_published_table() -> None:
    g = ConvGeometry(8, 9, 7, 12, 3, 3, 2, 2, 1, 1, groups=4)
    slots, taps, out = 6, 9, 5 * 4
    assert lower(g, Pass.F, BLowering.PHASES, slots) == (Gemm(slots * out, taps * 2, 3),) * 4
    assert lower(g, Pass.W, BLowering.PHASES, slots) == (Gemm(taps * 2, slots * out, 3),) * 4
    assert lower(g, Pass.B, BLowering.ZEROS, slots) == (Gemm(slots * 63, taps * 3, 2),) * 4
    assert lower(g, Pass.B, BLowering.COL2IM, slots) == (Gemm(slots * out, 3, taps * 2),) * 4
    assert scatter_adds(g, slots) == slots * out * taps * 8


def test_stride_two_kernel_three_has_one_two_two_four_taps() -> None:
    found = phases(ConvGeometry(1, 8, 8, 1, 3, 3, 2, 2, 1, 1))
    assert [(p.y, p.x, len(p.taps_y) * len(p.taps_x)) for p in found] == [(0, 0, 1), (0, 1, 2), (1, 0, 2), (1, 1, 4)]


def test_phases_partition_the_taps_and_stream_no_inserted_zero() -> None:
    rng = np.random.default_rng(11)
    for _ in range(200):
        g = naive.random_geometry(rng)
        for product in lowered(g, Pass.B, BLowering.PHASES, 1):
            assert product.phase.rows * product.phase.columns == product.gather.pixels
            assert len(product.phase.taps_y) * len(product.phase.taps_x) == product.gather.taps
        reached = [p for p in phases(g) for _ in range(len(p.taps_y) * len(p.taps_x))]
        if g.stride_h <= g.in_h and g.stride_w <= g.in_w:
            assert len(reached) == g.taps  # every tap belongs to exactly one phase
        dense = sum(gemm.macs for gemm in lower(g, Pass.B, BLowering.ZEROS, 1))
        assert sum(gemm.macs for gemm in lower(g, Pass.B, BLowering.PHASES, 1)) <= dense


def test_stride_one_has_one_phase_equal_to_zeros() -> None:
    g = ConvGeometry(4, 6, 5, 3, 3, 2, 1, 1, 1, 0, 2, 1)
    assert lower(g, Pass.B, BLowering.PHASES, 3) == lower(g, Pass.B, BLowering.ZEROS, 3)


def test_fold_list_runs_groups_outside_phases() -> None:
    products = lowered(ConvGeometry(2, 4, 4, 2, 2, 2, 2, 2, groups=2), Pass.B, BLowering.PHASES, 1)
    seen = [(p.group, p.phase.y, p.phase.x) for p in products if p.phase]
    assert seen == [(g, y, x) for g in range(2) for y in range(2) for x in range(2)]


def test_slots_run_sample_outer_time_inner() -> None:
    tensor = np.arange(2 * 3 * 4 * 2 * 2).reshape(2, 3, 4, 2, 2)
    np.testing.assert_array_equal(slot_major(tensor)[1 * 2 + 1, 0, 1], tensor[1, 1, :, 0, 1])
    np.testing.assert_array_equal(time_major(slot_major(tensor), 2), tensor)
    flat = tensor.reshape(2, 3, 16)
    np.testing.assert_array_equal(slot_major(flat)[2 * 2 + 1, 0, 0], flat[1, 2])


def test_linear_takes_flat_tensors() -> None:
    rng = np.random.default_rng(3)
    spikes, weights = rng.integers(0, 2, (2, 3, 5)), rng.integers(-5, 6, (4, 5, 1, 1))
    ((left, right),) = forward_operands(spikes, weights, ConvGeometry(5, 1, 1, 4))
    currents = scatter_forward([left @ right], ConvGeometry(5, 1, 1, 4), 2)[..., 0, 0]
    np.testing.assert_array_equal(currents, spikes @ weights[:, :, 0, 0].T)


def test_recomputing_repeats_the_forward_product() -> None:
    for geometry in EDGES:
        products = [lower(geometry, pass_, BLowering.PHASES, 3) for pass_ in (Pass.F, Pass.R)]
        assert products[0] == products[1]


@pytest.mark.parametrize("pass_", [Pass.U, Pass.I])
def test_refuses_passes_without_a_product(pass_: Pass) -> None:
    with pytest.raises(UnsupportedOperation, match="no synapse product"):
        lower(EDGES[0], pass_, BLowering.PHASES, 1)
