"""GPU baseline: kernels per column, roofs by hand, power, order of the columns, errors."""

from __future__ import annotations

import json
from dataclasses import fields
from itertools import pairwise

import pytest

from simsnn.costs import OperandClass, OperationCounts
from simsnn.engines.gpu import GpuColumn, GpuEstimate, GpuPrecision, average_power_w, gpu_estimates, quantised_flops
from simsnn.engines.gpu_kernels import dense_macs, eager_kernels, fused_kernels
from simsnn.engines.gpu_table import GpuConstants, GpuName, gpu_constants, gpu_rows, gpu_spec, gpu_specs
from simsnn.errors import ConfigError, UnsupportedOperation
from simsnn.workload.encoding import Encoding
from simsnn.workload.network import Format, Network, NetworkConfig, build_network
from simsnn.workload.operation import Gemm, GemmOperation, Operand, Operation, Pass, TaskPart
from simsnn.workload.presets import GENERATORS
from simsnn.workload.step_tensors import StepScope, UpdateRule, Widths
from simsnn.workload.training_step import layer_by_layer, step_by_step

WIDTHS = Widths(8, 8, 16, 16, 32, 32)
RULE = UpdateRule(2, OperationCounts(add=3, multiply=5))
ALL = frozenset({Pass.F, Pass.B, Pass.W, Pass.U})
T = 6


def network(name: str, norm: bool = False) -> Network:
    document = GENERATORS.get(name)((3, 32, 32), 10, norm)
    return build_network(NetworkConfig.model_validate_json(json.dumps(document)), Format.real(8), 32)


def step(
    name: str, batch: int = 64, timesteps: int = T, norm: bool = False, encoding: Encoding = Encoding.DIRECT
) -> tuple[Operation, ...]:
    return layer_by_layer(network(name, norm), StepScope(timesteps, batch, ALL, encoding), WIDTHS, RULE)


def columns(
    operations: tuple[Operation, ...],
    gpu: str = "v100",
    timesteps: int = T,
    precision: GpuPrecision = GpuPrecision.FP32,
    sustained_fraction: float = 1.0,
) -> tuple[GpuEstimate, GpuEstimate, GpuEstimate]:
    found = gpu_estimates(operations, timesteps, (gpu_spec(gpu),), precision, sustained_fraction)
    eager, fused, roofline = found
    assert [e.column for e in found] == [GpuColumn.EAGER, GpuColumn.FUSED, GpuColumn.ROOFLINE]
    return eager, fused, roofline


def gemm(m: int, k: int, n: int) -> GemmOperation:
    return GemmOperation(
        "g0",
        Pass.F,
        slots=1,
        geometry=None,
        gemm=Gemm(m, k, n),
        left=Operand("a", OperandClass.INPUTS, m * k, 8),
        right=Operand("b", OperandClass.WEIGHTS, k * n, 8),
        output=Operand("c", OperandClass.CURRENTS, m * n, 32),
    )


def test_every_constant_has_one_sourced_row_and_every_row_is_used() -> None:
    keys = [(row.gpu, row.name) for row in gpu_rows()]
    assert len(set(keys)) == len(keys)
    assert all(row.source and row.unit and row.value for row in gpu_rows())
    constants = {field.name.removesuffix("_ns") for field in fields(GpuConstants)}
    assert {name for gpu, name in keys if not gpu} == constants
    per_gpu = [{name for gpu, name in keys if gpu == spec.name} for spec in gpu_specs()]
    assert all(names == per_gpu[0] for names in per_gpu)
    assert len(per_gpu[0]) == len(fields(gpu_specs()[0])) - 1
    assert [spec.name for spec in gpu_specs()] == [name.value for name in GpuName]


@pytest.mark.parametrize(("gpu", "lanes", "mhz"), [("v100", 64, 1530), ("a100", 64, 1410), ("h100", 128, 1980)])
def test_fp32_peaks_are_lanes_times_clock(gpu: str, lanes: int, mhz: int) -> None:
    spec = gpu_spec(gpu)
    assert spec.fp32_flops_per_ns == pytest.approx(spec.sms * lanes * 2 * mhz / 1000, rel=0.005)


def test_v100_roofline_of_a_large_product_by_hand() -> None:
    _, _, roofline = columns((gemm(4096, 4096, 4096),), timesteps=1)
    flops = 2 * 4096**3
    assert (roofline.flops, roofline.bytes, roofline.kernels) == (flops, 3 * 4096**2 * 4, 0)
    assert roofline.time_ns == pytest.approx(flops / 15_700)
    assert roofline.utilisation_compute == pytest.approx(1.0)


def test_tiles_run_in_waves_over_the_multiprocessors_by_hand() -> None:
    # 8 x 10 tiles of 128 x 128: one wave of 80; a slice of K is never shorter than 256
    fused = columns((gemm(1024, 256, 1280),), timesteps=1)[1]
    assert fused.time_ns == pytest.approx(2 * 1024 * 256 * 1280 / (15_700 * 0.85) + 1_000 + 20_000)
    # 81 tiles of 32 x 32: one wave of 80 and one tile, which takes as long
    assert quantised_flops(Gemm(81 * 32, 256, 32), 1, 80, gpu_constants()) == 2 * 32 * 32 * 256 * 160
    # two groups of 40 tiles run side by side
    assert quantised_flops(Gemm(40 * 32, 256, 32), 2, 80, gpu_constants()) == 2 * 32 * 32 * 256 * 80


