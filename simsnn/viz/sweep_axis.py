"""An axis of a sweep as figures show it: numbers, sizes with units, names; in order, with places and labels.

``32 KiB`` is a number where every value has a unit of one dimension; values that are spread evenly in their logarithms
get a logarithmic axis. Anything else (file names, switches, a mixture) is a name, one place after another.
Proof: ``tests/unit/test_sweep_axis.py``.
"""

from __future__ import annotations

import itertools
import math
import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter, MaxNLocator, NullFormatter, NullLocator

from simsnn.results.prefix import si
from simsnn.results.sweep_store import StoredSweep
from simsnn.results.sweep_table import AxisInfo, Scalar, SweepRow
from simsnn.units import Dimension, QuantityError, parse_quantity
from simsnn.viz.style import shortened

MOST_TICKS, LONGEST_LABEL = 12, 24
_LOG_RATIO = 6.0
_FILE = re.compile(r".*[/\\].*|.+\.(ya?ml|json|nir|npz|csv)$")


@dataclass(frozen=True, slots=True)
class SweepAxis:
    """One axis with the values that its points have.

    Parameters
    ----------
    name : str
        As in the sweep file.
    values : tuple
        Distinct values: numbers in order, names as the sweep file lists them.
    numbers : tuple of float or None
        The values as numbers; None where they are names.
    labels : tuple of str
        Each value as it is shown.
    logarithmic : bool
        Whether a logarithmic axis suits them.
    seed : bool
        Whether its values are repetitions.
    """

    name: str
    values: tuple[Scalar, ...]
    numbers: tuple[float, ...] | None
    labels: tuple[str, ...]
    logarithmic: bool
    seed: bool

    @property
    def varies(self) -> bool:
        """Whether its points differ in it, repetitions aside."""
        return len(self.values) > 1 and not self.seed

    def place(self, value: Scalar) -> float:
        """Where a value stands: its number, or for a name its index."""
        index = self.values.index(value)
        return float(index) if self.numbers is None else self.numbers[index]

    def label(self, value: Scalar) -> str:
        """A value as it is shown."""
        return self.labels[self.values.index(value)]


def sweep_axes(stored: StoredSweep) -> tuple[SweepAxis, ...]:
    """Axes of a sweep in the order of its file, with the values of the points in its table."""
    return tuple(_axis(info, number, stored.table.rows) for number, info in enumerate(stored.info.axes))


def _axis(info: AxisInfo, number: int, rows: Sequence[SweepRow]) -> SweepAxis:
    found = dict.fromkeys(plain(row.values[number]) for row in rows)
    values = [value for value in dict.fromkeys(map(plain, info.values)) if value in found]
    values += [value for value in found if value not in values]
    numbers = _numbers(values)
    if numbers is None:
        return SweepAxis(info.name, tuple(values), None, _labels(values), False, info.seed)
    pairs = sorted(zip(numbers, values, strict=True), key=lambda pair: pair[0])
    places, ordered = tuple(number for number, _ in pairs), tuple(value for _, value in pairs)
    return SweepAxis(info.name, ordered, places, _labels(ordered), _logarithmic(places), info.seed)


def plain(value: Scalar) -> Scalar:
    """A value as axes hold it: a switch is a name, apart from 1 and 0, which Python holds to be equal to it."""
    if isinstance(value, float) and math.isnan(value):
        return "nan"  # not equal to itself
    return ("true" if value else "false") if isinstance(value, bool) else value


def _numbers(values: Sequence[Scalar]) -> list[float] | None:
    """Values as numbers: all plain, or all with units of one dimension."""
    if not values:
        return None
    if all(isinstance(value, int | float) for value in values):
        return _finite(values)
    for dimension in Dimension:
        try:
            return [float(parse_quantity(value, dimension)) for value in values]
        except QuantityError:
            continue
    return None


def _finite(values: Sequence[Scalar]) -> list[float] | None:
    """Plain numbers that have a place on an axis."""
    try:
        found = [float(value) for value in values]  # type: ignore[arg-type]
    except OverflowError:
        return None
    return found if all(math.isfinite(number) for number in found) else None


def _logarithmic(numbers: Sequence[float]) -> bool:
    """Whether the values are spread more evenly in their logarithms than as they are."""
    if len(numbers) < 2 or numbers[0] <= 0 or numbers[-1] / numbers[0] < _LOG_RATIO:
        return False
    if len(numbers) == 2:
        return True
    logs = [math.log(number) for number in numbers]
    return _unevenness(logs) < _unevenness(numbers)


def _unevenness(numbers: Sequence[float]) -> float:
    steps = [b - a for a, b in itertools.pairwise(numbers)]
    return statistics.pstdev(steps) / statistics.fmean(steps)


def _labels(values: Sequence[Scalar]) -> tuple[str, ...]:
    """File names without folder and suffix where that leaves them apart, long ones cut in the middle."""
    texts = [_text(value) for value in values]
    if any(_FILE.match(text) for text in texts):
        stems = [PurePosixPath(text.replace("\\", "/")).stem or text if _FILE.match(text) else text for text in texts]
        texts = stems if len(set(stems)) == len(stems) else texts
    cut = [shortened(text, LONGEST_LABEL) for text in texts]
    return tuple(cut) if len(set(cut)) == len(cut) else tuple(shortened(text, 2 * LONGEST_LABEL) for text in texts)


def _text(value: Scalar) -> str:
    if value is None:
        return "none"
    return f"{value:.6g}" if isinstance(value, float) else " ".join(str(value).split()) or "(empty)"


def set_up(axes: Axes, own: SweepAxis) -> None:
    """Give the horizontal axis of a plot the scale, ends, ticks and name of a sweep's axis."""
    axis = axes.xaxis
    axes.set_xlabel(own.name)
    if own.logarithmic:
        axes.set_xscale("log")
    axes.set_xlim(*limits(own))
    if own.numbers is None:
        axis.set_major_locator(FixedLocator(list(range(len(own.values)))))
        axis.set_major_formatter(FixedFormatter(own.labels))
        return
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())
    shown = apart(own)
    if shown:
        axis.set_major_locator(FixedLocator([own.numbers[index] for index in shown]))
        axis.set_major_formatter(FixedFormatter([own.labels[index] for index in shown]))
    else:
        if not own.logarithmic:
            axis.set_major_locator(MaxNLocator(nbins=8, steps=[1, 2, 2.5, 5, 10]))
        axis.set_major_formatter(FuncFormatter(lambda value, _: si(value, digits=3)))


def apart(own: SweepAxis) -> tuple[int, ...]:
    """Indices of the values whose labels fit beside one another; none where there are too many to choose from."""
    assert own.numbers is not None
    if len(own.values) > 4 * MOST_TICKS:
        return ()
    places = [math.log(number) for number in own.numbers] if own.logarithmic else list(own.numbers)
    span = (places[-1] - places[0]) or 1.0
    shown: list[int] = []
    for index in (0, *range(len(places) - 1, 0, -1)):
        width = (len(own.labels[index]) + 2) / 110
        if all(abs(places[index] - places[other]) / span >= max(width, 1 / (2 * MOST_TICKS)) for other in shown):
            shown.append(index)
    return tuple(sorted(shown))


def limits(own: SweepAxis) -> tuple[float, float]:
    """Ends of an axis with some room at both."""
    if own.numbers is None:
        return -0.5, max(len(own.values), 1) - 0.5
    low, high = own.numbers[0], own.numbers[-1]
    if own.logarithmic:
        room = (high / low) ** 0.05
        return low / room, high * room
    room = 0.05 * (high - low) or max(abs(high) * 0.5, 0.5)
    return low - room, high + room
