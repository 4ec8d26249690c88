"""What must hold exactly before anything about parallel units is compared: identities, gradients, counts, plans.

Identities and gradients in float64 unless said; counts from ``configs/networks/sequential_cifar.yaml``; plans against
register-level references. Where a bound is relative it is over the largest summand of the potential, and at least 1.
Published counts: arXiv 2501.14490 (PSN of arXiv 2304.12760, and its shift-based unit of order 16).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from simsnn.config.loader import preset_folder, read_yaml
from simsnn.config.resolve import build
from simsnn.engines.mixing_check import MIXINGS, check_mixing
from simsnn.engines.scan_check import SCANS, check_scan
from simsnn.neurons import Parallel
from simsnn.neurons.base import Values
from simsnn.neurons.parallel import PsuNeuron
from simsnn.neurons.parallel_learned import MaskedPsnNeuron, PsnNeuron
from simsnn.neurons.parallel_matrices import integration_matrix, psu_given_spikes, spike_agreement
from simsnn.neurons.parallel_reset import IpsuNeuron, RpsuNeuron
from simsnn.neurons.parallel_work import UnitWork, WorkForm, network_work
from simsnn.neurons.sliding_psn import SlidingPsnNeuron
from simsnn.reproduction.outcome import Claim, Standing
from simsnn.workload.network import Format, Network, NetworkConfig, build_network

TAUS = (1.0, 1.5, 2.0, 3.0, 7.5)
DIFFERENCED: tuple[Parallel, ...] = (
    PsuNeuron(threshold=0.5),
    PsuNeuron(threshold=0.7, tau=3.5, scale_reset_by_threshold=False),
    IpsuNeuron(threshold=0.5),
    IpsuNeuron(threshold=0.5, form="sigmoid"),
    RpsuNeuron(threshold=0.5),
    PsnNeuron(threshold=1, learn_slope=True),
    MaskedPsnNeuron(threshold=1, order=3),
    SlidingPsnNeuron(threshold=1, order=3),
)
"""Units whose gradients are compared with central differences; their surrogate is an arctan."""
MULTIPLY_PJ, ADD_PJ, SHIFT_PJ = 3.7, 0.9, 0.13
"""Published prices at 45 nm: fp32 multiply, fp32 add, shift."""
CIFAR_STEPS, SHIFT_ORDER, OVERHEAD_STEPS = 32, 16, 4
RESNET18_LAYERS, VGG11_LAYERS = 17, 10
"""Layers of neurons in the two networks whose published overheads are 340 and 200 parameters."""


def exact_claims(cases: int = 8) -> tuple[Claim, ...]:
    """All exact checks; ``cases`` random runs per setting against the registers."""
    return (*identity_claims(), *gradient_claims(), *count_claims(), *register_claims(cases))


def _exact(id_: str, value: float, low: float | None, high: float | None, note: str) -> Claim:
    return Claim(id_, value, low, high, Standing.EXACT, note)


def sequential_lif(current: Values, tau: float, threshold: float) -> tuple[Values, Values]:
    """Potentials and spikes (T, n) of v <- (v - threshold s + x) / tau, step after step."""
    v, spikes = np.zeros_like(current), np.zeros_like(current)
    state, fired = np.zeros(current.shape[1]), np.zeros(current.shape[1])
    for t, x in enumerate(current):
        state = (state - threshold * fired + x) / tau
        fired = (state > threshold).astype(float)
        v[t], spikes[t] = state, fired
    return v, spikes


def released_lif(current: Values, tau: float, threshold: float) -> tuple[Values, Values]:
    """Potentials and spikes (T, n) of the released LIF: v <- v + (x - v) / tau, fire, v <- v - threshold s."""
    v, spikes, state = np.zeros_like(current), np.zeros_like(current), np.zeros(current.shape[1])
    for t, x in enumerate(current):
        state = state + (x - state) / tau
        v[t], spikes[t] = state, state > threshold
        state = state - threshold * spikes[t]
    return v, spikes


def identity_claims(neurons: int = 200) -> tuple[Claim, ...]:
    """PSU and LIF, recurrence and matrices."""
    current = np.random.default_rng(2).normal(0.6, 1, (64, neurons))
    given = max(_distance(sequential_lif, current * tau, tau) for tau in TAUS)
    apart = min(_distance(released_lif, current, tau) for tau in TAUS if tau != 2)
    return (
        _exact(
            "exact.psu_given_spikes",
            given,
            0,
            1e-14,
            f"PSU fed with true spikes against the sequential soft-reset LIF, T = 64, tau {_words(TAUS)}: relative",
        ),
        _exact("exact.released_lif_at_tau_2", _distance(released_lif, current, 2.0), 0, 1e-14, "the released LIF"),
        _exact(
            "exact.released_lif_elsewhere", apart, 0.01, None, "the released LIF, nearest of the other tau: not equal"
        ),
        *_matrix_claims(),
    )


def _words(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in values)


def _distance(lif: Callable[[Values, float, float], tuple[Values, Values]], current: Values, tau: float) -> float:
    """Largest difference between a LIF's potential and that of a PSU given its spikes, relative."""
    v, spikes = lif(current, tau, 0.5)
    scale = max(1.0, float(np.abs(integration_matrix(len(current), tau) @ current).max()))
    return float(np.abs(psu_given_spikes(current, spikes, tau, 0.5) - v).max()) / scale


