"""Register-level LUT engine, weight update: gradients in tables, spikes of k positions as addresses.

The loop nest output-channel tile, chunk of position groups, group tile is laid out as a tile table
after the groups without a gradient are dropped; issues run over the weight indices. The machine
of ``lut_step.py`` steps it, with accumulator sets that a drain chain empties (docs/machines
section 4). Tests: ``tests/reference/test_lut_values.py``.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from simsnn.reference.lut_machine import Ints, LutMachine, LutRun, LutUpdateMachine
from simsnn.reference.lut_registers import TILE_WORDS, LutTask
from simsnn.reference.lut_step import run_task
from simsnn.reference.lut_tiles import lane_tiles, packed, shape_of, tile_of


def _has_gradient(gradients: Ints, group: Ints) -> bool:
    """Whether any lane of any position of a group has a gradient; (P, lanes) and (k,)."""
    return bool(gradients[group[group >= 0]].any())


def run_lut_update(
    machine: LutMachine,
    gradients: Ints,
    spikes: NDArray[np.uint8],
    position_groups: Ints,
    update: LutUpdateMachine,
    chunk_groups: Ints,
    ready: Ints,
    initial: Ints,
    trace: bool = False,
) -> LutRun:
    """Step the weight gradients of one product.

    Parameters
    ----------
    machine, update : LutMachine, LutUpdateMachine
        The array and its accumulators.
    gradients : (P, Co) int64
        Neuron-input gradients.
    spikes : (P, J) uint8
        Lowered rows, 0 or 1; padding is 0.
    position_groups : (groups, k) int64
        Positions of each group; -1: absent.
    chunk_groups : (chunks per output-channel tile + 1,) int64
        Bounds over the position groups before any is dropped.
    ready : (output-channel tiles x chunks,) int64
        Edge from which the operands of each chunk lie in SRAM.
    initial : (J, Co) int64
        What the accumulators start from.
    trace : bool
        Record the states of every edge.

    Returns
    -------
    LutRun
        ``values`` has shape (J, Co).

    Raises
    ------
    ValueError
        The chunks do not cover the groups.
    """
    channels, inputs = gradients.shape[1], spikes.shape[1]
    per_tile = len(chunk_groups) - 1
    oc_count = -(-channels // machine.lanes)
    if int(chunk_groups[0]) != 0 or int(chunk_groups[-1]) != len(position_groups) or len(ready) != oc_count * per_tile:
        raise ValueError(f"chunks {chunk_groups.tolist()} x {oc_count} do not cover {len(position_groups)} groups")
    addresses = packed(np.ascontiguousarray(spikes.T), position_groups)
    kept: list[int] = []
    tiles: list[list[int]] = []
    oc_tiles: list[list[int]] = []
    chunk_tiles: list[int] = []
    chunk_drains: list[int] = []
    dropped = 0
    for oc, (channel, lanes) in enumerate(lane_tiles(channels, machine.lanes)):
        seen = gradients[:, channel : channel + lanes]
        for chunk in range(per_tile):
            asked = range(int(chunk_groups[chunk]), int(chunk_groups[chunk + 1]))
            names = [g for g in asked if not update.skip_groups or _has_gradient(seen, position_groups[g])]
            dropped += lanes * sum(int(np.bitwise_count(addresses[g]).sum()) for g in set(asked) - set(names))
            for first in range(0, len(names), machine.groups):
                part = names[first : first + machine.groups]
                owners = (oc * per_tile + chunk, oc)
                tiles.append(tile_of(machine, (channel, lanes), (0, inputs), (len(kept), len(part)), owners))
                kept.extend(part)
            chunk_tiles.append(len(tiles))
            chunk_drains.append(oc)
        chunk_drains[-1] = oc + 1
        oc_tiles.append([channel, lanes, len(tiles), 0])
    task = LutTask(
        operands=gradients,
        rows=position_groups,
        addresses=addresses,
        kept=np.array(kept, dtype=np.int64),
        tiles=np.array(tiles, dtype=np.int64).reshape(-1, TILE_WORDS),
        oc_tiles=np.array(oc_tiles, dtype=np.int64),
        chunk_tiles=np.array(chunk_tiles, dtype=np.int64),
        chunk_drains=np.array(chunk_drains, dtype=np.int64),
        ready=ready,
        initial=initial,
    )
    sets = 2 if update.double_accumulators else 1
    shape = shape_of(machine, accumulator_sets=sets, drain_width=update.drain_width)
    run = run_task(task, shape, machine.lanes, update.readback, trace)
    return replace(run, counts=replace(run.counts, operations=run.counts.operations + dropped))
