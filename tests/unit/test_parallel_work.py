"""Products, stash and operation counts of parallel units; the published counts of the sequential-CIFAR network."""

from __future__ import annotations

import numpy as np
import pytest

from simsnn.config.loader import preset_folder, read_yaml
from simsnn.config.resolve import build
from simsnn.errors import UnsupportedOperation
from simsnn.neurons.parallel import ParallelUnit, PsuNeuron
from simsnn.neurons.parallel_learned import MaskedPsnNeuron, PsnNeuron
from simsnn.neurons.parallel_matrices import causal_mask, integration_matrix, reset_matrix
from simsnn.neurons.parallel_reset import IpsuNeuron, RpsuNeuron
from simsnn.neurons.parallel_work import (
    ProductKind,
    ProductShape,
    Stashed,
    UnitWork,
    WorkForm,
    band,
    network_work,
    strict_triangle,
    triangle,
    unit_work,
)
from simsnn.neurons.sliding_psn import SlidingPsnNeuron
from simsnn.workload.network import Format, Network, NetworkConfig, build_network
from tests.parallel_units import UNITS, name

T = 32
units = pytest.mark.parametrize("unit", UNITS, ids=name)


def _sequential_cifar() -> Network:
    document = read_yaml(preset_folder() / "networks" / "sequential_cifar.yaml")
    return build_network(build(NetworkConfig, document), Format.real(8), 32)


def _neurons(network: Network) -> list[int]:
    return [layer.out_elements for layer in network.layers if layer.neuron is not None]


def test_the_sequential_cifar_network_has_the_published_size() -> None:
    """One column of an image is one time step; the readout has no neurons."""
    network = _sequential_cifar()
    assert _neurons(network) == [128 * 32] * 3 + [128 * 16] * 3 + [256]
    assert sum(_neurons(network)) == 18_688
    macs = sum(layer.geometry.weights * layer.out_shape[1] * layer.out_shape[2] for layer in network.weight_layers)
    assert macs == 5_806_592


def test_published_counts_of_the_psn() -> None:
    network = _sequential_cifar()
    layers = [(layer.neuron, layer.out_elements) for layer in network.layers if layer.neuron is not None]
    assert {unit.kind for unit, _ in layers} == {"psn"}
    work = network_work([(unit, n) for unit, n in layers if isinstance(unit, PsnNeuron)], T, WorkForm.DENSE)
    assert (work.multiply, work.add, work.shift) == (19_136_512, 19_734_528, 0)
    assert work.energy_pj(3.7, 0.9, 0.13) / 1e6 == pytest.approx(88.566, abs=5e-4)


@pytest.mark.parametrize("unit", [SlidingPsnNeuron(threshold=1, order=16), MaskedPsnNeuron(threshold=1, order=16)])
def test_published_counts_of_the_shift_based_unit_of_order_16(unit: ParallelUnit) -> None:
    layers = [(unit, n) for n in _neurons(_sequential_cifar())]
    work = network_work(layers, T, WorkForm.TRIANGLE, shifts=True)
    assert (work.multiply, work.add, work.shift) == (0, 7_923_712, 7_325_696)
    assert work.energy_pj(3.7, 0.9, 0.13) / 1e6 == pytest.approx(8.084, abs=5e-4)


