"""``simsnn plot``: the figures of a stored run or sweep, from what its folder holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from simsnn.commands.stored import find_stored
from simsnn.errors import ConfigError
from simsnn.results.store import REPORT, StoredRun
from simsnn.results.sweep_store import StoredSweep, find_sweep
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
    stored = _stored(request)
    if isinstance(stored, StoredSweep):
        figures = sweep_figures_named(stored, request.view, request.only)
    else:
        if request.view:
            raise ConfigError(
                f"{request.name!r} is a run: --metric, --x and --y choose what a sweep shows", value=request.name
            )
        figures = chosen(figures_of(stored), request.only, figures_missing(stored))
    return write_figures(figures, request.output or stored.folder, request.format_)


def _stored(request: PlotRequest) -> StoredRun | StoredSweep:
    """What is meant; who names a metric or an axis means a sweep, also by ``latest``."""
    if request.view and not (Path(request.name) / REPORT).exists():
        return find_sweep(request.name, request.sweeps)
    return find_stored(request.name, request.runs, request.sweeps)


def figure_names() -> list[dict[str, str]]:
    """Every figure there is: of what, its name, what it shows."""
    runs = [{"of": "run", "name": figure.name, "what": figure.what} for figure in RUN_FIGURES]
    return runs + [{"of": "sweep", "name": kind.name, "what": kind.what} for kind in KINDS]
