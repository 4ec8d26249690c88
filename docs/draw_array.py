"""Draw the timing diagrams of the systolic array and the vector unit: ``make figures``.

Their register-level twins keep no trace, so the edges are laid out here by the rules of docs/machines, sections 3.2 and
6; ``tests/integration/test_machine_pages.py`` holds totals and parts against the registers.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simsnn.reference.systolic import FoldSpec, SystolicRun, SystolicTask, run_systolic
from simsnn.reference.vector_unit import run_vector_unit
from simsnn.viz.figures import save
from simsnn.viz.style import ORANGE, PURPLE
from simsnn.viz.timing_diagram import STATE_COLOURS, Lane, timing_figure

LOADS, WAITS = "loads", "waits for its state"
ROWS, COLUMNS, STREAMED, TILES = 4, 3, 6, 4
TILE_READY = (0, 0, 0, 24)
"""Edges at which the tiles lie in SRAM: the last one is late."""
STEPS, LANES, INTERVAL, PIPELINE, BLOCK = 2, 4, 3, 4, 2
CHUNK_SLOTS, CHUNK_READY = (3, 1), (0, 28)
IDLE = "idle"


@dataclass(frozen=True)
class Placed:
    """A run of edges of one lane: from ``first`` on, so many, in a state, with a mark."""

    first: int
    edges: int
    state: str
    mark: str = ""


def lane(label: str, placed: list[Placed], total: int) -> Lane:
    """A lane of ``total`` edges, idle where nothing is placed."""
    states, marks = [IDLE] * total, [""] * total
    for entry in placed:
        for edge in range(entry.first, entry.first + entry.edges):
            assert states[edge] == IDLE, f"{label}: two things at edge {edge}"
            states[edge], marks[edge] = entry.state, entry.mark
    return Lane(label, tuple(states), tuple(marks))


def tile_edges() -> tuple[tuple[int, int], ...]:
    """First load edge and first stream edge of every tile: ``ws``, double buffers, ``weight_load: row_addressed``."""
    found = [(TILE_READY[0], TILE_READY[0] + ROWS)]
    for ready in TILE_READY[1:]:
        load, stream = found[-1]
        first = max(stream, load + ROWS, ready)
        found.append((first, max(first + ROWS, stream + STREAMED)))
    return tuple(found)


def systolic_total() -> int:
    """Edges until the last sum has left."""
    return tile_edges()[-1][1] + STREAMED + ROWS + COLUMNS - 2


def systolic_lanes() -> tuple[Lane, ...]:
    """Shadow registers, the rows of the first column, and the sums that leave."""
    edges, total = tile_edges(), systolic_total()
    names = [f"tile {number}" for number in range(TILES)]
    loads = [Placed(load, ROWS, LOADS, name) for (load, _), name in zip(edges, names, strict=True)]
    for number in range(1, TILES):
        free = max(edges[number - 1][1], edges[number - 1][0] + ROWS)
        loads.append(Placed(free, edges[number][0] - free, "operands late"))
    lanes = [lane("shadow registers", loads, total)]
    for row in range(ROWS):
        work = [Placed(a + row, STREAMED, "works", name) for (_, a), name in zip(edges, names, strict=True)]
        lanes.append(lane(f"row {row}", work, total))
    late = ROWS + COLUMNS - 2
    sums = [Placed(a + late, STREAMED, "works", name) for (_, a), name in zip(edges, names, strict=True)]
    return (*lanes, lane("sums leave", sums, total))


def systolic_registers() -> SystolicRun:
    """The same tiles on the register-level array."""
    rng = np.random.default_rng(1)
    moving = rng.integers(-9, 9, (STREAMED, ROWS))
    held = rng.integers(-9, 9, (ROWS, COLUMNS * TILES))
    folds = tuple(
        FoldSpec(0, (0, ROWS), (COLUMNS * n, COLUMNS * (n + 1)), (0, STREAMED), (ROWS, COLUMNS), ready_load=ready)
        for n, ready in enumerate(TILE_READY)
    )
    from simsnn.kernels.folds import MACHINE_WORDS, ROW_ADDRESSED, WEIGHT_LOAD

    machine = np.zeros(MACHINE_WORDS, np.int64)
    machine[WEIGHT_LOAD] = ROW_ADDRESSED
    return run_systolic(SystolicTask((moving,), (held,), folds, (ROWS, COLUMNS), machine))


@dataclass(frozen=True)
class Issue:
    """One pass of the vector unit: when it is issued, and which chunk, step and slot it is."""

    edge: int
    chunk: int
    step: int
    slot: int

    @property
    def mark(self) -> str:
        """Step and slot."""
        return f"t{self.step} s{self.slot}"


def issues() -> tuple[Issue, ...]:
    """When every pass is issued: stage free, operands there, its own state of the step before written."""
    found: list[Issue] = []
    delay, free = PIPELINE + INTERVAL - 1, 0
    for chunk, (slots, ready) in enumerate(zip(CHUNK_SLOTS, CHUNK_READY, strict=True)):
        written = dict.fromkeys(range(slots), 0)
        for block in range(0, slots, BLOCK):
            for step in range(STEPS):
                for slot in range(block, min(slots, block + BLOCK)):
                    late = ready if (block, step, slot) == (0, 0, 0) else 0
                    edge = max(free, late, written[slot])
                    found.append(Issue(edge, chunk, step, slot))
                    free, written[slot] = edge + INTERVAL, edge + delay
    return tuple(found)


def vector_total() -> int:
    """Edges until the last result is written."""
    return issues()[-1].edge + PIPELINE + INTERVAL - 1


def vector_lanes() -> tuple[Lane, ...]:
    """Operation stage, the registers behind it; results are written by the last one."""
    total, placed = vector_total(), [Placed(one.edge, INTERVAL, "works", one.mark) for one in issues()]
    waits, free, chunk = [], 0, 0
    for one in issues():
        why = WAITS if one.chunk == chunk else "operands late"
        waits.append(Placed(free, one.edge - free, why))
        free, chunk = one.edge + INTERVAL, one.chunk
    lanes = [lane("operation stage", [*placed, *waits], total)]
    for stage in range(1, PIPELINE):
        moved = [Placed(one.edge + INTERVAL + stage - 1, 1, "works", one.mark) for one in issues()]
        name = f"register {stage}" if stage < PIPELINE - 1 else "register 3, writes"
        lanes.append(lane(name, moved, total))
    return tuple(lanes)


def vector_registers() -> tuple[list[int], list[int]]:
    """Edges by part (stream, reload, stall, drain) and the last edge of each chunk, from the register-level unit."""
    elements = np.array([slots * LANES for slots in CHUNK_SLOTS])
    currents = np.random.default_rng(2).integers(0, 99, (STEPS, int(elements.sum())))
    blocks, ready = np.full(len(CHUNK_SLOTS), BLOCK), np.array(CHUNK_READY)
    found = run_vector_unit(currents, elements, blocks, ready, LANES, INTERVAL, PIPELINE, 1, 60, False)
    return found[2].tolist(), found[3][1].tolist()


def draw(folder: Path) -> tuple[Path, ...]:
    """Write both diagrams and return their files."""
    STATE_COLOURS.setdefault(LOADS, PURPLE)
    STATE_COLOURS.setdefault(WAITS, ORANGE)
    systolic = timing_figure(
        f"Systolic array, weights stationary: {TILES} tiles on {ROWS} x {COLUMNS} elements",
        f"double buffers, rows addressed, {STREAMED} streamed rows; the last tile arrives at edge {TILE_READY[-1]};"
        f" {systolic_total()} edges",
        systolic_lanes(),
    )
    vector = timing_figure(
        f"Vector unit: {STEPS} time steps of {sum(CHUNK_SLOTS)} slots in two chunks",
        f"{INTERVAL} edges per issue, {PIPELINE} pipeline cycles, {BLOCK} slots resident; the second chunk arrives at"
        f" edge {CHUNK_READY[1]}; {vector_total()} edges",
        vector_lanes(),
    )
    written = []
    for name, figure in (("systolic_timing", systolic), ("vector_unit_timing", vector)):
        save(figure, folder / f"{name}.png")
        written.append(folder / f"{name}.png")
    return tuple(written)


if __name__ == "__main__":
    draw(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/figures"))
