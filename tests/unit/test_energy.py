"""Price tables: published rows exact, rules monotone, nothing ever free, everything repriceable."""

from __future__ import annotations

import csv
import math
from itertools import pairwise, product
from pathlib import Path

import pytest

import simsnn.energy
from simsnn.costs import Action, ActionCounts, ActionKey
from simsnn.energy.arithmetic import arithmetic_names, arithmetic_table
from simsnn.energy.dram_table import dram_names, dram_table
from simsnn.energy.interpolate import log_log
from simsnn.energy.model import EnergyModel, actions_of, reprice, table_names, table_rows
from simsnn.energy.rows import Status
from simsnn.energy.sram_table import CELLS, sram_table
from simsnn.errors import ConfigError, MissingPrice
from simsnn.memory.sram import SramConfig

TABLES = Path(simsnn.energy.__file__).parent / "tables"
SRAM = {
    "name": "weight_buffer",
    "size": "64 KiB",
    "banks": 8,
    "ports": 1,
    "word": "64 bit",
    "buffering": "double",
    "port_shortage": "slow",
    "holds": ["weights"],
}


NOT_ARITHMETIC = {
    *(Action.SRAM_READ, Action.SRAM_WRITE, Action.DRAM_READ, Action.DRAM_WRITE),
    *(Action.BANK_READ, Action.BANK_WRITE),
}


def model(arithmetic: str = "horowitz_45nm", sram: str = "cacti7_lstp", dram: str = "ddr4_2400") -> EnergyModel:
    srams = [SramConfig.model_validate(SRAM)]
    return EnergyModel.of(
        arithmetic=arithmetic, sram=sram, dram=dram, srams=srams, dram_components=("dram0",), node_nm=45
    )


def price(action: Action, bits: int, other: int = 0, table: str = "horowitz_45nm") -> float:
    return arithmetic_table(table).price_pj(ActionKey("pe", action, bits, other))


def test_published_rows_come_back_exactly():
    assert [price(Action.ADD, bits) for bits in (8, 16, 32)] == [0.03, 0.05, 0.1]
    assert (price(Action.MULTIPLY, 8, 8), price(Action.MULTIPLY, 32, 32)) == (0.2, 3.1)
    assert [price(Action.ADD, bits, table="horowitz_45nm_float") for bits in (16, 32)] == [0.4, 0.9]
    assert [price(Action.MULTIPLY, b, b, "horowitz_45nm_float") for b in (16, 32)] == [1.1, 3.7]
    assert [price(Action.MULTIPLY, b, b, "aladdin_45nm") for b in (8, 16, 32)] == [0.912, 3.65, 14.6]


def test_rules_between_and_below_published_widths():
    # 16x16 lies half-way between 8x8 and 32x32 in the log of the product: the geometric mean
    assert price(Action.MULTIPLY, 16, 16) == pytest.approx((0.2 * 3.1) ** 0.5, rel=1e-12)
    assert price(Action.MULTIPLY, 8, 32) == pytest.approx(price(Action.MULTIPLY, 16, 16), rel=1e-12)
    assert price(Action.MULTIPLY, 4, 8) == pytest.approx(0.1, rel=1e-12)
    assert price(Action.ADD, 2) == pytest.approx(0.0075, rel=1e-12)
    assert 0.05 < price(Action.ADD, 24) < 0.1
    assert price(Action.COMPARE, 24) == price(Action.SELECT, 24) == price(Action.ADD, 24)
    assert price(Action.DIVIDE, 16) == pytest.approx(16 * 0.05)
    assert price(Action.SQUARE_ROOT, 16) == pytest.approx(8 * 0.05)
    assert price(Action.REGISTER_WRITE, 64) == pytest.approx(8 * 0.0415)


