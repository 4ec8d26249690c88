"""H2Learn (arXiv 2107.11746) held against the simulator: ``simsnn reproduce h2learn``.

What is exact, calibrated and assumed is said per check. The machine is assumption set A0
(``configs/hardware/h2learn_a0.yaml``), none of whose numbers is the paper's; the full-scale
activity is synthetic, fitted to networks that are really trained at reduced scale.
"""

from __future__ import annotations

from simsnn.config.dump import to_yaml
from simsnn.reproduction.h2learn_ablations import (
    VARIATIONS,
    ablation_claims,
    ablation_table,
    density_table,
    run_ablations,
    run_recipes,
)
from simsnn.reproduction.h2learn_claims import fit_fraction, fitted_constant, published_claims
from simsnn.reproduction.h2learn_exact import exact_claims
from simsnn.reproduction.h2learn_figures import ablation_bars, area_bars, energy_bars, speedup_bars
from simsnn.reproduction.h2learn_fit import fit_claims, fit_table, run_fits
from simsnn.reproduction.h2learn_runs import NETWORKS, Measured, measure_all
from simsnn.reproduction.h2learn_tables import area_table, engine_table, gpu_table, network_table
from simsnn.reproduction.outcome import Drawing, Reproduction
from simsnn.reproduction.stages import Stage, Stages
from simsnn.viz.comparison import Comparison, comparison_figure
from simsnn.viz.figures import density_figure, save, timeline_figure

_RECIPES = 4


def reproduce_h2learn(tell: Stage) -> Reproduction:
    """Train, simulate, calibrate, compare; nothing is written."""
    stages = Stages(tell, 3 * len(NETWORKS) + len(VARIATIONS) + _RECIPES + 1)
    trained, measured = measure_all(stages)
    fits = run_fits(trained, stages)
    fraction = fit_fraction(measured[0])
    ablated = run_ablations(trained[0], stages)
    recipes = run_recipes(stages)
    stages.next("exact checks")
    claims = (
        *exact_claims(measured),
        *published_claims(measured, fraction),
        *ablation_claims(ablated, recipes),
        *fit_claims(fits),
    )
    tables = (
        network_table(trained, measured, fraction),
        gpu_table(measured, fraction),
        engine_table(measured),
        area_table(measured[0]),
        ablation_table(ablated),
        density_table(recipes),
        fit_table(fits),
    )
    drawings = (
        _bars("speedup", speedup_bars(measured, fraction)),
        _bars("energy", energy_bars(measured, fraction)),
        _bars("area", area_bars(measured[0])),
        _bars("ablations", ablation_bars(ablated)),
        *_of_runs(measured),
    )
    configs = tuple((each.pair.full, to_yaml(each.experiment)) for each in measured)
    configs += tuple((each.pair.small, to_yaml(each.experiment)) for each in trained)
    return Reproduction("h2learn", claims, (fitted_constant(measured[0], fraction),), tables, drawings, configs)


def _bars(name: str, content: Comparison) -> Drawing:
    return Drawing(name, lambda path: save(comparison_figure(content), path))


def _of_runs(measured: tuple[Measured, ...]) -> tuple[Drawing, ...]:
    """Timeline and densities of every network."""
    return tuple(drawing for each in measured for drawing in (_timeline(each), _densities(each)))


def _timeline(each: Measured) -> Drawing:
    trace = each.result.execution.trace
    return Drawing(f"timeline_{each.pair.name}", lambda path: save(timeline_figure(each.report, trace), path))


def _densities(each: Measured) -> Drawing:
    return Drawing(f"density_{each.pair.name}", lambda path: save(density_figure(each.report), path))
