"""How many pieces vector work can be cut into, where, and how many elements an issue slot takes.

Source: docs/machines sections 6 and 9. Proof: ``tests/property/test_vector_unit.py``, ``tests/reference/test_scan.py``.
"""

from __future__ import annotations

from functools import cache

from simsnn.engines.scan_network import ScanShape, network_lanes
from simsnn.engines.vector_unit_config import VectorUnitConfig
from simsnn.workload.operation import TaskPart, VectorOperation

_WEIGHTS = frozenset({TaskPart.UPDATE, TaskPart.REDUCE})


def balanced_cut(units: int, blocks: int) -> tuple[int, ...]:
    """Bounds of ``blocks`` consecutive runs of ``units``, whose sizes differ by at most one."""
    return tuple(units * block // blocks for block in range(blocks + 1))


@cache
def piece_bounds(size: int, lanes: int, pieces: int) -> tuple[int, ...]:
    """Bounds of ``pieces`` runs of ``size`` elements, cut at whole issue slots of ``lanes``."""
    slots = -(-size // lanes)
    return tuple(min(size, lanes * bound) for bound in balanced_cut(slots, pieces))


def cut_units(config: VectorUnitConfig, operation: VectorOperation) -> int:
    """Pieces an operation can be cut into: samples, single slots if nothing recurs, or issue slots of weights.

    Without slots only weights are cut: a piece of a single feature map would need its neighbours.
    """
    if is_weights(operation):
        return -(-operation.elements // config.lanes)
    whole = operation.steps > 1 or operation.part is TaskPart.LOSS
    return max(1, operation.slots // operation.timesteps) if whole else operation.slots


def most_pieces(config: VectorUnitConfig, operation: VectorOperation) -> int:
    """Pieces of the smallest chunk, each of at least one issue slot; weights are cut into blocks alone."""
    if is_weights(operation) or operation.slots == 1 or operation.part is TaskPart.LOSS:
        return 1
    return max(1, -(-(operation.elements // cut_units(config, operation)) // slot_elements(config, operation)))


def scan_shape(config: VectorUnitConfig, operation: VectorOperation) -> ScanShape | None:
    """How the steps of a scan lie in the lanes; None for work that takes its steps one after another."""
    if not operation.scan:
        return None
    return ScanShape(network_lanes(config.lanes), operation.steps, operation.scan)


def slot_elements(config: VectorUnitConfig, operation: VectorOperation) -> int:
    """Elements of one issue slot: a lane each, or the neurons that share a scan."""
    shape = scan_shape(config, operation)
    return config.lanes if shape is None else shape.neurons_per_issue


def is_weights(operation: VectorOperation) -> bool:
    """Whether an operation works on weights, which are cut at whole issue slots."""
    return operation.slots == 1 and operation.part in _WEIGHTS
