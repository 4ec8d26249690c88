"""The page of a run: words, machine, totals, timeline, tables, figures, assumptions, provenance.

Equal run folders give equal bytes. Proof: ``tests/unit/test_html_run.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from matplotlib.figure import Figure

from simsnn.results.prefix import mm2, percent, si
from simsnn.results.report import Report
from simsnn.sim.census import RunMemory
from simsnn.viz.figures import (
    cycles_figure,
    density_figure,
    energy_figure,
    memory_figure,
    pipeline_figure,
    timeline_figure,
)
from simsnn.viz.html import run_tables as tables
from simsnn.viz.html.cells import joules, seconds
from simsnn.viz.html.diagram import machine_figures
from simsnn.viz.html.element import NONE, Attributes, Markup, bullets, element, joined, paragraph
from simsnn.viz.html.machine import Tree, machine_of
from simsnn.viz.html.page import Card, Page, Section, cards, part
from simsnn.viz.html.pipeline_tables import pipeline_content
from simsnn.viz.html.svg import inline_figure
from simsnn.viz.html.timeline import run_timeline
from simsnn.viz.html.trace_file import TraceTracks
from simsnn.viz.html.words import run_sentences

MEMORY_STEPS = 300
"""Steps of the census that a figure in a page draws."""

_MOST_CONFIG = 60_000
"""Characters of the configuration that a page holds."""


@dataclass(frozen=True)
class RunContent:
    """What a run folder holds for its page.

    Parameters
    ----------
    report : Report
        The result.
    tree : dict
        Its resolved configuration; empty where there is none.
    config : str
        The same as text.
    tracks : TraceTracks or None
        What is drawn of its trace.
    memory : RunMemory or None
        Its live bytes.
    """

    report: Report
    tree: Tree
    config: str
    tracks: TraceTracks | None
    memory: RunMemory | None


def run_page(content: RunContent) -> str:
    """HTML of a run."""
    report = content.report
    machine = machine_of(content.tree) if content.tree.get("hardware") else None
    warnings = joined(paragraph(f"Warning: {text}", "warning") for text in report.activity.warnings)
    drawn = Markup() if machine is None else machine_figures(machine)
    missing = paragraph("The run folder has no config.resolved.yaml: the machine is not drawn.", "note")
    sections = (
        Section("totals", "Totals", cards(tuple(_totals(report)))),
        Section("machine", "Machine", drawn if machine is not None else missing),
        Section("timeline", "Timeline", run_timeline(report, content.tracks).to_markup()),
        Section("operations", "Operations and layers", _operations(report)),
        Section("pipeline", "Pipeline", pipeline_content(report.pipeline) if report.pipeline else Markup()),
        Section("energy", "Energy and area", _energy(report)),
        Section("memory", "Memory", _memory(report)),
        Section("activity", "Activity", tables.rates_table(report).to_markup()),
        Section("parallel", "Parallel units", tables.parallel_table(report).to_markup()),
        Section("gpus", "GPU baselines", tables.gpu_table(report).to_markup()),
        Section("figures", "Figures", _figures(content)),
        Section("assumptions", "Approximations and assumptions", _assumptions(report)),
        Section("provenance", "Provenance", _provenance(content)),
    )
    lead = joined(run_sentences(report, content.tree, machine), warnings)
    footer = f"simsnn {report.provenance.versions.get('simsnn', '')}, run {report.id}, report {report.schema_}"
    return Page(report.name, "run report", lead, sections, footer).to_html()


def _totals(report: Report) -> Iterator[Card]:
    totals = report.totals
    step = "whole run" if report.pipeline is not None else "one step"
    yield Card("cycles", f"{totals.total_cycles:,}", f"{step} at {report.clock_hz / 1e6:g} MHz")
    yield Card("time", seconds(totals.time_ns), step)
    yield Card("throughput", f"{si(totals.samples_per_s, digits=3)} samples/s", f"{totals.samples:,} samples")
    yield Card("energy", joules(totals.total_energy_pj), f"{step}, leakage included")
    yield Card("energy per sample", joules(totals.energy_per_sample_pj))
    yield Card("arrays used", percent(totals.utilisation), "dense work over peak")
    if totals.area_um2 is not None:
        yield Card("area", mm2(totals.area_um2), "engines and SRAMs")
    yield Card("DRAM traffic", si(totals.dram_bytes, "B", 3), "read and written")
    yield Card("peak live tensors", si(totals.peak_live_bytes, "B", 3))
    yield Card("critical path", f"{si(totals.critical_path_cycles)} cycles", _bounds(report))
    if report.activity.accuracy is not None:
        yield Card("accuracy", f"{report.activity.accuracy * 100:.1f}%", "of the trained network")
    if totals.steps_per_epoch is not None:
        each = totals.total_cycles if report.pipeline is None else report.pipeline.iteration_cycles
        yield Card("epoch", f"{si(each * totals.steps_per_epoch)} cycles", f"{totals.steps_per_epoch:,} steps")


def _bounds(report: Report) -> str:
    totals = report.totals
    return f"bounds {si(totals.lower_bound_cycles)} to {si(totals.upper_bound_cycles)}"


def _operations(report: Report) -> Markup:
    return joined(
        tables.operations_table(report).to_markup(),
        part("By layer", tables.layers_table(report).to_markup()),
        part("By engine", tables.engines_table(report).to_markup()),
    )


def _energy(report: Report) -> Markup:
    return joined(
        tables.energy_table(report).to_markup(),
        part("Area", tables.area_table(report).to_markup()),
        part("Where prices come from", tables.sources_table(report).to_markup()),
    )


def _memory(report: Report) -> Markup:
    words = Markup()
    if report.memory is not None:
        found = report.memory
        on_chip = "unknown" if found.peak_on_chip_bytes is None else si(found.peak_on_chip_bytes, "B", 3)
        peaks = (
            Card("peak", si(found.peak_bytes, "B", 3), f"first at cycle {found.peak_cycle:,}"),
            Card("peak on chip", on_chip),
            Card("most kept by neurons", si(found.node_peak_bytes, "B", 3)),
        )
        counted = element("p", {"class": "note"}, f"What is counted: {found.counted}")
        words = joined(cards(peaks), counted)
    traffic = part("Traffic", tables.traffic_table(report).to_markup())
    return joined(words, tables.memory_table(report).to_markup(), traffic)


def _figures(content: RunContent) -> Markup:
    report, memory = content.report, content.memory
    drawn: list[tuple[str, str, Callable[[], Figure]]] = [
        ("cycles", "Cycles by part, stalls by cause", lambda: cycles_figure(report)),
        ("energy", "Energy by component", lambda: energy_figure(report)),
    ]
    if report.pipeline is not None:
        drawn.append(("pipeline", "Processors over one period or the whole run", lambda: pipeline_figure(report)))
    drawn.append(("when", "Engines over the whole run", lambda: timeline_figure(report)))
    if report.activity.rates:
        drawn.append(("density", "Densities of spikes and gradients", lambda: density_figure(report)))
    if memory is not None:
        thin = memory.thinned(MEMORY_STEPS)
        drawn.append(("live", "Live bytes over time", lambda: memory_figure(report, thin)))
    return joined(_figure(inline_figure(draw(), f"f-{name}", words), words) for name, words, draw in drawn)


def _figure(drawing: Markup, words: str) -> Markup:
    box = element("div", {"class": "scroll", "tabindex": 0, "role": "region", "aria-label": words}, drawing)
    return element("figure", NONE, box, element("figcaption", NONE, words))


def _assumptions(report: Report) -> Markup:
    if not report.approximations:
        return paragraph("None is recorded for this run.")
    return bullets(report.approximations)


def _provenance(content: RunContent) -> Markup:
    report = content.report
    versions = ", ".join(f"{name} {version}" for name, version in sorted(report.provenance.versions.items()))
    facts = (
        ("run", report.id),
        ("configuration (SHA-256)", report.provenance.config_sha256),
        ("activity (SHA-256)", report.provenance.activity_sha256 or "none"),
        ("seed", str(report.provenance.seed)),
        ("level", report.level),
        ("versions", versions),
    )
    again = element("code", NONE, "simsnn run config.resolved.yaml")
    rows = [joined(element("dt", NONE, name), element("dd", NONE, value)) for name, value in facts]
    rows.append(joined(element("dt", NONE, "run it again"), element("dd", NONE, again, " in the run folder")))
    warnings = bullets(report.activity.warnings) if report.activity.warnings else Markup()
    return joined(element("dl", {"class": "facts"}, rows), part("Warnings", warnings), _config(content.config))


def _config(text: str) -> Markup:
    if not text:
        return Markup()
    shown = text if len(text) <= _MOST_CONFIG else f"{text[:_MOST_CONFIG]}\n..."
    box: Attributes = {"class": "scroll tall", "tabindex": 0, "role": "region", "aria-label": "resolved configuration"}
    return part("Resolved configuration", element("div", box, element("pre", NONE, shown)))
