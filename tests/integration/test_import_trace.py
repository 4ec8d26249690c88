"""``simsnn import`` of an activity trace, and runs that a trace does not fit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simsnn.activities import resolve_activity
from simsnn.api import load
from simsnn.cli import main
from simsnn.errors import TraceError
from simsnn.importers.npz import write_trace
from simsnn.preparation import build_experiment_network
from simsnn.workload.activity import (
    Activity,
    ActivityKind,
    ChainMask,
    ChainPoint,
    DenseInput,
    LayerActivity,
    SpikeTensor,
)

LAYERS = (
    "network={name: small, input: [1, 4, 4], neuron: {kind: lif, leak: 0.5, threshold: 1.0, reset: hard,"
    " detach_reset: true}, layers: [{name: conv1, kind: conv2d, channels: 2, kernel: 3, padding: 1},"
    " {name: flat, kind: flatten}, {name: fc, kind: linear, features: 3}]}"
)


def spikes(seed: int, *shape: int) -> SpikeTensor:
    return SpikeTensor.from_dense(np.random.default_rng(seed).random((2, 3, *shape)) < 0.4)


def activity() -> Activity:
    """T = 2, B = 3 of the network above."""
    fired = spikes(1, 2, 4, 4)
    gradients = (ChainMask(ChainPoint.SYNAPSE, spikes(3, 2, 4, 4)),)
    first = LayerActivity("conv1", DenseInput((2, 3, 1, 4, 4), 8, 0.5), fired, spikes(2, 2, 4, 4), gradients)
    flat = SpikeTensor.from_dense(fired.to_dense().reshape(2, 3, 32))
    return Activity(2, 3, (first, LayerActivity("fc", flat)), ActivityKind.TRAIN, 0.875)


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    write_trace(tmp_path / "t.npz", activity(), "lif\x1b[31m", "triangle")
    return tmp_path / "t.npz"


def test_a_summary_has_the_counts(trace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", str(trace), "--json"]) == 0
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (told["kind"], told["timesteps"], told["batch"], told["accuracy"]) == ("trace", 2, 3, 0.875)
    first, last = told["layers"]
    entry = activity().layer("conv1")
    assert first["nonzeros"]["output"] == entry.outputs.nonzeros  # type: ignore[union-attr]
    assert first["rates"]["surrogate"] == entry.surrogate.rate  # type: ignore[union-attr]
    assert (first["input"], first["input_shape"], first["output_shape"]) == ("real", [1, 4, 4], [2, 4, 4])
    assert (last["input"], last["input_shape"], last["rates"]) == ("spikes", [32], {})
    assert main(["import", str(trace)]) == 0
    shown = capsys.readouterr().out
    assert "recorded activity: T = 2, B = 3, accuracy 87.5%, neuron lif?[31m" in shown
    assert "\x1b" not in shown


def test_synthetic_activity_says_so(trace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_trace(trace, replace(activity(), kind=ActivityKind.SYNTHETIC), "lif", "triangle")
    assert main(["import", str(trace)]) == 0
    assert "SYNTHETIC activity" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("t.npz", "--set", "dt=1 us"), "--set is for NIR files"),
        (("t.npz", "-o", "x.yaml"), "-o is for NIR files"),
        (("absent.npz",), "cannot be read"),
        ((".",), "cannot be read"),
        (("x.txt",), "is neither a NIR graph (HDF5) nor an activity trace (.npz)"),
        (("half.npz",), "cannot be opened as .npz"),
        ((), "Missing argument"),
    ],
)
def test_bad_input_exits_2_in_two_lines(
    words: tuple[str, ...],
    message: str,
    trace: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(trace.parent)
    Path("x.txt").write_text("hello")
    Path("half.npz").write_bytes(trace.read_bytes()[:200])
    assert main(["import", *words]) == 2
    shown = capsys.readouterr()
    assert message in shown.err
    assert shown.out == ""
    assert len(shown.err.splitlines()) <= 2
    assert not Path("x.yaml").exists()


def resolved(path: Path, found: Activity) -> Activity | None:
    write_trace(path, found, "lif", "triangle")
    workload = "workload={timesteps: 2, batch: 3}"
    experiment, _ = load("quickstart", (LAYERS, workload, f"activity={{kind: file, file: {path}}}"))
    return resolve_activity(experiment, build_experiment_network(experiment), None).activity


def test_a_trace_that_fits_is_taken(trace: Path) -> None:
    assert resolved(trace, activity()).digest != ""  # type: ignore[union-attr]


def test_shapes_and_kinds_must_be_those_of_the_network(trace: Path) -> None:
    def refused(message: str, index: int, **changes: Any) -> None:
        found = activity()
        layers = list(found.layers)
        layers[index] = replace(layers[index], **changes)
        with pytest.raises(TraceError, match=message):
            resolved(trace, replace(found, layers=tuple(layers)))

    wrong = spikes(5, 2, 4, 3)
    refused("activity's outputs is", 0, outputs=wrong, surrogate=wrong, gradients=())
    refused("activity's gradient.synapse is", 1, gradients=(ChainMask(ChainPoint.SYNAPSE, spikes(6, 4)),))
    refused("activity's currents is", 1, currents=np.zeros((2, 3, 4)))
    refused("activity's input is", 1, inputs=spikes(7, 31))
    refused("activity's input are real values, the network's are spikes", 1, inputs=DenseInput((2, 3, 32), 8, 0.5))
    refused("activity is of layers", 1, layer="readout")