@pytest.mark.parametrize("table", ["horowitz_45nm", "horowitz_32nm", "horowitz_22nm", "aladdin_45nm"])
def test_prices_are_positive_and_grow_with_the_width(table):
    arithmetic = {Action.ADD, Action.COMPARE, Action.SELECT, Action.DIVIDE, Action.SQUARE_ROOT}
    for action in arithmetic | {Action.REGISTER_READ, Action.REGISTER_WRITE}:
        prices = [price(action, bits, table=table) for bits in range(1, 33)]
        assert prices[0] > 0
        assert all(a < b for a, b in pairwise(prices)), action
    for fixed in (1, 8, 16, 32):
        prices = [price(Action.MULTIPLY, bits, fixed, table) for bits in range(1, 33)]
        assert all(0 < a < b for a, b in pairwise(prices))
        assert prices == [price(Action.MULTIPLY, fixed, bits, table) for bits in range(1, 33)]


@pytest.mark.parametrize(
    ("table", "action", "bits", "other"),
    [
        ("horowitz_45nm", Action.ADD, 33, 0),
        ("horowitz_45nm", Action.MULTIPLY, 8, 33),
        ("horowitz_45nm", Action.MULTIPLY, 8, 0),
        ("horowitz_45nm", Action.ADD, 8, 8),
        ("horowitz_45nm", Action.ADD, 0, 0),
        ("horowitz_45nm", Action.LOOKUP, 33, 0),
        ("horowitz_45nm_float", Action.ADD, 24, 0),
        ("horowitz_45nm_float", Action.MULTIPLY, 16, 24),
        ("horowitz_28nm_float", Action.MULTIPLY, 16, 2),
        ("horowitz_28nm_float", Action.ADD, 1, 0),
        ("horowitz_45nm_float", Action.DIVIDE, 24, 0),
        ("horowitz_45nm_float", Action.TABLE_READ, 16, 0),
        ("horowitz_45nm", Action.TABLE_READ, 33, 16),
        ("horowitz_45nm", Action.BANK_READ, 16, 16),
    ],
)
def test_an_action_without_a_price_raises_and_names_itself_and_the_table(table, action, bits, other):
    with pytest.raises(MissingPrice) as error:
        price(action, bits, other, table)
    assert table in error.value.message
    assert ActionKey("pe", action, bits, other).name in error.value.message
    assert error.value.allowed


def test_scaled_sets_are_the_published_set_times_one_recorded_factor():
    assert price(Action.ADD, 8, table="horowitz_32nm") == pytest.approx(0.641 * 0.03)
    info = arithmetic_table("horowitz_22nm").info()
    assert info.node_nm == 22
    assert any("Stillmaker" in source and "0.305" in source for source in info.sources)
    assert all(row.status is not Status.PUBLISHED for row in arithmetic_table("horowitz_22nm").rows())


def test_float_rules_by_hand():
    table = "horowitz_45nm_float"
    assert price(Action.MULTIPLY, 16, 32, table) == price(Action.MULTIPLY, 32, 16, table) == 3.7
    assert price(Action.DIVIDE, 32, table=table) == pytest.approx(26 * 0.05 * 26 / 16, rel=1e-3)
    assert price(Action.SQUARE_ROOT, 16, table=table) == pytest.approx(13 * price(Action.ADD, 13), rel=1e-3)
    assert [price(Action.COMPARE, bits, table=table) for bits in (16, 32)] == [0.05, 0.1]
    assert price(Action.MULTIPLY, 16, 1, table) == price(Action.MULTIPLY, 1, 16, table) == 0.05
    assert price(Action.SELECT, 1, table=table) == pytest.approx(0.03 / 8)


def test_a_table_read_is_a_register_and_one_select_per_level():
    # 16 entries of 16 bits: 2 bytes of register at 0.0415 pJ and 4 selects at the price of a 16-bit add
    assert price(Action.TABLE_READ, 16, 16, "horowitz_45nm_float") == pytest.approx(2 * 0.0415 + 4 * 0.05)
    assert price(Action.TABLE_READ, 16, 16, "horowitz_28nm_float") == pytest.approx(0.507 * 0.283)
    assert price(Action.TABLE_READ, 16, 16) < price(Action.LOOKUP, 16)
    reads = [price(Action.TABLE_READ, 16, 2**k) for k in range(1, 13)]
    assert all(a < b for a, b in pairwise(reads))


