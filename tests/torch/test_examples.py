"""The example scripts record what the shipped experiment runs."""

from __future__ import annotations

import json
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

pytest.importorskip("torch")

from simsnn.cli import main

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"


@pytest.mark.parametrize(
    ("name", "framework"),
    [("record_spikingjelly", "spikingjelly.activation_based.neuron"), ("record_snntorch", "snntorch")],
)
def test_an_example_records_a_trace_that_the_quickstart_runs(
    name: str, framework: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip(framework)
    spec = spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    path = tmp_path / "trace.npz"
    module.main(str(path), batches=6)
    capsys.readouterr()
    assert main(["import", str(path), "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert (summary["timesteps"], summary["batch"], summary["synthetic"]) == (4, 16, False)
    assert [layer["name"] for layer in summary["layers"]] == ["conv1", "conv2", "fc"]
    assert all(0 < layer["rates"]["output"] < 1 for layer in summary["layers"][:2])
    assert all(0 < layer["rates"]["surrogate"] < 1 for layer in summary["layers"][:2])
    words = (f"activity={{kind: file, file: {path}}}", "workload.batch=16", "simulation.level=critical_path")
    settings = [word for setting in words for word in ("--set", setting)]
    assert main(["run", "quickstart", *settings, "-o", str(tmp_path / "runs"), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["activity"]["rates"]["conv1.output"] == summary["layers"][0]["rates"]["output"]
