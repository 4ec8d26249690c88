"""Slow obvious twins of the dual-sparsity engine: loops over the sums, and its recurrences by hand.

The recurrences are those of docs/machines section 5: scan end, compute end, block ends and queue
grants of every pixel are computed from the scan and compute edges of the pixels alone; every edge
of every group is then given its part.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise, product

import numpy as np

FILL, STREAM, SCAN, IMBALANCE, DRAIN, STALL = 0, 1, 4, 5, 6, 7


def ceil_div(a: int, b: int) -> int:
    return -(-a // b)


def pixels_by_loop(geometry, samples: int, steps: int) -> list[tuple[int, list[tuple[int, int]]]]:
    """(input row, [(output row, tap)]) in processing order, by walking the forward sum."""
    g = geometry
    reached = {}
    taps = product(range(g.kernel_h), range(g.kernel_w))
    for ky, kx in taps:
        for y, x in product(range(g.out_h), range(g.out_w)):
            i = y * g.stride_h + ky * g.dilation_h - g.padding_h
            j = x * g.stride_w + kx * g.dilation_w - g.padding_w
            reached.setdefault((i, j), []).append((y * g.out_w + x, ky * g.kernel_w + kx))
    pixels = []
    for b, t in product(range(samples), reversed(range(steps))):
        slot = b * steps + t
        for i, j in product(range(g.in_h), range(g.in_w)):
            entries = [(slot * g.out_pixels + row, tap) for row, tap in reached.get((i, j), [])]
            pixels.append((slot * g.in_pixels + i * g.in_w + j, entries))
    return pixels


def dense_gradient(gradient, weights, needed, pixels):
    """The full product, masked afterwards."""
    full = np.zeros(needed.shape, np.int64)
    for row, entries in pixels:
        for out_row, tap in entries:
            full[row] += gradient[out_row] @ weights[tap]
    return full * needed


@dataclass
class Cost:
    """One pixel of one slice pair: scan edges, compute edges (0: inactive), and what is counted."""

    chunk: int
    scan: int
    compute: int = 0
    n_in: int = 0
    n_out: int = 0
    passes: int = 0
    bits: int = 0
    conflicts: int = 0
    useful: int = 0


def pixel_cost(machine, active: list[int], bits_out: int, taps: int, bits_in: int, n_in: int, chunk: int) -> Cost:
    """Scan and compute edges of docs/machines section 5 for the active channels and n_in values."""
    z, lanes = machine.scan_bits, machine.lanes
    scan = ceil_div(bits_out, z)
    if not active:
        return Cost(chunk, scan, bits=bits_out)
    if machine.compact:
        runs = [active[i : i + lanes] for i in range(0, len(active), lanes)]
        factors = [max(np.bincount([c % machine.banks for c in run])) for run in runs]
    else:
        factors = [1] * max(np.bincount([c % lanes for c in active]))
    steps = max(ceil_div(n_in, machine.values_per_cycle), 1)
    return Cost(
        chunk,
        scan + taps * ceil_div(bits_in, z),
        int(sum(factors)) * steps,
        n_in,
        len(active),
        len(factors),
        bits_out + taps * bits_in,
        int(sum(f - 1 for f in factors)) * steps,
        len(active) * steps,
    )


def all_costs(machine, gradient, needed, pixels, c_bounds, co_bounds, chunk_pixels) -> list[list[Cost]]:
    """Costs of every pixel of every slice pair, from the masks themselves."""
    chunks = len(chunk_pixels) - 1
    pairs = []
    for (c0, c1), (o0, o1) in product(pairwise(c_bounds), pairwise(co_bounds)):
        costs = []
        for p, (row, entries) in enumerate(pixels):
            active = [c for c in range(c0, c1) if needed[row, c]]
            n_in = sum(int(np.count_nonzero(gradient[r, o0:o1])) for r, _ in entries)
            chunk = len(pairs) * chunks + next(j for j in range(chunks) if p < chunk_pixels[j + 1])
            costs.append(pixel_cost(machine, active, int(c1 - c0), len(entries), int(o1 - o0), n_in, chunk))
        pairs.append(costs)
    return pairs


@dataclass
class Group:
    """One group's recurrence: ends so far, issue runs with the debt of each, and late edges since."""

    scan_end: int = 0
    compute_ends: list[int] = field(default_factory=lambda: [0, 0])
    runs: list[tuple[int, int, int]] = field(default_factory=list)
    debt: int = 0

    @property
    def may_scan(self) -> int:
        return max(self.scan_end, self.compute_ends[-2])

    @property
    def end(self) -> int:
        return max(self.scan_end, self.compute_ends[-1])

    def take(self, cost: Cost, start: int, ends) -> None:
        """Scan the pixel from ``start`` on, compute it if active, and note both ends of its chunk."""
        self.scan_end = start + cost.scan
        ends[cost.chunk] = np.maximum(ends[cost.chunk], self.scan_end)
        if cost.compute:
            first = max(self.scan_end, self.compute_ends[-1])
            self.compute_ends.append(first + cost.compute)
            self.runs.append((first, first + cost.compute, self.debt))
            self.debt = 0
            ends[cost.chunk] = np.maximum(ends[cost.chunk], (first + cost.compute, first + cost.compute + 2))


