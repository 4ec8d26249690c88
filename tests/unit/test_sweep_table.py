"""The table of a sweep: written and read back, exactly; folders found again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from simsnn import api
from simsnn.errors import ConfigError
from simsnn.results.sweep_store import INFO, POINTS, find_sweep, read_sweep, sweep_folders
from simsnn.results.sweep_table import METRICS, PointMetrics, PointStatus, SweepRow, SweepTable, info_from_json
from simsnn.sweep.runner import SweepOptions, run_sweep
from tests.sweep_files import metrics, plan_of, row


def stored(folder: Path, name: str = "small") -> Path:
    plan = plan_of(folder / "files")
    return run_sweep(plan, folder / name, SweepOptions("serial")).folder


def test_metrics_are_the_totals_of_the_report(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    report = api.simulate(plan.first).report
    found = PointMetrics.of(report)
    for name in METRICS:
        if name != "accuracy":
            assert getattr(found, name) == getattr(report.totals, name)


def test_a_table_survives_its_file(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    rows = (
        row(0, 10, 0.1 + 0.2, (8, 4)),
        SweepRow(1, "b" * 16, (8, 8), PointStatus.REFUSED, 'too small, "by" 3 B'),
        SweepRow(3, "c" * 16, (16, 4), PointStatus.OK, "", metrics(3, 1e-30, 0.5), True),
        SweepRow(4, "d" * 16, (16, 8), PointStatus.FAILED, "ValueError: x"),
    )
    table = SweepTable(("rows", "columns"), rows)
    assert SweepTable.from_csv(table.to_csv(), plan.info(6).axes) == table
    assert [record["point"] for record in table.records()] == [0, 1, 3, 4]
    assert table.column("total_energy_pj") == (0.1 + 0.2, None, 1e-30, None)
    with pytest.raises(KeyError):
        table.column("nothing")


def test_a_stored_sweep_is_found_by_folder_name_and_time(tmp_path: Path) -> None:
    one, two = stored(tmp_path, "one"), stored(tmp_path, "two")
    os.utime(one / POINTS, ns=(2 * 10**18, 2 * 10**18))
    assert sweep_folders(tmp_path) == (one, two)
    for name, expected in ((str(two), two), ("two", two), ("latest", one)):
        assert find_sweep(name, tmp_path).folder == expected
    with pytest.raises(ConfigError, match="no sweep 'tow'") as caught:
        find_sweep("tow", tmp_path)
    assert caught.value.nearest == "two"


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        (POINTS, "point,id\n0,a\n", "not a row of this sweep"),
        (POINTS, "\xff", "not text"),
        (INFO, "{}", "not a sweep of this version"),
        (INFO, "{", "not a sweep of this version"),
    ],
)
def test_a_damaged_sweep_is_one_clear_error(tmp_path: Path, file: str, text: str, said: str) -> None:
    folder = stored(tmp_path)
    (folder / file).write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match=said):
        read_sweep(folder)


def test_what_is_no_sweep_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not a sweep folder"):
        read_sweep(tmp_path)
    with pytest.raises(ConfigError, match="not a sweep of this version"):
        info_from_json('{"name": 3}', "sweep.json")
