"""Figures show what the report says: bar lengths, marks, units; the same bytes every time."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text

from simsnn.errors import ConfigError
from simsnn.results.report import Report
from simsnn.sim.trace import Kind
from simsnn.viz.bars import MAX_ROWS, rows_of
from simsnn.viz.energy import STATIC, component_fills, components
from simsnn.viz.figures import cycles_figure, energy_figure, save, timeline_figure
from simsnn.viz.style import PASS_COLOURS, Scale, shortened
from simsnn.viz.timeline import BINS, Window, slice_shares, stalled_share
from tests.naive.pipeline_reports import PIPEDREAM, make_pipeline
from tests.naive.reports import ARRAY, VECTOR, deep_layers, make_report, make_trace

QUICK = make_report()
FIGURES: tuple[Callable[[Report], Figure], ...] = (cycles_figure, energy_figure, timeline_figure)


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if isinstance(text, Text) and text.get_text()]


def bar_lengths(axes: Axes, rows: int) -> list[float]:
    """Sum of the widths of all segments in each row of horizontal bars."""
    lengths = [0.0] * rows
    for patch in axes.patches:
        lengths[round(patch.get_y() + patch.get_height() / 2)] += patch.get_width()  # type: ignore[attr-defined]
    return lengths


@pytest.mark.parametrize("groups", [1, 4])
def test_cycle_bars_are_as_long_as_their_tasks(groups: int) -> None:
    report = make_report(groups=groups)
    rows = rows_of(report).groups
    lengths = bar_lengths(cycles_figure(report).axes[0], len(rows))
    assert lengths == pytest.approx([group.cycles / 1000 for group in rows], rel=1e-9)
    assert sum(lengths) == pytest.approx(sum(task.cycles for task in report.tasks) / 1000)


def test_cycle_bars_name_rows_units_and_causes() -> None:
    figure = cycles_figure(QUICK)
    shown = texts(figure)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()][:3] == ["conv1  F", "pool1  F", "conv2  F"]
    assert any("kcycles" in text for text in shown)
    assert {"stream", "fill", "reload", "drain", "stall: dram", "stall: sram bank"} <= set(shown)
    assert not {"build", "scan", "stall: link"} & set(shown)  # parts that no task has need no legend
    assert "quickstart: cycles by layer and pass" in shown


def test_energy_bars_hold_every_component_and_the_total_its_leakage() -> None:
    figure = energy_figure(QUICK)
    bars, total = figure.axes
    rows = rows_of(QUICK).groups
    assert bar_lengths(bars, len(rows)) == pytest.approx([group.energy_pj / 1e6 for group in rows], rel=1e-9)
    assert bar_lengths(total, 1)[0] == pytest.approx(QUICK.totals.total_energy_pj / 1e6, rel=1e-9)
    assert {STATIC, "dram0", "pe", "lane", "spike_buffer", "22.3 µJ"} <= set(texts(figure))


def test_components_look_different() -> None:
    fills = component_fills(QUICK)
    assert len(set(fills.values())) == len(fills) == 8
    assert list(fills)[-1] == QUICK.dram_level


def pipelined(groups: tuple[str, str]) -> Report:
    """Two processors, each with a memory and an SRAM that every task used; a DRAM that they share."""
    section = make_pipeline(replace(PIPEDREAM, iterations=4))
    rows = tuple(
        row.model_copy(update={"group": group}) for row, group in zip(section.processors[:2], groups, strict=True)
    )
    energy = {
        "pe": 1.0,
        "dram0": 2.0,
        "core0.memory": 3.0,
        "core1.memory": 4.0,
        "core0.spikes": 5.0,
        "core1.spikes": 6.0,
    }
    tasks = tuple(task.model_copy(update={"energy_pj": energy}) for task in QUICK.tasks)
    static = {"core0.spikes.leakage": 1.0, "core1.spikes.leakage": 1.0}
    return QUICK.model_copy(
        update={
            "pipeline": section.model_copy(update={"processors": rows}),
            "tasks": tasks,
            "static_energy_pj": static,
        }
    )


def test_components_of_equal_processors_are_one() -> None:
    report = pipelined(("core", "core"))
    assert list(component_fills(report)) == ["memory", "pe", "spikes", "dram0"]
    assert components(report)["memory"] == ("core0.memory", "core1.memory")
    figure = energy_figure(report)
    rows = rows_of(report).groups
    assert bar_lengths(figure.axes[0], len(rows)) == pytest.approx([21.0 * len(group.tasks) for group in rows])
    assert {"whole run", "quickstart: energy by layer and pass, whole run"} <= set(texts(figure))
    assert "whole step" not in texts(figure)
    assert "quickstart: cycles by layer and pass, whole run" in texts(cycles_figure(report))


def test_components_of_several_groups_keep_the_name_of_the_group() -> None:
    report = pipelined(("big", "small"))
    wanted = ["big.memory", "pe", "small.memory", "big.spikes", "small.spikes", "dram0"]
    assert list(component_fills(report)) == wanted
    assert components(report)["small.memory"] == ("core1.memory",)


@pytest.mark.parametrize("draw", FIGURES)
def test_captions(draw: Callable[[Report], Figure]) -> None:
    recorded = texts(draw(QUICK))
    assert not any("synthetic" in text for text in recorded)
    assert any("accuracy 96.9 %" in text for text in recorded)
    assert any("level: event" in text and "approximations: none" in text for text in recorded)
    made_up = texts(draw(make_report(synthetic=True, approximations=("one", "two"), name="vgg")))
    assert "synthetic activity" in made_up
    assert any("approximations: 2" in text for text in made_up)
    assert any(text.startswith("vgg: ") for text in made_up)


@pytest.mark.parametrize("blocks", [1, 9, 24, 60, 130])
def test_many_layers_are_put_together_and_nothing_is_lost(blocks: int) -> None:
    report = make_report(deep_layers(blocks))
    rows = rows_of(report)
    assert len(rows.groups) <= MAX_ROWS
    assert sum(group.cycles for group in rows.groups) == sum(task.cycles for task in report.tasks)
    assert (rows.by == "by layer and pass") == (blocks <= 9)


@pytest.mark.parametrize("draw", FIGURES)
def test_nothing_leaves_the_page_or_covers_the_title(draw: Callable[[Report], Figure]) -> None:
    layers = tuple(replace(layer, name=f"features.block{layer.name}.{'x' * 30}") for layer in deep_layers(2))
    figure = draw(make_report(layers, name="a_rather_long_name_of_an_experiment_at_4_levels", synthetic=True))
    box = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert min(box.x0, box.y0, width - box.x1, height - box.y1) >= 0
    title = next(text for text in figure.texts if "experiment" in text.get_text())
    mark = next(text for text in figure.texts if text.get_text() == "synthetic activity")
    assert title.get_window_extent().x1 < mark.get_window_extent().x0


def test_timeline_draws_each_task_where_it_ran() -> None:
    axes = timeline_figure(QUICK).axes[0]
    spans = [
        (path.vertices[:, 0].min(), path.vertices[:, 0].max(), round(path.vertices[:, 1].mean()), to_hex(colour))
        for lane in axes.collections[::2]
        for path, colour in zip(lane.get_paths(), lane.get_facecolor(), strict=True)
    ]
    expected = [
        (task.start_cycle / 1000, task.end_cycle / 1000, lane, PASS_COLOURS[task.pass_].lower())
        for lane, array in enumerate((ARRAY, VECTOR))
        for task in QUICK.tasks
        if task.array == array
    ]
    assert len(spans) == len(QUICK.tasks)
    for found, wanted in zip(spans, expected, strict=True):
        assert found[:2] == pytest.approx(wanted[:2])
        assert found[2:] == wanted[2:]


def test_timeline_with_a_trace_shows_channels() -> None:
    figure = timeline_figure(QUICK, make_trace(QUICK))
    shown = texts(figure)
    assert any(text.startswith("dram0\n") for text in shown)
    assert {"loads", "stores", "stalled share", "time (kcycles)"} <= set(shown)


def test_timeline_refuses_a_trace_of_another_report() -> None:
    with pytest.raises(ValueError, match="trace of 22 tasks"):
        timeline_figure(QUICK.model_copy(update={"tasks": QUICK.tasks[:3]}), make_trace(QUICK))


@pytest.mark.parametrize("array", [ARRAY, VECTOR])
def test_stalled_shares_integrate_to_the_stalled_cycles(array: str) -> None:
    trace = make_trace(QUICK)
    window = Window(trace.makespan_cycles, Scale(1.0, "cycles"))
    shares = stalled_share(QUICK, trace, array, window)
    stalled = sum(task.parts.stall for task in QUICK.tasks if task.array == array)
    assert shares.shape == (BINS,)
    assert float((shares * np.diff(window.edges)).sum()) == pytest.approx(stalled)


def test_slice_shares_against_counting_cycle_by_cycle() -> None:
    trace = make_trace(QUICK)
    rows = trace.intervals[(trace.intervals["resource"] == 2) & (trace.intervals["kind"] == Kind.LOAD)]
    cycles = BINS * 400
    covered = np.zeros(cycles, bool)
    for row in rows:
        covered[row["start"] : row["end"]] = True
    shares = slice_shares(rows, Window(cycles, Scale(1.0, "cycles")))
    np.testing.assert_allclose(shares, covered.reshape(BINS, 400).mean(axis=1), atol=1e-9)


@pytest.mark.parametrize(
    ("draw", "suffix"),
    [
        (cycles_figure, ".png"),
        (energy_figure, ".png"),
        (timeline_figure, ".png"),
        (cycles_figure, ".svg"),
        (timeline_figure, ".pdf"),
    ],
)
def test_same_report_same_bytes(draw: Callable[[Report], Figure], suffix: str, tmp_path: Path) -> None:
    first, second = tmp_path / f"first{suffix}", tmp_path / f"second{suffix}"
    save(draw(QUICK), first)
    save(draw(Report.from_json(QUICK.to_json())), second)
    assert first.read_bytes() == second.read_bytes()
    assert b"atplotlib v" not in first.read_bytes()


def test_unknown_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no figure format '\.pmg'") as caught:
        save(cycles_figure(QUICK), tmp_path / "cycles.pmg")
    assert caught.value.nearest == ".png"
    assert not list(tmp_path.iterdir())


def test_pyplot_is_never_imported_and_the_users_settings_stay() -> None:
    code = (
        "import sys, matplotlib; matplotlib.rcParams['font.size'] = 33.0\n"
        "from tests.naive.reports import make_report\n"
        "from simsnn.viz.figures import cycles_figure\n"
        "text = cycles_figure(make_report()).axes[0].xaxis.label\n"
        "sys.exit(not ('matplotlib.pyplot' not in sys.modules and matplotlib.rcParams['font.size'] == 33.0\n"
        "              and text.get_size() == 8.0))\n"
    )
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0


def test_a_report_without_tasks_can_be_drawn(tmp_path: Path) -> None:
    empty = QUICK.model_copy(update={"tasks": ()})
    for draw in FIGURES:
        save(draw(empty), tmp_path / "empty.png")
    assert (tmp_path / "empty.png").stat().st_size > 1000


def test_long_labels_keep_both_ends() -> None:
    label = shortened("features.block3.conv1.very_long_name_of_a_layer")
    assert len(label) <= 32
    assert label.startswith("features.block3")
    assert label.endswith("name_of_a_layer")
