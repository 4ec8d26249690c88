"""Recorders of SpikingJelly and snnTorch: what they save is what the models did, and the simulator runs it.

These tests need torch and the frameworks, and are skipped where those are not installed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from simsnn.cli import main  # noqa: E402
from simsnn.errors import ConfigError  # noqa: E402
from simsnn.importers.frameworks import Recorder, record  # noqa: E402
from simsnn.importers.frameworks.modules import (  # noqa: E402
    neuron_modules,
    surrogate_attribute,
    surrogate_of,
    watched,
)
from simsnn.importers.npz import read_trace  # noqa: E402
from simsnn.workload.activity import Activity, ChainPoint, SpikeTensor  # noqa: E402
from tests.torch.models import BATCH, MODELS, NETWORK, STEPS, build, images  # noqa: E402

NAMES = ("conv1", "conv2", "fc")


def model_of(name: str) -> Any:
    pytest.importorskip("spikingjelly.activation_based.neuron" if name.startswith("spikingjelly") else "snntorch")
    return build(name)


def recorded(model: Any, **options: Any) -> tuple[Activity, Recorder]:
    x, y = images()
    with record(model, timesteps=STEPS, names=NAMES, **options) as recorder:
        torch.nn.functional.cross_entropy(model(x), y).backward()
    return recorder.activity(), recorder


def dense(tensor: Any) -> np.ndarray:
    assert isinstance(tensor, SpikeTensor)
    return tensor.to_dense()


@pytest.mark.parametrize("name", MODELS)
def test_the_saved_trace_runs_and_has_the_spikes_that_the_model_fired(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = model_of(name)
    _, recorder = recorded(model)
    path = recorder.save(tmp_path / "trace.npz", accuracy=0.25)
    activity = read_trace(path)
    counted = _counted(name)
    assert [activity.layer(layer).outputs.nonzeros for layer in NAMES[:2]] == counted  # type: ignore[union-attr]
    assert min(counted) > 0
    words = [NETWORK, f"activity={{kind: file, file: {path}}}", f"workload={{timesteps: {STEPS}, batch: {BATCH}}}"]
    settings = [word for setting in words for word in ("--set", setting)]
    assert main(["run", "quickstart", *settings, "-o", str(tmp_path / "runs"), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["activity"]["kind"] == "file"
    assert report["activity"]["synthetic"] is False
    assert report["activity"]["accuracy"] == 0.25
    size = STEPS * BATCH * 6 * 64
    assert round(report["activity"]["rates"]["conv1.output"] * size) == counted[0]
    assert report["provenance"]["activity_sha256"] == activity.digest


def _counted(name: str) -> list[int]:
    """Spikes of both neurons of a model built the same way, counted without a recorder."""
    model, (x, _) = build(name), images()
    if not hasattr(model, "spikes"):
        value, counts = x.unsqueeze(0).repeat(STEPS, 1, 1, 1, 1), []
        for layer in model.net:
            value = layer(value)
            if hasattr(layer, "surrogate_function"):
                counts.append(int(value.sum()))
        return counts
    model(x)
    return [int(sum(step[place].sum() for step in model.spikes)) for place in (0, 2)]


@pytest.mark.parametrize("name", [name for name in MODELS if name != "spikingjelly_sequence"])
def test_inputs_are_the_pooled_spikes_of_every_step(name: str) -> None:
    model = model_of(name)
    activity, _ = recorded(model)
    first, pooled, second = (torch.stack([step[i] for step in model.spikes]).numpy() for i in range(3))
    np.testing.assert_array_equal(dense(activity.layer("conv1").outputs), first)
    np.testing.assert_array_equal(dense(activity.layer("conv2").inputs), pooled)
    np.testing.assert_array_equal(dense(activity.layer("conv2").outputs), second)
    np.testing.assert_array_equal(dense(activity.layer("fc").inputs), second.reshape(STEPS, BATCH, -1))
    assert activity.layer("conv1").inputs.shape == (STEPS, BATCH, 1, 8, 8)
    assert not activity.layer("conv1").binary_input
    assert activity.layer("fc").outputs is None


def test_step_by_step_and_sequence_are_the_same_recording() -> None:
    """The same weights and neurons, run in both modes of SpikingJelly."""
    pytest.importorskip("spikingjelly.activation_based.neuron")
    from spikingjelly.activation_based import neuron, surrogate

    from tests.torch.models import StepByStep

    def lif() -> Any:
        return neuron.LIFNode(surrogate_function=surrogate.PiecewiseQuadratic(), detach_reset=True)

    steps, sequence = StepByStep(lif), build("spikingjelly_sequence")
    layers = [module for module in sequence.modules() if hasattr(module, "weight")]
    with torch.no_grad():
        for mine, other in zip((steps.conv1, steps.conv2, steps.fc), layers, strict=True):
            mine.weight.copy_(other.weight)
    (one, _), (two, _) = recorded(steps), recorded(sequence)
    for name in NAMES:
        for (what, first), (_, second) in zip(one.layer(name).tensors(), two.layer(name).tensors(), strict=True):
            assert first.equals(second), f"{name} {what}"


def test_surrogate_masks_are_where_the_potential_is_near_the_threshold() -> None:
    """PiecewiseQuadratic of slope 1 has a derivative of zero beyond 1 from the threshold: counted by hand."""
    model = model_of("spikingjelly_sequence")
    activity, _ = recorded(model)
    weight = model.net[0].weight.detach()
    current = torch.nn.functional.conv2d(images()[0], weight, padding=1)
    v, masks, spikes = torch.zeros_like(current), [], []
    for _ in range(STEPS):
        v = v + (current - v) / 2
        masks.append(((v - 1).abs() < 1).numpy())
        spikes.append((v >= 1).numpy())
        v = v * (v < 1)
    np.testing.assert_array_equal(dense(activity.layer("conv1").outputs), np.array(spikes))
    np.testing.assert_array_equal(dense(activity.layer("conv1").surrogate), np.array(masks))
    assert 0 < np.mean(masks) < 1


def test_surrogates_that_are_never_zero_and_others() -> None:
    activity, _ = recorded(model_of("spikingjelly"))
    assert activity.layer("conv1").surrogate.rate == 1  # type: ignore[union-attr]


@pytest.mark.parametrize("name", MODELS)
def test_gradients_are_those_of_autograd_point_by_point(name: str) -> None:
    """Values against retained gradients of an independent pass; masks against the values."""
    model = model_of(name)
    activity, _ = recorded(model, values=True)
    kept: dict[str, list[Any]] = {"conv1": [], "conv2": []}
    twin = build(name)
    for module in neuron_modules(twin):  # SpikingJelly by its reference formulas here, too: the same sums
        attribute = surrogate_attribute(module.module)
        setattr(module.module, attribute, watched(surrogate_of(module.module), lambda _: None))
    modules = [m for m in twin.modules() if isinstance(m, torch.nn.Conv2d)]
    for key, module in zip(kept, modules, strict=True):
        module.register_forward_hook(lambda _, __, out, key=key: (out.retain_grad(), kept[key].append(out))[0])
    x, y = images()
    torch.nn.functional.cross_entropy(twin(x), y).backward()
    for key, outputs in kept.items():
        expected = torch.cat([out.grad.reshape(-1) for out in outputs]).numpy()
        entry = activity.layer(key)
        np.testing.assert_array_equal(entry.gradient.reshape(-1), expected)  # type: ignore[union-attr]
        np.testing.assert_array_equal(dense(entry.synapse_gradient).reshape(-1), expected != 0)
        current = torch.cat([out.detach().reshape(-1) for out in outputs]).numpy()
        np.testing.assert_array_equal(entry.currents.reshape(-1), current)  # type: ignore[union-attr]
        carry, synapse = entry.gradient_mask(ChainPoint.TIME_CARRY), entry.gradient_mask(ChainPoint.SYNAPSE)
        assert carry is not None
        assert synapse is not None
        assert carry.equals(synapse)  # nothing lies between a convolution and its neuron
        towards, behind = entry.gradient_mask(ChainPoint.POOL), entry.gradient_mask(ChainPoint.SURROGATE)
        np.testing.assert_array_equal(dense(behind), dense(towards) & dense(entry.surrogate))


def test_pooling_routes_which_inputs_need_a_gradient() -> None:
    """Slow twin: of each window the first largest spike, and whether its surrogate derivative is not zero."""
    activity, _ = recorded(model_of("snntorch_window"))
    for name in ("conv2", "fc"):
        assert activity.layer(name).input_needed is not None
    assert activity.layer("conv1").input_needed is None
    first = activity.layer("conv1")
    spikes, mask = dense(first.outputs), dense(first.surrogate)
    expected = np.zeros((STEPS, BATCH, 6, 4, 4), np.uint8)
    for place in np.ndindex(*expected.shape):
        t, b, c, i, j = place
        window = (t, b, c, slice(2 * i, 2 * i + 2), slice(2 * j, 2 * j + 2))
        expected[place] = mask[window].reshape(-1)[spikes[window].reshape(-1).argmax()]
    np.testing.assert_array_equal(dense(activity.layer("conv2").input_needed), expected)
    assert 0.05 < expected.mean() < 0.95
    second = dense(activity.layer("conv2").surrogate).reshape(STEPS, BATCH, -1)
    np.testing.assert_array_equal(dense(activity.layer("fc").input_needed), second)


def test_batch_norm_is_a_point_of_its_own_and_conv1d_has_height_one() -> None:
    snntorch = pytest.importorskip("snntorch")

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.conv, self.norm = torch.nn.Conv1d(2, 4, 3, padding=1, bias=False), torch.nn.BatchNorm1d(4)
            self.lif = snntorch.Leaky(beta=0.5, init_hidden=True)
            self.fc = torch.nn.Linear(4 * 6, 5)

        def forward(self, x: Any) -> Any:
            return sum(self.fc(self.lif(self.norm(self.conv(x))).flatten(1)) for _ in range(2))

    net = Net()
    with record(net, timesteps=2) as recorder:
        net(torch.rand(3, 2, 6)).square().sum().backward()
    entry = recorder.activity().layer("conv")
    assert entry.inputs.shape == (2, 3, 2, 1, 6)
    assert entry.outputs is not None
    assert entry.outputs.shape == (2, 3, 4, 1, 6)
    points = [chain.point for chain in entry.gradients]
    assert points == list(ChainPoint)
    assert entry.gradient_mask(ChainPoint.NORMALISATION) is not None


def surrogates(model: Any) -> list[Any]:
    return [surrogate_of(seen.module) for seen in neuron_modules(model)]


@pytest.mark.parametrize("name", MODELS)
def test_nothing_of_the_model_is_changed(name: str) -> None:
    """Behind the recording the model is as before: the same functions, no hooks, the same gradients to the last bit.

    During the recording SpikingJelly computes by its reference formulas, which add in another order than its fused
    operators: there the gradients agree to their rounding.
    """
    model, plain, (x, y) = model_of(name), build(name), images()
    before = surrogates(model)
    recorded(model)
    assert all(one is other for one, other in zip(before, surrogates(model), strict=True))
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    torch.nn.functional.cross_entropy(plain(x), y).backward()
    fused = name.startswith("spikingjelly")
    for one, other in zip(model.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-4 if fused else 0, atol=1e-6 if fused else 0)
    model.zero_grad()
    for module in model.modules():
        if hasattr(module, "reset") and fused:
            module.reset()
    torch.nn.functional.cross_entropy(model(x), y).backward()
    for one, other in zip(model.parameters(), plain.parameters(), strict=True):
        assert torch.equal(one.grad, other.grad)


def test_what_cannot_be_recorded_says_why() -> None:
    model = model_of("snntorch")
    x, y = images()

    def refused(
        message: str, timesteps: int = STEPS, names: Any = NAMES, backward: bool = True, passes: int = 1
    ) -> None:
        fresh = build("snntorch")
        with record(fresh, timesteps, names) as recorder:
            for _ in range(passes):
                loss = torch.nn.functional.cross_entropy(fresh(x), y)
                if backward:
                    loss.backward()
        with pytest.raises(ConfigError, match=message):
            recorder.activity()

    refused("no gradient was recorded", backward=False)
    refused("does not make 3 time steps", timesteps=3)
    refused("does not make 4 time steps", passes=2)
    refused("2 names for 3 layers", names=("a", "b"))
    with record(model, STEPS) as recorder:
        pass
    with pytest.raises(ConfigError, match="did not run"):
        recorder.activity()
    with pytest.raises(ConfigError, match="timesteps is 0"):
        record(model, 0)
    with pytest.raises(ConfigError, match="no neuron"):
        record(torch.nn.Linear(2, 2), 1)
    with pytest.raises(ConfigError, match="no convolution"):
        record(model.lif1, 1)
    with pytest.raises(ConfigError, match="of type LSTM cannot be recorded"):
        record(torch.nn.Sequential(torch.nn.LSTM(2, 2), model.lif1), 1)


def test_a_recording_without_gradients_enabled_is_refused() -> None:
    model = model_of("snntorch")
    with record(model, STEPS, NAMES) as recorder, torch.no_grad():
        model(images()[0])
    with pytest.raises(ConfigError, match="no gradient was recorded"):
        recorder.activity()


def test_a_layer_that_ran_once_for_all_steps_is_refused() -> None:
    model = model_of("snntorch")
    x, y = images()
    with record(model, STEPS, NAMES) as recorder:
        mem1, mem2, found = model.lif1.init_leaky(), model.lif2.init_leaky(), []
        current = model.conv1(x)
        for _ in range(STEPS):
            first, mem1 = model.lif1(current, mem1)
            second, mem2 = model.lif2(model.conv2(model.pool(first)), mem2)
            found.append(model.fc(second.flatten(1)))
        torch.nn.functional.cross_entropy(torch.stack(found).mean(0), y).backward()
    with pytest.raises(ConfigError, match="'conv1' ran 1 times"):
        recorder.activity()


def test_residual_sums_and_average_pooling() -> None:
    """Two convolutions reach one neuron through their sum; a layer that reads a sum of spikes has real inputs."""
    snntorch = pytest.importorskip("snntorch")

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.first, self.second, self.side = (torch.nn.Conv2d(i, 4, 3, padding=1, bias=False) for i in (2, 4, 2))
            window = snntorch.surrogate.custom_surrogate(lambda x, g, spikes: g * (x.abs() < 0.3))  # noqa: ARG005
            self.lif1, self.lif2 = (
                snntorch.Leaky(beta=0.5, threshold=0.3, spike_grad=window, init_hidden=True) for _ in range(2)
            )
            self.fc = torch.nn.Linear(16, 5)

        def forward(self, x: Any) -> Any:
            found = []
            for _ in range(3):
                one = self.lif1(self.first(x))
                two = self.lif2(self.second(one) + self.side(x))
                found.append(self.fc(torch.nn.functional.avg_pool2d(one + two, 2).flatten(1)))
            return torch.stack(found).mean(0)

    net = Net()
    with record(net, timesteps=3) as recorder:
        net(2 * torch.rand(2, 2, 4, 4)).square().sum().backward()
    activity = recorder.activity()
    assert [entry.layer for entry in activity.layers] == ["first", "second", "side", "fc"]
    second, side, fc = (activity.layer(name) for name in ("second", "side", "fc"))
    assert dense(second.outputs).any()
    np.testing.assert_array_equal(dense(second.outputs), dense(side.outputs))
    np.testing.assert_array_equal(dense(second.inputs), dense(activity.layer("first").outputs))
    np.testing.assert_array_equal(dense(second.input_needed), dense(activity.layer("first").surrogate))
    assert not fc.binary_input
    masks = dense(activity.layer("first").surrogate) | dense(second.surrogate)
    windows = masks.reshape(3, 2, 4, 2, 2, 2, 2).max(axis=(4, 6))
    np.testing.assert_array_equal(dense(fc.input_needed), windows.reshape(3, 2, 16))
    assert 0 < windows.mean() < 1
