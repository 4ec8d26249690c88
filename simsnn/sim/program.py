"""A task graph laid out flat for running: chunks in engine order, requests, who waits for whom.

Chunks are numbered through, by task and chunk. Besides the edges of the graph a chunk waits for

* the chunk before it on its engine: loads start in order, and so does compute;
* an input slot, if it loads: of the loading chunks of an engine at most ``load_slots`` hold one. A
  slot is held from the start of the loads to the issue_end of the last chunk that can use it: the
  last of its task before the next one that loads (chunks without loads work on what is there);
* an output slot, if it stores: ``load_slots`` of them per engine, held from the start of compute
  until the chunk's stores are complete.

Slots are rings: the k-th user takes the slot of the (k - load_slots)-th.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from simsnn.schedule.graph import TaskGraph, Transfer
from simsnn.sim.channel import ChannelModel
from simsnn.sim.execution import Deadlock
from simsnn.sim.trace import OPERANDS

NONE = -1
"""No such chunk."""

TRANSFERS = np.dtype(
    [("number", "<i8"), ("channel", "<i8"), ("sram", "<i8"), ("bytes", "<i8"), ("operand", "<i8"), ("cycles", "<i8")]
)
"""One transfer: number of its chunk, where it goes, its bytes, number of its operand class (``trace.OPERANDS``),
cycles for which it holds the channel."""

_OPERAND = {operand: number for number, operand in enumerate(OPERANDS)}


@dataclass(frozen=True, slots=True)
class Program:
    """Chunks of a task graph; every list is indexed by chunk number unless said otherwise.

    Parameters
    ----------
    graph : TaskGraph
        Where it comes from.
    channels : tuple of ChannelModel
        DRAM first, then the local memories.
    first : list of int
        Number of the first chunk of each task.
    task, chunk, engine : list of int
        Task, position in the task, engine.
    order : tuple of list of int, per engine
        Chunk numbers in the order in which the engine runs them.
    before : list of int
        Chunk before it on its engine, or NONE.
    input_slot : list of int
        Chunk whose issue_end frees the slot that its loads take, or NONE.
    output_slot : list of int
        Chunk whose last store frees the slot that its results take, or NONE.
    loads, stores : list of tuple of Transfer
        Its transfers.
    occupancy_cycles : tuple of dict, per channel
        For how long a transfer of so many bytes holds the channel.
    loaded, stored : ndarray of TRANSFERS
        All loads and all stores, by chunk number.
    """

    graph: TaskGraph
    channels: tuple[ChannelModel, ...]
    first: list[int]
    task: list[int]
    chunk: list[int]
    engine: list[int]
    order: tuple[list[int], ...]
    before: list[int]
    input_slot: list[int]
    output_slot: list[int]
    loads: list[tuple[Transfer, ...]]
    stores: list[tuple[Transfer, ...]]
    occupancy_cycles: tuple[dict[int, int], ...]
    loaded: NDArray[np.void]
    stored: NDArray[np.void]

    def is_last(self, number: int) -> bool:
        """Whether a chunk is the last of its task."""
        return number + 1 == len(self.task) or self.chunk[number + 1] == 0


def build_program(graph: TaskGraph, channels: tuple[ChannelModel, ...]) -> Program:
    """Lay a graph out flat.

    Parameters
    ----------
    graph : TaskGraph
        A valid graph; every task has at least one chunk.
    channels : tuple of ChannelModel
        DRAM first, then the local memories, as ``Transfer.channel`` counts them.

    Raises
    ------
    ValueError
        For a task without chunks, without the issue counts that its slowdown needs, on an engine
        or over a channel that does not exist, or for an engine without a load slot.
    """
    graph.validate()
    _check(graph, len(channels))
    first: list[int] = []
    task: list[int] = []
    chunk: list[int] = []
    order: tuple[list[int], ...] = tuple([] for _ in graph.engines)
    for t in graph.tasks:
        first.append(len(task))
        order[t.engine].extend(range(len(task), len(task) + len(t.chunks)))
        task.extend([t.id] * len(t.chunks))
        chunk.extend(range(len(t.chunks)))
    chunks = [c for t in graph.tasks for c in t.chunks]
    loads = [c.loads for c in chunks]
    stores = [c.stores for c in chunks]
    before = [NONE] * len(task)
    input_slot = [NONE] * len(task)
    output_slot = [NONE] * len(task)
    for row, slots in zip(order, graph.load_slots, strict=True):
        for earlier, later in pairwise(row):
            before[later] = earlier
        _link_slots(row, slots, task, loads, input_slot)
        storing = [number for number in row if stores[number]]
        for earlier, later in zip(storing, storing[slots:], strict=False):
            output_slot[later] = earlier
    engine = [graph.tasks[t].engine for t in task]
    loaded, stored = _columns(loads), _columns(stores)
    occupancy = _occupancies((loaded, stored), channels)
    return Program(
        graph,
        channels,
        first,
        task,
        chunk,
        engine,
        order,
        before,
        input_slot,
        output_slot,
        loads,
        stores,
        occupancy,
        loaded,
        stored,
    )


def _link_slots(
    row: list[int], slots: int, task: list[int], loads: list[tuple[Transfer, ...]], input_slot: list[int]
) -> None:
    loading: list[int] = []
    last_user: list[int] = []
    for number in row:
        if loads[number]:
            loading.append(number)
            last_user.append(number)
        elif loading and task[number] == task[loading[-1]]:
            last_user[-1] = number
    for user, later in zip(last_user, loading[slots:], strict=False):
        input_slot[later] = user


def _columns(transfers: list[tuple[Transfer, ...]]) -> NDArray[np.void]:
    """Fields of TRANSFERS; the cycles are still 0."""
    fields = [
        value
        for number, group in enumerate(transfers)
        for t in group
        for value in (number, t.channel, t.sram, t.bytes, _OPERAND[t.operand])
    ]
    columns = np.array(fields, np.int64).reshape(-1, 5).T
    found = np.zeros(columns.shape[1], TRANSFERS)
    for name, column in zip(("number", "channel", "sram", "bytes", "operand"), columns, strict=True):
        found[name] = column
    return found


def _occupancies(moved: tuple[NDArray[np.void], ...], channels: tuple[ChannelModel, ...]) -> tuple[dict[int, int], ...]:
    """Cycles of every size on every channel; fills in those of the transfers."""
    found: tuple[dict[int, int], ...] = tuple({} for _ in channels)
    for rows in moved:
        channel, size, cycles = rows["channel"].copy(), rows["bytes"].copy(), rows["cycles"]
        for index, model in enumerate(channels):
            mine = np.flatnonzero(channel == index)
            sizes, which = np.unique(size[mine], return_inverse=True)
            alone = [model.occupancy_cycles(each) for each in sizes.tolist()]
            found[index].update(zip(sizes.tolist(), alone, strict=True))
            cycles[mine] = np.array(alone, np.int64)[which]
    return found


def _check(graph: TaskGraph, channels: int) -> None:
    if len(graph.load_slots) != len(graph.engines) or any(slots < 1 for slots in graph.load_slots):
        raise ValueError(f"every engine needs a load slot: {graph.load_slots} for {len(graph.engines)} engines")
    known: set[int] = set()
    for task in graph.tasks:
        if not task.chunks:
            raise ValueError(f"task {task.id} has no chunks")
        if not 0 <= task.engine < len(graph.engines):
            raise ValueError(f"task {task.id} runs on engine {task.engine}, which does not exist")
        if task.slowdown < 1 or (task.slowdown > 1 and len(task.issues) != len(task.chunks)):
            raise ValueError(f"task {task.id} has slowdown {task.slowdown} and {len(task.issues)} issue counts")
        if id(task.chunks) in known:  # many tasks move the same
            continue
        known.add(id(task.chunks))
        if not all(0 <= t.channel < channels for c in task.chunks for t in c.loads + c.stores):
            raise ValueError(f"task {task.id} uses a channel that does not exist; there are {channels}")


def blocked(program: Program, stuck: list[int]) -> Deadlock:
    """Error for a run that cannot go on.

    Parameters
    ----------
    program : Program
        What ran.
    stuck : list of int
        First chunk of each engine that could not compute.
    """
    engines, engine = program.graph.engines, program.engine
    places = "; ".join(f"{engines[engine[n]]} at chunk {program.chunk[n]} of task {program.task[n]}" for n in stuck)
    return Deadlock(
        f"chunks of the task graph wait for one another: {places}",
        remedy="no chunk edge may lead to a chunk that waits for this one, be it through an engine's order or a slot",
    )