def _matrix_claims() -> tuple[Claim, ...]:
    """PSU by recurrence and sliding PSN by taps against T x T matrices in float32, up to T = 1024."""
    worst, compared, differing, errors = 0.0, 0, 0, 0
    for unit in (PsuNeuron(threshold=0.5), PsuNeuron(threshold=0.7, tau=3.5), SlidingPsnNeuron(threshold=1, order=4)):
        for steps in (4, 32, 256, 1024):
            rng = np.random.default_rng(steps)
            current = rng.normal(0.6, 1, (steps, 400)).astype(np.float32)
            learned = unit.initial_learned(steps, rng, np.dtype(np.float32))
            v, spikes = np.empty_like(current), np.empty_like(current)
            unit.forward(current, learned, spikes, v, np.empty((0, 400), np.float32))
            found = spike_agreement(
                v, unit.potential_by_matrices(current, learned), unit.threshold, unit.strict_threshold
            )
            worst = max(worst, found.largest_difference / max(1.0, float(np.abs(v).max())))
            compared, differing, errors = compared + v.size, differing + found.differing, errors + found.errors
    note = f"{differing} of {compared:,} spikes differ, {differing - errors} of them near-ties"
    return (
        _exact("exact.recurrence_is_matrix", worst, 0, 1e-6, f"potentials in float32, T up to 1024, relative; {note}"),
        _exact("exact.recurrence_spikes", errors, 0, 0, "spikes that differ and are no near-ties"),
    )


@dataclass(frozen=True, slots=True)
class Slopes:
    """Gradients of one unit by its backward pass and by central differences."""

    analytic: Values
    numeric: Values

    @property
    def error(self) -> float:
        """Largest absolute difference."""
        return float(np.abs(self.analytic - self.numeric).max())


def gradient_claims(units: tuple[Parallel, ...] = DIFFERENCED) -> tuple[Claim, ...]:
    """Central differences of every current and every learned number, on gradients of order 1."""
    found = [slopes_of(unit) for unit in units]
    worst, least = max(s.error for s in found), min(float(np.abs(s.numeric).max()) for s in found)
    count = sum(s.numeric.size for s in found)
    note = f"{count} gradients of {len(units)} units towards currents, matrices, biases, taps and slopes: largest error"
    return (_exact("exact.gradients", worst, 0, 1e-7, f"{note}; largest gradient of a unit at least {least:.2g}"),)


