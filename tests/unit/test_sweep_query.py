"""Questions to a table, and the files that answers become."""

from __future__ import annotations

from pathlib import Path

import pytest

from simsnn.commands.query import write_answer
from simsnn.errors import ConfigError
from simsnn.results.sweep_table import PointStatus, SweepRow, SweepTable
from simsnn.sweep.query import ask
from tests.sweep_files import metrics

TABLE = SweepTable(
    ("rows", "buffer"),
    (
        SweepRow(0, "a", (8, "64 KiB"), PointStatus.OK, "", metrics(30, 3.0)),
        SweepRow(1, "b", (16, "128 KiB"), PointStatus.OK, "", metrics(20, 4.0), True),
        SweepRow(2, "c", (16, "64 KiB"), PointStatus.REFUSED, "no"),
        SweepRow(3, "d", (32, "1 MiB"), PointStatus.OK, "", metrics(10, 5.0, 0.9), True),
    ),
)


def points(*args: object, **options: object) -> list[object]:
    return [record["point"] for record in ask(TABLE, *args, columns=("point",), **options).records()]  # type: ignore[arg-type]


def test_conditions_choose_rows() -> None:
    assert points() == [0, 1, 2, 3]
    assert points("rows == 16 and total_cycles < 25") == [1]
    assert points("buffer >= '128 KiB'") == [1, 3]
    assert points("pareto == 1") == [1, 3]
    assert points("status == 'refused'") == [2]
    assert points("accuracy > 0") == [3]


def test_sorting_puts_the_unknown_last_and_quantities_by_value() -> None:
    assert points(None, ("total_cycles",)) == [3, 1, 0, 2]
    assert points(None, ("total_cycles",), True) == [0, 1, 3, 2]
    assert points(None, ("buffer", "rows")) == [0, 2, 1, 3]
    assert points(None, ("rows",), True, limit=2) == [3, 1]


@pytest.mark.parametrize("options", [{"sort": ("cycles",)}, {"columns": ("cycles",)}])
def test_an_unknown_column_brings_the_nearest(options: dict[str, tuple[str, ...]]) -> None:
    with pytest.raises(ConfigError, match="no column 'cycles'") as caught:
        ask(TABLE, **options)  # type: ignore[arg-type]
    assert caught.value.nearest == "total_cycles"


def test_answers_become_files(tmp_path: Path) -> None:
    answer = ask(TABLE, columns=("rows", "buffer", "total_energy_pj", "accuracy"))
    write_answer(answer, tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text().splitlines()[1:3] == ["8,64 KiB,3.0,", "16,128 KiB,4.0,"]
    parquet = pytest.importorskip("pyarrow.parquet")
    write_answer(answer, tmp_path / "a.parquet")
    assert parquet.read_table(tmp_path / "a.parquet").to_pylist() == answer.records()
    with pytest.raises(ConfigError, match="unknown ending"):
        write_answer(answer, tmp_path / "a.xlsx")
    assert {path.name for path in tmp_path.iterdir()} == {"a.csv", "a.parquet"}
