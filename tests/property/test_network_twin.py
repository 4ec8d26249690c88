"""Links on the event clock against the network that is stepped cycle by cycle, and laws of both."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from simpy import Environment

from simsnn.costs import OperandClass
from simsnn.memory.interconnect import Interconnect
from simsnn.memory.link import LinkConfig
from simsnn.reference.network import run_network
from simsnn.schedule.graph import Message
from simsnn.sim import link_check
from simsnn.sim.link_check import (
    COMBINATIONS,
    TOPOLOGIES,
    Case,
    Sending,
    Switches,
    check_links,
    compare_case,
    draw_case,
    simulate,
)
from simsnn.sim.network import SEVERAL, PacketNetwork
from tests.naive import network as naive

Ints = NDArray[np.int64]

GENERATE = (Phase.explicit, Phase.generate)
CASES = 40


@pytest.mark.parametrize("switches", COMBINATIONS, ids=lambda switches: switches.name)
def test_every_time_cycle_packet_and_queue_is_that_of_the_stepped_network(switches: Switches) -> None:
    result = check_links(switches, CASES, seed=5)
    assert (result.cases, result.mismatches, result.max_error) == (CASES, 0, 0)


@settings(max_examples=40, deadline=None, phases=GENERATE)
@given(seed=st.integers(0, 2**32), combination=st.sampled_from(COMBINATIONS))
def test_random_networks_are_those_of_the_stepped_network(seed: int, combination: Switches) -> None:
    case = draw_case(np.random.default_rng(seed), combination)
    assert compare_case(case) == 0


@settings(max_examples=60, deadline=None, phases=GENERATE)
@given(seed=st.integers(0, 2**32), kind=st.sampled_from(TOPOLOGIES), multicast=st.booleans())
def test_ways_and_turns_are_those_of_a_network_in_plain_python(seed: int, kind: str, multicast: bool) -> None:
    rng = np.random.default_rng(seed)
    count = 2 if kind == "point_to_point" else int(rng.integers(2, 8))
    columns = int(rng.choice([width for width in range(1, count + 1) if count % width == 0]))
    packet, rate, latency = (int(rng.integers(low, 6)) for low in (1, 1, 0))
    net = line(kind, count, latency=latency, packet=packet, rate=rate, multicast=multicast, columns=columns)
    messages = []
    for _ in range(int(rng.integers(1, 8))):
        source, *others = (int(p) for p in rng.permutation(count)[: int(rng.integers(2, count + 1))])
        messages.append(naive.Sent(int(rng.integers(0, 12)), source, tuple(sorted(others)), int(rng.integers(1, 40))))
    component = naive.Component(kind, count, columns, -(-packet // rate), latency, packet, multicast)
    want = naive.run(component, [link.name.removeprefix("net ") for link in net.links], messages)
    sendings = tuple(
        Sending(Message(n, 0, m.source, m.destinations, OperandClass.SPIKES, m.size), m.cycle)
        for n, m in enumerate(messages)
    )
    found = simulate(Case(net, sendings)).delivered
    assert found == tuple(tuple(want[n, end] for end in m.destinations) for n, m in enumerate(messages))


@pytest.mark.parametrize("kind", TOPOLOGIES)
def test_long_messages_in_contention_are_those_of_the_stepped_network(kind: str) -> None:
    count = 2 if kind == "point_to_point" else 4
    net = line(kind, count, latency=3, packet=4, rate=3)
    sendings = tuple(
        Sending(Message(n, 0, n % count, ((n + 1 + n // count) % count,), OperandClass.SPIKES, 900 + 77 * n), 40 * n)
        for n in range(count + 1 if count > 2 else 2)
    )
    assert compare_case(Case(net, sendings)) == 0


@pytest.mark.parametrize(("column", "change"), [(3, "other turns"), (4, "slower packets"), (5, "more latency")])
def test_the_comparison_sees_a_stepped_network_that_is_another(
    monkeypatch: pytest.MonkeyPatch, column: int, change: str
) -> None:
    def other(sent: Ints, trigger: Ints, delay: Ints, hops: Ints, links: int, requesters: int) -> tuple[Ints, ...]:
        changed = hops.copy()
        changed[:, column] = requesters - 1 - hops[:, column] if change == "other turns" else hops[:, column] + 1
        return run_network(sent, trigger, delay, changed, links, requesters)

    monkeypatch.setattr(link_check, "run_network", other)
    assert check_links(Switches("bus", True), CASES, seed=5).mismatches > CASES // 10


def line(
    kind: str, count: int, *, latency: int, packet: int, rate: int, multicast: bool = True, columns: int | None = None
) -> Interconnect:
    """One component that joins all processors."""
    numbers = {"bandwidth": f"{rate} B/cycle", "packet": f"{packet} B", "latency_cycles": latency}
    columns = columns if kind == "mesh" else None
    described = {"name": "net", "kind": kind, "multicast": multicast, "columns": columns, **numbers}
    return Interconnect.of((LinkConfig.model_validate(described),), tuple(f"p{n}" for n in range(count)), 10**9)


@settings(max_examples=60, deadline=None, phases=GENERATE)
@given(seed=st.integers(0, 2**32), combination=st.sampled_from(COMBINATIONS), size=st.integers(1, 300))
def test_a_message_alone_takes_the_time_of_the_closed_form(seed: int, combination: Switches, size: int) -> None:
    net = draw_case(np.random.default_rng(seed), combination).interconnect
    source = max(p for p in range(len(net.processors)) if net.reached(p))
    for destination in net.reached(source):
        message = Message(0, 0, source, (destination,), OperandClass.SPIKES, size)
        case = Case(net, (Sending(message, 7),))
        assert simulate(case).delivered == ((7 + net.alone_cycles(source, destination, size),),)


@settings(max_examples=40, deadline=None, phases=GENERATE)
@given(seed=st.integers(0, 2**32), combination=st.sampled_from(COMBINATIONS))
def test_nothing_is_lost_nothing_overlaps_nothing_is_early(seed: int, combination: Switches) -> None:
    case = draw_case(np.random.default_rng(seed), combination)
    net, messages = case.interconnect, [sending.message for sending in case.sendings]
    traffic = simulate(case)
    carried = [part for m in messages for part in net.carried(m.source, m.destinations, m.bytes)]
    for link, use in enumerate(traffic.uses):
        parts = [part for part in carried if part.link == link]
        assert use.bytes == sum(part.bytes for part in parts)
        assert use.busy_cycles == sum(part.busy_cycles for part in parts)
        assert use.packets == sum(part.packets for part in parts)
    for message, sent, times in zip(messages, traffic.sent, traffic.delivered, strict=True):
        for destination, time in zip(message.destinations, times, strict=True):
            assert time >= sent + net.alone_cycles(message.source, destination, message.bytes)


@settings(max_examples=40, deadline=None, phases=GENERATE)
@given(seed=st.integers(0, 2**32), combination=st.sampled_from(COMBINATIONS))
def test_stretches_do_not_overlap_and_hold_what_the_channels_carried(seed: int, combination: Switches) -> None:
    case = draw_case(np.random.default_rng(seed), combination)
    env = Environment(0)
    network = PacketNetwork(env, case.interconnect, lambda _message, _processor, _cycle: None)
    for sending in case.sendings:
        network.send(sending.message)
    env.run()
    ends, carried = [0] * len(case.interconnect.links), [0] * len(case.interconnect.links)
    for link, start, end, message, size in network.stretches():
        assert ends[link] <= start < end
        assert message == SEVERAL or size <= case.sendings[message].message.bytes
        ends[link] = end
        carried[link] += size
    assert carried == [use.bytes for use in network.uses()]


@settings(max_examples=60, deadline=None, phases=GENERATE)
@given(
    kind=st.sampled_from(TOPOLOGIES),
    packet=st.integers(1, 40),
    size=st.integers(1, 400),
    rate=st.integers(1, 40),
    more=st.integers(1, 40),
)
def test_more_bandwidth_never_makes_a_message_later(kind: str, packet: int, size: int, rate: int, more: int) -> None:
    count = 2 if kind == "point_to_point" else 5
    before, after = (line(kind, count, latency=2, packet=packet, rate=value) for value in (rate, rate + more))
    times = []
    for net in (before, after):
        message = Message(0, 0, 0, tuple(range(1, count)), OperandClass.SPIKES, size)
        times.append(simulate(Case(net, (Sending(message, 0),))).delivered[0])
    assert all(later <= earlier for earlier, later in zip(*times, strict=True))


def test_equal_cases_give_equal_traffic_whatever_the_room_to_begin_with() -> None:
    rng = np.random.default_rng(3)
    for combination in COMBINATIONS:
        case = draw_case(rng, combination)
        assert simulate(case, room=1) == simulate(case, room=1000) == simulate(case, room=1000)
