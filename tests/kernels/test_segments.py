"""A recurrence over all time steps is, bit for bit, the same cut into runs with state and carry handed on."""

from itertools import pairwise

import numpy as np
import pytest

from simsnn.neurons.iir import IirNeuron
from simsnn.neurons.lif import LifNeuron
from simsnn.neurons.surrogate import ArctanSurrogate, TriangleSurrogate

STEPS, NEURONS = 11, 600
CUTS = [(11,), (4, 4, 3), (1,) * 11, (1, 10), (9, 2)]


def _neurons() -> list[LifNeuron | IirNeuron]:
    found: list[LifNeuron | IirNeuron] = []
    for detach in (True, False):
        common = {"threshold": 0.7, "detach_reset": detach, "surrogate": TriangleSurrogate(width=1.5)}
        found += [LifNeuron(leak=0.6, reset=reset, **common) for reset in ("hard", "soft", "none")]
        for coefficient in ("feedback", "threshold"):
            switches = {"reset": "soft", "reset_coefficient": coefficient, **common}
            found.append(IirNeuron(feedback=(1.1, -0.3), feedforward=(1.0, 0.0, 0.5, -0.25), **switches))
            found.append(IirNeuron(feedback=(0.5, 0.1, 0.2), feedforward=(1.0, 0.5), **switches))
        smooth = {**common, "surrogate": ArctanSurrogate()}
        found.append(IirNeuron(feedback=(0.9,), feedforward=(0.5, 0.5), reset="none", **smooth))
    return found


@pytest.mark.parametrize("cut", CUTS, ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("neuron", _neurons(), ids=lambda n: f"{n.kind}-{n.reset}-{n.detach_reset}")
def test_runs_of_steps_make_the_whole(neuron: LifNeuron | IirNeuron, dtype: type, cut: tuple[int, ...]) -> None:
    rng = np.random.default_rng(3)
    current, ds = (rng.normal(size=(STEPS, NEURONS)).astype(dtype) for _ in range(2))
    nothing = np.empty(0, dtype)

    def run(bounds: list[int]) -> list[np.ndarray]:
        spikes, v, dx = (np.full_like(current, np.nan) for _ in range(3))
        state = np.zeros((neuron.forward_state_words, NEURONS), dtype)
        carry = np.zeros((neuron.backward_state_words, NEURONS), dtype)
        runs = [slice(a, b) for a, b in pairwise(bounds)]
        for part in runs:
            neuron.forward(current[part], nothing, spikes[part], v[part], state)
        for part in reversed(runs):
            forward = (ds[part], current[part], nothing, v[part], spikes[part])
            neuron.backward(*forward, carry, dx[part], nothing)
        return [spikes, v, dx, state, carry]

    whole, parts = run([0, STEPS]), run([0, *np.cumsum(cut).tolist()])
    assert 0.05 < whole[0].mean() < 0.95
    for a, b in zip(whole, parts, strict=True):
        np.testing.assert_array_equal(a, b)
