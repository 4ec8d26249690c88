"""Gantt charts show every job of their window where it ran, what a period is, and fit the page."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text

from simsnn.results.pipeline_report import PipelineReport
from simsnn.results.report import Report
from simsnn.viz.gantt import Chart, LinkActivity, pipeline_figure, schedules_figure
from simsnn.viz.gantt_rows import MOST_ROWS, Window, boundaries, default_window, gaps, label, seen, shade, steady_start
from simsnn.viz.style import Scale, save
from simsnn.viz.timeline import timeline_figure
from tests.naive.pipeline_reports import GPIPE, PIPEDREAM, SPIKEPIPE, VGG, Made, make_pipeline
from tests.naive.reports import make_report

SECTIONS = {made.schedule: make_pipeline(made) for made in (PIPEDREAM, GPIPE, SPIKEPIPE)}
SHORT = make_pipeline(replace(PIPEDREAM, iterations=4))


def report_of(section: PipelineReport) -> Report:
    return make_report(name="vgg", synthetic=True).model_copy(update={"pipeline": section})


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if isinstance(text, Text) and text.get_text()]


def bars(axes: Axes, row: int) -> list[tuple[float, float, str]]:
    """Left, right and colour of the jobs of one row: its bubbles are drawn before them."""
    found = axes.collections[2 * row + 1]
    return [
        (path.vertices[:, 0].min(), path.vertices[:, 0].max(), to_hex(colour))
        for path, colour in zip(found.get_paths(), found.get_facecolor(), strict=True)
    ]


@pytest.mark.parametrize("window", [None, Window(1_000_000, 1_400_000)])
@pytest.mark.parametrize("section", SECTIONS.values(), ids=SECTIONS)
def test_every_job_of_the_window_is_drawn_where_it_ran(section: PipelineReport, window: Window | None) -> None:
    shown = window or default_window(section)
    axes = pipeline_figure(report_of(section), window=window).axes[0]
    scale = Scale.of(shown.end, "cycles").factor
    for row, processor in enumerate(section.processors):
        wanted = sorted(
            (max(job.start_cycle, shown.start) / scale, min(job.end_cycle, shown.end) / scale, shade(job))
            for job in section.jobs
            if job.processor == processor.name and job.start_cycle < shown.end and job.end_cycle > shown.start
        )
        assert wanted
        for found, expected in zip(sorted(bars(axes, row)), wanted, strict=True):
            assert found[:2] == pytest.approx(expected[:2])
            assert found[2] == expected[2]


@pytest.mark.parametrize("section", SECTIONS.values(), ids=SECTIONS)
def test_one_period_holds_every_task_for_each_iteration_of_it(section: PipelineReport) -> None:
    """That the run repeats itself means: starts inside any period are one iteration's work."""
    start, period = steady_start(section), section.period_cycles
    assert start is not None
    assert period is not None
    inside = [job for job in section.jobs if start <= job.start_cycle < start + period]
    assert len(inside) == len(section.jobs) // section.iterations * (section.period_iterations or 1)
    assert boundaries(section, default_window(section)) == (start, start + period)


def test_without_a_period_the_whole_run_with_the_ends_of_iterations() -> None:
    assert default_window(SHORT) == Window(0, SHORT.makespan_cycles)
    found = boundaries(SHORT, default_window(SHORT))
    assert len(found) == SHORT.iterations
    assert found[-1] == SHORT.makespan_cycles
    shown = texts(pipeline_figure(report_of(SHORT)))
    assert any("dotted: ends of iterations" in text for text in shown)
    assert not any(text.startswith("period") for text in shown)


def test_shades_tell_iterations_apart_and_keep_the_pass() -> None:
    job = SHORT.jobs[0]
    colours = [shade(job.model_copy(update={"iteration": number})) for number in range(4)]
    assert len(set(colours)) == 3
    assert colours[0] == colours[3] == "#0072b2"


