"""Links in plain Python: ways walked by hand, a list per queue, one cycle per turn.

Shares nothing with the simulator but the order in which channels are numbered, which is an order of
requesters too. One component that joins all processors; messages sent at given cycles.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True)
class Component:
    """One link component: ``columns`` of a mesh, cycles per packet, whether it multicasts."""

    kind: str
    processors: int
    columns: int
    service: int
    latency: int
    packet: int
    multicast: bool


@dataclass(frozen=True)
class Sent:
    """A message: when, from where, to whom, how long."""

    cycle: int
    source: int
    destinations: tuple[int, ...]
    size: int


def walk(component: Component, place: int, end: int) -> list[str]:
    """Names of the channels from one processor to another."""
    if component.kind == "bus":
        return ["bus"]
    if component.kind == "crossbar":
        return [f"p{place} out", f"p{end} in"]
    found: list[str] = []
    while place != end:
        after = step(component, place, end)
        found.append(f"p{place}->p{after}")
        place = after
    return found


def step(component: Component, place: int, end: int) -> int:
    """Next processor on the way."""
    if component.kind == "point_to_point":
        return end
    if component.kind == "ring":
        ahead = (end - place) % component.processors
        return (place + (1 if ahead <= component.processors - ahead else -1)) % component.processors
    (row, column), (to_row, to_column) = divmod(place, component.columns), divmod(end, component.columns)
    if column != to_column:
        return place + (1 if to_column > column else -1)
    return place + component.columns * (1 if to_row > row else -1)


def trees(component: Component, message: Sent) -> list[dict[tuple[str, ...], list[int]]]:
    """For each tree of a message: every beginning of a way, and the destinations at its end."""
    groups = [message.destinations] if component.multicast else [(end,) for end in message.destinations]
    found = []
    for group in groups:
        tree: dict[tuple[str, ...], list[int]] = {}
        for end in group:
            way = tuple(walk(component, message.source, end))
            for length in range(1, len(way) + 1):
                tree.setdefault(way[:length], [])
            tree[way].append(end)
        found.append(tree)
    return found


def run(component: Component, channels: list[str], messages: list[Sent]) -> dict[tuple[int, int], int]:
    """When each message was at each of its destinations; channels in the order of their numbers."""
    queues: dict[str, dict[int, deque[tuple[int, int, tuple[str, ...]]]]] = {name: {} for name in channels}
    routes = [trees(component, message) for message in messages]
    idle_from, last = dict.fromkeys(channels, 0), dict.fromkeys(channels, -1)
    moving: list[tuple[int, int, int, tuple[str, ...]]] = []
    left: dict[tuple[int, int], int] = {}
    for number, message in enumerate(messages):
        left |= {(number, end): -(-message.size // component.packet) for end in message.destinations}
    arrived: dict[tuple[int, int], int] = {}
    cycle = 0
    while any(left.values()):
        for number, message in enumerate(messages):
            if message.cycle == cycle:
                for which, tree in enumerate(routes[number]):
                    for way in (way for way in tree if len(way) == 1):
                        queue = queues[way[0]].setdefault(message.source, deque())
                        queue += [(number, which, way)] * -(-message.size // component.packet)
        for _, number, which, way in (move for move in moving if move[0] == cycle):
            tree = routes[number][which]
            for end in tree[way]:
                left[number, end] -= 1
                arrived[number, end] = cycle
            for longer in (other for other in tree if len(other) == len(way) + 1 and other[: len(way)] == way):
                feeder = component.processors + channels.index(way[-1])
                queues[longer[-1]].setdefault(feeder, deque()).append((number, which, longer))
        moving = [move for move in moving if move[0] > cycle]
        for name in channels:
            asking = sorted(requester for requester, queue in queues[name].items() if queue)
            if asking and idle_from[name] <= cycle:
                chosen = next((requester for requester in asking if requester > last[name]), asking[0])
                number, which, way = queues[name][chosen].popleft()
                last[name], idle_from[name] = chosen, cycle + component.service
                waits = 0 if name.endswith(" out") else component.latency
                moving.append((idle_from[name] + waits, number, which, way))
        cycle += 1
    return arrived
