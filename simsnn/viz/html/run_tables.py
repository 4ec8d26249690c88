"""Tables of a run: operations, layers, energy, area, memory, traffic, rates, parallel units, GPUs.

Proof: ``tests/unit/test_html_run.py``.
"""

from __future__ import annotations

from collections.abc import Iterable

from simsnn.results.engine_summary import engine_summaries
from simsnn.results.grouping import Group, Grouping, group_tasks
from simsnn.results.parallel_table import option_text
from simsnn.results.report import Report, TaskRow
from simsnn.viz.energy import components
from simsnn.viz.html.cells import UNKNOWN, energy, ratio, share, size, whole
from simsnn.viz.html.table import Cell, Column, Row, Table, text

_WORDS = False


def operations_table(report: Report) -> Table:
    """Every task of the report."""
    pipelined = report.pipeline is not None
    columns = [Column(name, _WORDS) for name in ("layer", "pass", "part", "engine", "dataflow")]
    columns += [Column("runs", hint="how often it ran")] if pipelined else []
    columns += [Column("start"), Column("cycles"), Column("share", hint="of the cycles of the run")]
    columns += [
        Column("utilisation", hint="dense work over the peak of its engine; above 100% where zeros are skipped")
    ]
    columns += [Column("stalled"), Column("chunks"), Column("energy"), Column("DRAM"), Column("bound by", _WORDS)]
    rows = tuple(_operation(task, report, pipelined) for task in report.tasks)
    whole_run = Group(report.tasks, "sum")
    blank = (text("sum"), *[text("")] * (5 if pipelined else 4))
    sums = (
        *blank,
        text(""),
        whole(whole_run.cycles),
        share(whole_run.cycles / (report.totals.total_cycles or 1)),
        share(whole_run.utilisation),
        share(sum(task.parts.stall / task.groups for task in report.tasks) / (whole_run.cycles or 1)),
        whole(sum(task.chunks for task in report.tasks)),
        energy(whole_run.energy_pj),
        size(sum(_dram(task, report) for task in report.tasks)),
        text(""),
    )
    caption = "Operations: one row per layer, pass and part; engines overlap, so shares may add up to more than 100%"
    return Table("operations-table", caption, tuple(columns), rows, sums)


def _operation(task: TaskRow, report: Report, pipelined: bool) -> Row:
    cells = [text(task.layer), text(task.pass_), text(task.part), text(task.array), text(task.dataflow)]
    cells += [whole(task.instances)] if pipelined else []
    stalled = task.parts.stall / (task.groups * task.cycles) if task.cycles else 0.0
    cells += [whole(task.start_cycle), whole(task.cycles), share(task.cycles / (report.totals.total_cycles or 1))]
    cells += [share(task.utilisation), share(stalled), whole(task.chunks), energy(task.total_energy_pj)]
    return (*cells, size(_dram(task, report)), text(task.binds.replace("_", " ")))


def _dram(task: TaskRow, report: Report) -> int:
    return sum(row.read_bytes + row.write_bytes for row in task.traffic if row.level == report.dram_level)


def layers_table(report: Report) -> Table:
    """The same by layer."""
    names = ("cycles", "share", "utilisation", "energy", "DRAM")
    rows = []
    for group in group_tasks(report, Grouping.LAYER):
        cells = (text(group.host), text(" ".join(group.passes)), whole(group.cycles))
        numbers = (share(group.cycles / (report.totals.total_cycles or 1)), share(group.utilisation))
        dram = sum(_dram(task, report) for task in group.tasks)
        rows.append((*cells, *numbers, energy(group.energy_pj), size(dram)))
    columns = (Column("layer", _WORDS), Column("passes", _WORDS), *(Column(name) for name in names))
    return Table("layers-table", "Layers: all passes of each together", columns, tuple(rows))


def engines_table(report: Report) -> Table:
    """Busy, stalled and idle cycles of every engine."""
    names = ("busy", "stalled", "idle", "tasks", "energy of its tasks", "area")
    columns = (Column("engine", _WORDS), Column("kind", _WORDS), *(Column(name) for name in names))
    rows = []
    for engine in engine_summaries(report):
        cycles = engine.total_cycles or 1
        shares = (engine.busy_cycles / cycles, engine.stall_cycles / cycles, engine.idle_cycles / cycles)
        area = UNKNOWN if engine.area_um2 is None else Cell(f"{engine.area_um2 / 1e6:.3g} mm2", engine.area_um2)
        numbers = (*map(share, shares), whole(len(engine.tasks)), energy(engine.dynamic_energy_pj), area)
        rows.append((text(engine.name), text(engine.kind), *numbers))
    return Table("engines-table", "Engines: shares of the cycles of the run", columns, tuple(rows))


def energy_table(report: Report) -> Table:
    """Energy by component, leakage among them; equal components of processors are one, as in the figure."""
    merged = {name: shown for shown, names in components(report).items() for name in names}
    parts: dict[tuple[str, str], float] = {}
    counted = [(name, "counted actions", value) for task in report.tasks for name, value in task.energy_pj.items()]
    leakage = [(name.removesuffix(".leakage"), "leakage", value) for name, value in report.static_energy_pj.items()]
    for name, kind, value in (*counted, *leakage):
        key = (merged.get(name, name), kind)
        parts[key] = parts.get(key, 0.0) + value
    named = [(*key, value) for key, value in parts.items()]
    named.sort(key=lambda entry: (-entry[2], entry[0], entry[1]))
    total = report.totals.total_energy_pj
    rows = tuple((text(name), text(kind), energy(v), share(v / total if total else 0.0)) for name, kind, v in named)
    columns = (Column("component", _WORDS), Column("of", _WORDS), Column("energy"), Column("share"))
    sums = (text("sum"), text(""), energy(total), text(""))
    return Table("energy-table", "Energy by component; of processors, their sum", columns, rows, sums)


