"""What no paper has: neurons, machines and schedules combined, ``simsnn reproduce combined``.

One small network, so that every cell can be run; its numbers are no statement about large ones. Nothing is
fitted. *Exact* checks are those of consistency; ratios are shown without bounds.
"""

from __future__ import annotations

from simsnn.config.dump import to_yaml
from simsnn.reproduction.combined_cells import (
    MACHINES,
    NEURONS,
    SCHEDULES,
    GridCell,
    Measured,
    cell_experiment,
    measure_grid,
)
from simsnn.reproduction.outcome import Claim, Drawing, Reproduction, Standing, Table
from simsnn.reproduction.stages import Stage, Stages
from simsnn.viz.grid import Grid, GridBar, Quantity, grid_figure
from simsnn.viz.style import save


def reproduce_combined(tell: Stage) -> Reproduction:
    """Train with each neuron, run every cell; nothing is written."""
    cells = measure_grid(Stages(tell, len(MACHINES) * len(NEURONS) * len(SCHEDULES)))
    claims = (*_exact(cells), *_shown(cells))
    configs = tuple(
        (config.name, to_yaml(config))
        for cell in cells
        for config in [cell_experiment(cell.neuron, cell.machine, cell.schedule)]
    )
    return Reproduction("combined", claims, (), (grid_table(cells),), (_grid(cells),), configs)


def _exact(cells: tuple[GridCell, ...]) -> tuple[Claim, ...]:
    refused = [cell for cell in cells if cell.measured is None]
    dense = [cell for cell in cells if cell.neuron.name == "reversible" and cell.machine.name == "h2learn"]
    activities = [{cell.measured.activity for cell in _running(cells, name)} for name in _names(cells)]
    return (
        Claim(
            "exact.refused_cells",
            len(refused),
            len(dense),
            len(dense),
            Standing.EXACT,
            "cells that an engine refuses: real values of a reversible node address no table; all others run",
        ),
        Claim(
            "exact.one_activity_per_neuron",
            max(len(found) for found in activities),
            1,
            1,
            Standing.EXACT,
            "recorded activities per neuron: every machine and schedule is driven by the same one",
        ),
    )


def _names(cells: tuple[GridCell, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(cell.neuron.name for cell in cells))


def _running(cells: tuple[GridCell, ...], neuron: str) -> list[_Running]:
    found = (cell for cell in cells if cell.neuron.name == neuron)
    return [_Running(cell, cell.measured) for cell in found if cell.measured is not None]


class _Running:
    """A cell that runs."""

    def __init__(self, cell: GridCell, measured: Measured) -> None:
        self.cell = cell
        self.measured = measured


def _shown(cells: tuple[GridCell, ...]) -> tuple[Claim, ...]:
    """Each neuron against LIF on the same machine and schedule."""
    found = []
    for neuron in _names(cells)[1:]:
        for one in _running(cells, neuron):
            machine, schedule = one.cell.machine.name, one.cell.schedule
            (base,) = [
                other.measured
                for other in _running(cells, "lif")
                if (other.cell.machine.name, other.cell.schedule) == (machine, schedule)
            ]
            where, mine = f"{neuron.replace(' ', '_')}.{machine}.{schedule}", one.measured
            ratios = (
                ("time", mine.cycles / base.cycles, "cycles of a step"),
                ("energy", mine.energy_pj / base.energy_pj, "energy of a sample"),
                ("memory", mine.memory_bytes / base.memory_bytes, "peak of all that is stored off chip"),
                ("node_memory", mine.node_bytes / base.node_bytes, "peak of what neurons keep for themselves"),
            )
            found += [
                Claim(f"{what}.{where}", ratio, None, None, Standing.ASSUMED, f"{note}, over that with LIF neurons")
                for what, ratio, note in ratios
            ]
    return tuple(found)


def grid_table(cells: tuple[GridCell, ...]) -> Table:
    """One row per cell; a refused one has its reason and nothing else."""
    columns = (
        "neuron", "mode", "machine", "schedule", "status", "cycles_per_step", "pace", "energy_per_sample_pj",
        "peak_memory_bytes", "node_peak_bytes", "stash_bytes", "version_bytes", "memory_traffic_bytes_per_step",
        "link_bytes_per_step", "weight_versions", "accuracy", "reason",
    )  # fmt: skip
    return Table("grid", columns, tuple(_row(cell) for cell in cells))


def _row(cell: GridCell) -> tuple[object, ...]:
    head = (cell.neuron.name, cell.neuron.mode, cell.machine.name, cell.schedule)
    m = cell.measured
    if m is None:
        return (*head, "refused", *[""] * 11, cell.refusal)
    sizes = (m.memory_bytes, m.node_bytes, m.stash_bytes, m.version_bytes, m.traffic_bytes, m.link_bytes)
    return (*head, "ok", m.cycles, m.pace, m.energy_pj, *sizes, m.versions, m.accuracy, "")


def _grid(cells: tuple[GridCell, ...]) -> Drawing:
    quantities = (
        Quantity("cycles of\na step", ""),
        Quantity("energy of\na sample", "J", 1e-12),
        Quantity("peak memory", "B"),
        Quantity("kept by neurons", "B"),
        Quantity("over links\nper step", "B"),
    )
    bars = tuple(GridBar(c.machine.name, c.schedule, c.neuron.name, _values(c.measured)) for c in cells)
    content = Grid(
        "Neurons, machines and schedules combined",
        "one small VGG on enlarged digits, 16 samples, T = 4; one core layer by layer, four cores pipelined",
        "sizes of network and machines are a choice; reversible: a reconstruction of the node",
        quantities,
        bars,
    )
    return Drawing("grid", lambda path: save(grid_figure(content), path))


def _values(m: Measured | None) -> tuple[float, ...] | None:
    return None if m is None else (m.cycles, m.energy_pj, m.memory_bytes, m.node_bytes, m.link_bytes)
