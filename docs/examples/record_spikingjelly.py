"""Train a small SpikingJelly network on the bundled digits and record one training step as an activity trace.

    python docs/examples/record_spikingjelly.py trace.npz
    simsnn run quickstart --set 'activity={kind: file, file: trace.npz}' --set workload.batch=16

The layers are those of the shipped network ``digits_conv``. Needs the extra ``torch`` and spikingjelly.
"""

from __future__ import annotations

import sys

import torch
from sklearn.datasets import load_digits
from spikingjelly.activation_based import functional, layer, neuron, surrogate
from torch import nn

from simsnn.importers.frameworks import record

STEPS, BATCH = 4, 16


def model() -> nn.Sequential:
    """48 and 48 channels of 3x3, pooled twice, ten classes; every layer takes sequences (T, B, ...)."""

    def lif() -> nn.Module:
        # a surrogate derivative that is exactly zero away from the threshold, so that the backward pass is sparse
        return neuron.LIFNode(tau=2.0, detach_reset=True, surrogate_function=surrogate.PiecewiseQuadratic(alpha=2.0))

    net = nn.Sequential(
        layer.Conv2d(1, 48, 3, padding=1, bias=False),
        lif(),
        layer.MaxPool2d(2),
        layer.Conv2d(48, 48, 3, padding=1, bias=False),
        lif(),
        layer.MaxPool2d(2),
        layer.Flatten(),
        layer.Linear(48 * 2 * 2, 10, bias=False),
    )
    functional.set_step_mode(net, "m")
    return net


def main(path: str, batches: int = 60) -> None:
    """Train for some batches, then record the next one."""
    torch.manual_seed(0)
    digits = load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 4
    labels = torch.tensor(digits.target)
    net = model()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)

    def loss(number: int) -> torch.Tensor:
        chosen = torch.arange(number * BATCH, (number + 1) * BATCH) % len(labels)
        functional.reset_net(net)
        frames = images[chosen].unsqueeze(0).repeat(STEPS, 1, 1, 1, 1)
        return nn.functional.cross_entropy(net(frames).mean(0), labels[chosen])

    for number in range(batches):
        optimizer.zero_grad()
        value = loss(number)
        value.backward()
        optimizer.step()
    optimizer.zero_grad()
    with record(net, timesteps=STEPS, names=("conv1", "conv2", "fc")) as recorder:
        loss(batches).backward()
    print(f"loss {float(value.detach()):.3f}, recorded to {recorder.save(path)}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "trace.npz")
