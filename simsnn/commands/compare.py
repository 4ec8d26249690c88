"""``simsnn compare``: stored runs side by side, and what their configurations have different."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simsnn.commands.compare_waterfall import waterfall_table
from simsnn.config.loader import read_yaml
from simsnn.results.compare import ComparedRun, Difference, RunComparison, Scalar, compare
from simsnn.results.prefix import mm2, percent, si
from simsnn.results.report import Report
from simsnn.results.store import CONFIG, find_run
from simsnn.results.waterfall import Waterfall, waterfall

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_PJ = 1e-12
_LABEL, _COLUMN = 24, 18
"""Characters of the names of the metrics, and of a run's column."""
_PACES = {True: "those once settled", False: "a guess from a short run", None: "a mean over the run"}
"""What cycles per iteration without an exact period are, by ``settled``."""
_MOST_DIFFERENCES = 4
"""Rows of one section of the configuration; what is behind them is counted."""


@dataclass(frozen=True, slots=True)
class _Row:
    """A metric as it is shown; without a ratio where one would say nothing."""

    metric: str
    label: str
    write: Callable[[float], str]
    ratio: bool = True


_ROWS = (
    _Row("total_cycles", "total cycles", lambda value: si(value)),
    _Row("cycles_per_iteration", "cycles per iteration", lambda value: si(round(value))),
    _Row("samples_per_s", "samples/s", lambda value: si(value, digits=3)),
    _Row("energy_per_sample_pj", "energy per sample", lambda value: si(value * _PJ, "J")),
    _Row("total_energy_pj", "total energy", lambda value: si(value * _PJ, "J")),
    _Row("distance", "over the lower bound", lambda value: f"x{value:.3f}", ratio=False),
    _Row("processor_count", "processors", lambda value: str(int(value)), ratio=False),
    _Row("utilisation", "arrays used", percent),
    _Row("bubble_share", "bubbles", percent),
    _Row("dram_bytes", "DRAM", lambda value: si(value, "B", 3)),
    _Row("link_bytes", "links", lambda value: si(value, "B", 3)),
    _Row("link_bytes_per_iteration", "links, per iteration", lambda value: si(round(value), "B", 3)),
    _Row("overhead_share", "communication overhead", lambda value: f"{value * 100:.3g}%", ratio=False),
    _Row("peak_live_bytes", "peak live tensors", lambda value: si(value, "B", 3)),
    _Row("peak_on_chip_bytes", "peak on chip", lambda value: si(value, "B", 3)),
    _Row("node_peak_bytes", "peak kept by neurons", lambda value: si(value, "B", 3)),
    _Row("peak_memory_bytes", "peak in local memories", lambda value: si(value, "B", 3)),
    _Row("peak_stash_bytes", "peak stash", lambda value: si(value, "B", 3)),
    _Row("weight_versions", "weight versions", lambda value: str(int(value)), ratio=False),
    _Row("area_um2", "area", mm2),
    _Row("accuracy", "accuracy", lambda value: f"{value * 100:.1f}%", ratio=False),
)


@dataclass(frozen=True, slots=True)
class ComparedRuns:
    """Stored runs held against the first: numbers and configurations, and where cycles and energy went."""

    reports: tuple[Report, ...]
    numbers: RunComparison
    waterfalls: tuple[Waterfall, ...]

    def to_json(self) -> dict[str, Any]:
        """The document of ``--json``: the comparison with ``waterfalls``, from the first run to each of the others."""
        found = [one.model_dump(mode="json", by_alias=True) for one in self.waterfalls]
        return {**self.numbers.model_dump(mode="json"), "waterfalls": found}

    def write_figures(self, folder: Path, format_: str) -> tuple[Path, ...]:
        """Draw ratios and waterfalls into a folder and return the files."""
        from simsnn.viz.named import write_figures
        from simsnn.viz.run_comparison import figures_of_comparison

        return write_figures(figures_of_comparison(self.numbers, self.waterfalls, self.reports), folder, format_)


def compare_stored(names: list[str], root: Path) -> ComparedRuns:
    """Compare stored runs, each a folder, an id or ``latest``, with where cycles and energy went.

    Raises
    ------
    ConfigError
        For a run that is not there, or fewer than two.
    """
    runs = [find_run(name, root) for name in names]
    reports = tuple(run.report for run in runs)
    numbers = compare(reports, [read_yaml(run.folder / CONFIG).tree for run in runs])
    return ComparedRuns(reports, numbers, tuple(waterfall(reports[0], other) for other in reports[1:]))


def compare_runs(names: list[str], root: Path) -> RunComparison:
    """Numbers and configurations of stored runs alone; see :func:`compare_stored`."""
    return compare_stored(names, root).numbers


