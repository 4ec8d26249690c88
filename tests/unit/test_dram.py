"""Fixed-rate DRAM: exact rates, latency rounded up once."""

from __future__ import annotations

from fractions import Fraction

import pytest
from pydantic import ValidationError

from simsnn.memory.dram import FixedRateDram, FixedRateDramConfig


def dram(bandwidth: str, latency: str, clock_hz: int) -> FixedRateDram:
    config = FixedRateDramConfig.model_validate(
        {"name": "dram0", "kind": "fixed_rate", "bandwidth": bandwidth, "latency": latency}
    )
    return FixedRateDram.of(config, clock_hz)


@pytest.mark.parametrize(
    ("bandwidth", "latency", "rate", "cycles"),
    [
        ("16 GB/s", "60 ns", Fraction(32), 30),
        ("16 GB/s", "61 ns", Fraction(32), 31),
        ("10 GB/s", "0 ns", Fraction(20), 0),
        ("3 B/cycle", "7 cycles", Fraction(3), 7),
        ("0.4 GB/s", "1 ps", Fraction(4, 5), 1),
    ],
)
def test_configuration_becomes_an_exact_rate(bandwidth, latency, rate, cycles):
    memory = dram(bandwidth, latency, 500_000_000)
    assert (memory.bytes_per_cycle, memory.latency_cycles) == (rate, cycles)


def test_occupancy_is_the_ceiling_of_the_exact_quotient():
    memory = FixedRateDram("d", Fraction(4, 5), 0)
    assert [memory.occupancy_cycles(n) for n in (0, 1, 4, 5, 8)] == [0, 2, 5, 7, 10]
    # a rate of 1/3 would be 0.333.. in floats and give one cycle too many
    assert FixedRateDram("d", Fraction(1, 3), 0).occupancy_cycles(10**15) == 3 * 10**15


def test_more_bandwidth_never_occupies_longer():
    rates = sorted(Fraction(a, b) for a in range(1, 9) for b in range(1, 9))
    for n in range(40):
        times = [FixedRateDram("d", rate, 0).occupancy_cycles(n) for rate in rates]
        assert times == sorted(times, reverse=True)


@pytest.mark.parametrize(
    "wrong", [{"bandwidth": "16 GB"}, {"bandwidth": "0 GB/s"}, {"latency": 60}, {"kind": "banked"}, {"channels": 2}]
)
def test_bad_configurations_are_refused(wrong):
    good = {"name": "dram0", "kind": "fixed_rate", "bandwidth": "16 GB/s", "latency": "60 ns"}
    FixedRateDramConfig.model_validate(good)
    with pytest.raises(ValidationError):
        FixedRateDramConfig.model_validate({**good, **wrong})
