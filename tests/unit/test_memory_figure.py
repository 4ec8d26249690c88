"""The picture of memory shows what the census says: areas of classes, peaks, the line of neurons; equal bytes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex
from matplotlib.text import Text

from simsnn.costs import OperandClass
from simsnn.sim.census import Census, Holdings, RunMemory
from simsnn.viz.figures import memory_figure, save
from simsnn.viz.memory import FILLS
from tests.naive.reports import make_report

QUICK = make_report()
END = QUICK.totals.total_cycles


def held(*rows: tuple[OperandClass, int, int, int]) -> Census:
    holdings = Holdings()
    for row in rows:
        holdings.hold(*row)
    return holdings.census()


MEMORY = RunMemory(
    held(
        (OperandClass.WEIGHTS, 0, END, 100_000),
        (OperandClass.MEMBRANE, END // 4, END // 2, 300_000),
        (OperandClass.GRADIENTS, END // 2, 3 * END // 4, 150_000),
    ),
    held((OperandClass.MEMBRANE, END // 4, END // 2, 300_000)),
    held((OperandClass.SPIKES, 10, END // 2, 4_000), (OperandClass.MASKS, END // 3, END - 5, 1_000)),
)


def areas(axes: Axes, scale: float) -> dict[str, float]:
    """Byte-cycles of every stacked area by its colour, in units of the panel."""
    found: dict[str, float] = {}
    for area in axes.collections:
        assert isinstance(area, PolyCollection)
        x, y = area.get_paths()[0].vertices.T
        colour = to_hex(area.get_facecolor()[0]).upper()
        found[colour] = abs(float(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))) / 2 * scale
    return found


def byte_cycles(census: Census, operand: OperandClass) -> int:
    counter = census.counter(operand)
    return int((counter.values[:-1] * np.diff(counter.times)).sum())


def test_areas_are_what_was_held() -> None:
    figure = memory_figure(QUICK, MEMORY)
    assert MEMORY.on_chip is not None
    for axes, census in zip(figure.axes, (MEMORY.off_chip, MEMORY.on_chip), strict=True):
        drawn = areas(axes, 1000 * 1000)  # kB and kcycles
        held_here = [operand for operand in OperandClass if census.peak_of(operand)]
        assert len(drawn) == len(held_here)
        for operand in held_here:
            assert drawn[FILLS[operand].colour] == pytest.approx(byte_cycles(census, operand))


def test_peaks_and_classes_are_named_and_nothing_else() -> None:
    figure = memory_figure(QUICK, MEMORY)
    shown = [text.get_text() for text in figure.findobj(Text) if isinstance(text, Text)]
    assert {"off chip: peak 400 kB", "on chip: peak 5.00 kB", "off chip (kB)", "time (kcycles)"} <= set(shown)
    assert {"weights", "membrane", "gradients", "spikes", "masks", "kept by neurons"} <= set(shown)
    assert not {"currents", "side bits"} & set(shown)
    (line,) = figure.axes[0].lines
    assert max(line.get_ydata()) == 300  # type: ignore[type-var, arg-type]


def test_without_on_chip_there_is_one_panel_and_an_empty_census_can_be_drawn(tmp_path: Path) -> None:
    assert len(memory_figure(QUICK, replace(MEMORY, on_chip=None)).axes) == 1
    empty = held()
    save(memory_figure(QUICK, RunMemory(empty, empty, empty)), tmp_path / "empty.png")
    assert (tmp_path / "empty.png").stat().st_size > 1000


def test_every_class_has_a_look_of_its_own() -> None:
    assert set(FILLS) == set(OperandClass)
    assert len({(fill.colour, fill.hatch) for fill in FILLS.values()}) == len(OperandClass)


def test_nothing_leaves_the_page() -> None:
    figure = memory_figure(make_report(name="a_rather_long_name_of_an_experiment_at_4_levels", synthetic=True), MEMORY)
    box = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert min(box.x0, box.y0, width - box.x1, height - box.y1) >= 0


def test_same_census_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        save(memory_figure(QUICK, MEMORY), tmp_path / f"{name}.svg")
        MEMORY.save(tmp_path / f"{name}.npz")
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
