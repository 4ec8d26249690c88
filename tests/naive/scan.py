"""Slow obvious twins of the scan network: one neuron in Python integers, one addition and one slot at a time."""

from __future__ import annotations


def wrapped(value: int) -> int:
    """A word of 64 bits in two's complement."""
    return (value + 2**63) % 2**64 - 2**63


def chained_neuron(inputs: list[int], coefficients: list[int]) -> tuple[list[int], list[int]]:
    """Results of the last recurrence of one neuron, and the last result of each."""
    sums, outputs = [0] * len(coefficients), []
    for value in inputs:
        for k, coefficient in enumerate(coefficients):
            if k > 0:
                value = wrapped((value >> 1) ^ wrapped(value << 3))
            value = wrapped(value + coefficient * sums[k])
            sums[k] = value
        outputs.append(value)
    return outputs, sums


def network_additions(segment: int) -> tuple[int, int]:
    """Stages and additions until every lane of a segment holds the sum of all lanes up to itself."""
    reach, stages, additions = [{lane} for lane in range(segment)], 0, 0
    while any(held != set(range(lane + 1)) for lane, held in enumerate(reach)):
        before = [set(held) for held in reach]
        for lane in range(2**stages, segment):
            reach[lane] |= before[lane - 2**stages]
            additions += 1
        stages += 1
    return stages, additions


def issues_by_hand(neurons: int, steps: int, lanes: int) -> tuple[int, int]:
    """Issue slots of all neurons, and issues one after another of each, by filling lanes one at a time."""
    wide = 1
    while wide * 2 <= lanes:
        wide *= 2
    rounds = 0
    left = steps
    while left > 0:
        left, rounds = left - wide, rounds + 1
    if rounds > 1:
        return neurons, rounds
    slots, free = 0, 0
    for _ in range(neurons):
        if free < steps:
            slots, free = slots + 1, wide
        free -= steps
    return slots, rounds
