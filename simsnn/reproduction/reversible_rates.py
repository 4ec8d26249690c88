"""When keeping less is also faster: cycles of backward modes over the rate of the DRAM, against store-all.

The integer LIF computes what LIF computes, on a grid, so it is held against LIF with everything stored.
"""

from __future__ import annotations

from dataclasses import dataclass

from simsnn.api import simulate
from simsnn.reproduction.outcome import Table
from simsnn.reproduction.reversible_cases import VGG, ModeCase, case_of, mode_experiment
from simsnn.reproduction.stages import Stages

RATES_GB_PER_S = (1, 2, 4, 8, 16, 32, 64)
LIF_STORED, PAIR_STORED = case_of("LIF", "store-all"), case_of("pair node", "store-all")
COMPARED = (
    (LIF_STORED, case_of("LIF", "store-all, 1-bit masks")),
    (LIF_STORED, case_of("LIF", "layer checkpoint")),
    (LIF_STORED, case_of("integer LIF (E2)", "streamlined reversible")),
    (PAIR_STORED, case_of("pair node", "layer checkpoint")),
    (PAIR_STORED, case_of("pair node", "plain reversible")),
    (PAIR_STORED, case_of("pair node", "streamlined reversible")),
)
"""A mode behind the store-all that it is held against."""


@dataclass(frozen=True, slots=True)
class RatePoint:
    """One simulated step.

    Parameters
    ----------
    case : ModeCase
        Neuron and mode.
    gb_per_s : int
        Rate of the DRAM.
    cycles : int
        Of the step.
    """

    case: ModeCase
    gb_per_s: int
    cycles: int


def measure_rates(stages: Stages, rates: tuple[int, ...] = RATES_GB_PER_S) -> tuple[RatePoint, ...]:
    """All compared modes and their store-alls at every rate, on the VGG."""
    cases = tuple(dict.fromkeys(case for pair in COMPARED for case in pair))
    found = []
    for rate in rates:
        stages.next(f"DRAM of {rate} GB/s")
        for case in cases:
            changes = (f"hardware.dram.bandwidth={rate} GB/s", "simulation.trace=false")
            report = simulate(mode_experiment(VGG, case.neuron, case.mode, *changes)).report
            found.append(RatePoint(case, rate, report.totals.total_cycles))
    return tuple(found)


def cycles_of(points: tuple[RatePoint, ...], case: ModeCase, rate: int) -> int:
    """Cycles of a mode at a rate."""
    return next(point.cycles for point in points if (point.case, point.gb_per_s) == (case, rate))


def fastest_rate(points: tuple[RatePoint, ...], stored: ModeCase, case: ModeCase) -> int | None:
    """Largest rate at which the mode takes no more cycles than store-all; None where it always takes more."""
    rates = dict.fromkeys(point.gb_per_s for point in points)
    chosen = [rate for rate in rates if cycles_of(points, case, rate) <= cycles_of(points, stored, rate)]
    return max(chosen, default=None)


def rate_table(points: tuple[RatePoint, ...]) -> Table:
    """One row per mode and rate; ``over_store_all``: cycles over those of store-all of the same kind of neuron."""
    rows = []
    for stored, case in COMPARED:
        for rate in dict.fromkeys(point.gb_per_s for point in points):
            cycles, whole = cycles_of(points, case, rate), cycles_of(points, stored, rate)
            rows.append((case.family, case.name, rate, cycles, whole, cycles / whole))
    columns = ("neuron", "mode", "dram_gb_per_s", "cycles", "store_all_cycles", "over_store_all")
    return Table("rates", columns, tuple(rows))
