"""Sweep folders: found again by path, name or ``latest``; what a finished or running sweep has stored.

``<root>/<name>/`` holds ``sweep.json`` (what it is), ``points.csv`` (the table), ``sweep.sqlite`` (the log of points,
one commit each), ``timing.csv`` (wall times, the only file that may differ between equal sweeps), where an axis
repeats seeds ``summary.csv``, and the figures. Tests: ``tests/unit/test_sweep_table.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from simsnn.errors import ConfigError, nearest
from simsnn.results.sweep_table import SweepInfo, SweepTable, info_from_json

SWEEPS = Path("results") / "sweeps"
INFO, POINTS, LOG, TIMING, SUMMARY = "sweep.json", "points.csv", "sweep.sqlite", "timing.csv", "summary.csv"


@dataclass(frozen=True)
class StoredSweep:
    """A sweep on disk."""

    folder: Path
    info: SweepInfo
    table: SweepTable

    @property
    def modified_ns(self) -> int:
        """When its table was written, for ``latest``."""
        return (self.folder / POINTS).stat().st_mtime_ns


def is_sweep(folder: Path) -> bool:
    """Whether a folder holds a sweep's table."""
    return (folder / INFO).is_file() and (folder / POINTS).is_file()


def read_sweep(folder: Path) -> StoredSweep:
    """Read a sweep folder.

    Raises
    ------
    ConfigError
        If it is none, or its files are not what they should be.
    """
    try:
        info = info_from_json((folder / INFO).read_text(encoding="utf-8"), str(folder / INFO))
        text = (folder / POINTS).read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{folder} is not a sweep folder: {error.strerror}", value=str(folder)) from None
    except UnicodeDecodeError:
        raise ConfigError(f"{folder} is not a sweep folder: not text", value=str(folder)) from None
    return StoredSweep(folder, info, SweepTable.from_csv(text, info.axes, str(folder / POINTS)))


def sweep_folders(root: Path) -> tuple[Path, ...]:
    """Folders of finished or interrupted sweeps below ``root``, by name."""
    folders = (path.parent for path in root.glob(f"*/{INFO}"))
    return tuple(sorted(folder for folder in folders if not folder.name.startswith(".") and is_sweep(folder)))


def find_sweep(name: str, root: Path = SWEEPS) -> StoredSweep:
    """A sweep by folder, by name, or ``latest``.

    Raises
    ------
    ConfigError
        If there is none.
    """
    if is_sweep(Path(name)):
        return read_sweep(Path(name))
    folders = sweep_folders(root)
    if name == "latest" and folders:
        return read_sweep(max(folders, key=lambda folder: (folder / POINTS).stat().st_mtime_ns))
    if any(folder.name == name for folder in folders):
        return read_sweep(root / name)
    known = tuple(folder.name for folder in folders)
    raise ConfigError(
        f"no sweep {name!r} in {root}",
        value=name,
        allowed=known,
        nearest=nearest(name, known),
        remedy="`simsnn sweep FILE` makes one, `simsnn runs` lists them",
    )
