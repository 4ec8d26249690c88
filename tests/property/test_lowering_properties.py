"""Laws of the lowering and of the operand feeder over arbitrary geometries."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from simsnn.workload.feeder import (
    Feeder,
    distinct_elements,
    fold_reads,
    input_elements,
    streamed_nonzeros,
    uses_per_pixel,
)
from simsnn.workload.lowering import BLowering, Lowered, lower, lowered, scatter_adds
from simsnn.workload.operation import ConvGeometry, Pass
from simsnn.workload.spike_tensor import SpikeTensor

SIZES = st.integers(1, 5)


@st.composite
def geometries(draw: st.DrawFn) -> ConvGeometry:
    groups = draw(st.integers(1, 3))
    g = ConvGeometry(
        groups * draw(st.integers(1, 3)),
        draw(st.integers(1, 12)),
        draw(st.integers(1, 12)),
        groups * draw(st.integers(1, 3)),
        *(draw(SIZES) for _ in range(4)),
        *(draw(st.integers(0, 4)) for _ in range(2)),
        *(draw(st.integers(1, 3)) for _ in range(2)),
        groups,
    )
    assume(g.out_h >= 1 and g.out_w >= 1)
    return g


@settings(max_examples=150, deadline=None)
@given(geometries(), st.integers(1, 5))
def test_every_pass_does_the_same_multiplications(g: ConvGeometry, slots: int) -> None:
    """F, W and col2im are one product reordered; zeros adds the inserted ones; phases never exceed zeros."""
    macs = {form: sum(gemm.macs for gemm in lower(g, Pass.B, form, slots)) for form in BLowering}
    forward = lower(g, Pass.F, BLowering.PHASES, slots)
    weight = lower(g, Pass.W, BLowering.PHASES, slots)
    assert sum(gemm.macs for gemm in forward) == sum(gemm.macs for gemm in weight) == macs[BLowering.COL2IM]
    assert [(gemm.m, gemm.k) for gemm in forward] == [(gemm.k, gemm.m) for gemm in weight]
    assert macs[BLowering.PHASES] <= macs[BLowering.ZEROS]
    assert scatter_adds(g, slots) * (g.out_channels // g.groups) == macs[BLowering.COL2IM]


@settings(max_examples=150, deadline=None)
@given(geometries())
def test_forward_and_backward_gathers_connect_the_same_pixels(g: ConvGeometry) -> None:
    """The number of real (input pixel, output pixel, tap) triples is the same seen from both ends."""
    forward = uses_per_pixel(lowered(g, Pass.F, BLowering.PHASES, 1)[0].gather).sum()
    for form in (BLowering.PHASES, BLowering.ZEROS):
        products = [product for product in lowered(g, Pass.B, form, 1) if product.group == 0]
        assert sum(uses_per_pixel(product.gather).sum() for product in products) == forward


def _ranges(size: int, step: int) -> np.ndarray:
    starts = np.arange(0, size, step)
    return np.stack([starts, np.minimum(starts + step, size)], axis=1)


def _products(g: ConvGeometry, slots: int) -> list[Lowered]:
    firsts = [lowered(g, pass_, BLowering.PHASES, slots)[:1] for pass_ in (Pass.F, Pass.B, Pass.W)]
    return [product for first in firsts for product in first]


@settings(max_examples=120, deadline=None)
@given(geometries(), st.integers(1, 4), st.integers(1, 40), st.integers(1, 40))
def test_line_buffer_reads_less_than_explicit_and_grows_with_cutting(
    g: ConvGeometry, slots: int, k_step: int, m_step: int
) -> None:
    for product in _products(g, slots):
        k, m = _ranges(product.gemm.k, k_step), _ranges(product.gemm.m, m_step)
        line, explicit = (fold_reads(product, feeder, k, m) for feeder in (Feeder.LINE_BUFFER, Feeder.EXPLICIT))
        assert np.all(line <= explicit)
        assert explicit.sum() == product.gemm.m * product.gemm.k
        whole = distinct_elements(product, 0, product.gemm.k, 0, product.gemm.m)
        assert line.max() <= whole <= line.sum()
        gather = product.gather
        read = int(np.count_nonzero(uses_per_pixel(gather)))
        assert whole == read * gather.channels * slots


@settings(max_examples=80, deadline=None)
@given(geometries(), st.integers(1, 3), st.data())
def test_halo_is_monotone_and_shifts_with_slots(g: ConvGeometry, slots: int, data: st.DataObject) -> None:
    rows = slots * g.out_pixels
    start = data.draw(st.integers(0, rows - 1))
    stop = data.draw(st.integers(start, rows))
    elements = input_elements(g, start, stop)
    assert elements <= input_elements(g, start, rows)
    assert elements == input_elements(g, start + g.out_pixels, stop + g.out_pixels)
    assert input_elements(g, 0, rows) == slots * input_elements(g, 0, g.out_pixels)


@settings(max_examples=80, deadline=None)
@given(geometries(), st.integers(0, 2**32 - 1))
def test_streamed_nonzeros_add_up_over_disjoint_spikes(g: ConvGeometry, seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = (2, 2, g.in_channels, g.in_h, g.in_w)
    first = rng.random(shape) < 0.3
    second = (rng.random(shape) < 0.5) & ~first
    counts = [streamed_nonzeros(SpikeTensor.from_dense(part), g) for part in (first, second, first | second)]
    assert counts[0] + counts[1] == counts[2]
    assert counts[2] <= sum(gemm.m * gemm.k for gemm in lower(g, Pass.F, BLowering.PHASES, 4))
