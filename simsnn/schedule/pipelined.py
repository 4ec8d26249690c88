"""What every schedule of the pipelined kind has in common.

Such a schedule does not order operations but step tasks (:mod:`simsnn.schedule.step_graph`): its
``programs`` say which processor runs which task of which iteration. Inside a task the operations
stand layer by layer. A new schedule is a class below this one in a file of its own and a line in
:mod:`simsnn.schedule.registry`; tests/property/test_programs.py then checks its programs.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, get_args, get_origin

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from simsnn.config.quantities import StrictModel
from simsnn.errors import ConfigError, Where
from simsnn.workload.network import Network
from simsnn.workload.operation import Operation
from simsnn.workload.step_tensors import StepScope, UpdateRule, Widths
from simsnn.workload.training_step import layer_by_layer

Iterations = Annotated[int, Field(gt=0, le=2**16)]
MicroBatches = Annotated[int, Field(gt=0, le=2**10)]


class PipelinedModel(StrictModel):
    """Base of the pipelined schedules.

    Parameters
    ----------
    kind : str
        Name in the registry.
    iterations : int
        Iterations that are simulated.
    optimum : bool
        Whether the least largest load of whole tasks is looked for with a solver and, if proven, reported.
    """

    kind: str
    iterations: Iterations = 24
    optimum: bool = False

    pipelined: ClassVar[bool] = True
    needs_all_steps: ClassVar[bool] = True
    serial: ClassVar[bool] = False

    @field_validator("micro_batches", mode="before", check_fields=False)
    @classmethod
    def _whole_batches(cls, value: Any) -> Any:
        """A schedule that cuts no batch says why it takes no other number."""
        known = cls.model_fields["micro_batches"].annotation
        if get_origin(known) is Literal and value not in get_args(known):
            kind = cls.model_fields["kind"].default
            raise PydanticCustomError(
                "refused",
                "{value} micro-batches: schedule {kind} cuts no batch, the next batch is on its way before one is done",
                {
                    "value": str(value),
                    "kind": kind,
                    "allowed": ("1",),
                    "remedy": "leave micro_batches out, or choose schedule.kind gpipe or one_f_one_b",
                },
            )
        return value

    def operations(
        self, network: Network, scope: StepScope, widths: Widths, update: UpdateRule | None
    ) -> tuple[Operation, ...]:
        """Operations of one training step in program order, layer by layer."""
        return layer_by_layer(network, scope, widths, update)


def too_many_processors(kind: str, processors: int, pieces: int, what: str) -> ConfigError:
    """Refusal of a machine with more processors than there are pieces to deal out."""
    return ConfigError(
        f"schedule {kind} gives every processor at least one of the {pieces} {what}, there are {processors} processors",
        where=Where("hardware.processors"),
        value=processors,
        allowed=(f"1 to {pieces} processors",),
        remedy=f"count: {pieces} or fewer, a deeper network, or schedule.kind sequential, which leaves the rest idle",
    )
