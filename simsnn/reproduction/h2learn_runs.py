"""Runs behind the H2Learn comparison: networks trained at reduced scale, then full scale with fitted activity.

A small network of the same layers is really trained; the statistics of its recorded step become
the synthetic activity of the full-scale network, layer by layer at equal relative depth. So the
full-scale numbers are synthetic, fitted to a trained network, and every table says so.
"""

from __future__ import annotations

from dataclasses import dataclass

from simsnn.activities import resolve_activity
from simsnn.api import Result, load, simulate
from simsnn.config.experiment import ExperimentConfig
from simsnn.engines.gpu import GpuColumn, GpuEstimate, GpuPrecision, gpu_estimates
from simsnn.engines.gpu_table import gpu_specs
from simsnn.preparation import build_experiment_network, step_operations
from simsnn.reproduction.stages import Stages
from simsnn.results.report import Report
from simsnn.schedule.layer_by_layer import LayerByLayer
from simsnn.workload.activity import Activity
from simsnn.workload.operation import Operation
from simsnn.workload.synthetic_config import SyntheticConfig
from simsnn.workload.synthetic_fit import fit_synthetic, transfer


@dataclass(frozen=True, slots=True)
class NetworkPair:
    """A network of the comparison: the shipped experiment at full scale and the one that is really trained."""

    name: str
    full: str
    small: str


NETWORKS = (
    NetworkPair("cifar", "h2learn_cifar", "h2learn_cifar_small"),
    NetworkPair("vgg", "h2learn_vgg", "h2learn_vgg_small"),
    NetworkPair("resnet", "h2learn_resnet", "h2learn_resnet_small"),
    NetworkPair("dvs", "h2learn_dvs", "h2learn_dvs_small"),
)


@dataclass(frozen=True)
class Trained:
    """A small network after training: its experiment and its recorded step."""

    pair: NetworkPair
    experiment: ExperimentConfig
    activity: Activity

    @property
    def fitted(self) -> SyntheticConfig:
        """Statistics of its layers."""
        return fit_synthetic(self.activity)


@dataclass(frozen=True)
class Measured:
    """One full-scale training step on the accelerator, and what the GPU needs for the same work."""

    pair: NetworkPair
    experiment: ExperimentConfig
    result: Result
    operations: tuple[Operation, ...]

    @property
    def report(self) -> Report:
        """Its report."""
        return self.result.report

    @property
    def activity(self) -> Activity:
        """Spikes and masks of the step: synthetic, fitted to the small network."""
        assert self.result.activity.activity is not None  # the experiment names one
        return self.result.activity.activity

    def gpu(
        self, name: str, sustained_fraction: float, precision: GpuPrecision = GpuPrecision.FP32
    ) -> tuple[GpuEstimate, ...]:
        """The three columns of one GPU."""
        specs = tuple(spec for spec in gpu_specs() if spec.name == name)
        steps = self.experiment.workload.timesteps
        return gpu_estimates(self.operations, steps, specs, precision, sustained_fraction)

    def column(self, name: str, column: GpuColumn, sustained_fraction: float) -> GpuEstimate:
        """One column of one GPU."""
        return next(e for e in self.gpu(name, sustained_fraction) if e.column is column)


def train_small(pair: NetworkPair) -> Trained:
    """Train the small network, or fetch what an earlier training stored."""
    experiment, _ = load(pair.small)
    found = resolve_activity(experiment, build_experiment_network(experiment), None).activity
    assert found is not None  # the experiment trains
    return Trained(pair, experiment, found)


def full_scale(trained: Trained) -> ExperimentConfig:
    """The full-scale experiment with activity fitted to the small network."""
    experiment, _ = load(trained.pair.full)
    layers = tuple(layer.name for layer in build_experiment_network(experiment).weight_layers)
    return experiment.model_copy(update={"activity": transfer(trained.fitted, layers)})


def measure(pair: NetworkPair, experiment: ExperimentConfig) -> Measured:
    """Simulate a step, and list its operations as a GPU would run them: the whole batch at once, nothing recomputed."""
    whole = experiment.model_copy(update={"schedule": LayerByLayer()})
    operations = step_operations(whole, build_experiment_network(whole))
    return Measured(pair, experiment, simulate(experiment), operations)


def measure_all(stages: Stages) -> tuple[tuple[Trained, ...], tuple[Measured, ...]]:
    """Every network, small and full."""
    trained, measured = [], []
    for pair in NETWORKS:
        stages.next(f"{pair.small}: train")
        trained.append(train_small(pair))
        stages.next(f"{pair.full}: simulate a full-scale step")
        measured.append(measure(pair, full_scale(trained[-1])))
    return tuple(trained), tuple(measured)
