"""Micro-batches that ask for the same work again: operations that differ in their samples alone.

Operations of one shape are cut once and share the moves of their chunks (:mod:`simsnn.mapping.alike`); of one step
task and one place in it they also share the names of their tensors. Dense plans of such operations run alike, so one
of them may stand for all. Plans that count real spikes or masks are alike only where they are the same.

Proof: ``tests/unit/test_pipeline_graph.py``.
"""

from __future__ import annotations

from dataclasses import fields

from simsnn.engines.base import Plan
from simsnn.engines.systolic_plan import SystolicPlan
from simsnn.engines.vector_unit_following import FollowingPlan
from simsnn.engines.vector_unit_plan import VectorPlan
from simsnn.mapping.mapped import MappedOperation


def repeats(items: tuple[MappedOperation, ...], known: tuple[MappedOperation, ...]) -> bool:
    """Whether the operations of a task for one micro-batch run as those of the same task for another do."""
    return len(items) == len(known) and all(map(_alike, items, known))


def _alike(item: MappedOperation, known: MappedOperation) -> bool:
    """The same moves are those of one shape, on one engine, in one place of a pair."""
    return (
        item.choice.moves is known.choice.moves
        and item.placement == known.placement
        and item.consumes == known.consumes
        and item.slowdown == known.slowdown
        and _same_work(item.choice.plan, known.choice.plan)
    )


def _same_work(plan: Plan, known: Plan) -> bool:
    if plan is known:
        return True
    if type(plan) is not type(known):
        return False
    if not isinstance(plan, SystolicPlan | VectorPlan | FollowingPlan):
        return False  # its cycles may depend on the samples
    names = (field.name for field in fields(plan) if field.name != "operation")
    return all(getattr(plan, name) == getattr(known, name) for name in names)
