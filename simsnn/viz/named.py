"""Figures by name, and how they become files: each drawn when it is written, none left half-written."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from simsnn.errors import ConfigError, nearest
from simsnn.results.store import StorageError
from simsnn.viz.formats import check_format
from simsnn.viz.style import save


@dataclass(frozen=True, slots=True)
class NamedFigure:
    """A figure that is not drawn yet.

    Parameters
    ----------
    name : str
        Stem of its file.
    what : str
        What it shows, a few words.
    draw : callable
        Draws it.
    """

    name: str
    what: str
    draw: Callable[[], Figure]


def chosen(figures: tuple[NamedFigure, ...], only: tuple[str, ...], absent: dict[str, str]) -> tuple[NamedFigure, ...]:
    """Those of some names, in the order of the names; all where none is named.

    Parameters
    ----------
    figures : tuple of NamedFigure
        What fits.
    only : tuple of str
        Names asked for.
    absent : dict
        Figures that there are but that do not fit here, with the reason.

    Raises
    ------
    ConfigError
        For a name that is none, or a figure that does not fit.
    """
    by_name = {figure.name: figure for figure in figures}
    for name in only:
        if name in absent:
            raise ConfigError(f"no figure {name!r} here: {absent[name]}", value=name, allowed=tuple(by_name))
        if name not in by_name:
            close = nearest(name, (*by_name, *absent))
            raise ConfigError(f"unknown figure {name!r}", value=name, allowed=tuple(by_name), nearest=close)
    return tuple(by_name[name] for name in dict.fromkeys(only)) if only else figures


def write_figures(figures: Iterable[NamedFigure], folder: Path, format_: str = "png") -> tuple[Path, ...]:
    """Draw figures into a folder, each under a temporary name until it is whole.

    Returns
    -------
    tuple of Path
        The files written.

    Raises
    ------
    ConfigError
        For an unknown format.
    StorageError
        If the folder cannot be made or written.
    """
    check_format(format_)
    written: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for figure in figures:
            path = folder / f"{figure.name}.{format_}"
            temporary = folder / f".{figure.name}.{os.getpid()}.{format_}"
            try:
                save(figure.draw(), temporary)
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)
            written.append(path)
    except OSError as error:
        remedy = "free some space or choose another place with -o"
        reason = error.strerror or str(error)
        raise StorageError(f"cannot write to {folder}: {reason}", value=str(folder), remedy=remedy) from None
    return tuple(written)
