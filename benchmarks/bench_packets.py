"""Packets over the links of a 4 x 4 mesh: many messages that contend, and one message at a time."""

from __future__ import annotations

from random import Random

from simpy import Environment

from benchmarks.measurement import Measurement, NotMeasured, Yardstick
from benchmarks.timing import median_seconds
from simsnn.costs import OperandClass
from simsnn.memory.interconnect import Interconnect
from simsnn.memory.link import LinkConfig
from simsnn.schedule.graph import Message
from simsnn.sim.channel import Call, schedule
from simsnn.sim.network import PacketNetwork

PROCESSORS, PACKET, CLOCK = 16, 64, 10**9
MESSAGES, LARGEST = 400, 1_200
ALONE, LONG = 50, 40_000


class _Traffic:
    """Messages on a clock: sent at given cycles, or each when the one before is there."""

    def __init__(self, messages: list[Message], times: list[int] | None) -> None:
        config = LinkConfig.model_validate(
            {"name": "mesh0", "kind": "mesh", "bandwidth": "16 B/cycle", "latency_cycles": 4, "packet": f"{PACKET} B"}
        )
        links = Interconnect.of((config,), tuple(f"core{n}" for n in range(PROCESSORS)), CLOCK)
        self.env = Environment(0)
        self.messages = messages
        self.chained = times is None
        self.late = 0
        self.sent = [0] * len(messages)
        self.links = links
        self.network = PacketNetwork(self.env, links, self._delivered)
        for number, time in enumerate(times or [0]):
            schedule(self.env, time, 5, self._send, number)

    def run(self) -> int:
        """Packet-hops."""
        self.env.run()
        return sum(use.packets for use in self.network.uses())

    def _send(self, call: Call) -> None:
        message = self.messages[call.value]
        self.sent[message.id] = int(self.env.now)
        self.network.send(message)

    def _delivered(self, number: int, processor: int, cycle: int) -> None:
        message = self.messages[number]
        alone = self.links.alone_cycles(message.source, processor, message.bytes)
        self.late += cycle > self.sent[number] + alone
        if self.chained and number + 1 < len(self.messages):
            schedule(self.env, cycle + 1, 5, self._send, number + 1)


def packets_contended() -> Measurement:
    """Million packet-hops per second; messages of up to 1,200 packets, nearly all held up by others."""
    messages = _messages(MESSAGES, LARGEST)
    rng = Random(1)
    times = [rng.randrange(20_000) for _ in messages]
    traffic = _Traffic(messages, times)
    hops = traffic.run()
    if traffic.late < 0.9 * MESSAGES:
        raise NotMeasured(f"only {traffic.late} of {MESSAGES} messages are held up")
    rate = hops / median_seconds(lambda: _Traffic(messages, times).run(), 5) / 1e6
    return Measurement(rate, Yardstick("one message at a time", _alone_rate()), f"{hops:,} hops, {traffic.late} late")


def packets_uncontended() -> Measurement:
    """Million packet-hops per second; one message after the other."""
    messages = _messages(ALONE, LONG)
    traffic = _Traffic(messages, None)
    hops = traffic.run()
    if traffic.late:
        raise NotMeasured(f"{traffic.late} messages are held up")
    return Measurement(_alone_rate(), None, f"{hops:,} hops of {ALONE} messages")


def _alone_rate() -> float:
    messages = _messages(ALONE, LONG)
    hops = _Traffic(messages, None).run()
    return hops / median_seconds(lambda: _Traffic(messages, None).run(), 5) / 1e6


def _messages(count: int, largest: int) -> list[Message]:
    rng, found = Random(0), []
    for number in range(count):
        source, end = rng.sample(range(PROCESSORS), 2)
        size = PACKET * rng.randint(largest // 4, largest)
        found.append(Message(number, 0, source, (end,), OperandClass.SPIKES, size))
    return found
