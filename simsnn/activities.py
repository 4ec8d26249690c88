"""The activity of a run: trained and fetched by digest, read from a file, or synthetic.

Dense engines need none of it for their cycles; the counts of spike-driven adds come from it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from simsnn.config.experiment import ExperimentConfig
from simsnn.errors import ConfigError, TraceError, Where
from simsnn.results.report import ActivitySummary
from simsnn.training.config import FileActivityConfig, TrainConfig
from simsnn.workload.activity import Activity, LayerActivity
from simsnn.workload.network import Layer, Network
from simsnn.workload.operation import GemmOperation
from simsnn.workload.product_activity import ProductActivity
from simsnn.workload.step_tensors import UpdateRule
from simsnn.workload.synthetic import SyntheticConfig, layer_shapes, synthetic_activity

if TYPE_CHECKING:
    from simsnn.training.delayed import Delays
    from simsnn.training.quantise import Rounding

Progress = Callable[[str, int, int], None]
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class ResolvedActivity:
    """Activity of one recorded batch, or None where the experiment needs none.

    Parameters
    ----------
    activity : Activity or None
        Spikes, masks and gradients of every weight layer.
    steps_per_epoch : int or None
        Training steps in an epoch of the data set, where there is one.
    from_cache : bool
        True when nothing was trained now.
    flipped : tuple of (str, float)
        Share of spikes that a float inverse gives back as the other one, per layer that training relied on it.
    """

    activity: Activity | None
    steps_per_epoch: int | None = None
    from_cache: bool = False
    flipped: tuple[tuple[str, float], ...] = ()

    @cached_property
    def digest(self) -> str | None:
        """SHA-256 of the activity's content."""
        return self.activity.digest if self.activity is not None else None

    @cached_property
    def summary(self) -> ActivitySummary:
        """What the report says of it."""
        if self.activity is None:
            return ActivitySummary(kind="none", synthetic=False)
        rates: dict[str, float] = {}
        for entry in self.activity.layers:
            rates[f"{entry.layer}.input"] = entry.input_density
            masks = [("output", entry.outputs), ("surrogate", entry.surrogate), ("needed", entry.input_needed)]
            masks += [(f"gradient_{chain.point.value}", chain.mask) for chain in entry.gradients]
            rates |= {f"{entry.layer}.{name}": mask.rate for name, mask in masks if mask is not None}
        rates |= {f"{layer}.flipped": share for layer, share in self.flipped}
        return ActivitySummary(
            kind=self.activity.kind.value,
            synthetic=self.activity.synthetic,
            accuracy=self.activity.accuracy,
            rates=rates,
            warnings=(*self.activity.warnings(), *self._flips()),
        )

    def _flips(self) -> tuple[str, ...]:
        worst = max(self.flipped, key=lambda entry: entry[1], default=("", 0.0))
        if not worst[1]:
            return ()
        return (
            f"the float inverse gives back up to {worst[1]:.2g} of the spikes flipped ({worst[0]}): gradients differ",
        )

    def product(self, operation: GemmOperation) -> ProductActivity | None:
        """What is known of the operands of one product; None where nothing is."""
        return None if self.activity is None else ProductActivity.of(operation, self.activity)


def unrecorded_gradients(products: Iterable[GemmOperation], activity: ResolvedActivity) -> tuple[str, ...]:
    """One remark on the layers whose engine skips zero gradients although the activity does not say where they are."""
    first = {operation.layer: operation for operation in products if operation.sparsity is not None}
    known = {layer: activity.product(operation) for layer, operation in first.items()}
    layers = [layer for layer, product in known.items() if product is not None and product.gradient is None]
    return (f"the activity holds no gradients of {', '.join(layers)}: taken as nowhere zero",) if layers else ()


def resolve_activity(
    experiment: ExperimentConfig, network: Network, progress: Progress | None, delays: Delays | None = None
) -> ResolvedActivity:
    """Train (or fetch), read, or make the activity of an experiment.

    Parameters
    ----------
    experiment : ExperimentConfig
        What to resolve.
    network : Network
        Its network.
    progress : callable or None
        Told of every epoch.
    delays : Delays or None
        Those of the experiment's pipelined schedule; only ``activity.gradients: delayed`` trains with them.

    Raises
    ------
    ConfigError, TraceError
        If a data set, a trace file or a recorded batch does not fit the network.
    """
    config, workload = experiment.activity, experiment.workload
    if config is None:
        return ResolvedActivity(None)
    if isinstance(config, TrainConfig):
        return _trained(experiment, config, network, progress, delays if config.gradients == "delayed" else None)
    if isinstance(config, FileActivityConfig):
        from simsnn.importers.npz import read_trace

        activity = read_trace(Path(config.file))
    else:
        assert isinstance(config, SyntheticConfig)
        activity = synthetic_activity(
            layer_shapes(network), config, workload.timesteps, workload.batch, experiment.seed
        )
    _check_fits(activity, network, experiment)
    for warning in activity.warnings():
        _LOG.warning("%s", warning)
    return ResolvedActivity(activity)


