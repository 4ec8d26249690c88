"""Arrays of every processor count, whether or not the program gives them work."""

from __future__ import annotations

import pytest

from simsnn.api import simulate
from tests.pipelines import CHAIN, cores, experiment, network


def test_processors_without_a_task_are_not_used() -> None:
    report = simulate(experiment(network(CHAIN), cores(3), "schedule={kind: sequential, iterations: 3}")).report
    assert report.pipeline is not None
    assert [bool(row.tasks) for row in report.pipeline.processors] == [True, False, False]
    first, *others = (row.utilisation for row in report.pipeline.processors)
    assert first > 0
    assert others == [0, 0]
    assert report.totals.utilisation == pytest.approx(first / 3)


def test_utilisation_is_the_mean_over_equal_processors() -> None:
    report = simulate(experiment(network(CHAIN), cores(3), "schedule={kind: pipedream, iterations: 3}")).report
    assert report.pipeline is not None
    shares = [row.utilisation for row in report.pipeline.processors]
    assert report.totals.utilisation == pytest.approx(sum(shares) / 3)