def test_every_price_of_a_28_nm_float_machine_exists():
    prices = {action: price(action, 32, table="horowitz_28nm_float") for action in (Action.ADD, Action.REGISTER_READ)}
    assert prices[Action.ADD] == pytest.approx(0.507 * 0.9)
    assert price(Action.MULTIPLY, 16, 16, "horowitz_28nm_float") == pytest.approx(0.507 * 1.1)
    for action in set(Action) - {Action.MULTIPLY, Action.TABLE_READ} - NOT_ARITHMETIC:
        assert all(price(action, bits, table="horowitz_28nm_float") > 0 for bits in (16, 32))
    assert all(row.status is not Status.PUBLISHED for row in arithmetic_table("horowitz_28nm_float").rows())
    assert {name: arithmetic_table(name).number for name in arithmetic_names() if "28nm" in name} == {
        "horowitz_28nm": "integer",
        "horowitz_28nm_float": "float",
    }


@pytest.mark.parametrize("cell", CELLS)
def test_srams_at_28_nm_lie_on_a_line_between_the_stored_nodes(cell):
    low, middle, high = (sram_table(cell, node) for node in (22.0, 28.0, 32.0))
    weight = math.log(28 / 22) / math.log(32 / 22)
    for size, word in ((16, 64), (64, 256), (2048, 512)):
        ends = [table.bank(size * 1024, word) for table in (low, high)]
        expected = math.exp((1 - weight) * math.log(ends[0].read_pj) + weight * math.log(ends[1].read_pj))
        assert middle.bank(size * 1024, word).read_pj == pytest.approx(expected, rel=1e-9)
    assert {row.status for row in middle.rows()} == {Status.DERIVED}
    assert "log-log between 22 and 32 nm" in middle.info().sources[0]
    assert middle.holds(16 * 1024, 64) is False
    assert high.holds(16 * 1024, 64) is True
    assert high.holds(17 * 1024, 64) is False


def test_a_private_bank_is_one_bank_of_its_size_or_flip_flops():
    prices, grid = model(arithmetic="horowitz_45nm_float"), sram_table("cacti7_lstp", 45.0)
    large = ActionKey("be0", Action.BANK_READ, 16, 1152)  # 2304 B in rows of the grid's narrowest word
    assert prices.price(large) == grid.bank(2304, 32).read_pj
    assert prices.price(ActionKey("be0", Action.BANK_WRITE, 16, 1152)) == grid.bank(2304, 32).write_pj
    wide = ActionKey("be0", Action.BANK_READ, 1024, 512)  # two banks of 32 KiB x 512 bit side by side
    assert prices.price(wide) == 2 * grid.bank(32768, 512).read_pj
    small = ActionKey("be0", Action.BANK_READ, 16, 16)
    assert prices.price(small) == price(Action.TABLE_READ, 16, 16, "horowitz_45nm_float")
    assert prices.price(ActionKey("be0", Action.BANK_WRITE, 16, 16)) == price(Action.REGISTER_WRITE, 16)
    assert ActionKey.from_name(large.name) == large
    for key in (ActionKey("be0", Action.BANK_READ, 16), ActionKey("be0", Action.BANK_WRITE, 64, 2**20)):
        with pytest.raises(MissingPrice, match="cacti7_lstp"):
            prices.price(key)


def test_log_log_reproduces_a_power_law():
    points = tuple((float(x), 3.0 * x**1.7) for x in (1, 4, 64))
    for x in (1.0, 2.0, 4.0, 9.5, 63.0, 64.0):
        assert log_log(points, x) == pytest.approx(3.0 * x**1.7, rel=1e-12)


