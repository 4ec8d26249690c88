"""LUT engine: k binary inputs address a table of their partial sums (docs/machines section 4).

Timing lives in ``lut_plan.py`` over the recurrence of ``simsnn/kernels/lut.py``, counting in
``simsnn/kernels/lut_counting.py``; the register-level twin in ``simsnn/reference/lut.py``; their
comparison in ``lut_check.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from simsnn.energy.parts import AreaPart
from simsnn.engines.base import Capabilities, Dataflow, DatapathWidths, Plan, Refusal
from simsnn.engines.lut_area import area_parts
from simsnn.engines.lut_candidates import forward_plans, update_plans
from simsnn.engines.lut_config import LutConfig
from simsnn.engines.lut_work import LutWork
from simsnn.errors import UnsupportedOperation
from simsnn.workload.operation import GemmOperation, Operation, Pass

_FORWARD = (Pass.F, Pass.R)
_MAP = "map this pass to a systolic array or a dual-sparsity engine"
_MIXING = "mapping.parallel: {engine: a systolic array with pe: mac}"


class LutEngine:
    """A LUT engine of the machine; stateless, every operation gets a plan of its own.

    Parameters
    ----------
    config : LutConfig
        Its strict configuration.
    """

    kind: ClassVar[str] = "lut"
    model_version: ClassVar[int] = 1
    config_type: ClassVar[type[LutConfig]] = LutConfig

    def __init__(self, config: LutConfig) -> None:
        self.config = config
        self.name = config.name

    @property
    def capabilities(self) -> Capabilities:
        """Adds to the dW that stands in memory; scans gradient masks and spikes where it skips."""
        drops = self.config.skip_groups == "all_lanes"
        return Capabilities(
            mask_passes=frozenset({Pass.W}) if drops else frozenset(),
            accumulates_in_place=True,
            needs_activity=drops or bool(self.config.window),
        )

    def supports(self, operation: Operation) -> Refusal | None:
        """Refuse what has no bits to address a table with, and what the accumulators cannot hold."""
        if not isinstance(operation, GemmOperation):
            return Refusal("a LUT engine does no elementwise work", "map this pass to a vector unit")
        if operation.mixing is not None:
            return Refusal("a LUT is addressed by spikes, a T x T product has two real matrices", _MIXING)
        if operation.pass_ not in (*_FORWARD, Pass.W):
            return Refusal(f"a LUT is addressed by spikes, pass {operation.pass_.value} multiplies real values", _MAP)
        if operation.geometry is None and (operation.gemm is None or operation.pass_ is not Pass.F):
            return Refusal("a bare product has no weight update", _MAP)
        if not operation.left.binary:
            return self._not_bits(operation)
        if LutWork.of(operation, self.config.lanes).macs < 1:
            return Refusal("a product without elements is no work", "drop the operation")
        return self._room(operation)

    def _not_bits(self, operation: GemmOperation) -> Refusal:
        left = operation.left
        return Refusal(
            f"a LUT is addressed by bits, {left.tensor} has elements of {left.bits} bit",
            "use spikes (encoding: poisson or events, max_pool instead of avg_pool, a neuron that delivers them),"
            " or map this layer to a systolic array",
        )

    def _room(self, operation: GemmOperation) -> Refusal | None:
        """Refuse a pass without accumulators for it."""
        config = self.config
        if operation.pass_ in _FORWARD:
            if config.block_positions is not None:
                return None
            return Refusal("it has no accumulator buffer for forward sums", "give it block_positions")
        if config.accumulator_words is None:
            return Refusal("it has no dW accumulators", "give it accumulator_words and drain_width")
        work = LutWork.of(operation, config.lanes)
        lanes, taps = min(config.lanes, work.out_channels), work.geometry.taps
        if taps * lanes <= config.accumulator_words:
            return None
        return Refusal(
            f"one input channel of {taps} kernel positions in {lanes} lanes needs {taps * lanes:,} dW words,"
            f" accumulator_words is {config.accumulator_words:,}",
            f"accumulator_words: {taps * lanes:,} or more, or fewer lanes",
        )

    def candidates(self, operation: Operation, dataflow: Dataflow | None = None) -> Iterator[Plan]:  # noqa: ARG002
        """Plans with ever smaller chunks, coarse ones first, independent of buffer sizes.

        Raises
        ------
        UnsupportedOperation
            If the operation is refused.
        """
        refusal = self.supports(operation)
        if refusal is not None or not isinstance(operation, GemmOperation):
            reason = refusal or Refusal("not a product")
            raise UnsupportedOperation(f"{self.name}: {reason.reason}", remedy=reason.remedy)
        work = LutWork.of(operation, self.config.lanes)
        yield from (forward_plans if operation.pass_ in _FORWARD else update_plans)(self.config, work)

    def area_parts(self, widths: DatapathWidths) -> tuple[AreaPart, ...]:
        """Tables and their ports, builders, operand buffers, trees, accumulators, drain, scanner, feeder."""
        return area_parts(self.config, widths)
