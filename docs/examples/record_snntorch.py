"""Train a small snnTorch network on the bundled digits and record one training step as an activity trace.

    python docs/examples/record_snntorch.py trace.npz
    simsnn run quickstart --set 'activity={kind: file, file: trace.npz}' --set workload.batch=16

The layers are those of the shipped network ``digits_conv``. Needs the extra ``torch`` and snntorch.
"""

from __future__ import annotations

import sys

import snntorch
import torch
from sklearn.datasets import load_digits
from snntorch import surrogate
from torch import nn

from simsnn.importers.frameworks import record

STEPS, BATCH = 4, 16


def rectangle(potential: torch.Tensor, gradient: torch.Tensor, spikes: torch.Tensor) -> torch.Tensor:  # noqa: ARG001
    """A derivative of 1 within 0.5 of the threshold, exactly zero elsewhere, so that the backward pass is sparse.

    All surrogate functions that snnTorch brings along are never exactly zero.
    """
    return gradient * (potential.abs() < 0.5)


class Net(nn.Module):
    """48 and 48 channels of 3x3, pooled twice, ten classes; every layer runs once per time step."""

    def __init__(self) -> None:
        super().__init__()
        window = surrogate.custom_surrogate(rectangle)
        self.conv1 = nn.Conv2d(1, 48, 3, padding=1, bias=False)
        self.lif1 = snntorch.Leaky(beta=0.5, spike_grad=window)
        self.conv2 = nn.Conv2d(48, 48, 3, padding=1, bias=False)
        self.lif2 = snntorch.Leaky(beta=0.5, spike_grad=window)
        self.pool = nn.MaxPool2d(2)
        self.fc = nn.Linear(48 * 2 * 2, 10, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Mean of the readout over the time steps."""
        mem1, mem2, found = self.lif1.init_leaky(), self.lif2.init_leaky(), []
        for _ in range(STEPS):
            spikes, mem1 = self.lif1(self.conv1(x), mem1)
            spikes, mem2 = self.lif2(self.conv2(self.pool(spikes)), mem2)
            found.append(self.fc(self.pool(spikes).flatten(1)))
        return torch.stack(found).mean(0)


def main(path: str, batches: int = 60) -> None:
    """Train for some batches, then record the next one."""
    torch.manual_seed(0)
    digits = load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 4
    labels = torch.tensor(digits.target)
    net = Net()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)

    def loss(number: int) -> torch.Tensor:
        chosen = torch.arange(number * BATCH, (number + 1) * BATCH) % len(labels)
        return nn.functional.cross_entropy(net(images[chosen]), labels[chosen])

    for number in range(batches):
        optimizer.zero_grad()
        value = loss(number)
        value.backward()
        optimizer.step()
    optimizer.zero_grad()
    with record(net, timesteps=STEPS) as recorder:
        loss(batches).backward()
    print(f"loss {float(value.detach()):.3f}, recorded to {recorder.save(path)}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "trace.npz")
