"""Tile table and packed addresses of a LUT task: what the sequencer walks and the feeder delivers.

Shared by ``lut.py`` and ``lut_update.py``. Tests: ``tests/reference/test_lut_values.py``.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from simsnn.reference.lut_machine import Ints, LutMachine
from simsnn.reference.lut_registers import Addresses, LutShape
from simsnn.reference.lut_step import pack_addresses


def address_rows(inputs: int, address_bits: int) -> Ints:
    """Operand row of every address bit, (ceil(inputs / k), k); the last group is padded with -1."""
    groups = (inputs + address_bits - 1) // address_bits
    rows = np.full(groups * address_bits, -1, dtype=np.int64)
    rows[:inputs] = np.arange(inputs)
    return rows.reshape(groups, address_bits)


def packed(spikes: NDArray[np.uint8], rows: Ints) -> Addresses:
    """Addresses (groups, positions) of ``spikes`` (positions, R)."""
    addresses = np.zeros((len(rows), len(spikes)), dtype=np.uint16)
    pack_addresses(np.ascontiguousarray(spikes, dtype=np.uint8), rows, addresses)
    return addresses


def lane_tiles(channels: int, lanes: int) -> Iterator[tuple[int, int]]:
    """First output channel and present lanes of each output-channel tile."""
    for channel in range(0, channels, lanes):
        yield channel, min(lanes, channels - channel)


def chunk_bounds(sizes: Ints) -> Ints:
    """Tiles that are through when each chunk is."""
    return np.cumsum(sizes, dtype=np.int64)


def _table_edges(machine: LutMachine) -> int:
    """Edges that the builder needs for one table, walking its blocks."""
    edges = 0
    for block in range(machine.address_bits):
        left = 1 << block
        while left > 0:
            left -= machine.build_ports
            edges += 1
    return edges


def _bypassed(machine: LutMachine, issues: int) -> bool:
    """Whether copies and serial gated adds take fewer edges than a table and its reads."""
    copies = -(-machine.address_bits // machine.build_ports)
    return machine.bypass and copies + machine.address_bits * issues < _table_edges(machine) + issues


def tile_of(
    machine: LutMachine,
    lanes: tuple[int, int],
    positions: tuple[int, int],
    groups: tuple[int, int],
    owners: tuple[int, int],
) -> list[int]:
    """Words of one tile: (first channel, lanes), [first, end), (first group, groups), (chunk, oc-tile)."""
    issues = -(-(positions[1] - positions[0]) // machine.read_ports)
    return [*lanes, *positions, issues, *groups, int(_bypassed(machine, issues)), *owners]


def shape_of(machine: LutMachine, accumulator_sets: int, drain_width: int) -> LutShape:
    """Numbers of the array; the tree has a level for every halving of its groups."""
    levels, width = 0, machine.groups
    while width > 1:
        width = (width + 1) // 2
        levels += 1
    return LutShape(
        address_bits=machine.address_bits,
        build_ports=machine.build_ports,
        read_ports=machine.read_ports,
        groups=machine.groups,
        table_sets=2 if machine.double_tables else 1,
        window=machine.skip_window,
        levels=levels,
        accumulator_sets=accumulator_sets,
        drain_width=drain_width,
    )
