"""LUT plans = stepped registers: values, cycles, parts, counts and chunk ends, for every combination of switches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from simsnn.engines import lut_check
from simsnn.engines.lut_check import COMBINATIONS, check_lut, differences, lut_cases, machine_of
from simsnn.engines.lut_config import LutConfig
from simsnn.engines.lut_draw import LutCase, LutSwitches
from simsnn.reference.lut import LutMachine

FORWARD = [s for s in COMBINATIONS if not s.update]
UPDATE = [s for s in COMBINATIONS if s.update]


@pytest.mark.parametrize("switches", FORWARD, ids=lambda s: s.name)
def test_forward(switches: LutSwitches) -> None:
    result = check_lut(switches, 25, seed=1)
    assert (result.cases, result.mismatches, result.max_error) == (25, 0, 0)


@pytest.mark.parametrize("switches", UPDATE, ids=lambda s: s.name)
def test_weight_update(switches: LutSwitches) -> None:
    result = check_lut(switches, 4, seed=1)
    assert (result.cases, result.mismatches, result.max_error) == (4, 0, 0)


def test_every_combination_is_drawn() -> None:
    assert len(FORWARD) == 2**4
    assert len(UPDATE) == 2**4 * 2 * 2 * 3
    assert len({s.name for s in FORWARD}) == len(FORWARD)
    assert len({s.name for s in UPDATE}) == len(UPDATE)


@pytest.mark.parametrize(
    "field", ["address_bits", "build_ports", "read_ports", "groups", "double_tables", "skip_window"]
)
def test_the_comparison_notices_another_machine(field: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin of a machine that differs in one number never agrees throughout."""

    def other(config: LutConfig) -> LutMachine:
        machine = machine_of(config)
        value = getattr(machine, field)
        return replace(machine, **{field: not value if isinstance(value, bool) else value + 1})

    monkeypatch.setattr(lut_check, "machine_of", other)
    cases = lut_cases(LutSwitches(False, "double", "zero_address", "never"), 60, seed=3)
    assert sum(_disagrees(case) for case in cases) >= 3


def _disagrees(case: LutCase) -> bool:
    try:
        return max(differences(case)) > 0
    except ValueError:  # the chunks do not cover the tiles of the other machine
        return True


def test_cases_reach_the_corners() -> None:
    """Chunks without tiles, late operands, bypassed tiles, drains that are waited for, tables that are."""
    seen = {"empty": 0, "stall": 0, "bypassed": 0, "reload": 0, "build": 0, "scan": 0, "sections": 0}
    for switches in (UPDATE[i] for i in range(0, len(UPDATE), 3)):
        for case in lut_cases(switches, 4, seed=2):
            plan, state = case.plan, case.plan.start()
            for chunk in range(plan.chunk_count):
                plan.advance(state, chunk, case.ready[chunk])
            parts = plan.parts(state)
            seen["empty"] += any(plan.issues(chunk) == 0 for chunk in range(plan.chunk_count))
            seen["sections"] += len(plan.core.sections) > 1
            seen["bypassed"] += plan.core.totals.bypassed_tiles > 0
            for part in ("stall", "reload", "build", "scan"):
                seen[part] += getattr(parts, part) > 0
    assert min(seen.values()) >= 5, seen


def test_checks_are_reproducible() -> None:
    first, second = (list(lut_cases(UPDATE[7], 3, seed=5)) for _ in range(2))
    assert all(np.array_equal(a.spikes, b.spikes) and a.ready == b.ready for a, b in zip(first, second, strict=True))
