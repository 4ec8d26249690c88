"""Operations of the forward pass: encoding, synapse products, normalisation, sums, neurons, pooling."""

from __future__ import annotations

from simsnn.costs import OperandClass, OperationCounts
from simsnn.neurons import Parallel, Reversible
from simsnn.workload.backward_modes import ReversibleMode
from simsnn.workload.layers import BatchNormLayer, GemmLayer, PoolLayer
from simsnn.workload.network import INPUT, Layer
from simsnn.workload.neuron_tensors import NeuronTensors
from simsnn.workload.operation import Gemm, GemmOperation, Operand, Operation, Pass, TaskPart, VectorOperation
from simsnn.workload.parallel_forward import ParallelForward

NORM_STATISTICS = OperationCounts(add=2, multiply=1)
NORM_APPLY = OperationCounts(add=2, multiply=1)
TRACE_UPDATE = OperationCounts(add=1, multiply=1)


class ForwardPass(NeuronTensors, ParallelForward):
    """Builds the forward operations; declared counts are per element (and time step)."""

    def build(self) -> list[Operation]:
        """Encoding, then every layer in order."""
        return [operation for stage in self.stages() for operation in stage]

    def stages(self) -> list[list[Operation]]:
        """Encoding, where there is any, then the operations of every layer in order."""
        encoded = self.scope.encoding.computed and not self.network.bare_gemms
        first: list[list[Operation]] = [[self._encode()]] if encoded else []
        return first + [self._forward_layer(layer) for layer in self.network.layers]

    def _encode(self) -> VectorOperation:
        """Spikes of every time step from one frame per sample."""
        channels, height, width = self.network.input_shape
        batch, pixels = self.scope.batch, channels * height * width
        frame = Operand("frame", OperandClass.INPUTS, pixels * batch, self.widths.input, slots=batch)
        frame = self.outside(frame, "frame")
        cost = self.scope.encoding.cost
        return VectorOperation(
            INPUT,
            Pass.F,
            TaskPart.ENCODING,
            pixels * batch,
            1,
            cost.once + cost.per_step.times(self.scope.timesteps),
            self.widths.input,
            reads=(frame,),
            writes=(self.edge(-1),),
            slots=batch,
            extent=self.extent,
        )

    def _forward_layer(self, layer: Layer) -> list[Operation]:
        reads = tuple(self.edge(index) for index in layer.inputs)
        config = layer.config
        operations: list[Operation] = []
        if isinstance(config, GemmLayer):
            return [self._bare_gemm(layer.name, config)]
        if layer.has_weights:
            operations.append(self._synapse_forward(layer))
            operations += self._trace(layer)
        elif isinstance(config, PoolLayer):
            operations.append(self._pool_forward(layer, reads[0]))
        elif isinstance(config, BatchNormLayer):
            operations += self._norm_forward(layer, config, reads[0])
        elif layer.kind == "add":
            counts, bits = OperationCounts(add=1), self.widths.partial_sum
            out = (self.current(layer),)
            operations.append(
                self.vector(layer.name, Pass.F, TaskPart.RESIDUAL, layer.out_elements, counts, reads, out, bits=bits)
            )
        if isinstance(layer.neuron, Parallel):
            operations += self.unit_forward(layer)
        elif layer.neuron is not None:
            operations.append(self._neuron_forward(layer))
        return operations

    def _bare_gemm(self, name: str, config: GemmLayer) -> GemmOperation:
        m, k, n = config.m, config.k, config.n
        widths = self.widths
        return GemmOperation(
            name,
            Pass.F,
            slots=1,
            geometry=None,
            gemm=Gemm(m, k, n),
            left=Operand(f"{name}.left", OperandClass.INPUTS, m * k, widths.input),
            right=Operand(f"{name}.right", OperandClass.WEIGHTS, k * n, widths.weight),
            output=Operand(f"{name}.output", OperandClass.CURRENTS, m * n, widths.partial_sum),
        )

    def _synapse_forward(self, layer: Layer) -> GemmOperation:
        return GemmOperation(
            layer.name,
            Pass.F,
            self.scope.slots,
            layer.geometry,
            None,
            left=self.edge(layer.inputs[0]),
            right=self.weights(layer),
            output=self.current(layer),
            timesteps=self.scope.timesteps,
            extent=self.extent,
        )

    def _trace(self, layer: Layer) -> list[Operation]:
        """Trace of the inputs for the weight gradient, decayed and added to in every step; the first one starts it."""
        if not (self.training and self.traced(layer)):
            return []
        trace = self.trace(layer)
        before, counts = ((trace,), TRACE_UPDATE) if self.step else ((), OperationCounts(add=1))
        reads, size = (self.edge(layer.inputs[0]), *before), trace.elements // self.scope.batch
        return [self.vector(layer.name, Pass.F, TaskPart.TRACE, size, counts, reads, (trace,))]

    def _pool_forward(self, layer: Layer, source: Operand) -> VectorOperation:
        config = layer.config
        assert isinstance(config, PoolLayer)
        rows, columns, _, _ = config.window()
        window = rows * columns
        if layer.kind == "max_pool":
            counts = OperationCounts(compare=window - 1, select=window - 1)
            extra = (self.route(layer),) if self.training and not self.leaves_nothing(layer) else ()
        else:
            counts, extra = OperationCounts(add=window - 1), ()
        writes = (self.edge(layer.index), *extra)
        return self.vector(layer.name, Pass.F, TaskPart.POOL, layer.out_elements, counts, (source,), writes)

    def _norm_forward(self, layer: Layer, config: BatchNormLayer, source: Operand) -> list[Operation]:
        moments = self.per_channel(layer, "moments")
        bits, operations = self.widths.partial_sum, list[Operation]()
        if config.mode == "training":
            operations.append(
                self.vector(
                    layer.name,
                    Pass.F,
                    TaskPart.STATISTICS,
                    layer.out_elements,
                    NORM_STATISTICS,
                    (source,),
                    (moments,),
                    bits=bits,
                )
            )
        out, reads = (self.current(layer),), (source, moments, self.scale(layer))
        operations.append(
            self.vector(
                layer.name, Pass.F, TaskPart.NORMALISATION, layer.out_elements, NORM_APPLY, reads, out, bits=bits
            )
        )
        return operations

    def _neuron_forward(self, layer: Layer) -> VectorOperation:
        assert layer.neuron is not None
        spikes = self.delivered(layer)
        state = self.state(layer, "state")
        kept = self.kept_by_neuron(layer) if self.training else ()
        reads, writes = (self.current(layer), *state), (spikes, *kept, *state)
        counts, words, chains = layer.neuron.forward_counts, layer.neuron.forward_state_words, 1
        if isinstance(layer.neuron, Reversible):
            chains = layer.neuron.node_pass_latency_chains
            counts = layer.neuron.run_counts if isinstance(self.scope.backward, ReversibleMode) else counts
        part, size = TaskPart.NEURON, layer.out_elements
        return self.vector(layer.name, Pass.F, part, size, counts, reads, writes, state_words=words, chains=chains)
