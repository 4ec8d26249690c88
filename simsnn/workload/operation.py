"""Operations: what one layer asks of the hardware in one pass, free of any machine.

Sources: docs/machines (passes of a training step; lowering). A synapse product is a
:class:`GemmOperation`; everything else (neuron recurrences, pooling, normalisation, loss,
optimizer update, re-adds) is a :class:`VectorOperation` with declared operation counts.

Rows of the streamed matrix are (b, t, y, x), x fastest; a *slot* is one (sample, time step)
pair, so an operation over a batch has ``slots = B * T`` of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from simsnn.costs import OperandClass, OperationCounts
from simsnn.workload.mixing import Mixing as Mixing


class Pass(StrEnum):
    """Passes of a training step (docs/machines section 8)."""

    F = "F"
    B = "B"
    W = "W"
    U = "U"
    I = "I"  # noqa: E741 - the name of the inverse pass in the contract
    R = "R"


class TaskPart(StrEnum):
    """Which part of a pass a task does (docs/contracts: report.json ``part``)."""

    SYNAPSE = "synapse"
    MIXING = "mixing"
    NEURON = "neuron"
    ESTIMATE = "estimate"
    POOL = "pool"
    STATISTICS = "statistics"
    NORMALISATION = "normalisation"
    RESIDUAL = "residual"
    LOSS = "loss"
    ENCODING = "encoding"
    UPDATE = "update"
    SCATTER = "scatter"
    TRACE = "trace"
    REDUCE = "reduce"


class SlotAxis(StrEnum):
    """GEMM dimension along which slots (samples and time steps) are laid out."""

    M = "m"
    K = "k"
    N = "n"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Gemm:
    """One matrix product (M x K)(K x N)."""

    m: int
    k: int
    n: int

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the dense product."""
        return self.m * self.k * self.n