def test_v100_roofline_of_a_thin_product_is_its_traffic() -> None:
    _, _, roofline = columns((gemm(4096, 4096, 1),), timesteps=1)
    moved = 4 * (4096**2 + 2 * 4096)
    assert roofline.bytes == moved
    assert roofline.time_ns == pytest.approx(moved / 900)
    assert roofline.utilisation_memory == pytest.approx(1.0)


def test_the_cifar_net_is_168_teraflop_and_at_least_107_ms_on_a_v100() -> None:
    operations = step("cifar_net")
    products = [op for op in operations if isinstance(op, GemmOperation)]
    assert sum(dense_macs(op) for op in products if op.pass_ is Pass.F) == pytest.approx(729.7e6 * 64 * T, rel=1e-4)
    flops = 2 * sum(dense_macs(op) for op in products)
    assert flops == pytest.approx(1.68e12, rel=2e-3)
    assert flops / 15_700 == pytest.approx(107e6, rel=2e-3)
    eager, fused, roofline = columns(operations)
    # elementwise kernels come on top of the products' 107 ms; efficiency, then time steps one by one
    assert 107e6 < roofline.time_ns < 120e6
    assert 107e6 / 0.85 < fused.time_ns < 150e6
    assert fused.time_ns < eager.time_ns < 300e6


def test_eager_launches_about_twenty_kernels_per_layer_and_time_step_and_fused_five() -> None:
    layers = 12
    eager, fused, roofline = columns(step("cifar_net"))
    per_step = 1 + 1 + 1 + 5 + 10  # F, B, W, neuron forward and backward
    # no B in the first layer, no neuron behind the last, the loss; sums of dW but in the first step; updates
    expected = T * (layers * per_step - 1 - 15 + 1) + (T - 1) * layers + 4 * layers
    assert eager.kernels == expected
    assert 0.85 * 20 * layers * T < eager.kernels < 1.05 * 20 * layers * T
    assert fused.kernels == len(step("cifar_net")) == layers * 5 - 1 - 2 + 1 + layers
    assert roofline.kernels == 0


def test_more_time_steps_launch_more_eager_kernels_and_no_more_fused_ones() -> None:
    short, long = columns(step("vgg5", timesteps=4), timesteps=4), columns(step("vgg5", timesteps=8), timesteps=8)
    assert short[1].kernels == long[1].kernels
    updates = sum(4 for op in step("vgg5") if op.part is TaskPart.UPDATE)
    weights = len(network("vgg5").weight_layers)
    assert long[0].kernels - updates + weights == 2 * (short[0].kernels - updates + weights)


@pytest.mark.parametrize("precision", list(GpuPrecision))
@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("name", GENERATORS.names())
def test_roofline_fused_eager_are_in_this_order(name: str, norm: bool, precision: GpuPrecision) -> None:
    for batch, encoding in ((1, Encoding.POISSON), (3, Encoding.DIRECT), (64, Encoding.DIRECT)):
        operations = step(name, batch, norm=norm, encoding=encoding)
        for estimates in zip(*[iter(gpu_estimates(operations, T, gpu_specs(), precision))] * 3, strict=True):
            eager, fused, roofline = estimates
            assert roofline.time_ns <= fused.time_ns <= eager.time_ns
            assert roofline.bytes == fused.bytes <= eager.bytes
            # the sums of weight gradients are all the arithmetic that eager code adds
            weights = sum(op.output.elements for op in weight_products(operations))
            assert roofline.flops == fused.flops == eager.flops - (T - 1) * weights
            for e in estimates:
                assert e.gpu.idle_w < e.average_power_w < e.gpu.tdp_w
                assert 0 < e.utilisation_compute <= 1
                assert 0 < e.utilisation_memory <= 1
                assert e.energy_pj == pytest.approx(e.average_power_w * e.time_ns * 1e-9 * 1e12)


def weight_products(operations: tuple[Operation, ...]) -> list[GemmOperation]:
    return [op for op in operations if isinstance(op, GemmOperation) and op.pass_ is Pass.W]


@pytest.mark.parametrize("gpu", [spec.name for spec in gpu_specs()])
def test_time_and_energy_grow_with_the_batch(gpu: str) -> None:
    runs = [columns(step("vgg5", batch), gpu) for batch in (1, 2, 3, 5, 8, 13, 64, 65, 96)]
    for one, more in pairwise(runs):
        for small, large in zip(one, more, strict=True):
            assert small.time_ns <= large.time_ns
            assert small.energy_pj < large.energy_pj
            assert small.bytes < large.bytes


