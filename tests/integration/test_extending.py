"""The worked examples of docs/extending.md: a neuron and a layer, laid over the package in a process of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "extending.md"
NEURONS, LAYERS = ROOT / "simsnn" / "neurons" / "__init__.py", ROOT / "simsnn" / "workload" / "layers.py"
OVERLAY = """
import sys
from importlib.util import spec_from_file_location

FILES = {files!r}


class Overlay:
    def find_spec(self, name, path=None, target=None):
        if name not in FILES:
            return None
        folder = [{folder!r}] if name == "simsnn.neurons" else None
        return spec_from_file_location(name, FILES[name], submodule_search_locations=folder)


sys.meta_path.insert(0, Overlay())
"""
CHECK = """
import overlay, json, sys
import numpy as np
import simsnn
from simsnn.errors import SimsnnError
from simsnn.neurons.lif import LifNeuron
from simsnn.neurons.lif_shift import LEAKS, ShiftLifNeuron

same = dict(threshold=0.5, reset="soft", detach_reset=True)
rng = np.random.default_rng(0)
equal = []
for leak in LEAKS[:6]:
    found = []
    for model in (LifNeuron, ShiftLifNeuron):
        current = rng.normal(size=(8, 500)) if not found else current
        spikes, v, state = np.zeros((8, 500)), np.zeros((8, 500)), np.zeros((1, 500))
        model(leak=leak, **same).forward(current, np.zeros(0), spikes, v, state)
        found.append((spikes, v))
    equal.append(all(np.array_equal(one, other) for one, other in zip(*found)) and bool(found[0][0].any()))


def run(*overrides):
    report = simsnn.simulate("quickstart", ("activity=null", "simulation.level=closed_form", *overrides)).report
    actions = {}
    for task in report.tasks:
        if task.part == "neuron":
            for name, count in task.actions.items():
                actions[name.split(".")[1].split("_")[0]] = actions.get(name.split(".")[1].split("_")[0], 0) + count
    return {"cycles": report.totals.total_cycles, "energy": report.totals.total_energy_pj, "actions": actions}


def refusal(*overrides):
    try:
        run(*overrides)
    except SimsnnError as error:
        return [error.where.path, error.message]


neuron = ("network.neuron.leak=0.75",)
shift = ("network.neuron.kind=lif_shift", *neuron)
first = [f"network.layers.0.{text}" for text in ("kernel=2", "padding=0")]
train = ("simulation.level=closed_form", "activity.epochs=1", "workload.batch=256")
accuracy = [
    simsnn.simulate("quickstart", (*train, *first, *more)).report.activity.accuracy
    for more in (("network.layers.0.kind=patch",), ("network.layers.0.stride=2",))
]
print(json.dumps({
    "equal": equal,
    "lif": run(*neuron),
    "lif_shift": run(*shift),
    "refused": refusal("network.neuron.kind=lif_shift", "network.neuron.leak=0.7"),
    "patch": run("network.layers.0.kind=patch", *first),
    "conv": run("network.layers.0.stride=2", *first),
    "accuracy": accuracy,
    "stride": refusal("network.layers.0.kind=patch", "network.layers.0.stride=2"),
}))
"""


def blocks() -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)


def edited_neurons(lines: str) -> str:
    imported, member, registered = (line for line in lines.splitlines() if line.strip())
    text = NEURONS.read_text(encoding="utf-8")
    text = text.replace("from simsnn.neurons.parallel import", f"{imported}\nfrom simsnn.neurons.parallel import", 1)
    last = '    | Annotated[SlidingPsnNeuron, Tag("sliding_psn")],\n'
    assert last in text
    return text.replace(last, f"    {last.strip().rstrip(',')}\n{member}\n", 1) + registered


def edited_layers(added: str, lines: str) -> str:
    entry, member = (line for line in lines.splitlines() if line.strip())
    text = LAYERS.read_text(encoding="utf-8")
    assert "    GemmLayer,\n)" in text
    assert "    | GemmLayer,\n" in text
    text = text.replace("LAYERS: tuple", f"{added}\n\nLAYERS: tuple", 1)
    text = text.replace("    GemmLayer,\n)", f"    GemmLayer,\n{entry}\n)", 1)
    return text.replace("    | GemmLayer,\n", f"    | GemmLayer\n{member}\n", 1)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("extended")
    neuron, neuron_lines, layer, layer_lines = blocks()
    (folder / "lif_shift.py").write_text(neuron, encoding="utf-8")
    (folder / "neurons.py").write_text(edited_neurons(neuron_lines), encoding="utf-8")
    (folder / "layers.py").write_text(edited_layers(layer, layer_lines), encoding="utf-8")
    files = {
        "simsnn.neurons": str(folder / "neurons.py"),
        "simsnn.neurons.lif_shift": str(folder / "lif_shift.py"),
        "simsnn.workload.layers": str(folder / "layers.py"),
    }
    overlay = OVERLAY.format(files=files, folder=str(NEURONS.parent))
    (folder / "overlay.py").write_text(overlay, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(folder), str(ROOT)))}
    command = [sys.executable, "-c", CHECK]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=environment)
    assert result.returncode == 0, result.stderr
    answers: dict[str, Any] = json.loads(result.stdout)
    return answers


def test_the_neuron_spikes_as_lif_does(found: dict[str, Any]) -> None:
    assert found["equal"] == [True] * 6


def test_the_neuron_is_charged_adds_for_multiplies(found: dict[str, Any]) -> None:
    plain, shift = found["lif"]["actions"], found["lif_shift"]["actions"]
    moved = plain["multiply"] - shift["multiply"]
    assert moved > 0
    assert shift["add"] - plain["add"] == moved
    assert {**plain, "multiply": 0, "add": 0} == {**shift, "multiply": 0, "add": 0}
    assert found["lif_shift"]["cycles"] == found["lif"]["cycles"]
    assert found["lif_shift"]["energy"] < found["lif"]["energy"]


def test_another_leak_is_refused_in_place(found: dict[str, Any]) -> None:
    place, message = found["refused"]
    assert place == "network.neuron.leak"
    assert "1 - 2^-k" in message


def test_patches_are_a_convolution_with_its_kernel_as_stride(found: dict[str, Any]) -> None:
    assert found["patch"] == found["conv"]
    assert found["patch"]["cycles"] > 0
    first, second = found["accuracy"]
    assert first == second > 0.2
    assert found["stride"][0].startswith("network.layers.0.stride")


def test_the_pages_code_keeps_the_projects_style(tmp_path: Path) -> None:
    neuron, _, layer, _ = blocks()
    head = LAYERS.read_text(encoding="utf-8").partition("LAYERS: tuple")[0].rstrip()
    for name, text in (("lif_shift.py", neuron), ("layers.py", f"{head}\n\n\n{layer}")):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        for action in (("check",), ("format", "--check")):
            command = [sys.executable, "-m", "ruff", *action, "--quiet", "--config", str(ROOT / "pyproject.toml")]
            result = subprocess.run([*command, str(path)], capture_output=True, text=True, check=False)
            assert result.returncode == 0, result.stdout + result.stderr