def test_sram_grid_points_come_back_exactly():
    with (TABLES / "cacti7_sram.csv").open(encoding="utf-8") as file:
        raws = list(csv.DictReader(line for line in file if not line.startswith("#")))
    assert len(raws) == 768
    names = {cell: name for name, cell in CELLS.items()}
    for raw in raws:
        table = sram_table(names[raw["cell"]], float(raw["node_nm"]))
        bank = table.bank(int(raw["size_kib"]) * 1024, int(raw["width_bits"]))
        assert bank.read_pj == float(raw["read_pj"])
        assert bank.write_pj == float(raw["write_pj"])
        assert bank.leakage_mw == float(raw["leakage_mw"])
        assert bank.cycle_ns == float(raw["cycle_ns"])
        assert bank.area_um2 == float(raw["area_mm2"]) * 1e6


def test_sram_figures_between_grid_points_lie_between_them():
    table = sram_table("cacti7_lop", 45.0)
    for low, word in product((8, 64, 1024), (32, 64, 128)):
        corners = [table.bank(size * 1024, width) for size in (low, 2 * low) for width in (word, 2 * word)]
        middle = table.bank(low * 1536, word * 3 // 2)
        for figure in ("read_pj", "write_pj", "leakage_mw", "area_um2", "cycle_ns"):
            values = [getattr(corner, figure) for corner in corners]
            assert min(values) <= getattr(middle, figure) <= max(values)


@pytest.mark.parametrize(("size", "word"), [(10000, 64), (8192, 100), (500 * 1024, 72), (3 * 2**20, 300)])
def test_sram_interpolation_is_bilinear_in_logarithms(size, word):
    table = sram_table("cacti7_lstp", 45.0)
    below = 2 ** math.floor(math.log2(size))
    narrow = 2 ** math.floor(math.log2(word))
    across = math.log2(word / narrow)
    ends = []
    for edge in (below, 2 * below):
        low, high = (math.log(table.bank(edge, width).read_pj) for width in (narrow, 2 * narrow))
        ends.append(low + across * (high - low))
    expected = math.exp(ends[0] + math.log2(size / below) * (ends[1] - ends[0]))
    assert table.bank(size, word).read_pj == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("size", "word"), [(512, 64), (8 * 2**20, 64), (8192, 16), (8192, 1024), (1024, 512)])
def test_a_bank_outside_the_grid_is_refused_with_its_numbers(size, word):
    with pytest.raises(MissingPrice, match=rf"{size} B with a word of {word} bit") as error:
        sram_table("cacti7_lstp", 45.0).bank(size, word)
    assert "1 KiB to 4096 KiB" in error.value.allowed[0]


def test_a_node_outside_the_grid_is_refused_with_the_nearest():
    with pytest.raises(MissingPrice, match="90 nm") as error:
        sram_table("cacti7_hp", 90.0)
    assert error.value.nearest == "65 nm"
    assert "28 nm" in error.value.allowed


def test_energy_of_actions_is_count_times_price_by_component():
    prices = model()
    bank = sram_table("cacti7_lstp", 45.0).bank(8192, 64)
    counts = ActionCounts.of(
        (ActionKey("pe", Action.ADD, 32), 10),
        (ActionKey("pe", Action.MULTIPLY, 8, 8), 5),
        (ActionKey("weight_buffer", Action.SRAM_READ, 64), 7),
        (ActionKey("weight_buffer", Action.SRAM_WRITE, 64), 3),
        (ActionKey("dram0", Action.DRAM_READ, 1), 64),
        (ActionKey("dram0", Action.DRAM_WRITE, 8), 2),
    )
    energy = dict(prices.price_actions(counts))
    assert list(energy) == ["dram0", "pe", "weight_buffer"]
    assert energy["pe"] == pytest.approx(10 * 0.1 + 5 * 0.2)
    assert energy["dram0"] == pytest.approx((64 + 2 * 8) * 15.0)
    assert energy["weight_buffer"] == pytest.approx(7 * bank.read_pj + 3 * bank.write_pj)


