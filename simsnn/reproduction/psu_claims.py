"""Numbers about parallel units that rest on assumptions: firing on random input, T*, what overhead a speed-up needs.

Nothing is fitted. Firing: currents normal with mean 0.6 and deviation 1, tau = 2, threshold 0.5, T = 64, the input of
our own earlier measurement (LIF 0.415, reset-free 0.561, PSU 0.346, agreement 91 %), not of a publication. The
3 to 4 times faster training on SHD is a second-hand GPU number: no machine here is a GPU and nothing is calibrated on
it. What is computed instead is the dispatch overhead per time step and direction with which a LIF would take that
many times a PSU's cycles: o = (r C_PSU - C_LIF) / (2 T), a step of either being dispatched once per time step
for the LIF and not at all for the PSU.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean

import numpy as np

from simsnn.neurons.base import Values
from simsnn.neurons.parallel import PsuNeuron
from simsnn.neurons.parallel_matrices import integration_matrix
from simsnn.reproduction.outcome import Claim, Standing
from simsnn.reproduction.psu_crossover import Crossing
from simsnn.reproduction.psu_exact import released_lif
from simsnn.reproduction.psu_recipes import BARE, LIF, PSU, Study

MEAN, DEVIATION, TAU, THRESHOLD, FIRING_STEPS = 0.6, 1.0, 2.0, 0.5, 64
TOLERANCE = 0.01
SPEEDUPS = (3, 4)


@dataclass(frozen=True, slots=True)
class Firing:
    """Spikes per neuron and step of three neurons on the same currents, and equal spikes of PSU and LIF, 0..1."""

    lif: float
    reset_free: float
    psu: float
    agreement: float


def measure_firing(neurons: int = 2000) -> Firing:
    """Released LIF, the same without reset, and PSU on random currents, float64."""
    current = np.random.default_rng(0).normal(MEAN, DEVIATION, (FIRING_STEPS, neurons))
    lif = released_lif(current, TAU, THRESHOLD)[1]
    free = integration_matrix(FIRING_STEPS, TAU) @ current > THRESHOLD
    psu = psu_spikes(current)
    return Firing(float(lif.mean()), float(free.mean()), float(psu.mean()), float((psu == lif).mean()))


def psu_spikes(current: Values) -> Values:
    """Spikes (T, n) of the released PSU."""
    unit, spikes, v = PsuNeuron(threshold=THRESHOLD, tau=TAU), np.empty_like(current), np.empty_like(current)
    learned = unit.initial_learned(len(current), np.random.default_rng(0), current.dtype)
    unit.forward(current, learned, spikes, v, np.empty((0, current.shape[1])))
    return spikes


def assumed_claims(firing: Firing, crossings: tuple[Crossing, ...], found: Study) -> tuple[Claim, ...]:
    """All of them."""
    return (*firing_claims(firing), *crossing_claims(crossings), *recipe_claims(found), *overhead_claims(found))


def _near(id_: str, value: float, expected: float, note: str) -> Claim:
    return Claim(id_, value, expected - TOLERANCE, expected + TOLERANCE, Standing.ASSUMED, note)


def _shown(id_: str, value: float | None, note: str) -> Claim:
    return Claim(id_, value, None, None, Standing.ASSUMED, note)


def firing_claims(firing: Firing) -> tuple[Claim, ...]:
    """Rates and agreement beside the earlier measurement."""
    where = "random currents, tau 2, threshold 0.5, T = 64"
    return (
        _near("firing.lif", firing.lif, 0.415, f"spikes per neuron and step of the released LIF, {where}"),
        _near("firing.reset_free", firing.reset_free, 0.561, "the same without reset"),
        _near("firing.psu", firing.psu, 0.346, "PSU"),
        _near("firing.agreement", firing.agreement, 0.91, "equal spikes of PSU and LIF"),
    )


def crossing_claims(crossings: tuple[Crossing, ...]) -> tuple[Claim, ...]:
    """T* of the larger layer on the first machine, and how many layers and machines a product wins at all."""
    large = max(each.neurons for each in crossings)
    first = [each for each in crossings if each.shape == crossings[0].shape and each.neurons == large]
    where = f"{first[0].shape.name}, N = {large:,}; RC/P = {first[0].shape.formula:g}"
    names = {"F": "forward", "B": "backward"}
    found = [
        _shown(
            f"crossover.{names[each.pass_]}",
            each.one_after_another,
            f"T* of a PSU, products against recurrence or scan, one after another; {where}",
        )
        for each in first
    ]
    bare = f"T* of one causal product against one operation per neuron and step; {where}"
    cells = f"of {len(crossings)} machines, layers and passes: recurrence or scan is never slower, from T = 1 on"
    always = sum(each.one_after_another == 1 for each in crossings)
    return (*found, _shown("crossover.bare", first[0].bare, bare), _shown("crossover.never_pays", always, cells))


def recipe_claims(found: Study) -> tuple[Claim, ...]:
    """What training on real data showed."""
    if not found.trainings:
        return (_shown("recipes", None, f"not run: {'; '.join(found.left_out)}"),)
    missing = f"; left out: {'; '.join(found.left_out)}" if found.left_out else ""
    gains = [_accuracy(found, name, PSU.name) - _accuracy(found, name, LIF.name) for name in found.experiments]
    claims = [
        _shown(
            "accuracy.psu_over_lif",
            100 * fmean(gains),
            f"points by which a PSU is better than a LIF, {len(gains)} data sets, {_seeds(found)} seeds{missing}",
        ),
        _shown("accuracy.normalisation", *_normalisation(found)),
        _shown("report.fastest", *_named(found)),
    ]
    for name in found.experiments:
        best = min((s for s in found.steps if (s.experiment, s.unit) == (name, PSU.name)), key=lambda s: s.cycles)
        lif = found.step(name, LIF.name, LIF.forms[0])
        note = f"cycles of a training step, PSU as {best.short_form} over LIF, T = {best.timesteps}, B = {best.batch}"
        claims.append(_shown(f"cycles.{name.removeprefix('psu_')}.psu_over_lif", best.cycles / lif.cycles, note))
    return tuple(claims)


def _seeds(found: Study) -> int:
    return len({training.seed for training in found.trainings})


def _accuracy(found: Study, experiment: str, unit: str) -> float:
    return fmean(training.accuracy for training in found.of(experiment, unit))


def _normalisation(found: Study) -> tuple[float | None, str]:
    """Points gained by batch normalisation in front of a PSU, and how much of its firing lies in step 0."""
    both = [name for name in found.experiments if found.of(name, BARE.name)]
    if not both:
        return None, "not run"
    gains = [_accuracy(found, name, PSU.name) - _accuracy(found, name, BARE.name) for name in both]
    words = [
        f"{name.removeprefix('psu_')} {100 * fmean(t.first_step for t in found.of(name, BARE.name)):.0f} % to"
        f" {100 * fmean(t.first_step for t in found.of(name, PSU.name)):.0f} %"
        for name in both
    ]
    return 100 * fmean(gains), f"points gained by normalising in front of a PSU; spikes in step 0: {', '.join(words)}"


def _named(found: Study) -> tuple[float | None, str]:
    """Share of units with several forms whose fastest simulated step has a form that the report names fastest."""
    groups = dict.fromkeys((step.experiment, step.unit) for step in found.steps)
    steps = {group: [s for s in found.steps if (s.experiment, s.unit) == group] for group in groups}
    several = [group for group in groups if len(steps[group]) > 1]
    right = 0
    for group in several:
        best = min(steps[group], key=lambda step: step.cycles)
        right += best.short_form in [name[2:] for name in best.fastest.split("; ")]
    share = right / len(several) if several else None
    return (
        share,
        f"share of {len(several)} units and data sets whose fastest simulated step runs as the report names it",
    )


def overhead_claims(found: Study) -> tuple[Claim, ...]:
    """Dispatch overhead per time step with which a LIF would be r times slower than a PSU: computed, not fitted."""
    claims = []
    for name in found.experiments:
        best = min((s for s in found.steps if (s.experiment, s.unit) == (name, PSU.name)), key=lambda s: s.cycles)
        lif = found.step(name, LIF.name, LIF.forms[0])
        for ratio in SPEEDUPS:
            cycles = overhead_cycles(best.cycles, lif.cycles, best.timesteps, ratio)
            note = (
                f"cycles per time step and direction that make a LIF {ratio} times slower than a PSU"
                f" ({1e6 * cycles / best.clock_hz:.1f} us); computed, not fitted; the published 3 to 4 is of a GPU,"
                " second-hand"
            )
            claims.append(_shown(f"overhead.{name.removeprefix('psu_')}.{ratio}x", cycles, note))
    return tuple(claims)


def overhead_cycles(psu: int, lif: int, timesteps: int, ratio: float) -> float:
    """o = (r C_PSU - C_LIF) / (2 T)."""
    return (ratio * psu - lif) / (2 * timesteps)
