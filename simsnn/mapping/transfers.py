"""What each chunk of a plan moves between DRAM and SRAM, and what it occupies there.

Rule of residency: a tile is loaded when a chunk needs it and the chunk before did not have it;
it stays exactly as long as consecutive chunks need it. Every tensor's home is the DRAM.
"""

from __future__ import annotations

from dataclasses import dataclass

from simsnn.costs import OperandClass
from simsnn.engines.base import Plan, Tile
from simsnn.mapping.machine import Machine
from simsnn.schedule.graph import Transfer


@dataclass(frozen=True, slots=True)
class ChunkMoves:
    """Loads before and stores after one chunk, and the bytes it occupies per SRAM."""

    loads: tuple[Transfer, ...]
    stores: tuple[Transfer, ...]
    occupies: tuple[int, ...]


def chunk_moves(
    plan: Plan, machine: Machine, resident: frozenset[str] = frozenset(), elsewhere: frozenset[str] = frozenset()
) -> tuple[ChunkMoves, ...]:
    """Moves of every chunk of a plan.

    Parameters
    ----------
    plan : Plan
        The plan.
    machine : Machine
        Names the SRAM of each operand class.
    resident : frozenset of str
        Tensors that pass through SRAM between two tasks: neither loaded nor stored.
    elsewhere : frozenset of str
        Those of them whose room is counted with the other task.
    """
    moves = []
    before: frozenset[tuple[str, tuple[int, ...]]] = frozenset()
    for chunk in range(plan.chunk_count):
        needs, leaves = plan.needs(chunk), plan.leaves(chunk)
        fresh = [tile for tile in needs if (tile.tensor, tile.key) not in before and tile.tensor not in resident]
        out = [tile for tile in leaves if tile.tensor not in resident]
        moves.append(
            ChunkMoves(
                _merge(fresh, machine),
                _merge(out, machine),
                _occupied((*needs, *leaves, *plan.holds(chunk)), machine, elsewhere),
            )
        )
        before = frozenset((tile.tensor, tile.key) for tile in needs)
    return tuple(moves)


def _merge(tiles: list[Tile], machine: Machine) -> tuple[Transfer, ...]:
    """One transfer per operand class, in first-met order."""
    total: dict[OperandClass, int] = {}
    for tile in tiles:
        if tile.bytes:
            total[tile.role] = total.get(tile.role, 0) + tile.bytes
    return tuple(Transfer(role, machine.sram_of(role), size) for role, size in total.items())


def _occupied(tiles: tuple[Tile, ...], machine: Machine, elsewhere: frozenset[str]) -> tuple[int, ...]:
    """Bytes per SRAM; a tile that is read and written in place counts once."""
    sizes = [0] * len(machine.srams)
    seen: set[tuple[str, tuple[int, ...]]] = set()
    for tile in tiles:
        if (tile.tensor, tile.key) not in seen and tile.tensor not in elsewhere:
            seen.add((tile.tensor, tile.key))
            sizes[machine.sram_of(tile.role)] += tile.bytes
    return tuple(sizes)
