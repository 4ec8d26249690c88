"""Engines of a report on the terminal: one row each, and a sentence for what an engine noticed.

Shares are of the run's cycles; busy, idle and stalled add up to 100 %. Proof:
``tests/unit/test_engine_summary.py``.
"""

from __future__ import annotations

from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from simsnn.costs import Observed
from simsnn.results.engine_summary import EngineSummary, engine_summaries
from simsnn.results.prefix import mm2, percent, si
from simsnn.results.report import Report

_PJ = 1e-12
_LARGEST_COMPONENTS = 2
_RELEVANT = 0.01
CAUSES = {"dram": "dram", "sram_bank": "bank", "buffer_full": "full", "dependency": "dep", "link": "link"}
"""Short names of the stall causes."""


def shows_engines(report: Report) -> bool:
    """Whether the engines are worth a table of their own: more than two, or one that notices something."""
    engines = engine_summaries(report)
    return len(engines) > 2 or any(engine.observes for engine in engines)


def engine_table(report: Report) -> Table:
    """Busy, idle and stalled share, energy and area of every engine that had work; one line each.

    Areas are left out where no engine has one of its own, as where several processors are alike.
    """
    engines = engine_summaries(report)
    areas = any(engine.area_um2 is not None for engine in engines) or report.pipeline is None
    table = Table(box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("engine", no_wrap=True)
    for name in ("busy", "idle", "stalled"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("stalled by")
    for name in ("energy", "area") if areas else ("energy",):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("most energy in")
    for engine in engines:
        table.add_row(*_cells(engine, areas, report.pipeline is not None))
    return table


def _cells(engine: EngineSummary, areas: bool, pipelined: bool) -> tuple[str | Text, ...]:
    total = engine.total_cycles or 1
    area = (mm2(engine.area_um2) if engine.area_um2 is not None else "-",) if areas else ()
    causes = [(cause, cycles / total) for cause, cycles in engine.causes if cycles / total >= _RELEVANT]
    whole = engine.dynamic_energy_pj or 1.0
    # the engine's name begins with its processor, which need not be said again
    own, most = (engine.name.rpartition(".")[0] + ".", 1) if pipelined else ("", _LARGEST_COMPONENTS)
    largest = [(name.removeprefix(own), energy) for name, energy in engine.energy_by_component[:most]]
    return (
        engine.name,
        percent(engine.busy_cycles / total),
        percent(engine.idle_cycles / total),
        percent(engine.stall_cycles / total),
        _cut(" ".join(f"{CAUSES[cause]} {percent(share)}" for cause, share in causes) or "-"),
        si(engine.dynamic_energy_pj * _PJ, "J"),
        *area,
        _cut(" ".join(f"{name} {percent(energy / whole)}" for name, energy in largest)),
    )


def _cut(text: str) -> Text:
    return Text(text, no_wrap=True, overflow="ellipsis")


def engine_notes(report: Report) -> tuple[Text, ...]:
    """What the engines noticed: tables and adds of a LUT engine, sparsity and losses of a backward engine."""
    return tuple(Text(f"{e.name}: {note}") for e in engine_summaries(report) if e.observes for note in _notes(e))


def _notes(engine: EngineSummary) -> Iterator[str]:
    done, dense = engine.observed(Observed.OPERATIONS), engine.observed(Observed.DENSE_OPERATIONS)
    if dense:
        what = "are executed" if engine.observed(Observed.PIXELS) else "have non-zero operands"
        yield f"{si(done)} of {si(dense)} dense operations {what} ({percent(done / dense)})"
    if engine.observed(Observed.TILES):
        yield _tables(engine)
    if engine.observed(Observed.PIXELS):
        yield _pixels(engine)


def _tables(engine: EngineSummary) -> str:
    builds, reads = engine.observed(Observed.TABLE_BUILDS), engine.observed(Observed.TABLE_READS)
    zero, added = engine.observed(Observed.ZERO_ADDRESS_READS), engine.observed(Observed.ADDS_DONE)
    dense, wanted = engine.observed(Observed.DENSE_OPERATIONS), engine.observed(Observed.OPERATIONS)
    tiles, serial = engine.observed(Observed.TILES), engine.observed(Observed.BYPASSED_TILES)
    text = (
        f"{si(builds)} tables built, {si(reads)} reads ({percent(zero / max(1, reads))} of address zero),"
        f" {si(added)} adds: {_against(added, dense, 'dense')}, {_against(added, wanted, 'event-driven')}"
    )
    text += f"; issue stage waits {percent(engine.part_cycles('build') / max(1.0, engine.busy_cycles))} for tables"
    if serial:
        text += f"; {percent(serial / tiles)} of the tiles bypass the tables"
    groups, dropped = engine.observed(Observed.POSITION_GROUPS), engine.observed(Observed.POSITION_GROUPS_DROPPED)
    return text + (f"; {percent(dropped / groups)} of the position groups dropped" if dropped else "")


def _against(done: int, reference: int, name: str) -> str:
    """Adds avoided, or added, against a way of doing the same work."""
    if not reference:
        return f"no {name} adds"
    share = done / reference - 1
    return f"{percent(abs(share))} {'fewer' if share <= 0 else 'more'} than {name}"


def _pixels(engine: EngineSummary) -> str:
    used, rounding = engine.observed(Observed.LANE_CYCLES_USED), engine.observed(Observed.LANE_CYCLES_ROUNDING)
    conflicts = engine.observed(Observed.LANE_CYCLES_BANK_CONFLICT)
    lanes = max(1, used + rounding + conflicts)
    cycles = max(1.0, sum(task.cycles * task.groups for task in engine.tasks))
    pixels, active = engine.observed(Observed.PIXELS), engine.observed(Observed.ACTIVE_PIXELS)
    return (
        f"{percent(active / max(1, pixels))} of {si(pixels)} pixels active, {engine.observed(Observed.SLICES)} weight"
        f" slices; lane-cycles {percent(used / lanes)} used, {percent(rounding / lanes)} lost to lane rounding,"
        f" {percent(conflicts / lanes)} to bank conflicts; group-cycles"
        f" {percent(engine.observed(Observed.EXPOSED_SCAN_CYCLES) / cycles)} exposed scan,"
        f" {percent(engine.observed(Observed.IMBALANCE_CYCLES) / cycles)} imbalance"
    )
