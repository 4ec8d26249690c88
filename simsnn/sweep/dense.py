"""Which plans cost the same whatever the activity."""

from __future__ import annotations

from simsnn.engines.base import Plan
from simsnn.engines.systolic_config import ProcessingElement
from simsnn.engines.systolic_plan import SystolicPlan
from simsnn.engines.vector_unit_plan import VectorPlan


def is_dense(plan: Plan) -> bool:
    """Whether a plan costs the same whatever the activity."""
    if isinstance(plan, SystolicPlan):
        return plan.config.pe is not ProcessingElement.GATED_ADD
    return isinstance(plan, VectorPlan)
