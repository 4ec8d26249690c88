"""Messages between tasks: what a graph must say about them, when they arrive, what links carry."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simsnn.costs import OperandClass
from simsnn.memory.interconnect import Interconnect
from simsnn.memory.link import LinkConfig, Topology
from simsnn.schedule.graph import Arrival, Chunk, Message, TaskGraph
from simsnn.sim.bounds import find_bounds
from simsnn.sim.critical_path import closed_form, critical_path
from simsnn.sim.execution import LinkUse, MessageRecord, Stalls
from simsnn.sim.executor import execute
from simsnn.sim.messages import packet_sum
from tests.unit.sim_samples import ONE_BYTE, flat_plan, graph, load, store, task


def links(kind: Topology = "bus", cores: int = 3, *, multicast: bool = True) -> Interconnect:
    """4-byte packets, 2 cycles each, 3 cycles of latency."""
    config = LinkConfig(
        name="net", kind=kind, bandwidth="2 B/cycle", latency_cycles=3, packet="4 B", multicast=multicast
    )  # type: ignore[arg-type]
    return Interconnect.of((config,), tuple(f"core{p}" for p in range(cores)), 10**9)


def message(number: int, after: int, source: int, *ends: int, size: int = 8) -> Message:
    return Message(number, after, source, ends, OperandClass.SPIKES, size)


def broadcast() -> TaskGraph:
    """Task 0 ends at 12, its store is complete at 17; two bytes of packets go to two processors."""
    readers = (replace(task(e, (Chunk(load(4)),), engine=e), receives=(Arrival(0, e),)) for e in (1, 2))
    sample = graph(task(0, (Chunk(stores=store(2)),)), *readers)
    return replace(sample, messages=(message(0, 0, 0, 1, 2),))


def test_a_message_leaves_when_all_stores_are_complete() -> None:
    run = execute(broadcast(), ONE_BYTE, False, (), links())
    assert run.tasks[0].done == 17
    assert run.messages == (MessageRecord(0, 17, (17 + 4 + 3,) * 2),)
    assert [record.start for record in run.tasks] == [0, 24, 24]
    assert run.moments["admitted"].tolist() == [0, 24, 24]
    assert run.tasks[1].idle == Stalls(dependency=17, link=7)
    assert run.links == (LinkUse(4, 8, 2),)


def test_without_multicast_it_crosses_once_per_destination() -> None:
    sample, net = broadcast(), links(multicast=False)
    run, path = execute(sample, ONE_BYTE, False, (), net), critical_path(sample, ONE_BYTE, (), net)
    assert run.links == path.links == (LinkUse(8, 16, 4),)
    # Alone neither copy waits for the other; on one bus they do.
    assert path.messages == (MessageRecord(0, 17, (24, 24)),)
    assert max(run.messages[0].arrived) == 17 + 8 + 3


def test_messages_take_no_time_in_the_closed_form() -> None:
    closed = closed_form(broadcast(), ONE_BYTE, (), links())
    assert closed.messages == (MessageRecord(0, 12, (12, 12)),)
    assert [(r.start, r.end) for r in closed.tasks] == [(0, 12), (12, 24), (12, 24)]
    assert closed.tasks[1].idle == Stalls(dependency=12)
    assert closed.links == (LinkUse(4, 8, 2),)


def test_a_message_nobody_waits_for_still_belongs_to_the_run() -> None:
    sample = replace(graph(task(0, (Chunk(),))), messages=(message(0, 0, 0, 1, size=400),))
    run = execute(sample, ONE_BYTE, False, (), links())
    assert run.makespan_cycles == 12 + 200 + 3
    assert critical_path(sample, ONE_BYTE, (), links()).makespan_cycles == run.makespan_cycles
    assert find_bounds(sample, ONE_BYTE, (), links()).roofline_cycles == 200


def test_packets_of_a_serial_sum_do_not_overlap() -> None:
    # From core 0 to core 2 of a ring of five: two channels, two packets on each.
    sample = replace(graph(task(0, (Chunk(),))), messages=(message(0, 0, 0, 2),))
    assert packet_sum(sample, links("ring", 5)) == 2 * 2 * (2 + 3)
    assert links("ring", 5).alone_cycles(0, 2, 8) == 2 * (2 + 3) + 2
    assert packet_sum(sample, None) == 0


def test_messages_of_one_cycle_leave_in_the_order_of_the_graph() -> None:
    # The end of task 1 is known from the start, that of task 0 only once its load is granted.
    sample = graph(task(0, (Chunk(load(4)),)), task(1, (Chunk(),), flat_plan(17), engine=1))
    sample = replace(sample, messages=(message(0, 0, 0, 2), message(1, 1, 0, 2)))
    run = execute(sample, ONE_BYTE, False, (), links())
    assert [record.done for record in run.tasks] == [19, 19]
    assert [record.arrived for record in run.messages] == [(19 + 7,), (19 + 11,)]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"id": 1}, "message 1 stands at position 0"),
        ({"after": 9}, "after task 9, which does not exist"),
        ({"destinations": ()}, "goes from processor 0 to"),
        ({"destinations": (2, 1)}, "not ascending"),
        ({"destinations": (0, 1)}, "goes from processor 0"),
        ({"bytes": 0}, "has 0 bytes"),
        ({"destinations": (2,)}, "task 1 receives message 0 at processor 1, which is none"),
        ({"after": 1}, "task 1 receives message 0, sent after task 1, not before it"),
    ],
)
def test_messages_that_are_not_well_formed_are_refused(fault: dict[str, object], words: str) -> None:
    sample = broadcast()
    wrong = replace(sample, messages=(replace(sample.messages[0], **fault),))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=words):
        wrong.validate()


def test_arrival_of_no_message_is_refused() -> None:
    with pytest.raises(ValueError, match="message 0, which does not exist"):
        replace(broadcast(), messages=()).validate()


@pytest.mark.parametrize("level", [critical_path, closed_form, find_bounds])
def test_messages_need_links(level: object) -> None:
    with pytest.raises(ValueError, match="1 messages, but no links"):
        level(broadcast(), ONE_BYTE)  # type: ignore[operator]
    with pytest.raises(ValueError, match="no links"):
        execute(broadcast(), ONE_BYTE, False)
