"""What a run is refused for before anything is trained: size, activity, order, clock, prices.

Each check raises with the dotted path of what is wrong. Tests: ``tests/unit/test_refusals.py``.
"""

from __future__ import annotations

import math

from simsnn.config.experiment import ExperimentConfig
from simsnn.energy.model import EnergyModel
from simsnn.errors import CapacityError, ConfigError, MissingPrice, UnsupportedOperation, Where
from simsnn.mapping.machine import Machine
from simsnn.mapping.mapped import MappedOperation
from simsnn.mapping.place import place
from simsnn.workload.operation import GemmOperation, Operation, VectorOperation

LARGEST_OPERATION = 2**30
"""Rows, weights or elements of one operation."""
LARGEST_PRODUCT = 2**42
"""Multiply-accumulates of one bare product."""


def check_size(operation: Operation) -> None:
    """Refuse what no simulation would finish, with the number that is too large."""
    size = operation.elements if isinstance(operation, VectorOperation) else operation.slots
    if isinstance(operation, GemmOperation) and operation.geometry is not None:
        geometry = operation.geometry
        size = max(operation.slots * max(geometry.out_pixels, geometry.in_pixels), geometry.weights)
    _refuse_above(size, LARGEST_OPERATION, "elements", operation)
    if isinstance(operation, GemmOperation) and operation.mixing is not None:
        macs = math.prod(operation.mixing.lengths(operation.slots))
        _refuse_above(macs, LARGEST_PRODUCT, "multiply-accumulates", operation)
    if isinstance(operation, GemmOperation) and operation.gemm is not None:
        _refuse_above(operation.gemm.macs, LARGEST_PRODUCT, "multiply-accumulates", operation)


def _refuse_above(size: int, bound: int, unit: str, operation: Operation) -> None:
    if size > bound:
        levers = ("a smaller batch", "fewer time steps", "a smaller layer")
        what = f"{operation.layer} {operation.pass_.value} {operation.part.value} is too large to simulate in one step"
        raise CapacityError(what, demand=size, bound=bound, unit=unit, levers=levers, where=Where("workload"))


def check_activity(experiment: ExperimentConfig, operations: tuple[Operation, ...], machine: Machine) -> None:
    """An engine that skips zeros needs to know where they are."""
    if experiment.activity is not None:
        return
    for operation in operations:
        engine = machine.engines[place(operation, experiment.mapping, machine).engine]
        if isinstance(operation, GemmOperation) and engine.capabilities.needs_activity:
            raise ConfigError(
                f"{engine.name} skips zeros, so its cycles depend on real spikes and masks, and there is no activity",
                where=Where("activity"),
                remedy="add activity: {kind: train | file | synthetic, ...}",
            )


def check_order(experiment: ExperimentConfig, machine: Machine) -> None:
    """A vector unit that keeps neurons resident for all T needs the currents of all T."""
    if experiment.schedule.needs_all_steps or experiment.workload.timesteps == 1:
        return
    for index, unit in enumerate(experiment.hardware.vector_units):
        if machine.engines[len(experiment.hardware.arrays) + index].capabilities.needs_all_steps:
            raise UnsupportedOperation(
                f"{unit.name} keeps neurons resident over all time steps (order: t_inner),"
                f" {experiment.schedule.kind} has one step at a time",
                where=Where(f"hardware.vector_units.{index}.order"),
                value="t_inner",
                allowed=("t_outer",),
                remedy="order: t_outer, or schedule.kind layer_by_layer",
            )


def check_clock(machine: Machine, energy: EnergyModel) -> None:
    """Every SRAM bank must keep the clock by the table that prices it."""
    for index, sram in enumerate(machine.srams):
        try:
            sram.require_clock(energy.sram.cycle_ns, machine.config.clock)
        except CapacityError as error:
            raise error.located(Where(f"hardware.srams.{index}.banks")) from None


def alike_operations(mapped: tuple[MappedOperation, ...]) -> tuple[MappedOperation, ...]:
    """One operation of each kind: sample groups repeat the same actions."""
    alike = {
        (item.placement.engine, item.operation.layer, item.operation.pass_, item.operation.part): item
        for item in mapped
    }
    return tuple(alike.values())


def check_prices(mapped: tuple[MappedOperation, ...], energy: EnergyModel) -> None:
    """Whatever an operation does on dense operands has a price."""
    for item in alike_operations(mapped):
        for key, _ in item.choice.plan.cost().actions.counts:
            try:
                energy.price(key)
            except MissingPrice as error:
                raise error if error.where.path else error.located(Where("energy.arithmetic")) from None
