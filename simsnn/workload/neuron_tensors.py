"""What neurons keep between their forward and their backward pass, mode by mode, and how it is cut into runs of steps.

Source: :mod:`simsnn.workload.backward_modes`. A neuron's states stand once per run: in front of each run with
``time_checkpoint``, behind each with ``reversible``.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

from simsnn.costs import OperandClass
from simsnn.neurons import Reversible
from simsnn.workload.backward_modes import (
    BlockReversible,
    LayerCheckpoint,
    ReversibleMode,
    TemporalReversible,
    TimeCheckpoint,
    run_bounds,
)
from simsnn.workload.couplings import reversible_sequences
from simsnn.workload.network import Layer
from simsnn.workload.operation import Operand
from simsnn.workload.recompute import recomputes
from simsnn.workload.step_tensors import StepTensors


class NeuronTensors(StepTensors):
    """Tensors that a neuron leaves for later, beside its output."""

    @property
    def runs(self) -> tuple[int, ...]:
        """Bounds of the runs of steps between kept states; the whole sequence where none are kept in between."""
        mode, steps = self.scope.backward, self.scope.timesteps
        if isinstance(mode, TimeCheckpoint):
            return run_bounds(steps, mode.segment)
        return mode.bounds(steps) if isinstance(mode, ReversibleMode) else (0, steps)

    @cached_property
    def _branches(self) -> frozenset[int]:
        """Layers in branches of couplings."""
        sequences = reversible_sequences(self.network.layers)
        return frozenset(index for s in sequences for coupling in s.couplings for index in coupling.branch)

    def leaves_nothing(self, layer: Layer) -> bool:
        """Whether the first forward pass of a layer leaves its backward pass nothing: it runs once more."""
        mode = self.scope.backward
        inside = isinstance(mode, BlockReversible) and layer.index in self._branches
        return inside or isinstance(mode, TemporalReversible)

    def kept_by_neuron(self, layer: Layer) -> tuple[Operand, ...]:
        """What the forward pass of a layer's neuron writes for its backward pass, beside the output."""
        mode = self.scope.backward
        if self.leaves_nothing(layer):
            return ()
        if isinstance(mode, TimeCheckpoint):
            return (self.states(layer),)
        if isinstance(mode, ReversibleMode):
            return (self.states(layer), *self.side_bits(layer))
        if isinstance(mode, LayerCheckpoint) and not mode.alone(self.network):
            return ()
        return () if recomputes(self.network, layer, self.scope) else (self.stash(layer),)

    def states(self, layer: Layer) -> Operand:
        """States of a layer's neurons, one per run of steps."""
        assert layer.neuron is not None
        bits = layer.neuron.forward_state_words * self.widths.membrane
        count, samples = len(self.runs) - 1, self.scope.batch
        elements = layer.out_elements * samples * count
        return Operand(self.name(f"{layer.name}.states"), OperandClass.MEMBRANE, elements, bits, slots=samples * count)

    def side_bits(self, layer: Layer) -> tuple[Operand, ...]:
        """Bits that the inverse needs beside the output; none for a pair node."""
        neuron = layer.neuron
        assert isinstance(neuron, Reversible)
        if not neuron.side_bits:
            return ()
        return (self.tensor(f"{layer.name}.side", OperandClass.SIDE_BITS, layer.out_elements, neuron.side_bits),)

    def part(self, operand: Operand, start: int, stop: int) -> Operand:
        """The share of a tensor that belongs to a run of steps."""
        samples, steps = self.scope.batch, self.scope.timesteps
        slots = samples * (stop - start)
        return replace(operand, elements=operand.elements // (samples * steps) * slots, slots=slots)

    def state_of_run(self, layer: Layer) -> Operand:
        """One of the kept states."""
        all_, runs = self.states(layer), len(self.runs) - 1
        return replace(all_, elements=all_.elements // runs, slots=all_.slots // runs)
