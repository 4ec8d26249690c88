"""What a command means by a name: a stored run or a stored sweep."""

from __future__ import annotations

from pathlib import Path

from simsnn.errors import ConfigError, nearest
from simsnn.results.store import REPORT, StoredRun, find_run, list_runs, read_run
from simsnn.results.sweep_store import INFO, POINTS, StoredSweep, find_sweep, is_sweep, read_sweep, sweep_folders


def find_stored(name: str, runs: Path, sweeps: Path) -> StoredRun | StoredSweep:
    """A run or a sweep.

    Parameters
    ----------
    name : str
        A folder, the id or name of a run, the name of a sweep, or ``latest``: the newest of both.
    runs, sweeps : Path
        Where they lie.

    Raises
    ------
    ConfigError
        If there is neither, a folder holds neither, or a name means both: then a folder says which.
    """
    try:
        return _found(name, runs, sweeps)
    except OSError as error:
        raise ConfigError(f"{name[:80]!r} cannot be looked up: {error.strerror}", value=name[:80]) from None


def _found(name: str, runs: Path, sweeps: Path) -> StoredRun | StoredSweep:
    folder = Path(name)
    if is_sweep(folder):
        return read_sweep(folder)
    if (folder / REPORT).exists():
        return read_run(folder)
    if name == "latest":
        return _latest(runs, sweeps)
    if folder.is_dir():
        remedy = f"a run folder holds {REPORT}, a sweep folder {INFO} and {POINTS}"
        raise ConfigError(f"{name} is neither a run nor a sweep folder", value=name, remedy=remedy)
    named = tuple(path.name for path in sweep_folders(sweeps))
    if name not in named:
        return _run(name, runs, sweeps, named)
    if _is_run(name, runs):
        message = f"{name!r} is a run in {runs} and a sweep in {sweeps}"
        raise ConfigError(message, value=name, remedy=f"give the folder, as {sweeps / name}")
    return find_sweep(name, sweeps)


def _is_run(name: str, root: Path) -> bool:
    """Whether a name means runs too; a report that cannot be read is no reason to refuse a sweep."""
    try:
        return any(
            run.report.id.startswith(name) or name in (run.folder.name, run.report.name) for run in list_runs(root)
        )
    except ConfigError:
        return False


def _run(name: str, runs: Path, sweeps: Path, named: tuple[str, ...]) -> StoredRun:
    try:
        return find_run(name, runs)
    except ConfigError as error:
        if not error.message.startswith("no run"):
            raise
        known = (*error.allowed, *named)
        raise ConfigError(
            f"no run {name!r} in {runs} and no such sweep in {sweeps}",
            value=name,
            allowed=known,
            nearest=nearest(name, known),
            remedy="`simsnn runs` lists runs and sweeps",
        ) from None


def _latest(runs: Path, sweeps: Path) -> StoredRun | StoredSweep:
    stored: list[StoredRun | StoredSweep] = [*list_runs(runs)[-1:]]
    if sweep_folders(sweeps):
        stored.append(find_sweep("latest", sweeps))
    if not stored:
        remedy = "`simsnn run FILE` makes a run"
        raise ConfigError(f"no run in {runs} and no sweep in {sweeps}", value="latest", remedy=remedy)
    return max(stored, key=lambda one: one.modified_ns)
