"""The operations of one training step, in program order.

F: encoding; per layer synapse product, normalisation, residual sum, neuron, pooling; loss.
B, W, U: layers in reverse; per layer pooling backward, sum of gradients where several layers read
one output, neuron backward (all t, descending), normalisation backward, then the synapse products
towards the layer below (B) and towards the weights (W); U after W. The first layer with weights
has no B product; its neuron backward remains (docs/machines section 8).

A batch that is cut into sample groups runs F and the backward operations group by group; only U
waits for all of them. Group i has buffer i mod ``in_flight`` of every tensor between engines, so
that a writer waits for the readers of the group that had the buffer before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from simsnn.errors import UnsupportedOperation, Where
from simsnn.workload.backward_modes import BlockReversible, Bptt, Ottt, Sltt, TemporalReversible
from simsnn.workload.backward_pass import BackwardPass
from simsnn.workload.forward_pass import ForwardPass
from simsnn.workload.mode_checks import check_all_steps, check_mode, check_scans
from simsnn.workload.network import Network
from simsnn.workload.operation import GemmOperation, Operation, Pass, TaskPart
from simsnn.workload.step_tensors import StepScope, UpdateRule, Widths


def layer_by_layer(
    network: Network, scope: StepScope, widths: Widths, update: UpdateRule | None
) -> tuple[Operation, ...]:
    """Every layer over all T before the next: weights are loaded once per pass, neurons stay resident."""
    _check(network, scope, "layer_by_layer")
    forward = ForwardPass(network, scope, widths)
    operations = forward.build() if Pass.F in scope.passes else []
    if forward.training:
        operations += BackwardPass(network, scope, widths).build(update)
    return tuple(operations)


def step_by_step(
    network: Network, scope: StepScope, widths: Widths, update: UpdateRule | None
) -> tuple[Operation, ...]:
    """Every time step through all layers before the next; membrane state crosses from step to step.

    Raises
    ------
    UnsupportedOperation
        For training-mode normalisation, whose statistics span time, and for modes that make things again.
    """
    _refuse_statistics(network, "all time steps, step_by_step has one at a time")
    check_all_steps(network, "step_by_step")
    mode = scope.backward
    if scope.training:
        check_mode(network, mode)
    if not isinstance(mode, Bptt | Sltt | Ottt | TemporalReversible):
        raise UnsupportedOperation(
            f"step_by_step: {mode.kind} makes things again, which cannot be done step by step",
            where=Where("workload.backward"),
            value=mode.kind,
            allowed=("bptt", "sltt", "ottt", "temporal_reversible"),
            remedy="use schedule.kind layer_by_layer or engine_pipeline",
        )
    if mode.online:
        return _online(network, scope, widths, update)
    single = scope.single_step()
    operations: list[Operation] = []
    if Pass.F in scope.passes:
        for step in range(scope.timesteps):
            operations += ForwardPass(network, single, widths, step).build()
    backward = [BackwardPass(network, single, widths, step) for step in reversed(range(scope.timesteps))]
    readouts = tuple(builder.edge(network.output.index) for builder in backward)
    if backward[0].training:
        for builder in backward:
            builder.accumulates = builder is not backward[0]
            builder.readouts = readouts
            operations += builder.build(None)
        operations += backward[-1].all_updates(update)
    return tuple(operations)


def _online(network: Network, scope: StepScope, widths: Widths, update: UpdateRule | None) -> tuple[Operation, ...]:
    """Every time step forward, its loss and its gradients, before the next; weights are updated behind the last."""
    single, operations = scope.single_step(), list[Operation]()
    for step in range(scope.timesteps):
        backward = BackwardPass(network, single, widths, step)
        backward.accumulates = step > 0
        operations += ForwardPass(network, single, widths, step).build() if Pass.F in scope.passes else []
        operations += backward.build(None) if backward.training else []
    return (*operations, *(backward.all_updates(update) if backward.training else ()))


@dataclass(frozen=True, slots=True)
class SampleGroups:
    """How a batch is cut into groups that follow one another.

    Parameters
    ----------
    samples : int
        Samples of a group; the last one may be smaller.
    in_flight : int
        Buffers between engines: groups that may be under way at once.
    interleaved : bool
        Whether F of the next group stands among the backward operations of this one.
    """

    samples: int
    in_flight: int
    interleaved: bool


def group_by_group(
    network: Network, scope: StepScope, widths: Widths, update: UpdateRule | None, cut: SampleGroups
) -> tuple[Operation, ...]:
    """Sample groups one after another through the same buffers; weights are updated once, after the last.

    F of group i + 1 is interleaved with the backward operations of group i in proportion to their
    dense work, so that a unit which serves both directions serves them in turn. The W product of
    a layer stands behind the neuron backward of the layer below, which waits for B alone.

    Raises
    ------
    UnsupportedOperation
        For training-mode normalisation over more than one group, whose statistics span the batch.
    """
    _check(network, scope, "engine_pipeline")
    scopes = scope.groups(cut.samples)
    if len(scopes) > 1:
        _refuse_statistics(
            network, f"the batch, engine_pipeline has {cut.samples} of its {scope.batch} samples at a time"
        )
    buffers = [number % cut.in_flight for number in range(len(scopes))]
    forward, backward = list[list[list[Operation]]](), list[list[list[Operation]]]()
    for part, buffer in zip(scopes, buffers, strict=True):
        builder = ForwardPass(network, part, widths, buffer=buffer)
        forward.append(builder.stages() if Pass.F in scope.passes else [])
        builder_back = BackwardPass(network, part, widths, buffer=buffer)
        builder_back.accumulates = part.first_sample > scope.first_sample
        backward.append(list(_products_behind(builder_back.stages())) if builder_back.training else [])
    stages = list(forward[0])
    for number, here in enumerate(backward):
        following = forward[number + 1] if number + 1 < len(scopes) else []
        overlaps = cut.interleaved and cut.in_flight > 1
        stages += _interleaved(here, following) if overlaps else [*here, *following]
    stages.append(BackwardPass(network, scope, widths).all_updates(update) if builder.training else [])
    return tuple(operation for stage in stages for operation in stage)


def micro_batches(
    network: Network, scope: StepScope, widths: Widths, update: UpdateRule | None, samples: int, schedule: str
) -> tuple[Operation, ...]:
    """One iteration of a pipeline: per micro-batch of so many samples F, B and W of every layer, then U.

    Every micro-batch has tensors of its own, under the same names; weight gradients are summed over
    them. Which processor does what, and when, is the business of a pipeline program.

    Raises
    ------
    UnsupportedOperation
        For training-mode normalisation over more than one micro-batch; names ``schedule``. For
        ``block_reversible``: a branch is made again as a whole, which no task of a single layer is.
    """
    _check(network, scope, schedule)
    if isinstance(scope.backward, BlockReversible):
        raise UnsupportedOperation(
            f"{schedule} runs the passes of every layer as tasks of their own, {scope.backward.kind} makes the layers"
            " of a branch again together",
            where=Where("workload.backward"),
            value=scope.backward.kind,
            remedy="use schedule.kind layer_by_layer or engine_pipeline, or another backward mode",
        )
    scopes = scope.groups(samples)
    if len(scopes) > 1:
        span = f"the batch, {schedule} has {samples} of its {scope.batch} samples at a time"
        _refuse_statistics(network, span, "schedule.micro_batches", "micro_batches: 1, or mode: frozen")
    operations: list[Operation] = []
    for part in scopes:
        backward = BackwardPass(network, part, widths)
        backward.accumulates = part.first_sample > scope.first_sample
        operations += ForwardPass(network, part, widths).build()
        operations += (operation for stage in backward.stages() for operation in stage)
    return (*operations, *BackwardPass(network, scope, widths).all_updates(update))


def _products_behind(stages: list[list[Operation]]) -> Iterator[list[Operation]]:
    """The same stages, the W products of each behind the next neuron backward."""
    held: list[Operation] = []
    for stage in stages:
        rest = [op for op in stage if op.pass_ is not Pass.W]
        if any(op.part is TaskPart.NEURON for op in stage):
            rest, held = rest + held, []
        held += [op for op in stage if op.pass_ is Pass.W]
        yield rest
    yield held


def _interleaved(first: list[list[Operation]], second: list[list[Operation]]) -> list[list[Operation]]:
    """Two programs in one, each in its order, by the share of their products that stands before a stage."""
    placed = [(share, which, stage) for which, part in enumerate((first, second)) for share, stage in _shares(part)]
    return [stage for _, _, stage in sorted(placed, key=lambda entry: entry[:2])]


def _shares(stages: list[list[Operation]]) -> Iterator[tuple[float, list[Operation]]]:
    total = sum(map(_dense_work, stages))
    before = 0
    for position, stage in enumerate(stages):
        yield (before / total if total else position / len(stages)), stage
        before += _dense_work(stage)


def _dense_work(stage: list[Operation]) -> int:
    """Multiply-accumulates of the dense products of a stage."""
    products = [op for op in stage if isinstance(op, GemmOperation) and op.geometry is not None]
    return sum(op.slots * op.geometry.out_pixels * op.geometry.weights for op in products if op.geometry is not None)


def _check(network: Network, scope: StepScope, schedule: str) -> None:
    """Refuse what the network does not allow, or a mode that is over with a time step before the next begins."""
    check_scans(network, scope.parallel)
    if scope.training:
        check_mode(network, scope.backward)
    if scope.backward.one_step_at_a_time:
        raise UnsupportedOperation(
            f"{schedule} runs all time steps of a layer together, {scope.backward.kind} one after another",
            where=Where("workload.backward"),
            value=scope.backward.kind,
            remedy="use schedule.kind step_by_step",
        )


def _refuse_statistics(
    network: Network,
    span: str,
    path: str = "",
    remedy: str = "use schedule.kind layer_by_layer, or mode: frozen",
) -> None:
    """Refuse training-mode normalisation where its statistics span more than one operation covers."""
    for layer in network.layers:
        if layer.kind == "batch_norm" and getattr(layer.config, "mode", "") == "training":
            raise UnsupportedOperation(
                f"layer {layer.name!r}: normalisation statistics span {span}",
                where=Where(path),
                remedy=remedy,
            )