def test_leakage_is_a_component_of_its_own():
    bank = sram_table("cacti7_lstp", 45.0).bank(8192, 64)
    assert dict(model().leakage(1000.0)) == {"weight_buffer.leakage": pytest.approx(8 * bank.leakage_mw * 1000.0)}
    hungry, frugal = (
        dict(model(sram=name).leakage(1.0))["weight_buffer.leakage"] for name in ("cacti7_hp", "cacti7_lstp")
    )
    assert hungry > 1000 * frugal


@pytest.mark.parametrize(
    "key",
    [
        ActionKey("other_buffer", Action.SRAM_READ, 64),
        ActionKey("weight_buffer", Action.SRAM_READ, 32),
        ActionKey("dram1", Action.DRAM_WRITE, 1),
        ActionKey("pe", Action.ADD, 48),
    ],
)
def test_an_unknown_component_or_width_raises(key):
    with pytest.raises(MissingPrice, match=key.name):
        model().price(key)


def test_tables_of_another_node_and_unknown_names_are_refused():
    with pytest.raises(ConfigError, match=r"horowitz_22nm is for 22 nm, the machine is 45 nm"):
        model(arithmetic="horowitz_22nm")
    for field, name in (("arithmetic", "horowitz_45"), ("sram", "cacti7_ltsp"), ("dram", "ddr4_2440")):
        with pytest.raises(ConfigError) as error:
            model(**{field: name})
        assert error.value.nearest is not None


def test_reprice_gives_the_same_energy_and_follows_the_tables():
    counts = ActionCounts.of((ActionKey("pe", Action.ADD, 32), 10), (ActionKey("lane", Action.SQUARE_ROOT, 16), 3))
    stored = {key.name: count for key, count in counts.counts}
    assert actions_of(stored) == counts
    again = reprice([stored, {}], 500.0, model())
    assert again.tasks == (model().price_actions(counts), ())
    assert again.leakage == model().leakage(500.0)
    assert again.total_pj == pytest.approx(sum(v for _, v in again.tasks[0]) + sum(v for _, v in again.leakage))
    assert reprice([stored], 0.0, model(arithmetic="aladdin_45nm")).total_pj > again.tasks[0][1][1]


@pytest.mark.parametrize(
    "stored", [{"pe": 1}, {"pe.jump_8": 1}, {"pe.add_8": -1}, {"pe.add_8": 1.5}, {"pe.add_8": True}]
)
def test_a_broken_report_is_refused(stored):
    with pytest.raises(ConfigError):
        actions_of(stored)


def test_every_row_is_listed_with_its_source():
    names = [name for _, group in table_names() for name in group]
    assert names == [*arithmetic_names(), *CELLS, *dram_names()]
    for name in names:
        rows = table_rows(name)
        assert rows
        for row in rows:
            assert row.table == name
            assert row.source
            assert row.value > 0
            assert row.status is not Status.ASSUMED or row.note
    assert len(table_rows("cacti7_hp")) == 256 * 5
    published = {(r.unit, r.width): r.value for r in table_rows("horowitz_45nm") if r.status is Status.PUBLISHED}
    adds = {("add", "8"): 0.03, ("add", "16"): 0.05, ("add", "32"): 0.1}
    assert published == {**adds, ("multiply", "8x8"): 0.2, ("multiply", "32x32"): 3.1}


def test_the_report_learns_node_and_source_of_each_table():
    infos = model().table_info()
    assert [(info.role, info.name, info.node_nm, info.voltage_v) for info in infos] == [
        ("arithmetic", "horowitz_45nm", 45.0, 0.9),
        ("sram", "cacti7_lstp", 45.0, None),
        ("dram", "ddr4_2400", None, None),
    ]
    assert all(info.sources for info in infos)
    assert [dram_table(name).pj_per_bit for name in ("hbm2", "ddr4_2400", "ddr4_2400_random")] == [3.9, 15.0, 23.9]