def slopes_of(unit: Parallel, steps: int = 6, neurons: int = 3, step: float = 1e-6) -> Slopes:
    """Both gradients of sum(G * output), the output made by the smooth threshold, float64."""
    rng = np.random.default_rng(4)
    current = rng.normal(0.6, 1, (steps, neurons))
    learned = unit.initial_learned(steps, rng, np.dtype(np.float64))
    towards, spikes, v = rng.normal(size=current.shape), np.empty_like(current), np.empty_like(current)

    def loss(point: Values) -> float:
        x, own = point[: current.size].reshape(current.shape), point[current.size :]
        unit.forward_smooth(x, own, spikes[:0], spikes, v)
        return float((spikes * towards).sum())

    point = np.concatenate([current.ravel(), learned])
    loss(point)
    dx, dlearned = np.empty_like(v), np.empty_like(learned)
    unit.backward(towards, current, learned, v.copy(), spikes, np.empty((0, neurons)), dx, dlearned)
    moves = np.eye(point.size) * step
    numeric = np.array([(loss(point + move) - loss(point - move)) / (2 * step) for move in moves])
    return Slopes(np.concatenate([dx.ravel(), dlearned]), numeric)


def sequential_cifar() -> Network:
    """The shipped network of sequential CIFAR."""
    document = read_yaml(preset_folder() / "networks" / "sequential_cifar.yaml")
    return build_network(build(NetworkConfig, document), Format.real(8), 32)


def psn_work() -> UnitWork:
    """Operations of the network's own neurons on one image: dense T x T products."""
    found = [(layer.neuron, layer.out_elements) for layer in sequential_cifar().layers if layer.neuron is not None]
    units = [(unit, count) for unit, count in found if isinstance(unit, Parallel)]
    return network_work(units, CIFAR_STEPS, WorkForm.DENSE)


def shift_work() -> UnitWork:
    """Operations with a unit of 16 taps that are powers of two in every layer of neurons."""
    taps = SlidingPsnNeuron(threshold=1, order=SHIFT_ORDER)
    units = [(taps, layer.out_elements) for layer in sequential_cifar().layers if layer.neuron is not None]
    return network_work(units, CIFAR_STEPS, WorkForm.TRIANGLE, shifts=True)


def count_claims() -> tuple[Claim, ...]:
    """Published counts and energies of neurons, and parameters."""
    psn, shift, prices = psn_work(), shift_work(), (MULTIPLY_PJ, ADD_PJ, SHIFT_PJ)
    psn_uj, shift_uj = psn.energy_pj(*prices) / 1e6, shift.energy_pj(*prices) / 1e6
    per_layer = PsnNeuron(threshold=1).learned_count(OVERHEAD_STEPS)
    image = "sequential CIFAR, T = 32, one image, neurons alone"
    order = f"{image}, order {SHIFT_ORDER}, weights powers of two"
    return (
        _exact("exact.psn_multiplies", psn.multiply, 19_136_512, 19_136_512, f"{image}: T^2 N"),
        _exact("exact.psn_adds", psn.add, 19_734_528, 19_734_528, f"{image}: (T^2 + T) N"),
        _exact("exact.psn_energy_uj", psn_uj, 88.565, 88.575, f"{image}: uJ, published 88.56 and 88.57"),
        _exact("exact.shift_shifts", shift.shift, 7_325_696, 7_325_696, order),
        _exact("exact.shift_adds", shift.add, 7_923_712, 7_923_712, order),
        _exact("exact.shift_energy_uj", shift_uj, 8.0835, 8.0845, f"{order}: uJ, published 8.08"),
        _exact(
            "exact.overhead_resnet18", per_layer * RESNET18_LAYERS, 340, 340, "(T^2 + T) per layer, T = 4, 17 layers"
        ),
        _exact("exact.overhead_vgg11", per_layer * VGG11_LAYERS, 200, 200, "(T^2 + T) per layer, T = 4, 10 layers"),
    )


def register_claims(cases: int) -> tuple[Claim, ...]:
    """Plans of T x T products and of scans against machines that step every register."""
    mixing = [check_mixing(setting, cases) for setting in MIXINGS]
    scans = [check_scan(setting, cases) for setting in SCANS]
    what = "values, cycles, parts, counts and chunk ends that differ anywhere"
    return tuple(
        _exact(
            id_,
            sum(result.mismatches for result in results),
            0,
            0,
            f"of {sum(result.cases for result in results)} random runs in {len(results)} settings: {what}",
        )
        for id_, results in (("exact.mixing_registers", mixing), ("exact.scan_registers", scans))
    )
