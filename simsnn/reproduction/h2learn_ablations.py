"""Ablations of the H2Learn machine: one change at a time, everything else as in the base run.

All run the full-scale CIFAR net at a reduced batch with the same fitted, synthetic activity; the
effect of surrogates and of normalisation is taken from small networks that are really trained.
"""

from __future__ import annotations

from dataclasses import dataclass

from simsnn.activities import resolve_activity
from simsnn.api import load, simulate
from simsnn.config.experiment import ExperimentConfig
from simsnn.costs import Observed
from simsnn.preparation import build_experiment_network
from simsnn.reproduction.h2learn_runs import NETWORKS, Trained, full_scale
from simsnn.reproduction.outcome import Claim, Standing, Table
from simsnn.reproduction.stages import Stages
from simsnn.results.engine_summary import EngineSummary, engine_summaries
from simsnn.results.report import Report
from simsnn.schedule.layer_by_layer import LayerByLayer
from simsnn.workload.activity import Activity, ChainPoint

BATCH = 16
"""Samples of an ablation step: two sample groups, so that the engines have something to overlap."""
FORWARD, UPDATE, BACKWARD = "fe0", "wue0", "be0"
BASE = "base"


@dataclass(frozen=True, slots=True)
class Variation:
    """One change of the machine or the schedule, as ``--set`` would make it."""

    name: str
    what: str
    overrides: tuple[str, ...]


def _tables(bits: int) -> tuple[str, ...]:
    return tuple(f"hardware.arrays.{index}.address_bits={bits}" for index in (0, 1))


_WIDE = ("hardware.arrays.2.weight_words=73728", "hardware.srams.2.size=22528 KiB")

VARIATIONS = (
    Variation(BASE, "assumption set A0", ()),
    Variation("gated_adds", "k = 1: every read is one gated add", _tables(1)),
    *(Variation(f"k{bits}", f"k = {bits}", _tables(bits)) for bits in (2, 3, 5, 6, 7, 8)),
    Variation(
        "no_skipping",
        "zero addresses and zero gradient groups are not skipped",
        (
            "hardware.arrays.0.skip=none",
            "hardware.arrays.0.skip_window=null",
            "hardware.arrays.1.skip=none",
            "hardware.arrays.1.skip_window=null",
            "hardware.arrays.1.skip_groups=none",
        ),
    ),
    Variation(
        "input_sparsity",
        "backward: zero gradients skipped, all outputs computed",
        ("hardware.arrays.2.sparsity=input",),
    ),
    Variation(
        "output_sparsity",
        "backward: unneeded outputs skipped, all gradients used",
        ("hardware.arrays.2.sparsity=output",),
    ),
    Variation("no_sparsity", "backward: dense", ("hardware.arrays.2.sparsity=none",)),
    Variation(
        "wide_slices",
        "backward: private slices of four times the channels (four times the memory, and a state buffer to match)",
        _WIDE,
    ),
    Variation(
        "wide_slices_input",
        "the same with input sparsity alone",
        (*_WIDE, "hardware.arrays.2.sparsity=input"),
    ),
    Variation("dynamic_balance", "backward: one queue instead of barriers", ("hardware.arrays.2.balance=dynamic",)),
    Variation("no_pipeline", "engines one after another", ("schedule.pipeline=none",)),
    Variation(
        "recompute",
        "membrane potentials made again instead of stored",
        ("workload.stash=recompute", "mapping.R={engine: fe0}"),
    ),
)


@dataclass(frozen=True)
class Ablated:
    """One variation and its report."""

    variation: Variation
    report: Report

    def engine(self, name: str) -> EngineSummary:
        """What one engine did."""
        return next(engine for engine in engine_summaries(self.report) if engine.name == name)

    def busy(self, name: str) -> float:
        """Busy cycles of one engine."""
        return self.engine(name).busy_cycles

    def area_mm2(self, name: str) -> float:
        """Area of one engine."""
        return (self.engine(name).area_um2 or 0.0) / 1e6


@dataclass(frozen=True)
class Recipe:
    """A small network trained another way, for the densities along its backward chain."""

    name: str
    what: str
    activity: Activity
    backward_cycles: float
    """Busy cycles of the backward engine of A0 for its recorded step, nothing late."""

    def has(self, point: ChainPoint) -> bool:
        """Whether any layer's gradient passes that point."""
        return any(entry.gradient_mask(point) is not None for entry in self.activity.layers)

    def density(self, point: ChainPoint) -> float:
        """Share of non-zero gradients after one point, over all layers that have it."""
        masks = [mask for entry in self.activity.layers if (mask := entry.gradient_mask(point)) is not None]
        return sum(mask.nonzeros for mask in masks) / max(1, sum(mask.elements for mask in masks))


