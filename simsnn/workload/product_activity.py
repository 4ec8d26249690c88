"""What an engine may know of one product: the real spikes and masks of exactly the part it covers.

Proof: ``tests/unit/test_product_activity.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from simsnn.workload.activity import Activity, DenseInput, LayerActivity, MaskTensor, SpikeTensor
from simsnn.workload.feeder import streamed_nonzeros
from simsnn.workload.operation import ConvGeometry, Extent, GemmOperation, Pass


@dataclass(frozen=True, eq=False)
class ProductActivity:
    """Activity of one product in pass F, B or W.

    Parameters
    ----------
    geometry : ConvGeometry
        Shape of the layer.
    inputs : SpikeTensor or DenseInput
        What its synapses read, (T', B', Ci, H, W) or (T', B', N) of the steps and samples covered.
    gradient : MaskTensor or None
        Non-zero gradients towards the neuron input, shape of the output currents.
    needed : MaskTensor or None
        Elements of ``inputs`` whose gradient anything reads; None where all are.
    """

    geometry: ConvGeometry
    inputs: SpikeTensor | DenseInput
    gradient: MaskTensor | None = None
    needed: MaskTensor | None = None

    @classmethod
    def of(cls, operation: GemmOperation, activity: Activity) -> ProductActivity | None:
        """The part of a step's activity that a product covers; None for a bare product."""
        if operation.geometry is None or operation.extent is None:
            return None
        entry, extent = activity.layer(operation.layer), operation.extent
        legal = operation.sparsity is not None and operation.sparsity.needed is not None
        return cls(
            operation.geometry,
            _inputs(entry, extent, operation),
            _part(entry.synapse_gradient, extent),
            _part(entry.input_needed, extent) if legal else None,
        )

    @cached_property
    def nonzeros(self) -> int | None:
        """Non-zero streamed operands of F and W: every spike once per kernel tap that uses it; None if not binary."""
        if not isinstance(self.inputs, SpikeTensor):
            return None
        return streamed_nonzeros(self.inputs, self.geometry)


def _part(mask: MaskTensor | None, extent: Extent) -> MaskTensor | None:
    return None if mask is None else mask.part(extent.samples, extent.steps)


def _inputs(entry: LayerActivity, extent: Extent, operation: GemmOperation) -> SpikeTensor | DenseInput:
    """Inputs of the part covered; a product that reads a trace of spikes in their place finds no zeros."""
    if isinstance(entry.inputs, DenseInput):
        return entry.inputs
    if operation.pass_ is Pass.W and not operation.left.binary:
        return DenseInput(entry.inputs.shape, operation.left.bits)
    return entry.inputs.part(extent.samples, extent.steps)