@dataclass
class Schedule:
    """Total, parts in group-cycles, chunk ends, and idle group-cycles by kind before fill and drain."""

    total: int
    parts: list[int]
    ends: np.ndarray
    exposed: int
    imbalance: int


def _finish(kinds: list[dict[int, int]], groups: list[Group], work_end: int, ends) -> Schedule:
    """Give every edge of every group its part: ``kinds`` has the idle ones."""
    issues = [edge for group in groups for first, last, _ in group.runs for edge in range(first, last)]
    total = max(work_end, max(issues) + 3) if issues else work_end
    parts = [0] * 8
    parts[STREAM] = len(issues)
    first, last = (min(issues), max(issues)) if issues else (total, total)
    for kind in kinds:
        for edge in range(total):
            part = kind.get(edge, DRAIN if edge >= work_end else STREAM)
            if part in (SCAN, IMBALANCE, DRAIN):
                parts[FILL if edge < first else DRAIN if edge > last else part] += 1
            elif part == STALL:
                parts[STALL] += 1
    counts = [sum(list(kind.values()).count(part) for kind in kinds) for part in (SCAN, IMBALANCE)]
    return Schedule(total, parts, np.maximum.accumulate(ends, axis=0), *counts)


def static_schedule(machine, pairs: list[list[Cost]], ready) -> Schedule:
    """Blocks of barrier_pixels * G pixels, dealt round-robin, each after the end of the last."""
    groups = [Group() for _ in range(machine.groups)]
    kinds: list[dict[int, int]] = [{} for _ in groups]
    ends = np.zeros((len(ready), 2), np.int64)
    size, time = machine.barrier_pixels * machine.groups, 0
    for costs in pairs:
        for begin in range(0, len(costs), size):
            block = costs[begin : begin + size]
            start = max(time, int(ready[block[0].chunk]))
            for number, group in enumerate(groups):
                group.scan_end = start
                for cost in block[number :: machine.groups]:
                    group.take(cost, max(start, group.may_scan), ends)
            end = max(max(group.end for group in groups), start)
            for group, kind in zip(groups, kinds, strict=True):
                busy = {edge for first, last, _ in group.runs for edge in range(max(first, start), last)}
                kind.update(dict.fromkeys(range(time, start), STALL))
                idle = (edge for edge in range(start, end) if edge not in busy)
                kind.update({edge: SCAN if edge < group.end else IMBALANCE for edge in idle})
            time = end
    return _finish(kinds, groups, time, ends)


def dynamic_schedule(machine, pairs: list[list[Cost]], ready) -> Schedule:
    """One queue; at every edge the lowest groups that may scan are served, up to the grant limit."""
    groups = [Group() for _ in range(machine.groups)]
    kinds: list[dict[int, int]] = [{} for _ in groups]
    ends = np.zeros((len(ready), 2), np.int64)
    queue = [cost for costs in pairs for cost in costs]
    head, edge, last_grant = 0, 0, 0
    while head < len(queue):
        grants = 0
        for group in groups:
            if head == len(queue) or grants == machine.grants_per_cycle or group.may_scan > edge:
                continue
            if ready[queue[head].chunk] > edge:
                group.debt += 1
                continue
            group.take(queue[head], edge, ends)
            head, grants, last_grant = head + 1, grants + 1, edge
        edge += 1
    work_end = max((group.end for group in groups), default=0)
    for group, kind in zip(groups, kinds, strict=True):
        done = max(group.end, last_grant)
        free = 0
        for first, last, debt in [*group.runs, (done, done, group.debt)]:
            kind.update({e: STALL if e < free + debt else SCAN for e in range(free, first)})
            free = last
        kind.update(dict.fromkeys(range(done, work_end), IMBALANCE))
    return _finish(kinds, groups, work_end, ends)


def schedule(machine, pairs: list[list[Cost]], ready) -> Schedule:
    """Recurrences of either balance."""
    return (dynamic_schedule if machine.dynamic else static_schedule)(machine, pairs, ready)
