"""Words that a task reads from and writes to each SRAM, and bits that it moves to and from DRAM."""

from __future__ import annotations

from simsnn.costs import Action, ActionCounts, ActionKey, Traffic, TrafficEntry
from simsnn.mapping.machine import Machine
from simsnn.mapping.mapped import MappedOperation
from simsnn.memory.sram import Sram


def memory_actions(item: MappedOperation, machine: Machine) -> tuple[ActionCounts, Traffic]:
    """SRAM words and DRAM bits of a task, as priced actions and as bytes per operand class."""
    pairs: list[tuple[ActionKey, int]] = []
    entries: list[TrafficEntry] = []
    for access in item.choice.plan.buffer_accesses():
        sram = machine.srams[machine.sram_of(access.role)]
        across = access.role in item.across
        read = sram.words(access.read_elements, access.bits, across=across)
        written = sram.words(access.written_elements, access.bits)
        pairs += _word_pairs(sram.name, sram.config.word, read, written)
        word_bytes = sram.config.word // 8
        entries.append(TrafficEntry(sram.name, access.role, read * word_bytes, written * word_bytes))
    dram = machine.dram.name
    for move in item.choice.moves:
        for transfer, is_load in [(t, True) for t in move.loads] + [(t, False) for t in move.stores]:
            sram = machine.srams[transfer.sram]
            words = -(-transfer.bytes * 8 // sram.config.word)
            pairs += _word_pairs(sram.name, sram.config.word, 0 if is_load else words, words if is_load else 0)
            action = Action.DRAM_READ if is_load else Action.DRAM_WRITE
            pairs.append((ActionKey(dram, action, 1), transfer.bytes * 8))
            read, written = (transfer.bytes, 0) if is_load else (0, transfer.bytes)
            entries.append(TrafficEntry(dram, transfer.operand, read, written))
    return ActionCounts.of(*pairs), Traffic.of(*entries)


def memory_pairs(item: MappedOperation, machine: Machine) -> list[tuple[ActionKey, int]]:
    """Priced actions of :func:`memory_actions` in any order, equal keys not added up."""
    pairs: list[tuple[ActionKey, int]] = []
    for access in item.choice.plan.buffer_accesses():
        sram = machine.srams[machine.sram_of(access.role)]
        across = access.role in item.across
        read = sram.words(access.read_elements, access.bits, across=across)
        pairs += _word_pairs(sram.name, sram.config.word, read, sram.words(access.written_elements, access.bits))
    read_bytes = written_bytes = 0
    for move in item.choice.moves:
        for transfer in move.loads:
            pairs.append(_one_word(machine.srams[transfer.sram], Action.SRAM_WRITE, transfer.bytes))
            read_bytes += transfer.bytes
        for transfer in move.stores:
            pairs.append(_one_word(machine.srams[transfer.sram], Action.SRAM_READ, transfer.bytes))
            written_bytes += transfer.bytes
    dram = machine.dram.name
    pairs.append((ActionKey(dram, Action.DRAM_READ, 1), read_bytes * 8))
    pairs.append((ActionKey(dram, Action.DRAM_WRITE, 1), written_bytes * 8))
    return pairs


def _one_word(sram: Sram, action: Action, size_bytes: int) -> tuple[ActionKey, int]:
    """Words of one transfer, the last one filled up."""
    word = sram.config.word
    return ActionKey(sram.name, action, word), -(-size_bytes * 8 // word)


def _word_pairs(name: str, bits: int, read: int, written: int) -> list[tuple[ActionKey, int]]:
    return [
        (ActionKey(name, Action.SRAM_READ, bits), read),
        (ActionKey(name, Action.SRAM_WRITE, bits), written),
    ]
