"""DRAM of a fixed rate: a bandwidth and a latency, nothing else.

Equation: a transfer of n bytes occupies the channel for ceil(n / rate) cycles, and its last byte
is there ``latency`` cycles later. The rate is an exact fraction of bytes per cycle and the latency
is rounded up to whole cycles once, so no float time enters (docs/machines section 1).

Assumption: bandwidth does not depend on the address pattern, and nothing is refreshed; this is the
flat memory for which more bandwidth never makes a run slower. Proof: ``tests/unit/test_dram.py``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import ClassVar, Literal

from simsnn.config.quantities import BandwidthValue, LatencyValue, Name, StrictModel


class FixedRateDramConfig(StrictModel):
    """A fixed-rate DRAM as the hardware file describes it.

    Parameters
    ----------
    name : str
        Component name, also the component of its energy.
    bandwidth : Bandwidth
        Bytes per second, or bytes per cycle of the machine's clock.
    latency : Latency
        Nanoseconds, or whole cycles.
    """

    name: Name
    kind: Literal["fixed_rate"]
    bandwidth: BandwidthValue
    latency: LatencyValue


@dataclass(frozen=True, slots=True)
class FixedRateDram:
    """Behaviour of a fixed-rate DRAM on one clock.

    Parameters
    ----------
    name : str
        Component name.
    bytes_per_cycle : Fraction
        Exact rate, positive.
    latency_cycles : int
        Whole cycles, zero or more.
    """

    name: str
    bytes_per_cycle: Fraction
    latency_cycles: int

    _rate: tuple[int, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        rate = self.bytes_per_cycle
        object.__setattr__(self, "_rate", (rate.numerator, rate.denominator))  # asked for with every transfer

    kind: ClassVar[str] = "fixed_rate"
    model_version: ClassVar[int] = 1
    config_type: ClassVar[type[FixedRateDramConfig]] = FixedRateDramConfig

    @classmethod
    def of(cls, config: FixedRateDramConfig, clock_hz: int) -> FixedRateDram:
        """Convert bandwidth and latency to the machine's clock, once."""
        return cls(config.name, config.bandwidth.bytes_per_cycle(clock_hz), config.latency.cycles(clock_hz))

    def occupancy_cycles(self, bytes_: int) -> int:
        """Cycles for which a transfer holds the channel: ceil(bytes / rate), 0 for nothing."""
        numerator, denominator = self._rate
        return -(-bytes_ * denominator // numerator)
