"""What a sweep file says, worked out and checked: base, axes, condition, objectives. Nothing has run yet.

Proof: ``tests/unit/test_sweep_plan.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from simsnn.config.experiment import ExperimentConfig
from simsnn.config.loader import Document, compose, override, preset_folder, preset_names, read_yaml
from simsnn.config.resolve import build, content_hash, load_document
from simsnn.config.sweep import Objective, SweepConfig
from simsnn.errors import ConfigError, SimsnnError, Where, nearest
from simsnn.results.sweep_table import METRICS, ObjectiveInfo, SweepInfo
from simsnn.sweep.axes import Axis, assignment_of, axes_of, steps_of
from simsnn.sweep.composition import Composer, canonical, set_value
from simsnn.sweep.identity import versions
from simsnn.sweep.points import Space, SweepPoint, nothing_allowed, points_of, space_of


@dataclass(frozen=True)
class SweepPlan:
    """A sweep, checked.

    Parameters
    ----------
    config : SweepConfig
        As the file has it.
    base : Document
        The composed base experiment, with ``set`` and ``--set`` applied.
    space : Space
        Axes and condition.
    points : tuple of SweepPoint
        What is run; empty where a search finds its points.
    first : ExperimentConfig
        The experiment of the first point.
    versions : dict
        Versions of the models.
    """

    config: SweepConfig
    base: Document
    space: Space
    points: tuple[SweepPoint, ...]
    first: ExperimentConfig
    versions: dict[str, str]

    @property
    def axes(self) -> tuple[Axis, ...]:
        """Its axes."""
        return self.space.axes

    @property
    def objectives(self) -> tuple[ObjectiveInfo, ...]:
        """What it looks for."""
        return tuple(ObjectiveInfo(metric=entry.metric, goal=entry.goal) for entry in self.config.objectives)

    def info(self, points: int) -> SweepInfo:
        """What the stored sweep says of itself; ``points``: how many there are."""
        experiment = self.first
        return SweepInfo(
            name=self.config.name,
            base=experiment.name,
            base_sha256=content_hash(canonical(self.base.tree)),
            level=experiment.simulation.level,
            synthetic=experiment.activity is not None and experiment.activity.kind == "synthetic",
            axes=tuple(axis.info for axis in self.axes),
            where=self.config.where,
            sampling=self.config.sampling.kind,
            objectives=self.objectives,
            versions=self.versions,
            points=points,
        )


def load_plan(source: str | Path, overrides: tuple[str, ...] = ()) -> SweepPlan:
    """Read a sweep file, or the name of a shipped sweep, and check all that can be checked before a point runs.

    Parameters
    ----------
    source : str or Path
        The file, or a name such as ``array_size``.
    overrides : tuple of str
        ``PATH=VALUE`` on the base experiment.

    Raises
    ------
    ConfigError
        With file, line and what is wrong.
    """
    path = _sweep_file(source)
    document = read_yaml(path)
    config = build(SweepConfig, document)
    axes = axes_of(config.axes, document, path.parent)
    _check_objectives(config.objectives, document)
    base = _base(config, document, path.parent, overrides, axes)
    space = space_of(config, axes, document.where(("where",)))
    try:
        points = points_of(config, space)
    except SimsnnError as error:
        raise error.located(_in_file(error.where, document)) from None
    first = points[0].choice if points else next(space.grid(), None)
    if first is None:
        raise nothing_allowed(space)
    return SweepPlan(config, base, space, points, _first(Composer(base, axes), first, axes), versions())


def _in_file(where: Where, document: Document) -> Where:
    return where if where.file else document.where(tuple(where.path.split(".")))


def _sweep_file(source: str | Path) -> Path:
    path = Path(source)
    if path.exists() or path.suffix or len(path.parts) > 1:
        return path
    names = preset_names("sweeps")
    if str(source) not in names:
        message = f"no file and no shipped sweep {str(source)!r}"
        raise ConfigError(message, value=str(source), allowed=names, nearest=nearest(str(source), names))
    return preset_folder() / "sweeps" / f"{source}.yaml"


def _check_objectives(objectives: tuple[Objective, ...], document: Document) -> None:
    for index, objective in enumerate(objectives):
        name = objective.metric
        if name in METRICS and all(other.metric != name for other in objectives[:index]):
            continue
        message = f"unknown metric {name!r}" if name not in METRICS else f"the metric {name!r} stands twice"
        where = document.where(("objectives", index, "metric"))
        raise ConfigError(message, where=where, value=name, allowed=METRICS, nearest=nearest(name, METRICS))


def _base(
    config: SweepConfig, document: Document, folder: Path, overrides: tuple[str, ...], axes: tuple[Axis, ...]
) -> Document:
    """The base experiment with everything that holds for all points."""
    source = config.base
    beside = folder / source
    try:
        base = load_document(beside if beside.exists() or "/" in source or source.endswith(".yaml") else source)
    except ConfigError as error:
        raise error if error.where.line else error.located(document.where(("base",))) from None
    for path, value in config.set.items():
        where = document.where(("set", path))
        _check_free(path, axes, where)
        set_value(base, assignment_of(steps_of(path), value), where)
    for assignment in overrides:
        _check_free(assignment.split("=")[0].strip(), axes, Where("", "--set"))
        override(base, assignment)
    return compose(base, Path.cwd())


def _check_free(path: str, axes: tuple[Axis, ...], where: Where) -> None:
    for axis in axes:
        if path in axis.paths:
            message = f"{path} is what the axis {axis.name!r} changes: a value set here has no effect"
            raise ConfigError(message, where=where, value=path, remedy="leave it out, or take the axis out")


def _first(composer: Composer, choice: tuple[int, ...], axes: tuple[Axis, ...]) -> ExperimentConfig:
    """The first point, which also shows whether the paths of the axes exist.

    A value that the models refuse makes a refused point, and the base stands for the sweep; a key that they do not
    know is a slip in the file.
    """
    try:
        return composer.compose(choice)
    except ConfigError as error:
        if error.message.startswith(("unknown key", "there is nothing", "missing key")) or not _by_axis(error, axes):
            raise
    return build(ExperimentConfig, composer.base)


def _by_axis(error: ConfigError, axes: tuple[Axis, ...]) -> bool:
    """Whether an error is about a value that an axis sets, or something below or above it."""
    found = error.where.path
    return any(
        found == path or found.startswith(f"{path}.") or path.startswith(f"{found}.")
        for axis in axes
        for path in axis.paths
    )
