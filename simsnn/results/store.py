"""Run folders: written under a temporary name and renamed, found again by path, id or ``latest``.

Nothing is half-written: an interrupt or a full disk leaves no folder that looks finished.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from simsnn.errors import ConfigError, SimsnnError, nearest
from simsnn.results.report import Report

RUNS = Path("results") / "runs"
REPORT, CONFIG, LAYERS, TIMING = "report.json", "config.resolved.yaml", "layers.csv", "timing.json"
TRACE, INTERVALS = "trace.json.gz", "trace.npz"
CYCLES, ENERGY, TIMELINE, DENSITY = "cycles.png", "energy.png", "timeline.png", "density.png"
PIPELINE, MEMORY = "pipeline.png", "memory.png"
LIVE_BYTES = "memory.npz"


class StorageError(SimsnnError):
    """A result that cannot be written: full disk, no permission."""

    kind = "storage"


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A finished run on disk."""

    folder: Path
    report: Report

    @property
    def modified_ns(self) -> int:
        """When the run was finished, for ``latest``."""
        return (self.folder / REPORT).stat().st_mtime_ns


@contextmanager
def writing(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder that becomes ``folder`` when the block ends without an error.

    Raises
    ------
    StorageError
        If the disk is full or the place cannot be written.
    """
    temporary = folder.parent / f".{folder.name}.{os.getpid()}.part"
    try:
        temporary.mkdir(parents=True)
        yield temporary
        _replace(temporary, folder)
    except OSError as error:
        reason = error.strerror or str(error)
        remedy = "free some space or choose another place with -o"
        raise StorageError(f"cannot write {folder}: {reason}", value=str(folder), remedy=remedy) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def writing_file(path: Path) -> Iterator[Path]:
    """Yield a temporary file that becomes ``path`` when the block ends without an error.

    Raises
    ------
    StorageError
        If the disk is full or the place cannot be written; what stood there before is left alone.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        reason = error.strerror or str(error)
        remedy = "free some space or choose another place with -o"
        raise StorageError(f"cannot write {path}: {reason}", value=str(path), remedy=remedy) from None
    finally:
        with suppress(OSError):  # its folder is no folder, or cannot be written: nothing was left there
            temporary.unlink(missing_ok=True)


def _replace(temporary: Path, folder: Path) -> None:
    """Put the finished folder in place of an earlier one of the same name."""
    old = folder.parent / f".{folder.name}.{os.getpid()}.old"
    if folder.exists():
        folder.rename(old)
    try:
        temporary.rename(folder)
    except OSError:
        if old.exists():
            old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def read_run(folder: Path) -> StoredRun:
    """Read the report of a run folder."""
    path = folder / REPORT
    try:
        return StoredRun(folder, Report.from_json(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigError(f"{folder} is not a run folder: {error.strerror}", value=str(folder)) from None
    except ValueError as error:
        first = str(error).splitlines()[0]
        raise ConfigError(f"{path} is not a report of this version: {first}", value=str(path)) from None


def list_runs(root: Path) -> tuple[StoredRun, ...]:
    """Finished runs below ``root``, oldest first."""
    folders = [path.parent for path in root.glob(f"*/{REPORT}") if not path.parent.name.startswith(".")]
    return tuple(sorted((read_run(folder) for folder in folders), key=lambda run: (run.modified_ns, run.report.id)))


def find_run(name: str, root: Path) -> StoredRun:
    """A run by folder, by id (or the start of one), by a name that one run alone has, or ``latest``.

    Raises
    ------
    ConfigError
        If there is none, or several fit.
    """
    if (Path(name) / REPORT).exists():
        return read_run(Path(name))
    runs = list_runs(root)
    if name == "latest" and runs:
        return runs[-1]
    fitting = [run for run in runs if run.report.id.startswith(name) or run.folder.name == name]
    fitting = fitting or [run for run in runs if run.report.name == name]
    if len(fitting) == 1:
        return fitting[0]
    known = tuple(run.folder.name for run in runs)
    message = f"no run {name!r} in {root}" if not fitting else f"{len(fitting)} runs fit {name!r}"
    raise ConfigError(
        message, value=name, allowed=known, nearest=nearest(name, known), remedy="`simsnn runs` lists them"
    )
