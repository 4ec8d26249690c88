"""docs/data_dictionary.md names every column and key that the code writes, and none that it does not."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pydantic import BaseModel

import simsnn
from simsnn.api import Result
from simsnn.importers.npz import TraceMeta, write_trace
from simsnn.results.report import Report
from simsnn.results.sweep_table import METRICS, AxisInfo, SweepInfo, SweepTable
from simsnn.results.write import write_run
from simsnn.sweep.log import SweepLog
from simsnn.sweep.summary import summary_of
from simsnn.sweep.write import _timing
from simsnn.workload.activity import ChainPoint

PAGE = Path(__file__).resolve().parents[2] / "docs" / "data_dictionary.md"
RATES = "rate: 0.1, temporal_correlation: 0.0, spatial_correlation: 0.0, mask_density: 0.5, gradient_density: 0.5"
SYNTHETIC = f"activity={{kind: synthetic, {RATES}}}"


def section(title: str) -> str:
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    assert found, f"no section {title}"
    return found[1]


def names(text: str) -> list[str]:
    """Names in the first column of a section's tables."""
    rows = re.findall(r"^\| (`[^|]+) \|", text, re.M)
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row)]


def listed(title: str) -> set[str]:
    found = names(section(title))
    assert len(found) == len(set(found)), f"{title} names something twice"
    return set(found)


def keys(model: type[BaseModel], before: str = "") -> Iterator[str]:
    """Dotted keys of a model as JSON has them, ``[]`` for an entry of a list."""
    for name, field in model.model_fields.items():
        key = before + (field.alias or name)
        yield key
        for inner in models(field.annotation):
            yield from keys(inner, key + ("[]." if "tuple[" in str(field.annotation) else "."))


def models(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from models(argument)


def assert_keys(title: str, model: type[BaseModel], text: str | None = None) -> None:
    """Every key has a row; ``x.*`` stands for the keys of the section that its row names, which are the same."""
    wanted, text = set(keys(model)), section(title) if text is None else text
    told = set(names(text))
    for row, target in re.findall(r"^\| `([^`]+)\.\*` \| \| the keys of `([^`]+)\.\*` \|$", text, re.M):
        theirs = {key.removeprefix(f"{target}.") for key in wanted if key.startswith(f"{target}.")}
        ours = {key.removeprefix(f"{row}.") for key in wanted if key.startswith(f"{row}.")}
        assert ours == theirs, f"{row} has other keys than {target}"
        told = (told - {f"{row}.*"}) | {f"{row}.{key}" for key in ours}
    assert wanted - told == set(), f"{title}: no entry for {sorted(wanted - told)}"
    assert told - wanted == set(), f"{title}: entries of what is not there: {sorted(told - wanted)}"


def header(text: str) -> set[str]:
    return set(text.splitlines()[0].split(","))


@pytest.fixture(scope="module")
def result() -> Result:
    return simsnn.simulate("quickstart", (SYNTHETIC, "workload.batch=2", "network.preset=digits_mlp"))


def test_points() -> None:
    assert listed("points.csv") - {"AXIS"} == header(SweepTable((), ()).to_csv())


def test_summary() -> None:
    axes = (AxisInfo(name="seed", paths=("seed",), values=(0, 1), seed=True),)
    summary = summary_of(SweepTable(("seed",), ()), axes)
    assert summary is not None
    found = header(summary.to_csv())
    assert listed("summary.csv") - {"AXIS"} == found
    assert set(METRICS) < found


def test_timing() -> None:
    assert listed("timing.csv") == header(_timing(()))


def test_log(tmp_path: Path) -> None:
    with SweepLog(tmp_path / "log.sqlite"):
        pass
    rows = sqlite3.connect(tmp_path / "log.sqlite").execute("pragma table_info(points)")
    assert listed("sweep.sqlite") == {row[1] for row in rows}


def test_layers(result: Result) -> None:
    assert listed("layers.csv") == header(result.report.to_csv())


def test_report_and_sweep_and_meta() -> None:
    assert_keys("report.json", Report)
    assert_keys("sweep.json", SweepInfo)
    _, _, meta = section("Trace of activity").partition("\n`meta`:\n")
    assert_keys("meta", TraceMeta, meta)


def test_a_key_without_an_entry_is_noticed() -> None:
    text = section("report.json")
    with pytest.raises(AssertionError, match=r"no entry for \['totals\.samples'\]"):
        assert_keys("report.json", Report, re.sub(r"^\| `totals\.samples` .*\n", "", text, flags=re.M))
    with pytest.raises(AssertionError, match=r"not there: \['totals\.sample'\]"):
        assert_keys("report.json", Report, f"{text}\n| `totals.sample` | x | x |\n")
    with pytest.raises(AssertionError, match="other keys"):
        assert_keys("report.json", Report, text.replace("keys of `memory.*`", "keys of `totals.*`"))


def test_files_of_a_run(result: Result, tmp_path: Path) -> None:
    folder = write_run(result, tmp_path)
    with np.load(folder / "memory.npz", allow_pickle=False) as file:
        assert listed("memory.npz") == set(file.files)
    timing = (folder / "timing.json").read_text(encoding="utf-8")
    assert listed("timing.json") == set(re.findall(r'"(\w+)":', timing))


def test_trace_of_activity(result: Result, tmp_path: Path) -> None:
    """Keys that a written trace has are listed; those listed are written, or are one point of the chain each."""
    activity = result.activity.activity
    assert activity is not None
    write_trace(tmp_path / "trace.npz", activity, "lif", "triangle")
    with np.load(tmp_path / "trace.npz", allow_pickle=False) as file:
        written = {re.sub(r"^layer\d+_", "layer{i}_", name) for name in file.files}
    table = set(names(section("Trace of activity").partition("\n`meta`:\n")[0]))
    assert written <= table, sorted(written - table)
    assert {"schema", "meta", "layer{i}_shape", "layer{i}_spikes_packed", "layer{i}_mask_packed"} <= written
    from simsnn.importers import npz

    known = set(re.findall(r"``(layer\{i\}_\w+)``", npz.__doc__ or ""))
    points = {f"layer{{i}}_gradient_{point}_packed" for point in ChainPoint}
    assert table == {"schema", "meta"} | known | points


def test_every_entry_says_something() -> None:
    for row in re.findall(r"^\| `.*$", PAGE.read_text(encoding="utf-8"), re.M):
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert len(cells) == 3, row
        assert len(cells[2]) >= 4, row
