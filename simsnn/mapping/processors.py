"""The processors of a machine, built: engines, SRAMs, local memories and links under global numbers.

Equal processors are mapped once, as the machine that one of them is by itself: its local memory
stands where that machine's DRAM does. Global engine and SRAM numbers follow the processors in file
order; memory channel 0 is the DRAM, channel p + 1 the local memory of processor p.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from simsnn.config.hardware import HardwareConfig
from simsnn.mapping.machine import Machine
from simsnn.mapping.tasks import load_slots
from simsnn.memory.dram import FixedRateDram
from simsnn.memory.interconnect import Interconnect


@dataclass(frozen=True)
class Processors:
    """All processors of a machine.

    Parameters
    ----------
    config : HardwareConfig
        The whole file.
    machines : tuple of Machine, per group
        One processor of each group by itself.
    group : tuple of int, per processor
        Its group.
    interconnect : Interconnect
        The links between them.
    """

    config: HardwareConfig
    machines: tuple[Machine, ...]
    group: tuple[int, ...]
    interconnect: Interconnect

    @classmethod
    def build(cls, config: HardwareConfig) -> Processors:
        """Build every group once.

        Raises
        ------
        ConfigError
            For links whose ends are no processors.
        """
        machines = tuple(Machine.build(config.of_processor(number)) for number in range(len(config.processors)))
        group = tuple(number for number, part in enumerate(config.processors) for _ in range(part.count))
        links = Interconnect.of(config.links, config.processor_names, config.clock)
        return cls(config, machines, group, links)

    @property
    def count(self) -> int:
        """P."""
        return len(self.group)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the processors."""
        return self.config.processor_names

    @property
    def private(self) -> bool:
        """Whether every processor has a memory of its own; if not, all share the DRAM."""
        return self.config.processors[0].memory is not None

    @cached_property
    def engine_base(self) -> tuple[int, ...]:
        """Number of the first engine of each processor."""
        return _bases([len(self.machines[group].engines) for group in self.group])

    @cached_property
    def sram_base(self) -> tuple[int, ...]:
        """Number of the first SRAM of each processor."""
        return _bases([len(self.machines[group].srams) for group in self.group])

    @cached_property
    def engine_names(self) -> tuple[str, ...]:
        """``core0.array0``."""
        return tuple(f"{name}.{engine.name}" for name, machine in self._named_machines for engine in machine.engines)

    @cached_property
    def sram_names(self) -> tuple[str, ...]:
        """``core0.spike_buffer``."""
        return tuple(f"{name}.{sram.name}" for name, machine in self._named_machines for sram in machine.srams)

    @cached_property
    def load_slots(self) -> tuple[int, ...]:
        """Chunks in flight per engine."""
        return tuple(load_slots(machine) for _, machine in self._named_machines for _ in machine.engines)

    @cached_property
    def dram(self) -> FixedRateDram:
        """The DRAM that all share."""
        return FixedRateDram.of(self.config.dram, self.config.clock)

    @cached_property
    def memories(self) -> tuple[FixedRateDram, ...]:
        """Local memories of the processors; none where they share the DRAM."""
        return tuple(machine.dram for _, machine in self._named_machines) if self.private else ()

    @cached_property
    def capacity_bytes(self) -> tuple[int | None, ...]:
        """Size of each processor's local memory; None where it has none of its own."""
        parts = (self.config.processors[group] for group in self.group)
        return tuple(None if part.memory is None else part.memory.size for part in parts)

    def channel(self, processor: int) -> int:
        """Memory channel of a processor's loads and stores."""
        return processor + 1 if self.private else 0

    @property
    def _named_machines(self) -> tuple[tuple[str, Machine], ...]:
        return tuple((name, self.machines[group]) for name, group in zip(self.names, self.group, strict=True))


def _bases(counts: list[int]) -> tuple[int, ...]:
    """Sums of all counts before each."""
    return tuple(sum(counts[:number]) for number in range(len(counts)))
