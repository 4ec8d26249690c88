"""Axes: the values that every form stands for, and one clear message for every slip."""

from __future__ import annotations

from pathlib import Path

import pytest

from simsnn.errors import ConfigError
from tests.sweep_files import plan_of, sweep_file


def labels(folder: Path, form: str) -> tuple[object, ...]:
    plan = plan_of(folder, f"axes:\n  - {{name: a, path: hardware.arrays.0.rows, {form}}}\n")
    return plan.axes[0].labels


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("values: [4, 8]", (4, 8)),
        ("range: [4, 7]", (4, 5, 6, 7)),
        ("range: [4, 12, 4]", (4, 8, 12)),
        ("range: [12, 4, -4]", (12, 8, 4)),
        ("range: [4, 11, 4]", (4, 8)),
        ("log2_range: [8, 128]", (8, 16, 32, 64, 128)),
        ("log2_range: [3, 20]", (3, 6, 12)),
        ("log_range: [1, 1000, 4]", (1, 10, 100, 1000)),
    ],
)
def test_a_form_stands_for_its_values(tmp_path: Path, form: str, expected: tuple[object, ...]) -> None:
    assert labels(tmp_path, form) == expected


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("log2_range: [32 KiB, 128 KiB]", ("32 KiB", "64 KiB", "128 KiB")),
        ("range: [1 KiB, 2 KiB, 0.5 KiB]", ("1 KiB", "1.5 KiB", "2 KiB")),
    ],
)
def test_ranges_keep_their_unit(tmp_path: Path, form: str, expected: tuple[str, ...]) -> None:
    plan = plan_of(tmp_path, f"axes:\n  - {{name: a, path: hardware.srams.0.size, {form}}}\n")
    assert plan.axes[0].labels == expected


def test_fractions_step_without_drift(tmp_path: Path) -> None:
    text = "axes:\n  - {name: a, path: network.layers.0.k, range: [0.1, 0.5, 0.1]}\n"
    assert plan_of(tmp_path, text).axes[0].labels == (0.1, 0.2, 0.3, 0.4, 0.5)


def test_several_paths_take_one_value_and_zipped_ones_their_own(tmp_path: Path) -> None:
    plan = plan_of(
        tmp_path,
        "axes:\n"
        "  - {name: square, paths: [hardware.arrays.0.rows, hardware.arrays.0.columns], values: [4, 8]}\n"
        "  - name: buffer\n"
        "    zip: [{path: hardware.srams.1.size, values: [32 KiB, 64 KiB]},\n"
        "          {path: hardware.srams.1.banks, values: [4, 8]}]\n",
    )
    square, buffer = plan.axes
    assert [[(entry.path[-1], entry.value) for entry in moved] for moved in square.assignments] == [
        [("rows", 4), ("columns", 4)],
        [("rows", 8), ("columns", 8)],
    ]
    assert buffer.labels == ("32 KiB", "64 KiB")
    assert [entry.value for entry in buffer.assignments[1]] == ["64 KiB", 8]


def test_labels_stand_for_values_that_are_sections(tmp_path: Path) -> None:
    sections = "[{engine: array0, dataflow: ws}, {engine: array0, dataflow: os}]"
    axis = f"axes:\n  - {{name: unit, path: mapping.F, values: {sections}"
    assert plan_of(tmp_path / "a", axis + ", labels: [weights, outputs]}\n").axes[0].labels == ("weights", "outputs")
    assert plan_of(tmp_path / "b", axis + "}\n").axes[0].labels[0] == '{"engine":"array0","dataflow":"ws"}'


def test_files_are_an_axis_relative_to_the_sweep(tmp_path: Path) -> None:
    for name, size in (("a.yaml", 8), ("b.yaml", 9)):
        (tmp_path / name).write_text(f"layers: [{{name: g0, kind: gemm, m: {size}, k: 3, n: 3}}]\n")
    plan = plan_of(tmp_path, "axes:\n  - {name: network, path: network, files: [a.yaml, b.yaml]}\n")
    assert plan.axes[0].labels == ("a.yaml", "b.yaml")
    assert plan.first.network.layers[0].m == 8


def test_an_axis_of_seeds_is_known_as_one(tmp_path: Path) -> None:
    plan = plan_of(
        tmp_path,
        "axes:\n  - {name: s, path: seed, values: [0, 1]}\n  - {name: t, path: network.layers.0.k, values: [3]}\n",
    )
    assert [axis.seed for axis in plan.axes] == [True, False]


@pytest.mark.parametrize(
    ("axes", "said"),
    [
        ("{name: a, path: hardware.arrays.0.rows}", "exactly one of values"),
        ("{name: a, path: hardware.arrays.0.rows, values: [1], range: [1, 2]}", "exactly one of values"),
        ("{name: a, values: [1]}", "give path, or paths"),
        ("{name: a, path: seed, paths: [seed], values: [1]}", "give path, or paths"),
        ("{name: a, path: hardware..rows, values: [1]}", "a path is dotted"),
        ("{name: a, path: seed, values: []}", "empty"),
        ("{name: a, path: seed, values: [1, 1]}", "stands twice"),
        ("{name: total_cycles, path: seed, values: [1]}", "column of every sweep"),
        ("{name: a-b, path: seed, values: [1]}", "cannot stand in a condition"),
        ("{name: in, path: seed, values: [1]}", "cannot stand in a condition"),
        ("{name: a, path: seed, range: [5, 1]}", "no step of 1 leads"),
        ("{name: a, path: seed, range: [1, 5, 0]}", "no step of 0 leads"),
        ("{name: a, path: seed, range: [1, 99999999]}", "99,999,999 values"),
        ("{name: a, path: seed, log2_range: [0, 8]}", "logarithmic range"),
        ("{name: a, path: seed, log_range: [1, 8, 1]}", "count of a log_range"),
        ("{name: a, path: seed, log_range: [1, 8, x]}", "count of a log_range"),
        ("{name: a, path: hardware.srams.0.size, range: [1 KiB, 2 MiB]}", "units of the range differ"),
        ("{name: a, path: seed, range: [x, 2]}", "'x' is not a number"),
        ("{name: a, path: seed, files: [base.yaml]}", "does not take files"),
        ("{name: a, path: network, files: [nothing.yaml]}", "no such file"),
        ("{name: a, path: seed, values: [1, 2], labels: [one]}", "1 labels for 2 values"),
        ("{name: a, zip: [{path: seed, values: [1]}, {path: name, values: [a, b]}]}", "1, 2 values"),
        ("{name: a, path: seed, values: [1], colour: red}", "unknown key 'colour'"),
        ("{name: a, paths: [seed, seed], values: [1]}", "set twice"),
    ],
)
def test_a_slip_is_said_with_its_line(tmp_path: Path, axes: str, said: str) -> None:
    path = sweep_file(tmp_path, f"axes:\n  - {axes}\n")
    with pytest.raises(ConfigError) as caught:
        plan_of(tmp_path, f"axes:\n  - {axes}\n")
    assert said in caught.value.message
    assert (caught.value.where.file, caught.value.where.line) in ((str(path), 4), (str(path), 5))


def test_two_axes_must_not_set_one_value(tmp_path: Path) -> None:
    axes = "axes:\n  - {name: a, path: seed, values: [1]}\n  - {name: b, path: seed, values: [2]}\n"
    with pytest.raises(ConfigError, match="set twice"):
        plan_of(tmp_path, axes)
    with pytest.raises(ConfigError, match="two axes are called"):
        plan_of(tmp_path, axes.replace("name: b, path: seed", "name: a, path: name"))
