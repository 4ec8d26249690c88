"""``simsnn plot``: the figures of a stored run, from its report and its census of memory."""

from __future__ import annotations

from pathlib import Path

from simsnn.errors import ConfigError, nearest
from simsnn.results.store import LIVE_BYTES, find_run
from simsnn.sim.census import RunMemory
from simsnn.viz.figures import (
    cycles_figure,
    density_figure,
    energy_figure,
    memory_figure,
    pipeline_figure,
    save,
    timeline_figure,
)

FIGURES = (
    ("cycles", cycles_figure),
    ("energy", energy_figure),
    ("timeline", timeline_figure),
    ("density", density_figure),
    ("pipeline", pipeline_figure),
)
FORMATS = ("png", "svg", "pdf")


def plot_run(name: str, root: Path, output: Path | None, format_: str) -> tuple[Path, ...]:
    """Draw cycles, energy, timeline, densities and, where there are any, the pipeline and live bytes.

    Returns
    -------
    tuple of Path
        The files written.
    """
    if format_ not in FORMATS:
        close = nearest(format_, FORMATS)
        raise ConfigError(f"unknown figure format {format_!r}", value=format_, allowed=FORMATS, nearest=close)
    run = find_run(name, root)
    folder = output or run.folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"cannot write to {folder}: {error.strerror}", value=str(folder)) from None
    written = []
    for stem, draw in FIGURES:
        if stem == "pipeline" and run.report.pipeline is None:
            continue
        path = folder / f"{stem}.{format_}"
        save(draw(run.report), path)
        written.append(path)
    if (run.folder / LIVE_BYTES).exists():
        path = folder / f"memory.{format_}"
        save(memory_figure(run.report, RunMemory.load(run.folder / LIVE_BYTES)), path)
        written.append(path)
    return tuple(written)
