"""Slow obvious twins of the vector unit: greedy issue by hand, and one neuron at a time."""

from __future__ import annotations


def leaky_neuron(currents: list[int], threshold: int) -> tuple[list[int], int]:
    """Spikes and last state of one integer leaky neuron."""
    state, spikes = 0, []
    for current in currents:
        potential = state - (state >> 1) + current
        spikes.append(int(potential >= threshold))
        state = 0 if spikes[-1] else potential
    return spikes, state


def greedy_total(chunks: list[list[int]], steps: int, interval: int, latency: int) -> int:
    """Total edges when every (block, step, slot) issues as early as the lane and its own state allow.

    ``chunks`` lists the slots of every block of every chunk.
    """
    lane_free, last_result = 0, 0
    for chunk in chunks:
        for slots in chunk:
            state_ready = [0] * slots
            for _ in range(steps):
                for slot in range(slots):
                    issue = max(lane_free, state_ready[slot])
                    lane_free = issue + interval
                    state_ready[slot] = last_result = issue + latency
    return last_result


def blocks_of(slots: int, block: int) -> list[int]:
    """Cut slots greedily into blocks."""
    blocks = []
    while slots > 0:
        blocks.append(min(slots, block))
        slots -= blocks[-1]
    return blocks
