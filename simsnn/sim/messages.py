"""Messages between processors where no packet is simulated: when they arrive, what links carry.

The event engine simulates packets (:mod:`simsnn.sim.network`). The other levels know a message by
its sending, the moment at which everything its task stores is complete:

* ``critical_path``: arrival = sent + alone_cycles: every message has the links to itself;
* ``closed_form``: arrival = sent: messages take no time.

What the links carry does not depend on when, so at every level it is the same sum over messages.

Tests: ``tests/unit/test_messages.py``; arrivals that packets make in ``tests/property/test_sim_twin.py``.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from simsnn.schedule.graph import Message, Task, TaskGraph
from simsnn.sim.execution import LinkUse, MessageRecord

if TYPE_CHECKING:
    from simsnn.memory.interconnect import Carried, Interconnect

_UNKNOWN = -1


class Mail:
    """When messages were sent and where they have arrived so far.

    Parameters
    ----------
    graph : TaskGraph
        Whose messages.

    Attributes
    ----------
    sent : list of int
        Per message; -1 before.
    of_task : list of list of int
        Per task, the messages that are sent when it is done.
    """

    __slots__ = ("_arrived", "_messages", "_place", "of_task", "sent")

    def __init__(self, graph: TaskGraph) -> None:
        self._messages = graph.messages
        self.sent = [_UNKNOWN] * len(graph.messages)
        self._arrived = [[_UNKNOWN] * len(message.destinations) for message in graph.messages]
        self._place = {(m.id, end): i for m in graph.messages for i, end in enumerate(m.destinations)}
        self.of_task: list[list[int]] = [[] for _ in graph.tasks]
        for message in graph.messages:
            self.of_task[message.after].append(message.id)

    def send(self, task: int, time: int) -> None:
        """Everything that a task stores is complete at ``time``."""
        for message in self.of_task[task]:
            self.sent[message] = time

    def deliver(self, message: int, processor: int, time: int) -> None:
        """All of a message is at one of its destinations."""
        self._arrived[message][self._place[message, processor]] = time

    def arrive(self, message: int, times: tuple[int, ...]) -> None:
        """When a message is at each of its destinations."""
        self._arrived[message] = list(times)

    def arrival(self, message: int, processor: int) -> int:
        """When a message was at one of its destinations."""
        return self._arrived[message][self._place[message, processor]]

    def records(self) -> tuple[MessageRecord, ...]:
        """All messages, in the order of the graph."""
        return tuple(
            MessageRecord(message.id, sent, tuple(arrived))
            for message, sent, arrived in zip(self._messages, self.sent, self._arrived, strict=True)
        )


def check_links(graph: TaskGraph, interconnect: Interconnect | None) -> None:
    """Check that there are links if anything is sent.

    Raises
    ------
    ValueError
        For messages without an interconnect.
    """
    if graph.messages and interconnect is None:
        raise ValueError(f"{len(graph.messages)} messages, but no links to send them over")


def alone_arrivals(message: Message, sent: int, interconnect: Interconnect) -> tuple[int, ...]:
    """When a message that has the links to itself is at each of its destinations."""
    ends = message.destinations
    return tuple(sent + interconnect.alone_cycles(message.source, end, message.bytes) for end in ends)


def receivers(tasks: tuple[Task, ...]) -> dict[tuple[int, int], list[int]]:
    """Tasks that wait for a message at a processor, by (message, processor)."""
    found: dict[tuple[int, int], list[int]] = {}
    for task in tasks:
        for arrival in task.receives:
            found.setdefault((arrival.message, arrival.processor), []).append(task.id)
    return found


def link_uses(graph: TaskGraph, interconnect: Interconnect | None) -> tuple[LinkUse, ...]:
    """What each link carries once everything is there; it does not depend on the order."""
    if interconnect is None:
        return ()
    totals = [[0, 0, 0] for _ in interconnect.links]
    for message, carried in _carried(graph, interconnect):
        for part in carried:
            total = totals[part.link]
            total[0] += part.busy_cycles
            total[1] += message.bytes
            total[2] += part.packets
    return tuple(LinkUse(*total) for total in totals)


def packet_sum(graph: TaskGraph, interconnect: Interconnect | None) -> int:
    """Cycles of every packet over every link of its way, latency included, one after another."""
    if interconnect is None:
        return 0
    links = interconnect.links
    return sum(
        part.busy_cycles + part.packets * links[part.link].latency_cycles
        for _, carried in _carried(graph, interconnect)
        for part in carried
    )


def _carried(graph: TaskGraph, interconnect: Interconnect) -> list[tuple[Message, tuple[Carried, ...]]]:
    """Messages of micro-batches and iterations are alike: each kind is routed once."""

    @cache
    def carried(source: int, destinations: tuple[int, ...], size_bytes: int) -> tuple[Carried, ...]:
        return interconnect.carried(source, destinations, size_bytes)

    return [(message, carried(message.source, message.destinations, message.bytes)) for message in graph.messages]
