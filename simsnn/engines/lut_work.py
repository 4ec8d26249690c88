"""The product behind an operation as a LUT engine sees it, and the pieces of its tensors.

A *section* is a conv group and a run of its input channels; sections follow one another, each from an
empty pipeline (docs/machines section 4: conv groups are separate layers, and a dW that does not
fit is made in tiles of input channels). Within it J = taps * channels operand rows stand in the order
(ky, kx, ci), and positions in the order (b, t, y, x), x fastest.

Proof: ``tests/unit/test_lut_plan.py`` (every output is stored once, loads cover the operands).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from simsnn.engines.base import Tile
from simsnn.workload.feeder import input_elements
from simsnn.workload.lowering import BLowering, Gather, gathers
from simsnn.workload.operation import ConvGeometry, GemmOperation, Operand, Pass

Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Section:
    """A conv group, and a half-open run of its input channels."""

    group: int
    channels: Range

    @property
    def width(self) -> int:
        """Input channels."""
        return self.channels[1] - self.channels[0]


def _bytes(elements: int, bits: int) -> int:
    return (elements * bits + 7) // 8


@dataclass(frozen=True, slots=True)
class LutWork:
    """One product: a layer with its slots, or a bare product as a linear layer with a slot per row."""

    operation: GemmOperation
    geometry: ConvGeometry
    slots: int
    lanes: int

    @classmethod
    def of(cls, operation: GemmOperation, lanes: int) -> LutWork:
        """The product of an operation on an engine of so many lanes."""
        if operation.geometry is not None:
            return cls(operation, operation.geometry, operation.slots, lanes)
        assert operation.gemm is not None
        gemm = operation.gemm
        return cls(operation, ConvGeometry(gemm.k, 1, 1, gemm.n), gemm.m, lanes)

    @property
    def gather(self) -> Gather:
        """Where positions read, one conv group."""
        ((_, gather),) = gathers(self.geometry, Pass.F, BLowering.PHASES)
        return gather

    @property
    def samples(self) -> int:
        """Samples B; slots where time steps do not divide them."""
        steps = self.operation.timesteps
        return self.slots // steps if self.slots % steps == 0 else self.slots

    @property
    def timesteps(self) -> int:
        """T."""
        return self.slots // self.samples

    @property
    def positions(self) -> int:
        """Q = B * T * Eo."""
        return self.slots * self.geometry.out_pixels

    @property
    def in_channels(self) -> int:
        """Input channels of one conv group."""
        return self.geometry.in_channels // self.geometry.groups

    @property
    def out_channels(self) -> int:
        """Output channels of one conv group."""
        return self.geometry.out_channels // self.geometry.groups

    @property
    def oc_tiles(self) -> int:
        """Output-channel tiles of one conv group."""
        return -(-self.out_channels // self.lanes)

    def present(self, oc: int) -> int:
        """Lanes present in an output-channel tile."""
        return min(self.lanes, self.out_channels - oc * self.lanes)

    def channels(self, ocs: Range) -> Range:
        """Output channels of a run of output-channel tiles, within the conv group."""
        return ocs[0] * self.lanes, min(self.out_channels, ocs[1] * self.lanes)

    @property
    def macs(self) -> int:
        """Accumulates of the dense product."""
        return self.positions * self.geometry.weights

    def weights(self, section: int, group: int, ocs: Range, rows: Range) -> Tile:
        """Weights of some operand rows and output channels."""
        operand, (first, last) = self.operation.right, self.channels(ocs)
        size = _bytes((rows[1] - rows[0]) * (last - first), operand.bits)
        return Tile(operand.tensor, operand.role, (section, group, first, last, *rows), size)

    def weight_gradients(self, section: int, group: int, ocs: Range, rows: int) -> Tile:
        """dW of all rows of a section and some output channels."""
        operand, (first, last) = self.operation.output, self.channels(ocs)
        return Tile(
            operand.tensor, operand.role, (section, group, first, last), _bytes(rows * (last - first), operand.bits)
        )

    def outputs(self, operand: Operand, group: int, ocs: Range, positions: Range) -> Tile:
        """Currents, gradients or their mask at some positions (as ranges of (b, t, y, x)) and output channels."""
        first, last = self.channels(ocs)
        size = _bytes((positions[1] - positions[0]) * (last - first), operand.bits)
        return Tile(operand.tensor, operand.role, (group, first, last, *positions), size)

    def spikes(self, group: int, channels: Range, positions: Range) -> Tile:
        """Input elements, halo included, that a range of positions reads from some channels of a conv group."""
        operand, pixels = self.operation.left, self.geometry.out_pixels
        share, whole = channels[1] - channels[0], self.geometry.in_channels
        start, stop = positions
        first, last = start // pixels, -(-stop // pixels)
        if start % pixels == 0 and stop % pixels == 0:
            size = (last - first) * _bytes(_distinct(self.geometry, 0, pixels) // whole * share, operand.bits)
            return Tile(operand.tensor, operand.role, (group, *channels, first, last, 0, 0), size)
        shift = first * pixels
        elements = _distinct(self.geometry, start - shift, stop - shift) // whole * share
        key = (group, *channels, first, last, start - shift, stop - shift)
        return Tile(operand.tensor, operand.role, key, _bytes(elements, operand.bits))

    def outputs_of(self, operand: Operand, group: int, ocs: Range, place: tuple[int, ...], positions: int) -> Tile:
        """As ``outputs``, for so many positions that ``place`` names."""
        first, last = self.channels(ocs)
        size = _bytes(positions * (last - first), operand.bits)
        return Tile(operand.tensor, operand.role, (group, first, last, *place), size)

    def spikes_of_slots(self, group: int, channels: Range, units: Range, slots: int, rows: Range) -> Tile:
        """Input elements that some output rows read in so many slots, which the units name."""
        operand, width = self.operation.left, self.geometry.out_w
        distinct = _distinct(self.geometry, rows[0] * width, rows[1] * width)
        elements = distinct // self.geometry.in_channels * (channels[1] - channels[0])
        return Tile(
            operand.tensor, operand.role, (group, *channels, *units, *rows), slots * _bytes(elements, operand.bits)
        )


@cache
def _distinct(geometry: ConvGeometry, start: int, stop: int) -> int:
    return input_elements(geometry, start, stop)
