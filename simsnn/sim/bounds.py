"""Bounds that every event-driven run must keep: max(roofline, P) <= D <= serial sum.

* roofline: no channel or link carries less than the sum of its occupancies, no engine works less
  than the closed forms of its tasks (frozen edges included), whatever overlaps.
* P: the critical path has a private channel for every requester and all links for every message,
  and is otherwise the same machine; sharing only moves grants and packets back, and every time is
  monotone in them.
* serial sum: at every moment of a run some transfer is served or under way (latency), some packet
  holds a link or is under way to the next, or some chunk is between ready and its result; otherwise
  nothing could ever happen again. So the run takes no longer than all of these one after another.
  A chunk's share is what it takes from an engine whose pipeline has run empty, because waiting in
  between may cost fill and drain once per chunk; the closed form of a task, which pays them once,
  is *not* an upper bound. Frozen edges (slowdown - 1) * issues are added. A message's share is every
  packet over every link of its tree, hold and latency, one after another: with multicast a packet is
  on several branches at once, which only shortens the run. What the message takes alone would be too
  little, for there its packets overlap one another, while packets of others may come in between.

Assumption: ``advance`` is monotone, and max-plus in what it waits for (docs/machines section 9). A
plan that is not, such as one with a dynamic queue (section 7), says so with an attribute
``monotone = False``; then only the roofline of channels and links is a bound.

Tests: ``tests/property/test_sim_bounds.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from simsnn.errors import ModelDisagreement
from simsnn.schedule.graph import TaskGraph
from simsnn.sim.alone import AloneTasks
from simsnn.sim.channel import ChannelModel, DramModel
from simsnn.sim.critical_path import run_critical_path
from simsnn.sim.execution import Execution
from simsnn.sim.garbage import collector_paused
from simsnn.sim.messages import check_links, link_uses, packet_sum
from simsnn.sim.program import Program, build_program
from simsnn.sim.recorder import channel_uses

if TYPE_CHECKING:
    from simsnn.memory.interconnect import Interconnect


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds of a task graph's makespan, in cycles.

    Parameters
    ----------
    roofline_cycles : int
        Largest total work of one engine, channel or link.
    critical_path_cycles : int
        Longest path without contention.
    serial_cycles : int
        Every transfer, every packet and every chunk one after another.
    channel_cycles : int
        Largest total occupancy of one channel or link.
    monotone : bool
        Whether every plan is; if not, ``channel_cycles`` alone binds.
    """

    roofline_cycles: int
    critical_path_cycles: int
    serial_cycles: int
    channel_cycles: int
    monotone: bool

    @property
    def lower_cycles(self) -> int:
        """No run is faster."""
        return max(self.roofline_cycles, self.critical_path_cycles) if self.monotone else self.channel_cycles


@collector_paused()
def find_bounds(
    graph: TaskGraph,
    dram: DramModel,
    memories: tuple[ChannelModel, ...] = (),
    interconnect: Interconnect | None = None,
    path: Execution | None = None,
) -> Bounds:
    """Bounds of a task graph; runs its plans, but no SimPy.

    Parameters
    ----------
    graph, dram, memories, interconnect
        As of ``simsnn.sim.executor.execute``.
    path : Execution or None
        Critical path of the same graph, where it is known already.

    Raises
    ------
    ValueError, Deadlock, ModelDisagreement
        As ``simsnn.sim.executor.execute``.
    """
    check_links(graph, interconnect)
    program = build_program(graph, (dram, *memories))
    alone = AloneTasks()
    work = [0] * len(graph.engines)
    for task in graph.tasks:
        work[task.engine] += alone.of(task).end
    busy = [use.busy_cycles for use in channel_uses(program)]
    channel_cycles = max(busy + [use.busy_cycles for use in link_uses(graph, interconnect)])
    path = run_critical_path(program, interconnect) if path is None else path
    return Bounds(
        roofline_cycles=max([channel_cycles, *work]),
        critical_path_cycles=path.makespan_cycles,
        serial_cycles=_serial(program, alone, interconnect),
        channel_cycles=channel_cycles,
        monotone=all(getattr(task.plan, "monotone", True) for task in graph.tasks),
    )


def serial_sum(graph: TaskGraph, channels: tuple[ChannelModel, ...], interconnect: Interconnect | None = None) -> int:
    """Cycles of every transfer, every packet (latency included) and every chunk one after another."""
    return _serial(build_program(graph, channels), AloneTasks(), interconnect)


def _serial(program: Program, alone: AloneTasks, interconnect: Interconnect | None) -> int:
    latency = np.array([model.latency_cycles for model in program.channels], np.int64)
    moved = sum(int((rows["cycles"] + latency[rows["channel"]]).sum()) for rows in (program.loaded, program.stored))
    computed = sum(alone.of(task).serial for task in program.graph.tasks)
    return moved + computed + packet_sum(program.graph, interconnect)


def check_bounds(execution: Execution, bounds: Bounds) -> None:
    """Check a run against its bounds.

    Raises
    ------
    ModelDisagreement
        If the run is faster than a lower or slower than the upper bound.
    """
    cycles = execution.makespan_cycles
    if cycles < bounds.lower_cycles:
        raise ModelDisagreement(
            f"the run takes {cycles} cycles, less than its lower bound of {bounds.lower_cycles}: roofline"
            f" {bounds.roofline_cycles}, critical path {bounds.critical_path_cycles} cycles"
        )
    if bounds.monotone and cycles > bounds.serial_cycles:
        raise ModelDisagreement(
            f"the run takes {cycles} cycles, more than all its work in series: {bounds.serial_cycles}"
        )
