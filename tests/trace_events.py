"""Rules of the Trace Event format that a viewer relies on, checked on a document."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

Event = dict[str, Any]


def check_document(document: dict[str, Any], per_us: int = 1) -> None:
    """Slices of a track nest, arrows are whole and lie in slices, counters and names are complete.

    Times are compared in whole units, ``per_us`` of them in a microsecond.
    """
    events = document["traceEvents"]
    for event in events:
        assert event["ph"] in "XMCstf", event
        assert isinstance(event["pid"], int)
        if event["ph"] != "M":
            assert abs(event["ts"] * per_us - round(event["ts"] * per_us)) < 1e-6
            assert event["ts"] >= 0
    tracks = _slices(events, per_us)
    _check_names(events, set(tracks))
    _check_nesting(tracks)
    _check_arrows(events, tracks, per_us)
    for series in counters(document, per_us).values():
        times = [time for time, _ in series]
        assert times == sorted(set(times))


def counters(document: dict[str, Any], per_us: int = 1) -> dict[str, list[tuple[int, int]]]:
    """Series of every counter by name, where several processes have it with the number of its process."""
    owners = {(e["name"], e["pid"]) for e in document["traceEvents"] if e["ph"] == "C"}
    shared = {name for name, count in Counter(name for name, _ in owners).items() if count > 1}
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for event in document["traceEvents"]:
        if event["ph"] == "C":
            (value,) = event["args"].values()
            assert isinstance(value, int)
            assert value >= 0
            name = event["name"]
            name = f"{event['pid']} {name}" if name in shared else name
            found[name].append((round(event["ts"] * per_us), value))
    return found


Tracks = dict[tuple[int, int], list[tuple[int, int]]]


def _slices(events: list[Event], per_us: int) -> Tracks:
    tracks: Tracks = defaultdict(list)
    for event in events:
        if event["ph"] == "X":
            start = round(event["ts"] * per_us)
            length = round(event["dur"] * per_us)
            assert length >= 0
            assert event["name"]
            tracks[event["pid"], event["tid"]].append((start, start + length))
    return tracks


def _check_names(events: list[Event], tracks: set[tuple[int, int]]) -> None:
    threads = {(e["pid"], e["tid"]) for e in events if e["name"] == "thread_name"}
    processes = {e["pid"] for e in events if e["name"] == "process_name"}
    assert tracks <= threads
    assert {e["pid"] for e in events} <= processes


def _check_nesting(tracks: Tracks) -> None:
    """Any two slices of a track lie apart or one within the other."""
    for slices in tracks.values():
        open_until: list[int] = []
        for start, end in sorted(slices, key=lambda s: (s[0], -s[1])):
            while open_until and open_until[-1] <= start:
                open_until.pop()
            assert not open_until or end <= open_until[-1]
            open_until.append(end)


def _check_arrows(events: list[Event], tracks: Tracks, per_us: int) -> None:
    arrows: dict[tuple[str, int], list[Event]] = defaultdict(list)
    for event in events:
        if event["ph"] in "stf":
            arrows[event["cat"], event["id"]].append(event)
    for steps in arrows.values():
        assert [e["ph"] for e in steps] == ["s", *"t" * (len(steps) - 2), "f"]
        assert len({e["name"] for e in steps}) == 1
        times = [round(e["ts"] * per_us) for e in steps]
        assert times == sorted(times)
        for event, time in zip(steps, times, strict=True):
            inside = [s for s in tracks[event["pid"], event["tid"]] if s[0] <= time <= s[1]]
            assert inside, event
