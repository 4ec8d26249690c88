"""Questions to the links on the event clock: who waits for whom, for how long, in which order."""

from __future__ import annotations

import pytest
from simpy import Environment

from simsnn.costs import OperandClass
from simsnn.memory.interconnect import Interconnect
from simsnn.memory.link import LinkConfig
from simsnn.schedule.graph import Message
from simsnn.sim.channel import Call, schedule
from simsnn.sim.execution import LinkUse
from simsnn.sim.network import SEVERAL, PacketNetwork


def machine(kind: str, count: int, *, latency: int = 0, multicast: bool = True, rate: int = 4) -> Interconnect:
    """Packets of 8 B; a channel takes 2 cycles for one at 4 B/cycle."""
    config = LinkConfig.model_validate(
        {"name": "net", "kind": kind, "bandwidth": f"{rate} B/cycle", "packet": "8 B", "latency_cycles": latency,
         "multicast": multicast}
    )  # fmt: skip
    return Interconnect.of((config,), tuple(f"p{number}" for number in range(count)), 10**9)


class Run:
    """Messages as (cycle, source, destinations, packets), numbered; deliveries as (message, processor, cycle)."""

    def __init__(self, interconnect: Interconnect, *sendings: tuple[int, int, tuple[int, ...], int]) -> None:
        self.env = Environment(0)
        self.deliveries: list[tuple[int, int, int]] = []
        self.network = PacketNetwork(self.env, interconnect, self.arrive)
        self.messages = [
            Message(number, 0, source, ends, OperandClass.SPIKES, 8 * packets)
            for number, (_, source, ends, packets) in enumerate(sendings)
        ]
        for number, sending in enumerate(sendings):
            if sending[0] >= 0:
                schedule(self.env, sending[0], 5, self.send, number)

    def send(self, call: Call) -> None:
        self.network.send(self.messages[call.value])

    def arrive(self, message: int, processor: int, cycle: int) -> None:
        assert cycle == self.env.now
        self.deliveries.append((message, processor, cycle))

    def times(self) -> list[int]:
        self.env.run()
        return [cycle for _, _, cycle in sorted(self.deliveries)]


def test_two_messages_that_come_over_one_channel_from_two_queues_get_every_other_packet() -> None:
    run = Run(machine("bus", 3), (0, 0, (2,), 5), (0, 1, (2,), 3))
    # 0 1 0 1 0 1 0 0, two cycles each
    assert run.times() == [16, 12]


def test_two_messages_of_one_processor_over_one_channel_go_one_after_the_other() -> None:
    run = Run(machine("point_to_point", 2, latency=3), (0, 0, (1,), 5), (1, 0, (1,), 2))
    assert run.times() == [13, 17]


def test_the_turn_goes_on_behind_the_processor_that_had_it_last() -> None:
    run = Run(machine("bus", 4), (0, 1, (3,), 1), (1, 0, (3,), 1), (1, 2, (3,), 1))
    assert run.times() == [2, 6, 4]


def test_a_message_sent_when_a_channel_falls_idle_takes_part_in_that_arbitration() -> None:
    # at cycle 2 processor 0 would go on with its second packet, but the turn is that of processor 1
    assert Run(machine("bus", 3), (0, 0, (2,), 2), (2, 1, (2,), 1)).times() == [6, 4]
    assert Run(machine("bus", 3), (0, 0, (2,), 2), (3, 1, (2,), 1)).times() == [4, 6]


def test_a_delivery_may_send_in_its_cycle_and_is_told_before_anything_else_of_it() -> None:
    run = Run(machine("bus", 3), (0, 0, (1,), 1), (0, 0, (2,), 4), (-1, 1, (2,), 1))
    order: list[str] = []

    def reply(message: int, processor: int, cycle: int) -> None:
        order.append(f"delivered {message}")
        run.deliveries.append((message, processor, cycle))
        if message == 0:
            run.network.send(run.messages[2])

    run.network._delivered = reply
    schedule(run.env, 2, 1, lambda _: order.append("other event of the cycle"))
    # the reply of cycle 2 goes before the second message, whose queue had the turn last
    assert run.times() == [2, 12, 4]
    assert order[:2] == ["delivered 0", "other event of the cycle"]


