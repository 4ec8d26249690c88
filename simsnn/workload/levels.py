"""Levels: the layers that remember in a network trained with ``temporal_reversible``.

A level is a lif neuron without reset, v[t] = leak v[t-1] + I[t] with leak > 0. Its state is taken back in time by
v[t-1] = (v[t] - I[t]) / leak, where I[t] is made again from the inputs of step t; what it fired follows from v[t]
alone. A lif neuron of leak 0 forgets: it needs no state of the step before.

The inverse multiplies what rounding left by 1/leak per step: exact for a leak that is a power of two and currents
on a grid that the float holds, with growth leak^-T otherwise.

Proof: ``tests/unit/test_temporal_reversible.py``.
"""

from __future__ import annotations

from simsnn.costs import OperationCounts
from simsnn.neurons.lif import LifNeuron
from simsnn.workload.layer import Layer


def is_level(layer: Layer) -> bool:
    """Whether a layer's neurons can be taken back in time."""
    neuron = layer.neuron
    return isinstance(neuron, LifNeuron) and neuron.reset == "none" and neuron.leak > 0


def remembers(layer: Layer) -> bool:
    """Whether a layer's neurons need more than the step they are in."""
    return layer.neuron is not None and not (isinstance(layer.neuron, LifNeuron) and layer.neuron.leak == 0)


def level_leak(layer: Layer) -> float:
    """Leak of a level."""
    assert isinstance(layer.neuron, LifNeuron)
    return layer.neuron.leak


def inverse_counts(layer: Layer) -> OperationCounts:
    """One step back: subtract, scale unless the leak is 1, and compare again with the threshold.

    Division by a power of two is a multiplication, by the reciprocal; by anything else it is a division.
    """
    leak = level_leak(layer)
    back = OperationCounts(add=1, compare=1)
    if leak == 1:
        return back
    power_of_two = leak.as_integer_ratio()[0] == 1
    return back + (OperationCounts(multiply=1) if power_of_two else OperationCounts(divide=1))
