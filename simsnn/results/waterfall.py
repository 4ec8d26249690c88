"""Where cycles and energy went from one run to another: a row per layer and pass, adding up to the totals.

Cycles are shared out as :mod:`simsnn.results.cycle_shares` says and add up exactly. Energy is that of the counted
actions of a layer and pass; leakage and links, which belong to none, are rows of their own, and so is whatever else a
total holds. Energies add up to 1e-9 of the larger total. Tests: ``tests/unit/test_waterfall.py``.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field

from simsnn.config.quantities import StrictModel
from simsnn.results.cycle_shares import Key, cycle_shares
from simsnn.results.grouping import PASS_ORDER
from simsnn.results.report import Report

NO_TASK, LEAKAGE, LINKS, OTHER = "no task under way", "leakage", "links", "other energy"
_ROUNDING = 1e-9


class WaterfallRow(StrictModel):
    """One layer and pass, or what belongs to none (then both are null): values of both runs, and their differences.

    ``task_cycles`` are the cycles of its tasks added up, which with engines side by side are more than its share of the
    run. ``present`` says in which run it is.
    """

    name: str
    layer: str | None
    pass_: Annotated[str | None, Field(alias="pass")]
    present: Literal["both", "first", "second"]
    cycles: tuple[int, int]
    cycles_change: int
    energy_pj: tuple[float, float]
    energy_change_pj: float
    task_cycles: tuple[int, int]


class Waterfall(StrictModel):
    """From the first run to the second; the changes of the rows add up to those of the totals."""

    first: str
    second: str
    total_cycles: tuple[int, int]
    cycles_change: int
    total_energy_pj: tuple[float, float]
    energy_change_pj: float
    rows: tuple[WaterfallRow, ...]


class _Side:
    """One run, taken apart."""

    def __init__(self, report: Report) -> None:
        shares = cycle_shares(report)
        self.cycles, self.no_task = shares.rows, shares.no_task
        energy: dict[Key, list[float]] = {}
        self.task_cycles: dict[Key, int] = {}
        for task in report.tasks:
            key = task.layer, task.pass_
            energy.setdefault(key, []).append(task.total_energy_pj)
            self.task_cycles[key] = self.task_cycles.get(key, 0) + task.cycles
        self.energy = {key: math.fsum(parts) for key, parts in energy.items()}
        self.leakage = math.fsum(report.static_energy_pj.values())
        links = report.pipeline.links if report.pipeline is not None else ()
        self.links = math.fsum(link.energy_pj or 0.0 for link in links)
        self.total = report.totals.total_energy_pj
        rest = self.total - math.fsum((*self.energy.values(), self.leakage, self.links))
        self.rest = rest if abs(rest) > _ROUNDING * abs(self.total) else 0.0
        self.keys = dict.fromkeys((*self.energy, *self.cycles))


def waterfall(first: Report, second: Report) -> Waterfall:
    """Take the difference of two runs apart.

    Parameters
    ----------
    first, second : Report
        Any two runs, also of different networks or machines.
    """
    sides = _Side(first), _Side(second)
    rows = [_row(key, sides) for key in _ordered(sides)]
    none = (0, 0)
    rows.append(_whole_row(NO_TASK, (sides[0].no_task, sides[1].no_task), (0.0, 0.0)))
    rows.append(_whole_row(LEAKAGE, none, (sides[0].leakage, sides[1].leakage)))
    rows.append(_whole_row(LINKS, none, (sides[0].links, sides[1].links)))
    rows.append(_whole_row(OTHER, none, (sides[0].rest, sides[1].rest)))
    cycles = first.totals.total_cycles, second.totals.total_cycles
    energy = first.totals.total_energy_pj, second.totals.total_energy_pj
    return Waterfall(
        first=first.id,
        second=second.id,
        total_cycles=cycles,
        cycles_change=cycles[1] - cycles[0],
        total_energy_pj=energy,
        energy_change_pj=energy[1] - energy[0],
        rows=tuple(row for row in rows if row.layer is not None or any(row.cycles) or any(row.energy_pj)),
    )


def _ordered(sides: tuple[_Side, _Side]) -> list[Key]:
    """Layers in the order of the first run, those of the second alone after them; passes F B W U I R."""
    keys = list({**sides[0].keys, **sides[1].keys})
    layers = {layer: number for number, layer in enumerate(dict.fromkeys(layer for layer, _ in keys))}
    return sorted(keys, key=lambda key: (layers[key[0]], PASS_ORDER.find(key[1])))


def _row(key: Key, sides: tuple[_Side, _Side]) -> WaterfallRow:
    there = [key in side.keys for side in sides]
    cycles = sides[0].cycles.get(key, 0), sides[1].cycles.get(key, 0)
    energy = sides[0].energy.get(key, 0.0), sides[1].energy.get(key, 0.0)
    return WaterfallRow(
        name=f"{key[0]} {key[1]}",
        layer=key[0],
        pass_=key[1],
        present="both" if all(there) else "first" if there[0] else "second",
        cycles=cycles,
        cycles_change=cycles[1] - cycles[0],
        energy_pj=energy,
        energy_change_pj=energy[1] - energy[0],
        task_cycles=(sides[0].task_cycles.get(key, 0), sides[1].task_cycles.get(key, 0)),
    )


def _whole_row(name: str, cycles: tuple[int, int], energy: tuple[float, float]) -> WaterfallRow:
    """What belongs to no layer."""
    there = [bool(c or e) for c, e in zip(cycles, energy, strict=True)]
    return WaterfallRow(
        name=name,
        layer=None,
        pass_=None,
        present="first" if there[0] and not there[1] else "second" if there[1] and not there[0] else "both",
        cycles=cycles,
        cycles_change=cycles[1] - cycles[0],
        energy_pj=energy,
        energy_change_pj=energy[1] - energy[0],
        task_cycles=(0, 0),
    )