def test_deliveries_of_one_cycle_come_in_the_order_of_sending_then_of_destinations() -> None:
    run = Run(machine("crossbar", 6), (0, 3, (2, 5), 1), (0, 0, (1, 4), 1))
    run.env.run()
    assert run.deliveries == [(0, 2, 4), (0, 5, 4), (1, 1, 4), (1, 4, 4)]


def test_a_bus_serialises_what_a_crossbar_carries_at_once() -> None:
    pairs = ((0, 0, (1,), 10), (0, 2, (3,), 10))
    assert Run(machine("crossbar", 4), *pairs).times() == [22, 22]
    assert Run(machine("bus", 4), *pairs).times() == [38, 40]


def test_two_senders_share_the_input_port_of_a_crossbar() -> None:
    run = Run(machine("crossbar", 4), (0, 0, (3,), 10), (0, 1, (3,), 10))
    assert run.times() == [2 + 38, 2 + 40]
    assert max(run.network.peak_packets()) == 6


def test_both_ways_round_a_ring_are_used_at_once() -> None:
    assert Run(machine("ring", 5), (0, 0, (1,), 10), (0, 0, (4,), 10)).times() == [20, 20]


def test_a_message_through_a_processor_takes_turns_with_those_that_the_processor_sends() -> None:
    run = Run(machine("ring", 5, latency=1), (0, 0, (2,), 4), (3, 1, (2,), 4))
    # on p1->p2 the packets of 0 arrive at 3, 5, 7, 9, and those of processor 1, which has the first turn, at 3
    assert run.times() == [20, 18]


def test_a_multicast_occupies_a_bus_once_and_a_message_without_it_once_for_each_destination() -> None:
    once, each = (
        Run(machine("bus", 4), (0, 0, (1, 2, 3), 3)),
        Run(machine("bus", 4, multicast=False), (0, 0, (1, 2, 3), 3)),
    )
    assert once.times() == [6, 6, 6]
    assert each.times() == [6, 12, 18]
    assert once.network.uses() == (LinkUse(6, 24, 3),)
    assert each.network.uses() == (LinkUse(18, 72, 9),)


def test_the_last_packet_takes_as_long_as_the_others_and_counts_its_own_bytes() -> None:
    run = Run(machine("point_to_point", 2), (0, 0, (1,), 1))
    run.messages[0] = Message(0, 0, 0, (1,), OperandClass.SPIKES, 17)
    assert run.times() == [6]
    assert run.network.uses() == (LinkUse(6, 17, 3), LinkUse())


def test_stretches_name_the_message_unless_several_take_turns() -> None:
    run = Run(machine("bus", 3), (0, 0, (2,), 40), (20, 1, (2,), 3), (200, 1, (0,), 1))
    run.env.run()
    # ten packets, then turns (the eleventh has no rival yet when it starts), then what is left in one go
    assert run.network.stretches() == [
        (0, 0, 20, 0, 80), (0, 20, 30, SEVERAL, 40), (0, 30, 86, 0, 224), (0, 200, 202, 2, 8)
    ]  # fmt: skip


@pytest.mark.parametrize(("ends", "packets"), [((1,), 0), ((), 1), ((0, 1), 1)])
def test_messages_without_bytes_or_destinations_or_to_their_source_are_refused(
    ends: tuple[int, ...], packets: int
) -> None:
    run = Run(machine("bus", 3))
    with pytest.raises(ValueError, match="message 0 has no bytes, no destination, or itself as one"):
        run.network.send(Message(0, 0, 0, ends, OperandClass.SPIKES, packets))
