"""Mapping point after point: what equals a piece of an earlier point is not worked out again.

How an operation is cut depends on its shape and place (:mod:`simsnn.mapping.alike`), on the configuration of its
engine, on its share of every SRAM, on DRAM and SRAMs, and on ``mapping.most_chunks``. These together are the *scope*
of an engine; equal shapes in equal scopes have equal cuts, whichever point they belong to. Pairs have the scopes of
both engines. Refusals are never remembered: they name the operation that met them.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable
from dataclasses import dataclass

from pydantic import BaseModel

from simsnn.activities import update_rule
from simsnn.config.experiment import ExperimentConfig
from simsnn.engines.base import Engine, Plan
from simsnn.engines.systolic_config import SystolicConfig
from simsnn.mapping.alike import Known, KnownCut, KnownPair, shape_of
from simsnn.mapping.blocking import Choice, LaidOut, LayOut, Shares, laid_out
from simsnn.mapping.build import map_placed, placed, sram_users
from simsnn.mapping.fusion import Follow, Fuse, Fused, fused
from simsnn.mapping.machine import Machine
from simsnn.mapping.mapped import MappedOperation
from simsnn.mapping.place import Placement
from simsnn.mapping.search import CutSearch, anywhere
from simsnn.mapping.transfers import ChunkMoves
from simsnn.preparation import build_experiment_network, parallel_forms, step_operations
from simsnn.sweep.caches import Bounded, Recent
from simsnn.sweep.program import Program, Query, ShapeNumber
from simsnn.workload.network import Network
from simsnn.workload.operation import GemmOperation, Operation, VectorOperation

MOST_CHUNKS = 2**17
"""Chunks of the cuts, of the pairs, and of the layouts that are remembered."""
PLAN = 8
"""Chunks that take as much room as a plan beside them."""
MOST_SHAPES = 2**15
MOST_PROGRAMS = 8
"""Networks, programs of operations and placements that are remembered, each."""


@dataclass(frozen=True)
class MappedProgram:
    """A program as it runs.

    Parameters
    ----------
    tasks : tuple of MappedOperation
        In order, under their own names: who waits for whom, and what lives how long, is read from them. Their cuts
        may be those of another point.
    alike : tuple of MappedOperation
        For each of them one that is cut, fused and costs the same, at this point; equal ones are one object.
    scopes : tuple of int
        Scope of every engine.
    """

    tasks: tuple[MappedOperation, ...]
    alike: tuple[MappedOperation, ...]
    scopes: tuple[int, ...]


class StepMapping:
    """Networks, operations and cuts of the points so far."""

    def __init__(self) -> None:
        self._networks: Recent[Network] = Recent(MOST_PROGRAMS)
        self._operations: Recent[tuple[Operation, ...]] = Recent(MOST_PROGRAMS)
        self._placed: Recent[Program] = Recent(MOST_PROGRAMS)
        self._cuts: Bounded[Hashable, KnownCut] = Bounded(MOST_CHUNKS, lambda cut: PLAN + len(cut.moves))
        self._pairs: Bounded[Hashable, KnownPair | None] = Bounded(MOST_CHUNKS, _chunks_of_pair)
        self._moves: Bounded[Hashable, LaidOut] = Bounded(MOST_CHUNKS, lambda found: len(found[0]) + 1)
        self._fused: Bounded[Hashable, Fused | None] = Bounded(MOST_CHUNKS, _chunks_of_fused)
        self._paths: Bounded[int, tuple[tuple[ChunkMoves, ...], int]] = Bounded(MOST_CHUNKS, lambda path: len(path[0]))
        # Of the very operations (kept alive here): the number of their shape.
        self._shapes: Bounded[Hashable, tuple[object, Hashable]] = Bounded(MOST_SHAPES)
        self._numbers: Bounded[Hashable, int] = Bounded(MOST_SHAPES)
        self._count = itertools.count()

    def network(self, experiment: ExperimentConfig) -> Network:
        """Network of an experiment, with the formats that its encoding implies."""
        inputs = (experiment.network, experiment.workload.encoding, experiment.precision)
        return self._networks.made(inputs, lambda: build_experiment_network(experiment))

    def operations(self, experiment: ExperimentConfig, network: Network) -> tuple[Operation, ...]:
        """Operations of one step in the order of the schedule."""
        inputs = (
            *(network, experiment.workload, experiment.precision, experiment.schedule),
            *(update_rule(experiment), parallel_forms(experiment)),
        )
        return self._operations.made(inputs, lambda: step_operations(experiment, network))

    def mapped(
        self, experiment: ExperimentConfig, operations: tuple[Operation, ...], machine: Machine
    ) -> MappedProgram:
        """Operations placed, cut and fused, as ``map_operations`` does it."""
        program = self._program(experiment, operations, machine)
        scopes = self._scopes(experiment, machine, program.users)
        asked: list[Query] = []

        def key(*items: tuple[Operation, Placement]) -> Hashable:
            if len(items) > 1:
                asked.append((id(items[0][0]), id(items[1][0])))
            return self._shape(items), tuple(scopes[placement.engine] for _, placement in items)

        shares = self._shares(machine, program.users)
        layouts = _Layouts(self._moves, self._fused, self._shape, shares, scopes)
        known, mapping = Known(self._cuts, self._pairs, key, self._paths, layouts), experiment.mapping
        search = CutSearch(machine, program.users, mapping.most_chunks, anywhere, known)
        found = program.repeated(search)
        if found is not None:
            return MappedProgram(*found, scopes)
        asked.clear()
        mapped = map_placed(program.pieces, mapping, machine, anywhere, known)
        program.learn(mapped, asked, self._shape)
        return MappedProgram(mapped, mapped, scopes)

    def _program(self, experiment: ExperimentConfig, operations: tuple[Operation, ...], machine: Machine) -> Program:
        mixes = any(isinstance(o, GemmOperation) and o.mixing is not None for o in operations)
        holders = tuple(sram.config.holds for sram in machine.srams)
        engines = tuple(_as_placed(engine, mixes) for engine in machine.engines)

        def place_all() -> Program:
            pieces = placed(operations, experiment.mapping, machine)
            return Program(pieces, sram_users(pieces, machine), self._shape)

        inputs = (operations, experiment.mapping, machine.config.name, engines, holders)
        return self._placed.made(inputs, place_all)

    def _scopes(
        self, experiment: ExperimentConfig, machine: Machine, users: tuple[frozenset[int], ...]
    ) -> tuple[int, ...]:
        """Numbers of what cuts depend on beside their shape, engine by engine."""
        rest = self.number((self._srams(machine), machine.dram, experiment.mapping.most_chunks))
        return tuple(
            self.number((engine.kind, _hashable(engine.config), Shares.of(machine, users, index), rest))
            for index, engine in enumerate(machine.engines)
        )

    def _shares(self, machine: Machine, users: tuple[frozenset[int], ...]) -> tuple[int, ...]:
        """Numbers of what moves depend on beside their shape and layout, engine by engine."""
        srams = self._srams(machine)
        return tuple(
            self.number((engine.kind, Shares.of(machine, users, index), srams))
            for index, engine in enumerate(machine.engines)
        )

    def _srams(self, machine: Machine) -> int:
        return self.number(tuple(sram.config for sram in machine.srams))

    def number(self, what: Hashable) -> int:
        """A small number that stands for a value as long as it is remembered, and for no other ever."""
        return self._numbers.made(what, lambda: next(self._count))

    def _shape(self, items: tuple[tuple[Operation, Placement], ...]) -> Hashable:
        key = tuple((id(operation), placement.engine, placement.dataflow) for operation, placement in items)
        return self._shapes.made(key, lambda: (items, self.number(shape_of(*items))))[1]


class _Layouts:
    """Moves of one point, by what they depend on: shape, layout of the plan, shares of the SRAMs."""

    def __init__(
        self,
        moves: Bounded[Hashable, LaidOut],
        pairs: Bounded[Hashable, Fused | None],
        shape: ShapeNumber,
        shares: tuple[int, ...],
        scopes: tuple[int, ...],
    ) -> None:
        self._moves, self._pairs, self._shape, self._shares, self._scopes = moves, pairs, shape, shares, scopes

    def moves(self, operation: Operation, placement: Placement) -> LayOut:
        """Finds the moves of a plan of this operation, or remembers them."""
        base = (self._shape(((operation, placement),)), self._shares[placement.engine])

        def lay_out(plan: Plan, machine: Machine, shares: Shares) -> LaidOut:
            layout = getattr(plan, "layout", None)
            if layout is None:
                return laid_out(plan, machine, shares)
            return self._moves.made((base, layout), lambda: laid_out(plan, machine, shares))

        return lay_out

    def pair(self, producer: MappedOperation, consumer: MappedOperation) -> Fuse:
        """Finds how this pair runs, or remembers it from a plan of the same layout."""
        items = tuple((item.operation, item.placement) for item in (producer, consumer))
        base = (self._shape(items), self._shares[producer.placement.engine], self._scopes[consumer.placement.engine])

        def fuse(
            plan: Plan,
            operation: VectorOperation,
            follow: Follow,
            tensor: str,
            machine: Machine,
            shares: tuple[Shares, Shares],
        ) -> Fused | None:
            layout = getattr(plan, "layout", None)
            if layout is None:
                return fused(plan, operation, follow, tensor, machine, shares)
            found = self._pairs.made((base, layout), lambda: fused(plan, operation, follow, tensor, machine, shares))
            if found is None:
                return None
            follower = found.consumer.plan.renamed(operation)  # type: ignore[attr-defined]
            first, second = Choice(plan, found.producer.moves, 0), Choice(follower, found.consumer.moves, 0)
            return Fused(first, second, found.group)

        return fuse


def _hashable(config: BaseModel) -> Hashable:
    """A configuration, or its text where a field of it (a list, a table) cannot be hashed."""
    try:
        hash(config)
    except TypeError:
        return type(config), config.model_dump_json()
    return config


def _chunks_of_pair(pair: KnownPair | None) -> int:
    return 1 if pair is None else PLAN + sum(map(len, pair.moves))


def _chunks_of_fused(pair: Fused | None) -> int:
    return 1 if pair is None else PLAN + len(pair.producer.moves) + len(pair.consumer.moves)


def _as_placed(engine: Engine, mixes: bool) -> object:
    """What of an engine decides where operations go and what follows them; sizes of an array do not."""
    config = engine.config
    if isinstance(config, SystolicConfig) and not mixes:
        return (config.name, config.pe, config.dataflows, config.b_lowering)
    return config