def _trained(
    experiment: ExperimentConfig,
    config: TrainConfig,
    network: Network,
    progress: Progress | None,
    delays: Delays | None,
) -> ResolvedActivity:
    from simsnn.training.cache import trained_activity

    def report(epoch: int, epochs: int, loss: float, accuracy: float) -> None:
        if progress is not None:
            progress(f"training: loss {loss:.3f}, test accuracy {accuracy:.3f}", epoch, epochs)

    workload = experiment.workload
    trained = trained_activity(
        network,
        config,
        workload.timesteps,
        workload.batch,
        workload.encoding,
        experiment.seed,
        report,
        _rounding(experiment),
        delays,
        workload.mode,
    )
    for warning in trained.activity.warnings():
        _LOG.warning("%s", warning)
    return ResolvedActivity(trained.activity, trained.steps_per_epoch, trained.from_cache, trained.flipped)


def _rounding(experiment: ExperimentConfig) -> Rounding | None:
    """Widths to round values to, where the experiment asks for it."""
    from simsnn.training.quantise import Rounding

    precision = experiment.precision
    if not precision.quantise:
        return None
    return Rounding(precision.input, precision.weight, precision.membrane, precision.gradient)


def _check_fits(activity: Activity, network: Network, experiment: ExperimentConfig) -> None:
    """A trace must have the layers, the time steps, the batch and the input shapes of the experiment."""
    workload, where = experiment.workload, Where("activity")
    if (activity.timesteps, activity.batch) != (workload.timesteps, workload.batch):
        raise TraceError(
            f"the activity holds T = {activity.timesteps}, B = {activity.batch}; the workload says"
            f" T = {workload.timesteps}, B = {workload.batch}",
            where=where,
            remedy=f"set workload.timesteps={activity.timesteps} and workload.batch={activity.batch}",
        )
    names = tuple(layer.name for layer in network.weight_layers)
    if tuple(entry.layer for entry in activity.layers) != names:
        found = tuple(entry.layer for entry in activity.layers)
        raise TraceError(f"the activity is of layers {found}, the network has {names}", where=where, allowed=names)
    for entry, layer in zip(activity.layers, network.weight_layers, strict=True):
        _check_layer(entry, layer)


def _check_layer(entry: LayerActivity, layer: Layer) -> None:
    """Shapes of inputs and outputs, and whether the inputs are spikes, must be those of the network."""
    _check_shape(entry, "input", entry.inputs.shape[2:], layer.in_shapes[0])
    for name, tensor in entry.tensors():
        if name not in ("inputs", "input_needed"):
            _check_shape(entry, name, tensor.shape[2:], layer.out_shape)
    for name, values in entry.arrays():
        _check_shape(entry, name, values.shape[2:], layer.out_shape)
    if layer.in_formats[0].binary and not entry.binary_input:
        raise TraceError(
            f"layer {entry.layer!r}: the activity's input are real values, the network's are spikes",
            where=Where("activity"),
            remedy="record spikes, or put what makes them real (pooling, a sum) into the network",
        )


def _check_shape(entry: LayerActivity, name: str, found: tuple[int, ...], shape: tuple[int, int, int]) -> None:
    flat = (shape[0],) if shape[1:] == (1, 1) else shape
    if found not in (shape, flat):
        raise TraceError(
            f"layer {entry.layer!r}: the activity's {name} is {found}, the network's is {shape}",
            where=Where("activity"),
        )


def update_rule(experiment: ExperimentConfig) -> UpdateRule | None:
    """What pass U costs: the optimizer of the training, plain gradient descent where none is named."""
    if "U" not in {pass_.value for pass_ in experiment.workload.passes}:
        return None
    from simsnn.training.optimizer import SgdConfig

    config = experiment.activity
    optimizer = config.optimizer if isinstance(config, TrainConfig) else None
    if optimizer is None:
        optimizer = experiment.optimizer or SgdConfig(kind="sgd", learning_rate=0.01, momentum=0.0)
    return UpdateRule(optimizer.state_words, optimizer.update_counts)


def require_activity(experiment: ExperimentConfig) -> None:
    """Refuse to train an experiment that does not say how."""
    if not isinstance(experiment.activity, TrainConfig):
        kind = "none" if experiment.activity is None else experiment.activity.kind
        raise ConfigError(
            f"nothing to train: the activity is {kind}", where=Where("activity.kind"), value=kind, allowed=("train",)
        )
