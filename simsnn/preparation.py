"""From an experiment to mapped operations on one machine, with everything checked and priced before training."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Iterator
from dataclasses import dataclass, replace

from simsnn.activities import ResolvedActivity, unrecorded_gradients, update_rule
from simsnn.config.experiment import ExperimentConfig, ParallelChoice
from simsnn.config.resolve import canonical, content_hash
from simsnn.costs import EngineCost
from simsnn.energy.area import AreaModel
from simsnn.energy.model import EnergyModel
from simsnn.engines.base import DatapathWidths
from simsnn.engines.gpu import MODEL_VERSION as GPU_MODEL_VERSION
from simsnn.errors import ConfigError, ModelDisagreement, Where
from simsnn.mapping.build import map_operations
from simsnn.mapping.machine import Machine
from simsnn.mapping.mapped import MappedOperation
from simsnn.mapping.search import Together, anywhere
from simsnn.mapping.unit_forms import UnitForms
from simsnn.refusals import check_activity, check_clock, check_order, check_prices, check_size
from simsnn.results.report import Provenance
from simsnn.schedule.engine_pipeline import EnginePipeline
from simsnn.training.config import TrainConfig
from simsnn.workload.backward_modes import BlockReversible, LayerCheckpoint, TemporalReversible
from simsnn.workload.encoding import Encoding
from simsnn.workload.network import Format, Network, build_network
from simsnn.workload.operation import ConvGeometry, GemmOperation, Operation, Pass, VectorOperation
from simsnn.workload.parallel_forms import ParallelForms
from simsnn.workload.recompute import kept_stashes
from simsnn.workload.step_tensors import StepScope, Widths


def build_experiment_network(experiment: ExperimentConfig) -> Network:
    """Network of an experiment, with the operand formats that its encoding implies."""
    precision = experiment.precision
    binary = experiment.workload.encoding.binary
    input_format = Format.integer(1) if binary else Format.real(precision.input)
    return build_network(experiment.network, input_format, precision.partial_sum)


@dataclass(frozen=True)
class MappedStep:
    """The operations of a step on one machine: placed, cut, fused, with their prices."""

    experiment: ExperimentConfig
    network: Network
    machine: Machine
    energy: EnergyModel
    mapped: tuple[MappedOperation, ...]


def map_step(
    experiment: ExperimentConfig,
    network: Network,
    operations: tuple[Operation, ...],
    together: Together = anywhere,
) -> MappedStep:
    """Place and cut every operation on the experiment's machine, look up every price.

    Parameters
    ----------
    experiment : ExperimentConfig
        Names machine, mapping and price tables.
    network : Network
        What is trained.
    operations : tuple of Operation
        In program order.
    together : callable
        Which pairs of operations may be fused.

    Raises
    ------
    SimsnnError
        Whatever can be refused is refused here, before training.
    """
    machine = Machine.build(experiment.hardware)
    check_order(experiment, machine)
    check_activity(experiment, operations, machine)
    mapped = map_operations(operations, experiment.mapping, machine, together)
    energy = energy_model(experiment)
    check_clock(machine, energy)
    check_prices(mapped, energy)
    step = MappedStep(experiment, network, machine, energy, mapped)
    _look_up(step)
    return step


def step_scope(experiment: ExperimentConfig, passes: frozenset[Pass]) -> StepScope:
    """What one training step of an experiment covers."""
    workload = experiment.workload
    scope = StepScope(workload.timesteps, workload.batch, passes, workload.encoding, backward=workload.mode)
    return replace(scope, parallel=parallel_forms(experiment))


def parallel_forms(experiment: ExperimentConfig) -> ParallelForms:
    """How the parallel units of an experiment run."""
    mapping = experiment.mapping
    chosen = mapping.parallel or ParallelChoice()
    layers = {name: entry.parallel.form for name, entry in mapping.layers.items() if entry.parallel is not None}
    own = tuple((name, form) for name, form in layers.items() if form is not None)
    return ParallelForms(chosen.form, _copies(experiment, chosen), own)


def _copies(experiment: ExperimentConfig, chosen: ParallelChoice) -> int:
    """Copies of a T x T matrix on the diagonal: as asked for, or as many as the array's rows hold."""
    if chosen.copies != "most":
        return chosen.copies
    named = chosen.engine or (experiment.mapping.F.engine if experiment.mapping.F is not None else "")
    rows = next((getattr(array, "rows", 1) for array in experiment.hardware.arrays if array.name == named), 1)
    return int(max(1, rows // experiment.workload.timesteps))


def unit_forms(step: MappedStep) -> UnitForms:
    """Every way in which the parallel units of a mapped step could run on its machine."""
    experiment = step.experiment
    scope = step_scope(experiment, frozenset(experiment.workload.passes))
    return UnitForms(step.network, scope, step_widths(experiment), experiment.mapping, step.machine)


def step_widths(experiment: ExperimentConfig) -> Widths:
    """Stored widths of an experiment's operands."""
    precision = experiment.precision
    return Widths(
        precision.input,
        precision.weight,
        precision.membrane,
        precision.gradient,
        precision.partial_sum,
        precision.optimizer_state,
    )


def step_operations(experiment: ExperimentConfig, network: Network) -> tuple[Operation, ...]:
    """Operations of one training step in the order of the experiment's schedule."""
    passes = frozenset(experiment.workload.passes)
    if network.bare_gemms:
        if passes != {Pass.F}:
            raise ConfigError(
                "bare matrix products have no gradients", where=Where("workload.passes"), remedy="passes: [F]"
            )
        scope = StepScope(1, 1, passes, Encoding.DIRECT)
    else:
        scope = step_scope(experiment, passes)
    if Pass.W in passes and Pass.B not in passes and len(network.weight_layers) > 1:
        where = Where("workload.passes")
        raise ConfigError(
            "pass W of a layer needs the gradients that pass B of the next makes", where=where, remedy="add B"
        )
    operations = experiment.schedule.operations(network, scope, step_widths(experiment), update_rule(experiment))
    chosen = tuple(op for op in operations if _runs(op, passes))
    for operation in chosen:
        check_size(operation)
    return chosen


def _runs(operation: Operation, passes: frozenset[Pass]) -> bool:
    """Passes I, R and the vector work of B belong to W as well: all lead to the neuron-input gradients."""
    if operation.pass_ in (Pass.I, Pass.R) or (isinstance(operation, VectorOperation) and operation.pass_ is Pass.B):
        return bool(passes & {Pass.B, Pass.W})
    return operation.pass_ in passes


def area_model(prepared: MappedStep) -> AreaModel:
    """Areas at the machine's node, for the number format of its arithmetic."""
    node, prices = float(prepared.experiment.hardware.technology.node), prepared.energy
    return AreaModel.of(node, prices.sram, prices.arithmetic.number, prices.dram.name)


def energy_model(experiment: ExperimentConfig) -> EnergyModel:
    """Price tables of an experiment, looked up for its machine."""
    hardware, tables = experiment.hardware, experiment.energy
    return EnergyModel.of(
        arithmetic=tables.arithmetic,
        sram=tables.sram,
        dram=tables.dram,
        srams=hardware.srams,
        dram_components=(hardware.dram.name,),
        node_nm=float(hardware.technology.node),
    )


def with_activity(item: MappedOperation, activity: ResolvedActivity) -> MappedOperation:
    """A mapped operation with real spikes and masks in its plan; how it is cut stays as it was."""
    if not isinstance(item.operation, GemmOperation):
        return item
    plan = item.choice.plan.with_activity(activity.product(item.operation))
    return replace(item, choice=replace(item.choice, plan=plan))


def assumptions(prepared: MappedStep, activity: ResolvedActivity) -> tuple[str, ...]:
    """What this experiment makes the mapping assume, beyond what its engines say themselves."""
    experiment, found = prepared.experiment, []
    workload, bare = experiment.workload, prepared.network.bare_gemms
    if not bare and workload.encoding is Encoding.DIRECT and workload.timesteps > 1:
        found.append("direct encoding: the frame is stored and fetched once per time step")
    if experiment.schedule.kind == "step_by_step":
        found.append("step by step: the first step fetches a zero state, the last stores one that nobody reads")
    single = isinstance(workload.mode, LayerCheckpoint) and workload.mode.alone(prepared.network)
    kept = kept_stashes(prepared.network) if single and not bare else ()
    if kept:
        found.append(
            f"layer checkpoints: {', '.join(kept)} keep what they stash (one mask bit, or currents behind pooling)"
        )
    if isinstance(workload.mode, BlockReversible):
        found.append(
            "block_reversible: branches take their statistics again; what entered a sequence is given back too"
        )
    if isinstance(workload.mode, TemporalReversible):
        found.append("temporal_reversible: the first step is taken back like every other, to states that nobody reads")
    if any(array.transpose == "on_store" for array in experiment.hardware.arrays if hasattr(array, "transpose")):
        found.append("transpose on_store: writing and keeping the second copy costs nothing")
    if isinstance(experiment.schedule, EnginePipeline):
        found += experiment.schedule.remarks(workload.batch)
    products = [item.operation for item in prepared.mapped if isinstance(item.operation, GemmOperation)]
    gated = any(getattr(array, "pe", None) == "gated_add" for array in experiment.hardware.arrays)
    if gated and activity.activity is None and any(op.left.binary or op.right.binary for op in products):
        found.append("gated adders: without activity every input counts as a spike")
    found += unrecorded_gradients(_scanned(prepared), activity)
    strided = {layer.name for layer in prepared.network.weight_layers if _leaves_gaps(layer.geometry)}
    if any(op.pass_ is Pass.B and op.layer in strided for op in products):
        found.append("strided B: input pixels under no kernel tap are read as zeros that nothing wrote")
    return tuple(found)


def _scanned(prepared: MappedStep) -> Iterator[GemmOperation]:
    """Products on an engine that looks for zeros in the gradient."""
    for item in prepared.mapped:
        scans = prepared.machine.engines[item.placement.engine].capabilities.mask_passes
        if isinstance(item.operation, GemmOperation) and item.operation.pass_ in scans:
            yield item.operation


def _leaves_gaps(geometry: ConvGeometry) -> bool:
    """True where the stride jumps over input pixels."""
    return geometry.stride_h > geometry.kernel_h or geometry.stride_w > geometry.kernel_w


def datapath_widths(prepared: MappedStep) -> tuple[DatapathWidths, ...]:
    """Widest operands that each engine meets in this experiment, which is what its datapath must hold."""
    return tuple(_widths_of(index, prepared) for index in range(len(prepared.machine.engines)))


def _widths_of(engine: int, prepared: MappedStep) -> DatapathWidths:
    """An engine without products is as wide as the precision asks for; neurons count with what a lane holds."""
    precision = prepared.experiment.precision
    mine = [item.operation for item in prepared.mapped if item.placement.engine == engine]
    products = [operation for operation in mine if isinstance(operation, GemmOperation)]
    held = [operation.held_bits for operation in mine if isinstance(operation, VectorOperation)]
    return DatapathWidths(
        stationary=max((max(op.left.bits, op.right.bits) for op in products), default=precision.weight),
        streamed=max((min(op.left.bits, op.right.bits) for op in products), default=precision.input),
        arithmetic=precision.partial_sum,
        state=max([precision.membrane, *held]),
    )


_VERSIONED = ("numpy", "numba", "simpy", "pydantic")


def provenance(experiment: ExperimentConfig, activity: ResolvedActivity) -> Provenance:
    """What a result of this experiment rests on."""
    from simsnn import __version__

    versions = {"simsnn": __version__, "python": platform.python_version()}
    versions |= {name: importlib.metadata.version(name) for name in _VERSIONED}
    return Provenance(
        seed=experiment.seed,
        versions=versions,
        config_sha256=content_hash(canonical(experiment)),
        activity_sha256=activity.digest,
    )


def _look_up(prepared: MappedStep) -> None:
    """Every unit of the machine has an area and every action of the dense case a price, before anything is trained."""
    machine = prepared.machine
    engines = zip(machine.engines, datapath_widths(prepared), strict=True)
    parts = [part for engine, widths in engines for part in engine.area_parts(widths)]
    area_model(prepared).area_um2(parts, prepared.energy.srams)
    if isinstance(prepared.experiment.activity, TrainConfig):
        for item in prepared.mapped:
            prepared.energy.price_actions(item.choice.plan.cost().actions)


def check_cost(item: MappedOperation, cost: EngineCost, worked: int) -> None:
    """What the engine worked in the run, stalls apart, is its closed form: a chunked run adds nothing.

    A starved engine may convert hidden reloads into exposed ones, never the other way round. A plan
    that is not monotone, such as one with a dynamic queue, may deal its work out worse when it starves.
    """
    if worked > cost.cycles.accounted and getattr(item.choice.plan, "monotone", True):
        operation = item.operation
        raise ModelDisagreement(
            f"{operation.layer} {operation.pass_} {operation.part}: the run works {worked} cycles,"
            f" the closed form {cost.cycles.accounted}"
        )


def model_versions(prepared: MappedStep) -> dict[str, int]:
    """Version of every component whose change may change a result."""
    versions = {engine.kind: engine.model_version for engine in prepared.machine.engines}
    versions[f"schedule.{prepared.experiment.schedule.kind}"] = prepared.experiment.schedule.model_version
    versions[f"dram.{prepared.machine.dram.kind}"] = prepared.machine.dram.model_version
    if prepared.experiment.baselines is not None:
        versions["gpu"] = GPU_MODEL_VERSION
    for layer in prepared.network.layers:
        if layer.neuron is not None:
            versions[f"neuron.{layer.neuron.kind}"] = layer.neuron.model_version
    return dict(sorted(versions.items()))
