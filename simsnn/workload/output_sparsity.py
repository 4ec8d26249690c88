"""Where the gradient towards a layer's input need not be computed, and where skipping it is not legal.

An entry may be skipped exactly if everything that reads it multiplies it by zero: if every path to
a trained parameter passes the surrogate derivative of a neuron, which is zero there. Pooling and
flatten hand the question on; a residual sum, a normalisation or a readout reads the gradient
everywhere; a surrogate without compact support has no zeros. A source read by several layers is
still maskable: the surrogate stands behind the sum of their gradients.

Source: docs/machines section 5. Proof: ``tests/unit/test_output_sparsity.py``.
"""

from __future__ import annotations

from simsnn.workload.network import Network


def output_sparsity_refusal(network: Network, index: int) -> str:
    """Why the gradient towards what layer ``index`` delivers must be dense; empty where zeros may be skipped."""
    if index < 0:
        return "the network's input has no neuron"
    layer = network.layers[index]
    if layer.neuron is not None and not layer.neuron.binary_output:
        return f"{layer.name} delivers real values that carry its input along: their gradient is read everywhere"
    if layer.neuron is not None:
        surrogate = layer.neuron.surrogate
        return "" if surrogate.compact else f"the {surrogate.kind} surrogate of {layer.name} has no zeros"
    if layer.kind in ("flatten", "max_pool", "avg_pool"):
        return output_sparsity_refusal(network, layer.inputs[0])
    if layer.kind == "add":
        return f"{layer.name} passes the gradient on unmasked: an identity branch"
    return f"{layer.name} has no neuron: its gradient is read everywhere"
