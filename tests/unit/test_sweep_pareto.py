"""The Pareto front against its definition, row by row."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from simsnn.results.sweep_table import ObjectiveInfo, PointStatus, SweepRow
from simsnn.sweep.pareto import front_of
from tests.sweep_files import metrics, row

BOTH = (ObjectiveInfo(metric="total_cycles", goal="min"), ObjectiveInfo(metric="total_energy_pj", goal="min"))


def obvious_front(points: list[tuple[int, int]]) -> set[int]:
    def beats(one: tuple[int, int], other: tuple[int, int]) -> bool:
        return one[0] <= other[0] and one[1] <= other[1] and one != other

    return {index for index, found in enumerate(points) if not any(beats(other, found) for other in points)}


@given(st.lists(st.tuples(st.integers(1, 6), st.integers(1, 6)), max_size=40))
def test_the_front_is_what_nobody_beats(points: list[tuple[int, int]]) -> None:
    rows = [row(index, cycles, energy) for index, (cycles, energy) in enumerate(points)]
    assert front_of(rows, BOTH) == obvious_front(points)


@given(st.lists(st.tuples(st.integers(1, 6), st.integers(1, 6)), max_size=40))
def test_a_metric_to_be_large_turns_round(points: list[tuple[int, int]]) -> None:
    rows = [row(index, cycles, energy) for index, (cycles, energy) in enumerate(points)]
    objectives = (BOTH[0], ObjectiveInfo(metric="energy_per_sample_pj", goal="max"))
    assert front_of(rows, objectives) == obvious_front([(cycles, -energy) for cycles, energy in points])


def test_points_without_an_objective_are_not_on_it() -> None:
    rows = [
        row(0, 5, 5.0),
        SweepRow(1, "x", (), PointStatus.REFUSED, "no"),
        SweepRow(2, "y", (), PointStatus.OK, "", metrics(9, 9.0, accuracy=0.5)),
    ]
    assert front_of(rows, BOTH) == {0}
    assert front_of(rows, (*BOTH, ObjectiveInfo(metric="accuracy", goal="max"))) == {2}
    assert front_of([], BOTH) == frozenset()
