"""``simsnn plot``: the figures of a stored run or sweep, from what its folder holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from simsnn.errors import ConfigError, nearest
from simsnn.results.store import REPORT, StoredRun, find_run, list_runs, read_run
from simsnn.results.sweep_store import StoredSweep, find_sweep, is_sweep, read_sweep, sweep_folders
from simsnn.viz.formats import check_format
from simsnn.viz.named import chosen, write_figures
from simsnn.viz.run_figures import RUN_FIGURES, figures_missing, figures_of
from simsnn.viz.sweep_figures import KINDS, SweepView, sweep_figures_named


@dataclass(frozen=True, slots=True)
class PlotRequest:
    """What is asked for.

    Parameters
    ----------
    name : str
        Run or sweep: a folder, an id, a name, or ``latest``.
    runs, sweeps : Path
        Where runs and sweeps are looked for.
    output : Path or None
        Where the figures go; the folder of the run or sweep where None.
    format_ : str
        png, svg or pdf.
    only : tuple of str
        Names of figures; all that fit where empty.
    view : SweepView
        Metrics and axes, which sweeps have alone.
    """

    name: str
    runs: Path
    sweeps: Path
    output: Path | None = None
    format_: str = "png"
    only: tuple[str, ...] = ()
    view: SweepView = field(default_factory=SweepView)


def draw(request: PlotRequest) -> tuple[Path, ...]:
    """Draw what is asked for and return the files written.

    Raises
    ------
    ConfigError
        For a run or sweep that is not there, an unknown figure, metric, axis or format.
    """
    check_format(request.format_)
    stored = find_run_or_sweep(request.name, request.runs, request.sweeps, bool(request.view))
    if isinstance(stored, StoredSweep):
        figures = sweep_figures_named(stored, request.view, request.only)
    else:
        if request.view:
            raise ConfigError(
                f"{request.name!r} is a run: --metric, --x and --y choose what a sweep shows", value=request.name
            )
        figures = chosen(figures_of(stored), request.only, figures_missing(stored))
    return write_figures(figures, request.output or stored.folder, request.format_)


def find_run_or_sweep(name: str, runs: Path, sweeps: Path, sweep_asked: bool = False) -> StoredRun | StoredSweep:
    """A stored run, or a stored sweep; of ``latest`` the run where there is any.

    Raises
    ------
    ConfigError
        If there is neither, or a name means both: then a folder says which.
    """
    if is_sweep(Path(name)):
        return read_sweep(Path(name))
    if (Path(name) / REPORT).exists():
        return read_run(Path(name))
    if sweep_asked:
        return find_sweep(name, sweeps)
    named = tuple(folder.name for folder in sweep_folders(sweeps))
    if name in named and _is_run(name, runs):
        raise ConfigError(
            f"{name!r} is a run in {runs} and a sweep in {sweeps}",
            value=name,
            remedy=f"give the folder, as {sweeps / name}",
        )
    if name in named or (name == "latest" and named and not list_runs(runs)):
        return find_sweep(name, sweeps)
    return _run_or_close(name, runs, named)


def _is_run(name: str, root: Path) -> bool:
    """Whether a name means a run too; a report that cannot be read is no reason to refuse a sweep."""
    try:
        return any(run.report.id.startswith(name) or run.folder.name == name for run in list_runs(root))
    except ConfigError:
        return False


def _run_or_close(name: str, root: Path, sweeps: tuple[str, ...]) -> StoredRun:
    try:
        return find_run(name, root)
    except ConfigError as error:
        if sweeps and error.message.startswith("no run"):
            known = (*error.allowed, *sweeps)
            raise ConfigError(
                f"no run and no sweep {name!r}",
                value=name,
                allowed=known,
                nearest=nearest(name, known),
                remedy="`simsnn runs` lists the runs",
            ) from None
        raise


def figure_names() -> list[dict[str, str]]:
    """Every figure there is: of what, its name, what it shows."""
    runs = [{"of": "run", "name": figure.name, "what": figure.what} for figure in RUN_FIGURES]
    return runs + [{"of": "sweep", "name": kind.name, "what": kind.what} for kind in KINDS]
