"""Metrics of a point, the plain way."""

from __future__ import annotations

from collections.abc import Callable

from simsnn.activities import ResolvedActivity
from simsnn.api import activity_of, prepare_any
from simsnn.config.experiment import ExperimentConfig
from simsnn.pipeline_preparation import PreparedPipeline
from simsnn.pipeline_run import run_pipeline, with_trained
from simsnn.results.sweep_table import PointMetrics
from simsnn.simulation import Prepared, run_prepared

ActivityOf = Callable[[Prepared | PreparedPipeline], ResolvedActivity]


class PointEvaluator:
    """Evaluates points."""

    def evaluate(
        self, experiment: ExperimentConfig, activity: ActivityOf = lambda prepared: activity_of(prepared, None)
    ) -> PointMetrics:
        """Metrics of one experiment; whatever can be refused is refused before its activity is asked for."""
        prepared = prepare_any(experiment)
        if isinstance(prepared, PreparedPipeline):
            prepared = with_trained(prepared)
            return PointMetrics.of(run_pipeline(prepared, activity(prepared)).report)
        return PointMetrics.of(run_prepared(prepared, activity(prepared)).report)