def test_labels_name_layer_iteration_and_micro_batch_where_they_fit() -> None:
    shown = texts(pipeline_figure(report_of(SECTIONS["spikepipe"])))
    assert any(text.startswith("conv2 F ") for text in shown)
    assert "period 238,600 cycles" in shown
    assert "vgg: spikepipe, one period" in shown
    assert "synthetic activity" in shown
    assert any(text.startswith("48 iterations on 4 processors: ") for text in shown)
    flushed = texts(pipeline_figure(report_of(SECTIONS["gpipe"])))
    assert any(re.fullmatch(r"[FBW]?\d+\.[123]", text) for text in flushed)


def test_links_have_rows_of_their_own() -> None:
    section = SECTIONS["spikepipe"]
    window = default_window(section)
    middle = (window.start + window.end) // 2
    idle = LinkActivity("idle", ((0, 10),))
    busy = LinkActivity("busy", ((middle, middle + window.cycles // 4), (window.end - 10, window.end + 10)))
    assert idle.busy(window) == 0
    assert busy.busy(window) == window.cycles // 4 + 10
    reported = LinkActivity(section.links[3].name, ((0, 100),))
    figure = pipeline_figure(report_of(section), (idle, reported, busy))
    # Shares are of the run, as the report has them; of links that it does not name, as the stretches say.
    assert [label.get_text() for label in figure.axes[1].get_yticklabels()] == [
        "busy <1%",
        "idle <1%",
        "noc.core3-core0 7%",
    ]
    assert {"link busy"} <= set(texts(figure))
    assert any(text.endswith("%: busy in the whole run") for text in texts(figure))


def test_schedules_share_a_scale_and_start_with_a_period() -> None:
    charts = tuple(Chart(name, section) for name, section in SECTIONS.items())
    figure = schedules_figure("title", "subtitle", "footer", charts)
    assert all(axes.get_xlim() == pytest.approx((0.0, 386.85)) for axes in figure.axes)
    for axes, section in zip(figure.axes, SECTIONS.values(), strict=True):
        assert min(left for left, _, _ in bars(axes, 0)) == 0
        assert section.period_cycles is not None
        assert f"period {section.period_cycles:,} cycles" in [text.get_text() for text in axes.texts]
    shown = texts(figure)
    assert "spikepipe: 238.6k cycles per iteration, x1.17 the lower bound" in shown
    assert {"title", "subtitle", "footer", "bubble"} <= set(shown)


def test_many_processors_are_cut_and_said() -> None:
    many = Made("sequential", VGG * 10, tuple((index,) * 4 for index in range(80)), iterations=1)
    axes = pipeline_figure(report_of(make_pipeline(many))).axes[0]
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert len(labels) == MOST_ROWS
    assert labels[-1].endswith("(+16)")


@pytest.mark.parametrize("section", [*SECTIONS.values(), SHORT], ids=[*SECTIONS, "short"])
def test_nothing_leaves_the_page(section: PipelineReport) -> None:
    stacked = schedules_figure("t", "s", "f", (Chart("a", section), Chart("b", SHORT)))
    links = (LinkActivity("ring0 of group core0->core12", ((0, 10),)),)
    for figure in (pipeline_figure(report_of(section)), pipeline_figure(report_of(section), links), stacked):
        box = figure.get_tightbbox()
        width, height = figure.get_size_inches()
        assert min(box.x0, box.y0, width - box.x1, height - box.y1) >= 0


def test_a_report_without_a_pipeline_is_refused() -> None:
    with pytest.raises(ValueError, match="has no pipeline section"):
        pipeline_figure(make_report())


def test_equal_reports_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        save(pipeline_figure(report_of(SHORT)), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_the_timeline_of_a_pipelined_run_shows_its_jobs() -> None:
    axes = timeline_figure(report_of(SHORT)).axes[0]
    assert sum(len(bars(axes, row)) for row in range(len(SHORT.processors))) == len(SHORT.jobs)


def test_a_long_run_has_bounded_marks() -> None:
    long = make_pipeline(replace(SPIKEPIPE, iterations=200))
    figure = timeline_figure(report_of(long))
    assert len(figure.axes[0].texts) < 2_000
    assert len(figure.axes[0].collections) == 2 * len(long.processors) + 1


def test_bubbles_are_where_no_job_is() -> None:
    window = Window(100, 1_100)
    job = SHORT.jobs[0]
    jobs = tuple(
        job.model_copy(update={"start_cycle": start, "end_cycle": end})
        for start, end in ((0, 300), (200, 400), (700, 800))
    )
    assert gaps(jobs, window, 1_000) == ((400, 700), (800, 1_000))
    assert gaps((), window, 1_100) == ((100, 1_100),)
    for row, processor in enumerate(SHORT.processors):
        own = tuple(sorted((j for j in SHORT.jobs if j.processor == processor.name), key=lambda j: j.start_cycle))
        whole = default_window(SHORT)
        found = sum(end - start for start, end in gaps(own, whole, whole.end))
        assert found == pytest.approx(processor.bubble_cycles, abs=len(own) * whole.cycles / 600), row


def test_labels_of_jobs_that_overlap_stand_where_the_jobs_are_seen() -> None:
    first, second, *rest = (job for job in SHORT.jobs if job.processor == "core0")
    early = second.model_copy(update={"start_cycle": first.end_cycle // 2})
    others = tuple(job for job in SHORT.jobs if job.processor != "core0")
    section = SHORT.model_copy(update={"jobs": (first, early, *rest, *others)})
    axes = pipeline_figure(report_of(section), window=Window(0, 200_000)).axes[0]
    top = [text for text in axes.texts if text.get_position()[1] == 0]
    places = [text.get_position()[0] * 1000 for text in top[:2]]
    assert places == [first.end_cycle / 4, (early.start_cycle + early.end_cycle) / 2]


def test_a_bar_that_a_short_job_splits_is_labelled_in_its_longer_part() -> None:
    assert seen([(0, 100), (10, 15)], 0) == (15, 100)
    assert seen([(0, 100), (10, 15), (60, 120)], 0) == (15, 60)
    assert seen([(0, 100), (10, 15), (12, 20), (90, 95)], 0) == (20, 90)
    assert seen([(0, 100), (0, 100)], 0) == (0, 0)
    assert seen([(0, 100), (10, 15)], 1) == (10, 15)
    first, second, *rest = (job for job in SHORT.jobs if job.processor == "core0")
    end = first.end_cycle
    inside = second.model_copy(update={"start_cycle": end // 20, "end_cycle": end // 20 + 10})
    others = tuple(job for job in SHORT.jobs if job.processor != "core0")
    section = SHORT.model_copy(update={"jobs": (first, inside, *rest, *others)})
    axes = pipeline_figure(report_of(section), window=Window(0, 5 * end)).axes[0]
    label = next(text for text in axes.texts if text.get_position()[1] == 0)
    assert label.get_text() == f"{first.layer} {first.pass_} {first.iteration}"
    assert label.get_position()[0] * 1000 == pytest.approx((inside.end_cycle + end) / 2)


def test_a_bar_says_as_much_as_fits() -> None:
    job = SHORT.jobs[0].model_copy(update={"iteration": 12})
    found = [label(job, width, 16.0) for width in (60.0, 20.0, 10.0, 5.0)]
    assert found == [("conv1 F 12", False), ("F12", False), ("F12", True), ("", False)]
    assert label(job, 10.0, 8.0) == ("12", False)
    gradient = job.model_copy(update={"pass_": "W", "micro_batch": 2})
    assert label(gradient, 10.0, 16.0) == ("12.2", True)
    assert label(job.model_copy(update={"micro_batch": 2}), 20.0, 8.0) == ("F12.2", False)


def test_labels_stay_within_their_bars() -> None:
    """Widths that are reckoned with hold for the font that is drawn."""
    figure = pipeline_figure(report_of(SECTIONS["gpipe"]))
    figure.canvas.draw()
    axes = figure.axes[0]
    spans = [(r, *(axes.transData.transform((x, 0))[0] for x in bar[:2])) for r in range(4) for bar in bars(axes, r)]
    labels = [text for text in axes.texts if text.get_position()[1] in range(4)]
    assert len(labels) > 20
    for text in labels:
        box = text.get_window_extent()
        assert any(r == text.get_position()[1] and a <= box.x0 and box.x1 <= b for r, a, b in spans), text.get_text()
