"""Bytes that are held over time, by operand class.

Something is held in the cycles ``start <= t < end``; what goes at a cycle goes before what comes. So the bytes of
a class at cycle t are the sum over everything of the class with ``start <= t < end``, and the total is the sum over
classes. Twin: a census of every cycle (``tests/naive/memory.py``), equal in ``tests/unit/test_memory.py``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from simsnn.costs import OperandClass
from simsnn.errors import TraceError, Where
from simsnn.sim.trace import OPERANDS, Counter

SCHEMA = "simsnn/memory/1"

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Census:
    """A step function of time per operand class: ``values[:, i]`` holds from ``times[i]`` to ``times[i + 1]``.

    Parameters
    ----------
    times : ndarray of int64, shape (steps,)
        Strictly increasing, in cycles.
    values : ndarray of int64, shape (classes, steps)
        Bytes of each class of ``trace.OPERANDS``.
    """

    times: Ints
    values: Ints

    @classmethod
    def of(cls, times: Ints, operands: Ints, deltas: Ints) -> Census:
        """Add up changes in bytes, int64, shape (n,); ``operands`` are numbers of classes."""
        unique, place = np.unique(np.asarray(times, np.int64), return_inverse=True)
        sums = np.zeros((len(OPERANDS), len(unique)), np.int64)
        np.add.at(sums, (np.asarray(operands, np.int64), place), np.asarray(deltas, np.int64))
        kept = sums.any(axis=0)
        return cls(unique[kept], np.cumsum(sums[:, kept], axis=1))

    @classmethod
    def together(cls, parts: Iterable[Census]) -> Census:
        """Sum of several."""
        found = [part.changes() for part in parts]
        empty = np.zeros(0, np.int64)
        columns = [np.concatenate([empty, *(change[which] for change in found)]) for which in range(3)]
        return cls.of(columns[0], columns[1], columns[2])

    def changes(self) -> tuple[Ints, Ints, Ints]:
        """Times, numbers of classes and bytes of its changes, int64, shape (n,)."""
        steps = np.diff(self.values, axis=1, prepend=0)
        operand, step = np.nonzero(steps)
        return self.times[step], operand, steps[operand, step]

    @property
    def total(self) -> Counter:
        """All classes together."""
        return Counter(self.times, self.values.sum(axis=0))

    def counter(self, operand: OperandClass) -> Counter:
        """One class, at the times of all."""
        return Counter(self.times, self.values[OPERANDS.index(operand)])

    @property
    def peak(self) -> int:
        """Most bytes at one time; 0 where nothing is held."""
        return self.total.peak

    @property
    def peak_cycle(self) -> int:
        """First cycle with most bytes."""
        return int(self.times[self.total.values.argmax()]) if len(self.times) else 0

    def peak_of(self, operand: OperandClass) -> int:
        """Most bytes of one class at one time."""
        return self.counter(operand).peak

    def at_peak(self, operand: OperandClass) -> int:
        """Bytes of one class at ``peak_cycle``."""
        return int(self.counter(operand).values[self.total.values.argmax()]) if len(self.times) else 0

    def thinned(self, steps: int) -> Census:
        """At most so many steps over equal stretches of time, each as at its fullest moment; no peak is lost.

        The classes of a step belong to one moment, so they add up to a total that was really held. What held
        at the start of a stretch counts as one of its moments; so does 0 behind the last change.
        """
        if len(self.times) <= steps:
            return self
        width = int(self.times[-1] - self.times[0]) // steps + 1
        bucket = (self.times - self.times[0]) // width
        starts = np.arange(int(bucket[-1]) + 1) * width + self.times[0]
        carried = np.searchsorted(self.times, starts, side="right") - 1
        moment = np.concatenate((np.arange(len(self.times)), carried))
        place = np.concatenate((bucket, np.arange(len(starts))))
        total = self.values.sum(axis=0)
        order = np.lexsort((-moment, total[moment], place))
        last = np.concatenate((np.flatnonzero(np.diff(place[order])), [len(order) - 1]))
        return Census(starts, self.values[:, moment[order[last]]])


class Holdings:
    """Collects what is held from when to when."""

    def __init__(self) -> None:
        self._times: list[int] = []
        self._operands: list[int] = []
        self._bytes: list[int] = []

    def hold(self, operand: OperandClass, start: int, end: int, size_bytes: int) -> None:
        """So many bytes of a class are there in the cycles start .. end - 1."""
        if end > start:
            number = OPERANDS.index(operand)
            self._times += (start, end)
            self._operands += (number, number)
            self._bytes += (size_bytes, -size_bytes)

    def census(self) -> Census:
        """Everything so far."""
        return Census.of(*(np.array(column, np.int64) for column in (self._times, self._operands, self._bytes)))


@dataclass(frozen=True, slots=True)
class RunMemory:
    """Where the memory of a run went.

    Parameters
    ----------
    off_chip : Census
        Stored tensors.
    node : Census
        Those of them that neurons keep between the forward and the backward pass of their own layer.
    on_chip : Census or None
        What SRAMs and lanes hold; None without a trace.
    """

    off_chip: Census
    node: Census
    on_chip: Census | None

    def thinned(self, steps: int) -> RunMemory:
        """Every census in at most so many steps."""
        on_chip = None if self.on_chip is None else self.on_chip.thinned(steps)
        return RunMemory(self.off_chip.thinned(steps), self.node.thinned(steps), on_chip)

    @classmethod
    def together(cls, parts: tuple[RunMemory, ...]) -> RunMemory:
        """Sum of several processors; on chip where all of them know it."""
        on_chip = [part.on_chip for part in parts if part.on_chip is not None]
        return cls(
            Census.together(part.off_chip for part in parts),
            Census.together(part.node for part in parts),
            Census.together(on_chip) if len(on_chip) == len(parts) else None,
        )

    def save(self, path: Path) -> None:
        """Write as npz, without pickled objects; the same bytes every time."""
        meta = {"schema": SCHEMA, "operands": [operand.value for operand in OPERANDS]}
        parts = {"off_chip": self.off_chip, "node": self.node, "on_chip": self.on_chip}
        arrays: dict[str, Ints] = {}
        for name, part in parts.items():
            if part is not None:
                arrays |= {f"{name}_times": part.times, f"{name}_bytes": part.values}
        with path.open("wb") as file:
            np.savez_compressed(file, meta=np.array(json.dumps(meta, sort_keys=True)), **arrays)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: Path) -> RunMemory:
        """Read what ``save`` wrote.

        Raises
        ------
        TraceError
            If the file holds something else.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                meta = json.loads(str(file["meta"])) if "meta" in file else {}
                if meta.get("schema") == SCHEMA:
                    parts = {name: file[name] for name in file.files if name != "meta"}
                    return cls._of(parts, tuple(meta["operands"]))
        except (OSError, EOFError, KeyError, ValueError, TypeError, AttributeError, BadZipFile):
            meta = {}
        raise TraceError(
            "this is no census of memory",
            where=Where("schema", file=str(path)),
            value=meta.get("schema"),
            allowed=(SCHEMA,),
            remedy="run the experiment again; it writes this file anew",
        )

    @classmethod
    def _of(cls, arrays: dict[str, Ints], names: tuple[str, ...]) -> RunMemory:
        """From the arrays of a file whose rows are the classes of these names."""

        def part(name: str) -> Census:
            times, stored = arrays[f"{name}_times"], arrays[f"{name}_bytes"]
            values = np.zeros((len(OPERANDS), len(times)), np.int64)
            for number, operand in enumerate(OPERANDS):
                if operand.value in names:
                    values[number] = stored[names.index(operand.value)]
            return Census(times, values)

        return cls(part("off_chip"), part("node"), part("on_chip") if "on_chip_times" in arrays else None)
