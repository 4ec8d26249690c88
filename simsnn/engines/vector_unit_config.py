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

SCAN_NETWORKS = 2
"""Networks of a unit with ``scan: true``: a parallel spiking unit chains two recurrences."""


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
    scan : bool
        Whether networks for first-order recurrences across lanes stand behind the operation stage
        (``simsnn/engines/scan_network.py``).
    scan_networks : int, optional
        How many of them in a row: recurrences that one operation may chain; ``SCAN_NETWORKS`` where not given.
    """

    name: Name
    kind: Literal["vector_unit"] = "vector_unit"
    lanes: Count
    ops_per_cycle: Count
    pipeline_cycles: Count
    order: Literal["t_outer", "t_inner"]
    block_slots: Annotated[int, Field(gt=0)] | None = None
    scan: bool = False
    scan_networks: Annotated[int, Field(gt=0, le=8)] | None = None

    @model_validator(mode="after")
    def _block_slots_given(self) -> VectorUnitConfig:
        if self.order == "t_inner" and self.block_slots is None:
            raise ValueError("order t_inner needs block_slots: how many issue slots stay resident for all time steps")
        return self

    @model_validator(mode="after")
    def _networks_asked_for(self) -> VectorUnitConfig:
        if self.scan_networks is not None and not self.scan:
            raise ValueError("scan_networks counts networks that are not there: set scan: true, or leave it out")
        return self

    @property
    def peak_per_cycle(self) -> int:
        """Operations per cycle at best, of all lanes."""
        return self.lanes * self.ops_per_cycle

    @property
    def networks(self) -> int:
        """Scan networks in a row; 0 without them."""
        return (self.scan_networks or SCAN_NETWORKS) if self.scan else 0

    def interval(self, counts: OperationCounts) -> int:
        """Initiation interval II in edges for that arithmetic per element and step."""
        return max(1, -(-counts.total // self.ops_per_cycle))

    def latency(self, counts: OperationCounts) -> int:
        """Latency d in edges, from the issue edge to the registered result, both included."""
        return self.pipeline_cycles + self.interval(counts) - 1
