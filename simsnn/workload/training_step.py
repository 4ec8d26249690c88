"""The operations of one training step, in program order.

F: encoding; per layer synapse product, normalisation, residual sum, neuron, pooling; loss.
B, W, U: layers in reverse; per layer pooling backward, sum of gradients where several layers read
one output, neuron backward (all t, descending), normalisation backward, then the synapse products
towards the layer below (B) and towards the weights (W); U after W. The first layer with weights
has no B product; its neuron backward remains (docs/machines section 8).
"""

from __future__ import annotations

from simsnn.errors import UnsupportedOperation
from simsnn.workload.backward_pass import BackwardPass
from simsnn.workload.forward_pass import ForwardPass
from simsnn.workload.network import Network
from simsnn.workload.operation import Operation, Pass
from simsnn.workload.step_tensors import StepScope, UpdateRule, Widths


def layer_by_layer(
    network: Network, scope: StepScope, widths: Widths, update: UpdateRule | None
) -> tuple[Operation, ...]:
    """Every layer over all T before the next: weights are loaded once per pass, neurons stay resident."""
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
        For training-mode normalisation, whose statistics span time.
    """
    for layer in network.layers:
        if layer.kind == "batch_norm" and getattr(layer.config, "mode", "") == "training":
            raise UnsupportedOperation(
                f"layer {layer.name!r}: normalisation statistics span all time steps, step_by_step has one at a time",
                remedy="use schedule.kind layer_by_layer, or mode: frozen",
            )
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
