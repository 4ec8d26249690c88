"""Layer checkpointing: what crosses from one segment of layers to the next is kept, the rest is made again.

A segment is a run of ``every`` layers with weights and what follows them. It is made again as a whole, by
the operations that made it, when the backward pass reaches its last layer: no bit of a gradient changes.
"""

from __future__ import annotations

from simsnn.costs import OperandClass
from simsnn.training.backpropagation import StoredTapes
from simsnn.training.kept import Kept, KeptTensor
from simsnn.training.modes.step import StepInputs, delivered
from simsnn.training.normalisation import Normalised
from simsnn.training.tape import Array, LayerTape
from simsnn.workload.backward_modes import LayerCheckpoint, layer_segments
from simsnn.workload.network import Layer


class LayerCheckpointed:
    """A forward pass that kept only what crosses borders of segments."""

    def __init__(self, step: StepInputs, mode: LayerCheckpoint) -> None:
        self.step = step
        self.segments = layer_segments(step.model.network, mode)
        self.outputs: dict[int, Array] = {}
        self._live: dict[int, LayerTape] = {}
        self._segment = -1
        moments: list[Normalised | None] = []
        for layer in step.model.network.layers:
            tape = step.tape(layer, self._inputs(layer, self.outputs))
            self.outputs[layer.index] = tape.output
            moments.append(tape.normalised)
            self._forget(layer.index)
        self.moments = tuple(moments)

    @property
    def readout(self) -> Array:
        """See :class:`simsnn.training.modes.step.ForwardRun`."""
        return self.outputs[self.step.model.network.output.index]

    @property
    def kept(self) -> Kept:
        """Everything that crosses a border; the readout is used up by the loss."""
        layers, last = self.step.model.network.layers, self.step.model.network.output.index
        crossing = [delivered(layers[i], output.size) for i, output in sorted(self.outputs.items()) if i != last]
        return Kept((KeptTensor("input", OperandClass.INPUTS, self.step.x.size), *crossing))

    def towards_current(self, layer: Layer, output: Array, dlearned: Array) -> Array:
        """See :class:`simsnn.training.backpropagation.TapeSource`."""
        model = self.step.model
        tapes = StoredTapes(model, self.step.parameters, {layer.index: self.tape(layer)})
        return tapes.towards_current(layer, output, dlearned)

    def tape(self, layer: Layer) -> LayerTape:
        """The layer's tape; its whole segment is made again when the first of it is asked for."""
        segment = self.segments[layer.index]
        if segment != self._segment:
            self._segment, self._live = segment, {}
            outputs = dict(self.outputs)
            for other in self.step.model.network.layers:
                if self.segments[other.index] == segment:
                    self._live[other.index] = self.step.tape(other, self._inputs(other, outputs))
                    outputs[other.index] = self._live[other.index].output
        return self._live[layer.index]

    def steps(self, index: int) -> int:  # noqa: ARG002 - the input of a step comes for every one
        """See :class:`simsnn.training.backpropagation.TapeSource`."""
        return self.step.model.timesteps

    def _inputs(self, layer: Layer, outputs: dict[int, Array]) -> tuple[Array, ...]:
        return tuple(self.step.x if i < 0 else outputs[i] for i in layer.inputs)

    def _forget(self, latest: int) -> None:
        """Drop what no later segment reads, once its last reader is done."""
        layers = self.step.model.network.layers
        for index in list(self.outputs):
            readers = layers[index].consumers
            crosses = any(self.segments[i] > self.segments[index] for i in readers)
            if readers and not crosses and max(readers) <= latest:
                del self.outputs[index]
