"""Slices of a thinned trace are joined within a task first, then within a job, and only then across jobs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simsnn.sim.trace import INTERVALS, Kind
from simsnn.viz.perfetto import JobNames
from simsnn.viz.slices import MIXED, draw_slices

TASKS = ("conv1 F synapse #0", "conv1 F neuron #0", "conv1 F synapse #1", "conv2 F synapse #0")
JOBS = JobNames.of(TASKS)


def rows_of(*rows: tuple[int, int, int, int, Kind]) -> NDArray[np.void]:
    """Rows of start, end, task, resource and kind; chunks count up."""
    return np.array([(s, e, t, n, r, k, 0) for n, (s, e, t, r, k) in enumerate(rows)], INTERVALS)


def shown(rows: NDArray[np.void], limit: int) -> list[tuple[int, int, int, int]]:
    found = draw_slices(rows, limit, JOBS.of_task).rows
    return list(zip(*(found[name].tolist() for name in ("start", "end", "task", "job")), strict=True))


def test_a_job_is_layer_pass_and_iteration() -> None:
    assert JOBS.names == ("conv1 F #0", "conv1 F #1", "conv2 F #0")
    assert JOBS.of_task.tolist() == [0, 0, 1, 2]
    assert JobNames.of(("conv1 F synapse", "conv1 F neuron", "conv1 B neuron")).names == ("conv1 F", "conv1 B")


def test_tasks_then_jobs_then_everything() -> None:
    """Touching intervals: pauses within a task are joined before touching tasks are."""
    rows = rows_of(
        (0, 10, 0, 0, Kind.COMPUTE),
        (15, 20, 0, 0, Kind.COMPUTE),
        (20, 30, 1, 0, Kind.COMPUTE),
        (30, 40, 2, 0, Kind.COMPUTE),
    )
    assert shown(rows, 3) == [(0, 20, 0, 0), (20, 30, 1, 0), (30, 40, 2, 1)]
    assert shown(rows, 2) == [(0, 30, MIXED, 0), (30, 40, 2, 1)]
    assert shown(rows, 1) == [(0, 40, MIXED, MIXED)]
    assert "of one layer, pass and iteration less than" in draw_slices(rows, 2, JOBS.of_task).joining


def test_a_task_is_work_with_its_short_stalls_and_long_ones_stay_longest() -> None:
    kinds = (Kind.COMPUTE, Kind.STALL, Kind.COMPUTE, Kind.STALL, Kind.COMPUTE)
    edges = (0, 10, 12, 20, 60, 70)
    rows = rows_of(*((s, e, 0, 0, k) for s, e, k in zip(edges, edges[1:], kinds, strict=False)))
    short = draw_slices(rows, 3, JOBS.of_task).rows
    assert short["kind"].tolist() == [Kind.COMPUTE, Kind.STALL, Kind.COMPUTE]
    assert short["stalled"].tolist() == [2, 40, 0]
    whole = draw_slices(rows, 1, JOBS.of_task).rows
    assert (whole["task"], whole["kind"], whole["stalled"]) == ([0], [Kind.COMPUTE], [42])


def test_the_fullest_track_is_joined_first() -> None:
    """A memory of many short loads leaves the tasks of an array as they are."""
    tasks = [(100 * n, 100 * n + 100, n, 0, Kind.COMPUTE) for n in range(4)]
    loads = [(2 * n, 2 * n + 1, n % 4, 1, Kind.LOAD) for n in range(50)]
    found = draw_slices(rows_of(*tasks, *loads), 10, JOBS.of_task).rows
    array = found[found["resource"] == 0]
    assert array["task"].tolist() == [0, 1, 2, 3]
    assert found["joined"].sum() == 54


def test_a_slice_of_a_link_holds_one_message_until_jobs_are_joined() -> None:
    rows = rows_of((0, 5, 0, 0, Kind.SEND), (5, 9, 0, 0, Kind.SEND), (9, 12, 2, 0, Kind.SEND))
    rows["chunk"] = (7, 8, 9)
    assert draw_slices(rows, 3).rows["message"].tolist() == [7, 8, 9]
    joined = draw_slices(rows, 2, JOBS.of_task).rows
    assert joined["message"].tolist() == [MIXED, 9]
    assert joined["task"].tolist() == [0, 2]