def run_ablations(trained: Trained, stages: Stages) -> tuple[Ablated, ...]:
    """Every variation of the first network; all are read before the first runs."""
    pair, fitted = trained.pair, full_scale(trained).activity
    batch = f"workload.batch={BATCH}"
    experiments = [load(pair.full, (batch, *variation.overrides))[0] for variation in VARIATIONS]
    found = []
    for variation, experiment in zip(VARIATIONS, experiments, strict=True):
        stages.next(f"ablation: {variation.what}")
        found.append(Ablated(variation, simulate(experiment.model_copy(update={"activity": fitted})).report))
    return tuple(found)


def run_recipes(stages: Stages) -> tuple[Recipe, ...]:
    """The first small network with other surrogates, and with normalisation in training mode."""
    small = NETWORKS[0].small
    changes = (
        ("rectangle", "rectangle surrogate (base)", small, ()),
        ("triangle", "triangle surrogate", small, ("network.neuron.surrogate={kind: triangle, width: 1.0}",)),
        ("arctan", "arctan surrogate", small, ("network.neuron.surrogate={kind: arctan}",)),
        ("normalised", "normalisation in training mode", "h2learn_cifar_norm_small", ()),
    )
    found = []
    for name, what, source, overrides in changes:
        stages.next(f"training: {what}")
        experiment, _ = load(source, overrides)
        activity = resolve_activity(experiment, build_experiment_network(experiment), None).activity
        assert activity is not None  # the experiment trains
        found.append(Recipe(name, what, activity, _backward_cycles(experiment)))
    return tuple(found)


def _backward_cycles(experiment: ExperimentConfig) -> float:
    """Layer by layer for every recipe, since normalisation over a batch cannot be cut into sample groups."""
    level = experiment.simulation.model_copy(update={"level": "closed_form", "trace": False})
    report = simulate(experiment.model_copy(update={"schedule": LayerByLayer(), "simulation": level})).report
    return next(engine for engine in engine_summaries(report) if engine.name == BACKWARD).busy_cycles


def ablation_claims(ablated: tuple[Ablated, ...], recipes: tuple[Recipe, ...]) -> tuple[Claim, ...]:
    """Every ablation moves as the paper says, or the note shows why not."""
    by_name = {each.variation.name: each for each in ablated}
    base = by_name[BASE]

    def ratio(name: str, engine: str) -> float:
        return by_name[name].busy(engine) / base.busy(engine)

    areas = f"{by_name['gated_adds'].area_mm2(FORWARD):.3g} over {base.area_mm2(FORWARD):.3g} mm2"
    lut = (
        "forward engine busy with gated adds over with tables of k = 4, as many of one as of the other, not the same"
        f" area: {areas}; {_adds(base.engine(FORWARD))}"
    )
    wide = by_name["wide_slices_input"].busy(BACKWARD) / by_name["wide_slices"].busy(BACKWARD)
    larger = by_name["wide_slices"].area_mm2(BACKWARD) - base.area_mm2(BACKWARD)
    whole = {name: _total(by_name[name]) / _total(base) for name in ("no_skipping", "no_pipeline")}
    claims = [
        _better("ablation.lut_over_gated_adds", ratio("gated_adds", FORWARD), lut),
        _better("ablation.update_lut_over_gated_adds", ratio("gated_adds", UPDATE), "the same for the update engine"),
        _better("ablation.dual_over_input", ratio("input_sparsity", BACKWARD), _input_note(base.engine(BACKWARD))),
        _better(
            "ablation.dual_over_input_step",
            _total(by_name["input_sparsity"]) / _total(base),
            "whole step with input sparsity alone over both: what the backward engine saves and what its masks move",
        ),
        _better(
            "ablation.dual_over_input_wide_slices",
            wide,
            "the same with slices of four times the channels, so that a slice has several passes to skip;"
            f" it costs {larger:.3g} mm2 of private memory",
        ),
        _better(
            "ablation.dual_over_output", ratio("output_sparsity", BACKWARD), "backward engine, output sparsity alone"
        ),
        _better("ablation.dual_over_dense", ratio("no_sparsity", BACKWARD), "backward engine, no sparsity"),
        _better("ablation.skipping", whole["no_skipping"], "whole step without skipping in tables over with"),
        _better("ablation.pipeline", whole["no_pipeline"], "whole step without the engine pipeline over with"),
    ]
    widths = [(bits, by_name[BASE if bits == 4 else f"k{bits}"]) for bits in (2, 3, 4, 5, 6, 7, 8)]
    best = min(widths, key=lambda entry: _total(entry[1]))[0]
    shown = ", ".join(f"k = {bits}: {_total(each):,}" for bits, each in widths)
    claims.append(Claim("ablation.best_k", float(best), None, None, Standing.ASSUMED, f"cycles of the step: {shown}"))
    moved = base.report.totals.dram_bytes - by_name["recompute"].report.totals.dram_bytes
    slower = _total(by_name["recompute"]) / _total(base)
    note = (
        f"step with recomputed potentials over stored; it moves {abs(moved) / 1e6:,.0f} MB"
        f" {'less' if moved >= 0 else 'more'} through the DRAM"
    )
    claims.append(Claim("ablation.recompute", slower, None, None, Standing.ASSUMED, note))
    return (*claims, *_density_claims(recipes))


