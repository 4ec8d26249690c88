"""Schedules: one file and one line here each."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from simsnn.registry import Registry
from simsnn.schedule.layer_by_layer import LayerByLayer
from simsnn.schedule.step_by_step import StepByStep

SCHEDULES: Registry[type[LayerByLayer] | type[StepByStep]] = Registry("schedule")
SCHEDULES.add("layer_by_layer", LayerByLayer)
SCHEDULES.add("step_by_step", StepByStep)

ScheduleConfig = Annotated[LayerByLayer | StepByStep, Field(discriminator="kind")]
