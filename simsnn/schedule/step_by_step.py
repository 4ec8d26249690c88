"""Step by step: every time step through all layers before the next.

Currents live for one step only, at the price of fetching the weights in every step and of moving
the membrane potentials in and out between steps.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from simsnn.config.quantities import StrictModel
from simsnn.workload.network import Network
from simsnn.workload.operation import Operation
from simsnn.workload.step_tensors import StepScope, UpdateRule, Widths
from simsnn.workload.training_step import step_by_step


class StepByStep(StrictModel):
    """Schedule ``step_by_step``; it has no parameters."""

    kind: Literal["step_by_step"] = "step_by_step"

    model_version: ClassVar[int] = 1
    pipelined: ClassVar[bool] = False
    needs_all_steps: ClassVar[bool] = False
    serial: ClassVar[bool] = False

    def operations(
        self, network: Network, scope: StepScope, widths: Widths, update: UpdateRule | None
    ) -> tuple[Operation, ...]:
        """Operations of one training step in program order."""
        return step_by_step(network, scope, widths, update)
