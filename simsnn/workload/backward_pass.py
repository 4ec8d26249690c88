"""Operations of the backward pass: loss, neurons backward, normalisation, B and W products, updates."""

from __future__ import annotations

from dataclasses import replace

from simsnn.costs import OperandClass, OperationCounts
from simsnn.neurons import Parallel
from simsnn.workload.backward_modes import (
    BlockReversible,
    Bptt,
    LayerCheckpoint,
    TemporalReversible,
    layer_segments,
)
from simsnn.workload.block_reversal import BlockReversal
from simsnn.workload.forward_pass import ForwardPass
from simsnn.workload.layers import BatchNormLayer, PoolLayer
from simsnn.workload.network import Layer
from simsnn.workload.neuron_backward import NeuronBackward
from simsnn.workload.operation import GemmOperation, Operand, Operation, Pass, Sparsity, TaskPart, VectorOperation
from simsnn.workload.output_sparsity import output_sparsity_refusal
from simsnn.workload.segments import Segment
from simsnn.workload.step_tensors import UpdateRule
from simsnn.workload.temporal_reversal import TemporalReversal

NORM_STATISTICS = OperationCounts(add=3, multiply=2)
NORM_APPLY = OperationCounts(add=2, multiply=3)


class BackwardPass(NeuronBackward, BlockReversal, TemporalReversal):
    """Builds the backward operations and the updates; declared counts are per element (and time step)."""

    readouts: tuple[Operand, ...] = ()
    """Readouts of all time steps, where they are built one by one: the loss is over their mean."""

    def build(self, update: UpdateRule | None) -> list[Operation]:
        """Loss, then layers last to first, each with its update where a rule is given."""
        loss, *layers = self.stages()
        operations = loss
        for layer, stage in zip(reversed(self.network.layers), layers, strict=True):
            operations += stage
            operations += self._update(layer, update)
        return operations

    def stages(self) -> list[list[Operation]]:
        """Loss, then the operations of every layer, last to first, without updates."""
        stages = [self._backward_layer(layer) for layer in reversed(self.network.layers)]
        return [self.loss(), *self._with_segments(stages)]

    def _with_segments(self, stages: list[list[Operation]]) -> list[list[Operation]]:
        """The same on tensors made again, in front of each segment what makes them, where a mode makes layers again."""
        mode = self.scope.backward
        if isinstance(mode, BlockReversible):
            return self.with_blocks(stages, mode)
        if isinstance(mode, TemporalReversible):
            return self.with_step(stages)
        if not isinstance(mode, LayerCheckpoint) or mode.alone(self.network):
            return stages
        segments, found = layer_segments(self.network, mode), list[list[Operation]]()
        order = [segments[layer.index] for layer in reversed(self.network.layers)]
        for number in sorted(set(order), reverse=True):
            segment = self._segment(segments, number)
            own = [stage for place, stage in zip(order, stages, strict=True) if place == number]
            renamed = [[segment.renamed(operation) for operation in stage] for stage in own]
            renamed[0][:0] = segment.operations(op for stage in renamed for op in stage)
            found += renamed
        return found

    def _segment(self, segments: tuple[int, ...], number: int) -> Segment:
        """The layers of one segment, their forward operations, what a later one reads of them."""
        inside = [layer for layer in self.network.layers if segments[layer.index] == number]
        names = frozenset(layer.name for layer in inside)
        crossing = [i.index for i in inside if any(segments[j] != number for j in i.consumers)]
        storing = ForwardPass(self.network, replace(self.scope, backward=Bptt()), self.widths, buffer=self.buffer)
        made = tuple(operation for operation in storing.build() if operation.layer in names)
        return Segment(names, made, frozenset(self.edge(index).tensor for index in crossing))

    def all_updates(self, update: UpdateRule | None) -> list[Operation]:
        """Updates of every layer, last to first."""
        return [op for layer in reversed(self.network.layers) for op in self._update(layer, update)]

    def loss(self) -> list[Operation]:
        """Mean of the readout over time, soft-max and difference; one gradient per class and slot."""
        layer = self.network.output
        counts = OperationCounts(add=4, multiply=1, lookup=1, divide=1)
        gradient = self.gradient(f"{layer.name}.dcurrent", layer.out_elements)
        return [
            self.vector(
                layer.name,
                Pass.B,
                TaskPart.LOSS,
                layer.out_elements,
                counts,
                self.readouts or (self.edge(layer.index),),
                (gradient,),
                bits=self.widths.partial_sum,
            )
        ]

    def _incoming(self, layer: Layer) -> tuple[list[Operation], Operand]:
        """Gradient towards what the layer delivers, and the operations that gather it."""
        grads = tuple(self._delivered(reader, layer) for i in layer.consumers for reader in [self.network.layers[i]])
        if len(grads) == 1:
            return [], grads[0]
        total = self.gradient(f"{layer.name}.doutput", layer.out_elements)
        counts = OperationCounts(add=len(grads) - 1)
        sum_up = self.vector(
            layer.name,
            Pass.B,
            TaskPart.RESIDUAL,
            layer.out_elements,
            counts,
            grads,
            (total,),
            bits=self.widths.gradient,
        )
        return [sum_up], total

    def _delivered(self, reader: Layer, layer: Layer) -> Operand:
        """Gradient that ``reader`` delivers towards ``layer``; flatten, add and neuron pass theirs on."""
        if reader.kind in ("flatten", "add", "neuron"):
            return self._towards_current(reader)
        return self.gradient(f"{reader.name}.dinput", layer.out_elements)

    def _towards_current(self, layer: Layer) -> Operand:
        """Gradient towards the value in front of a layer's neuron, or its output where it has none."""
        if layer.neuron is not None or not layer.consumers:
            return self.gradient(f"{layer.name}.dcurrent", layer.out_elements)
        return self._incoming(layer)[1]

    def _backward_layer(self, layer: Layer) -> list[Operation]:
        trained = layer.has_weights or (isinstance(layer.config, BatchNormLayer) and layer.config.mode == "training")
        if not (trained or layer.learning_neurons) and not self.network.needs_input_gradient(layer):
            return []
        operations: list[Operation] = []
        if layer.consumers:
            gather, incoming = self._incoming(layer)
            operations += gather
        else:
            incoming = self.gradient(f"{layer.name}.dcurrent", layer.out_elements)
        if layer.neuron is not None:
            operations += self.neuron_backward(layer, incoming)
        gradient = self._towards_current(layer)
        if layer.has_weights:
            operations += self._synapse_backward(layer, gradient)
        elif isinstance(layer.config, PoolLayer):
            operations.append(self._pool_backward(layer, gradient))
        elif isinstance(layer.config, BatchNormLayer):
            operations += self._norm_backward(layer, layer.config, gradient)
        return operations

    def _pool_backward(self, layer: Layer, gradient: Operand) -> VectorOperation:
        channels, height, width = layer.in_shapes[0]
        per_slot = channels * height * width
        routed = layer.kind == "max_pool"
        counts = OperationCounts(select=1) if routed else OperationCounts(multiply=1)
        reads = (gradient, *((self.route(layer),) if routed else ()))
        writes = (self.gradient(f"{layer.name}.dinput", per_slot),)
        return self.vector(
            layer.name, Pass.B, TaskPart.POOL, per_slot, counts, reads, writes, bits=self.widths.gradient
        )

    def _norm_backward(self, layer: Layer, config: BatchNormLayer, gradient: Operand) -> list[Operation]:
        source = self.edge(layer.inputs[0])
        moments, sums = self.per_channel(layer, "moments"), self.per_channel(layer, "dscale")
        scale = self.scale(layer)
        out = (self.gradient(f"{layer.name}.dinput", layer.out_elements),)
        size = layer.out_elements
        if config.mode == "frozen":
            counts, part = OperationCounts(multiply=1), TaskPart.NORMALISATION
            return [self.vector(layer.name, Pass.B, part, size, counts, (gradient, moments, scale), out)]
        first = self.vector(
            layer.name,
            Pass.B,
            TaskPart.STATISTICS,
            size,
            NORM_STATISTICS,
            (gradient, source, moments),
            (sums,),
        )
        reads = (gradient, source, moments, sums, scale)
        second = self.vector(layer.name, Pass.B, TaskPart.NORMALISATION, size, NORM_APPLY, reads, out)
        return [first, second] if self.network.needs_input_gradient(layer) else [first]

    def _synapse_backward(self, layer: Layer, gradient: Operand) -> list[Operation]:
        operations: list[Operation] = []
        source, steps, extent = self.edge(layer.inputs[0]), self.scope.timesteps, self.extent
        common = (self.scope.slots, layer.geometry, None)
        if Pass.B in self.scope.passes and self.network.needs_input_gradient(layer):
            out = self.gradient(f"{layer.name}.dinput", source.elements // source.slots)
            zeros = self._sparsity(layer, gradient, source)
            weights = self.weights(layer)
            operations.append(GemmOperation(layer.name, Pass.B, *common, gradient, weights, out, steps, extent, zeros))
        if Pass.W in self.scope.passes:
            zeros, total = Sparsity(self.mask(gradient)), self.weight_gradient(layer)
            left = self.weight_input(layer)
            product = GemmOperation(layer.name, Pass.W, *common, left, gradient, total, steps, extent, zeros)
            operations.append(replace(product, accumulates=self.accumulates))
        return operations

    def _sparsity(self, layer: Layer, gradient: Operand, source: Operand) -> Sparsity:
        """Masks of a B product, and why there is none for its output where it must be dense."""
        refusal = output_sparsity_refusal(self.network, layer.inputs[0])
        needed = None if refusal else replace(self.mask(source), tensor=f"{source.tensor}.needed")
        return Sparsity(self.mask(gradient), needed, source.tensor, refusal)

    def _update(self, layer: Layer, update: UpdateRule | None) -> list[Operation]:
        """U of one layer and of its parallel units."""
        if update is None or Pass.U not in self.scope.passes:
            return []
        found: list[Operation] = []
        if layer.has_weights:
            found.append(self._updated(layer, "optimizer", self.weights(layer), self.weight_gradient(layer), update))
        elif isinstance(layer.config, BatchNormLayer) and layer.config.mode == "training":
            found.append(
                self._updated(layer, "optimizer", self.scale(layer), self.per_channel(layer, "dscale"), update)
            )
        if isinstance(layer.neuron, Parallel):
            pairs = zip(self.learned(layer), self.learned_gradient(layer), strict=True)
            found += [self._updated(layer, "unit_optimizer", *pair, update) for pair in pairs]
        return found

    def _updated(
        self, layer: Layer, state_name: str, weights: Operand, gradient: Operand, update: UpdateRule
    ) -> VectorOperation:
        """Parameters, their gradient and the optimizer state in, parameters and state out."""
        count, bits = weights.elements, self.widths.partial_sum
        reads: tuple[Operand, ...] = (gradient, weights)
        writes: tuple[Operand, ...] = (weights,)
        if update.state_words:
            words = self.widths.optimizer_state * update.state_words
            state = Operand(f"{layer.name}.{state_name}", OperandClass.OPTIMIZER_STATE, count, words)
            reads, writes = (*reads, state), (*writes, state)
        return VectorOperation(layer.name, Pass.U, TaskPart.UPDATE, count, 1, update.counts, bits, reads, writes)
