"""Backward pass of a layer's neuron, mode by mode: from the gradient towards its output to the one towards its current.

============================= ======================================================================
bptt, sltt, ottt              gradient from what was stored (online: no carry from step to step)
layer_checkpoint              currents again (R), then forward and back in one pass over the neurons
time_checkpoint               run by run, last first: currents of the run again (R), forward and back
reversible, streamlined       inverse and gradient in one pass; currents again (R) where the inverse reads them
reversible, plain             inverse (I), forward again (R), gradient: three passes
block_, temporal_reversible   as bptt, from tensors made again (``block_reversal.py``, ``temporal_reversal.py``)
============================= ======================================================================

Source: docs/machines sections 6 and 8. Proof: ``tests/unit/test_mode_operations.py``.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from simsnn.costs import OperationCounts
from simsnn.neurons import Parallel, Reversible
from simsnn.workload.backward_modes import ReversibleMode, TimeCheckpoint
from simsnn.workload.network import Layer
from simsnn.workload.neuron_tensors import NeuronTensors
from simsnn.workload.operation import GemmOperation, Operand, Operation, Pass, TaskPart, VectorOperation
from simsnn.workload.parallel_backward import ParallelBackward
from simsnn.workload.recompute import RecomputedCurrents, recomputes


class NeuronBackward(RecomputedCurrents, NeuronTensors, ParallelBackward):
    """Builds the backward operations of neurons."""

    def neuron_backward(self, layer: Layer, incoming: Operand) -> list[Operation]:
        """Operations from the gradient ``incoming`` to the one towards the currents."""
        mode = self.scope.backward
        if isinstance(layer.neuron, Parallel):
            return self.unit_backward(layer, incoming)
        if isinstance(mode, TimeCheckpoint):
            return self._run_by_run(layer, incoming)
        if isinstance(mode, ReversibleMode):
            return self._inverted(layer, incoming, mode)
        if recomputes(self.network, layer, self.scope):
            return self._checkpointed(layer, incoming)
        return [self._stored(layer, incoming)]

    def _dcurrent(self, layer: Layer) -> Operand:
        return self.gradient(f"{layer.name}.dcurrent", layer.out_elements)

    def _stored(self, layer: Layer, incoming: Operand) -> VectorOperation:
        assert layer.neuron is not None
        online = self.scope.backward.online
        state = () if online else self.state(layer, "carry")
        reads = (incoming, self.stash(layer), self.delivered(layer), *state)
        words = 0 if online else layer.neuron.backward_state_words
        writes = (self._dcurrent(layer), *state)
        return self._vector(layer, Pass.B, layer.neuron.backward_counts, reads, writes, words)

    def _checkpointed(self, layer: Layer, incoming: Operand) -> list[Operation]:
        """Currents again, then all steps forward and all steps back in one pass over the neurons.

        Spikes follow from the potentials, so they are not read. What the neuron keeps forwards and what
        it carries back are state; the potentials of all T steps are kept in between.
        """
        operations, current = self.currents_again(layer)
        return [*operations, self._there_and_back(layer, (incoming, current), (self._dcurrent(layer),))]

    def _there_and_back(self, layer: Layer, reads: tuple[Operand, ...], writes: tuple[Operand, ...]) -> VectorOperation:
        assert layer.neuron is not None
        counts = layer.neuron.forward_counts + layer.neuron.backward_counts
        words = layer.neuron.forward_state_words + layer.neuron.backward_state_words
        neuron = self._vector(layer, Pass.B, counts, reads, writes, words)
        return replace(neuron, kept_bits=self.widths.membrane)

    def _run_by_run(self, layer: Layer, incoming: Operand) -> list[Operation]:
        """Runs from the last to the first; what is carried back crosses from run to run in memory."""
        mode, operations = self.scope.backward, list[Operation]()
        assert isinstance(mode, TimeCheckpoint)
        bounds = self.runs
        carry = self._carry(layer)
        for start, stop in reversed(list(pairwise(bounds))):
            current = self.part(self.current(layer), start, stop)
            if layer.has_weights and mode.currents == "recompute":
                product = self._product_of_run(layer, start, stop)
                operations.append(product)
                current = product.output
            carried = carry if stop < bounds[-1] else ()
            reads = (self.part(incoming, start, stop), current, self.state_of_run(layer), *carried)
            writes = (self.part(self._dcurrent(layer), start, stop), *(carry if start else ()))
            part = type(self)(self.network, self.scope.run(start, stop), self.widths, buffer=self.buffer)
            operations.append(part._there_and_back(layer, reads, writes))
        return operations

    def _carry(self, layer: Layer) -> tuple[Operand, ...]:
        """Gradient state of a layer's neurons between two runs."""
        assert layer.neuron is not None
        state = self.state_of_run(layer)
        words = layer.neuron.backward_state_words * self.widths.membrane
        role = self._dcurrent(layer).role
        return (replace(state, tensor=self.name(f"{layer.name}.carry"), role=role, bits=words),)

    def _product_of_run(self, layer: Layer, start: int, stop: int) -> GemmOperation:
        whole = self.product_again(layer)
        scope = self.scope.run(start, stop)
        part = type(self)(self.network, scope, self.widths, buffer=self.buffer)
        output = self.part(whole.output, start, stop)
        output = replace(output, tensor=f"{output.tensor}[{start}:{stop}]")  # one run's currents at a time
        return replace(
            whole,
            slots=scope.slots,
            left=self.part(whole.left, start, stop),
            output=output,
            timesteps=scope.timesteps,
            extent=part.extent,
        )

    def _inverted(self, layer: Layer, incoming: Operand, mode: ReversibleMode) -> list[Operation]:
        """Behind the last step is where the inverse starts; what it needs was kept, or is made again."""
        neuron = layer.neuron
        assert isinstance(neuron, Reversible)
        operations, current = self.currents_again(layer) if neuron.needs_current else ([], self.current_again(layer))
        kept = (self.delivered(layer), self.states(layer), *self.side_bits(layer))
        given = (*kept, current) if neuron.needs_current else kept
        out = (self._dcurrent(layer),)
        words = neuron.forward_state_words + neuron.backward_state_words
        if mode.form == "streamlined":
            counts = neuron.streamlined_counts
            return [*operations, self._vector(layer, Pass.B, counts, (incoming, *given), out, words)]
        start = replace(self.state_of_run(layer), tensor=self.name(f"{layer.name}.start"))
        found = (start,) if neuron.needs_current else (current, start)
        potentials, words = self.stash(layer), neuron.forward_state_words
        undo = self._vector(layer, Pass.I, neuron.inverse_counts, given, found, words)
        redo = self._vector(layer, Pass.R, neuron.forward_counts, (current, start), (potentials,), words)
        reads = (incoming, potentials, self.delivered(layer))
        back = self._vector(layer, Pass.B, neuron.backward_counts, reads, out, neuron.backward_state_words)
        return [*operations, undo, replace(redo, reverse=False), back]

    def _vector(
        self,
        layer: Layer,
        pass_: Pass,
        counts: OperationCounts,
        reads: tuple[Operand, ...],
        writes: tuple[Operand, ...],
        words: int,
    ) -> VectorOperation:
        chains = layer.neuron.node_pass_latency_chains if isinstance(layer.neuron, Reversible) else 1
        part, size = TaskPart.NEURON, layer.out_elements
        return self.vector(layer.name, pass_, part, size, counts, reads, writes, state_words=words, chains=chains)
