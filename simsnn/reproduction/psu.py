"""Parallel spiking units (arXiv 2402.00449) held against the simulator: ``simsnn reproduce psu``.

Exact are identities, gradients, published counts of the PSN family, and plans against registers. The publication's
result tables were not found, its equations are those of the released code; everything measured on machines and
data is ours, and every number of it is *assumed*. Nothing is fitted.
"""

from __future__ import annotations

from simsnn.config.dump import to_yaml
from simsnn.reproduction.outcome import Drawing, Reproduction
from simsnn.reproduction.psu_claims import assumed_claims, measure_firing
from simsnn.reproduction.psu_crossover import SHAPES, crossings, crossover_experiment, curves
from simsnn.reproduction.psu_exact import exact_claims
from simsnn.reproduction.psu_figures import accuracy_bars, cycle_curves, step_bars
from simsnn.reproduction.psu_recipes import CASES, PSU, Study, recipe, study
from simsnn.reproduction.psu_tables import accuracy_table, crossing_table, curve_table, step_table
from simsnn.reproduction.stages import Stage
from simsnn.viz.comparison import Comparison, comparison_figure
from simsnn.viz.curves import curves_figure
from simsnn.viz.style import save

NAME = "psu"
_OTHER_STAGES = 3


def reproduce_psu(tell: Stage) -> Reproduction:
    """Check, follow cycles over T, train and simulate; nothing is written."""

    def trained(what: str, done: int, total: int) -> None:
        tell(what, done + _OTHER_STAGES, total + _OTHER_STAGES)

    tell("exact checks", 0, _OTHER_STAGES)
    exact = exact_claims()
    tell("cycles over T", 1, _OTHER_STAGES)
    points = curves()
    tell("crossover of several machines", 2, _OTHER_STAGES)
    crossed = crossings()
    found = study(trained)
    claims = (*exact, *assumed_claims(measure_firing(), crossed, found))
    tables = (curve_table(points), crossing_table(crossed), accuracy_table(found), step_table(found))
    content = cycle_curves(points, crossed)
    drawings = (Drawing("cycles_over_t", lambda path: save(curves_figure(content), path)), *_of_study(found))
    return Reproduction(NAME, claims, (), tables, drawings, resolved_configs())


def _of_study(found: Study) -> tuple[Drawing, ...]:
    """Bars of what was trained and simulated; none where no data set is there."""
    if not found.trainings:
        return ()
    contents = (
        ("accuracy", accuracy_bars(found)),
        ("cycles", step_bars(found, False)),
        ("energy", step_bars(found, True)),
    )
    return tuple(_bars(name, content) for name, content in contents)


def _bars(name: str, content: Comparison) -> Drawing:
    return Drawing(name, lambda path: save(comparison_figure(content), path))


def resolved_configs() -> tuple[tuple[str, str], ...]:
    """Every experiment behind the numbers, with the PSU in it; other units, seeds, forms and machines change keys."""
    recipes = tuple((case.experiment, to_yaml(recipe(case.experiment, PSU, 0))) for case in CASES)
    return (*recipes, ("psu_crossover", to_yaml(crossover_experiment(SHAPES[0], 8192))))
