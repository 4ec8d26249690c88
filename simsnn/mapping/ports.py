"""Words that an engine asks of the SRAMs per edge, and how much a shortage slows it.

A tensor is stored once, packed along one axis. On a systolic array B reads weights across that axis,
and W reads spikes across it in ``ws`` and ``is``: such a read yields one useful element per word, unless
``transpose: on_store`` has written a second copy (docs/machines section 3.1). Engines with operand
registers of their own (tables, private weight banks) take whole words into them and read no tensor across.
"""

from __future__ import annotations

from simsnn.costs import OperandClass
from simsnn.engines.base import Plan
from simsnn.engines.systolic_config import Dataflow, SystolicConfig
from simsnn.errors import CapacityError, Where
from simsnn.mapping.machine import Machine
from simsnn.workload.operation import GemmOperation, Mixing, Operation, Pass

NONE: frozenset[OperandClass] = frozenset()


def across_roles(operation: Operation, dataflow: Dataflow | None, config: object) -> frozenset[OperandClass]:
    """Operand classes that the operation reads across the axis along which they are packed."""
    if not isinstance(operation, GemmOperation) or (operation.geometry is None and operation.mixing is None):
        return NONE
    if not isinstance(config, SystolicConfig) or config.transpose == "on_store":
        return NONE
    if operation.mixing is not None:
        return _mixing_roles(operation, operation.mixing, dataflow)
    if operation.pass_ is Pass.B:
        return frozenset({operation.right.role})
    if operation.pass_ is Pass.W and dataflow is not Dataflow.OS:
        return frozenset({operation.left.role})
    return NONE


def _mixing_roles(operation: GemmOperation, mixing: Mixing, dataflow: Dataflow | None) -> frozenset[OperandClass]:
    """What a T x T product reads one time step per word: X and dV are packed along neurons.

    ``apply`` streams X step by step alone in ``is``. ``gradient`` takes one neuron of all steps per edge: both
    operands in ``os``; else the one that is loaded (``ws`` the right, ``is`` the left).
    """
    if mixing.kind == "apply":
        return frozenset({operation.right.role}) if dataflow is Dataflow.IS else NONE
    if dataflow is Dataflow.OS:
        return frozenset({operation.left.role, operation.right.role})
    return frozenset({operation.right.role if dataflow is Dataflow.WS else operation.left.role})


def slowdown(plan: Plan, machine: Machine, across: frozenset[OperandClass]) -> int:
    """Rho of docs/machines section 7: the worst ratio of words demanded to words supplied, at least 1."""
    demands = plan.port_demand()
    rho = 1
    for index, sram in enumerate(machine.srams):
        try:
            rho = max(rho, sram.slowdown(sram.demand_words(demands, across)))
        except CapacityError as error:
            raise error.located(Where(f"hardware.srams.{index}.port_shortage")) from None
    return rho
