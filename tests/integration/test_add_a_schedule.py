"""The worked example of docs/add_a_schedule.md: one file and one line, then the validity suite and a run.

Both are laid over the package in a process of its own: a folder with the page's file and a registry with the
page's line stands first on the path of ``simsnn.schedule``.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import pytest

from simsnn.schedule.registry import SCHEDULES, Schedule

ROOT = Path(__file__).resolve().parents[2]
PAGE, REGISTRY = ROOT / "docs" / "add_a_schedule.md", ROOT / "simsnn" / "schedule" / "registry.py"
KIND = "round_robin"
UNION = re.compile(r"^Schedule = \(\n(.*?)^\)$", re.M | re.S)


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)


def members(source: str) -> list[str]:
    found = UNION.search(source)
    assert found is not None
    return found[1].replace("|", " ").split()


@dataclass(frozen=True)
class Extended:
    """A package with the page's schedule in it."""

    plugin: Path

    def python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join((str(self.plugin), str(ROOT)))
        settings = {**os.environ, "PYTHONPATH": path, "COLUMNS": "110"}
        command = [sys.executable, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=settings)

    def tool(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.python("-c", "import with_round_robin, simsnn.cli as c, sys; sys.exit(c.main())", *arguments)


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Extended:
    folder = tmp_path_factory.mktemp("schedule")
    file, line = blocks(PAGE, "python")
    (folder / f"{KIND}.py").write_text(file, encoding="utf-8")
    added, _, union = line.partition("\n\n")
    registry = REGISTRY.read_text(encoding="utf-8")
    first = "from simsnn.schedule.sequential import"
    edited = UNION.sub(lambda _: union.rstrip(), registry.replace(first, f"{added}\n{first}"))
    assert edited != registry
    (folder / "registry.py").write_text(edited, encoding="utf-8")
    plugin = tmp_path_factory.mktemp("plugin")
    text = f"import simsnn.schedule\n\nsimsnn.schedule.__path__.insert(0, {str(folder)!r})\n"
    (plugin / "with_round_robin.py").write_text(text, encoding="utf-8")
    return Extended(plugin)


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("experiment") / "small_pipeline.yaml"
    path.write_text(blocks(ROOT / "docs" / "pipelines.md", "yaml")[0], encoding="utf-8")
    return path


def test_the_page_adds_one_member_to_the_union_that_is_there() -> None:
    here = members(REGISTRY.read_text(encoding="utf-8"))
    assert members(blocks(PAGE, "python")[1]) == [*here, "RoundRobin"]
    assert [model.__name__ for model in get_args(Schedule)] == here
    assert KIND not in SCHEDULES


def test_the_tool_lists_the_kind(extended: Extended) -> None:
    found = extended.tool("list", "schedules", "--json")
    assert found.returncode == 0, found.stderr
    assert KIND in found.stdout


def test_the_validity_suite_covers_the_schedule(extended: Extended) -> None:
    suite = ("-p", "no:cacheprovider", "-p", "no:xdist", "-k", KIND, "tests/property/test_programs.py")
    found = extended.python("-m", "pytest", "-p", "with_round_robin", *suite)
    assert found.returncode == 0, found.stdout[-3000:] + found.stderr[-2000:]
    counted = re.search(r"(\d+) passed", found.stdout)
    assert counted
    assert int(counted[1]) >= 40


def test_the_page_shows_what_a_run_prints(extended: Extended, experiment: Path, tmp_path: Path) -> None:
    found = extended.tool("run", str(experiment), "--set", f"schedule.kind={KIND}", "-o", str(tmp_path))
    assert found.returncode == 0, found.stderr
    printed = [line.rstrip() for line in found.stdout.splitlines()]
    (shown,) = blocks(PAGE, "text")
    for line in shown.splitlines():
        assert line.rstrip() in printed, line
    (report,) = tmp_path.glob("*/report.json")
    pipeline = json.loads(report.read_text(encoding="utf-8"))["pipeline"]
    assert (pipeline["schedule"], pipeline["program"]) == (KIND, KIND)
    places = {(layer["forward"], layer["backward"], layer["gradient"]) for layer in pipeline["layers"]}
    assert len(places) > 1


def test_too_many_processors_are_refused_with_the_pages_words(extended: Extended, experiment: Path) -> None:
    sets = ("--set", f"schedule.kind={KIND}", "--set", "hardware.processors.0.count=16")
    found = extended.tool("run", str(experiment), *sets)
    assert found.returncode == 2
    assert "15 tasks F, B and W" in found.stderr


def test_the_file_keeps_the_projects_style(tmp_path: Path) -> None:
    path = tmp_path / f"{KIND}.py"
    path.write_text(blocks(PAGE, "python")[0], encoding="utf-8")
    for arguments in (("check", "--quiet"), ("format", "--check", "--quiet")):
        command = [sys.executable, "-m", "ruff", *arguments, "--config", str(ROOT / "pyproject.toml"), str(path)]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        assert found.returncode == 0, found.stdout + found.stderr