def sources_table(report: Report) -> Table:
    """Where the prices come from."""
    names = ("table", "prices", "node", "voltage", "note")
    rows = tuple(
        (text(row.table), text(row.role), text(row.node), text(row.voltage), Cell(row.note, kind="wide"))
        for row in report.energy_sources
    )
    caption = "Price tables in use: sources are mixed, each with its own node and voltage"
    return Table("sources-table", caption, tuple(Column(name, _WORDS) for name in names), rows)


def area_table(report: Report) -> Table:
    """Area by component and kind of unit."""
    rows = tuple(
        (
            text(row.component),
            text(row.unit),
            text(row.widths),
            whole(row.count),
            Cell(f"{row.um2 / 1e6:.3g} mm2", row.um2),
            text(row.status),
            Cell(row.source, kind="wide"),
        )
        for row in report.area
    )
    words = (Column("component", _WORDS), Column("unit", _WORDS), Column("widths", _WORDS))
    more = (Column("count"), Column("area"), Column("status", _WORDS), Column("source", _WORDS))
    caption = "Area: not counted are links, clock tree and pads"
    return Table("area-table", caption, (*words, *more), rows)


def memory_table(report: Report) -> Table:
    """Peaks by operand class."""
    memory = report.memory
    rows: Iterable[Row] = ()
    if memory is not None:
        rows = (
            (
                text(row.operand.replace("_", " ")),
                size(row.peak_bytes),
                size(row.at_peak_bytes),
                size(row.on_chip_peak_bytes),
            )
            for row in memory.classes
        )
    columns = (
        Column("operand class", _WORDS),
        Column("own peak"),
        Column("at the peak of all"),
        Column("peak on chip"),
    )
    return Table("memory-table", "Live bytes by operand class", columns, tuple(rows))


def traffic_table(report: Report) -> Table:
    """Bytes by memory and operand class."""
    found: dict[tuple[str, str], list[int]] = {}
    for task in report.tasks:
        for row in task.traffic:
            entry = found.setdefault((row.level, row.operand), [0, 0])
            entry[0] += row.read_bytes
            entry[1] += row.write_bytes
    rows = tuple(
        (text(level), text(operand.replace("_", " ")), size(read), size(written), size(read + written))
        for (level, operand), (read, written) in found.items()
    )
    columns = (Column("memory", _WORDS), Column("operand class", _WORDS), *map(Column, ("read", "written", "both")))
    return Table("traffic-table", "Bytes read and written, by memory and operand class", columns, rows)


def rates_table(report: Report) -> Table:
    """Shares of elements that are not zero."""
    rows = []
    for name, value in report.activity.rates.items():
        layer, _, what = name.rpartition(".")
        rows.append((text(layer), text(what.replace("_", " ")), Cell(f"{value * 100:.2f}%", value)))
    synthetic = " (synthetic)" if report.activity.synthetic else ""
    columns = (Column("layer", _WORDS), Column("what", _WORDS), Column("not zero"))
    return Table("rates-table", f"Densities of spikes, masks and gradients{synthetic}", columns, tuple(rows))


def parallel_table(report: Report) -> Table:
    """How layers of parallel units run, and what would be fastest."""
    rows = tuple(
        (
            text(row.layer),
            text(row.pass_),
            text(row.unit),
            text(option_text(row.chosen)),
            whole(row.chosen.cycles),
            whole(row.chosen.overlapped_cycles),
            text(option_text(row.fastest)),
            whole(row.fastest.cycles),
            whole(row.crossover_timesteps),
            whole(row.crossover_overlapped_timesteps),
        )
        for row in report.parallel_units
    )
    columns = (
        *(Column(name, _WORDS) for name in ("layer", "pass", "unit", "runs as")),
        *map(Column, ("cycles", "overlapped")),
        Column("fastest", _WORDS),
        *(
            Column("its cycles"),
            Column("T*", hint="smallest T from which products are slower"),
            Column("T*, overlapped"),
        ),
    )
    return Table("parallel-table", "Parallel units: closed forms, nothing late", columns, rows)


def gpu_table(report: Report) -> Table:
    """GPU models for the same step."""
    rows = tuple(
        (
            text(row.gpu),
            text(row.column),
            text(row.precision),
            whole(row.kernels),
            Cell(f"{row.time_ns / 1e3:,.4g} µs", row.time_ns),
            Cell(f"{row.average_power_w:.3g} W", row.average_power_w),
            energy(row.energy_pj),
            ratio(row.speedup),
            ratio(row.energy_ratio),
            ratio(row.area_ratio),
        )
        for row in report.gpu_baselines
    )
    words = tuple(Column(name, _WORDS) for name in ("GPU", "column", "precision"))
    numbers = ("kernels", "time", "average power", "energy", "speed-up", "energy ratio", "area ratio")
    caption = "GPUs for the same training step: a model, not a measurement; ratios are GPU over machine"
    return Table("gpu-table", caption, (*words, *map(Column, numbers)), rows)
