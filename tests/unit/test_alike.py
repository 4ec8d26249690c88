"""Cuts that are found once and used again are those that would have been found anew."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from simsnn.mapping import build
from simsnn.mapping.alike import Known, shape_of
from simsnn.mapping.mapped import MappedOperation
from simsnn.mapping.place import Placement
from simsnn.simulation import prepare
from simsnn.workload.operation import Extent, GemmOperation, VectorOperation
from tests.experiments import synthetic

HERE = Placement(0, None)
GROUPED = "schedule={kind: engine_pipeline, group_samples: 3}"


class Forgetful(dict):  # type: ignore[type-arg]
    """Remembers nothing."""

    def __contains__(self, key: object) -> bool:
        return False


@pytest.fixture(scope="module")
def mapped() -> tuple[MappedOperation, ...]:
    return prepare(synthetic(GROUPED)).mapped


def described(items: tuple[MappedOperation, ...]) -> list[object]:
    """Everything that a task is made of, chunk by chunk."""
    found: list[object] = []
    for item in items:
        plan = item.choice.plan
        chunks = range(plan.chunk_count)
        tiles = [(plan.needs(c), plan.leaves(c), plan.holds(c), plan.issues(c)) for c in chunks]
        found.append((item.operation, item.placement, item.choice.moves, tiles, plan.cost(), item.consumes))
        found.append((item.fused.group if item.fused else None, item.resident, item.across, item.slowdown))
    return found


def test_remembering_changes_nothing(mapped: tuple[MappedOperation, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = synthetic(GROUPED)
    prepared = prepare(experiment)
    monkeypatch.setattr(build, "Known", lambda: Known(Forgetful(), Forgetful()))
    anew = prepare(experiment)
    assert described(anew.mapped) == described(prepared.mapped) == described(mapped)
    assert anew.graph.tasks[-1].after == prepared.graph.tasks[-1].after


def test_every_shape_is_cut_once(monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = synthetic(GROUPED, "workload.batch=9")
    seen = []
    choose = build.choose
    monkeypatch.setattr(build, "choose", lambda op, *rest: seen.append(op) or choose(op, *rest))
    prepared = prepare(experiment)
    shapes = {shape_of((op, HERE)) for op in seen}
    assert len(seen) == len(shapes) < len(prepared.mapped) / 2


def test_fused_pairs_of_later_groups_name_their_own_tensors(mapped: tuple[MappedOperation, ...]) -> None:
    consumers = [(before, item) for before, item in pairwise(mapped) if item.consumes]
    assert len({item.operation.extent for _, item in consumers}) == 3
    for producer, consumer in consumers:
        assert isinstance(producer.operation, GemmOperation)
        assert consumer.resident == producer.resident == {producer.operation.output.tensor}
        assert producer.operation == producer.choice.plan.operation  # type: ignore[attr-defined]
        assert consumer.operation == consumer.choice.plan.operation  # type: ignore[attr-defined]


def test_a_shape_forgets_names_and_place_in_the_batch_but_not_what_is_the_same(
    mapped: tuple[MappedOperation, ...],
) -> None:
    product = next(i.operation for i in mapped if isinstance(i.operation, GemmOperation))
    renamed = replace(product, layer="x", left=replace(product.left, tensor="y"), extent=Extent((5, 8), (0, 4)))
    assert shape_of((renamed, HERE)) == shape_of((product, HERE))
    assert shape_of((replace(product, extent=Extent((5, 9), (0, 4))), HERE)) != shape_of((product, HERE))
    assert shape_of((product, Placement(1, None))) != shape_of((product, HERE))
    assert shape_of((replace(product, accumulates=True), HERE)) != shape_of((product, HERE))
    narrower = replace(product, right=replace(product.right, bits=4))
    assert shape_of((narrower, HERE)) != shape_of((product, HERE))
    vector = next(
        i.operation for i in mapped if isinstance(i.operation, VectorOperation) and len(i.operation.reads) > 1
    )
    first = vector.reads[0]
    in_place = replace(vector, writes=(replace(vector.writes[0], tensor=first.tensor), *vector.writes[1:]))
    assert shape_of((in_place, HERE)) != shape_of((vector, HERE))
    # a pair that meets in a tensor, and one that does not
    reader = replace(vector, reads=(replace(first, tensor=product.output.tensor), *vector.reads[1:]))
    assert shape_of((product, HERE), (reader, HERE)) != shape_of((product, HERE), (vector, HERE))
