"""Tables of a pipelined run: processors, links, messages, layers, programs. Proof: ``tests/unit/test_html_run.py``."""

from __future__ import annotations

from simsnn.results.pipeline_report import CandidateRow, PipelineReport, ProcessorRow
from simsnn.results.pipeline_table import period_words, stall_text
from simsnn.results.prefix import count, si
from simsnn.viz.html.cells import energy, rounded, share, size, whole
from simsnn.viz.html.element import Markup, joined, paragraph
from simsnn.viz.html.page import Card, cards, part
from simsnn.viz.html.table import Cell, Column, Row, Table, text

_WORDS = False


def pipeline_content(pipeline: PipelineReport) -> Markup:
    """Everything of the section."""
    tables = (
        processors_table(pipeline),
        memory_table(pipeline),
        layers_table(pipeline),
        links_table(pipeline),
        messages_table(pipeline),
        candidates_table(pipeline),
    )
    overhead = pipeline.overhead
    words = f"Communication overhead {overhead.share * 100:.3g}%: {overhead.definition}."
    titles = ("Processors", "Memory of processors", "Layers", "Links", "Messages", "Programs that were simulated")
    found = [part(title, table.to_markup()) for title, table in zip(titles, tables, strict=True)]
    return joined(cards(_cards(pipeline)), paragraph(words, "note"), found)


def _cards(pipeline: PipelineReport) -> tuple[Card, ...]:
    bounds = pipeline.bounds
    late = max(layer.staleness for layer in pipeline.layers) if pipeline.layers else 0
    period = "no exact period" if pipeline.period_cycles is None else f"exact period {pipeline.period_cycles:,} cycles"
    if pipeline.period_iterations not in (None, 1):
        period += f" of {pipeline.period_iterations} iterations"
    batches = count(pipeline.micro_batches, "micro-batch", "micro-batches")
    found = [
        Card("program", pipeline.program.replace(" ", "\u00a0"), f"schedule {pipeline.schedule}"),
        Card("cycles per iteration", si(pipeline.iteration_cycles), f"{period_words(pipeline)}; {period}"),
        Card("over the lower bound", f"x{pipeline.distance:.3f}", f"lower bound {si(round(bounds.lower_cycles))}"),
        Card("iterations", f"{pipeline.iterations:,}", f"of {batches}"),
        Card("processors", f"{pipeline.processor_count:,}", f"{pipeline.weights} weights, updates up to {late} late"),
    ]
    if pipeline.epoch is not None:
        note = f"{count(pipeline.epoch.samples, 'sample')}, {count(pipeline.epoch.iterations, 'iteration')}"
        found.append(Card("epoch", f"{si(pipeline.epoch.cycles)} cycles", note))
    return tuple(found)


def processors_table(pipeline: PipelineReport) -> Table:
    """How every processor spent the run."""
    columns = (
        Column("processor", _WORDS),
        Column("tasks", _WORDS),
        *map(Column, ("utilisation", "busy", "bubble")),
        Column("stalled by", _WORDS),
        Column("empty for", _WORDS),
        *map(Column, ("received", "sent")),
    )
    rows = tuple(_processor(row, pipeline.makespan_cycles) for row in pipeline.processors)
    caption = "Processors: shares of the run; waits are added up over engines"
    return Table("processors-table", caption, columns, rows)


def _processor(row: ProcessorRow, makespan: int) -> Row:
    return (
        text(row.name),
        Cell(", ".join(row.tasks) or "none", kind="wide"),
        share(row.utilisation),
        share(row.busy_share),
        share(row.bubble_cycles / makespan),
        text(stall_text(row.stalls, makespan)),
        text(stall_text(row.idle, makespan)),
        size(row.received_bytes),
        size(row.sent_bytes),
    )


