"""Schedules: one file and one line here each."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from simsnn.registry import Registry
from simsnn.schedule.engine_pipeline import EnginePipeline
from simsnn.schedule.layer_by_layer import LayerByLayer
from simsnn.schedule.step_by_step import StepByStep

SCHEDULES: Registry[type[LayerByLayer] | type[StepByStep] | type[EnginePipeline]] = Registry("schedule")
SCHEDULES.add("layer_by_layer", LayerByLayer)
SCHEDULES.add("step_by_step", StepByStep)
SCHEDULES.add("engine_pipeline", EnginePipeline)

ScheduleConfig = Annotated[LayerByLayer | StepByStep | EnginePipeline, Field(discriminator="kind")]
