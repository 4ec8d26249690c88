"""Engines: one file and one line here each."""

from simsnn.engines.systolic import SystolicEngine
from simsnn.engines.vector_unit import VectorUnit
from simsnn.registry import Registry

EngineClass = type[SystolicEngine] | type[VectorUnit]

ENGINES: Registry[EngineClass] = Registry("engine")
ENGINES.add(SystolicEngine.kind, SystolicEngine)
ENGINES.add(VectorUnit.kind, VectorUnit)
