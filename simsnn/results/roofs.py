"""What the engines and memories of a stored run could do at best, from its resolved configuration.

A report says what was done; the roofs over it are in ``config.resolved.yaml`` beside it. An engine whose configuration
states no ``peak_per_cycle`` has no roof and is left out. Tests: ``tests/unit/test_roofs.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from simsnn.config.hardware import HardwareConfig
from simsnn.config.loader import read_yaml
from simsnn.config.resolve import build
from simsnn.errors import ConfigError
from simsnn.memory.dram import FixedRateDram
from simsnn.results.report import Report, TaskRow
from simsnn.results.store import CONFIG


@runtime_checkable
class _Peaked(Protocol):
    """Configuration of an engine that states its peak."""

    @property
    def name(self) -> str:
        """Name of the engine."""

    @property
    def kind(self) -> str:
        """Kind of engine."""

    @property
    def peak_per_cycle(self) -> int:
        """Operations per cycle at best."""


@dataclass(frozen=True, slots=True)
class EngineRoof:
    """One engine under its two roofs.

    Parameters
    ----------
    name, kind : str
        As in the rows of the report.
    peak_ops_per_cycle : int
        Operations per cycle at best, the denominator of its utilisation.
    memory : str
        Where its tensors live: the DRAM, or the memory of its processor.
    bytes_per_cycle : float
        Rate of that memory, which engines share.
    alike : str
        Name without the number of its processor: the same for equal engines of equal processors.
    """

    name: str
    kind: str
    peak_ops_per_cycle: int
    memory: str
    bytes_per_cycle: float
    alike: str

    @property
    def ridge_ops_per_byte(self) -> float:
        """Operations per byte from which on the memory is no longer what limits."""
        return self.peak_ops_per_cycle / self.bytes_per_cycle


@dataclass(frozen=True, slots=True)
class RoofPoint:
    """One row of the report under the roof of its engine; operations are those of the dense work.

    ``ops_per_byte`` is None where nothing was moved to or from memory.
    """

    task: TaskRow
    roof: EngineRoof
    ops: int
    bytes: int

    @property
    def ops_per_cycle(self) -> float:
        """What was reached; above the roof where an engine skips zeros."""
        return self.ops / self.task.cycles if self.task.cycles else 0.0

    @property
    def ops_per_byte(self) -> float | None:
        """Operations per byte moved to and from the memory of its engine."""
        return self.ops / self.bytes if self.bytes else None


def engine_roofs(hardware: HardwareConfig) -> tuple[EngineRoof, ...]:
    """Roofs of all engines in file order."""
    clock = hardware.clock
    if not hardware.processors:
        rate = float(FixedRateDram.of(hardware.dram, clock).bytes_per_cycle)
        parts = (*hardware.arrays, *hardware.vector_units)
        return tuple(_roofs(parts, "", "", hardware.dram.name, rate))
    found: list[EngineRoof] = []
    for group in hardware.processors:
        memory = hardware.dram if group.memory is None else group.memory
        rate = float(FixedRateDram.of(memory, clock).bytes_per_cycle)
        parts = (*group.arrays, *group.vector_units)
        for name in group.names:
            level = memory.name if group.memory is None else f"{name}.{memory.name}"
            alike = f"{group.name}*." if group.count > 1 else f"{name}."
            found.extend(_roofs(parts, f"{name}.", alike, level, rate))
    return tuple(found)


def _roofs(parts: Iterable[object], owner: str, alike: str, level: str, rate: float) -> Iterator[EngineRoof]:
    for part in parts:
        if isinstance(part, _Peaked):
            yield EngineRoof(f"{owner}{part.name}", part.kind, part.peak_per_cycle, level, rate, f"{alike}{part.name}")


def stored_hardware(folder: Path) -> HardwareConfig | None:
    """Machine of a run folder; None where its configuration is missing or of another version."""
    try:
        document = read_yaml(folder / CONFIG)
        return build(HardwareConfig, document, ("hardware",)) if "hardware" in document.tree else None
    except ConfigError:
        return None


def roof_points(report: Report, roofs: tuple[EngineRoof, ...]) -> tuple[RoofPoint, ...]:
    """Rows of a report whose engine has a roof, in their order."""
    by_name = {roof.name: roof for roof in roofs}
    points = []
    for task in report.tasks:
        roof = by_name.get(task.array)
        if roof is not None:
            ops = round(task.utilisation * task.cycles * roof.peak_ops_per_cycle)
            moved = sum(row.read_bytes + row.write_bytes for row in task.traffic if row.level == roof.memory)
            points.append(RoofPoint(task, roof, ops, moved))
    return tuple(points)
