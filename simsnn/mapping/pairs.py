"""Finding the pairs of a program that are worth fusing, and moving them next to one another."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace

from simsnn.engines.base import Plan
from simsnn.mapping.alike import KnownPair, coarse_options, fused_again, options_of, position
from simsnn.mapping.blocking import alone_at_least, busy_cycles
from simsnn.mapping.fusion import Fused, candidates, linked_tensor, pair_chunks
from simsnn.mapping.machine import Machine
from simsnn.mapping.mapped import MappedOperation, reads, writes
from simsnn.mapping.pair_path import pair_path_cycles, path_cycles
from simsnn.mapping.place import Placement
from simsnn.mapping.search import CutSearch
from simsnn.mapping.tasks import load_slots, task_of
from simsnn.schedule.graph import Chunk, Task, TaskGraph
from simsnn.sim.critical_path import critical_path
from simsnn.workload.operation import GemmOperation, Operation, VectorOperation


def fuse_pairs(mapped: tuple[MappedOperation, ...], search: CutSearch) -> tuple[MappedOperation, ...]:
    """Fuse every pair for which that is faster than doing the two apart.

    The consumer is moved directly behind its producer, which needs that nothing between them
    feeds it or depends on it.
    """
    program, uses = list(mapped), _Uses(mapped)
    numbers = list(range(len(program)))
    place = 0
    while place < len(program):
        partner = _partner(program, numbers, place, uses)
        if partner is not None and search.together(program[place].operation, program[partner].operation):
            fused = best_of_shape(program[place], program[partner], search)
            if fused is not None:
                producer, consumer = joined(program[place], program.pop(partner), fused)
                program[place] = producer
                program.insert(place + 1, consumer)
                numbers.insert(place + 1, numbers.pop(partner))
                place += 1
        place += 1
    return tuple(program)


class _Uses:
    """Who reads and who writes each tensor, by the numbers of operations in the program as it came.

    Moving consumers never changes the order of a tensor's writers, nor on which side of them a reader stands.
    """

    def __init__(self, program: tuple[MappedOperation, ...]) -> None:
        self._numbers: dict[str, list[int]] = {}
        self._kinds: dict[str, list[tuple[bool, bool]]] = {}
        for number, item in enumerate(program):
            read = {operand.tensor for operand in reads(item.operation)}
            written = {operand.tensor for operand in writes(item.operation)}
            for tensor in read | written:
                self._numbers.setdefault(tensor, []).append(number)
                self._kinds.setdefault(tensor, []).append((tensor in read, tensor in written))

    def only_reader(self, number: int, tensor: str) -> int | None:
        """The operation that alone reads a tensor as operation ``number`` leaves it, before it is written again."""
        numbers, kinds = self._numbers[tensor], self._kinds[tensor]
        found = None
        for place in range(bisect_right(numbers, number), len(numbers)):
            reading, writing = kinds[place]
            if reading and found is not None:
                return None
            found = numbers[place] if reading else found
            if writing:
                break
        return found


def _partner(program: list[MappedOperation], numbers: list[int], position: int, uses: _Uses) -> int | None:
    """The only reader of a product's output, if it is vector work that may stand behind it."""
    producer = program[position]
    if not isinstance(producer.operation, GemmOperation):
        return None
    reader = uses.only_reader(numbers[position], producer.operation.output.tensor)
    if reader is None:
        return None
    place = numbers.index(reader, position + 1)
    consumer = program[place]
    if linked_tensor(producer.operation, consumer.operation) is None or producer.placement == consumer.placement:
        return None
    between = program[position + 1 : place]
    touched = {o.tensor for o in (*reads(consumer.operation), *writes(consumer.operation))}
    made = {o.tensor for item in between for o in writes(item.operation)}
    used = {o.tensor for item in between for o in reads(item.operation)}
    wanted = {o.tensor for o in writes(consumer.operation)}
    return None if made & touched or used & wanted else place


def best_of_shape(producer: MappedOperation, consumer: MappedOperation, search: CutSearch) -> Fused | None:
    """Fastest fused way of a pair, remembered from a pair of the same shape."""
    machine, known = search.machine, search.known
    shape = known.key((producer.operation, producer.placement), (consumer.operation, consumer.placement))
    if shape in known.pairs:
        found, tensor = known.pairs[shape], writes(producer.operation)[0].tensor
        return None if found is None else fused_again(found, producer, consumer, tensor, machine)
    options = producer.options or pair_options(producer.operation, producer.placement, search)
    fused = _best(replace(producer, options=options), consumer, search)
    known.pairs[shape] = None
    if fused is not None:
        moves = (fused.producer.moves, fused.consumer.moves)
        plan, follower = fused.producer.plan, fused.consumer.plan
        known.pairs[shape] = KnownPair(plan, follower, position(options, plan), moves, fused.group)
    return fused


