"""What a LUT engine refuses, with its numbers: configurations and operations."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import ValidationError

from simsnn.costs import OperandClass
from simsnn.engines.lut import LutEngine
from simsnn.engines.lut_config import LutConfig
from simsnn.errors import UnsupportedOperation
from simsnn.workload.operation import (
    ConvGeometry,
    Gemm,
    GemmOperation,
    Operand,
    Pass,
)
from tests.unit.lut_samples import config, forward, update


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"address_bits": 13}, "8,192 entries"),
        ({"address_bits": 0}, "greater than or equal to 1"),
        ({"lanes": 0}, "greater than 0"),
        ({"address_bits": 12, "lanes": 1024, "groups": 16}, "268,435,456 entries, more than 16,777,216"),
        ({"skip": "zero_address"}, "needs skip_window"),
        ({"skip_window": 4}, "skip is none"),
        ({"read_ports": 2, "sharing": 3}, "only 2 read ports"),
        ({"drain_width": None}, "belong together"),
        ({"block_positions": None, "accumulator_words": None, "drain_width": None}, "block_positions"),
        ({"accumulator_words": 3}, "4 lanes need at least one each"),
        ({"acc_width": "64 bit"}, "2 bit to 63 bit"),
        ({"tables": "triple"}, "'single' or 'double'"),
        ({"colour": 1}, "unknown key"),
    ],
)
def test_bad_configurations_are_refused_with_their_numbers(keys: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        config(**keys)


def test_derived_numbers() -> None:
    machine = config(address_bits=4, build_ports=1, groups=5, read_ports=5, sharing=2)
    assert (machine.entries, machine.build_cycles, machine.copy_cycles, machine.depth) == (16, 15, 4, 4)
    assert machine.copies == 3
    assert config(build_ports=8).build_cycles == 4
    assert config(groups=1).depth == 1


@pytest.mark.parametrize(("k", "limit"), [(4, 4), (8, 36)])
def test_bypass_below_the_stated_number_of_issues(k: int, limit: int) -> None:
    machine = config(address_bits=k, build_ports=1, bypass="when_cheaper")
    assert [machine.bypasses(n) for n in (limit - 1, limit)] == [True, False]
    assert not config(address_bits=k, build_ports=1).bypasses(1)


def refusal(engine: LutConfig, operation: GemmOperation) -> str:
    found = LutEngine(engine).supports(operation)
    assert found is not None
    assert found.remedy
    return f"{found.reason}: {found.remedy}"


def test_real_operands_are_refused_with_their_bits() -> None:
    analog = replace(forward(), left=Operand("input", OperandClass.INPUTS, 64, 8))
    assert "input has elements of 8 bit" in refusal(config(), analog)
    assert "poisson" in refusal(config(), analog)
    pooled = replace(forward(), left=Operand("pool1.output", OperandClass.INPUTS, 64, 3))
    assert "3 bit" in refusal(config(), pooled)
    assert "max_pool" in refusal(config(), pooled)


def test_other_passes_and_bare_products() -> None:
    assert "pass B" in refusal(config(), replace(forward(), pass_=Pass.B))
    bare = replace(forward(), geometry=None, gemm=Gemm(3, 4, 5))
    assert LutEngine(config()).supports(bare) is None
    assert "bit" in refusal(config(), replace(bare, left=Operand("g0.left", OperandClass.INPUTS, 12, 8)))
    assert "weight update" in refusal(config(), replace(bare, pass_=Pass.W))


def test_a_pass_needs_its_accumulators() -> None:
    assert "block_positions" in refusal(config(block_positions=None), forward())
    assert "accumulator_words" in refusal(config(accumulator_words=None, drain_width=None), update())


def test_one_input_channel_must_fit_the_accumulators() -> None:
    text = refusal(config(accumulator_words=35), update(ConvGeometry(2, 4, 4, 8, 3, 3, padding_h=1, padding_w=1)))
    assert "9 kernel positions in 4 lanes needs 36 dW words" in text
    assert "accumulator_words is 35" in text


def test_refused_operations_have_no_candidates() -> None:
    with pytest.raises(UnsupportedOperation, match="pass B"):
        list(LutEngine(config()).candidates(replace(forward(), pass_=Pass.B)))


def test_capabilities() -> None:
    plain = LutEngine(config()).capabilities
    assert plain.accumulates_in_place
    assert not plain.mask_passes
    assert not plain.needs_activity
    skipping = LutEngine(config(skip_groups="all_lanes")).capabilities
    assert skipping.mask_passes == {Pass.W}
    assert skipping.needs_activity
    assert LutEngine(config(skip="zero_address", skip_window=2)).capabilities.needs_activity
