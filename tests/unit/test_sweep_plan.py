"""Plans: what a sweep file says is checked before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from simsnn.errors import ConfigError
from simsnn.sweep.plan import load_plan
from tests.sweep_files import AXES, BASE, HEAD, plan_of, sweep_file


def test_the_shipped_sweep_loads_by_name() -> None:
    plan = load_plan("array_size")
    assert len(plan.points) == 28
    assert plan.first.simulation.level == "critical_path"


def test_set_and_overrides_act_on_the_base(tmp_path: Path) -> None:
    path = sweep_file(tmp_path, more="set: {network.layers.0.k: 9, hardware.srams.0.size: 1 MiB}\n")
    experiment = load_plan(path, ("network.layers.0.m=5",)).first
    assert (experiment.network.layers[0].k, experiment.network.layers[0].m) == (9, 5)
    assert experiment.hardware.srams[0].size == 2**20


@pytest.mark.parametrize(
    ("axes", "more", "said", "line"),
    [
        (AXES, "where: 'rowz > 3'\n", "unknown name 'rowz'", 7),
        (AXES, "objectives: [{metric: total_cycle}]\n", "unknown metric 'total_cycle'", 7),
        (AXES, "objectives: [{metric: time_ns}, {metric: time_ns}]\n", "stands twice", 7),
        (AXES, "objectives: [{metric: time_ns, goal: least}]\n", "'least' is not allowed", 7),
        (AXES, "sampling: {kind: grit}\n", "unknown kind 'grit'", 7),
        (AXES, "sampling: {kind: random}\n", "missing key 'points'", 7),
        (AXES, "set: {hardware.arrays.0.rows: 3}\n", "has no effect", 7),
        (AXES, "set: {hardware.arrays.7.kind: 3}\n", "there is nothing at", 7),
        (AXES, "colour: red\n", "unknown key 'colour'", 7),
        (AXES.replace("0.rows", "0.rowz"), "", "unknown key 'rowz'", 5),
        (AXES.replace("arrays.0.rows", "arrays.4.rows"), "", "there is nothing at hardware.arrays.4", 5),
        (AXES.replace("hardware.arrays.0.rows", "hardware.clock.rows"), "", "there is nothing below hardware.clock", 5),
        (AXES.replace("hardware.arrays.0.rows", "hardwear.rows"), "", "unknown key 'hardwear'", 5),
        ("axes: []\n", "", "the list is empty", 4),
        ("axes: 3\n", "", "not a list", 4),
        ("", "", "missing key 'axes'", None),
    ],
)
def test_a_slip_in_the_file_is_said_with_its_line(
    tmp_path: Path, axes: str, more: str, said: str, line: int | None
) -> None:
    with pytest.raises(ConfigError) as caught:
        plan_of(tmp_path, axes, more)
    assert said in caught.value.message
    assert caught.value.where.file == str(tmp_path / "sweep.yaml")
    assert line is None or caught.value.where.line == line


def test_an_override_of_an_axis_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="what the axis 'rows' changes"):
        load_plan(sweep_file(tmp_path), ("hardware.arrays.0.rows=3",))


def test_a_base_that_does_not_exist_is_said_in_the_sweep(tmp_path: Path) -> None:
    path = sweep_file(tmp_path)
    path.write_text(path.read_text().replace("base.yaml", "bass.yaml"))
    with pytest.raises(ConfigError, match="no such file") as caught:
        load_plan(path)
    assert (caught.value.where.file, caught.value.where.line, caught.value.nearest) == (str(path), 3, "base.yaml")


def test_a_wrong_base_is_said_in_the_base(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown key 'colour'") as caught:
        plan_of(tmp_path, base=BASE + "colour: red\n")
    assert caught.value.where.file == str(tmp_path / "base.yaml")


def test_an_experiment_is_not_a_sweep(tmp_path: Path) -> None:
    path = sweep_file(tmp_path)
    with pytest.raises(ConfigError, match="this is a simsnn/experiment/1 file"):
        load_plan(path.parent / "base.yaml")


def test_a_first_value_that_is_refused_does_not_stop_the_sweep(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, AXES.replace("[8, 16, 32]", "[0, 8]"))
    assert len(plan.points) == 4
    assert plan.info(4).base == "product"


def test_a_shipped_base_can_be_named(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(HEAD.replace("base.yaml", "quickstart") + AXES)
    assert load_plan(path).first.name == "quickstart"
    path.write_text(HEAD.replace("base.yaml", "quickstar") + AXES)
    with pytest.raises(ConfigError) as caught:
        load_plan(path)
    assert caught.value.nearest == "quickstart"
