"""Systolic array of R rows x C columns: weight, input or output stationary.

Source: docs/machines section 3. Timing lives in ``systolic_plan.py`` over the recurrences of
``simsnn/kernels/folds.py``; the register-level twin in ``simsnn/reference/systolic.py``; their
comparison in ``systolic_check.py``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from simsnn.energy.parts import AreaPart, AreaUnit
from simsnn.engines.base import Capabilities, Dataflow, DatapathWidths, Refusal
from simsnn.engines.systolic_blocking import Blocking
from simsnn.engines.systolic_candidates import blockings
from simsnn.engines.systolic_config import Buffering, Drain, FoldOrder, PartialSums, ProcessingElement, SystolicConfig
from simsnn.engines.systolic_mixing import blocks_columns, column_blocks, unfit_copies
from simsnn.engines.systolic_plan import Cuts, SystolicPlan
from simsnn.engines.systolic_reference import OperandPair, run_plan
from simsnn.errors import ConfigError, UnsupportedOperation
from simsnn.reference.systolic import SystolicRun
from simsnn.workload.lowering import lower
from simsnn.workload.operation import Gemm, GemmOperation, Operation

MOST_COMPARED = 256
"""Plans with more chunks are hardly ever looked at, so that comparing them would cost more than it saves."""
_MAC_REMEDY = "map it to an array with pe: mac"


class SystolicEngine:
    """A systolic array of the machine; stateless, every operation gets a plan of its own.

    Parameters
    ----------
    config : SystolicConfig
        Its strict configuration.
    """

    kind: ClassVar[str] = "systolic"
    model_version: ClassVar[int] = 1
    config_type: ClassVar[type[SystolicConfig]] = SystolicConfig

    def __init__(self, config: SystolicConfig) -> None:
        self.config = config
        self.name = config.name

    @property
    def capabilities(self) -> Capabilities:
        """Dense products only."""
        return Capabilities()

    def supports(self, operation: Operation) -> Refusal | None:
        """Refuse vector work, empty products, and on gated adders every product that multiplies."""
        if not isinstance(operation, GemmOperation):
            return Refusal("a systolic array does no elementwise work", "map this pass to a vector unit")
        gemms = self.gemms(operation)
        if not gemms or any(min(gemm.m, gemm.k, gemm.n) < 1 for gemm in gemms):
            return Refusal("a product without elements is no work", "drop the operation")
        unfit = unfit_copies(operation.mixing, self.config.rows)
        if unfit is not None:
            return unfit
        if self.config.pe is ProcessingElement.MAC or not operation.multiplies:
            return None
        left, right = operation.left, operation.right
        kinds = f"{left.bits} bit {left.role.value} and {right.bits} bit {right.role.value}"
        return Refusal(f"gated adders need one binary operand, this product multiplies {kinds}", _MAC_REMEDY)

    def offers(self, dataflow: Dataflow) -> Refusal | None:
        """Refuse a dataflow that the configuration does not list."""
        if dataflow in self.config.dataflows:
            return None
        offered = ", ".join(flow.value for flow in self.config.dataflows)
        return Refusal(f"dataflow {dataflow.value} is not offered", f"choose one of {offered} or list it in dataflows")

    def gemms(self, operation: GemmOperation) -> tuple[Gemm, ...]:
        """Products of an operation in fold-list order."""
        if operation.geometry is not None:
            return lower(operation.geometry, operation.pass_, self.config.b_lowering, operation.slots)
        if operation.mixing is not None:
            return (Gemm(*operation.mixing.lengths(operation.slots)),)
        return (operation.gemm,) if operation.gemm is not None else ()

    def plan(
        self,
        operation: Operation,
        dataflow: Dataflow | None = None,
        blocking: Blocking = Blocking(),
        gemms: tuple[Gemm, ...] | None = None,
        nonzeros: int | None = None,
    ) -> SystolicPlan:
        """Cut an operation; ``gemms`` are its products where the caller has lowered it already.

        Raises
        ------
        UnsupportedOperation
            If the operation or the dataflow is refused.
        ConfigError
            If the blocking or the accumulator cannot serve it.
        """
        flow = dataflow or self.config.dataflows[0]
        refusal = self.supports(operation) or self.offers(flow)
        if refusal is not None or not isinstance(operation, GemmOperation):
            reason = refusal or Refusal("not a product")
            raise UnsupportedOperation(f"{self.name}: {reason.reason}", remedy=reason.remedy)
        products = gemms if gemms is not None else self.gemms(operation)
        if blocks_columns(operation, flow, blocking):
            products = column_blocks(operation, self.gemms(operation)[0], blocking)
        return SystolicPlan(self.config, operation, flow, blocking, products, nonzeros)

    def reference(
        self, plan: SystolicPlan, operands: Sequence[OperandPair], ready: Sequence[int] | None = None
    ) -> SystolicRun:
        """Step the register-level twin through a plan on integer operands.

        Parameters
        ----------
        plan : SystolicPlan
            A plan of this array.
        operands : sequence of (left, right), int64, shapes (M, K) and (K, N)
            One pair per product of the plan.
        ready : sequence of int, optional
            Ready time of every chunk in cycles; 0 throughout if absent.

        Raises
        ------
        ConfigError
            If a partial sum does not fit ``acc_width``: the results would have wrapped.
        """
        run = run_plan(plan, operands, ready)
        if run.overflows(self.config.acc_width):
            largest = max(int((abs(left) @ abs(right)).max()) for left, right in operands)
            raise ConfigError(
                f"{self.name}: a partial sum overflows acc_width",
                value=f"{self.config.acc_width} bit",
                remedy=f"set acc_width to {largest.bit_length() + 1} bit, which holds these sums in any order",
            )
        return run

    def candidates(self, operation: Operation, dataflow: Dataflow | None = None) -> Iterator[SystolicPlan]:
        """Plans with ever smaller chunks, independent of buffer sizes, coarse ones first.

        Slot blocks and folds per chunk may cut the same axis, so that several blockings are one cut: the first
        of them stands for all.
        """
        cuts: set[Cuts] = set()
        whole = self.plan(operation, dataflow)
        for blocking in dict.fromkeys(blockings(whole)):
            plan = self._recut(whole, blocking)
            if plan.least_chunks <= MOST_COMPARED:
                if plan.cuts in cuts:
                    continue
                cuts.add(plan.cuts)
            yield plan

    def coarse(self, operation: Operation, dataflow: Dataflow | None, most_chunks: int) -> tuple[SystolicPlan, ...]:
        """The operation in one piece, then the other candidates of at most so many chunks, in their order.

        How many chunks a blocking makes is known before it is laid out, so this costs little where few are asked
        for. Empty where only :meth:`candidates` knows: with T x T products, and where a finer cut may be refused.
        """
        whole = self.plan(operation, dataflow)
        live = whole.dataflow is Dataflow.IS and self.config.fold_order is FoldOrder.N_INNER
        if whole.operation.mixing is not None or live:
            return ()
        if most_chunks == 1:  # whatever else is cut off makes a chunk of its own
            return (whole,)
        found, cuts = [whole], {whole.cuts}
        for blocking in dict.fromkeys(blockings(whole)):
            if blocking == whole.blocking:
                continue
            plan = self._recut(whole, blocking)
            if plan.chunk_count <= most_chunks and plan.cuts not in cuts:
                cuts.add(plan.cuts)
                found.append(plan)
        return tuple(found)

    def _recut(self, whole: SystolicPlan, blocking: Blocking) -> SystolicPlan:
        """The operation of a plan in other pieces; whether it is refused was asked before."""
        if blocks_columns(whole.operation, whole.dataflow, blocking):
            return self.plan(whole.operation, whole.dataflow, blocking, whole.gemms)
        plan = SystolicPlan(self.config, whole.operation, whole.dataflow, blocking, whole.gemms)
        plan.__dict__.update(groups=whole.groups, period=whole.period, products=whole.products)
        return plan

    def area_parts(self, widths: DatapathWidths) -> tuple[AreaPart, ...]:
        """Hardware of the array at given operand widths.

        Shadow registers, drain registers and the accumulator are charged where the switches ask
        for them; skew and deskew registers are R(R-1)/2 operands and C(C-1)/2 partial sums.
        """
        config, weight_bits, streamed_bits = self.config, widths.stationary, widths.streamed
        rows, columns, width = config.rows, config.columns, config.acc_width
        elements = rows * columns
        element = AreaPart(self.name, AreaUnit.GATED_ADD_PE, (weight_bits, width), elements)
        if config.pe is ProcessingElement.MAC:
            element = AreaPart(self.name, AreaUnit.MAC_PE, (weight_bits, streamed_bits, width), elements)
        parts = [
            element,
            AreaPart(self.name, AreaUnit.REGISTER, (streamed_bits,), max(1, rows * (rows - 1) // 2)),
            AreaPart(self.name, AreaUnit.REGISTER, (width,), max(1, columns * (columns - 1) // 2)),
        ]
        stationary = Dataflow.WS in config.dataflows or Dataflow.IS in config.dataflows
        if stationary and config.stationary_buffering is Buffering.DOUBLE:
            parts.append(AreaPart(self.name, AreaUnit.REGISTER, (weight_bits,), elements))
        if Dataflow.OS in config.dataflows and config.drain is Drain.OVERLAPPED:
            parts.append(AreaPart(self.name, AreaUnit.REGISTER, (width,), elements))
        if stationary and config.psum is PartialSums.ACCUMULATE:
            parts.append(AreaPart(self.name, AreaUnit.ROW_MEMORY, (config.acc_rows, width), columns))
        return tuple(parts)
