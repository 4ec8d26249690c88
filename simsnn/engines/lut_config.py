"""Configuration of a LUT engine: every parameter and switch of docs/machines section 4.

Names and values are those of the hardware file. Tests: ``tests/unit/test_lut_config.py``.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from simsnn.config.quantities import AccumulatorBits, Count, Name, StrictModel, WidthBits

LARGEST_TABLE_SET = 2**24
"""Table entries of the whole engine beyond which a configuration is a slip, not a machine."""


class LutConfig(StrictModel):
    """A LUT engine as the hardware file describes it.

    Parameters
    ----------
    name : str
        Name that ``mapping`` refers to.
    address_bits : int
        k, binary inputs of one table.
    build_ports, read_ports : int
        A and N_r, entries written and positions read per cycle.
    lanes, groups : int
        N_oc output channels x N_g tables of one channel.
    tables : "single" or "double"
        Table sets: with two, one is built while the other is read.
    block_positions : int or None
        Q_t, positions whose partial sums the accumulator buffer holds; None: no forward pass.
    skip : "none" or "zero_address"
        Whether issues whose addresses are all zero are passed over.
    skip_window : int or None
        Z, flags looked at in one cycle; needed with ``zero_address``, and only there.
    skip_groups : "none" or "all_lanes"
        Weight update: drop position groups whose gradients are zero in all lanes.
    grouping : "time", "pixel" or "sample"
        Weight update: which k positions share a table.
    accumulator_words : int or None
        dW words of one accumulator set; None: no weight update.
    accumulators : "single" or "double"
        Accumulator sets.
    drain_width : int or None
        dW words that leave per cycle; needed with ``accumulator_words``.
    bypass : "never" or "when_cheaper"
        Whether a tile may run as serial gated adds.
    sharing : int
        Read ports that share one physical table (area only).
    acc_width : int
        Bits of the sums; written ``32 bit``.
    entry_width : int or None
        Bits of a table entry; None: the width of the operand that the tables hold.
    """

    name: Name
    kind: Literal["lut"] = "lut"
    address_bits: Annotated[int, Field(ge=1)]
    build_ports: Count
    lanes: Annotated[int, Field(gt=0, le=4096)]
    groups: Annotated[int, Field(gt=0, le=4096)]
    read_ports: Annotated[int, Field(gt=0, le=4096)]
    tables: Literal["single", "double"] = "double"
    block_positions: Count | None = None
    skip: Literal["none", "zero_address"] = "none"
    skip_window: Annotated[int, Field(gt=0, le=4096)] | None = None
    skip_groups: Literal["none", "all_lanes"] = "none"
    grouping: Literal["time", "pixel", "sample"] = "time"
    accumulator_words: Count | None = None
    accumulators: Literal["single", "double"] = "double"
    drain_width: Annotated[int, Field(gt=0, le=4096)] | None = None
    bypass: Literal["never", "when_cheaper"] = "never"
    sharing: Annotated[int, Field(gt=0, le=4096)] = 1
    acc_width: AccumulatorBits
    entry_width: WidthBits | None = None

    @field_validator("address_bits")
    @classmethod
    def _tables_are_small(cls, value: int) -> int:
        if value > 12:
            raise ValueError(f"address_bits is {value}: a table would have {2**value:,} entries; 1 to 12 can be built")
        return value

    @model_validator(mode="after")
    def _table_set_is_a_machine(self) -> LutConfig:
        entries = self.table_sets * self.copies * self.lanes * self.groups * self.entries
        if entries > LARGEST_TABLE_SET:
            raise ValueError(
                f"{self.table_sets} x {self.copies} table set(s) of {self.lanes} lanes x {self.groups} groups x"
                f" {self.entries} entries are {entries:,} entries, more than {LARGEST_TABLE_SET:,}:"
                " fewer address_bits, lanes or groups, or a larger sharing"
            )
        return self

    @model_validator(mode="after")
    def _switches_fit_together(self) -> LutConfig:
        if self.skip == "zero_address" and self.skip_window is None:
            raise ValueError("skip: zero_address needs skip_window, the flags looked at in one cycle (1 or more)")
        if self.skip == "none" and self.skip_window is not None:
            raise ValueError(
                f"skip_window is {self.skip_window} but skip is none: set skip: zero_address or leave it out"
            )
        if self.sharing > self.read_ports:
            raise ValueError(
                f"sharing is {self.sharing}, but there are only {self.read_ports} read ports to share a table"
            )
        if self.block_positions is None and self.accumulator_words is None:
            raise ValueError("give block_positions (forward), accumulator_words (weight update), or both")
        if (self.accumulator_words is None) != (self.drain_width is None):
            raise ValueError("accumulator_words and drain_width belong together: give both or neither")
        return self

    @model_validator(mode="after")
    def _accumulators_serve_every_lane(self) -> LutConfig:
        if self.accumulator_words is not None and self.accumulator_words < self.lanes:
            raise ValueError(
                f"accumulator_words is {self.accumulator_words}: {self.lanes} lanes need at least one each"
            )
        return self

    @property
    def peak_per_cycle(self) -> int:
        """Accumulates that reading every table at every port would do in a cycle."""
        return self.lanes * self.groups * self.read_ports * self.address_bits

    @property
    def entries(self) -> int:
        """Entries of a table, the wired zero included."""
        return 1 << self.address_bits

    @property
    def copies(self) -> int:
        """Physical tables of one lane and group: each serves ``sharing`` read ports."""
        return -(-self.read_ports // self.sharing)

    @property
    def table_sets(self) -> int:
        """1, or 2 with double-buffered tables."""
        return 2 if self.tables == "double" else 1

    @property
    def accumulator_sets(self) -> int:
        """1, or 2 with double accumulators."""
        return 2 if self.accumulators == "double" else 1

    @property
    def accumulator_rows(self) -> int:
        """Words of one accumulator bank, one bank per lane and read port: positions forward, dW in the update."""
        forward = -(-(self.block_positions or 0) // self.read_ports)
        update = self.accumulator_sets * -(-(self.accumulator_words or 0) // (self.lanes * self.read_ports))
        return max(forward, update)

    @property
    def window(self) -> int:
        """Z, or 0 where nothing is skipped."""
        return self.skip_window or 0

    @property
    def depth(self) -> int:
        """D: edges after an issue edge until its sum is accumulated."""
        return (self.groups - 1).bit_length() + 1

    @property
    def build_cycles(self) -> int:
        """tb: sum over the doubling blocks b = 0 .. k-1 of ceil(2^b / A)."""
        return sum(-(-(1 << block) // self.build_ports) for block in range(self.address_bits))

    @property
    def copy_cycles(self) -> int:
        """Cycles in which a bypassed tile takes its k operands."""
        return -(-self.address_bits // self.build_ports)

    def bypasses(self, issues: int) -> bool:
        """Whether a tile of so many issues runs as serial gated adds (decided before skipping)."""
        if self.bypass == "never":
            return False
        return self.copy_cycles + self.address_bits * issues < self.build_cycles + issues
