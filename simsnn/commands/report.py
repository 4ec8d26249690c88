"""``simsnn report``: one HTML file of a stored run or sweep, written whole or not at all."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from simsnn.config.loader import parse_yaml
from simsnn.errors import ConfigError, nearest
from simsnn.results.store import CONFIG, LIVE_BYTES, TRACE, StorageError, StoredRun, find_run, list_runs, read_run
from simsnn.results.store import REPORT as RUN_REPORT
from simsnn.results.sweep_store import SUMMARY, StoredSweep, find_sweep, is_sweep, read_sweep, sweep_folders
from simsnn.sim.census import RunMemory

PAGE = "report.html"


@dataclass(frozen=True, slots=True)
class WrittenPage:
    """The file and its size."""

    file: Path
    bytes: int

    def to_json(self) -> dict[str, str | int]:
        """As ``report --json`` prints it."""
        return {"file": str(self.file), "bytes": self.bytes}


def write_report(name: str, runs: Path, sweeps: Path, output: Path | None) -> WrittenPage:
    """Write the page of a run or sweep.

    Parameters
    ----------
    name : str
        A folder, the id or name of a run, the name of a sweep, or ``latest``: the newest of both.
    runs, sweeps : Path
        Where they lie.
    output : Path or None
        The file; ``report.html`` in the folder without.

    Raises
    ------
    SimsnnError
        If there is no such run or sweep, its files are not what they should be, or the file cannot be written.
    """
    try:
        found = find_stored(name, runs, sweeps)
    except OSError as error:
        raise ConfigError(f"{name[:80]!r} cannot be looked up: {error.strerror}", value=name[:80]) from None
    page = output or found.folder / PAGE
    if page.is_dir():
        raise ConfigError(f"{page} is a folder, not a file", value=str(page), remedy=f"write {page / PAGE}")
    text = _sweep_text(found) if isinstance(found, StoredSweep) else _run_text(found)
    content = text.encode("utf-8")
    _write(page, content)
    return WrittenPage(page, len(content))


def find_stored(name: str, runs: Path, sweeps: Path) -> StoredRun | StoredSweep:
    """The run or sweep of a name.

    Raises
    ------
    ConfigError
        If there is none, or a folder holds neither.
    """
    folder = Path(name)
    if is_sweep(folder):
        return read_sweep(folder)
    if (folder / RUN_REPORT).exists():
        return read_run(folder)
    if folder.is_dir() and name != "latest":
        remedy = f"a run folder holds {RUN_REPORT}, a sweep folder sweep.json and points.csv"
        raise ConfigError(f"{name} is neither a run nor a sweep folder", value=name, remedy=remedy)
    if name == "latest":
        return _latest(runs, sweeps)
    stored, known = list_runs(runs), tuple(path.name for path in sweep_folders(sweeps))
    if any(run.report.id.startswith(name) or run.folder.name == name for run in stored):
        return find_run(name, runs)
    if name in known:
        return find_sweep(name, sweeps)
    names = (*(run.folder.name for run in stored), *known)
    raise ConfigError(
        f"no run {name!r} in {runs} and no such sweep in {sweeps}",
        value=name,
        allowed=names,
        nearest=nearest(name, names),
        remedy="`simsnn runs` lists runs",
    )


def _latest(runs: Path, sweeps: Path) -> StoredRun | StoredSweep:
    stored: list[StoredRun | StoredSweep] = [*list_runs(runs)[-1:]]
    if sweep_folders(sweeps):
        stored.append(find_sweep("latest", sweeps))
    if not stored:
        remedy = "`simsnn run FILE` makes a run"
        raise ConfigError(f"no run in {runs} and no sweep in {sweeps}", value="latest", remedy=remedy)
    return max(stored, key=lambda one: one.modified_ns)


def _run_text(run: StoredRun) -> str:
    from simsnn.viz.html.run_page import RunContent, run_page
    from simsnn.viz.html.timeline import MOST_BARS
    from simsnn.viz.html.trace_file import read_tracks

    config, trace, memory = (run.folder / name for name in (CONFIG, TRACE, LIVE_BYTES))
    text = _read(config) if config.exists() else ""
    content = RunContent(
        run.report,
        parse_yaml(text, str(config)).tree if text else {},
        text,
        read_tracks(trace, MOST_BARS, run.report.pipeline is not None) if trace.exists() else None,
        RunMemory.load(memory) if memory.exists() else None,
    )
    return run_page(content)


def _sweep_text(sweep: StoredSweep) -> str:
    from simsnn.viz.html.sweep_page import sweep_page

    summary = sweep.folder / SUMMARY
    text = _read(summary) if summary.is_file() else ""
    try:
        return sweep_page(sweep, text)
    except OSError as error:
        raise ConfigError(f"{sweep.folder} cannot be read: {error}", value=str(sweep.folder)) from None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}", value=str(path)) from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not text in UTF-8", value=str(path)) from None


def _write(path: Path, content: bytes) -> None:
    """Write beside the file and rename: a full disk or an interrupt leaves what was there before."""
    temporary = path.parent / f".{path.name}.{os.getpid()}.part"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as error:
        remedy = "free some space or choose another place with -o"
        reason = error.strerror or str(error)
        raise StorageError(f"cannot write {path}: {reason}", value=str(path), remedy=remedy) from None
    finally:
        _remove(temporary)


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return  # its folder is no folder, or cannot be written: nothing was left there
