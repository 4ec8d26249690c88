"""Ways to cut an operation for a LUT engine, from whole to fine, the same whatever the buffers.

Forward: first how positions are cut into blocks of at most Q_t (evenly; at slots; at samples; within
a slot), then how much of the loop nest is one chunk: everything, an output-channel tile, some
blocks, some group tiles of a block. Steps are by four.
Weight update: everything, an output-channel tile, and ever smaller ranges of its position groups.
Proof: ``tests/unit/test_lut_plan.py``.
"""

from __future__ import annotations

from collections.abc import Iterator

from simsnn.engines.lut_config import LutConfig
from simsnn.engines.lut_forward_plan import ForwardCore, LutForwardPlan
from simsnn.engines.lut_update_core import UpdateCore
from simsnn.engines.lut_update_plan import LutUpdatePlan
from simsnn.engines.lut_work import LutWork

MOST_CHUNKS = 2**14
"""Finer ways to cut are not listed: such chunks are smaller than any buffer."""


def balanced(units: int, blocks: int, size: int = 1) -> tuple[int, ...]:
    """Bounds of ``blocks`` runs of ``units`` units of ``size``, whose lengths differ by at most one unit."""
    return tuple(units * block // blocks * size for block in range(blocks + 1))


def quarters(most: int) -> list[int]:
    """Runs of everything (0), a quarter, a sixteenth, ... and one."""
    runs = {-(-most // 4**power) for power in range(1, 16)} - {most}
    return [0, *sorted(runs, reverse=True)]


Bounds = tuple[int, ...]


def block_bounds(config: LutConfig, work: LutWork) -> tuple[list[Bounds], list[Bounds]]:
    """Ways to cut all positions into as few blocks as fit the accumulators, and into smaller ones."""
    most, pixels, slots = config.block_positions or 1, work.geometry.out_pixels, work.slots
    sample, tiles = pixels * work.timesteps, work.oc_tiles * work.geometry.groups
    coarse, fine = [balanced(work.positions, -(-work.positions // most))], list[Bounds]()
    if most >= sample:
        coarse.append(balanced(work.samples, -(-work.samples // (most // sample)), sample))
    if most >= pixels:
        first, *smaller = _finer(-(-slots // (most // pixels)), slots)
        coarse.append(balanced(slots, first, pixels))
        fine += [balanced(slots, blocks, pixels) for blocks in smaller if blocks * tiles <= MOST_CHUNKS]
    for pieces in _finer(-(-pixels // most), pixels):
        if pieces == -(-pixels // most) > 1:
            coarse.append(_within(slots, pixels, pieces))
        elif pieces * slots * tiles <= MOST_CHUNKS:
            fine.append(_within(slots, pixels, pieces))
    coarse = list(dict.fromkeys(coarse))
    return coarse, [bounds for bounds in dict.fromkeys(fine) if bounds not in coarse]


def _within(slots: int, pixels: int, pieces: int) -> tuple[int, ...]:
    """Every slot cut into the same pieces."""
    inner = balanced(pixels, pieces)[:-1]
    return (*(slot * pixels + start for slot in range(slots) for start in inner), slots * pixels)


def _finer(least: int, most: int) -> list[int]:
    """``least``, four times as many, ... up to ``most``."""
    counts = [least]
    while counts[-1] < most:
        counts.append(min(most, counts[-1] * 4))
    return counts


def forward_plans(config: LutConfig, work: LutWork) -> Iterator[LutForwardPlan]:
    """Plans of a forward product; blocks smaller than the accumulators ask for are chunks of their own."""
    coarse, fine = block_bounds(config, work)
    for bounds in coarse:
        yield from _few(_cuts(ForwardCore(config, work, bounds)))
    for bounds in fine:
        yield from _few(_small(ForwardCore(config, work, bounds)))


def _few(plans: Iterator[LutForwardPlan]) -> Iterator[LutForwardPlan]:
    return (plan for plan in plans if plan.chunk_count <= MOST_CHUNKS or plan.chunk_count == len(plan.core.sections))


def _cuts(core: ForwardCore) -> Iterator[LutForwardPlan]:
    yield LutForwardPlan(core)
    if core.work.oc_tiles > 1:
        yield LutForwardPlan(core, 1)
    for blocks in quarters(core.blocks)[1:]:
        yield LutForwardPlan(core, 1, blocks)
    yield from _within_block(core)


def _small(core: ForwardCore) -> Iterator[LutForwardPlan]:
    yield LutForwardPlan(core, 1, 1)
    yield from _within_block(core)


def _within_block(core: ForwardCore) -> Iterator[LutForwardPlan]:
    for tiles in quarters(core.group_tiles)[1:]:
        yield LutForwardPlan(core, 1, 1, tiles)


def update_plans(config: LutConfig, work: LutWork) -> Iterator[LutUpdatePlan]:
    """Plans of a weight update; more tiles of input channels only to make dW smaller than the engine asks for."""
    whole = UpdateCore(config, work)
    units, height = whole.grouping.units, work.geometry.out_h
    yield LutUpdatePlan(whole)
    for tiles in _finer(len(whole.sections) // work.geometry.groups, work.in_channels):
        cuts = [(ranges, 1) for ranges in _finer(1, units)] + [(units, pieces) for pieces in _finer(1, height)[1:]]
        for ranges, pieces in cuts:
            plan = LutUpdatePlan(UpdateCore(config, work, ranges, pieces, tiles), True)
            if plan.chunk_count <= MOST_CHUNKS or (ranges, pieces) == (1, 1):
                yield plan