@pytest.mark.parametrize("steps", [1, 2, 4, 7, 32])
def test_table_of_multiply_accumulates(steps: int) -> None:
    t, k = steps, min(3, steps)
    expected = [
        (PsuNeuron(threshold=1), 2 * t * t, t * t),
        (IpsuNeuron(threshold=1), t * t, t * (t + 1) // 2),
        (IpsuNeuron(threshold=1, form="sigmoid"), 2 * t * t, t * t),
        (RpsuNeuron(threshold=1), 3 * t * t, (3 * t * t + t) // 2),
        (PsnNeuron(threshold=1), t * t, t * t),
        (MaskedPsnNeuron(threshold=1, order=3), t * t, k * t - k * (k - 1) // 2),
        (SlidingPsnNeuron(threshold=1, order=3), t * t, k * t - k * (k - 1) // 2),
    ]
    for unit, dense, sparse in expected:
        around = unit.elementwise_counts(False)
        for form, macs in ((WorkForm.DENSE, dense), (WorkForm.TRIANGLE, sparse)):
            work = unit_work(unit, t, 5, form)
            assert work.multiply == 5 * (macs + t * around.multiply)
            assert work.add == 5 * (macs + t * around.add)
        sigmoids = t if unit.kind in ("psu", "rpsu") or getattr(unit, "form", "") == "sigmoid" else 0
        assert unit_work(unit, t, 5, WorkForm.DENSE).sigmoid == 5 * sigmoids


def test_entries_are_those_of_the_matrices() -> None:
    for steps in (1, 2, 5, 9):
        assert np.count_nonzero(integration_matrix(steps, 3.0)) == triangle(steps)
        assert np.count_nonzero(reset_matrix(steps, 3.0, 0.5)) == strict_triangle(steps)
        for order in (1, 2, 5, 20):
            assert np.count_nonzero(causal_mask(steps, order)) == band(steps, order)


def test_recurrence_is_linear_in_time() -> None:
    psu = unit_work(PsuNeuron(threshold=0.5), 64, 10, WorkForm.RECURRENCE)
    assert psu == UnitWork(multiply=3 * 640, add=3 * 640, sigmoid=640, compare=640)
    assert unit_work(PsuNeuron(threshold=1, tau=1), 64, 10, WorkForm.RECURRENCE).multiply == 0
    assert unit_work(SlidingPsnNeuron(threshold=1, order=4), 64, 10, WorkForm.RECURRENCE, True).shift == 4 * 640
    with pytest.raises(UnsupportedOperation, match="no form without T x T products") as refused:
        unit_work(RpsuNeuron(threshold=1), 4, 1, WorkForm.RECURRENCE)
    assert refused.value.allowed == ("dense", "triangle")


@units
@pytest.mark.parametrize("steps", [1, 4, 10])
def test_parameter_overhead(unit: ParallelUnit, steps: int) -> None:
    square = steps * steps + steps
    own = 0 if unit.kind == "psu" else unit.order + 1 if isinstance(unit, SlidingPsnNeuron) else square
    count = own + unit.learn_slope
    assert unit.learned_shape(steps) == ((count,) if count else ())
    drawn = unit.initial_learned(steps, np.random.default_rng(0), np.dtype(np.float32))
    assert drawn.shape == (count,)
    assert drawn.dtype == np.float32


def test_overhead_of_the_psn_as_published() -> None:
    """T = 4: 340 numbers in the 17 layers of neurons of ResNet-18, 200 in the 10 of VGG-11."""
    (count,) = PsnNeuron(threshold=1).learned_shape(4)
    assert (17 * count, 10 * count) == (340, 200)


def test_products_of_every_unit() -> None:
    lower, upper, full = ProductShape.LOWER, ProductShape.UPPER, ProductShape.FULL
    apply, gradient = ProductKind.APPLY, ProductKind.GRADIENT
    one, two = (lower, apply, 1), (lower, apply, 2)
    turned, sums = (upper, apply, 1), (lower, gradient, 1)
    causal = [one], [turned, sums]
    expected: list[tuple[ParallelUnit, list, list]] = [
        (PsuNeuron(threshold=1), [one, one], [turned, turned]),
        (IpsuNeuron(threshold=1), *causal),
        (IpsuNeuron(threshold=1, form="sigmoid"), [one, one], [turned, turned, sums]),
        (RpsuNeuron(threshold=1), [two, one], [turned, (upper, apply, 2), sums]),
        (PsnNeuron(threshold=1), [(full, apply, 1)], [(full, apply, 1), (full, gradient, 1)]),
        (MaskedPsnNeuron(threshold=1, order=2), *causal),
        (SlidingPsnNeuron(threshold=1, order=2), *causal),
    ]
    for unit, forward, backward in expected:
        for shapes, back in ((forward, False), (backward, True)):
            products = unit.products(8, 30, back)
            assert [(p.shape, p.kind, p.stacked) for p in products] == shapes
            assert all((p.timesteps, p.neurons) == (8, 30) for p in products)
            assert all(0 < p.macs <= p.dense_macs == p.stacked * 64 * 30 for p in products)


def test_what_backward_reads_again() -> None:
    x, v, s = Stashed.CURRENT, Stashed.POTENTIAL, Stashed.RESET_ESTIMATE
    assert PsuNeuron(threshold=1).stash == (v, s)
    assert IpsuNeuron(threshold=1).stash == (x, v)
    assert IpsuNeuron(threshold=1, form="sigmoid").stash == (x, v, s)
    assert RpsuNeuron(threshold=1).stash == (x, v, s)
    assert PsnNeuron(threshold=1).stash == SlidingPsnNeuron(threshold=1, order=1).stash == (x, v)
    assert [unit.stash_words for unit in (PsuNeuron(threshold=1), RpsuNeuron(threshold=1))] == [2, 3]
    assert not any(unit.stashes_mask_only for unit in UNITS)


@units
def test_counts_of_the_vector_unit(unit: ParallelUnit) -> None:
    """The whole unit where it has a form in steps, else what stands around its products."""
    if unit.steps_form:
        assert unit.forward_counts.total > unit.elementwise_counts(False).total or getattr(unit, "order", 0) == 1
    else:
        assert unit.forward_counts == unit.elementwise_counts(False)
        assert unit.backward_counts == unit.elementwise_counts(True)
    assert unit.forward_counts.compare == 1
    assert unit.backward_counts.total > unit.surrogate.counts.total