def test_a_longer_product_never_takes_less_time() -> None:
    constants = gpu_constants()
    for varied in range(3):
        sizes = [[96, 96, 96] for _ in range(1, 1400)]
        for length, size in enumerate(sizes, 1):
            size[varied] = length
        worst = [quantised_flops(Gemm(*size), 1, 80, constants) for size in sizes]
        assert worst == sorted(worst)
        assert all(done >= 2 * Gemm(*size).macs for done, size in zip(worst, sizes, strict=True))


def test_a_deep_product_with_few_outputs_is_split_along_k() -> None:
    product, constants = Gemm(128, 80 * 4096, 128), gpu_constants()
    done = quantised_flops(product, 1, 80, constants)
    assert done < 1.1 * 2 * product.macs
    assert quantised_flops(Gemm(32, 64, 32), 1, 80, constants) == 2 * 32 * 32 * 64 * 80


def test_halves_of_the_words_are_halves_of_the_bytes() -> None:
    kernels = [fused_kernels(step("vgg5"), T, word) for word in (4, 2)]
    pairs = list(zip(*kernels, step("vgg5"), strict=True))
    assert all(half.bytes == wide.bytes / 2 for wide, half, op in pairs if op.part is not TaskPart.UPDATE)


def test_spikes_and_masks_are_dense_words() -> None:
    (first, *_) = [op for op in step("vgg5", 1, 1) if op.part is TaskPart.NEURON]
    spikes = 64 * 32 * 32
    at = step("vgg5", 1, 1).index(first)
    kernel = fused_kernels(step("vgg5", 1, 1), 1, 4)[at]
    assert kernel.bytes == 3 * spikes * 4  # currents in, spikes and membrane out
    chain = eager_kernels(step("vgg5", 1, 1), 1, 4, gpu_constants())[at]
    assert (chain.launches, chain.bytes) == (5, 3 * spikes * 4)


def test_a_small_network_is_bound_by_the_launches_of_its_host() -> None:
    eager, fused, _ = columns(step("mlp", 1))
    assert eager.time_ns == 7_000 * eager.kernels + 20_000
    # a graph is bound by the device: 2 us of kernel and 1 us of gap each, and more for the weights
    assert 3_000 * fused.kernels + 20_000 < fused.time_ns < eager.time_ns / 10


def test_a_sustained_fraction_scales_the_roofs_of_eager_and_fused_only() -> None:
    product = (gemm(4096, 4096, 4096),)
    full, half = columns(product, timesteps=1), columns(product, timesteps=1, sustained_fraction=0.5)
    fixed = 1_000 + 20_000
    for column in (0, 1):
        assert half[column].time_ns - fixed == pytest.approx(2 * (full[column].time_ns - fixed))
    assert half[2] == full[2]


@pytest.mark.parametrize("fraction", [0.0, -1.0, 1.01])
def test_a_sustained_fraction_outside_its_range_is_refused(fraction: float) -> None:
    with pytest.raises(ConfigError, match="sustained_fraction"):
        columns((gemm(8, 8, 8),), timesteps=1, sustained_fraction=fraction)


def test_tensor_cores_speed_up_products_and_not_the_rest() -> None:
    wide = columns((gemm(4096, 4096, 4096),), timesteps=1)[2]
    half = columns((gemm(4096, 4096, 4096),), timesteps=1, precision=GpuPrecision.FP16)[2]
    assert wide.time_ns / half.time_ns == pytest.approx(125 / 15.7)


def test_an_a100_is_in_its_measured_band_at_a_tenth_to_two_fifths_of_its_roofs() -> None:
    spec = gpu_spec("a100")
    powers = [average_power_w(spec, u, u) for u in (0.09, 0.1, 0.2, 0.3, 0.38)]
    assert powers == sorted(powers)
    assert 81 <= powers[0] <= powers[-1] <= 184
    assert average_power_w(spec, 0, 0) == spec.idle_w
    assert average_power_w(spec, 1, 1) == spec.tdp_w
    assert average_power_w(spec, 2, 2) == spec.tdp_w


@pytest.mark.parametrize("name", ["vgg9", "vgg16", "resnet18"])
@pytest.mark.parametrize("batch", [4, 8])
def test_unfused_inference_of_a_small_batch_on_an_a100_draws_what_was_measured(name: str, batch: int) -> None:
    scope = StepScope(4, batch, frozenset({Pass.F}), Encoding.DIRECT)
    operations = layer_by_layer(network(name, norm=True), scope, WIDTHS, None)
    assert 81 <= columns(operations, "a100", timesteps=4)[0].average_power_w <= 184


def test_an_unknown_gpu_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError) as caught:
        gpu_spec("a10")
    assert caught.value.allowed == ("v100", "a100", "h100")
    assert caught.value.nearest == "a100"


def test_operations_of_single_time_steps_are_refused() -> None:
    scope = StepScope(T, 8, ALL, Encoding.DIRECT)
    sliced = step_by_step(network("vgg5"), scope, WIDTHS, RULE)
    with pytest.raises(UnsupportedOperation, match="covers 1 of 6 time steps"):
        columns(sliced)
