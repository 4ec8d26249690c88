"""The task graph of a step: tasks on engines, chunks within tasks, what waits for what.

A task is one operation on one engine. It is cut into chunks, each load -> compute -> store.
Edges between tasks are of two kinds: a *task edge* waits for everything the producer stores; a
*chunk edge* waits for one chunk of the producer, whose result then stays in SRAM.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from simsnn.costs import OperandClass
from simsnn.workload.operation import Pass, TaskPart

if TYPE_CHECKING:
    # A graph needs the protocol alone; importing it would load every engine and its kernels.
    from simsnn.engines.base import Plan


class Event(IntEnum):
    """Which moment of a producer chunk an edge waits for."""

    ISSUED = 0
    RESULT = 1
    STORED = 2


@dataclass(frozen=True, slots=True)
class Transfer:
    """Bytes between a memory and an SRAM.

    ``channel`` 0 is the DRAM, channel i the local memory of processor i - 1.
    """

    operand: OperandClass
    sram: int
    bytes: int
    channel: int = 0


@dataclass(frozen=True, slots=True)
class ChunkEdge:
    """A chunk waits for an event of a chunk of another task, or of an earlier one of its own.

    The other task may stand later in the graph: a producer that must not overwrite a result waits for
    its consumer's ISSUED. The event engine refuses graphs whose chunks wait in a circle.
    """

    task: int
    chunk: int
    event: Event


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk of a task: what it loads, what it waits for, what it stores.

    ``load_after`` edges hold back the loads (and, without any, the compute), ``compute_after``
    edges the compute. What is loaded occupies SRAM from the start of the loads to issue_end, what
    is stored from the start of compute to the end of the store.
    """

    loads: tuple[Transfer, ...] = ()
    stores: tuple[Transfer, ...] = ()
    load_after: tuple[ChunkEdge, ...] = ()
    compute_after: tuple[ChunkEdge, ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """Bytes from one processor to others over the links, sent as soon as a task is done.

    Parameters
    ----------
    id : int
        Position in the graph's message list.
    after : int
        Task whose stores must all have ended.
    source : int
        Processor it leaves.
    destinations : tuple of int
        Processors it goes to; ascending, never the source.
    operand : OperandClass
        What it carries.
    bytes : int
        How much, positive.
    """

    id: int
    after: int
    source: int
    destinations: tuple[int, ...]
    operand: OperandClass
    bytes: int


@dataclass(frozen=True, slots=True)
class Arrival:
    """The last byte of a message at one of its destinations."""

    message: int
    processor: int


@dataclass(frozen=True, slots=True)
class Task:
    """One operation on one engine.

    Parameters
    ----------
    id : int
        Position in the graph's task list.
    layer, pass_, part : str, Pass, TaskPart
        What it does.
    engine : int
        Index of the engine that runs it; an engine runs its tasks in id order.
    dataflow : str
        Dataflow or order of the plan, for the report.
    plan : Plan
        How the engine runs it.
    chunks : tuple of Chunk
        One per chunk of the plan.
    after : tuple of int
        Tasks whose stores must all have ended before this task loads or computes anything.
    slowdown : int
        rho of docs/machines section 7: ceil(words demanded / words supplied) of the worst SRAM port.
    issues : tuple of int
        Issue edges of each chunk, which a slowdown stretches.
    receives : tuple of Arrival
        Messages that must have arrived before this task loads or computes anything.
    """

    id: int
    layer: str
    pass_: Pass
    part: TaskPart
    engine: int
    dataflow: str
    plan: Plan
    chunks: tuple[Chunk, ...]
    after: tuple[int, ...] = ()
    slowdown: int = 1
    issues: tuple[int, ...] = ()
    receives: tuple[Arrival, ...] = ()


@dataclass(frozen=True, slots=True)
class TaskGraph:
    """Tasks in an order in which every task edge points backwards.

    Parameters
    ----------
    tasks : tuple of Task
        Ids are positions.
    engines : tuple of str
        Names of the engines, indexed by ``Task.engine``.
    srams : tuple of str
        Names of the SRAMs, indexed by ``Transfer.sram``.
    load_slots : tuple of int
        Chunks of one engine that may be in flight per SRAM set: 2 when double-buffered, else 1,
        indexed by engine.
    messages : tuple of Message
        What crosses the links; ids are positions.
    """

    tasks: tuple[Task, ...]
    engines: tuple[str, ...]
    srams: tuple[str, ...]
    load_slots: tuple[int, ...]
    messages: tuple[Message, ...] = ()

    def validate(self) -> None:
        """Check that ids are positions, task and message edges point backwards, chunk edges to chunks that exist.

        Raises
        ------
        ValueError
            Naming the first task or message that breaks one of these.
        """
        self._validate_messages()
        for position, task in enumerate(self.tasks):
            if task.id != position:
                raise ValueError(f"task {task.id} stands at position {position}")
            if len(task.chunks) != task.plan.chunk_count:
                raise ValueError(f"task {task.id} has {len(task.chunks)} chunks, its plan {task.plan.chunk_count}")
            for chunk, edge in ((i, e) for i, c in enumerate(task.chunks) for e in c.load_after + c.compute_after):
                if not (0 <= edge.task < len(self.tasks) and 0 <= edge.chunk < len(self.tasks[edge.task].chunks)):
                    raise ValueError(
                        f"task {task.id} waits for chunk {edge.chunk} of task {edge.task}, which does not exist"
                    )
                if edge.task == position and edge.chunk >= chunk:
                    raise ValueError(f"chunk {chunk} of task {task.id} waits for its own later chunk {edge.chunk}")
            if any(not 0 <= before < position for before in task.after):
                raise ValueError(f"task {task.id} waits for a task that is not before it: {task.after}")
            for arrival in task.receives:
                self._validate_arrival(position, arrival)

    def _validate_messages(self) -> None:
        for position, message in enumerate(self.messages):
            if message.id != position:
                raise ValueError(f"message {message.id} stands at position {position}")
            if not 0 <= message.after < len(self.tasks):
                raise ValueError(f"message {position} is sent after task {message.after}, which does not exist")
            ends = message.destinations
            if not ends or list(ends) != sorted(set(ends)) or message.source in ends:
                raise ValueError(
                    f"message {position} goes from processor {message.source} to {ends}: not ascending others"
                )
            if message.bytes <= 0:
                raise ValueError(f"message {position} has {message.bytes} bytes")

    def _validate_arrival(self, task: int, arrival: Arrival) -> None:
        if not 0 <= arrival.message < len(self.messages):
            raise ValueError(f"task {task} receives message {arrival.message}, which does not exist")
        message = self.messages[arrival.message]
        if arrival.processor not in message.destinations:
            raise ValueError(
                f"task {task} receives message {message.id} at processor {arrival.processor},"
                f" which is none of its destinations {message.destinations}"
            )
        if message.after >= task:
            raise ValueError(
                f"task {task} receives message {message.id}, sent after task {message.after}, not before it"
            )