def print_compared(found: ComparedRuns, console: Console) -> None:
    """Everything that is compared; the waterfall of two runs, of more where it is to be had."""
    print_comparison(found.numbers, console)
    if len(found.waterfalls) == 1:
        console.print()
        console.print(waterfall_table(found.waterfalls[0]))
    else:
        console.print(f"where it went from 1 to each of the {len(found.waterfalls)} others: see --json or -o DIR")


def print_comparison(found: RunComparison, console: Console) -> None:
    """Runs, their numbers with the ratio to the first, and what differs; wide comparisons in several blocks."""
    from simsnn.results.terminal import widen

    widen(console)
    for number, run in enumerate(found.runs, start=1):
        schedule = f", schedule {run.schedule}" if run.schedule else ""
        console.print(
            f"{number}  {run.name}  {run.id}  level {run.level}{schedule}, {_activity(run)}",
            highlight=False,
            markup=False,
        )
    blocks = tuple(_blocks(len(found.runs), max(1, (console.width - _LABEL) // _COLUMN - 1)))
    for block in blocks:
        console.print(_numbers(found, block))
    for note in _notes(found):
        console.print(note, style="yellow", highlight=False)
    if not found.differences:
        console.print("the configurations are the same", highlight=False)
        return
    for block in blocks:
        console.print(_differences(found, block))


def _activity(run: ComparedRun) -> str:
    if run.synthetic:
        return "synthetic activity"
    return "activity none" if run.activity == "none" else "real activity"


def _blocks(runs: int, width: int) -> Iterator[tuple[int, ...]]:
    """Runs of every table: the first, and ``width`` others."""
    for start in range(1, runs, width):
        yield (0, *range(start, min(start + width, runs)))


def _numbers(found: RunComparison, block: tuple[int, ...]) -> Table:
    """A metric a row, a run a column; metrics that no run has are left out."""
    table = _table()
    table.add_column("", no_wrap=True)
    for number in block:
        table.add_column(str(number + 1), justify="right", no_wrap=True)
    for row in _ROWS:
        if any(getattr(run.metrics, row.metric) is not None for run in found.runs):
            table.add_row(row.label, *(_cell(found.runs[number], row, number > 0) for number in block))
    return table


def _cell(run: ComparedRun, row: _Row, other: bool) -> str:
    value, ratio = getattr(run.metrics, row.metric), run.ratios.get(row.metric)
    if value is None:
        return "-"
    guess = "guess " if row.metric == "cycles_per_iteration" and run.metrics.settled is False else ""
    behind = f"  {_times(ratio)}" if other and row.ratio and ratio is not None else ""
    return f"{guess}{row.write(value)}{behind}"


def _times(ratio: float) -> str:
    return f"x{ratio:.3f}" if ratio < 10 else f"x{si(ratio, digits=3)}"


def _notes(found: RunComparison) -> tuple[str, ...]:
    """What makes a comparison mean less than it looks."""
    first, notes = found.runs[0], []
    if any(run.level != first.level for run in found.runs):
        notes.append("the runs were simulated at different levels")
    others = sorted({_activity(run) for run in found.runs} - {_activity(first)})
    if others:
        notes.append(f"{' and '.join(others)} is held against {_activity(first)}")
    for number, run in enumerate(found.runs, start=1):
        if run.metrics.period_is_exact is False:
            notes.append(f"{number} has no exact period: its cycles per iteration are {_PACES[run.metrics.settled]}")
    return tuple(notes)


def _differences(found: RunComparison, block: tuple[int, ...]) -> Table:
    """Dotted places with a value per run, section by section, long values cut."""
    from rich.text import Text  # brackets of a list are no markup

    table = _table()
    table.add_column("configuration", no_wrap=True, overflow="ellipsis", min_width=_LABEL)
    for number in block:
        table.add_column(str(number + 1), no_wrap=True, overflow="ellipsis")
    sections: dict[str, list[Difference]] = {}
    for difference in found.differences:
        sections.setdefault(_section(difference), []).append(difference)
    for section, rows in sections.items():
        for difference in rows[:_MOST_DIFFERENCES]:
            table.add_row(difference.path, *(Text(_text(difference.values[number])) for number in block))
        if len(rows) > _MOST_DIFFERENCES:
            table.add_row(f"{section}: {len(rows) - _MOST_DIFFERENCES} more, see --json")
    return table


def _section(difference: Difference) -> str:
    """First word of the path, two of what is inside ``hardware``."""
    words = difference.path.split(".")
    return ".".join(words[: 2 if words[0] == "hardware" else 1])


def _text(value: Scalar) -> str:
    if value is None:
        return "-"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _table() -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    return Table(box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
