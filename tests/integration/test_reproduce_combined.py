"""The combined grid: stored results are those of the shipped experiments, and a few cells run as stored."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from simsnn.config.dump import to_yaml
from simsnn.reproduction.combined import grid_table
from simsnn.reproduction.combined_cells import MACHINES, NEURONS, SCHEDULES, GridCell, Measured, cell_experiment
from simsnn.reproduction.outcome import Standing

ROOT = Path(__file__).resolve().parents[2]
STORED = ROOT / "results" / "combined"


def rows() -> list[dict[str, str]]:
    with (STORED / "grid.csv").open() as file:
        return list(csv.DictReader(file))


def test_the_stored_grid_has_every_cell_and_a_reason_for_every_refusal() -> None:
    found = rows()
    want = [(n.name, m.name, s) for m in MACHINES for n in NEURONS for s in SCHEDULES]
    assert [(row["neuron"], row["machine"], row["schedule"]) for row in found] == want
    refused = [row for row in found if row["status"] == "refused"]
    assert {(row["neuron"], row["machine"]) for row in refused} == {("reversible", "h2learn")}
    assert all("a LUT is addressed by bits" in row["reason"] for row in refused)
    assert all(float(row["cycles_per_step"]) > 0 and not row["reason"] for row in found if row not in refused)


@pytest.mark.parametrize("machine", MACHINES, ids=lambda m: m.name)
@pytest.mark.parametrize("neuron", NEURONS, ids=lambda n: n.name)
def test_stored_experiments_are_those_of_the_cells(machine: object, neuron: object) -> None:
    for schedule in SCHEDULES:
        experiment = cell_experiment(neuron, machine, schedule)  # type: ignore[arg-type]
        assert (STORED / "configs" / f"{experiment.name}.yaml").read_text() == to_yaml(experiment)


def test_a_table_row_has_as_many_entries_as_columns_refused_or_not() -> None:
    measured = Measured(1.0, "exact", 2.0, 3, 4, 5, 6, 7.0, 8.0, 9, None, "x")
    cells = (
        GridCell(NEURONS[0], MACHINES[0], SCHEDULES[0], measured),
        GridCell(NEURONS[1], MACHINES[1], SCHEDULES[0], None, "why not"),
    )
    table = grid_table(cells)
    assert [len(row) for row in table.rows] == [len(table.columns)] * 2
    assert table.rows[1][-1] == "why not"


def test_checks_say_what_they_rest_on() -> None:
    import json

    checks = json.loads((STORED / "checks.json").read_text())["checks"]
    assert all(check["pass"] for check in checks)
    assert [check["id"] for check in checks if check["status"] == Standing.EXACT.value] == [
        "exact.refused_cells",
        "exact.one_activity_per_neuron",
    ]


PAGE_ROW = re.compile(
    r"^\| ([a-z ]+) \| (\w+) \| `(\w+)` \| (refused|[\d,]+) \| ([\d.]*) ?\| ([\d.]*) ?\| ([\d.]*) ?\| ([\d.]*) ?\|$",
    re.MULTILINE,
)
MEGA = {"energy_per_sample_pj": 5, "peak_memory_bytes": 6, "node_peak_bytes": 7, "link_bytes_per_step": 8}


def test_the_page_tells_every_cell_as_it_is_stored() -> None:
    told = [match.groups() for match in PAGE_ROW.finditer((ROOT / "docs" / "combined.md").read_text())]
    stored = rows()
    assert [cells[:3] for cells in told] == [(r["neuron"], r["machine"], r["schedule"]) for r in stored]
    for cells, row in zip(told, stored, strict=True):
        if row["status"] == "refused":
            assert cells[3] == "refused"
            continue
        assert int(cells[3].replace(",", "")) == pytest.approx(float(row["cycles_per_step"]), abs=0.51)
        for name, place in MEGA.items():
            assert float(cells[place - 1]) == pytest.approx(float(row[name]) / 1e6, abs=0.0501)
