"""The waterfall of ``simsnn compare`` on the terminal: which layers and passes cycles and energy went to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simsnn.results.prefix import si
from simsnn.results.waterfall import Waterfall, WaterfallRow

if TYPE_CHECKING:
    from rich.table import Table

MOST_ROWS = 12
"""Rows of layers that are shown; the others are added up."""
_PJ, _ROUNDING = 1e-12, 1e-12


def waterfall_table(found: Waterfall) -> Table:
    """Rows with the largest changes in the order of the layers, what belongs to no layer, and the totals."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("where it went", no_wrap=True, overflow="ellipsis")
    for name in ("cycles 1", "2", "change", "energy 1", "2", "change"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in shown_rows(found):
        table.add_row(row.name, *_cells(row.cycles, row.energy_pj))
    table.add_section()
    table.add_row("total", *_cells(found.total_cycles, found.total_energy_pj))
    return table


def shown_rows(found: Waterfall, most: int = MOST_ROWS) -> tuple[WaterfallRow, ...]:
    """At most so many rows of layers, those with the largest share of either change; the others as one more row."""
    layers = [row for row in found.rows if row.layer is not None]
    rest = tuple(row for row in found.rows if row.layer is None)
    if len(layers) <= most:
        return (*layers, *rest)
    cycles = max((abs(row.cycles_change) for row in layers), default=0) or 1
    energy = max((abs(row.energy_change_pj) for row in layers), default=0.0) or 1.0

    def weight(index: int) -> float:
        return -max(abs(layers[index].cycles_change) / cycles, abs(layers[index].energy_change_pj) / energy)

    keep = set(sorted(range(len(layers)), key=lambda index: (weight(index), index))[: most - 1])
    others = [row for index, row in enumerate(layers) if index not in keep]
    return (*(row for index, row in enumerate(layers) if index in keep), _together(others), *rest)


def _together(rows: list[WaterfallRow]) -> WaterfallRow:
    cycles = sum(row.cycles[0] for row in rows), sum(row.cycles[1] for row in rows)
    energy = sum(row.energy_pj[0] for row in rows), sum(row.energy_pj[1] for row in rows)
    return WaterfallRow(
        name=f"{len(rows)} others",
        layer=None,
        pass_=None,
        present="both",
        cycles=cycles,
        cycles_change=cycles[1] - cycles[0],
        energy_pj=energy,
        energy_change_pj=energy[1] - energy[0],
        task_cycles=(sum(row.task_cycles[0] for row in rows), sum(row.task_cycles[1] for row in rows)),
    )


def _cells(cycles: tuple[int, int], energy: tuple[float, float]) -> tuple[str, ...]:
    counted = [si(value) if value else "-" for value in cycles]
    joules = [si(value * _PJ, "J", 3) if value else "-" for value in energy]
    change, more = cycles[1] - cycles[0], energy[1] - energy[0]
    more = 0.0 if abs(more) <= _ROUNDING * max(energy) else more  # sums in another order differ in the last bits
    return (*counted, _signed(change, si(abs(change))), *joules, _signed(more, si(abs(more) * _PJ, "J", 3)))


def _signed(value: float, text: str) -> str:
    return "-" if not value else f"{'+' if value > 0 else '-'}{text}"
