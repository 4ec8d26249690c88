"""Dual-sparsity backward engine: G groups of lanes that skip zero gradients and results nobody reads.

Source: docs/machines section 5. Time and counts live in ``dual_sparse_plan.py`` over the kernels
``simsnn/kernels/dual_sparse*.py``; the register-level twin in ``simsnn/reference/dual_sparse.py``; their
comparison in ``dual_sparse_check.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from simsnn.energy.parts import AreaPart, AreaUnit
from simsnn.engines.base import Capabilities, Dataflow, DatapathWidths, Refusal
from simsnn.engines.dual_sparse_config import DualSparseConfig, MaskUse
from simsnn.engines.dual_sparse_plan import DualSparsePlan
from simsnn.engines.dual_sparse_slices import least_words
from simsnn.engines.dual_sparse_tiles import Cut, cuts
from simsnn.engines.dual_sparse_work import dense_work
from simsnn.errors import UnsupportedOperation
from simsnn.workload.operation import GemmOperation, Operation, Pass


class DualSparseEngine:
    """The backward engine of the machine; stateless, every operation gets a plan of its own.

    Parameters
    ----------
    config : DualSparseConfig
        Its strict configuration.
    """

    kind: ClassVar[str] = "dual_sparse"
    model_version: ClassVar[int] = 1
    config_type: ClassVar[type[DualSparseConfig]] = DualSparseConfig

    def __init__(self, config: DualSparseConfig) -> None:
        self.config = config
        self.name = config.name

    @property
    def capabilities(self) -> Capabilities:
        """Scans the masks of pass B that its ``sparsity`` uses, and then needs to know them."""
        use = self.config.sparsity
        return Capabilities(
            mask_passes=frozenset({Pass.B}) if use is not MaskUse.NONE else frozenset(),
            needs_activity=use is not MaskUse.NONE,
            gradient_masks=use.input,
            needed_masks=use.output,
        )

    def supports(self, operation: Operation) -> Refusal | None:
        """Refuse all but pass B of a layer whose smallest weight slice fits a group."""
        if not isinstance(operation, GemmOperation):
            return Refusal("a dual-sparsity engine does no elementwise work", "map this pass to a vector unit")
        if operation.mixing is not None:
            return Refusal(
                "a T x T product has two real matrices, no pixels and no masks",
                "mapping.parallel: {engine: a systolic array with pe: mac}",
            )
        if operation.geometry is None:
            return Refusal("a bare product has no pixels and no masks", "map it to a systolic array")
        if operation.pass_ is not Pass.B:
            reason = f"a dual-sparsity engine computes the gradient towards the layer below, not pass {operation.pass_}"
            return Refusal(reason, f"map {operation.pass_} to a systolic array or a LUT engine")
        geometry, config = operation.geometry, self.config
        least = least_words(config, geometry)
        if least <= config.weight_words:
            return None
        return Refusal(
            f"{geometry.taps} taps x {config.lanes} lanes need {least} weight words, a group holds"
            f" {config.weight_words}",
            f"weight_words: {least} or more, or at most {config.weight_words // geometry.taps} lanes",
        )

    def plan(self, operation: Operation, cut: Cut | None = None) -> DualSparsePlan:
        """Plan of an operation, by default in one chunk per slice pair.

        Raises
        ------
        UnsupportedOperation
            If the operation is refused.
        """
        refusal = self.supports(operation)
        if refusal is not None or not isinstance(operation, GemmOperation) or operation.geometry is None:
            reason = refusal or Refusal("not a product")
            raise UnsupportedOperation(f"{self.name}: {reason.reason}", remedy=reason.remedy)
        geometry = operation.geometry
        whole = cut or Cut((0, operation.slots * geometry.in_pixels), by_sample=True)
        return DualSparsePlan(self.config, operation, geometry, whole, dense_work(self.config, operation, geometry))

    def candidates(self, operation: Operation, dataflow: Dataflow | None = None) -> Iterator[DualSparsePlan]:  # noqa: ARG002
        """Plans with ever smaller chunks: all samples, fewer of them, runs of blocks."""
        whole = self.plan(operation)
        for cut in cuts(self.config, whole.operation, whole.geometry):
            yield whole.recut(cut)

    def area_parts(self, widths: DatapathWidths) -> tuple[AreaPart, ...]:
        """Hardware of the engine; the copies of the weights, one set of banks per group, dominate it.

        V values per edge ask for V unrelated words of a bank, so every bank is there V times. Each of
        the two index lists of a group holds the largest field, a scanned word of z indices to a row,
        and one channel index per lane. A lane has a result register besides its accumulator.
        """
        config, weight, value, width = self.config, widths.stationary, widths.streamed, widths.arithmetic
        groups, lanes, per_edge = config.groups, config.lanes * config.groups, config.values_per_cycle
        words, index = -(-config.weight_words // config.bank_count), config.index_bits
        rows = -(-config.list_entries // config.scan_bits)
        parts = [
            AreaPart(self.name, AreaUnit.WEIGHT_BANK, (words, weight), config.bank_count * groups * per_edge),
            AreaPart(self.name, AreaUnit.MAC_PE, (weight, value, width), lanes * per_edge),
            AreaPart(self.name, AreaUnit.REGISTER, (width,), lanes),
            AreaPart(self.name, AreaUnit.SCANNER, (config.scan_bits,), groups),
            AreaPart(self.name, AreaUnit.ROW_MEMORY, (rows, config.scan_bits * index), 2 * groups),
            AreaPart(self.name, AreaUnit.REGISTER, (index,), 2 * lanes),
        ]
        if config.compact:
            crossbar = (config.bank_count, config.lanes, weight)
            parts.append(AreaPart(self.name, AreaUnit.CROSSBAR, crossbar, groups * per_edge))
        if config.dynamic:
            parts.append(AreaPart(self.name, AreaUnit.PRIORITY_ENCODER, (groups,), config.grants_per_cycle))
        return tuple(parts)
