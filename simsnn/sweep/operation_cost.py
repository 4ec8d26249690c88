"""What one mapped operation adds to the totals of a run at level ``closed_form``, found once for equal operations.

Dense plans of a systolic array without gated adders and of a vector unit do not depend on the activity; operations
that share their moves (:mod:`simsnn.mapping.alike`) then cost the same. Other plans may count real spikes and masks:
theirs are remembered by operation and activity. Every number is made by the same expression as in the report.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, replace

from simsnn.activities import ResolvedActivity
from simsnn.costs import Action, ActionKey, EngineCost
from simsnn.energy.model import EnergyModel
from simsnn.engines.base import Work
from simsnn.engines.dual_sparse_plan import DualSparsePlan
from simsnn.engines.dual_sparse_work import PixelTables
from simsnn.engines.systolic_plan import SystolicPlan
from simsnn.engines.vector_unit_plan import VectorPlan
from simsnn.mapping.accesses import memory_pairs
from simsnn.mapping.machine import Machine
from simsnn.mapping.mapped import MappedOperation
from simsnn.mapping.tasks import task_of
from simsnn.preparation import check_cost, with_activity
from simsnn.schedule.graph import Chunk
from simsnn.sim.task_run import TaskRun
from simsnn.sim.wait import Wait
from simsnn.sweep.caches import Bounded
from simsnn.sweep.dense import is_dense
from simsnn.sweep.step_mapping import MappedProgram
from simsnn.workload.operation import GemmOperation

MOST_COSTS = 4096
"""Operations whose costs are remembered."""

MOST_LAYERS = 128
"""Layers whose pixel tables are remembered, of some activity."""
MOST_TABLES = 8
"""Tables of one layer, for engines that slice its weights or deal out its channels differently."""

Pairs = Iterable[tuple[ActionKey, int]]
_Fields = tuple[str, Action, int, int]
"""Fields of an action key, which are looked up faster than the key."""


@dataclass(frozen=True, slots=True)
class OperationCost:
    """One operation in a run: its cycles, its energy, its DRAM traffic, its useful work."""

    cycles: int
    energy_pj: float
    dram_bytes: int
    work: Work


class Prices:
    """Prices of one energy model, each looked up once.

    Parameters
    ----------
    model : EnergyModel
        Where they come from.
    number : int
        Stands for the model in the keys of what is remembered.
    """

    def __init__(self, model: EnergyModel, number: int) -> None:
        self.model, self.number = model, number
        self._prices: dict[_Fields, float] = {}

    def price(self, key: ActionKey) -> float:
        """Price of one action in pJ; ``MissingPrice`` where there is none."""
        fields = (key.component, key.action, key.bits, key.other_bits)
        found = self._prices.get(fields)
        if found is None:
            found = self._prices[fields] = self.model.price(key)
        return found

    def energy_pj(self, pairs: Pairs) -> float:
        """Energy of counted actions: components in their order, as a row of the report adds them up."""
        counts: dict[_Fields, int] = {}
        keys: dict[_Fields, ActionKey] = {}
        for key, count in pairs:
            if count:
                fields = (key.component, key.action, key.bits, key.other_bits)
                counts[fields] = counts.get(fields, 0) + int(count)
                keys[fields] = key
        terms: dict[str, list[float]] = {}
        for fields, count in counts.items():
            terms.setdefault(fields[0], []).append(count * self.price(keys[fields]))
        return sum(math.fsum(terms[component]) for component in sorted(terms))  # fsum is exact: any order will do


class OperationCosts:
    """Costs of the operations of the points so far."""

    def __init__(self) -> None:
        self._known: Bounded[Hashable, tuple[object, OperationCost]] = Bounded(MOST_COSTS)
        self._priced: Bounded[Hashable, object] = Bounded(MOST_COSTS)
        self._tables: Bounded[Hashable, tuple[ResolvedActivity, Bounded[Hashable, PixelTables]]] = Bounded(MOST_LAYERS)

    def check_prices(self, item: MappedOperation, prices: Prices, scope: int) -> None:
        """Look up the price of whatever an operation does on dense operands.

        Raises
        ------
        MissingPrice
            As the table raises it.
        """
        moves = item.choice.moves
        key = (id(moves), item.consumes, scope, prices.number, is_dense(item.choice.plan) or item.operation)
        if self._priced.find(key) is None:
            for action, _ in item.choice.plan.cost().actions.counts:
                prices.price(action)
            self._priced[key] = moves  # its id names it as long as it is kept

    def of(
        self, program: MappedProgram, machine: Machine, prices: Prices, activity: ResolvedActivity
    ) -> tuple[OperationCost, ...]:
        """Costs of the tasks of a program, in their order.

        Parameters
        ----------
        program : MappedProgram
            Operations placed, cut and fused, dense.
        machine, prices : Machine, Prices
            Where they run, and what actions cost.
        activity : ResolvedActivity
            Spikes and masks.
        """
        costs: dict[int, OperationCost] = {}
        for number, item in enumerate(program.alike):
            if id(item) not in costs:
                costs[id(item)] = self._of(program, number, machine, prices, activity)
        return tuple(costs[id(item)] for item in program.alike)

    def _of(
        self, program: MappedProgram, number: int, machine: Machine, prices: Prices, activity: ResolvedActivity
    ) -> OperationCost:
        item, scopes = program.alike[number], program.scopes
        scope, dense = scopes[item.placement.engine], is_dense(item.choice.plan)
        if dense:
            # the moves are those of one shape, in one place of a pair, in one scope
            key: Hashable = (id(item.choice.moves), item.consumes, scope, prices.number)
            kept: object = item.choice.moves
        else:
            other = program.tasks[number + (-1 if item.consumes else 1)] if item.fused is not None else item
            partner = scopes[other.placement.engine]
            key = (item.operation, item.placement, item.fused is not None, scope, partner, prices.number, id(activity))
            kept = activity
        found = self._known.find(key)
        if found is None:
            found = kept, _cost(item if dense else self._bound(item, activity), machine, prices)
            self._known[key] = found
        return found[1]

    def _bound(self, item: MappedOperation, activity: ResolvedActivity) -> MappedOperation:
        """With real spikes and masks; what they ask of the pixels is counted once for engines of many sizes."""
        plan, operation = item.choice.plan, item.operation
        if not isinstance(plan, DualSparsePlan) or not isinstance(operation, GemmOperation):
            return with_activity(item, activity)
        key = (operation.layer, operation.extent, operation.geometry, operation.timesteps, id(activity))
        _, tables = self._tables.made(key, lambda: (activity, Bounded(MOST_TABLES)))
        bound = plan.with_activity(activity.product(operation), tables)
        return replace(item, choice=replace(item.choice, plan=bound))


def _cost(item: MappedOperation, machine: Machine, prices: Prices) -> OperationCost:
    plan = item.choice.plan
    cost = plan.cost()
    energy = prices.energy_pj((*cost.actions.counts, *memory_pairs(item, machine)))
    moved = sum(move.bytes for m in item.choice.moves for move in m.loads + m.stores)
    return OperationCost(_cycles(item, cost), energy, moved, plan.work())


def _cycles(item: MappedOperation, cost: EngineCost) -> int:
    """Cycles of the task with all operands present."""
    plan = item.choice.plan
    if isinstance(plan, SystolicPlan | VectorPlan):
        frozen = (item.slowdown - 1) * sum(map(plan.issues, range(plan.chunk_count))) if item.slowdown > 1 else 0
        return cost.cycles.total + frozen
    chunks = (Chunk(),) * plan.chunk_count
    run, wait = TaskRun(task_of(0, item, chunks, ()), 0, 0, Wait()), Wait()
    for chunk in range(plan.chunk_count):
        run.advance(chunk, wait)
    record = run.record(run.end)
    check_cost(item, cost, record.cycles.accounted - record.cycles.stall)
    return run.end
