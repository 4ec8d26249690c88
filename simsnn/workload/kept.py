"""Which tensors neurons keep between the forward and the backward pass of their own layer: the memory of nodes.

A tensor is kept by a neuron if its F touches it, a later pass of the neuron of the same layer touches it again,
and it is not what the neuron delivers. Tests: ``tests/unit/test_memory.py``.
"""

from __future__ import annotations

from collections.abc import Iterable

from simsnn.costs import OperandClass
from simsnn.workload.operation import GemmOperation, Operand, Operation, Pass, TaskPart

KEPT_CLASSES = frozenset({OperandClass.CURRENTS, OperandClass.MEMBRANE, OperandClass.MASKS, OperandClass.SIDE_BITS})
"""Classes of what a neuron may keep: not spikes or other values that it delivers, nor gradients."""

_PARTS = frozenset({TaskPart.NEURON, TaskPart.MIXING})
"""Parts of a neuron's work: its own, and products over time steps of a parallel unit."""


def kept_by_neurons(operations: Iterable[Operation]) -> frozenset[str]:
    """Names of the tensors that neurons keep between F and the later passes of their own layer."""
    forward: set[tuple[str, str]] = set()
    later: set[tuple[str, str]] = set()
    for operation in operations:
        if operation.part in _PARTS:
            found = forward if operation.pass_ is Pass.F else later
            found.update((operation.layer, o.tensor) for o in _touched(operation) if o.role in KEPT_CLASSES)
    return frozenset(tensor for _, tensor in forward & later)


def _touched(operation: Operation) -> tuple[Operand, ...]:
    if isinstance(operation, GemmOperation):
        return (operation.left, operation.right, operation.output)
    return (*operation.reads, *operation.writes)
