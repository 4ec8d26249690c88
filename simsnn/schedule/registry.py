"""Schedules: one file and one line here each (and its import).

Those below ``Sequential`` are of the pipelined kind and run on machines with processors.
"""

from __future__ import annotations

from typing import Annotated, get_args

from pydantic import Field

from simsnn.registry import Registry
from simsnn.schedule.engine_pipeline import EnginePipeline
from simsnn.schedule.gpipe import GPipe
from simsnn.schedule.layer_by_layer import LayerByLayer
from simsnn.schedule.layerpipe import LayerPipe
from simsnn.schedule.one_f_one_b import OneFOneB
from simsnn.schedule.pipedream import PipeDream
from simsnn.schedule.sequential import Sequential
from simsnn.schedule.spikepipe import SpikePipe
from simsnn.schedule.step_by_step import StepByStep

Schedule = (
    LayerByLayer | StepByStep | EnginePipeline | Sequential | GPipe | OneFOneB | PipeDream | LayerPipe | SpikePipe
)

ScheduleConfig = Annotated[Schedule, Field(discriminator="kind")]
"""Any schedule, as a file describes it."""

SCHEDULES: Registry[type[Schedule]] = Registry("schedule")
for _schedule in get_args(Schedule):
    SCHEDULES.add(_schedule.model_fields["kind"].default, _schedule)
