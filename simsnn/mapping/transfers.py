"""What each chunk of a plan moves between DRAM and SRAM, and what it occupies there.

Rule of residency: a tile is loaded when a chunk needs it and the chunk before did not have it;
it stays exactly as long as consecutive chunks need it. Every tensor's home is the DRAM.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from simsnn.costs import OperandClass
from simsnn.engines.base import Plan, Tile
from simsnn.mapping.machine import Machine
from simsnn.schedule.graph import Transfer

TileKey = tuple[str, tuple[int, ...]]
"""Tensor and piece."""


@dataclass(frozen=True, slots=True)
class ChunkMoves:
    """Loads before and stores after one chunk, and the bytes it occupies per SRAM."""

    loads: tuple[Transfer, ...]
    stores: tuple[Transfer, ...]
    occupies: tuple[int, ...]


def chunk_moves(
    plan: Plan, machine: Machine, resident: frozenset[str] = frozenset(), elsewhere: frozenset[str] = frozenset()
) -> Iterator[ChunkMoves]:
    """Moves of every chunk of a plan, one after another.

    Parameters
    ----------
    plan : Plan
        The plan.
    machine : Machine
        Names the SRAM of each operand class.
    resident : frozenset of str
        Tensors that pass through SRAM between two tasks: neither loaded nor stored.
    elsewhere : frozenset of str
        Those of them whose room is counted with the other task. A tile that is read and written
        in place takes room once.
    """
    before: frozenset[TileKey] = frozenset()
    for chunk in range(plan.chunk_count):
        needs, leaves = plan.needs(chunk), plan.leaves(chunk)
        named = {(tile.tensor, tile.key): tile for tile in needs}
        fresh = [tile for key, tile in named.items() if key not in before and key[0] not in resident]
        out = [tile for tile in leaves if tile.tensor not in resident]
        present = named | {(tile.tensor, tile.key): tile for tile in (*leaves, *plan.holds(chunk))}
        occupies = [0] * len(machine.srams)
        for key, tile in present.items():
            if key[0] not in elsewhere:
                occupies[machine.sram_of(tile.role)] += tile.bytes
        yield ChunkMoves(_merge(fresh, machine), _merge(out, machine), tuple(occupies))
        before = frozenset(named)


def _merge(tiles: list[Tile], machine: Machine) -> tuple[Transfer, ...]:
    """One transfer per operand class, in first-met order."""
    if len(tiles) == 1:
        tile = tiles[0]
        return (Transfer(tile.role, machine.sram_of(tile.role), tile.bytes),) if tile.bytes else ()
    total: dict[OperandClass, int] = {}
    for tile in tiles:
        if tile.bytes:
            total[tile.role] = total.get(tile.role, 0) + tile.bytes
    return tuple(Transfer(role, machine.sram_of(role), size) for role, size in total.items())
