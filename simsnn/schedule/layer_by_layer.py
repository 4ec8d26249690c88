"""Layer by layer: every layer over all T before the next.

Weights are fetched once per pass and a neuron's T steps run together, at the price of storing the
currents of all T between the synapse product and the neuron update.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from simsnn.config.quantities import StrictModel
from simsnn.workload.network import Network
from simsnn.workload.operation import Operation
from simsnn.workload.step_tensors import StepScope, UpdateRule, Widths
from simsnn.workload.training_step import layer_by_layer


class LayerByLayer(StrictModel):
    """Schedule ``layer_by_layer``; it has no parameters."""

    kind: Literal["layer_by_layer"] = "layer_by_layer"

    model_version: ClassVar[int] = 1
    pipelined: ClassVar[bool] = False
    needs_all_steps: ClassVar[bool] = True
    serial: ClassVar[bool] = False

    def operations(
        self, network: Network, scope: StepScope, widths: Widths, update: UpdateRule | None
    ) -> tuple[Operation, ...]:
        """Operations of one training step in program order."""
        return layer_by_layer(network, scope, widths, update)
