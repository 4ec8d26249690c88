"""Composition: a point's experiment is the one that the whole document gives, and nothing leaks between points."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

from simsnn.config.experiment import ExperimentConfig
from simsnn.config.resolve import build, canonical, load_document
from simsnn.errors import ConfigError
from simsnn.sweep.composition import Composer
from simsnn.sweep.identity import PointIds, versions
from simsnn.sweep.plan import SweepPlan, load_plan
from simsnn.sweep.points import Choice
from tests.sweep_files import AXES, BASE, plan_of, sweep_file

WIDE = """\
axes:
  - {name: rows, path: hardware.arrays.0.rows, values: [8, 16]}
  - name: buffer
    zip: [{path: hardware.srams.1.size, values: [32 KiB, 64 KiB]}, {path: hardware.srams.1.banks, values: [4, 8]}]
  - {name: flow, paths: [mapping.F.dataflow], values: [ws, os]}
  - {name: level, path: simulation.level, values: [closed_form, critical_path]}
  - {name: machine, path: hardware.preset, values: [ws32]}
"""


def test_an_experiment_has_no_rule_across_its_sections() -> None:
    assert not ExperimentConfig.__pydantic_decorators__.model_validators.keys() - {"_refuse_unknown_keys"}
    assert not ExperimentConfig.__pydantic_decorators__.field_validators


def test_a_point_is_the_experiment_of_its_whole_document(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, WIDE)
    composer = Composer(plan.base, plan.axes)
    assert len(plan.points) == 16
    for point in plan.points:
        found = composer.compose(point.choice)
        whole = build(ExperimentConfig, Composer(plan.base, plan.axes).document(point.choice))
        assert found == whole
        assert canonical(found) == canonical(whole)


def test_a_point_is_the_experiment_that_set_gives(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    for point in plan.points:
        rows, columns = plan.space.labels(point.choice)
        sets = (f"hardware.arrays.0.rows={rows}", f"hardware.arrays.0.columns={columns}")
        expected = build(ExperimentConfig, load_document(tmp_path / "base.yaml", sets))
        assert Composer(plan.base, plan.axes).compose(point.choice) == expected


def test_the_base_stays_as_it_is(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, WIDE)
    before = copy.deepcopy(plan.base.tree), dict(plan.base.places)
    composer = Composer(plan.base, plan.axes)
    for point in plan.points:
        composer.compose(point.choice)
        composer.document(point.choice)
    assert (plan.base.tree, plan.base.places) == before


def test_a_value_inside_a_section_that_another_axis_replaces_comes_after_it(tmp_path: Path) -> None:
    axes = (
        AXES + "  - {name: k, path: network.layers.0.k, values: [7]}\n  - {name: n, path: network, files: [n.yaml]}\n"
    )
    sweep_file(tmp_path, axes)
    (tmp_path / "n.yaml").write_text("layers: [{name: g0, kind: gemm, m: 5, k: 3, n: 2}]\n")
    layer = plan_of(tmp_path, axes).first.network.layers[0]
    assert (layer.m, layer.k, layer.n) == (5, 7, 2)


def test_a_refused_value_is_placed_in_the_sweep_file(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, AXES.replace("[8, 16, 32]", "[8, -3]"))
    with pytest.raises(ConfigError) as caught:
        Composer(plan.base, plan.axes).compose((1, 0))
    where = caught.value.where
    assert (where.path, where.file, where.line) == ("hardware.arrays.0.rows", str(tmp_path / "sweep.yaml"), 5)


def test_file_names_are_found_from_the_file_that_says_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    sweep_file(Path("here"), base=BASE + "activity: {kind: file, file: ../traces/a.npz}\n")
    Path("traces").mkdir()
    for name in "ab":
        Path(f"traces/{name}.npz").write_bytes(name.encode())
    plan = load_plan("here/sweep.yaml", ("hardware.preset=ws32",))
    assert Path(plan.first.activity.file).samefile("traces/a.npz")  # type: ignore[union-attr]
    axes = AXES + "  - {name: trace, path: activity, files: [../traces/a.npz, ../traces/b.npz]}\n"
    plan = load_plan(sweep_file(Path("here"), axes))
    assert plan.axes[2].labels == ("../traces/a.npz", "../traces/b.npz")
    found = Composer(plan.base, plan.axes).compose((0, 0, 1)).activity
    assert Path(found.file).samefile("traces/b.npz")  # type: ignore[union-attr]


def id_of(plan: SweepPlan, choice: Choice, newer: dict[str, str] | None = None) -> str:
    composer = Composer(plan.base, plan.axes)
    tree = composer.tree(choice)
    return PointIds(versions() | (newer or {})).of(tree, composer.text(tree))


def all_of(plan: SweepPlan) -> list[str]:
    return [id_of(plan, point.choice) for point in plan.points]


def test_the_text_of_a_point_is_the_canonical_json_of_its_tree(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, WIDE)
    composer = Composer(plan.base, plan.axes)
    for point in plan.points:
        tree = composer.tree(point.choice)
        assert composer.text(tree) == json.dumps(tree, sort_keys=True, separators=(",", ":"))
        assert tree == composer.document(point.choice).tree


def test_ids_follow_the_content(tmp_path: Path) -> None:
    plan = plan_of(tmp_path / "one")
    elsewhere = plan_of(tmp_path / "two")
    assert len(set(all_of(plan))) == len(plan.points)
    assert all_of(plan) == all_of(elsewhere)
    changed = plan_of(tmp_path / "three", base=BASE.replace("k: 65", "k: 66"))
    assert not set(all_of(plan)) & set(all_of(changed))
    first = plan.points[0].choice
    assert id_of(plan, first, {"engine.systolic": "999"}) != id_of(plan, first)


def test_the_content_of_a_trace_counts_and_not_its_place(tmp_path: Path) -> None:
    base = BASE + "activity: {kind: file, file: trace.npz}\n"
    found = []
    for name, content in (("a", b"one"), ("b", b"one"), ("c", b"two")):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "trace.npz").write_bytes(content)
        found.append(id_of(plan_of(folder, base=base), (0, 0)))
    assert found[0] == found[1] != found[2]