def memory_table(pipeline: PipelineReport) -> Table:
    """What every processor kept."""
    numbers = ("peak", "capacity", "full", "weights", "versions", "optimizer", "gradients", "stash", "weight versions")
    rows = []
    for row in pipeline.processors:
        full = None if row.memory_bytes is None else row.peak_memory_bytes / row.memory_bytes
        sizes = (row.weight_bytes, row.version_bytes, row.optimizer_bytes, row.gradient_bytes, row.peak_stash_bytes)
        kept = (size(row.peak_memory_bytes), size(row.memory_bytes), share(full), *map(size, sizes))
        rows.append((text(row.name), *kept, whole(row.weight_versions)))
    columns = (Column("processor", _WORDS), *map(Column, numbers))
    return Table("processor-memory-table", "Local memories: most bytes at one time, and of what", columns, tuple(rows))


def layers_table(pipeline: PipelineReport) -> Table:
    """Where the passes of every layer run."""
    words = ("layer", "F", "B", "W", "U")
    numbers = ("delay F", "delay B", "weight versions", "stash copies")
    rows = tuple(
        (
            *map(text, (layer.name, *layer.places)),
            *map(whole, (layer.staleness, layer.backward_staleness, layer.weight_versions, layer.stash_copies)),
        )
        for layer in pipeline.layers
    )
    columns = (*(Column(name, _WORDS) for name in words), *map(Column, numbers))
    return Table("pipeline-layers-table", "Layers: processors of their passes, delays in iterations", columns, rows)


def links_table(pipeline: PipelineReport) -> Table:
    """Channels of the links."""
    rows = tuple(
        (
            text(row.name),
            text(row.component),
            share(row.busy_share),
            size(row.bytes),
            whole(row.packets),
            energy(row.energy_pj),
        )
        for row in sorted(pipeline.links, key=lambda row: -row.busy_cycles)
    )
    words = (Column("channel", _WORDS), Column("component", _WORDS))
    columns = (*words, *map(Column, ("busy", "bytes", "packets", "energy")))
    return Table("links-table", "Links: directed channels, busiest first", columns, rows)


def messages_table(pipeline: PipelineReport) -> Table:
    """Bytes that crossed links, and that stayed."""
    local = {row.operand: row.bytes for row in pipeline.local_bytes}
    sent = {row.operand: row for row in pipeline.messages}
    rows = []
    for operand in dict.fromkeys((*sent, *local)):
        row, stayed = sent.get(operand), local.get(operand, 0)
        moved = row.bytes if row is not None else 0
        numbers = (whole(row.messages if row is not None else 0), size(moved), size(stayed))
        rows.append((text(operand.replace("_", " ")), *numbers, share(moved / ((moved + stayed) or 1))))
    columns = (Column("operand class", _WORDS), *map(Column, ("messages", "sent", "stayed local", "sent of both")))
    return Table("messages-table", "Messages by what they carry", columns, tuple(rows))


def candidates_table(pipeline: PipelineReport) -> Table:
    """Programs that were simulated."""
    rows, kept = [], set()
    for number, row in enumerate(pipeline.candidates):
        each = _each(row, pipeline)
        over = each / pipeline.bounds.lower_cycles if row.settled else None
        distance = Cell("-") if over is None else Cell(f"x{over:.3f}", over)
        mark = text("kept" if row.kept else "")
        rows.append((text(row.name), rounded(each), distance, whole(row.makespan_cycles), mark))
        if row.kept:
            kept.add(number)
    numbers = ("cycles per iteration", "over the lower bound", "whole run")
    columns = (Column("program", _WORDS), *map(Column, numbers), Column("kept", _WORDS))
    return Table("candidates-table", "Programs: the kept one is marked", columns, tuple(rows), marked=frozenset(kept))


def _each(row: CandidateRow, pipeline: PipelineReport) -> float:
    """Cycles per iteration: of the exact period, else the pace, else the mean over the run."""
    if row.iteration_cycles is not None:
        return float(row.iteration_cycles)
    return row.makespan_cycles / pipeline.iterations if row.pace_cycles is None else row.pace_cycles
