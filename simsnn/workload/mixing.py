"""The T x T products of parallel spiking units: shape, lowering, useful work.

Source: docs/machines section 6 (parallel units). Proof: ``tests/reference/test_mixing.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from simsnn.errors import ConfigError, nearest
from simsnn.neurons.parallel_work import ProductKind, ProductShape

MixingShape = ProductShape | Literal["lower", "upper", "full"]
"""Which entries of the T x T matrix may differ from zero: t' <= t (causal), t' >= t (its transpose), all."""

MixingKind = ProductKind | Literal["apply", "gradient"]


@dataclass(frozen=True, slots=True)
class Mixing:
    """The T x T product of a parallel unit: one matrix mixes the time steps of every neuron.

    ``apply``: Y (T x N) = A (T x T) X (T x N), columns are (sample, neuron), neuron fastest.
    ``gradient``: dA (T x T) = dV (T x N) X^T (N x T), summed over the N columns; the entries
    outside ``shape`` are made as well and belong to nobody.

    Parameters
    ----------
    timesteps : int
        T.
    neurons : int
        Neurons of one sample; N = samples * neurons, the samples are the operation's ``slots``.
    shape : "lower", "upper" or "full"
        Entries of the matrix that may differ from zero.
    kind : "apply" or "gradient"
        Which product.
    copies : int
        ``apply`` alone: copies of the matrix on the block diagonal. Column j of the packed product
        holds the neurons copies * j to copies * (j + 1) - 1, one per copy, so that a run of
        columns is a run of neurons; all other blocks are zero.

    Raises
    ------
    ConfigError
        For an unknown shape or kind, a size below one, or copies of a gradient.
    """

    timesteps: int
    neurons: int
    shape: MixingShape = "full"
    kind: MixingKind = "apply"
    copies: int = 1

    def __post_init__(self) -> None:
        for name, members in (("shape", ProductShape), ("kind", ProductKind)):
            value, allowed = getattr(self, name), tuple(member.value for member in members)
            if value not in allowed:
                close = nearest(str(value), allowed)
                raise ConfigError(f"mixing: {name} {value!r} is unknown", value=value, allowed=allowed, nearest=close)
        for name in ("timesteps", "neurons", "copies"):
            if getattr(self, name) < 1:
                raise ConfigError(f"mixing: {name} is {getattr(self, name)}, at least 1 is needed")
        if self.copies > 1 and self.kind == "gradient":
            raise ConfigError(
                "mixing: a gradient has one matrix, not several copies", value=self.copies, remedy="leave copies at 1"
            )

    def lengths(self, samples: int) -> tuple[int, int, int]:
        """M, K and N of the product over ``samples`` samples, zero blocks of the copies included."""
        steps, columns = self.timesteps, samples * self.neurons
        if self.kind == "gradient":
            return steps, columns, steps
        return self.copies * steps, self.copies * steps, -(-columns // self.copies)

    def useful_macs(self, samples: int) -> int:
        """Multiply-accumulates with entries inside ``shape``, zero blocks left out."""
        steps = self.timesteps
        entries = steps * steps if self.shape == "full" else steps * (steps + 1) // 2
        return entries * samples * self.neurons
