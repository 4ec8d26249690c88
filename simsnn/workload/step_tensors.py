"""Tensors of a training step: their names, roles, widths and sizes.

Two operations depend on one another exactly when they name the same tensor, so the names made
here, with the program order of :mod:`simsnn.workload.training_step`, are the whole task graph.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from simsnn.costs import OperandClass, OperationCounts
from simsnn.workload.backward_modes import BackwardMode, Bptt, Ottt, TemporalReversible
from simsnn.workload.encoding import Encoding
from simsnn.workload.levels import is_level
from simsnn.workload.mode_checks import trace_leak
from simsnn.workload.network import INPUT, Format, Layer, Network
from simsnn.workload.operation import Extent, Operand, Pass, TaskPart, VectorOperation
from simsnn.workload.parallel_forms import ParallelForms


@dataclass(frozen=True, slots=True)
class Widths:
    """Stored bits of each operand class, from the experiment's ``precision``."""

    input: int
    weight: int
    membrane: int
    gradient: int
    partial_sum: int
    optimizer_state: int


@dataclass(frozen=True, slots=True)
class UpdateRule:
    """What the optimizer costs per weight: state words kept, arithmetic of one update."""

    state_words: int
    counts: OperationCounts


STORE_ALL = Bptt()
OWN_FORMS = ParallelForms()


@dataclass(frozen=True, slots=True)
class StepScope:
    """Which part of a training step is built.

    Parameters
    ----------
    timesteps : int
        Time steps that each operation covers (T layer by layer, 1 step by step).
    batch : int
        Samples B.
    passes : frozenset of Pass
        Passes that run.
    encoding : Encoding
        How inputs become spikes or analog frames.
    first_sample, first_step : int
        Where its samples and steps stand in the whole step.
    backward : BackwardMode
        What the forward pass keeps for the backward pass, and what that makes again.
    parallel : ParallelForms
        How parallel units are computed.
    """

    timesteps: int
    batch: int
    passes: frozenset[Pass]
    encoding: Encoding
    first_sample: int = 0
    first_step: int = 0
    backward: BackwardMode = STORE_ALL
    parallel: ParallelForms = OWN_FORMS

    @property
    def slots(self) -> int:
        """(sample, time step) pairs per operation."""
        return self.timesteps * self.batch

    @property
    def training(self) -> bool:
        """True where something of the backward pass runs."""
        return bool(self.passes & {Pass.B, Pass.W})

    def single_step(self) -> StepScope:
        """The same scope with one time step."""
        return replace(self, timesteps=1)

    def run(self, start: int, stop: int) -> StepScope:
        """The same scope over a run of its time steps."""
        return replace(self, timesteps=stop - start, first_step=self.first_step + start)

    def groups(self, samples: int) -> tuple[StepScope, ...]:
        """The same step in groups of so many samples; the last one may be smaller."""
        starts = range(0, self.batch, samples)
        return tuple(
            replace(self, batch=min(samples, self.batch - start), first_sample=self.first_sample + start)
            for start in starts
        )


