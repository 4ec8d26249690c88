"""SRAM: capacity, packing, ports and clock, with hand-counted numbers."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from simsnn.costs import OperandClass
from simsnn.engines.base import PortDemand
from simsnn.errors import CapacityError, MissingPrice
from simsnn.memory.sram import Sram, SramConfig

GOOD = {
    "name": "state_buffer",
    "size": "32 KiB",
    "banks": 4,
    "ports": 1,
    "word": "64 bit",
    "buffering": "double",
    "port_shortage": "slow",
    "holds": ["currents", "membrane"],
}


def sram(**changes: object) -> Sram:
    return Sram(SramConfig.model_validate({**GOOD, **changes}))


def test_a_double_buffer_holds_a_chunk_in_half_its_size():
    assert sram().chunk_bytes == 16384
    assert sram(buffering="single").chunk_bytes == 32768
    sram().require_chunk(16384, "conv1 chunk 0")
    with pytest.raises(CapacityError, match=r"state_buffer: needs 16,385 B, has 16,384 B") as error:
        sram().require_chunk(16385, "conv1 chunk 0")
    assert "size: 33 KiB" in error.value.remedy
    assert "buffering: single" in error.value.remedy


@pytest.mark.parametrize(
    ("elements", "bits", "across", "words"),
    [
        (64, 1, False, 1),
        (65, 1, False, 2),
        (8, 16, False, 2),
        (8, 24, False, 4),
        (3, 128, False, 6),
        (3, 96, False, 6),
        (8, 16, True, 8),
        (0, 8, False, 0),
    ],
)
def test_elements_are_packed_into_words(elements, bits, across, words):
    assert sram().words(elements, bits, across=across) == words


def test_demand_adds_up_the_operands_it_holds():
    demands = (
        PortDemand(OperandClass.CURRENTS, 8, 0, 16),  # 2 words
        PortDemand(OperandClass.MEMBRANE, 8, 8, 32),  # 4 + 4 words
        PortDemand(OperandClass.SPIKES, 0, 64, 1),  # stands elsewhere
    )
    buffer = sram()
    assert buffer.demand_words(demands) == 10
    assert buffer.demand_words(demands, across=frozenset({OperandClass.CURRENTS})) == 16
    assert buffer.words_per_edge == 4
    assert [buffer.slowdown(words) for words in (0, 4, 5, 8, 9, 10)] == [1, 1, 2, 2, 3, 3]


def test_a_port_shortage_is_refused_with_what_would_do():
    refusing = sram(port_shortage="refuse", ports=2)
    assert refusing.slowdown(8) == 1
    with pytest.raises(CapacityError, match="needs 9 words per edge, has 8 words per edge") as error:
        refusing.slowdown(9)
    assert error.value.levers == ("banks: 5", "ports: 3", "a word wider than 64 bit", "port_shortage: slow")


def bank_cycle_ns(bank_bytes: int, word_bits: int) -> float:
    assert word_bits == 64
    if bank_bytes < 1024:
        raise MissingPrice("below the table")
    return bank_bytes / 4096


def test_a_slow_bank_is_refused_with_the_banks_that_would_do():
    sram().require_clock(bank_cycle_ns, 500_000_000)  # 8 KiB banks take exactly the 2 ns period
    with pytest.raises(CapacityError, match="needs 2,000 ps, has 1,000 ps") as error:
        sram().require_clock(bank_cycle_ns, 1_000_000_000)
    assert error.value.levers == ("banks: 8", "a clock of at most 500 MHz")
    with pytest.raises(CapacityError) as error:
        sram().require_clock(bank_cycle_ns, 8_000_000_000)
    assert "no number of banks" in error.value.levers[0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"banks": 3}, "equal banks"),
        ({"holds": []}, "at least 1"),
        ({"holds": ["currents", "currents"]}, "twice"),
        ({"holds": ["currants"]}, "currents"),
        ({"size": 32768}, "no unit"),
        ({"word": "8 B"}, "not allowed"),
        ({"colour": "red"}, "colour"),
        ({"banks": 0}, "greater than 0"),
        ({"buffering": "triple"}, "single"),
    ],
)
def test_bad_configurations_are_refused(changes, message):
    with pytest.raises(ValidationError, match=message):
        sram(**changes)
