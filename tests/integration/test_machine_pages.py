"""Pages of the systolic array and the vector unit: what they draw and tell is what the register-level twins do."""

from __future__ import annotations

import itertools
import re
import sys
from collections import Counter
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from simsnn.engines.systolic_config import SystolicConfig
from simsnn.engines.vector_unit_config import VectorUnitConfig
from simsnn.reference import systolic_registers
from simsnn.reference.vector_unit import DRAIN, RELOAD, STALL, STREAM
from simsnn.validation.checks import checks
from tests.integration.test_docs import table_keys

DOCS = Path(__file__).resolve().parents[2] / "docs"
SYSTOLIC, VECTOR = DOCS / "systolic_array.md", DOCS / "vector_unit.md"
PARTS = ("FILL", "STREAM", "RELOAD", "STALL", "DRAIN")


def figures() -> ModuleType:
    """The script behind ``make figures``; its dataclasses look their module up by name."""
    spec = spec_from_file_location("draw_array_of_the_docs", DOCS / "draw_array.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_array_drawn_takes_the_edges_of_the_registers() -> None:
    figure = figures()
    run = figure.systolic_registers()
    assert run.collisions == 0
    assert run.cycles == figure.systolic_total() == len(figure.systolic_lanes()[0].states)
    fill, stream, reload, stall, drain = (int(run.tally[getattr(systolic_registers, f"T_{name}")]) for name in PARTS)
    assert reload == 0
    text = SYSTOLIC.read_text(encoding="utf-8")
    assert f"Fill {fill} + stream {stream} + stall {stall} + drain {drain} = {run.cycles} edges" in text
    assert f"over {run.cycles} edges](figures/systolic_timing.png)" in text
    assert f"late, at edge {figure.TILE_READY[-1]}: the array stands still for {stall} edges" in text


def test_every_row_of_the_array_works_one_edge_behind_the_one_above() -> None:
    figure = figures()
    rows = [lane for lane in figure.systolic_lanes() if lane.label.startswith("row")]
    for upper, lower in itertools.pairwise(rows):
        assert lower.states[1:] == upper.states[:-1]
    assert Counter(rows[0].states)["works"] == figure.STREAMED * figure.TILES


def test_the_vector_unit_drawn_takes_the_edges_of_the_registers() -> None:
    figure = figures()
    parts, ends = figure.vector_registers()
    stage, *_, writes = figure.vector_lanes()
    found = Counter(stage.states)
    drawn = {STREAM: found["works"], RELOAD: found[figure.WAITS], STALL: found["operands late"], DRAIN: found["idle"]}
    assert [drawn[part] for part in range(4)] == parts
    assert ends[-1] == figure.vector_total() == sum(parts)
    assert writes.states[ends[0] - 1] == writes.states[ends[-1] - 1] == "works"
    stream, reload, stall, drain = parts
    text = VECTOR.read_text(encoding="utf-8")
    assert f"Stream {stream} + reload {reload} + stall {stall} + drain {drain} = {sum(parts)} edges" in text
    assert f"over {sum(parts)} edges](figures/vector_unit_timing.png)" in text


def test_the_pages_explain_every_key_with_its_default() -> None:
    for page, config in ((SYSTOLIC, SystolicConfig), (VECTOR, VectorUnitConfig)):
        assert table_keys(page) >= set(config.model_fields), page.name
        rows = dict(re.findall(r"^\| `(\w+)` \| .* \| ([^|]+) \|$", page.read_text(encoding="utf-8"), re.M))
        for name, field in config.model_fields.items():
            if name not in rows or name == "kind":
                continue
            told = rows[name].strip("` ")
            if field.is_required():
                assert told == "required", name
            elif name not in ("dataflows", "block_slots", "scan_networks"):
                assert told.lower() == str(getattr(field.default, "value", field.default)).lower(), name


def test_the_pages_state_the_comparisons_that_run() -> None:
    against = [check for check in checks() if "scalesim" not in check.switches]
    for page, machine in ((SYSTOLIC, "systolic"), (VECTOR, "vector_unit")):
        count = sum(check.machine == machine for check in against)
        assert re.search(rf"^Validation: {count} ", page.read_text(encoding="utf-8"), re.M), page.name
