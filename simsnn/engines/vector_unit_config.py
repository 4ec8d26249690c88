"""Configuration of the neuron vector unit, and the two numbers that time a pass.

``interval`` (II) and ``latency`` (d) follow docs/machines section 6::

    II = max(1, ceil(ops / ops_per_cycle))
    d  = pipeline_cycles + II - 1

The floor of one edge covers a pass without arithmetic (a copy), which still takes its issue edge.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from simsnn.config.quantities import Count, Name, StrictModel
from simsnn.costs import OperationCounts


class VectorUnitConfig(StrictModel):
    """A vector unit as the hardware file describes it.

    Parameters
    ----------
    name : str
        Name that ``mapping`` refers to.
    lanes : int
        Elements that one issue takes, L.
    ops_per_cycle : int
        Operations that one lane finishes per edge.
    pipeline_cycles : int
        Edges from the last operation edge of a pass to its registered result, that edge included.
    order : "t_outer" or "t_inner"
        State touched every step, or blocks of ``block_slots`` issue slots resident for all T.
    block_slots : int, optional
        Issue slots of a resident block, b; required by ``t_inner``, without effect in ``t_outer``.
    """

    name: Name
    kind: Literal["vector_unit"] = "vector_unit"
    lanes: Count
    ops_per_cycle: Count
    pipeline_cycles: Count
    order: Literal["t_outer", "t_inner"]
    block_slots: Annotated[int, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _block_slots_given(self) -> VectorUnitConfig:
        if self.order == "t_inner" and self.block_slots is None:
            raise ValueError("order t_inner needs block_slots: how many issue slots stay resident for all time steps")
        return self

    def interval(self, counts: OperationCounts) -> int:
        """Initiation interval II in edges for that arithmetic per element and step."""
        return max(1, -(-counts.total // self.ops_per_cycle))

    def latency(self, counts: OperationCounts) -> int:
        """Latency d in edges, from the issue edge to the registered result, both included."""
        return self.pipeline_cycles + self.interval(counts) - 1
