"""Pass R: currents made again in the backward pass, so that no membrane potential is stored.

With ``layer_checkpoint`` of single layers (or ``stash: recompute``) the forward neuron stores its spikes
alone. Right before the backward pass of a neuron its currents are made again from what is stored anyway
(spikes of the layer below, weights): the synapse product of F is repeated, and with it a normalisation or a
residual sum between product and neuron. Training-mode normalisation keeps the currents in front of it for
its own backward pass, so there only its application is repeated. Other modes repeat the same products.

A neuron that stashes one mask bit (rectangle surrogate, detached reset) keeps it: a repeated
product would cost more than the bit. Where currents pass through pooling they are stashed as well.

Proof: ``tests/unit/test_recompute.py``.
"""

from __future__ import annotations

from dataclasses import replace

from simsnn.costs import OperationCounts
from simsnn.neurons import Reversible
from simsnn.workload.backward_modes import (
    BackwardMode,
    BlockReversible,
    LayerCheckpoint,
    ReversibleMode,
    TemporalReversible,
    TimeCheckpoint,
)
from simsnn.workload.layers import BatchNormLayer
from simsnn.workload.network import Layer, Network
from simsnn.workload.operation import GemmOperation, Operand, Operation, Pass, TaskPart
from simsnn.workload.step_tensors import StepScope, StepTensors

NORM_APPLY = OperationCounts(add=2, multiply=1)


def recomputes(network: Network, layer: Layer, scope: StepScope) -> bool:
    """Whether the currents of a layer's neuron are made again instead of its potentials being stored."""
    mode = scope.backward
    return isinstance(mode, LayerCheckpoint) and mode.alone(network) and _made_again(network, layer)


def repeats_products(network: Network, mode: BackwardMode) -> bool:
    """Whether the backward pass reads the weights of F once more, to make currents again."""
    neurons = [layer.neuron for layer in network.layers if layer.neuron is not None]
    if isinstance(mode, ReversibleMode):
        return any(isinstance(neuron, Reversible) and neuron.needs_current for neuron in neurons)
    if isinstance(mode, BlockReversible | TemporalReversible):
        return True
    return isinstance(mode, LayerCheckpoint) or (isinstance(mode, TimeCheckpoint) and mode.currents == "recompute")


def kept_stashes(network: Network) -> tuple[str, ...]:
    """Layers whose neurons keep what they stash although a step recomputes."""
    return tuple(layer.name for layer in network.layers if layer.neuron is not None and not _made_again(network, layer))


def _made_again(network: Network, layer: Layer) -> bool:
    return layer.neuron is not None and not layer.neuron.stashes_mask_only and _repeatable(network, layer)


def _repeatable(network: Network, layer: Layer) -> bool:
    """True where product, normalisation and residual sums lead from stored tensors to the currents."""
    if layer.has_weights:
        return True
    if layer.kind not in ("batch_norm", "add"):
        return False
    indices = [_behind_flatten(network, index) for index in layer.inputs]
    sources = [network.layers[index] for index in indices if index >= 0]
    return all(source.neuron is not None or _repeatable(network, source) for source in sources)


def _behind_flatten(network: Network, index: int) -> int:
    while index >= 0 and network.layers[index].kind == "flatten":
        index = network.layers[index].inputs[0]
    return index


class RecomputedCurrents(StepTensors):
    """Builds the operations of pass R."""

    def currents_again(self, layer: Layer) -> tuple[list[Operation], Operand]:
        """Operations that make the input of a layer's neuron again, and the tensor they leave."""
        if layer.has_weights:
            product = self.product_again(layer)
            return [product], product.output
        if layer.kind == "neuron":
            return self._source_again(layer, layer.inputs[0])
        operations: list[Operation] = []
        sources: list[Operand] = []
        for index in layer.inputs:
            made, source = self._source_again(layer, index)
            operations += made
            sources.append(source)
        return [*operations, self._elementwise_again(layer, tuple(sources))], self.current_again(layer)

    def current_again(self, layer: Layer) -> Operand:
        """Currents made again, stored like those of pass F."""
        return replace(self.current(layer), tensor=self.name(f"{layer.name}.recomputed"))

    def product_again(self, layer: Layer) -> GemmOperation:
        """The synapse product of F once more."""
        return GemmOperation(
            layer.name,
            Pass.R,
            self.scope.slots,
            layer.geometry,
            None,
            left=self.edge(layer.inputs[0]),
            right=self.weights(layer),
            output=self.current_again(layer),
            timesteps=self.scope.timesteps,
            extent=self.extent,
        )

    def _source_again(self, reader: Layer, index: int) -> tuple[list[Operation], Operand]:
        index = _behind_flatten(self.network, index)
        stored = index < 0 or self.network.layers[index].neuron is not None
        if stored or (isinstance(reader.config, BatchNormLayer) and reader.config.mode == "training"):
            return [], self.edge(index)
        return self.currents_again(self.network.layers[index])

    def _elementwise_again(self, layer: Layer, sources: tuple[Operand, ...]) -> Operation:
        counts, part, reads = OperationCounts(add=1), TaskPart.RESIDUAL, sources
        if isinstance(layer.config, BatchNormLayer):
            counts, part = NORM_APPLY, TaskPart.NORMALISATION
            reads = (*sources, self.per_channel(layer, "moments"), self.scale(layer))
        out, bits = (self.current_again(layer),), self.widths.partial_sum
        return self.vector(layer.name, Pass.R, part, layer.out_elements, counts, reads, out, bits=bits)
