"""The tutorial notebook runs, prints what its page shows, and what it prints is what simsnn says."""

from __future__ import annotations

import json
import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import simsnn
from simsnn.results.sweep_store import read_sweep

DOCS = Path(__file__).resolve().parents[2] / "docs"
CHEAP = ("activity=null", "optimizer={kind: adam, learning_rate: 0.01}", "simulation.level=critical_path")
pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")


def writer() -> ModuleType:
    spec = spec_from_file_location("write_tutorial", DOCS / "write_tutorial.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tutorial")


@pytest.fixture(scope="module")
def notebook(folder: Path) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(DOCS.parent))
        return writer().executed(folder)


def texts(notebook: Any) -> list[str]:
    printed = [writer().printed(cell) for cell in notebook.cells if cell.cell_type == "code"]
    return [text for text in printed if text]


def test_the_notebook_is_kept_without_outputs() -> None:
    cells = json.loads((DOCS / "tutorial.ipynb").read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert len(code) >= 6
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)


def test_the_page_shows_what_the_notebook_prints(notebook: Any) -> None:
    text, drawn = writer().page_of(notebook)
    assert text == (DOCS / "tutorial.md").read_text(encoding="utf-8"), "run `make figures`, which writes the page again"
    assert drawn
    for name, picture in drawn.items():
        assert picture[:8] == (DOCS / "figures" / name).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_no_cell_warns_or_fails(notebook: Any) -> None:
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            assert output.output_type != "error"
            assert output.get("name") != "stderr", output["text"]


def test_what_it_prints_is_what_a_run_says(notebook: Any) -> None:
    report = simsnn.simulate("quickstart", CHEAP).report
    first, tasks, energy, arrays, *_ = texts(notebook)
    assert first.startswith(f"{report.totals.total_cycles:,} cycles, {report.totals.time_ns / 1e6:.2f} ms")
    longest = sorted((task.cycles for task in report.tasks), reverse=True)[:5]
    assert [int(cycles.replace(",", "")) for cycles in re.findall(r"([\d,]+) cycles", tasks)] == longest
    dram = sum(task.energy_pj.get("dram0", 0) for task in report.tasks)
    assert re.match(rf"dram0 +{dram / 1e6:.1f} uJ", energy)
    cycles = [int(found.replace(",", "")) for found in re.findall(r"([\d,]+) cycles", arrays)]
    assert cycles[0] > report.totals.total_cycles > cycles[1]  # half the rows, twice the rows


def test_a_dense_machine_runs_the_same_without_training() -> None:
    """What the tutorial and the questions say of `activity=null`."""
    trained = simsnn.simulate("quickstart", ("simulation.level=closed_form",)).report
    without = simsnn.simulate("quickstart", (*CHEAP[:2], "simulation.level=closed_form")).report
    assert trained.activity.accuracy is not None
    assert without.activity.accuracy is None
    assert without.tasks == trained.tasks
    assert without.totals.model_copy(update={"steps_per_epoch": None}) == trained.totals.model_copy(
        update={"steps_per_epoch": None}
    )


def test_its_sweep_is_stored_and_the_front_is_told(notebook: Any, folder: Path) -> None:
    table = read_sweep(folder / "results" / "sweeps" / "sizes").table
    lines = texts(notebook)[4].splitlines()
    assert len(lines) == len(table.done) == 6
    for row, line in zip(table.rows, lines, strict=True):
        assert row.metrics is not None
        assert line.startswith(str(row.values))
        assert f"{row.metrics.total_cycles:,} cycles" in line
        assert line.endswith(", front") is row.pareto
    assert any(row.pareto for row in table.rows)
    assert not all(row.pareto for row in table.rows)


def test_banks_take_the_stalls_away_and_the_unit_costs_memory(notebook: Any) -> None:
    """What the last cell is there to show."""
    cycles = [int(found.replace(",", "")) for found in re.findall(r"([\d,]+) cycles", texts(notebook)[5])]
    lif, psu, lif_banks, psu_banks = cycles
    assert lif_banks < 0.7 * lif
    assert psu_banks < 0.7 * psu
    assert psu > lif