class StepTensors:
    """Tensors of one network under one scope; ``step`` names the time step where one is built alone.

    Parameters
    ----------
    network : Network
        What is trained.
    scope : StepScope
        How much of it.
    widths : Widths
        Stored bits per operand class.
    step : int or None
        Time step, when operations cover a single one; None when they cover all T.
    buffer : int or None
        Which of the buffers between engines holds the tensors, where sample groups follow one
        another through the same buffers; None where every tensor has a place of its own.
    """

    def __init__(
        self,
        network: Network,
        scope: StepScope,
        widths: Widths,
        step: int | None = None,
        buffer: int | None = None,
    ) -> None:
        self.network = network
        self.scope = scope
        self.widths = widths
        self.step = step
        self.buffer = buffer
        self.training = scope.training

    @property
    def extent(self) -> Extent:
        """Samples and time steps that the operations cover."""
        first, start = self.scope.first_sample, self.scope.first_step if self.step is None else self.step
        return Extent((first, first + self.scope.batch), (start, start + self.scope.timesteps))

    def mask(self, of: Operand) -> Operand:
        """One bit per element of a tensor: where it is not exactly zero, or where it is needed."""
        return replace(of, tensor=f"{of.tensor}.mask", role=OperandClass.MASKS, bits=1, binary=True)

    def name(self, tensor: str) -> str:
        """Tensor name, with the time step where one is built alone and the buffer where several groups share it."""
        placed = tensor if self.buffer is None else f"{tensor}#{self.buffer}"
        return placed if self.step is None else f"{placed}@{self.step}"

    def outside(self, operand: Operand, name: str) -> Operand:
        """A tensor that lies in memory before the step starts: every sample group has its own part of it."""
        if self.buffer is None:
            return operand
        first, last = self.extent.samples
        return replace(operand, tensor=f"{name}[{first}:{last}]")

    def tensor(self, name: str, role: OperandClass, per_slot: int, bits: int, *, binary: bool = False) -> Operand:
        """Operand with a slot axis."""
        slots = self.scope.slots
        return Operand(self.name(name), role, per_slot * slots, bits, binary, slots)

    def edge(self, index: int) -> Operand:
        """What layer ``index`` delivers to its readers (-1: the encoded input)."""
        if index < 0:
            channels, height, width = self.network.input_shape
            encoded = self.value(INPUT, channels * height * width, self.network.input_format)
            return encoded if self.scope.encoding.computed else self.outside(encoded, INPUT)
        layer = self.network.layers[index]
        if layer.kind == "flatten":
            return self.edge(layer.inputs[0])
        if layer.neuron is not None:
            return self.delivered(layer)
        if layer.config.carries_current:
            return self.current(layer)
        return self.value(f"{layer.name}.output", layer.out_elements, layer.out_format)

    def delivered(self, layer: Layer) -> Operand:
        """What a layer's neuron delivers: spikes, or the real values of a reversible node."""
        assert layer.neuron is not None
        kind = "spikes" if layer.neuron.binary_output else "values"
        return self.value(f"{layer.name}.{kind}", layer.out_elements, layer.out_format)

    def value(self, name: str, per_slot: int, form: Format) -> Operand:
        """Spikes or small integers or analog values of a format."""
        role = OperandClass.SPIKES if form.binary else OperandClass.INPUTS
        return self.tensor(name, role, per_slot, form.bits, binary=form.binary)

    def current(self, layer: Layer) -> Operand:
        """Neuron input, or the value of a layer without neuron, at partial-sum width."""
        if layer.kind == "neuron":
            return self.edge(layer.inputs[0])
        if layer.kind == "add" and layer.neuron is None and layer.out_format.levels:
            return self.value(f"{layer.name}.output", layer.out_elements, layer.out_format)
        return self.tensor(f"{layer.name}.current", OperandClass.CURRENTS, layer.out_elements, self.widths.partial_sum)

    def gradient(self, name: str, per_slot: int) -> Operand:
        """Gradient tensor with a slot axis."""
        return self.tensor(name, OperandClass.GRADIENTS, per_slot, self.widths.gradient)

    def weights(self, layer: Layer) -> Operand:
        """Weights of a layer."""
        return Operand(f"{layer.name}.weights", OperandClass.WEIGHTS, layer.geometry.weights, self.widths.weight)

    def weight_gradient(self, layer: Layer) -> Operand:
        """Gradient of the weights, at partial-sum width."""
        count = layer.geometry.weights
        return Operand(f"{layer.name}.dweights", OperandClass.WEIGHT_GRADIENTS, count, self.widths.partial_sum)

    def per_channel(self, layer: Layer, what: str) -> Operand:
        """Two values per channel of a normalisation: moments, or the gradients of scale and shift."""
        role = OperandClass.WEIGHTS if what == "moments" else OperandClass.WEIGHT_GRADIENTS
        name = f"{layer.name}.{what}"
        name = name if self.step is None else f"{name}@{self.step}"  # of all samples: in no buffer between groups
        return Operand(name, role, 2 * layer.out_shape[0], self.widths.partial_sum)

    def scale(self, layer: Layer) -> Operand:
        """Scale and shift of a normalisation: its trained parameters."""
        return Operand(f"{layer.name}.scale", OperandClass.WEIGHTS, 2 * layer.out_shape[0], self.widths.weight)

    def stash(self, layer: Layer) -> Operand:
        """What the neuron keeps for its backward pass: the membrane potential, or one mask bit."""
        assert layer.neuron is not None
        if layer.neuron.stashes_mask_only:
            return self.tensor(f"{layer.name}.mask", OperandClass.MASKS, layer.out_elements, 1, binary=True)
        return self.tensor(f"{layer.name}.membrane", OperandClass.MEMBRANE, layer.out_elements, self.widths.membrane)

    def weight_input(self, layer: Layer) -> Operand:
        """What the weight gradient of a layer reads: its input, or with OTTT the trace of it."""
        source = self.edge(layer.inputs[0])
        return self.trace(layer) if self.traced(layer) else source

    def traced(self, layer: Layer) -> bool:
        """Whether the weights of a layer learn from a trace of its input."""
        return isinstance(self.scope.backward, Ottt) and trace_leak(self.network, layer) > 0

    def trace(self, layer: Layer) -> Operand:
        """Trace of a layer's input: one real value per input and sample, whatever the step."""
        channels, height, width = layer.in_shapes[0]
        count, samples = channels * height * width, self.scope.batch
        return Operand(f"{layer.name}.trace", OperandClass.INPUTS, count * samples, self.widths.membrane, slots=samples)

    def route(self, layer: Layer) -> Operand:
        """Which element of each window a max pooling passed on: one bit per input element."""
        channels, height, width = layer.in_shapes[0]
        return self.tensor(f"{layer.name}.route", OperandClass.MASKS, channels * height * width, 1, binary=True)

    def vector(
        self,
        layer: str,
        pass_: Pass,
        part: TaskPart,
        per_slot: int,
        counts: OperationCounts,
        reads: tuple[Operand, ...],
        writes: tuple[Operand, ...],
        *,
        state_words: int = 0,
        bits: int | None = None,
        chains: int = 1,
    ) -> VectorOperation:
        """A vector operation over all slots; one that keeps state words has its time steps in ``steps``."""
        steps = self.scope.timesteps if state_words else 1
        elements = per_slot * self.scope.slots // steps
        return VectorOperation(
            layer,
            pass_,
            part,
            elements,
            steps,
            counts,
            bits or self.widths.membrane,
            reads,
            writes,
            # one step at a time the state is a tensor of its own, read and written like any other
            state_bits=state_words * self.widths.membrane if self.step is None else 0,
            reverse=state_words > 0 and pass_ is not Pass.F,
            slots=self.scope.slots,
            timesteps=self.scope.timesteps,
            extent=self.extent,
            chains=chains,
        )

    def state(self, layer: Layer, kind: str) -> tuple[Operand, ...]:
        """What the neuron keeps (``state``) or carries back (``carry``) from one time step's operation to the next."""
        assert layer.neuron is not None
        forgets = isinstance(self.scope.backward, TemporalReversible) and not is_level(layer)
        if self.step is None or forgets:
            return ()
        forward, elements = kind == "state", layer.out_elements * self.scope.batch
        role = OperandClass.MEMBRANE if forward else OperandClass.GRADIENTS
        words = layer.neuron.forward_state_words if forward else layer.neuron.backward_state_words
        return (Operand(f"{layer.name}.{kind}", role, elements, words * self.widths.membrane, slots=self.scope.batch),)