def pair_options(operation: Operation, placement: Placement, search: CutSearch) -> tuple[Plan, ...]:
    """Ways to cut the producer of a pair: those of so many chunks as a pair may have, as far as its engine can tell."""
    coarse = coarse_options(operation, placement, search.machine, search.most_chunks)
    return coarse or options_of(operation, placement, search.machine)


def _best(producer: MappedOperation, consumer: MappedOperation, search: CutSearch) -> Fused | None:
    """Fastest fused way of a pair alone on the machine, or None where apart is faster."""
    machine = search.machine
    tensor = linked_tensor(producer.operation, consumer.operation)
    assert tensor is not None
    follow = getattr(machine.engines[consumer.placement.engine], "follow", None)
    if follow is None or not isinstance(consumer.operation, VectorOperation):
        return None
    pairs = candidates(
        producer.options,
        consumer.operation,
        follow,
        tensor,
        machine,
        (search.shares(producer.placement.engine), search.shares(consumer.placement.engine)),
        search.most_chunks,
        None if search.known.layouts is None else search.known.layouts.pair(producer, consumer),
    )
    best, fewest = None, _apart_cycles(producer, consumer, search)
    # the most promising first, so that most of the others need no closer look
    promising = sorted(((_at_least(fused, machine), i, fused) for i, fused in enumerate(pairs)), key=lambda p: p[:2])
    for least, _, fused in promising:
        if least >= fewest:
            break
        cycles = _fused_cycles(producer, consumer, fused, machine)
        if cycles < fewest:
            best, fewest = fused, cycles
    return best


def _at_least(fused: Fused, machine: Machine) -> int:
    """No run of the pair is faster than its longer engine, or than its transfers on one channel."""
    moves = (*fused.producer.moves, *fused.consumer.moves)
    return max(
        busy_cycles(moves, machine.dram), *(alone_at_least(choice.plan) for choice in (fused.producer, fused.consumer))
    )


def joined(
    producer: MappedOperation, consumer: MappedOperation, fused: Fused
) -> tuple[MappedOperation, MappedOperation]:
    """Producer and consumer as they run in a pair."""
    resident = frozenset({writes(producer.operation)[0].tensor})
    first, second = (
        (item.operation, item.placement, item.options, choice, item.across, item.slowdown)
        for item, choice in ((producer, fused.producer), (consumer, fused.consumer))
    )
    return (
        MappedOperation(*first, fused=fused, consumes=producer.consumes, resident=resident),
        MappedOperation(*second, fused=fused, consumes=True, resident=resident),
    )


def _apart_cycles(producer: MappedOperation, consumer: MappedOperation, search: CutSearch) -> int:
    machine = search.machine
    if producer.placement.engine == consumer.placement.engine:
        chunks = tuple(tuple(Chunk(m.loads, m.stores) for m in item.choice.moves) for item in (producer, consumer))
        return _alone(_tasks((producer, consumer), chunks, (0,)), machine)
    moves = (*producer.choice.moves, *consumer.choice.moves)
    known, place = search.known.paths, id(consumer.choice.moves)
    if place not in known:  # many products lead to vector work of one shape
        known[place] = consumer.choice.moves, _path(consumer, machine)
    return max(_path(producer, machine) + known[place][1], busy_cycles(moves, machine.dram))


def _path(item: MappedOperation, machine: Machine) -> int:
    return path_cycles(item.choice.plan, item.choice.moves, item.slowdown, machine.dram, load_slots(machine))


def _fused_cycles(producer: MappedOperation, consumer: MappedOperation, fused: Fused, machine: Machine) -> int:
    dram, slots = machine.dram, load_slots(machine)
    if producer.placement.engine == consumer.placement.engine:
        items = joined(producer, consumer, fused)
        return _alone(_tasks(items, pair_chunks(fused, (0, 1), slots), ()), machine)
    path = pair_path_cycles(fused, (producer.slowdown, consumer.slowdown), dram, slots)
    return max(path, busy_cycles((*fused.producer.moves, *fused.consumer.moves), dram))


def _tasks(
    items: tuple[MappedOperation, MappedOperation], chunks: tuple[tuple[Chunk, ...], ...], after: tuple[int, ...]
) -> tuple[Task, Task]:
    return task_of(0, items[0], chunks[0], ()), task_of(1, items[1], chunks[1], after)


def _alone(tasks: tuple[Task, Task], machine: Machine) -> int:
    """Longest path of the two tasks, but never less than their transfers on one channel."""
    slots = load_slots(machine)
    engines = tuple(engine.name for engine in machine.engines)
    graph = TaskGraph(tasks, engines, tuple(s.name for s in machine.srams), (slots,) * len(engines))
    run = critical_path(graph, machine.dram)
    return max(run.makespan_cycles, run.dram.busy_cycles)
