"""Hardware of a LUT engine, unit by unit, with the sharing degree of its tables.

One physical table serves ``sharing`` read ports, so a lane and group has ceil(N_r / sharing) of them
per table set, filled together by one builder of A adders. Every port has a read multiplexer per table
it can see, a read register, an adder tree per lane and an accumulating adder. One memory per
lane and read port holds the forward sums or the dW accumulator sets, whichever is larger.
Proof: ``tests/unit/test_lut_area.py``.
"""

from __future__ import annotations

from simsnn.energy.parts import AreaPart, AreaUnit
from simsnn.engines.base import DatapathWidths
from simsnn.engines.lut_config import LutConfig


def area_parts(config: LutConfig, widths: DatapathWidths) -> tuple[AreaPart, ...]:
    """Parts of one engine; ``widths.stationary`` is the width of the operands in the tables."""
    operand, width = widths.stationary, config.acc_width
    entry = config.entry_width or operand
    tables, ports = config.lanes * config.groups, config.lanes * config.read_ports
    reads = tables * config.read_ports
    found: list[tuple[AreaUnit, tuple[int, ...], int]] = [
        (AreaUnit.LUT_TABLE, (config.entries, entry), tables * config.copies * config.table_sets),
        (AreaUnit.TABLE_PORT, (config.entries, entry), reads * config.table_sets),
        (AreaUnit.ADD, (entry,), tables * config.build_ports),
        (AreaUnit.REGISTER, (operand,), 2 * config.address_bits * tables),
        (AreaUnit.REGISTER, (entry,), reads),
        (AreaUnit.ADD, (width,), ports),
        (AreaUnit.ROW_MEMORY, (config.accumulator_rows, width), ports),
        (AreaUnit.LINE_FEEDER, (config.groups * config.address_bits * config.read_ports,), 1),
    ]
    if config.table_sets > 1:
        found.append((AreaUnit.SELECT, (entry,), reads))
    if config.groups > 1:
        found.append((AreaUnit.ADDER_TREE, (config.groups, width), ports))
    if config.bypass == "when_cheaper":
        found.append((AreaUnit.GATE, (entry,), reads))
    if config.window:
        found.append((AreaUnit.PRIORITY_ENCODER, (config.window,), 1))
    if config.skip_groups == "all_lanes":
        found.append((AreaUnit.GATE, (config.lanes * config.address_bits,), 1))
    if config.drain_width is not None:
        found.append((AreaUnit.REGISTER, (width,), config.drain_width * config.accumulator_sets))
    return tuple(AreaPart(config.name, unit, bits, count) for unit, bits, count in found if count)
