"""How well fitted activity stands for the recorded one: small networks on the same machine, both ways.

At reduced scale the recorded spikes and masks are there, so the statistics that the full-scale runs
are made of can be held against what they were taken from. What the generator leaves out (differing
rates of channels, the dependence of spikes, masks and gradients on one another) shows as a difference
of busy cycles; the transfer to another scale cannot be checked this way.
"""

from __future__ import annotations

from dataclasses import dataclass

from simsnn.api import simulate
from simsnn.costs import Observed
from simsnn.reproduction.h2learn_ablations import BACKWARD, FORWARD, UPDATE
from simsnn.reproduction.h2learn_runs import Trained
from simsnn.reproduction.outcome import Claim, Standing, Table
from simsnn.reproduction.stages import Stages
from simsnn.results.engine_summary import EngineSummary, engine_summaries
from simsnn.results.report import Report

ENGINES = (FORWARD, UPDATE, BACKWARD)
_COUNTED = (Observed.OPERATIONS, Observed.ISSUES_SKIPPED, Observed.POSITION_GROUPS_DROPPED, Observed.ACTIVE_PIXELS)


@dataclass(frozen=True, slots=True)
class FitRun:
    """One small network's step with recorded and with fitted activity, nothing late."""

    name: str
    recorded: Report
    fitted: Report

    def ratio(self, engine: str) -> float:
        """Busy cycles of an engine with fitted activity over those with recorded activity."""
        return _of(self.fitted, engine).busy_cycles / _of(self.recorded, engine).busy_cycles


def _of(report: Report, engine: str) -> EngineSummary:
    return next(summary for summary in engine_summaries(report) if summary.name == engine)


def run_fits(trained: tuple[Trained, ...], stages: Stages) -> tuple[FitRun, ...]:
    """Every small network both ways."""
    found = []
    for each in trained:
        stages.next(f"{each.pair.small}: fitted against recorded activity")
        level = each.experiment.simulation.model_copy(update={"level": "closed_form", "trace": False})
        recorded = each.experiment.model_copy(update={"simulation": level})
        fitted = recorded.model_copy(update={"activity": each.fitted})
        found.append(FitRun(each.pair.name, simulate(recorded).report, simulate(fitted).report))
    return tuple(found)


def fit_claims(fits: tuple[FitRun, ...]) -> tuple[Claim, ...]:
    """Per engine the ratio that is furthest from 1, all of them in the note; there is no number to meet."""
    return tuple(_claim(engine, fits) for engine in ENGINES)


def _claim(engine: str, fits: tuple[FitRun, ...]) -> Claim:
    ratios = [(fit.name, fit.ratio(engine)) for fit in fits]
    furthest = max((ratio for _, ratio in ratios), key=lambda ratio: abs(ratio - 1))
    shown = ", ".join(f"{name} {ratio:.3f}" for name, ratio in ratios)
    note = f"{engine}, reduced scale: busy cycles with fitted over recorded activity, the furthest from 1 of {shown}"
    return Claim(f"fit.{engine}", furthest, None, None, Standing.ASSUMED, note)


def fit_table(fits: tuple[FitRun, ...]) -> Table:
    """Busy cycles and counts of every engine, both ways."""
    both = [(f"{what.value}_recorded", f"{what.value}_fitted") for what in _COUNTED]
    columns = ("network", "engine", "busy_recorded", "busy_fitted", *(name for pair in both for name in pair))
    return Table("fit", columns, tuple(_row(fit, engine) for fit in fits for engine in ENGINES))


def _row(fit: FitRun, engine: str) -> tuple[object, ...]:
    recorded, fitted = _of(fit.recorded, engine), _of(fit.fitted, engine)
    counts = [(recorded.observed(what), fitted.observed(what)) for what in _COUNTED]
    busy = (round(recorded.busy_cycles), round(fitted.busy_cycles))
    return (fit.name, engine, *busy, *(count for pair in counts for count in pair))
