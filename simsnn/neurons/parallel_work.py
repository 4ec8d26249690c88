"""What a parallel spiking unit asks of a machine: its T x T products, what it keeps, its operations.

Multiply-accumulates of one neuron over T steps, forward (dense; leaving out what the matrices hold as zero)::

    PSU            2 T^2    T^2                     = T(T+1)/2 + T(T-1)/2
    IPSU linear    T^2      T(T+1)/2                one merged matrix
    IPSU sigmoid   2 T^2    T^2
    RPSU           3 T^2    (3 T^2 + T)/2
    PSN            T^2      T^2
    masked PSN k   T^2      k T - k(k-1)/2
    sliding PSN k  T^2      k T - k(k-1)/2

None of these is typed in: they are sums over the unit's own :class:`UnitProduct` list. An addition belongs
to every multiply-accumulate; the elementwise additions (bias, sum of potential and reset) come on top.
So a PSN of N neurons takes T^2 N multiplies and (T^2 + T) N adds. Weights that are powers of two shift
instead of multiplying. Exact; proof: ``tests/unit/test_parallel_work.py``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from simsnn.costs import OperationCounts
from simsnn.errors import UnsupportedOperation


class ProductShape(StrEnum):
    """Where a T x T matrix may be other than zero."""

    LOWER = "lower"
    UPPER = "upper"
    FULL = "full"


class ProductKind(StrEnum):
    """``apply``: (T x T)(T x N). ``gradient``: (T x N)(N x T), summed over the neurons."""

    APPLY = "apply"
    GRADIENT = "gradient"


class Stashed(StrEnum):
    """A value per neuron and step that backward reads again, besides the spike."""

    CURRENT = "current"
    POTENTIAL = "potential"
    RESET_ESTIMATE = "reset_estimate"


class WorkForm(StrEnum):
    """How a unit is computed.

    ``dense``: T x T products, zeros included. ``triangle``: the same, zeros left out. ``recurrence``: step
    by step (PSU), or tap by tap (sliding PSN).
    """

    DENSE = "dense"
    TRIANGLE = "triangle"
    RECURRENCE = "recurrence"


@dataclass(frozen=True, slots=True)
class UnitProduct:
    """One product over time, for all neurons of a layer.

    Parameters
    ----------
    name : str
        What it makes.
    shape : ProductShape
        Of the T x T matrix; of the result where ``kind`` is ``gradient``.
    kind : ProductKind
        Matrix times rows, or rows times rows.
    timesteps, neurons : int
        T, N (neurons of the layer times samples).
    nonzeros : int
        Entries of the matrices that are not held at zero, of all ``stacked`` ones together.
    stacked : int
        Matrices side by side: ``apply`` forward, that many results from one reading of the same rows;
        backward, one sum of that many products.
    """

    name: str
    shape: ProductShape
    kind: ProductKind
    timesteps: int
    neurons: int
    nonzeros: int
    stacked: int = 1

    @property
    def dense_macs(self) -> int:
        """Multiply-accumulates, zeros included."""
        return self.stacked * self.timesteps**2 * self.neurons

    @property
    def macs(self) -> int:
        """Multiply-accumulates of what is not held at zero."""
        return self.nonzeros * self.neurons


class WorkingUnit(Protocol):
    """What the counting asks of a unit."""

    @property
    def kind(self) -> str:
        """Name in files."""

    @property
    def steps_form(self) -> bool:
        """True where ``forward_counts`` are those of the whole unit, step by step or tap by tap."""

    @property
    def forward_counts(self) -> OperationCounts:
        """Arithmetic of one neuron and step on a vector unit."""

    def elementwise_counts(self, backward: bool) -> OperationCounts:
        """Arithmetic of one neuron and step around the products."""

    def products(self, timesteps: int, neurons: int, backward: bool) -> tuple[UnitProduct, ...]:
        """Its products over time."""


@dataclass(frozen=True, slots=True)
class UnitWork:
    """Operations of a layer of units, or of a network's.

    Parameters
    ----------
    multiply, add, shift, sigmoid, compare : int
        How many.
    """

    multiply: int = 0
    add: int = 0
    shift: int = 0
    sigmoid: int = 0
    compare: int = 0

    def __add__(self, other: UnitWork) -> UnitWork:
        return UnitWork(
            self.multiply + other.multiply,
            self.add + other.add,
            self.shift + other.shift,
            self.sigmoid + other.sigmoid,
            self.compare + other.compare,
        )

    def energy_pj(self, multiply_pj: float, add_pj: float, shift_pj: float) -> float:
        """Energy of multiplies, adds and shifts alone, as neuron-level comparisons count it."""
        return self.multiply * multiply_pj + self.add * add_pj + self.shift * shift_pj


def triangle(timesteps: int) -> int:
    """Entries on and below the diagonal."""
    return timesteps * (timesteps + 1) // 2


def strict_triangle(timesteps: int) -> int:
    """Entries below the diagonal."""
    return timesteps * (timesteps - 1) // 2


def band(timesteps: int, order: int) -> int:
    """Entries on the diagonal and the order - 1 ones below it: k T - k(k-1)/2."""
    k = min(order, timesteps)
    return k * timesteps - k * (k - 1) // 2


def unit_work(unit: WorkingUnit, timesteps: int, neurons: int, form: WorkForm, shifts: bool = False) -> UnitWork:
    """Forward operations of a layer of N neurons over T steps.

    Parameters
    ----------
    unit : WorkingUnit
        The neuron model.
    timesteps, neurons : int
        T, N.
    form : WorkForm
        How it is computed.
    shifts : bool
        True: the matrices hold powers of two, so that a shift stands for each of their multiplies.

    Raises
    ------
    UnsupportedOperation
        For ``recurrence`` of a unit whose matrix is learned.
    """
    if form is WorkForm.RECURRENCE:
        return _stepwise(unit, timesteps * neurons, shifts)
    products = unit.products(timesteps, neurons, False)
    macs = sum(product.dense_macs if form is WorkForm.DENSE else product.macs for product in products)
    around = unit.elementwise_counts(False).times(timesteps * neurons)
    multiplies, moved = (0, macs) if shifts else (macs, 0)
    return UnitWork(multiplies + around.multiply, macs + around.add, moved, around.lookup, around.compare)


def _stepwise(unit: WorkingUnit, neuron_steps: int, shifts: bool) -> UnitWork:
    if not unit.steps_form:
        raise UnsupportedOperation(
            f"a {unit.kind} unit has no form without T x T products: every entry of its matrix is learned",
            value=WorkForm.RECURRENCE.value,
            allowed=(WorkForm.DENSE.value, WorkForm.TRIANGLE.value),
            remedy="psu and sliding_psn can be computed step by step",
        )
    counts = unit.forward_counts.times(neuron_steps)
    multiplies, moved = (0, counts.multiply) if shifts else (counts.multiply, 0)
    return UnitWork(multiplies, counts.add, moved, counts.lookup, counts.compare)


def network_work(
    layers: Iterable[tuple[WorkingUnit, int]], timesteps: int, form: WorkForm, shifts: bool = False
) -> UnitWork:
    """Sum of :func:`unit_work` over layers, each given as its unit and its number of neurons."""
    total = UnitWork()
    for unit, neurons in layers:
        total = total + unit_work(unit, timesteps, neurons, form, shifts)
    return total
