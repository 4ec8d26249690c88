"""Plain-Python systolic array: docs/machines section 3.2 written down fold by fold, nothing collapsed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class NaiveFold:
    """One fold as timed, with the ready times of its tile and of its M-tiles."""

    rows: int
    columns: int
    tiles: list[tuple[int, int]]  # (streamed rows, ready)
    ready_load: int = 0

    @property
    def stream(self) -> int:
        return sum(rows for rows, _ in self.tiles)


def stationary_task(folds: list[NaiveFold], load: str, single: bool, extra_edge: bool) -> dict[str, int]:
    """Cycles and parts of a ``ws``/``is`` task."""
    parts = {"fill": 0, "stream": 0, "reload": 0, "stall": 0, "drain": 0}
    before: NaiveFold | None = None
    load_edge = start = end = 0
    for fold in folds:
        if before is None:
            load_edge = fold.ready_load
            inside = fold.rows
            start = max(load_edge + fold.rows, fold.tiles[0][1])
            parts["fill"] += inside
        else:
            deep, was = fold.rows + fold.columns - 2, before.rows + before.columns - 2
            free = {"shift_global": start + was, "shift_skewed": start + before.rows - 1, "row_addressed": start}[load]
            if single:
                free = end + was
            free = max(free, load_edge + before.rows)
            wires = end + max(0, was - deep, before.rows - fold.rows)
            inside = max(free + fold.rows, wires)
            load_edge = max(free, fold.ready_load)
            start = max(load_edge + fold.rows, wires, fold.tiles[0][1])
            parts["reload"] += inside - end
        parts["stall"] += start - inside
        end = start
        for rows, ready in fold.tiles:
            begin = max(end, ready)
            parts["stall"] += begin - end
            parts["stream"] += rows
            end = begin + rows
        before = fold
    assert before is not None
    parts["drain"] = before.rows + before.columns - 2 + extra_edge
    return {**parts, "cycles": end + parts["drain"]}


def output_task(folds: list[NaiveFold], enable: str | None) -> dict[str, int]:
    """Cycles and parts of an ``os`` task; ``enable`` is None for the serial drain."""
    parts = {"fill": 0, "stream": 0, "reload": 0, "stall": 0, "drain": 0}
    before: NaiveFold | None = None
    start = end = 0
    for fold in folds:
        inside = 0
        if before is not None:
            r, c, r2, c2 = before.rows, before.columns, fold.rows, fold.columns
            x = {
                "global": 2 * r + c - 2,
                "skewed": max(2 * r - 1, 2 * r + c - r2 - c2),
                "row_timed": max(r, 2 * r - r2, 2 * r + c - r2 - c2),
            }.get(enable or "", 0)
            inside = start + max(before.stream, x + before.stream - fold.stream)
            if enable is None:
                inside = start + before.stream + 2 * r + c - 2
            parts["reload"] += inside - end
        start = max(inside, fold.ready_load)
        parts["stall"] += start - inside
        parts["stream"] += fold.stream
        end = start + fold.stream
        before = fold
    assert before is not None
    parts["drain"] = 2 * before.rows + before.columns - 2
    return {**parts, "cycles": end + parts["drain"]}


def pieces(length: int, size: int) -> list[tuple[int, int]]:
    """(start, stop) of consecutive pieces."""
    return [(at, min(at + size, length)) for at in range(0, length, size)]


def balanced_pieces(length: int, count: int) -> list[tuple[int, int]]:
    """(start, stop) of ``count`` pieces, larger ones first, sizes differing by one at most."""
    found, at = [], 0
    for index in range(count):
        size = length // count + (index < length % count)
        found.append((at, at + size))
        at += size
    return found
