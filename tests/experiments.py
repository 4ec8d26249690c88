"""Small experiments for tests: the shipped machine, small networks, synthetic activity or none."""

from __future__ import annotations

from simsnn.api import load
from simsnn.config.experiment import ExperimentConfig

SYNTHETIC = (
    "activity={kind: synthetic, rate: 0.2, temporal_correlation: 0.2, spatial_correlation: 0.1, mask_density: 0.5,"
    " gradient_density: 0.3}"
)
LIF = "{kind: lif, leak: 0.5, threshold: 1.0, reset: hard, detach_reset: true, surrogate: {kind: triangle, width: 1.0}}"


def synthetic(*overrides: str) -> ExperimentConfig:
    """Quickstart with synthetic activity and a small batch."""
    return load("quickstart", (SYNTHETIC, "workload.batch=8", *overrides))[0]


def layers(*documents: str) -> str:
    """Override that replaces the network by these layers on an input of 2 x 8 x 8."""
    return f"network={{name: small, input: [2, 8, 8], neuron: {LIF}, layers: [{', '.join(documents)}]}}"


def bare(m: int, k: int, n: int, *overrides: str) -> ExperimentConfig:
    """One bare product on the shipped machine."""
    network = f"network={{layers: [{{name: g0, kind: gemm, m: {m}, k: {k}, n: {n}}}]}}"
    return load("quickstart", (network, "workload={passes: [F]}", "activity=null", *overrides))[0]
