"""Which step task of a pipeline an operation belongs to (:mod:`simsnn.schedule.step_graph`).

A layer with weights takes along the layers behind it that have none, up to the next one with
weights, in both directions (:mod:`simsnn.workload.weight_groups`: a sum goes with the last layer that leads
there); layers before the first one with weights go with it. Task numbers
follow program order: F first to last, then B, W, U per layer, last to first.
"""

from __future__ import annotations

from dataclasses import dataclass

from simsnn.errors import UnsupportedOperation, Where
from simsnn.mapping.mapped import reads, writes
from simsnn.workload.network import Network
from simsnn.workload.operation import Operation, Pass
from simsnn.workload.weight_groups import weight_groups

PASSES = (Pass.F, Pass.B, Pass.W, Pass.U)
"""Passes that every layer of a pipeline has a task for."""


@dataclass(frozen=True)
class TaskNumbers:
    """Numbers of the step tasks of a network.

    Parameters
    ----------
    names : tuple of str
        Layers with weights, first to last.
    owner : dict of str to int
        Position in ``names`` of the layer that each layer of the network goes with.
    samples : int
        Samples of a micro-batch.
    """

    names: tuple[str, ...]
    owner: dict[str, int]
    samples: int

    @classmethod
    def of(cls, network: Network, samples: int) -> TaskNumbers:
        """Numbers for micro-batches of so many samples."""
        names = tuple(layer.name for layer in network.weight_layers)
        owner = zip((layer.name for layer in network.layers), weight_groups(network), strict=True)
        return cls(names, dict(owner), samples)

    @property
    def count(self) -> int:
        """How many tasks there are."""
        return len(PASSES) * len(self.names)

    def number(self, layer: int, pass_: Pass) -> int:
        """Number of a task; passes I and R are part of B."""
        if pass_ is Pass.F:
            return layer
        return len(self.names) + 3 * (len(self.names) - 1 - layer) + {Pass.W: 1, Pass.U: 2}.get(pass_, 0)

    def layer_and_pass(self, task: int) -> tuple[int, Pass]:
        """What a task is."""
        layers = len(self.names)
        if task < layers:
            return task, Pass.F
        back, which = divmod(task - layers, 3)
        return layers - 1 - back, PASSES[1 + which]

    def task_of(self, operation: Operation) -> int:
        """Task that an operation belongs to; encoding belongs to the first layer."""
        return self.number(self.owner.get(operation.layer, 0), operation.pass_)

    def check_repeats(self, operations: tuple[Operation, ...], mode: str) -> None:
        """Refuse what is made again in the task of one layer and read in that of another which runs before it.

        Parameters
        ----------
        operations : tuple of Operation
            An iteration, in program order.
        mode : str
            Backward mode, for the message.

        Raises
        ------
        UnsupportedOperation
            Naming both layers.
        """
        made: dict[str, Operation] = {}
        for operation in operations:
            for operand in reads(operation):
                maker = made.get(operand.tensor)
                if maker is not None and self.task_of(maker) > self.task_of(operation):
                    raise UnsupportedOperation(
                        f"{mode}: what layer {maker.layer!r} makes again is read in the backward pass of layer"
                        f" {operation.layer!r}, whose task in a pipeline runs before that of {maker.layer!r}",
                        where=Where("workload.backward"),
                        value=mode,
                        remedy="use segments of one layer (every: 1) and no sums in front of neurons that are made"
                        " again, or a schedule of one machine such as layer_by_layer",
                    )
            if operation.pass_ in (Pass.I, Pass.R):
                made |= {operand.tensor: operation for operand in writes(operation)}

    def micro_batch_of(self, operation: Operation) -> int:
        """Micro-batch that an operation covers; 0 for work on weights alone."""
        return operation.extent.samples[0] // self.samples if operation.extent is not None else 0

    def together(self, first: Operation, second: Operation) -> bool:
        """Whether two operations belong to one task of one micro-batch."""
        return self.task_of(first) == self.task_of(second) and self.micro_batch_of(first) == self.micro_batch_of(second)
