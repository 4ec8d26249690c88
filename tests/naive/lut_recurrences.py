"""The LUT recurrences and counts of docs/machines section 4, written out naively for the tests.

Nothing here steps a clock: tiles are listed with plain loops, and their times follow from the
recurrences e = max(e', q'') + tb and q = max(e, q') + s.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

PARTS = ("fill", "stream", "build", "reload", "scan", "imbalance", "drain", "stall")


def ceil_div(a, b):
    return -(-a // b)


@dataclass
class Tile:
    """One tile: addresses (positions, groups), address columns per group, lanes, chunk, oc-tile."""

    addresses: np.ndarray
    columns: list[list[bool]]
    lanes: int
    chunk: int
    oc: int


def table_edges(machine):
    return sum(ceil_div(2**b, machine.build_ports) for b in range(machine.address_bits))


def addresses_of(columns, spikes):
    """Rows of ``spikes`` (positions, rows) seen through groups of rows; (positions, groups)."""
    out = np.zeros((len(spikes), len(columns)), dtype=int)
    for group, rows in enumerate(columns):
        for bit, row in enumerate(rows):
            if row >= 0:
                out[:, group] += spikes[:, row].astype(int) << bit
    return out


def forward_tiles(machine, inputs, channels, spikes, block_bounds, chunk_tiles):
    k = machine.address_bits
    rows = [[j if j < inputs else -1 for j in range(g, g + k)] for g in range(0, inputs, k)]
    chunk_of = [c for c, size in enumerate(chunk_tiles) for _ in range(size)]
    tiles = []
    for oc in range(ceil_div(channels, machine.lanes)):
        lanes = min(machine.lanes, channels - oc * machine.lanes)
        for block in range(len(block_bounds) - 1):
            part = spikes[block_bounds[block] : block_bounds[block + 1]]
            for g in range(0, len(rows), machine.groups):
                columns = rows[g : g + machine.groups]
                real = [[row >= 0 for row in group] for group in columns]
                tiles.append(Tile(addresses_of(columns, part), real, lanes, chunk_of[len(tiles)], oc))
    return tiles


def update_tiles(machine, update, gradients, spikes, position_groups, chunk_groups):
    tiles, channels = [], gradients.shape[1]
    per_tile = len(chunk_groups) - 1
    for oc in range(ceil_div(channels, machine.lanes)):
        seen = gradients[:, oc * machine.lanes : (oc + 1) * machine.lanes]
        for c in range(per_tile):
            kept = []
            for group in position_groups[chunk_groups[c] : chunk_groups[c + 1]].tolist():
                if not update.skip_groups or any(seen[p].any() for p in group if p >= 0):
                    kept.append(group)
            for g in range(0, len(kept), machine.groups):
                columns = kept[g : g + machine.groups]
                real = [[row >= 0 for row in group] for group in columns]
                tiles.append(Tile(addresses_of(columns, spikes.T), real, seen.shape[1], oc * per_tile + c, oc))
    return tiles


def issues_of(machine, tile):
    return ceil_div(len(tile.addresses), machine.read_ports)


def is_bypassed(machine, tile):
    n = issues_of(machine, tile)
    copies = ceil_div(machine.address_bits, machine.build_ports)
    return machine.bypass and copies + machine.address_bits * n < table_edges(machine) + n


def flags_of(machine, tile):
    ports = machine.read_ports
    return [bool(tile.addresses[i * ports : (i + 1) * ports].any()) for i in range(issues_of(machine, tile))]


def reads_of(machine, tile):
    """What the issue stage does in a tile: bubbles before each issue, and bubbles behind the last."""
    if is_bypassed(machine, tile):
        return [0] * (machine.address_bits * issues_of(machine, tile)), 0
    flags = flags_of(machine, tile)
    if machine.skip_window == 0:
        return [0] * len(flags), 0
    gaps, gap = [], 0
    for flag in flags:
        if flag:
            gaps.append(gap // machine.skip_window)
            gap = 0
        else:
            gap += 1
    return gaps, ceil_div(gap, machine.skip_window)


def depth(machine):
    return (machine.groups - 1).bit_length() + 1


@dataclass
class Drains:
    """Accumulator sets and drain time of every output-channel tile (None in the forward pass)."""

    sets: int
    edges: list[int]


def schedule(machine, tiles, ready, chunks_per_oc=None, drains=None):
    """Parts and chunk ends by the recurrences."""
    tb, depth_edges = table_edges(machine), depth(machine)
    events, ends = [], []
    e = q = q_before = last = drained = 0
    drain_ends = []
    at = 0
    issued_in_oc = False
    for chunk, late in enumerate(ready):
        oc = chunk // chunks_per_oc if drains else 0
        while at < len(tiles) and tiles[at].chunk == chunk:
            tile = tiles[at]
            at += 1
            build = ceil_div(machine.address_bits, machine.build_ports) if is_bypassed(machine, tile) else tb
            free = q_before if machine.double_tables else q
            on_time = max(e, free) + build
            e = max(e, free, late) + build
            wait = max(0, e - q)
            events += [("stall", min(wait, e - on_time)), ("build", wait - min(wait, e - on_time))]
            q_before, q = q, max(e, q)
            gaps, tail = reads_of(machine, tile)
            for gap in gaps:
                q += gap
                events.append(("scan", gap))
                if drains and not issued_in_oc and oc >= drains.sets:
                    waiting = max(0, drain_ends[oc - drains.sets] - q)
                    events.append(("reload", waiting))
                    q += waiting
                issued_in_oc = True
                events.append(("stream", 1))
                q += 1
                last = q + depth_edges
            q += tail
            events.append(("scan", tail))
        if drains and (chunk + 1) % chunks_per_oc == 0:
            drained = max(last if issued_in_oc else q, drained) + drains.edges[oc]
            drain_ends.append(drained)
            issued_in_oc = False
        result = max(q, last, drained)
        ends.append((q, max(result, ends[-1][1] if ends else 0)))
    return parts_of(events, ends[-1][1]), ends


def parts_of(events, total):
    """Book waits by where they lie between the first and the last issue; what is left is drain."""
    parts = dict.fromkeys(PARTS, 0)
    issues = [i for i, (kind, _) in enumerate(events) if kind == "stream"]
    for i, (kind, edges) in enumerate(events):
        if kind in ("stream", "stall"):
            parts[kind] += edges
        elif issues and i < issues[0]:
            parts["fill"] += edges
        elif issues and i < issues[-1]:
            parts[kind] += edges
    parts["drain" if issues else "fill"] += total - sum(parts.values())
    return [parts[name] for name in PARTS]


def counts_of(machine, tiles):
    """Counts that do not depend on the pass, by walking every issue, port and group."""
    k = machine.address_bits
    names = "tables reads zero_reads tree_adds accumulates address_bits flags gated_adds bypassed_tiles tiles"
    counts = dict.fromkeys(names.split(), 0)
    for tile in tiles:
        bypassed, groups = is_bypassed(machine, tile), tile.addresses.shape[1]
        skips = machine.skip_window > 0 and not bypassed
        counts["tiles"] += 1
        counts["bypassed_tiles"] += bypassed
        counts["tables"] += 0 if bypassed else groups * tile.lanes
        counts["flags"] += len(flags_of(machine, tile)) if skips else 0
        for issue, flag in enumerate(flags_of(machine, tile)):
            if skips and not flag:
                continue
            part = tile.addresses[issue * machine.read_ports : (issue + 1) * machine.read_ports]
            edges = k if bypassed else 1
            counts["tree_adds"] += edges * (groups - 1) * tile.lanes * len(part)
            counts["accumulates"] += edges * tile.lanes * len(part)
            counts["address_bits"] += sum(map(sum, tile.columns)) * len(part)
            if bypassed:
                counts["gated_adds"] += int(np.bitwise_count(part).sum()) * tile.lanes
            else:
                counts["reads"] += part.size * tile.lanes
                counts["zero_reads"] += int((part == 0).sum()) * tile.lanes
    return counts
