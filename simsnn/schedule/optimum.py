"""Proven optimum for small instances: the least largest load of unsplit tasks, by CP-SAT.

Minimise T subject to: every item (F, B, W with U) on one processor, every load at most T. With delays
free and links uncontended this is also the least period of any program of unsplit tasks that takes each
processor's tasks in a fixed order: none has a period below its largest load, and ``hop: earliest`` reaches
it for every assignment (:mod:`simsnn.schedule.periodic`).

Needs OR-tools, extra ``solver``; imported here alone and only when asked for.
Held against enumeration in tests/unit/test_schedule_optimum.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from simsnn.errors import ConfigError
from simsnn.schedule.spikepipe_items import Items
from simsnn.schedule.spikepipe_search import least_load
from simsnn.schedule.step_graph import StepGraph


@dataclass(frozen=True)
class Optimum:
    """Result of the solver.

    Parameters
    ----------
    load_cycles : int
        Largest load of the assignment.
    bound_cycles : int
        No assignment has less.
    assignment : tuple of int, per task
        Processor of each task.
    """

    load_cycles: int
    bound_cycles: int
    assignment: tuple[int, ...]

    @property
    def proven(self) -> bool:
        """Whether the assignment is optimal for certain."""
        return self.load_cycles == self.bound_cycles


def solver_is_installed() -> bool:
    """Whether :func:`optimal_load` can run."""
    return find_spec("ortools") is not None


def optimal_load(step: StepGraph, assignment: tuple[int, ...], time_limit_s: float = 10.0) -> Optimum:
    """Least largest load, or the least found when time is up.

    Parameters
    ----------
    step : StepGraph
        Tasks with their cycles per processor.
    assignment : tuple of int, per task
        A known assignment, U with W; the result is never worse.
    time_limit_s : float
        Seconds of search. One thread and a fixed seed: equal results where the time suffices.

    Raises
    ------
    ConfigError
        If OR-tools is not installed.
    """
    items = Items.of(step)
    known = items.places_of(assignment)
    upper, lower = max(items.loads(known)), least_load(items)
    if upper == lower:
        return Optimum(upper, lower, items.assignment(known))
    cp_model = _cp_model()
    model = cp_model.CpModel()
    processors = range(step.processors)
    chosen = [[model.new_bool_var(f"i{item}p{p}") for p in processors] for item in range(len(items.tasks))]
    largest = model.new_int_var(lower, upper, "largest load")
    for row in chosen:
        model.add_exactly_one(row)
    for p in processors:
        model.add(sum(items.cycles[item][p] * row[p] for item, row in enumerate(chosen)) <= largest)
    _number_equal_processors(model, chosen, items)
    model.minimize(largest)
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = time_limit_s
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = 0
    status = solver.solve(model)
    bound = max(lower, round(solver.best_objective_bound))
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return Optimum(upper, bound, items.assignment(known))
    places = [next(p for p in processors if solver.boolean_value(row[p])) for row in chosen]
    load = max(items.loads(places))
    if load > upper:
        places, load = known, upper
    return Optimum(load, load if status == cp_model.OPTIMAL else bound, items.assignment(places))


def _number_equal_processors(model: Any, chosen: list[list[Any]], items: Items) -> None:
    """Equal processors differ in number alone: the k-th heaviest item goes to one of the first k."""
    if all(len(set(row)) == 1 for row in items.cycles):
        for rank, item in enumerate(items.heaviest_first):
            for p in range(rank + 1, len(chosen[item])):
                model.add(chosen[item][p] == 0)


def _cp_model() -> Any:
    if not solver_is_installed():
        raise ConfigError(
            "the proven optimum needs OR-tools, which is not installed",
            remedy='python -m pip install "simsnn-accel[solver]"',
        )
    from ortools.sat.python import cp_model

    return cp_model
