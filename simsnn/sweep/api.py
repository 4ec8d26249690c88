"""Sweeps from Python: ``run_sweep`` runs one, ``load_sweep`` opens a stored one; rows are plain mappings.

``pandas.DataFrame(simsnn.load_sweep("array_size").table.records())`` makes a frame; pandas itself is not needed here.
"""

from __future__ import annotations

from pathlib import Path

from simsnn.results.sweep_store import SWEEPS, StoredSweep, find_sweep
from simsnn.sweep import runner
from simsnn.sweep.plan import load_plan
from simsnn.sweep.runner import SweepOptions, Watch


def run_sweep(
    source: str | Path,
    overrides: tuple[str, ...] = (),
    *,
    folder: Path | None = None,
    options: SweepOptions = SweepOptions(),
    watch: Watch | None = None,
) -> StoredSweep:
    """Run a sweep, or what is left of it.

    A script that sweeps with processes must do so under ``if __name__ == "__main__":``, as with any use of processes.

    Parameters
    ----------
    source : str or Path
        A sweep file, or the name of a shipped sweep.
    overrides : tuple of str
        ``PATH=VALUE`` on the base experiment.
    folder : Path, optional
        The sweep's folder; ``results/sweeps/<name>`` where left out.
    options : SweepOptions
        By whom it is run.
    watch : callable, optional
        Told how far it is.

    Raises
    ------
    SimsnnError
        Bad input; a point that fails or is refused is a row of the table, not an error.
    """
    plan = load_plan(source, overrides)
    return runner.run_sweep(plan, runner.sweep_folder(plan, folder), options, watch)


def load_sweep(name: str | Path, root: Path = SWEEPS) -> StoredSweep:
    """Open a stored sweep by folder, by name, or as ``latest``.

    Raises
    ------
    ConfigError
        If there is none.
    """
    return find_sweep(str(name), root)
