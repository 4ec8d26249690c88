"""Closed-form cycles of VGG-16 in three dataflows, beside running the same plans chunk by chunk."""

from __future__ import annotations

import numpy as np

from benchmarks.measurement import Measurement, NotMeasured, Yardstick
from benchmarks.timing import median_seconds
from benchmarks.vgg import forget_lowering, vgg16_products, ws32_array
from simsnn.engines.base import Dataflow
from simsnn.engines.systolic import SystolicEngine
from simsnn.engines.systolic_plan import SystolicPlan


def closed_form_vgg16() -> Measurement:
    """Seconds from the operations to the cycles of 16 layers in ws, is and os; nothing is kept between repeats."""
    operations, engine = vgg16_products(224, 1000), SystolicEngine(ws32_array())

    def plans() -> list[SystolicPlan]:
        forget_lowering()
        return [engine.plan(operation, dataflow) for operation in operations for dataflow in Dataflow]

    def formula() -> list[int]:
        return [plan.parts(plan.closed_form()).accounted for plan in plans()]

    def stepped() -> list[int]:
        return [_stepped_cycles(plan) for plan in plans()]

    cycles = formula()
    if cycles != stepped():
        raise NotMeasured("closed form and chunks disagree")
    seconds, slow = median_seconds(formula, 15), median_seconds(stepped, 3, 0)
    note = f"{len(operations)} layers x 3 dataflows on 32 x 32, {sum(cycles):,} cycles"
    return Measurement(seconds, Yardstick("the same plans run chunk by chunk", slow), note)


def _stepped_cycles(plan: SystolicPlan) -> int:
    state, _ = plan.advance_all(np.zeros(plan.chunk_count, np.int64))
    return plan.parts(state).accounted
