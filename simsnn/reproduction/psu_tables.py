"""Tables of the comparison of parallel units."""

from __future__ import annotations

from statistics import fmean

from simsnn.reproduction.outcome import Table
from simsnn.reproduction.psu_crossover import Crossing, CurvePoint
from simsnn.reproduction.psu_recipes import LIF, Study


def curve_table(points: tuple[CurvePoint, ...]) -> Table:
    """Closed-form cycles over T."""
    columns = ("array", "lanes", "ops_per_cycle", "neurons", "pass", "form", "timesteps", "cycles")
    rows = tuple(
        (
            p.shape.size,
            p.shape.lanes,
            p.shape.operations,
            p.neurons,
            p.pass_,
            p.form,
            p.timesteps,
            p.cycles,
            p.overlapped,
            p.option,
        )
        for p in points
    )
    return Table("cycles_over_t", (*columns, "overlapped_cycles", "best_product"), rows)


def crossing_table(crossings: tuple[Crossing, ...]) -> Table:
    """T* beside the formulas; empty where products are not slower up to T = 4096."""
    columns = ("array", "lanes", "ops_per_cycle", "neurons", "pass", "t_star", "t_star_overlapped", "t_star_bare")
    rows = tuple(
        (
            c.shape.size,
            c.shape.lanes,
            c.shape.operations,
            c.neurons,
            c.pass_,
            _cell(c.one_after_another),
            _cell(c.overlapped),
            _cell(c.bare),
            c.shape.formula,
            2 * c.shape.formula,
            2 * c.shape.formula - c.shape.size,
        )
        for c in crossings
    )
    return Table("crossover", (*columns, "rc_over_p", "two_rc_over_p", "two_rc_over_p_minus_r"), rows)


def _cell(value: int | None) -> object:
    return "" if value is None else value


def accuracy_table(found: Study) -> Table:
    """Accuracy and firing of every unit on every data set, over the seeds."""
    columns = ("experiment", "unit", "seeds", "accuracy_mean", "accuracy_low", "accuracy_high", "firing_rate")
    rows = []
    for name, unit in dict.fromkeys((t.experiment, t.unit) for t in found.trainings):
        group = found.of(name, unit)
        accuracies = [training.accuracy for training in group]
        spread = (fmean(accuracies), min(accuracies), max(accuracies))
        rate, first = fmean(t.rate for t in group), fmean(t.first_step for t in group)
        rows.append((name, unit, len(group), *spread, rate, first))
    return Table("accuracy", (*columns, "spikes_in_first_step"), tuple(rows))


def step_table(found: Study) -> Table:
    """Cycles, energy and memory of a training step in every form, and its cycles over those of the LIF."""
    columns = ("experiment", "unit", "form", "timesteps", "batch", "cycles", "over_lif", "unit_task_cycles")
    rows = []
    for step in found.steps:
        lif = found.step(step.experiment, LIF.name, LIF.forms[0])
        first = (step.experiment, step.unit, step.short_form, step.timesteps, step.batch, step.cycles)
        rest = (step.energy_pj / 1e6, step.peak_bytes, step.dram_bytes, step.fastest)
        rows.append((*first, step.cycles / lif.cycles, step.unit_cycles, *rest))
    return Table("steps", (*columns, "energy_uj", "peak_bytes", "dram_bytes", "report_names"), tuple(rows))
