"""What each processor's memory holds while a program runs.

Every tensor between tasks, every sum of weight gradients and every version of weights is held from
when it is first written to when it was last read:

* a tensor: on its maker's processor from the start of the maker to the end of its last reader there,
  or until the links have taken it; on another from the end of the maker to the end of its last reader there;
* a sum of weight gradients: from the start of the first W of an iteration to the end of its U;
* version k of weights (after k updates): from the end of the update that makes it to the end of its last
  reader, on U's processor also to the end of the next update, which then writes in its place;
* optimizer state and one version of the weights: always.

A tensor between tasks counts in its own operand class, versions beyond the first in ``weight_versions``; of each
class it is kept when how much is held. What neurons keep (``StepEdge.node``) is told apart besides.

Jobs are taken to be as long as in the replay, so the counts hold for those times; where F, B, W and U of a
layer are on one processor the order alone decides, and they hold for all times. Inputs of the network
are not counted. Twin: a census of every cycle (tests/naive/programs.py).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from simsnn.costs import OperandClass
from simsnn.schedule.periodic import NoLinks
from simsnn.schedule.program import MessageCosts, PipelineProgram
from simsnn.schedule.replay import Replay
from simsnn.schedule.step_graph import LayerTasks, StepEdge, StepGraph

Changes = list[tuple[int, int]]
"""(cycle, change); changes of one cycle all happen at its start."""


@dataclass(frozen=True, slots=True)
class ClassChanges:
    """When how much of one operand class comes and goes: (cycle, change in bytes), in any order."""

    operand: OperandClass
    changes: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """Local memory of one processor.

    Parameters
    ----------
    weight_bytes : int
        One version of each layer whose weights are read or updated here.
    version_bytes : int
        All other versions, at their peak.
    optimizer_bytes : int
        Optimizer state of the layers updated here.
    gradient_bytes, stash_bytes : int
        Sums of weight gradients, tensors between tasks; each at its peak.
    peak_bytes : int
        The most that all of it took together.
    weight_versions : tuple of int, per layer
        Most versions held at once; 0 where the layer's weights are not needed.
    stash_copies : tuple of int, per layer
        Most micro-batches between the start of the layer's F and the end of its W, on F's processor; 0 elsewhere.
    classes : tuple of ClassChanges
        All of it over time, one entry per class; what is there always comes at cycle 0 and stays.
    kept : tuple of ClassChanges
        Of it what neurons keep between F and B of their own layer.
    """

    weight_bytes: int
    version_bytes: int
    optimizer_bytes: int
    gradient_bytes: int
    stash_bytes: int
    peak_bytes: int
    weight_versions: tuple[int, ...]
    stash_copies: tuple[int, ...]
    classes: tuple[ClassChanges, ...] = ()
    kept: tuple[ClassChanges, ...] = ()


def memory_use(
    step: StepGraph, program: PipelineProgram, replay: Replay, messages: MessageCosts | None = None
) -> tuple[MemoryUse, ...]:
    """Memory of every processor over a run.

    Parameters
    ----------
    step, program, replay : StepGraph, PipelineProgram, Replay
        What runs and when.
    messages : MessageCosts or None
        How long a message keeps its sender's copy; without, it leaves at once.

    Returns
    -------
    tuple of MemoryUse, per processor
    """
    return _Census(step, program, replay, messages or NoLinks()).finish()


class _Census:
    """Changes of what is held, gathered per processor."""

    def __init__(self, step: StepGraph, program: PipelineProgram, replay: Replay, messages: MessageCosts) -> None:
        self.step, self.program, self.replay, self.messages = step, program, replay, messages
        self.place = program.assignment
        self.updates = {layer.update for layer in step.layers}
        processors, layers = range(program.processors), len(step.layers)
        self.stash: list[defaultdict[OperandClass, Changes]] = [defaultdict(list) for _ in processors]
        self.kept: list[defaultdict[OperandClass, Changes]] = [defaultdict(list) for _ in processors]
        self.gradients: list[Changes] = [[] for _ in processors]
        self.versions: list[Changes] = [[] for _ in processors]
        self.weight_versions = [[0] * layers for _ in processors]
        self.copies = [[0] * layers for _ in processors]

    def finish(self) -> tuple[MemoryUse, ...]:
        self._tensors()
        for number, layer in enumerate(self.step.layers):
            self._sums(layer)
            self._versions(number, layer)
            self.copies[self.place[layer.forward]][number] = _peak(self._in_flight(layer))
        return tuple(self._use(p) for p in range(self.program.processors))

    def _use(self, p: int) -> MemoryUse:
        layers = self.step.layers
        here = [layer for number, layer in enumerate(layers) if self.weight_versions[p][number]]
        weights = sum(layer.weight_bytes for layer in here)
        state = sum(layer.state_bytes for layer in layers if self.place[layer.update] == p)
        stash = [change for changes in self.stash[p].values() for change in changes]
        together = [*stash, *self.gradients[p], *self.versions[p]]
        return MemoryUse(
            weight_bytes=weights,
            version_bytes=_peak(self.versions[p]),
            optimizer_bytes=state,
            gradient_bytes=_peak(self.gradients[p]),
            stash_bytes=_peak(stash),
            peak_bytes=weights + state + _peak(together),
            weight_versions=tuple(self.weight_versions[p]),
            stash_copies=tuple(self.copies[p]),
            classes=self._classes(p, weights, state),
            kept=tuple(ClassChanges(role, tuple(changes)) for role, changes in self.kept[p].items()),
        )

    def _classes(self, p: int, weight_bytes: int, state_bytes: int) -> tuple[ClassChanges, ...]:
        found = {
            OperandClass.WEIGHTS: [(0, weight_bytes)],
            OperandClass.OPTIMIZER_STATE: [(0, state_bytes)],
            OperandClass.WEIGHT_GRADIENTS: self.gradients[p],
            OperandClass.WEIGHT_VERSIONS: self.versions[p],
        }
        every = ((role, (*found.get(role, ()), *self.stash[p].get(role, ()))) for role in OperandClass)
        return tuple(ClassChanges(role, changes) for role, changes in every if any(change for _, change in changes))

    def _at(self, task: int, iteration: int) -> int:
        """Position of a task's first micro-batch; the others follow."""
        return (task * self.program.iterations + iteration) * self.program.micro_batches

    def _start(self, task: int, iteration: int, micro_batch: int) -> int:
        return self.replay.start[self._at(task, iteration) + micro_batch]

    def _end(self, task: int, iteration: int, micro_batch: int) -> int:
        return self.replay.end[self._at(task, iteration) + micro_batch]

    def _last(self, task: int, iteration: int) -> int:
        """End of a task's last micro-batch."""
        first = self._at(task, iteration)
        return max(self.replay.end[first : first + self.program.micro_batches])

    def _taken(self, source: int, others: list[int], size: int) -> int:
        """Cycles until the links have a tensor."""
        return max((self.messages.alone_cycles(source, other, size) for other in others), default=0)

    def _tensors(self) -> None:
        found: dict[tuple[int, str], list[StepEdge]] = defaultdict(list)
        for edge in self.step.edges:
            if edge.role is not OperandClass.WEIGHT_GRADIENTS:
                found[edge.source, edge.tensor].append(edge)
        for (source, _), edges in found.items():
            self._tensor(source, edges)

    def _tensor(self, source: int, edges: list[StepEdge]) -> None:
        size, role, home = edges[0].bytes, edges[0].role, self.place[source]
        node = any(edge.node for edge in edges)
        readers: dict[int, list[int]] = defaultdict(list)
        for edge in edges:
            readers[self.place[edge.target]].append(edge.target)
        sent = self._taken(home, [p for p in readers if p != home], size)
        here = readers.pop(home, [])
        start, end = self.replay.start, self.replay.end
        for n in range(self.program.iterations):
            for j in range(self.program.micro_batches):
                at = self._at(source, n) + j
                made = end[at]
                last = max([end[self._read(t, n, j)] for t in here], default=0)
                held = [(home, start[at], max(last, made + sent))]
                held += [(p, made, max([end[self._read(t, n, j)] for t in ts])) for p, ts in readers.items()]
                for p, first, until in held:
                    _hold(self.stash[p][role], first, until, size)
                    if node:
                        _hold(self.kept[p][role], first, until, size)

    def _read(self, task: int, iteration: int, micro_batch: int) -> int:
        """Position of the job of a task that reads a tensor of a micro-batch; an update reads all of them."""
        return self._at(task, iteration) + (0 if task in self.updates else micro_batch)

    def _sums(self, layer: LayerTasks) -> None:
        size, home, there = layer.gradient_bytes, self.place[layer.gradient], self.place[layer.update]
        sent = self._taken(home, [there], size) if home != there else 0
        for n in range(self.program.iterations):
            made, used = self._last(layer.gradient, n), self._end(layer.update, n, 0)
            _hold(self.gradients[home], self._start(layer.gradient, n, 0), used if home == there else made + sent, size)
            if home != there:
                _hold(self.gradients[there], made, used, size)

    def _versions(self, number: int, layer: LayerTasks) -> None:
        home = self.place[layer.update]
        readers = self._last_reads(number)
        for p in sorted({home, *readers}):
            changes: Changes = []
            others = [q for q in readers if q != p] if p == home else []
            for k in range(self.program.iterations + 1):
                born = self._end(layer.update, k - 1, 0) if k else 0
                last = readers[p].get(k, 0) if p in readers else 0
                if p == home:
                    updated = k < self.program.iterations
                    sent = self._taken(home, [q for q in others if k and k in readers[q]], layer.weight_bytes)
                    kept = self._end(layer.update, k, 0) if updated else self.replay.makespan_cycles
                    last = max(last, kept, born + sent)
                _hold(changes, born, last, 1)
            self.weight_versions[p][number] = max(1, _peak(changes))
            self.versions[p] += _beyond_one(changes, layer.weight_bytes)

    def _last_reads(self, number: int) -> dict[int, dict[int, int]]:
        """Per processor and version: end of the last job that reads it there."""
        layer, found = self.step.layers[number], defaultdict[int, dict[int, int]](dict)
        delays = [(layer.forward, self.program.staleness[number])]
        if layer.backward_reads_weights:
            delays.append((layer.backward, self.program.backward_staleness[number]))
        for task, delay in delays:
            here = found[self.place[task]]
            for n in range(self.program.iterations):
                version = max(0, n - delay)
                here[version] = max(here.get(version, 0), self._last(task, n))
        return found

    def _in_flight(self, layer: LayerTasks) -> Changes:
        changes: Changes = []
        for n in range(self.program.iterations):
            for j in range(self.program.micro_batches):
                _hold(changes, self._start(layer.forward, n, j), self._end(layer.gradient, n, j), 1)
        return changes


def _hold(changes: Changes, first: int, last: int, amount: int) -> None:
    """Something is there in cycles first .. last - 1."""
    if last > first:
        changes.append((first, amount))
        changes.append((last, -amount))


def _peak(changes: Changes) -> int:
    """Most at any time; what goes at a cycle goes before what comes."""
    now = most = 0
    for _, change in sorted(changes):
        now += change
        most = max(most, now)
    return most


def _beyond_one(changes: Changes, size: int) -> Changes:
    """Bytes of all but one of what is counted."""
    found, now = Changes(), 0
    for cycle, change in sorted(changes):
        found.append((cycle, (max(0, now + change - 1) - max(0, now - 1)) * size))
        now += change
    return [(cycle, change) for cycle, change in found if change]
