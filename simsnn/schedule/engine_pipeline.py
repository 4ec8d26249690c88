"""Engine pipeline: sample groups follow one another through engines of their own for F, B and W.

Weights are constant until the end of the batch, so groups of samples do not depend on one another:
while group i is in its backward pass, the forward engine works on group i + 1. Inside a group
B of a layer overlaps W of the layer above, since both wait for the same neuron-input gradients.
Between the engines lie ``groups_in_flight`` buffers of every tensor; weight gradients are summed
over the groups, and U runs once. The price is that weights are fetched once per group.

With ``pipeline: none`` the same operations run strictly one after another, for comparison.
The contention-free twin is :mod:`simsnn.mapping.pipeline_bound`.
Tests: ``tests/unit/test_engine_pipeline.py``, ``tests/integration/test_engine_pipeline.py``.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from simsnn.config.quantities import StrictModel
from simsnn.workload.network import Network
from simsnn.workload.operation import Operation
from simsnn.workload.step_tensors import StepScope, UpdateRule, Widths
from simsnn.workload.training_step import SampleGroups, group_by_group


class EnginePipeline(StrictModel):
    """Schedule ``engine_pipeline``: samples of a group, buffers between engines, overlap on or off."""

    kind: Literal["engine_pipeline"] = "engine_pipeline"
    group_samples: Annotated[int, Field(gt=0, le=2**16)] = 8
    groups_in_flight: Annotated[int, Field(gt=0, le=2**10)] = 2
    pipeline: Literal["engines", "none"] = "engines"

    model_version: ClassVar[int] = 1
    pipelined: ClassVar[bool] = False
    needs_all_steps: ClassVar[bool] = True

    @property
    def serial(self) -> bool:
        """Whether every task waits for the one before."""
        return self.pipeline == "none"

    def remarks(self, batch: int) -> tuple[str, ...]:
        """What a batch of so many samples makes of the groups."""
        if self.serial or batch > self.group_samples:
            return ()
        return (
            f"engine pipeline: the batch of {batch} is one group (group_samples {self.group_samples}),"
            " so no group overlaps another",
        )

    def operations(
        self, network: Network, scope: StepScope, widths: Widths, update: UpdateRule | None
    ) -> tuple[Operation, ...]:
        """Operations of one training step in program order."""
        cut = SampleGroups(self.group_samples, self.groups_in_flight, interleaved=not self.serial)
        return group_by_group(network, scope, widths, update, cut)
