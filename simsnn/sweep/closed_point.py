"""Totals of a step at level ``closed_form`` from the costs of its operations, without a chunk graph.

All operands are present, so a task takes what its operation takes alone; what remains is the order of the tasks on
their engines and who waits for whom (:func:`simsnn.mapping.build.build_graph`, :func:`simsnn.sim.closed_form`), and
which tensors stand in memory meanwhile (:mod:`simsnn.results.memory`). Who waits for whom is the same for all points
that run the same operations in the same pairs.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from itertools import accumulate

from simsnn.activities import ResolvedActivity
from simsnn.mapping.build import task_edges
from simsnn.mapping.mapped import MappedOperation, reads, writes
from simsnn.preparation import MappedStep
from simsnn.results.sweep_table import PointMetrics
from simsnn.sweep.caches import Bounded
from simsnn.sweep.operation_cost import OperationCost
from simsnn.units import cycles_to_ns
from simsnn.workload.operation import GemmOperation, Operand

MOST_ORDERS = 256
"""Orders of tasks that are remembered."""
_FROM_THE_START = -1


@dataclass(frozen=True, slots=True)
class Lifetime:
    """A stored tensor: who brings it into memory (-1: there from the start), who touches it, whether it stays."""

    bytes: int
    first: int
    users: tuple[int, ...]
    stays: bool


@dataclass(frozen=True)
class TaskOrder:
    """What tasks wait for, and what lives from when to when; ``kept`` keeps the operations that name it alive."""

    after: tuple[tuple[int, ...], ...]
    lifetimes: tuple[Lifetime, ...]
    kept: tuple[MappedOperation, ...]


@dataclass(frozen=True, slots=True)
class Times:
    """Start and end of every task, and of the last."""

    starts: list[int]
    ends: list[int]
    makespan: int


class ClosedPoint:
    """Puts the costs of operations together; remembers orders of tasks."""

    def __init__(self) -> None:
        self._orders: Bounded[Hashable, TaskOrder] = Bounded(MOST_ORDERS)

    def metrics(
        self, step: MappedStep, costs: tuple[OperationCost, ...], area_um2: float, activity: ResolvedActivity
    ) -> PointMetrics:
        """Metrics of a point; every float is added up as in the report."""
        experiment, clock = step.experiment, step.machine.config.clock
        order = self._order(step.mapped, serial=experiment.schedule.serial)
        times = _times(step.mapped, costs, order, len(step.machine.engines))
        time_ns = cycles_to_ns(times.makespan, clock)
        static_pj = sum(dict(step.energy.leakage(time_ns)).values())
        energy_pj = sum(cost.energy_pj for cost in costs) + static_pj
        samples = 1 if step.network.bare_gemms else experiment.workload.batch
        return PointMetrics(
            total_cycles=times.makespan,
            time_ns=time_ns,
            total_energy_pj=energy_pj,
            area_um2=area_um2,
            utilisation=_utilisation(step.mapped, costs, times.makespan),
            dram_bytes=sum(cost.dram_bytes for cost in costs),
            accuracy=None if activity.activity is None else activity.activity.accuracy,
            samples_per_s=samples / time_ns * 1e9 if time_ns else 0.0,
            energy_per_sample_pj=energy_pj / samples,
            peak_live_bytes=_peak_bytes(order.lifetimes, times),
        )

    def _order(self, mapped: tuple[MappedOperation, ...], *, serial: bool) -> TaskOrder:
        key = (serial, *((id(item.operation), item.fused is not None, item.consumes) for item in mapped))
        return self._orders.made(key, lambda: _order_of(mapped, serial=serial))


def _order_of(mapped: tuple[MappedOperation, ...], *, serial: bool) -> TaskOrder:
    return TaskOrder(tuple(task_edges(mapped, serial=serial)), _lifetimes(mapped), mapped)


def _lifetimes(mapped: tuple[MappedOperation, ...]) -> tuple[Lifetime, ...]:
    """As :func:`simsnn.results.memory.stored_tensors`, with tasks in place of cycles."""
    first: dict[str, int] = {}
    users: dict[str, list[int]] = {}
    stays: dict[str, bool] = {}
    size_bytes: dict[str, int] = {}
    for number, item in enumerate(mapped):
        uses: list[tuple[Operand, bool]] = [(operand, False) for operand in reads(item.operation)]
        uses += [(operand, True) for operand in writes(item.operation)]
        for operand, writing in uses:
            name = operand.tensor
            if name in item.resident:
                continue
            first.setdefault(name, number if writing else _FROM_THE_START)
            users.setdefault(name, []).append(number)
            stays[name] = writing
            size_bytes[name] = max(size_bytes.get(name, 0), operand.bytes)
    return tuple(Lifetime(size_bytes[name], first[name], tuple(users[name]), stays[name]) for name in first)


def _times(
    mapped: tuple[MappedOperation, ...], costs: tuple[OperationCost, ...], order: TaskOrder, engines: int
) -> Times:
    free, starts, ends = [0] * engines, list[int](), list[int]()
    for item, cost, after in zip(mapped, costs, order.after, strict=True):
        engine = item.placement.engine
        start = max([free[engine], *(ends[before] for before in after)])
        free[engine] = start + cost.cycles
        starts.append(start)
        ends.append(free[engine])
    return Times(starts, ends, max(ends, default=0))


def _peak_bytes(lifetimes: tuple[Lifetime, ...], times: Times) -> int:
    """Most bytes at one time; what goes at a cycle goes before what comes."""
    changes: dict[int, int] = {}
    for life in lifetimes:
        start = 0 if life.first == _FROM_THE_START else times.starts[life.first]
        end = times.makespan if life.stays else max(times.ends[user] for user in life.users)
        if end > start:
            changes[start] = changes.get(start, 0) + life.bytes
            changes[end] = changes.get(end, 0) - life.bytes
    return max(accumulate(changes[cycle] for cycle in sorted(changes)), default=0)


def _utilisation(mapped: tuple[MappedOperation, ...], costs: tuple[OperationCost, ...], cycles: int) -> float:
    """Useful multiply-accumulates of all products over the peak of all arrays for the whole run."""
    products = [
        (item.placement.engine, cost.work)
        for item, cost in zip(mapped, costs, strict=True)
        if isinstance(item.operation, GemmOperation)
    ]
    peaks = {engine: work.peak_per_cycle for engine, work in products}
    useful = sum(work.useful for _, work in products)
    return useful / (cycles * sum(peaks.values())) if peaks and cycles else 0.0
