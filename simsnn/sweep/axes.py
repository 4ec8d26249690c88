"""Axes of a sweep: the values that ranges stand for, what they set, and their labels.

Proof: ``tests/unit/test_sweep_axes.py``.
"""

from __future__ import annotations

import json
import keyword
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from simsnn.config.loader import PRESET_FOLDERS, Document
from simsnn.config.sweep import AxisConfig, AxisSetting, Number
from simsnn.errors import ConfigError, Where, nearest
from simsnn.results.sweep_table import METRICS, AxisInfo, Scalar

MOST_VALUES = 10_000
RESERVED = ("point", "id", "status", "error", "pareto", *METRICS)
_QUANTITY = re.compile(r"^\s*([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)\s*(.*?)\s*$")
_FILE_SECTIONS = ("network", "hardware", "activity")
Step = str | int


@dataclass(frozen=True, slots=True)
class Assignment:
    """One path of the experiment and the value that it takes."""

    path: tuple[Step, ...]
    value: Any


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis, worked out.

    Parameters
    ----------
    name : str
        Its name in tables and conditions.
    labels : tuple of scalars
        One per value: what stands in the table.
    assignments : tuple of tuple of Assignment
        Per value, everything that it sets.
    where : Where
        Its place in the sweep file.
    """

    name: str
    labels: tuple[Scalar, ...]
    assignments: tuple[tuple[Assignment, ...], ...]
    where: Where

    @property
    def paths(self) -> tuple[str, ...]:
        """Dotted paths that it sets."""
        return tuple(".".join(map(str, assignment.path)) for assignment in self.assignments[0])

    @property
    def seed(self) -> bool:
        """Whether its values are repetitions of the same design: it sets nothing but seeds."""
        return all(path.rsplit(".", 1)[-1] in ("seed", "split_seed") for path in self.paths)

    @property
    def info(self) -> AxisInfo:
        """The axis as a stored sweep describes it."""
        return AxisInfo(name=self.name, paths=self.paths, values=self.labels, seed=self.seed)

    def __len__(self) -> int:
        return len(self.labels)


def axes_of(configs: Sequence[AxisConfig], document: Document, folder: Path) -> tuple[Axis, ...]:
    """Work out all axes of a sweep file.

    Parameters
    ----------
    configs : sequence of AxisConfig
        As validated.
    document : Document
        The sweep file, for the places of its values.
    folder : Path
        Where the sweep file lies; ``files`` are relative to it.

    Raises
    ------
    ConfigError
        Names that cannot be columns, ranges that are none, files that do not exist, values that stand twice.
    """
    axes = tuple(_axis(config, document, ("axes", index), folder) for index, config in enumerate(configs))
    _check_names(axes, document)
    _check_paths(axes)
    return axes


def _axis(config: AxisConfig, document: Document, place: tuple[Step, ...], folder: Path) -> Axis:
    where = document.where(place)
    found = []
    for index, setting in enumerate(config.settings):
        at = place if config.zip is None else (*place, "zip", index)
        found.append(_values(setting, document, at, folder))
    lengths = {len(values) for values in found}
    if len(lengths) > 1:
        counts = ", ".join(str(len(values)) for values in found)
        raise ConfigError(f"zipped settings have {counts} values", where=document.where((*place, "zip")), value=counts)
    first = _labels(config.settings[0], found[0])
    labels = config.labels if config.labels is not None else first
    if len(labels) != len(found[0]):
        message = f"{len(labels)} labels for {len(found[0])} values"
        raise ConfigError(message, where=document.where((*place, "labels")), value=len(labels))
    _check_labels(labels, where)
    moved = tuple(
        tuple(
            assignment
            for setting, values in zip(config.settings, found, strict=True)
            for assignment in _assignments(setting, values[index])
        )
        for index in range(len(labels))
    )
    return Axis(config.name, labels, moved, where)


def _assignments(setting: AxisSetting, value: Any) -> tuple[Assignment, ...]:
    paths = tuple(steps_of(path) for path in setting.targets)
    if setting.form == "files":
        return tuple(_file_assignment(path, str(value)) for path in paths)
    return tuple(assignment_of(path, value) for path in paths)


def assignment_of(path: tuple[Step, ...], value: Any) -> Assignment:
    """A value at a path; naming another file or preset replaces the whole section."""
    if len(path) == 2 and path[0] in PRESET_FOLDERS and path[1] in ("file", "preset"):
        return Assignment(path[:1], {str(path[1]): value})
    return Assignment(path, value)


def steps_of(path: str) -> tuple[Step, ...]:
    """``hardware.arrays.0.rows`` as keys and indices."""
    return tuple(int(step) if step.isdigit() else step for step in path.split("."))


def _file_assignment(path: tuple[Step, ...], value: str) -> Assignment:
    """A file in place of a section (``network``), or of the file that it names (``network.file``)."""
    section = path[:1]
    if path in (("activity",), ("activity", "file")):
        return Assignment(section, {"kind": "file", "file": value})
    return Assignment(section, {"file": value})


def _values(setting: AxisSetting, document: Document, place: tuple[Step, ...], folder: Path) -> tuple[Any, ...]:
    form = setting.form
    assert form is not None  # the strict model saw to it
    where = document.where((*place, form))
    if setting.values is not None:
        return setting.values
    if setting.files is not None:
        _check_file_paths(setting, where)
        for index, name in enumerate(setting.files):
            _check_file(folder, name, document.where((*place, "files", index)))
        return setting.files
    numbers: tuple[Number, ...] = getattr(setting, form)
    count = 0
    if form == "log_range":
        *ends, last = numbers
        if not isinstance(last, int) or not 2 <= last <= MOST_VALUES:
            message = f"the count of a log_range is {last!r}"
            raise ConfigError(message, where=where, value=last, allowed=(f"a whole number, 2 to {MOST_VALUES}",))
        numbers, count = tuple(ends), last
    amounts, unit = _amounts(numbers, where)
    series = _SERIES[form](amounts, count, where)
    whole = all(isinstance(number, int) for number in numbers)
    return tuple(_written(amount, unit, whole) for amount in series)


def _check_file_paths(setting: AxisSetting, where: Where) -> None:
    for path in setting.targets:
        section, *rest = path.split(".")
        if section not in _FILE_SECTIONS or rest not in ([], ["file"]):
            raise ConfigError(
                f"{path} does not take files",
                where=where,
                value=path,
                allowed=_FILE_SECTIONS,
                nearest=nearest(path, _FILE_SECTIONS),
            )


def _check_file(folder: Path, name: str, where: Where) -> None:
    path = folder / name
    if not path.is_file():
        siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        raise ConfigError(f"no such file: {path}", where=where, value=name, nearest=nearest(path.name, siblings))


def _amounts(numbers: tuple[Number, ...], where: Where) -> tuple[tuple[Fraction, ...], str]:
    """Exact amounts and their common unit."""
    amounts, units = [], set()
    for number in numbers:
        match = _QUANTITY.match(str(number))
        if isinstance(number, bool) or match is None:
            raise ConfigError(f"{number!r} is not a number", where=where, value=number)
        amounts.append(Fraction(match[1]))
        units.add(match[2])
    if len(units) > 1:
        remedy = "write all of them in one unit"
        raise ConfigError(f"units of the range differ: {', '.join(sorted(units))}", where=where, remedy=remedy)
    return tuple(amounts), units.pop()


def _arithmetic(amounts: tuple[Fraction, ...], _: int, where: Where) -> tuple[Fraction, ...]:
    first, last = amounts[:2]
    step = amounts[2] if len(amounts) == 3 else Fraction(1)
    if step == 0 or (last - first) / step < 0:
        raise ConfigError(f"no step of {float(step):g} leads from {float(first):g} to {float(last):g}", where=where)
    count = (last - first) // step + 1
    _check_count(count, where)
    return tuple(first + step * index for index in range(count))


def _doubling(amounts: tuple[Fraction, ...], _: int, where: Where) -> tuple[Fraction, ...]:
    first, last = amounts
    _check_rising(first, last, where)
    count = 1
    while first * 2**count <= last:
        count += 1
    return tuple(first * 2**index for index in range(count))


def _geometric(amounts: tuple[Fraction, ...], count: int, where: Where) -> tuple[Fraction, ...]:
    first, last = amounts
    _check_rising(first, last, where)
    ratio = math.log(last / first)
    inner = [Fraction(float(first) * math.exp(ratio * index / (count - 1))) for index in range(1, count - 1)]
    return (first, *inner, last)


_SERIES = {"range": _arithmetic, "log2_range": _doubling, "log_range": _geometric}


def _check_rising(first: Fraction, last: Fraction, where: Where) -> None:
    if not 0 < first <= last:
        raise ConfigError(
            f"a logarithmic range from {float(first):g} to {float(last):g}",
            where=where,
            value=float(first),
            allowed=("a first value above 0", "a last value that is not smaller"),
        )


def _check_count(count: int, where: Where) -> None:
    if count > MOST_VALUES:
        raise ConfigError(
            f"the range has {count:,} values", where=where, value=count, allowed=(f"up to {MOST_VALUES}",)
        )


def _written(amount: Fraction, unit: str, whole: bool) -> Scalar:
    """An amount as a file would hold it: whole numbers stay whole, the rest is rounded to 12 digits."""
    if whole:
        return round(amount)
    number = int(amount) if amount.denominator == 1 else float(f"{float(amount):.12g}")
    return f"{number} {unit}" if unit else number


def _labels(setting: AxisSetting, values: tuple[Any, ...]) -> tuple[Scalar, ...]:
    if setting.files is not None:
        return setting.files
    return tuple(value if isinstance(value, str | int | float | bool | None) else _text(value) for value in values)


def _text(value: Any) -> str:
    """A list or a section on one line; the one name in it where it has no more than that."""
    if isinstance(value, dict) and len(value) == 1 and isinstance(next(iter(value.values())), str):
        return str(next(iter(value.values())))
    return json.dumps(value, separators=(",", ":"))


def _check_labels(labels: tuple[Scalar, ...], where: Where) -> None:
    seen: set[tuple[str, Scalar]] = set()
    for label in labels:
        key = (str(label), label)
        if key in seen:
            raise ConfigError(f"the value {label!r} stands twice", where=where, value=label, remedy="leave one out")
        seen.add(key)


def _check_names(axes: tuple[Axis, ...], document: Document) -> None:
    names = [axis.name for axis in axes]
    for index, name in enumerate(names):
        where = document.where(("axes", index, "name"))
        if names.count(name) > 1:
            raise ConfigError(f"two axes are called {name!r}", where=where, value=name)
        if name in RESERVED:
            raise ConfigError(f"{name!r} is a column of every sweep", where=where, value=name, remedy="rename the axis")
        if not name.isidentifier() or keyword.iskeyword(name):
            remedy = "use letters, digits and _ only, so that conditions can name it"
            raise ConfigError(f"{name!r} cannot stand in a condition", where=where, value=name, remedy=remedy)


def _check_paths(axes: tuple[Axis, ...]) -> None:
    """No two axes set the same value: the later would silently win."""
    owners: list[tuple[tuple[Step, ...], str]] = []
    for axis in axes:
        for path in (assignment.path for assignment in axis.assignments[0]):
            other = next((name for known, name in owners if known == path), None)
            if other is not None:
                message = f"{'.'.join(map(str, path))} is set twice: by {other!r} and by {axis.name!r}"
                raise ConfigError(message, where=axis.where, value=axis.name, remedy="zip them, or leave one out")
            owners.append((path, axis.name))
