"""The terminal's pipeline tables say what the section says and fit the console."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from simsnn.results.pipeline_report import PipelineReport
from simsnn.results.pipeline_table import MOST_LAYERS, MOST_LINKS, MOST_PROCESSORS, pipeline_lines, stall_text
from simsnn.results.prefix import percent
from simsnn.results.stalls import Stalls
from simsnn.results.terminal import EVERY_ROW, print_report
from tests.naive.pipeline_reports import GPIPE, PIPEDREAM, SPIKEPIPE, VGG, Made, make_pipeline
from tests.naive.reports import make_report

MANY = Made("sequential", VGG * 5, tuple((index,) * 4 for index in range(40)), iterations=2)


def printed(section: PipelineReport, width: int = 100, every_row: bool = False) -> list[str]:
    console = Console(file=io.StringIO(), width=width, no_color=True, color_system=None)
    for part in pipeline_lines(section, every_row):
        console.print(part)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]  # type: ignore[attr-defined]


@pytest.mark.parametrize("width", [100, 80])
@pytest.mark.parametrize("made", [PIPEDREAM, GPIPE, SPIKEPIPE, MANY], ids=lambda made: made.schedule)
def test_fits_and_keeps_its_numbers(made: Made, width: int) -> None:
    section = make_pipeline(made)
    lines = printed(section, width)
    assert max(map(len, lines)) <= width
    assert "…" not in "".join(lines)
    shown_rows = [row for row in section.processors if any(line.startswith(f"{row.name} ") for line in lines)]
    assert len(shown_rows) == min(len(section.processors), MOST_PROCESSORS - (made is MANY))
    for row in shown_rows:
        times, sizes = [line for line in lines if line.startswith(f"{row.name} ")]
        assert times.split()[1:3] == [percent(row.utilisation), percent(row.busy_share)]
        assert re.search(r" 31\.0 MB +29\.0 MB +\d+(\.\d+)? [kM]B +\d+% +\d+(\.\d+)? [kM]B +\d+$", sizes)


def test_a_period_is_given_in_full_and_a_mean_is_called_one() -> None:
    text = " ".join(printed(make_pipeline(SPIKEPIPE)))
    assert "exact period 238,600 cycles" in text
    assert re.search(r"spikepipe +238,600 +x1\.165 +12\.16M  kept", text)
    assert re.search(r"contiguous seed +mean 329\.3k +x1\.608", text)
    short = Made("pipedream", VGG, PIPEDREAM.places, iterations=3)
    section = make_pipeline(short)
    text = " ".join(printed(section))
    assert re.search(r"no exact period; \S+ cycles per iteration on average", text)
    kept = section.candidates[0].model_copy(update={"pace_cycles": 292_000.0})
    rows = (kept, *section.candidates[1:])
    pace = section.model_copy(update={"pace_cycles": 292_000.0, "candidates": rows})
    text = " ".join(printed(pace))
    assert "no exact period; 292.0k cycles per iteration once settled" in text
    assert re.search(r"pipedream +settled 292\.0k +x\d", text)


def guessed() -> PipelineReport:
    section = make_pipeline(Made("pipedream", VGG, PIPEDREAM.places, iterations=3))
    update = {"pace_cycles": 292_000.0, "settled": False}
    rows = (section.candidates[0].model_copy(update=update), *section.candidates[1:])
    return section.model_copy(update={**update, "candidates": rows})


def test_a_guess_is_called_one_and_has_no_distance() -> None:
    lines = printed(guessed())
    text = " ".join(lines)
    assert "no exact period; 292.0k cycles per iteration, a guess from a short run" in text
    assert re.search(r"pipedream +guess 292\.0k +- ", text)
    bounds = text[text.index("bounds per iteration") :]
    assert re.search(r"resource \S+, largest task \S+, loop \S+; lower \S+;", bounds)
    assert "(x" not in bounds
    assert "<=" not in bounds
    report = make_report().model_copy(update={"pipeline": guessed()})
    console = Console(file=io.StringIO(), width=100, no_color=True, color_system=None)
    print_report(report, console)
    assert "3 in the run; a guess from a short run" in console.file.getvalue()  # type: ignore[attr-defined]


def test_distances_from_every_bound() -> None:
    text = " ".join(printed(make_pipeline(SPIKEPIPE)))
    assert "resource 204.8k (x1.165), largest task 64.00k (x3.728), loop 143.4k (x1.664)" in text
    assert "lower 204.8k <= 238.6k; least largest load of whole tasks one at a time" in text
    assert text.endswith("(no overlap of engines): 205.7k")


def test_a_period_below_its_bound_is_said() -> None:
    section = make_pipeline(SPIKEPIPE)
    high = section.bounds.model_copy(update={"resource_cycles": 3e5, "lower_cycles": 3e5, "optimum_cycles": None})
    text = " ".join(printed(section.model_copy(update={"bounds": high})))
    assert "lower 300.0k > 238.6k; outside its bounds" in text
    assert "least largest" not in text


def test_the_overhead_is_printed_with_its_definition() -> None:
    section = make_pipeline(SPIKEPIPE)
    text = " ".join(printed(section))
    assert "communication overhead 0.521% (73.7 kB of 14.2 MB)" in text
    assert section.overhead.definition in text


def test_messages_beside_what_stayed() -> None:
    lines = printed(make_pipeline(SPIKEPIPE))
    spikes = next(line for line in lines if line.startswith("spikes"))
    assert spikes.split() == ["spikes", "288", "75.5", "MB", "11%", "101", "MB", "43%"]
    weights = next(line for line in lines if line.startswith("weights"))
    assert weights.endswith("0 B          100%")


def test_long_lists_are_cut_to_their_extremes() -> None:
    section = make_pipeline(MANY)
    lines = printed(section)
    cores = [line.split()[0] for line in lines if re.match(r"core\d+ ", line)]
    assert len(cores) == 2 * (MOST_PROCESSORS - 1)
    assert sum(line.startswith("25 others") for line in lines) == 2
    busiest = max(section.processors, key=lambda row: row.busy_cycles)
    assert busiest.name in cores
    assert sum(line.startswith("noc.") for line in lines) == MOST_LINKS
    assert sum(bool(re.match(r"conv\d+ ", line)) for line in lines) == MOST_LAYERS
    assert any(line.startswith("28 more") for line in lines)
    full = printed(section, every_row=True)
    assert sum(bool(re.match(r"core\d+ ", line)) for line in full) == 2 * 40
    assert sum(line.startswith("noc.") for line in full) == 40
    assert sum(bool(re.match(r"conv\d+ ", line)) for line in full) == 40


def test_a_machine_without_links_has_no_table_of_links() -> None:
    section = make_pipeline(SPIKEPIPE).model_copy(update={"links": ()})
    assert not any(line.startswith("link ") for line in printed(section))


def test_what_engines_stood_empty_for_is_said_by_cause() -> None:
    section = make_pipeline(SPIKEPIPE)
    whole = section.makespan_cycles
    rows = [
        row.model_copy(update={"idle": Stalls(link=whole * 12 // 100 + 1, dependency=whole * 4 // 10 + 1)})
        for row in section.processors[:2]
    ]
    lines = printed(section.model_copy(update={"processors": (*rows, *section.processors[2:])}), 80)
    assert next(line for line in lines if line.startswith("core0 ")).endswith("dep 40% link 12%")
    assert next(line for line in lines if line.startswith("all 4 ")).endswith("dep 20% link 6%")


def test_what_never_happened_takes_one_sentence() -> None:
    section = make_pipeline(PIPEDREAM)
    links = tuple(row.model_copy(update={"busy_cycles": 0, "bytes": 0, "packets": 0}) for row in section.links)
    layers = tuple(row.model_copy(update={"staleness": 0}) for row in section.layers)
    idle = tuple(row.model_copy(update={"tasks": ()}) for row in section.processors[2:])
    update = {"links": links, "messages": (), "layers": layers, "processors": (*section.processors[:2], *idle)}
    lines = printed(section.model_copy(update=update))
    text = " ".join(lines)
    assert "stashed" not in lines[0]
    assert "2 of 4 processors have no task" in lines
    assert "no message was sent: 1.51 GB between tasks stayed on their processors" in lines
    assert not any(line.startswith(("link ", "message of ", "noc.")) for line in lines)
    assert "communication overhead" not in text


def test_one_is_no_plural() -> None:
    text = printed(make_pipeline(Made("sequential", VGG, ((0,) * 4,) * 8, iterations=1)))[0]
    assert text.startswith("pipeline: sequential on 1 processor, 1 iteration; ")


@pytest.mark.parametrize("width", [80, 100])
def test_numbers_of_a_pipelined_report_are_not_cut(width: int) -> None:
    report = make_report().model_copy(update={"pipeline": make_pipeline(PIPEDREAM)})
    console = Console(file=io.StringIO(), width=width, no_color=True, color_system=None)
    print_report(report, console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert max(map(len, text.splitlines())) <= width
    assert not re.search(r"\d ?…", text[text.index("pipeline:") :])


def test_stalls_by_cause_largest_first() -> None:
    assert stall_text(Stalls(link=30, dram=50, sram_bank=5), 1000) == "dram 5% link 3%"
    assert stall_text(Stalls(link=3), 1000) == "<1%"
    assert stall_text(Stalls(), 1000) == "-"


@pytest.mark.parametrize("lines", [24, EVERY_ROW])
def test_the_report_shows_the_section_where_there_is_one(lines: int) -> None:
    console = Console(file=io.StringIO(), width=100, no_color=True, color_system=None)
    print_report(make_report().model_copy(update={"pipeline": make_pipeline(PIPEDREAM)}), console, lines)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "pipeline: pipedream on 4 processors" in text
    assert text.index("pipeline:") < text.index("\nrun ") < text.index("\niteration ") < text.index("\nsample ")


def test_totals_are_of_the_run_an_iteration_a_sample_and_an_epoch() -> None:
    section = make_pipeline(SPIKEPIPE)
    report = make_report(samples=48 * 64).model_copy(update={"pipeline": section})
    console = Console(file=io.StringIO(), width=100, no_color=True, color_system=None)
    print_report(report, console)
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    rows = {line.split()[0]: line for line in lines if re.match(r"(run|iteration|sample|epoch) ", line)}
    assert rows["run"].split()[1] == "211.4k"
    assert rows["iteration"].split()[1] == "238.6k"
    assert "48 in the run; cycles of the exact period" in rows["iteration"]
    assert rows["sample"].split()[1] == "3.728k"
    assert "64 in an iteration" in rows["sample"]
    assert rows["epoch"].split()[1] == "5.249M"
    assert rows["epoch"].rstrip().endswith("22 iterations")
