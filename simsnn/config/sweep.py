"""The sweep file: a base experiment, axes that change it, conditions, sampling, objectives (docs/sweeps.md).

The strict models know the forms of an axis; what its values are is worked out in :mod:`simsnn.sweep.axes`.
Proof: ``tests/unit/test_sweep_axes.py``.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from simsnn.config.quantities import Count, Index, Name, StrictModel

MOST_POINTS = 100_000
"""Points that one sweep may have; larger grids are sampled or searched."""
Label = str | int | float | bool
Number = int | float | str
"""End of a range: a bare number, or one with a unit."""
FORMS = ("values", "range", "log2_range", "log_range", "files")


class AxisSetting(StrictModel):
    """One or several paths, and the values that they take together.

    Exactly one form: ``values``; ``range`` [first, last] or [first, last, step], both ends included; ``log2_range``
    [first, last], doubling; ``log_range`` [first, last, count], equal ratios; ``files``, relative to the sweep file.
    """

    path: str | None = None
    paths: tuple[str, ...] | None = None
    values: Annotated[tuple[Any, ...], Field(min_length=1)] | None = None
    range: Annotated[tuple[Number, ...], Field(min_length=2, max_length=3)] | None = None
    log2_range: Annotated[tuple[Number, ...], Field(min_length=2, max_length=2)] | None = None
    log_range: Annotated[tuple[Number, ...], Field(min_length=3, max_length=3)] | None = None
    files: Annotated[tuple[str, ...], Field(min_length=1)] | None = None

    @property
    def targets(self) -> tuple[str, ...]:
        """All paths."""
        return self.paths if self.paths is not None else (self.path,) if self.path is not None else ()

    @property
    def form(self) -> str | None:
        """Name of the form in use."""
        return next((form for form in FORMS if getattr(self, form) is not None), None)

    @model_validator(mode="after")
    def _one_form(self) -> AxisSetting:
        forms = [form for form in FORMS if getattr(self, form) is not None]
        zipped = getattr(self, "zip", None) is not None
        if len(forms) + zipped != 1:
            raise ValueError(f"give exactly one of {', '.join(FORMS)}" + (" or zip" if hasattr(self, "zip") else ""))
        if zipped:
            if self.targets:
                raise ValueError("the entries of zip have the paths: path cannot stand beside zip")
        elif (self.path is None) == (self.paths is None):
            raise ValueError("give path, or paths for several that take the same value")
        if any(not _is_path(path) for path in self.targets) or self.paths == ():
            raise ValueError("a path is dotted, like hardware.arrays.0.rows")
        return self


def _is_path(path: str) -> bool:
    return bool(path) and all(step.strip() == step and step for step in path.split("."))


class AxisConfig(AxisSetting):
    """One axis: its name, and what it sets; ``zip``: several settings that move together."""

    name: Name
    zip: Annotated[tuple[AxisSetting, ...], Field(min_length=1)] | None = None
    labels: tuple[Label, ...] | None = None
    """What stands for each value in tables and conditions; the value itself where left out."""

    @property
    def settings(self) -> tuple[AxisSetting, ...]:
        """Everything that moves with this axis."""
        return self.zip if self.zip is not None else (self,)


class GridSampling(StrictModel):
    """Every combination."""

    kind: Literal["grid"]


class RandomSampling(StrictModel):
    """Some combinations, each at most once, the same for the same seed."""

    kind: Literal["random"]
    points: Annotated[int, Field(gt=0, le=MOST_POINTS)]
    seed: Index = 0


class GeneticSampling(StrictModel):
    """A genetic search (NSGA-II) for the Pareto front of the objectives; ``points`` is what it may evaluate."""

    kind: Literal["nsga2"]
    points: Annotated[int, Field(gt=0, le=MOST_POINTS)]
    seed: Index = 0
    population: Annotated[int, Field(ge=2, le=10_000)] = 16


Sampling = Annotated[GridSampling | RandomSampling | GeneticSampling, Field(discriminator="kind")]


class Objective(StrictModel):
    """A metric to be made small or large."""

    metric: Name
    goal: Literal["min", "max"] = "min"


OBJECTIVES = (Objective(metric="total_cycles"), Objective(metric="total_energy_pj"))


class SweepConfig(StrictModel):
    """One sweep, completely."""

    schema_: Annotated[Literal["simsnn/sweep/1"], Field(alias="schema")]
    name: Name
    base: str
    set: dict[str, Any] = Field(default_factory=dict)
    axes: Annotated[tuple[AxisConfig, ...], Field(min_length=1, max_length=16)]
    where: str | None = None
    sampling: Sampling = GridSampling(kind="grid")
    objectives: Annotated[tuple[Objective, ...], Field(min_length=1, max_length=4)] = OBJECTIVES
    max_points: Count = MOST_POINTS
    """Guard against a grid that is larger than meant."""
