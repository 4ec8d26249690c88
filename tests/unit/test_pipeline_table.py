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
    shown_rows = [row for row in section.processors if any(line.startswith(f"{row.name} ") for line in lines)]
    assert len(shown_rows) == min(len(section.processors), MOST_PROCESSORS - (made is MANY))
    for row in shown_rows:
        line = next(line for line in lines if line.startswith(f"{row.name} "))
        assert line.split()[1:3] == [percent(row.utilisation), percent(row.busy_share)]
        assert re.search(r" 31\.0 MB +29\.0 MB +\d+(\.\d+)? [kM]B +\d+% +\d+(\.\d+)? [kM]B +\d+$", line)


def test_a_period_is_given_in_full_and_a_mean_is_called_one() -> None:
    text = " ".join(printed(make_pipeline(SPIKEPIPE)))
    assert "exact period 238,600 cycles" in text
    assert re.search(r"spikepipe +238,600 +x1\.165 +12\.16M  kept", text)
    assert re.search(r"contiguous seed +mean 329\.3k +x1\.608", text)
    short = Made("pipedream", VGG, PIPEDREAM.places, iterations=3)
    section = make_pipeline(short)
    text = " ".join(printed(section))
    assert "no exact period in the run" in text
    assert "cycles per iteration on average" in text
    kept = section.candidates[0].model_copy(update={"pace_cycles": 292_000.0})
    rows = (kept, *section.candidates[1:])
    pace = section.model_copy(update={"pace_cycles": 292_000.0, "candidates": rows})
    text = " ".join(printed(pace))
    assert "292.0k cycles per iteration of its middle" in text
    assert re.search(r"pipedream +middle 292\.0k", text)


def test_distances_from_every_bound() -> None:
    text = " ".join(printed(make_pipeline(SPIKEPIPE)))
    assert "resource 204.8k (x1.165), largest task 64.00k (x3.728), loop 143.4k (x1.664)" in text
    assert "proven optimum of whole tasks 205.7k (x1.160); lower 204.8k <= 238.6k" in text


def test_a_period_below_its_bound_is_said() -> None:
    section = make_pipeline(SPIKEPIPE)
    high = section.bounds.model_copy(update={"resource_cycles": 3e5, "lower_cycles": 3e5, "optimum_cycles": None})
    text = " ".join(printed(section.model_copy(update={"bounds": high})))
    assert "lower 300.0k > 238.6k; outside its bounds" in text
    assert "proven" not in text


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
    assert len(cores) == MOST_PROCESSORS - 1
    assert any(line.startswith("25 others") for line in lines)
    busiest = max(section.processors, key=lambda row: row.busy_cycles)
    assert busiest.name in cores
    assert sum(line.startswith("noc.") for line in lines) == MOST_LINKS
    assert sum(bool(re.match(r"conv\d+ ", line)) for line in lines) == MOST_LAYERS
    assert any(line.startswith("28 more") for line in lines)
    full = printed(section, every_row=True)
    assert sum(bool(re.match(r"core\d+ ", line)) for line in full) == 40
    assert sum(line.startswith("noc.") for line in full) == 40
    assert sum(bool(re.match(r"conv\d+ ", line)) for line in full) == 40


def test_a_machine_without_links_has_no_table_of_links() -> None:
    section = make_pipeline(SPIKEPIPE).model_copy(update={"links": ()})
    assert not any(line.startswith("link ") for line in printed(section))


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
