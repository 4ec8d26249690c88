"""What the values on an edge of a network are: spikes, small integers, reals; and what a layer makes of them.

Tests: ``tests/unit/test_network.py``.
"""

from __future__ import annotations

from dataclasses import dataclass

from simsnn.neurons import Neuron
from simsnn.workload.layers import AnyLayer, PoolLayer


@dataclass(frozen=True, slots=True)
class Format:
    """What the values on an edge are.

    Parameters
    ----------
    levels : int
        Largest integer a value can take: 1 for spikes, more for sums of spikes, 0 for reals.
    bits : int
        Bits of one value: ceil(log2(levels + 1)) for integers, the configured width for reals.
    """

    levels: int
    bits: int

    @property
    def binary(self) -> bool:
        """True for spikes."""
        return self.levels == 1

    @classmethod
    def integer(cls, levels: int) -> Format:
        """Format of integers 0..levels."""
        return cls(levels, levels.bit_length())

    @classmethod
    def real(cls, bits: int) -> Format:
        """Format of real values stored in ``bits``."""
        return cls(0, bits)


def delivered_format(
    layer: AnyLayer, neuron: Neuron | None, in_formats: tuple[Format, ...], current_bits: int
) -> Format:
    """Format behind a layer: spikes, what another neuron delivers at the width of currents, or what passes on."""
    if neuron is None:
        return _passed_on(layer, in_formats, current_bits)
    return Format.integer(1) if neuron.binary_output else Format.real(current_bits)


def _passed_on(layer: AnyLayer, in_formats: tuple[Format, ...], current_bits: int) -> Format:
    """Format behind a layer without a neuron."""
    if layer.kind == "add":
        levels = [f.levels for f in in_formats]
        return Format.integer(sum(levels)) if all(levels) else Format.real(current_bits)
    if layer.carries_current or not in_formats:
        return Format.real(current_bits)
    first = in_formats[0]
    if isinstance(layer, PoolLayer) and layer.kind == "avg_pool" and first.levels:
        rows, columns, _, _ = layer.window()
        return Format.integer(first.levels * rows * columns)
    return first
