"""Neuron vector unit: L lanes, initiation interval II, latency d, time outer or inner.

Source: docs/machines section 6. Timing lives in ``vector_unit_plan.py``; its register-level twin
in ``simsnn/reference/vector_unit.py``; their comparison in ``vector_unit_check.py``. Neuron
updates, pooling, residual adds, normalisation, loss, weight update and scatter-adds run here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from simsnn.energy.parts import AreaPart, AreaUnit
from simsnn.engines.base import Box, Capabilities, Dataflow, DatapathWidths, Refusal
from simsnn.engines.scan_network import combining_lanes, network_lanes, stages_of
from simsnn.engines.vector_unit_config import VectorUnitConfig
from simsnn.engines.vector_unit_following import FollowingPlan
from simsnn.engines.vector_unit_plan import VectorPlan, cut_units, most_pieces
from simsnn.errors import UnsupportedOperation
from simsnn.workload.operation import Operation, VectorOperation

MOST_PIECES = 2**17
"""Finer ways to cut are not listed."""


class VectorUnit:
    """A vector unit of the machine; stateless, every operation gets a plan of its own.

    Parameters
    ----------
    config : VectorUnitConfig
        Its strict configuration.
    """

    kind: ClassVar[str] = "vector_unit"
    model_version: ClassVar[int] = 1
    config_type: ClassVar[type[VectorUnitConfig]] = VectorUnitConfig

    def __init__(self, config: VectorUnitConfig) -> None:
        self.config = config
        self.name = config.name

    @property
    def capabilities(self) -> Capabilities:
        """With ``t_inner`` the currents of all T must exist before a block starts: layer-by-layer only."""
        return Capabilities(needs_all_steps=self.config.order == "t_inner")

    def supports(self, operation: Operation) -> Refusal | None:
        """Refuse matrix products and operations without elements or steps."""
        if not isinstance(operation, VectorOperation):
            return Refusal("a vector unit does no matrix products", "map this pass to an array")
        if operation.elements < 1 or operation.steps < 1:
            size = f"{operation.elements} elements in {operation.steps} steps"
            return Refusal(f"{size} are no work", "drop the operation")
        return self._scans(operation)

    def _scans(self, operation: VectorOperation) -> Refusal | None:
        """Refuse a scan without networks, or with more recurrences in a row than networks."""
        if operation.scan < 0:
            return Refusal(f"{operation.scan} chained recurrences are no work", "set scan to 0, 1 or more")
        if operation.scan <= self.config.networks:
            return None
        if not self.config.scan:
            return Refusal("it has no scan network across its lanes", "scan: true, or the recurrence step by step")
        reason = f"{operation.scan} chained recurrences need as many scan networks, it has {self.config.networks}"
        return Refusal(reason, f"scan_networks: {operation.scan}")

    def most_blocks(self, operation: VectorOperation) -> int:
        """Largest number of chunks that an operation can be cut into."""
        return cut_units(self.config, operation)

    def plan(self, operation: Operation, blocks: int = 1, pieces: int = 1) -> VectorPlan:
        """Cut an operation into ``blocks`` balanced chunks, and each into ``pieces`` across neurons or pixels.

        Raises
        ------
        UnsupportedOperation
            If ``supports`` refuses it.
        CapacityError
            If it cannot be cut into that many chunks.
        """
        refusal = self.supports(operation)
        if refusal is not None or not isinstance(operation, VectorOperation):
            reason = refusal or Refusal("not a vector operation")
            raise UnsupportedOperation(f"{self.name}: {reason.reason}", remedy=reason.remedy)
        return VectorPlan(self.config, operation, blocks, pieces)

    def follow(self, operation: VectorOperation, boxes: tuple[Box, ...], channels: int) -> FollowingPlan:
        """Cut an operation along the boxes that the product before it completes."""
        return FollowingPlan(self.config, operation, boxes=boxes, channels=channels)

    def candidates(self, operation: Operation, dataflow: Dataflow | None = None) -> Iterator[VectorPlan]:  # noqa: ARG002
        """Plans with ever more chunks, as many as there can be at last; the unit has one dataflow."""
        if not isinstance(operation, VectorOperation):
            raise UnsupportedOperation(f"{self.name}: a vector unit does no matrix products")
        most, pieces = self.most_blocks(operation), most_pieces(self.config, operation)
        for blocks in sorted({min(1 << power, most) for power in range(most.bit_length() + 1)}):
            yield self.plan(operation, blocks)
        for count in sorted({min(4**power, pieces) for power in range(1, pieces.bit_length() + 1)} - {1}):
            if most * count <= MOST_PIECES:
                yield self.plan(operation, most, count)

    def area_parts(self, widths: DatapathWidths) -> tuple[AreaPart, ...]:
        """Hardware of the unit at a datapath and state width.

        Assumes one multiplier and one adder per operation per cycle and lane (compare and select
        use the adder), ``pipeline_cycles`` registers per lane, and for ``t_inner`` a register
        file of ``block_slots`` states per lane. Dividers, roots and tables are not included. A scan
        network has a multiply-adder per lane that adds in a stage, one for the carry, and a register per
        lane and stage.
        """
        bits, state_bits = widths.arithmetic, widths.state
        lanes, operators = self.config.lanes, self.config.lanes * self.config.ops_per_cycle
        parts = [
            AreaPart(self.name, AreaUnit.MULTIPLY, (bits, bits), operators),
            AreaPart(self.name, AreaUnit.ADD, (bits,), operators),
            AreaPart(self.name, AreaUnit.REGISTER, (bits,), lanes * self.config.pipeline_cycles),
        ]
        if self.config.scan:
            wide = network_lanes(lanes)
            adders = self.config.networks * (combining_lanes(wide) + 1)
            parts += [
                AreaPart(self.name, AreaUnit.MULTIPLY, (bits, bits), adders),
                AreaPart(self.name, AreaUnit.ADD, (bits,), adders),
            ]
            if wide > 1:
                registers = self.config.networks * wide * stages_of(wide)
                parts.append(AreaPart(self.name, AreaUnit.REGISTER, (bits,), registers))
        if self.config.order == "t_inner" and self.config.block_slots and state_bits:
            parts.append(AreaPart(self.name, AreaUnit.REGISTER, (state_bits,), lanes * self.config.block_slots))
        return tuple(parts)
