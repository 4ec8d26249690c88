"""Figures of a run beyond bars and timeline: what they draw equals what the report says; which fit which run."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text

from simsnn.api import load
from simsnn.config.dump import to_yaml
from simsnn.errors import ConfigError
from simsnn.results.engine_summary import engine_summaries
from simsnn.results.report import ActivitySummary, Report
from simsnn.results.roofs import EngineRoof
from simsnn.results.store import CONFIG, REPORT, StorageError, read_run
from simsnn.viz.breakdown import by_layer, by_pass, layers_figure, passes_figure
from simsnn.viz.named import NamedFigure, chosen, write_figures
from simsnn.viz.roofline import MARKS, MAX_PANELS, roofline_figure
from simsnn.viz.run_figures import figures_missing, figures_of
from simsnn.viz.style import PASS_COLOURS, save
from simsnn.viz.utilisation import operations_of, utilisation_figure
from tests.naive.pipeline_reports import PIPEDREAM, make_pipeline
from tests.naive.reports import ARRAY, DRAM, VECTOR, deep_layers, make_report
from tests.unit.test_roofs import MADE

QUICK = make_report()
PIPELINED = QUICK.model_copy(update={"pipeline": make_pipeline(replace(PIPEDREAM, iterations=4))})


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if isinstance(text, Text) and text.get_text()]


def bar_lengths(axes: Axes, rows: int) -> list[float]:
    lengths = [0.0] * rows
    for patch in axes.patches:
        lengths[round(patch.get_y() + patch.get_height() / 2)] += patch.get_width()  # type: ignore[attr-defined]
    return lengths


def points(axes: Axes) -> list[tuple[float, float, str, str]]:
    """Single marks of a panel: place, colour, shape."""
    return [
        (float(line.get_xdata()[0]), float(line.get_ydata()[0]), to_hex(line.get_markerfacecolor()), line.get_marker())  # type: ignore[index,arg-type]
        for line in axes.lines
        if len(line.get_xdata()) == 1  # type: ignore[arg-type]
    ]


def test_every_operation_is_a_point_where_the_report_puts_it() -> None:
    figure = roofline_figure(QUICK, MADE)
    assert len(figure.axes) == 2
    for axes, roof in zip(figure.axes, MADE, strict=True):
        tasks = [task for task in QUICK.tasks if task.array == roof.name]
        found = sorted(points(axes))
        assert len(found) == len(tasks)
        wanted = []
        for task in tasks:
            ops = round(task.utilisation * task.cycles * roof.peak_ops_per_cycle)
            moved = sum(row.read_bytes + row.write_bytes for row in task.traffic)
            wanted.append((ops / moved, ops / task.cycles, PASS_COLOURS[task.pass_].lower(), MARKS[task.binds]))
        for got, expected in zip(found, sorted(wanted), strict=True):
            assert got[:2] == pytest.approx(expected[:2], rel=1e-12)
            assert got[2:] == expected[2:]
        assert axes.get_xscale() == axes.get_yscale() == "log"


def test_the_roof_is_the_smaller_of_peak_and_bandwidth() -> None:
    axes = roofline_figure(QUICK, MADE).axes[1]
    (roof,) = [line for line in axes.lines if line.get_label() == "roof"]
    (left, ridge, right), heights = list(roof.get_xdata()), list(roof.get_ydata())  # type: ignore[arg-type]
    assert heights == pytest.approx([min(128, x * 32.0) for x in (left, ridge, right)])
    assert ridge == 128 / 32.0
    shown = texts(roofline_figure(QUICK, MADE))
    assert {"peak 1,024 per cycle", "peak 128 per cycle", "dram0 32 B/cycle", "bound by compute"} <= set(shown)


def test_no_traffic_and_no_work_still_show() -> None:
    first = QUICK.tasks[0].model_copy(update={"traffic": ()})
    second = QUICK.tasks[1].model_copy(update={"utilisation": 0.0})
    figure = roofline_figure(QUICK.model_copy(update={"tasks": (first, second)}), MADE)
    (dry,), (idle,) = points(figure.axes[0]), points(figure.axes[1])
    low, high = figure.axes[0].get_xlim()
    assert low < dry[0] < high
    assert idle[:2] == (figure.axes[1].get_xlim()[0], figure.axes[1].get_ylim()[0])
    assert all(math.isfinite(value) for point in (dry, idle) for value in point[:2])
    assert "no traffic" in texts(figure)


def test_equal_engines_share_a_panel_and_many_are_cut() -> None:
    tasks = tuple(task.model_copy(update={"array": f"core{i % 12}.{task.array}"}) for i, task in enumerate(QUICK.tasks))
    report = QUICK.model_copy(update={"tasks": tasks})
    alike = tuple(
        replace(roof, name=f"core{i}.{roof.name}", alike=f"core*.{roof.name}") for roof in MADE for i in range(12)
    )
    figure = roofline_figure(report, alike)
    assert sum(len(points(axes)) for axes in figure.axes) == len(tasks)
    assert [axes.get_title(loc="left").split(" ")[0] for axes in figure.axes] == [f"core*.{ARRAY}", f"core*.{VECTOR}"]
    apart = tuple(replace(roof, alike=roof.name) for roof in alike)
    many = roofline_figure(report, apart)
    assert len(many.axes) == MAX_PANELS
    assert any("with most cycles" in text for text in texts(many))


def test_utilisation_bars_are_those_of_the_report() -> None:
    figure = utilisation_figure(QUICK)
    engines = engine_summaries(QUICK)
    assert bar_lengths(figure.axes[0], len(engines)) == pytest.approx([100.0] * len(engines))
    works = figure.axes[0].containers[0]
    widths = [patch.get_width() for patch in works]  # type: ignore[attr-defined]
    assert widths == pytest.approx([100 * e.busy_cycles / e.total_cycles for e in engines])
    groups, by = operations_of(QUICK)
    assert by == "operation"
    assert bar_lengths(figure.axes[1], len(groups)) == pytest.approx([100 * group.utilisation for group in groups])
    assert f"conv1 F synapse ({ARRAY})" in texts(figure)


def test_many_operations_are_put_together_and_the_title_says_so() -> None:
    report = make_report(deep_layers(130))
    groups, by = operations_of(report)
    assert len(groups) == 60
    assert sum(len(group.tasks) for group in groups) == len(report.tasks)
    assert any(by in text for text in texts(utilisation_figure(report)))


def test_breakdowns_add_up_to_the_report() -> None:
    passes = by_pass(QUICK)
    figure = passes_figure(QUICK)
    assert bar_lengths(figure.axes[0], len(passes)) == pytest.approx([group.cycles / 1000 for group in passes])
    energies = bar_lengths(figure.axes[1], len(passes) + 1)
    assert sum(energies) == pytest.approx(QUICK.totals.total_energy_pj / 1e6, rel=1e-9)
    layers, _ = by_layer(QUICK)
    figure = layers_figure(QUICK)
    assert bar_lengths(figure.axes[0], len(layers)) == pytest.approx([group.cycles / 1000 for group in layers])
    assert bar_lengths(figure.axes[1], len(layers)) == pytest.approx([group.energy_pj / 1e6 for group in layers])
    assert {"F forward", "U update"} <= set(texts(figure))


def test_links_join_leakage_on_machines_with_processors() -> None:
    assert "leakage" in texts(passes_figure(QUICK))
    assert "leakage, links" in texts(passes_figure(PIPELINED))


@pytest.mark.parametrize("blocks", [1, 60])
def test_nothing_leaves_the_page(blocks: int) -> None:
    report = make_report(deep_layers(blocks), name="a_rather_long_name_of_an_experiment", synthetic=True)
    for figure in (
        roofline_figure(report, MADE),
        utilisation_figure(report),
        passes_figure(report),
        layers_figure(report),
    ):
        box, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
        assert min(box.x0, box.y0, width - box.x1, height - box.y1) >= -0.01
        assert "synthetic activity" in texts(figure)


def test_a_report_without_tasks_can_be_drawn(tmp_path: Path) -> None:
    empty = QUICK.model_copy(update={"tasks": ()})
    for figure in (roofline_figure(empty, MADE), utilisation_figure(empty), passes_figure(empty), layers_figure(empty)):
        save(figure, tmp_path / "empty.png")


def store(folder: Path, report: Report, configuration: str) -> Path:
    folder.mkdir(parents=True)
    (folder / REPORT).write_text(report.to_json())
    (folder / CONFIG).write_text(configuration)
    return folder


def test_figures_fit_the_run(tmp_path: Path) -> None:
    machine = to_yaml(load("quickstart")[0])
    plain = read_run(store(tmp_path / "plain", QUICK, machine))
    names = [figure.name for figure in figures_of(plain)]
    assert names == ["cycles", "energy", "timeline", "passes", "layers", "utilisation", "roofline", "density"]
    assert set(figures_missing(plain)) == {"pipeline", "memory"}
    bare = QUICK.model_copy(update={"activity": ActivitySummary(kind="none", synthetic=False)})
    names = [figure.name for figure in figures_of(read_run(store(tmp_path / "bare", bare, "name: x\n")))]
    assert names == ["cycles", "energy", "timeline", "passes", "layers", "utilisation"]
    names = [figure.name for figure in figures_of(read_run(store(tmp_path / "pipe", PIPELINED, machine)))]
    assert "pipeline" in names


def test_names_choose_and_wrong_ones_are_refused(tmp_path: Path) -> None:
    run = read_run(store(tmp_path / "run", QUICK, "name: x\n"))
    figures, absent = figures_of(run), figures_missing(run)
    assert [figure.name for figure in chosen(figures, ("layers", "cycles", "layers"), absent)] == ["layers", "cycles"]
    assert chosen(figures, (), absent) == figures
    with pytest.raises(ConfigError, match="unknown figure 'cycels'") as caught:
        chosen(figures, ("cycels",), absent)
    assert caught.value.nearest == "cycles"
    with pytest.raises(ConfigError, match="no figure 'roofline' here: the run folder holds no machine"):
        chosen(figures, ("roofline",), absent)


def test_nothing_half_drawn_stays(tmp_path: Path) -> None:
    def broken() -> Figure:
        raise OSError(28, "No space left on device")

    good = NamedFigure("good", "", lambda: passes_figure(QUICK))
    with pytest.raises(StorageError, match="No space left"):
        write_figures((good, NamedFigure("bad", "", broken)), tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good.png"]
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot write to"):
        write_figures((good,), tmp_path / "file")
    with pytest.raises(ConfigError, match="unknown figure format 'svgz'"):
        write_figures((good,), tmp_path, "svgz")


def test_an_unknown_binding_is_a_star() -> None:
    odd = QUICK.tasks[0].model_copy(update={"binds": "luck"})
    figure = roofline_figure(QUICK.model_copy(update={"tasks": (odd,)}), (EngineRoof(ARRAY, "x", 9, DRAM, 1.0, ARRAY),))
    assert points(figure.axes[0])[0][3] == "*"
    assert "bound by luck" in texts(figure)


def test_a_roofline_of_a_level_without_memory_says_so() -> None:
    closed = QUICK.model_copy(update={"level": "closed_form"})
    assert any("without waits for memory" in text for text in texts(roofline_figure(closed, MADE)))
    assert not any("without waits for memory" in text for text in texts(roofline_figure(QUICK, MADE)))
