"""Engines: one file and one line here each.

``hardware.arrays`` accepts every kind that is registered here but the vector unit, which has a
section of its own (``simsnn.config.hardware``). A program may add engines of its own in the same
way before it loads an experiment: ``ENGINES.add(MyEngine.kind, MyEngine)``.
"""

from __future__ import annotations

from typing import Any, Protocol

from simsnn.engines.base import Engine
from simsnn.engines.dual_sparse import DualSparseEngine
from simsnn.engines.lut import LutEngine
from simsnn.engines.systolic import SystolicEngine
from simsnn.engines.vector_unit import VectorUnit
from simsnn.registry import Registry


class EngineClass(Protocol):
    """An engine's class: its kind, its strict configuration, and an engine for each configuration."""

    kind: str
    model_version: int
    config_type: type[Any]

    def __call__(self, config: Any) -> Engine:
        """Build one engine of the machine."""


ENGINES: Registry[EngineClass] = Registry("engine")
ENGINES.add(SystolicEngine.kind, SystolicEngine)
ENGINES.add(LutEngine.kind, LutEngine)
ENGINES.add(DualSparseEngine.kind, DualSparseEngine)
ENGINES.add(VectorUnit.kind, VectorUnit)
