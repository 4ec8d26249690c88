"""Small LUT engines and layers for tests."""

from __future__ import annotations

from simsnn.costs import OperandClass
from simsnn.engines.lut_config import LutConfig
from simsnn.workload.operation import ConvGeometry, Extent, GemmOperation, Operand, Pass

CONV = ConvGeometry(6, 5, 4, 10, 3, 3, padding_h=1, padding_w=1)
"""Five rows of four pixels, channels that divide nothing."""


def config(**keys: object) -> LutConfig:
    """A small engine with some keys replaced."""
    base: dict[str, object] = {
        "name": "lut0",
        "address_bits": 4,
        "build_ports": 2,
        "lanes": 4,
        "groups": 3,
        "read_ports": 2,
        "block_positions": 50,
        "accumulator_words": 400,
        "drain_width": 4,
        "acc_width": "32 bit",
    }
    return LutConfig.model_validate(base | keys)


def forward(geometry: ConvGeometry = CONV, samples: int = 4, steps: int = 3) -> GemmOperation:
    """A layer in pass F."""
    slots = samples * steps
    spikes = Operand("x", OperandClass.SPIKES, slots * geometry.in_channels * geometry.in_pixels, 1, True, slots)
    weights = Operand("w", OperandClass.WEIGHTS, geometry.weights, 8)
    outputs = slots * geometry.out_channels * geometry.out_pixels
    currents = Operand("y", OperandClass.CURRENTS, outputs, 32, slots=slots)
    extent = Extent((0, samples), (0, steps))
    return GemmOperation("l", Pass.F, slots, geometry, None, spikes, weights, currents, steps, extent)


def update(geometry: ConvGeometry = CONV, samples: int = 4, steps: int = 3, *, adds: bool = False) -> GemmOperation:
    """A layer in pass W, with a mask of its gradient that is scanned."""
    slots = samples * steps
    spikes = Operand("x", OperandClass.SPIKES, slots * geometry.in_channels * geometry.in_pixels, 1, True, slots)
    outputs = slots * geometry.out_channels * geometry.out_pixels
    gradients = Operand("g", OperandClass.GRADIENTS, outputs, 16, slots=slots)
    mask = Operand("g.mask", OperandClass.MASKS, outputs, 1, True, slots)
    total = Operand("dw", OperandClass.WEIGHT_GRADIENTS, geometry.weights, 32)
    extent = Extent((0, samples), (0, steps))
    place = ("l", Pass.W, slots, geometry, None)
    return GemmOperation(*place, spikes, gradients, total, steps, extent, masks=(mask,), accumulates=adds)
