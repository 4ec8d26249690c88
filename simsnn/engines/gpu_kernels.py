"""Which kernels a GPU launches for a training step, and what each computes and moves.

- ``eager``: every operation once per time step. A neuron is an unfused chain of elementwise
  kernels, each moving whole tensors; every time step adds its weight gradient to the sum.
- ``fused`` (and ``roofline``): time folded into the batch, one kernel per operation, the neuron's
  recurrence inside its kernel.

A GPU holds spikes and masks as dense tensors: every element takes a word (4 bytes in fp32, 2 in
fp16) and nothing is skipped. Operands move once per kernel: perfect caching inside a kernel, none
between kernels. What only an accelerator needs (masks scanned by a sparse engine) is not moved.
Proof: ``tests/unit/test_gpu.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from simsnn.costs import OperandClass
from simsnn.engines.gpu_table import GpuConstants
from simsnn.errors import UnsupportedOperation
from simsnn.workload.operation import Gemm, GemmOperation, Operand, Operation, Pass, TaskPart, VectorOperation

_ONCE_PER_STEP = frozenset({TaskPart.UPDATE, TaskPart.REDUCE})
"""Parts that work on weights: they do not repeat in time."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """One kind of kernel.

    Parameters
    ----------
    flops, bytes : float
        Arithmetic operations and memory traffic of one launch.
    launches : int
        How often it runs.
    product : Gemm or None
        Matrix product of one group; None for elementwise work.
    groups : int
        Groups of the product.
    """

    flops: float
    bytes: float
    launches: int = 1
    product: Gemm | None = None
    groups: int = 1


def eager_kernels(
    operations: tuple[Operation, ...], timesteps: int, word_bytes: int, constants: GpuConstants
) -> tuple[Kernel, ...]:
    """Kernels with one launch per operation and time step, elementwise chains unfused.

    Parameters
    ----------
    operations : tuple of Operation
        A training step whose operations each cover all time steps.
    timesteps : int
        T.
    word_bytes : int
        Bytes of one element, 2 or 4.
    constants : GpuConstants
        Lengths of the chains.

    Raises
    ------
    UnsupportedOperation
        For operations that cover a part of the time steps.
    """
    kernels: list[Kernel] = []
    for operation in operations:
        _check_time(operation, timesteps)
        if isinstance(operation, GemmOperation):
            kernels += _eager_product(operation, timesteps, word_bytes, constants)
        else:
            kernels.append(_eager_chain(operation, timesteps, word_bytes, constants))
    return tuple(kernels)


def fused_kernels(operations: tuple[Operation, ...], timesteps: int, word_bytes: int) -> tuple[Kernel, ...]:
    """Kernels with time folded into the batch, one launch per operation; arguments as above.

    Raises
    ------
    UnsupportedOperation
        For operations that cover a part of the time steps.
    """
    kernels = []
    for operation in operations:
        _check_time(operation, timesteps)
        if isinstance(operation, GemmOperation):
            kernels.append(_product(operation, 1, word_bytes))
        else:
            kernels.append(Kernel(_vector_flops(operation), _moved(operation, timesteps, 1, word_bytes)))
    return tuple(kernels)


def dense_macs(operation: GemmOperation) -> int:
    """Multiply-accumulates of the dense product: the same in F, B and W; padding counts as work."""
    if operation.mixing is not None:
        return Gemm(*operation.mixing.lengths(operation.slots)).macs
    if operation.geometry is None:
        assert operation.gemm is not None
        return operation.gemm.macs
    return operation.slots * operation.geometry.out_pixels * operation.geometry.weights


def _check_time(operation: Operation, timesteps: int) -> None:
    if not _repeats(operation) or operation.part is TaskPart.ENCODING or operation.timesteps == timesteps:
        return
    raise UnsupportedOperation(
        f"{operation.layer} {operation.pass_.value} {operation.part.value} covers {operation.timesteps} of"
        f" {timesteps} time steps: a GPU baseline is made of operations that cover all",
        value=operation.timesteps,
        remedy="build the operations layer by layer",
    )


def _repeats(operation: Operation) -> bool:
    """True for work that eager code does again in every time step."""
    if isinstance(operation, GemmOperation):
        return operation.geometry is not None
    return operation.part not in _ONCE_PER_STEP


def _eager_product(op: GemmOperation, timesteps: int, word: int, constants: GpuConstants) -> Iterator[Kernel]:
    launches = timesteps if _repeats(op) else 1
    yield _product(op, launches, word)
    if op.pass_ is Pass.W and launches > 1:
        weights = op.output.elements
        yield Kernel(weights, constants.chain_tensors * weights * word, launches - 1)


def _product(operation: GemmOperation, launches: int, word: int) -> Kernel:
    """One product cut into equal launches along time."""
    slots = operation.slots
    moved = sum(_share(o, slots, launches) * word for o in (operation.left, operation.right, operation.output))
    flops = 2 * dense_macs(operation) / launches
    groups = operation.geometry.groups if operation.geometry is not None else 1
    return Kernel(flops, moved, launches, _shape(operation, slots // launches), groups)


def _shape(operation: GemmOperation, slots: int) -> Gemm:
    """M x K x N of one group; pass B counts only the taps that meet an output pixel."""
    g = operation.geometry
    if operation.mixing is not None:
        return Gemm(*operation.mixing.lengths(operation.slots))
    if g is None:
        assert operation.gemm is not None
        return operation.gemm
    rows, inputs, outputs = slots * g.out_pixels, g.in_channels // g.groups, g.out_channels // g.groups
    if operation.pass_ is Pass.F:
        return Gemm(rows, g.taps * inputs, outputs)
    if operation.pass_ is Pass.W:
        return Gemm(g.taps * inputs, rows, outputs)
    depth = -(-g.out_pixels * g.taps * outputs // g.in_pixels)
    return Gemm(slots * g.in_pixels, depth, inputs)


def _eager_chain(op: VectorOperation, timesteps: int, word: int, constants: GpuConstants) -> Kernel:
    times = timesteps if _repeats(op) else 1
    length = _chain_length(op, constants)
    moved = _moved(op, timesteps, times, word) / length
    if length > 1:
        moved = max(moved, constants.chain_tensors * op.elements * op.steps / times * word)
    return Kernel(_vector_flops(op) / (times * length), moved, times * length)


def _chain_length(operation: VectorOperation, constants: GpuConstants) -> int:
    """Elementwise kernels that stand for an operation in one time step."""
    if operation.part is TaskPart.UPDATE:
        return constants.update_kernels
    if operation.part is not TaskPart.NEURON:
        return 1
    return constants.neuron_forward_kernels if operation.pass_ is Pass.F else constants.neuron_backward_kernels


def _vector_flops(operation: VectorOperation) -> float:
    return float(operation.counts.total * operation.elements * operation.steps)


def _moved(operation: VectorOperation, timesteps: int, launches: int, word: int) -> float:
    """Bytes of all operands of one launch."""
    slots = operation.slots * (timesteps if operation.part is TaskPart.ENCODING else 1)
    return sum(_share(o, slots, launches) * _element_bytes(o, word) for o in operation.reads + operation.writes)


def _share(operand: Operand, slots: int, launches: int) -> float:
    """Elements of one launch: what has all the slots is cut along time, the rest is needed whole."""
    return operand.elements / launches if operand.slots == slots else operand.elements


def _element_bytes(operand: Operand, word: int) -> int:
    """A word, or all the words that an optimizer keeps per weight."""
    if operand.role is not OperandClass.OPTIMIZER_STATE:
        return word
    return max(word, -(-operand.bits // 8))
