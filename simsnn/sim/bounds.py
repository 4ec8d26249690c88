"""Bounds that every event-driven run must keep: max(roofline, P) <= D <= serial sum.

* roofline: no channel carries less than the sum of its occupancies, no engine works less than the
  closed forms of its tasks (frozen edges included), whatever overlaps.
* P: the critical path has a private channel for every requester and is otherwise the same machine;
  sharing a channel only moves grants back, and every time is monotone in the grants.
* serial sum: at every moment of a run some transfer is served or under way (latency), or some
  chunk is between ready and its result; otherwise nothing could ever happen again. So the run
  takes no longer than all of these one after another. A chunk's share is what it takes from an
  engine whose pipeline has run empty, because waiting in between may cost fill and drain once per
  chunk; the closed form of a task, which pays them once, is *not* an upper bound. Frozen edges
  (slowdown - 1) * issues are added.

Assumption: ``advance`` is monotone, and max-plus in what it waits for (docs/machines section 9). A
plan that is not, such as one with a dynamic queue (section 7), says so with an attribute
``monotone = False``; then only the channels' roofline is a bound.

Tests: ``tests/property/test_sim_bounds.py``.
"""

from __future__ import annotations

from dataclasses import dataclass

from simsnn.errors import ModelDisagreement
from simsnn.schedule.graph import Task, TaskGraph
from simsnn.sim.channel import ChannelModel, DramModel
from simsnn.sim.critical_path import closed_form, critical_path
from simsnn.sim.execution import Execution


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds of a task graph's makespan, in cycles.

    Parameters
    ----------
    roofline_cycles : int
        Largest total work of one engine or channel.
    critical_path_cycles : int
        Longest path without contention.
    serial_cycles : int
        Every transfer and every chunk one after another.
    channel_cycles : int
        Largest total occupancy of one channel.
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


def find_bounds(graph: TaskGraph, dram: DramModel, links: tuple[ChannelModel, ...] = ()) -> Bounds:
    """Bounds of a task graph; runs its plans three times, without SimPy.

    Raises
    ------
    ValueError, Deadlock, ModelDisagreement
        As ``simsnn.sim.executor.execute``.
    """
    closed = closed_form(graph, dram, links)
    work = [0] * len(graph.engines)
    for task, record in zip(graph.tasks, closed.tasks, strict=True):
        work[task.engine] += record.end - record.start
    channel_cycles = max(use.busy_cycles for use in closed.channels)
    return Bounds(
        roofline_cycles=max([channel_cycles, *work]),
        critical_path_cycles=critical_path(graph, dram, links).makespan_cycles,
        serial_cycles=serial_sum(graph, (dram, *links)),
        channel_cycles=channel_cycles,
        monotone=all(getattr(task.plan, "monotone", True) for task in graph.tasks),
    )


def serial_sum(graph: TaskGraph, channels: tuple[ChannelModel, ...]) -> int:
    """Cycles of every transfer (latency included) and every chunk one after another."""
    transfers = (t for task in graph.tasks for c in task.chunks for t in c.loads + c.stores)
    moved = sum(channels[t.channel].occupancy_cycles(t.bytes) + channels[t.channel].latency_cycles for t in transfers)
    return moved + sum(_serial_task(task) for task in graph.tasks)


def _serial_task(task: Task) -> int:
    """A task whose every chunk waits for the last result of the chunk before it."""
    state, end = task.plan.start(), 0
    for chunk in range(len(task.chunks)):
        end = int(task.plan.advance(state, chunk, end)[1])
    return end + (task.slowdown - 1) * sum(task.issues)


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