def _density_claims(recipes: tuple[Recipe, ...]) -> tuple[Claim, ...]:
    by_name = {recipe.name: recipe for recipe in recipes}
    base = by_name["rectangle"].density(ChainPoint.SYNAPSE)
    normalised = by_name["normalised"].density(ChainPoint.SYNAPSE)
    smooth = by_name["arctan"].density(ChainPoint.SURROGATE)
    narrow = by_name["triangle"].density(ChainPoint.SURROGATE)
    cycles = {name: recipe.backward_cycles for name, recipe in by_name.items()}
    trained = "small network, its own training, recorded step"
    return (
        _better(
            "ablation.normalisation_density",
            normalised / base,
            "gradient density at the synapse with training-mode"
            f" normalisation ({normalised:.0%}) over without ({base:.0%}): input sparsity is gone",
        ),
        _better(
            "ablation.arctan_density",
            smooth / narrow,
            "gradient density behind an arctan surrogate"
            f" ({smooth:.0%}) over behind a triangle ({narrow:.0%}): no zeros without compact support",
        ),
        _better(
            "ablation.normalisation_backward",
            cycles["normalised"] / cycles["rectangle"],
            f"busy cycles of the backward engine with training-mode normalisation over without; {trained}",
        ),
        _better(
            "ablation.arctan_backward",
            cycles["arctan"] / cycles["triangle"],
            f"busy cycles of the backward engine with an arctan surrogate over with a triangle; {trained}",
        ),
    )


def _better(id_: str, value: float, note: str) -> Claim:
    why = "" if value >= 1 else "; not as published: the change costs nothing or gains here"
    return Claim(id_, value, 1.0, None, Standing.ASSUMED, note + why)


def _total(each: Ablated) -> int:
    return each.report.totals.total_cycles


def _input_note(engine: EngineSummary) -> str:
    """Why output sparsity gains what it gains on this machine."""
    active = engine.observed(Observed.ACTIVE_PIXELS) / max(1, engine.observed(Observed.PIXELS))
    rounding = engine.observed(Observed.LANE_CYCLES_ROUNDING)
    lanes = rounding + engine.observed(Observed.LANE_CYCLES_USED) + engine.observed(Observed.LANE_CYCLES_BANK_CONFLICT)
    return (
        "backward engine, input sparsity alone over both; a private weight slice has as few channels as lanes, so one"
        f" needed channel costs a whole pass: {active:.0%} of the pixels have one,"
        f" {rounding / max(1, lanes):.0%} of the lane-cycles are lost to lane rounding"
    )


def _adds(engine: EngineSummary) -> str:
    done, wanted = engine.observed(Observed.ADDS_DONE), engine.observed(Observed.OPERATIONS)
    return f"{done / max(1, wanted):.2f} adds per non-zero operand and output"


def ablation_table(ablated: tuple[Ablated, ...]) -> Table:
    """Cycles, energy and area of every variation."""
    columns = (
        "variation",
        "what",
        "total_cycles",
        "fe0_busy_cycles",
        "wue0_busy_cycles",
        "be0_busy_cycles",
        "total_energy_pj",
        "area_um2",
        "dram_bytes",
    )
    rows = tuple(
        (
            each.variation.name,
            each.variation.what,
            _total(each),
            *(round(each.busy(engine)) for engine in (FORWARD, UPDATE, BACKWARD)),
            each.report.totals.total_energy_pj,
            each.report.totals.area_um2 or 0.0,
            each.report.totals.dram_bytes,
        )
        for each in ablated
    )
    return Table("ablations", columns, rows)


def density_table(recipes: tuple[Recipe, ...]) -> Table:
    """Density after every point of the backward chain, per way of training; really trained, reduced scale."""
    columns = ("recipe", "what", "accuracy", *(point.value for point in ChainPoint), "be0_busy_cycles")
    rows = tuple(
        (
            r.name,
            r.what,
            r.activity.accuracy or 0.0,
            *(r.density(point) if r.has(point) else "" for point in ChainPoint),
            round(r.backward_cycles),
        )
        for r in recipes
    )
    return Table("density", columns, rows)
