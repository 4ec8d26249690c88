"""A pipelined run on the terminal: processors, links, messages, layers, candidates and bounds.

Shares of a processor are of the run: busy, bubble and what is left, in which it holds work and waits; *stalled by*
(waits within tasks) and *empty for* (what an engine without a task stood empty for before its next one) are added up
over its engines. Long lists are cut to their extremes, and a row says how many are left out;
sums are over all. Proof: ``tests/unit/test_pipeline_table.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from simsnn.results.engine_table import CAUSES
from simsnn.results.pipeline_report import CandidateRow, EpochRow, LinkRow, PipelineReport, ProcessorRow
from simsnn.results.prefix import count, percent, si
from simsnn.results.stalls import Stalls

MOST_PROCESSORS, MOST_LINKS, MOST_LAYERS = 16, 6, 12
"""Rows of the tables; more are cut."""

_RELEVANT = 0.01


def pipeline_lines(pipeline: PipelineReport, every_row: bool = False) -> tuple[RenderableType, ...]:
    """Everything that the terminal says of a pipelined run.

    Parameters
    ----------
    pipeline : PipelineReport
        Section of a report.
    every_row : bool
        Whether long tables are printed in full.
    """
    epoch = () if pipeline.epoch is None else (_epoch(pipeline.epoch),)
    return (
        _headline(pipeline),
        *epoch,
        *processor_tables(pipeline, every_row),
        *_traffic(pipeline, every_row),
        layer_table(pipeline, every_row),
        candidate_table(pipeline),
        _bounds(pipeline),
    )


def _traffic(pipeline: PipelineReport, every_row: bool) -> tuple[RenderableType, ...]:
    """Links and messages where there were any, else a sentence."""
    used = any(link.packets for link in pipeline.links)
    links = (link_table(pipeline, every_row),) if used else ()
    if not pipeline.messages:
        stayed = _bytes(sum(row.bytes for row in pipeline.local_bytes))
        return (*links, Text(f"no message was sent: {stayed} between tasks stayed on their processors"))
    return (*links, message_table(pipeline), _overhead(pipeline))


def _headline(pipeline: PipelineReport) -> Text:
    micro = f" of {count(pipeline.micro_batches, 'micro-batch', 'micro-batches')}" if pipeline.micro_batches > 1 else ""
    late = any(layer.staleness for layer in pipeline.layers)
    text = Text.assemble(
        "pipeline: ",
        (pipeline.program, "bold"),
        f" on {count(pipeline.processor_count, 'processor')}, {count(pipeline.iterations, 'iteration')}{micro}",
        f", {pipeline.weights} weights; " if late else "; ",
    )
    if pipeline.period_cycles is None:
        guess = "" if pipeline.settled else ","
        pace = f"{si(pipeline.iteration_cycles)} cycles per iteration{guess} {period_words(pipeline)}"
        text.append(f"no exact period; {pace}", "yellow")
    else:
        every = f" every {pipeline.period_iterations} iterations" if pipeline.period_iterations != 1 else ""
        text.append(f"exact period {pipeline.period_cycles:,} cycles{every}")
    text.append(f"; {si(pipeline.samples_per_s, digits=3)} samples/s")
    return text


def _epoch(epoch: EpochRow) -> Text:
    how = "all simulated"
    if epoch.simulated_iterations < epoch.iterations:
        sure = "proven" if epoch.proven else "observed"
        how = f"from {epoch.simulated_iterations:,} simulated by their steady state, {sure}"
    size = f"{count(epoch.samples, 'sample')}, {count(epoch.iterations, 'iteration')}"
    return Text(f"epoch: {size}: {epoch.cycles:,} cycles, {si(epoch.time_ns * 1e-9, digits=3)}s ({how})")


def period_words(pipeline: PipelineReport) -> str:
    """What cycles per iteration are of, or that they are a guess."""
    if pipeline.period_cycles is not None:
        return "of the exact period"
    if not pipeline.settled:
        return "a guess from a short run"
    return "once settled" if pipeline.pace_cycles is not None else "on average"


def processor_tables(pipeline: PipelineReport, every_row: bool = False) -> tuple[RenderableType, ...]:
    """A row per processor: shares of the run and waits by cause; bytes in and out, memory, stash, versions.

    Two tables, as all of it is more than 80 characters.
    """
    times, sizes = _table(), _table()
    for table in (times, sizes):
        table.add_column("processor", no_wrap=True)
    _numbers(times, "util", "busy", "bubble")
    times.add_column("stalled by")
    times.add_column("empty for")
    _numbers(sizes, "in", "out", "memory", "full", "stash", "versions")
    for row in _extremes(pipeline.processors, MOST_PROCESSORS, every_row):
        if isinstance(row, int):
            for table in (times, sizes):
                table.add_row(_cut(f"{row} others"))
        else:
            times.add_row(row.name, *_time_cells((row,), pipeline.makespan_cycles))
            sizes.add_row(row.name, *_size_cells((row,)))
    if len(pipeline.processors) > 1:
        label = f"all {len(pipeline.processors)}"
        times.add_row(label, *_time_cells(pipeline.processors, pipeline.makespan_cycles), style="bold")
        sizes.add_row(label, *_size_cells(pipeline.processors), style="bold")
    idle = sum(not row.tasks for row in pipeline.processors)
    note = f"{idle} of {count(len(pipeline.processors), 'processor')} {'has' if idle == 1 else 'have'} no task"
    return (times, Text(note, "yellow"), sizes) if idle else (times, sizes)


def _extremes(rows: tuple[ProcessorRow, ...], most: int, every_row: bool) -> Iterable[ProcessorRow | int]:
    """All rows, or the busiest and the least busy in their order, and how many are left out."""
    if every_row or len(rows) <= most:
        return rows
    order = sorted(range(len(rows)), key=lambda index: (-rows[index].busy_cycles, index))
    half = (most - 1) // 2
    keep = set(order[: most - 1 - half]) | set(order[-half:])
    kept = [row for index, row in enumerate(rows) if index in keep]
    return (*kept, len(rows) - len(kept))


def _time_cells(rows: Sequence[ProcessorRow], makespan: int) -> tuple[str | Text, ...]:
    """Means over processors."""
    whole = makespan * len(rows)
    return (
        percent(sum(row.utilisation for row in rows) / len(rows)),
        percent(sum(row.busy_cycles for row in rows) / whole),
        percent(sum(row.bubble_cycles for row in rows) / whole),
        _cut(stall_text(_added([row.stalls for row in rows]), whole)),
        _cut(stall_text(_added([row.idle for row in rows]), whole)),
    )


def _added(waits: Sequence[Stalls]) -> Stalls:
    return Stalls(**{cause: sum(getattr(wait, cause) for wait in waits) for cause in Stalls.model_fields})


def _size_cells(rows: Sequence[ProcessorRow]) -> tuple[str, ...]:
    """Sums over processors, of weight versions the most."""
    limits = [row.memory_bytes for row in rows if row.memory_bytes is not None]
    peak = sum(row.peak_memory_bytes for row in rows)
    return (
        _bytes(sum(row.received_bytes for row in rows)),
        _bytes(sum(row.sent_bytes for row in rows)),
        _bytes(peak),
        percent(peak / sum(limits)) if len(limits) == len(rows) else "-",
        _bytes(sum(row.peak_stash_bytes for row in rows)),
        str(max(row.weight_versions for row in rows)),
    )


def stall_text(stalls: Stalls, cycles: int) -> str:
    """Causes by size as shares of ``cycles``, ``link 12% dram 3%``; below 1 % together ``<1%``."""
    shares = {cause: getattr(stalls, cause) / cycles for cause in CAUSES}
    order = sorted((cause for cause in shares if shares[cause] >= _RELEVANT), key=lambda cause: -shares[cause])
    if order:
        return " ".join(f"{CAUSES[cause]} {percent(shares[cause])}" for cause in order)
    return "<1%" if stalls.total else "-"


def link_table(pipeline: PipelineReport, every_row: bool = False) -> Table:
    """The busiest links and all of them together."""
    links = sorted(pipeline.links, key=lambda link: -link.busy_cycles)
    shown = links if every_row else links[:MOST_LINKS]
    table = _table()
    table.add_column("link", overflow="ellipsis")
    table.add_column("component", overflow="ellipsis")
    _numbers(table, "busy", "bytes", "packets", "per iteration")
    for link in shown:
        table.add_row(_cut(link.name), _cut(link.component), *_link_cells([link], pipeline))
    components = ", ".join(dict.fromkeys(link.component for link in links))
    label = f"all {len(links)}" if len(shown) == len(links) else f"all {len(links)}, {len(shown)} busiest above"
    table.add_row(_cut(label), _cut(components), *_link_cells(links, pipeline), style="bold")
    return table


def _link_cells(links: Sequence[LinkRow], pipeline: PipelineReport) -> tuple[str, ...]:
    size = sum(link.bytes for link in links)
    busy = sum(link.busy_cycles for link in links) / (pipeline.makespan_cycles * len(links))
    return (percent(busy), _bytes(size), si(sum(link.packets for link in links)), _bytes(size / pipeline.iterations))


def message_table(pipeline: PipelineReport) -> Table:
    """Messages and bytes by what they carry, beside the bytes that stayed on their processor."""
    local = {row.operand: row.bytes for row in pipeline.local_bytes}
    sent = {row.operand: row for row in pipeline.messages}
    whole = sum(row.bytes for row in pipeline.messages) or 1
    table = _table()
    table.add_column("message of", no_wrap=True)
    _numbers(table, "messages", "sent", "share", "stayed local", "sent of both")
    for operand in dict.fromkeys((*sent, *local)):
        row, stayed = sent.get(operand), local.get(operand, 0)
        size = row.bytes if row is not None else 0
        both = percent(size / (size + stayed)) if size + stayed else ""
        number = si(row.messages) if row is not None else "0"
        table.add_row(operand, number, _bytes(size), percent(size / whole), _bytes(stayed), both)
    return table


def _overhead(pipeline: PipelineReport) -> Text:
    found = pipeline.overhead
    sizes = f"{_bytes(found.extra_bytes)} of {_bytes(found.total_bytes)}"
    return Text(f"communication overhead {found.share * 100:.3g}% ({sizes}): {found.definition}")


def layer_table(pipeline: PipelineReport, every_row: bool = False) -> Table:
    """Where the passes of every layer run, its delays, and what is kept for it."""
    table = _table()
    for name in ("layer", *"FBWU"):
        table.add_column(name, overflow="ellipsis")
    _numbers(table, "delay F", "delay B", "versions", "stashes")
    shown = pipeline.layers if every_row else pipeline.layers[:MOST_LAYERS]
    for layer in shown:
        kept = (layer.staleness, layer.backward_staleness, layer.weight_versions, layer.stash_copies)
        table.add_row(*map(_cut, (layer.name, *layer.places)), *map(str, kept))
    if len(shown) < len(pipeline.layers):
        table.add_row(_cut(f"{len(pipeline.layers) - len(shown)} more"), *[""] * 8)
    return table


def candidate_table(pipeline: PipelineReport) -> Table:
    """Programs that were simulated, the kept one in bold; a guess has no distance."""
    table = _table()
    table.add_column("program", overflow="ellipsis")
    _numbers(table, "cycles/iteration", "over lower bound", "whole run")
    table.add_column("")
    for candidate in pipeline.candidates:
        each = _each(candidate, pipeline)
        table.add_row(
            _cut(candidate.name),
            _cycles(candidate, each),
            f"x{each / pipeline.bounds.lower_cycles:.3f}" if candidate.settled else "-",
            si(candidate.makespan_cycles),
            "kept" if candidate.kept else "",
            style="bold" if candidate.kept else None,
        )
    return table


def _each(candidate: CandidateRow, pipeline: PipelineReport) -> float:
    """Cycles per iteration: of the exact period, else the pace, else the mean over the run."""
    if candidate.iteration_cycles is not None:
        return float(candidate.iteration_cycles)
    mean = candidate.makespan_cycles / pipeline.iterations
    return mean if candidate.pace_cycles is None else candidate.pace_cycles


def _cycles(candidate: CandidateRow, each: float) -> str:
    """Cycles per iteration, in full where the exact period is whole; what is no exact period is marked."""
    if candidate.period_cycles is None:
        settled = "mean" if candidate.pace_cycles is None else "settled"
        return f"{settled if candidate.settled else 'guess'} {si(each)}"
    return f"{each:,.0f}" if each.is_integer() else f"{each:,.1f}"


def _bounds(pipeline: PipelineReport) -> Text:
    """Every bound with how far the kept program is from it, which is not said of a guess."""
    bounds, each = pipeline.bounds, pipeline.iteration_cycles
    named = (
        ("resource", bounds.resource_cycles),
        ("largest task", bounds.largest_task_cycles),
        ("loop", bounds.loop_cycles),
    )
    parts = [
        f"{name} {si(round(value))}" + (f" (x{each / value:.3f})" if pipeline.settled else "")
        for name, value in named
        if value
    ]
    text = Text(f"bounds per iteration: {', '.join(parts)}; lower {si(round(bounds.lower_cycles))}")
    below = bounds.lower_cycles > each * (1 + 1e-9)
    if pipeline.settled:
        text.append(f" {'>' if below else '<='} {si(each)}")
    if pipeline.settled and below:
        text.append("; outside its bounds", "yellow")
    if bounds.optimum_cycles is not None:
        least = "least largest load of whole tasks one at a time (no overlap of engines)"
        text.append(f"; {least}: {si(bounds.optimum_cycles)}")
    return text


def _bytes(size: float) -> str:
    return si(round(size), "B", 3)


def _table() -> Table:
    return Table(box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")


def _numbers(table: Table, *names: str) -> None:
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)


def _cut(text: str) -> Text:
    return Text(text, no_wrap=True, overflow="ellipsis")
