"""Register-level LUT engine, forward pass: weights in tables, spikes as addresses.

The loop nest output-channel tile, position block, group tile is laid out as a tile table; the
machine of ``lut_step.py`` steps it. The weight update is in ``lut_update.py``; its names are
offered here too. A tile is bypassed if its copies and gated adds take fewer edges than building its table
and reading it once per issue, both counted by walking the builder's own block rule
(docs/machines section 4). Tests: ``tests/reference/test_lut_values.py``.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from simsnn.reference.lut_machine import Ints, LutCounts, LutMachine, LutRun, LutTrace, LutUpdateMachine
from simsnn.reference.lut_registers import LutTask
from simsnn.reference.lut_step import run_task
from simsnn.reference.lut_tiles import address_rows, chunk_bounds, lane_tiles, packed, shape_of, tile_of
from simsnn.reference.lut_update import run_lut_update

__all__ = [
    "LutCounts",
    "LutMachine",
    "LutRun",
    "LutTrace",
    "LutUpdateMachine",
    "run_lut_forward",
    "run_lut_update",
]


def run_lut_forward(
    machine: LutMachine,
    weights: Ints,
    spikes: NDArray[np.uint8],
    block_bounds: Ints,
    chunk_tiles: Ints,
    ready: Ints,
    trace: bool = False,
) -> LutRun:
    """Step the synaptic sums of one product.

    Parameters
    ----------
    machine : LutMachine
        The array.
    weights : (J, Co) int64
        Rows in (ky, kx, ci) order.
    spikes : (Q, J) uint8
        Lowered rows, 0 or 1; padding is 0.
    block_bounds : (nq + 1,) int64
        Bounds of the position blocks.
    chunk_tiles : (chunks,) int64
        How many consecutive tiles each chunk has.
    ready : (chunks,) int64
        Edge from which the operands of each chunk lie in SRAM.
    trace : bool
        Record the states of every edge.

    Returns
    -------
    LutRun
        ``values`` has shape (Q, Co).

    Raises
    ------
    ValueError
        The chunks do not cover the tiles.
    """
    rows = address_rows(len(weights), machine.address_bits)
    names = np.arange(len(rows), dtype=np.int64)
    ends = chunk_bounds(chunk_tiles)
    tiles: list[list[int]] = []
    oc_tiles: list[list[int]] = []
    for oc, (channel, lanes) in enumerate(lane_tiles(weights.shape[1], machine.lanes)):
        for first, end in itertools.pairwise(block_bounds.tolist()):
            for group in range(0, len(rows), machine.groups):
                chunk = int(np.searchsorted(ends, len(tiles), side="right"))
                groups = min(machine.groups, len(rows) - group)
                tiles.append(tile_of(machine, (channel, lanes), (first, end), (group, groups), (chunk, oc)))
        oc_tiles.append([channel, lanes, len(tiles), 0])
    if int(ends[-1]) != len(tiles) or len(ready) != len(ends):
        raise ValueError(f"{len(ready)} chunks of {int(ends[-1])} tiles do not cover {len(tiles)} tiles")
    task = LutTask(
        operands=weights,
        rows=rows,
        addresses=packed(spikes, rows),
        kept=names,
        tiles=np.array(tiles, dtype=np.int64),
        oc_tiles=np.array(oc_tiles, dtype=np.int64),
        chunk_tiles=ends,
        chunk_drains=np.zeros(len(ends), dtype=np.int64),
        ready=ready,
        initial=np.zeros((len(spikes), weights.shape[1]), dtype=np.int64),
    )
    shape = shape_of(machine, accumulator_sets=len(oc_tiles), drain_width=0)
    return run_task(task, shape, machine.lanes, readback=False, trace=trace)