@dataclass(frozen=True, slots=True)
class ConvGeometry:
    """Shape of a convolution or linear layer; linear is 1x1 on one pixel, conv1d has height 1.

    All of ``*_h, *_w`` are (rows, columns) of the feature map; channels are totals over groups.
    """

    in_channels: int
    in_h: int
    in_w: int
    out_channels: int
    kernel_h: int = 1
    kernel_w: int = 1
    stride_h: int = 1
    stride_w: int = 1
    padding_h: int = 0
    padding_w: int = 0
    dilation_h: int = 1
    dilation_w: int = 1
    groups: int = 1

    @property
    def out_h(self) -> int:
        """Output rows."""
        return (self.in_h + 2 * self.padding_h - self.dilation_h * (self.kernel_h - 1) - 1) // self.stride_h + 1

    @property
    def out_w(self) -> int:
        """Output columns."""
        return (self.in_w + 2 * self.padding_w - self.dilation_w * (self.kernel_w - 1) - 1) // self.stride_w + 1

    @property
    def taps(self) -> int:
        """Kernel positions KK."""
        return self.kernel_h * self.kernel_w

    @property
    def in_pixels(self) -> int:
        """Input pixels Ei of one slot."""
        return self.in_h * self.in_w

    @property
    def out_pixels(self) -> int:
        """Output pixels Eo of one slot."""
        return self.out_h * self.out_w

    @property
    def weights(self) -> int:
        """Number of weights."""
        return self.taps * (self.in_channels // self.groups) * self.out_channels


@dataclass(frozen=True, slots=True)
class Operand:
    """One tensor as an operation reads or writes it.

    Parameters
    ----------
    tensor : str
        Name of the tensor, the same for its producer and every consumer (``conv1.current``).
    role : OperandClass
        Which memory holds it.
    elements : int
        Elements of the whole tensor, all samples and time steps.
    bits : int
        Stored bits of one element.
    binary : bool
        True for spikes and masks: every element is 0 or 1.
    slots : int
        Slots (sample, time step) along which it can be cut; 1 for weights and other state.
    """

    tensor: str
    role: OperandClass
    elements: int
    bits: int
    binary: bool = False
    slots: int = 1

    @property
    def bytes(self) -> int:
        """Stored bytes of the whole tensor, each slot rounded up to whole bytes."""
        return self.slots * self.slot_bytes

    @property
    def slot_bytes(self) -> int:
        """Stored bytes of one slot."""
        return (self.elements // self.slots * self.bits + 7) // 8


@dataclass(frozen=True, slots=True)
class Extent:
    """Which samples and time steps of the training step an operation covers; both half-open."""

    samples: tuple[int, int]
    steps: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Sparsity:
    """Zeros of a backward product that are known before it runs, one bit per element.

    Parameters
    ----------
    gradient : Operand
        Where the gradient towards the neuron input is not exactly zero.
    needed : Operand or None
        Where anything reads the gradient that pass B makes: the surrogate of the neuron below,
        routed through pooling. None for pass W, and where an entry would not be legal to skip.
    source : str
        Tensor whose writer knows ``needed``: the input of the layer.
    refusal : str
        Why ``needed`` is None in pass B; empty otherwise.
    """

    gradient: Operand
    needed: Operand | None = None
    source: str = ""
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class GemmOperation:
    """A synapse product of one layer in pass F, B or W, a T x T product of its neurons, or a bare GEMM.

    Parameters
    ----------
    layer, pass_ : str, Pass
        Where it comes from.
    slots : int
        B * T; B for a T x T product; 1 for a bare GEMM.
    geometry : ConvGeometry or None
        Convolution shape, from which the engine lowers; None for a bare GEMM.
    gemm : Gemm or None
        The product of a bare GEMM; None for a convolution.
    left, right, output : Operand
        Streamed or stationary operands as in docs/machines section 3: F spikes x weights,
        B gradients x weights, W spikes x gradients.
    timesteps : int
        T, so that a cut at sample boundaries is a multiple of T slots.
    extent : Extent or None
        Part of the training step it covers; None for a bare GEMM.
    sparsity : Sparsity or None
        Known zeros of passes B and W.
    masks : tuple of Operand
        Masks of ``sparsity`` that the engine scans; the mapper fills them in.
    accumulates : bool
        Pass W: a weight gradient already stands in memory, and this one is added to it.
    mixing : Mixing or None
        The T x T product; ``geometry`` and ``gemm`` are None then. ``apply``: left is the matrix, right X;
        ``gradient``: left dV, right X.
    """

    layer: str
    pass_: Pass
    slots: int
    geometry: ConvGeometry | None
    gemm: Gemm | None
    left: Operand
    right: Operand
    output: Operand
    timesteps: int = 1
    extent: Extent | None = None
    sparsity: Sparsity | None = None
    masks: tuple[Operand, ...] = ()
    accumulates: bool = False
    mixing: Mixing | None = None

    @property
    def part(self) -> TaskPart:
        """A synapse product, or one of the neurons' own."""
        return TaskPart.SYNAPSE if self.mixing is None else TaskPart.MIXING

    @property
    def slot_axis(self) -> SlotAxis:
        """GEMM dimension that the slots extend."""
        if self.mixing is not None:
            return SlotAxis.N if self.mixing.kind == "apply" else SlotAxis.K
        if self.geometry is None:
            return SlotAxis.NONE
        return SlotAxis.K if self.pass_ is Pass.W else SlotAxis.M

    @property
    def cut_slots(self) -> int:
        """Slots at whose bounds the product can be cut; 1 where a packed column holds neurons of two samples."""
        if self.mixing is not None and self.mixing.neurons % self.mixing.copies:
            return 1
        return self.slots

    @property
    def cut_timesteps(self) -> int:
        """Slots that a cut should keep together: the time steps of a sample; a slot of a mixing holds them all."""
        return self.timesteps if self.mixing is None else 1

    @property
    def refined_axis(self) -> SlotAxis:
        """GEMM dimension that is cut further where one slot is too large: rows, or the neurons of a T x T product."""
        return SlotAxis.M if self.mixing is None else self.slot_axis

    @property
    def multiplies(self) -> bool:
        """True when both operands are real, so that gated adds cannot do the work."""
        return not (self.left.binary or self.right.binary)


@dataclass(frozen=True, slots=True)
class VectorOperation:
    """An elementwise, recurrent or reducing pass on the vector unit.

    Parameters
    ----------
    layer, pass_, part : str, Pass, TaskPart
        Where it comes from.
    elements : int
        Elements of one step: neurons x batch, pixels x channels x batch, or weights.
    steps : int
        Time steps that depend on one another; 1 where nothing recurs (then all samples and
        time steps are in ``elements``).
    counts : OperationCounts
        Arithmetic per element and step.
    bits : int
        Width of the arithmetic.
    reads, writes : tuple of Operand
        Tensors read and written once over the whole operation.
    state_bits : int
        Bits of recurrent state per element (membrane, carried gradient); 0 where none.
    reverse : bool
        Time runs backwards.
    slots : int
        B * T slots the operation covers, for cutting; 1 when it cannot be cut (weights).
    timesteps : int
        T of the tensors it touches.
    extent : Extent or None
        Part of the training step it covers; None for work on weights.
    kept_bits : int
        Bits per element and step that are written once and read once later within the operation:
        potentials that are recomputed before the backward steps use them.
    chains : int
        Chains of operations that a step of one element runs through one behind the other, each as long
        as the pipeline: 2 where the second half of a pair waits for the first.
    scan : int
        Chained first-order linear recurrences over ``steps`` that a scan network does across lanes
        (a vector unit with ``scan: true``); 0 where a recurrence runs step by step. ``counts`` are
        the elementwise arithmetic without the multiply and add of the recurrences, ``state_bits`` the
        carries of all of them.
    """

    layer: str
    pass_: Pass
    part: TaskPart
    elements: int
    steps: int
    counts: OperationCounts
    bits: int
    reads: tuple[Operand, ...]
    writes: tuple[Operand, ...]
    state_bits: int = 0
    reverse: bool = False
    slots: int = 1
    timesteps: int = 1
    extent: Extent | None = None
    kept_bits: int = 0
    chains: int = 1
    scan: int = 0

    @property
    def held_bits(self) -> int:
        """State of one element, with what is kept of every step."""
        return self.state_bits + self.steps * self.kept_bits


Operation = GemmOperation | VectorOperation
