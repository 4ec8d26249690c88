"""Small models of both frameworks, and what each of them does counted by hand, in its own loop."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

STEPS, BATCH, CLASSES = 4, 3, 10
NETWORK = (
    "network={name: small, input: [1, 8, 8], neuron: {kind: lif, leak: 0.5, threshold: 1.0, reset: hard,"
    " detach_reset: true}, layers: [{name: conv1, kind: conv2d, channels: 6, kernel: 3, padding: 1},"
    " {name: pool1, kind: max_pool, kernel: 2}, {name: conv2, kind: conv2d, channels: 8, kernel: 3, padding: 1},"
    " {name: flat, kind: flatten}, {name: fc, kind: linear, features: 10}]}"
)
"""Override: the network whose layers all models here have."""


def images() -> tuple[torch.Tensor, torch.Tensor]:
    """A batch of random images and labels."""
    generator = torch.Generator().manual_seed(3)
    return 3 * torch.rand(BATCH, 1, 8, 8, generator=generator), torch.randint(CLASSES, (BATCH,), generator=generator)


class StepByStep(nn.Module):
    """SpikingJelly neurons called once per time step."""

    def __init__(self, neuron: Any) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.conv1, self.lif1 = nn.Conv2d(1, 6, 3, padding=1, bias=False), neuron()
        self.pool = nn.MaxPool2d(2)
        self.conv2, self.lif2 = nn.Conv2d(6, 8, 3, padding=1, bias=False), neuron()
        self.fc = nn.Linear(8 * 16, CLASSES, bias=False)
        self.spikes: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = []

    def step(self, x: torch.Tensor) -> torch.Tensor:
        """One time step; the spikes of both neurons and the pooled ones are noted."""
        first = self.lif1(self.conv1(x))
        pooled = self.pool(first)
        second = self.lif2(self.conv2(pooled))
        self.spikes.append((first.detach(), pooled.detach(), second.detach()))
        return self.fc(second.flatten(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Mean over the time steps."""
        return torch.stack([self.step(x) for _ in range(STEPS)]).mean(0)


class StepByStepLeaky(StepByStep):
    """snnTorch neurons, which carry their potential from hand to hand."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Mean over the time steps."""
        mem1, mem2 = self.lif1.init_leaky(), self.lif2.init_leaky()
        found = []
        for _ in range(STEPS):
            first, mem1 = self.lif1(self.conv1(x), mem1)
            pooled = self.pool(first)
            second, mem2 = self.lif2(self.conv2(pooled), mem2)
            self.spikes.append((first.detach(), pooled.detach(), second.detach()))
            found.append(self.fc(second.flatten(1)))
        return torch.stack(found).mean(0)


class Sequence(nn.Module):
    """SpikingJelly layers and neurons that take whole sequences."""

    def __init__(self, neuron: Any, layers: Any) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.net = nn.Sequential(
            layers.Conv2d(1, 6, 3, padding=1, bias=False, step_mode="m"),
            neuron(),
            layers.MaxPool2d(2, step_mode="m"),
            layers.SeqToANNContainer(nn.Conv2d(6, 8, 3, padding=1, bias=False)),
            neuron(),
            layers.Flatten(step_mode="m"),
            layers.Linear(8 * 16, CLASSES, bias=False, step_mode="m"),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Mean over the time steps."""
        found: torch.Tensor = self.net(x.unsqueeze(0).repeat(STEPS, 1, 1, 1, 1)).mean(0)
        return found


def build(name: str) -> nn.Module:
    """A model by name, whose weights make every layer fire; ``ImportError`` without its framework."""
    model = _build(name)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(4)
    return model


def _build(name: str) -> nn.Module:
    if name == "snntorch":
        import snntorch
        from snntorch import surrogate

        return StepByStepLeaky(lambda: snntorch.Leaky(beta=0.5, spike_grad=surrogate.fast_sigmoid(5)))
    if name == "snntorch_window":
        import snntorch
        from snntorch import surrogate

        window = surrogate.custom_surrogate(lambda x, gradient, spikes: gradient * (x.abs() < 0.7))  # noqa: ARG005
        return StepByStepLeaky(lambda: snntorch.Leaky(beta=0.9, spike_grad=window, reset_mechanism="zero"))
    from spikingjelly.activation_based import layer, neuron, surrogate

    def lif(mode: str, function: Any) -> Any:
        return lambda: neuron.LIFNode(tau=2.0, surrogate_function=function(), detach_reset=True, step_mode=mode)

    if name == "spikingjelly":
        return StepByStep(lif("s", surrogate.ATan))
    if name == "spikingjelly_shared":  # all neurons have the one default surrogate module
        return StepByStep(lambda: neuron.LIFNode(step_mode="s"))
    return Sequence(lif("m", surrogate.PiecewiseQuadratic), layer)


MODELS = ("spikingjelly", "spikingjelly_shared", "spikingjelly_sequence", "snntorch", "snntorch_window")
