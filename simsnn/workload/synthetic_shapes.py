"""What the synthetic generator must know of a network: shapes, and which spikes each layer reads.

Proof: ``tests/unit/test_synthetic_shapes.py``.
"""

from __future__ import annotations

from dataclasses import dataclass

from simsnn.workload.layers import MaxPoolLayer
from simsnn.workload.network import INPUT, Layer, Network, neuron_behind
from simsnn.workload.output_sparsity import output_sparsity_refusal

Window = tuple[int, int, int, int]
"""Kernel rows and columns, stride rows and columns."""


@dataclass(frozen=True, slots=True)
class LayerShape:
    """What the generator must know of a weight layer.

    Parameters
    ----------
    layer : str
        Its name.
    input_shape, output_shape : tuple of int
        (C, H, W); flat layers (N, 1, 1).
    binary_input : bool
        False for an analog input, which is described and not generated.
    input_bits : int
        Bits of one analog input element.
    neuron : bool
        False for a readout without spikes.
    stage : str
        Layer behind which the neuron stands that its current reaches; layers of one stage (both
        branches of a residual sum) share spikes and masks. Empty: its own name.
    source : str
        Stage whose spikes it reads, or ``input``. Empty: the layer before it.
    pools : tuple of (int, int, int, int)
        Max poolings between the source and it, source side first.
    output_sparsity : bool
        False where the gradient towards its input must be dense.
    """

    layer: str
    input_shape: tuple[int, int, int]
    output_shape: tuple[int, int, int]
    binary_input: bool = True
    input_bits: int = 8
    neuron: bool = True
    stage: str = ""
    source: str = ""
    pools: tuple[Window, ...] = ()
    output_sparsity: bool = True


def layer_shapes(network: Network) -> tuple[LayerShape, ...]:
    """Weight layers of a network, first to last, with their wiring."""
    return tuple(_shape(network, layer) for layer in network.weight_layers)


def _shape(network: Network, layer: Layer) -> LayerShape:
    form, index, pools = layer.in_formats[0], layer.inputs[0], list[Window]()
    stage = neuron_behind(network, layer)
    # reach the layer that fires; what lies between only moves spikes if the operand is binary
    while index >= 0 and network.layers[index].neuron is None and form.binary:
        config = network.layers[index].config
        if isinstance(config, MaxPoolLayer):
            pools.insert(0, config.window())
        index = network.layers[index].inputs[0]
    return LayerShape(
        layer.name,
        layer.in_shapes[0],
        layer.out_shape,
        form.binary,
        form.bits,
        stage is not None,
        layer.name if stage is None else stage.name,
        INPUT if index < 0 else network.layers[index].name,
        tuple(pools),
        not output_sparsity_refusal(network, layer.inputs[0]),
    )
