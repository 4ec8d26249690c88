"""Tables hold the numbers that they sort by, keep to a number of rows, and say so."""

from __future__ import annotations

import re

from simsnn.viz.html.cells import energy, ratio, seconds, share, size, whole
from simsnn.viz.html.table import FILTERED, Cell, Column, Table, text


def made(rows: int, most: int = 1000) -> str:
    columns = (Column("name", False), Column("number", hint="what it is"))
    cells = tuple((text(f"row {n}"), whole(n * 1000)) for n in range(rows))
    return Table("t", "a <caption>", columns, cells, (text("sum"), whole(5)), frozenset({1}), most, "see x").to_markup()


def test_cells_know_their_number_and_headings_can_be_pressed() -> None:
    found = made(3)
    assert '<td class="number" data-value="2000">2,000</td>' in found
    assert re.findall(r'aria-sort="none"><button type="button"[^>]*>(\w+)</button>', found) == ["name", "number"]
    assert 'title="what it is"' in found
    assert "<caption>a &lt;caption&gt;</caption>" in found
    assert found.count('<tr class="marked">') == 1
    assert "<tfoot><tr><td>sum</td>" in found


def test_long_tables_have_a_filter_and_are_cut_with_a_word_about_it() -> None:
    assert "search" not in made(FILTERED - 1)
    assert 'type="search" data-table="t"' in made(FILTERED)
    cut = made(30, most=20)
    assert cut.count("<tr") == 1 + 20 + 1
    assert "The first 20 of 30 rows; see x." in cut
    assert "20 rows" in cut
    assert made(0) == ""


def test_numbers_are_written_with_their_units() -> None:
    assert whole(None) == Cell("-")
    assert (whole(1234).text, whole(1234).number) == ("1,234", 1234)
    assert energy(6_710_000.0).text == "6.71 µJ"
    assert size(1_500_000).text == "1.50 MB"
    assert [share(value).text for value in (None, 0.0, 0.004, 0.25, 1.5)] == ["-", "-", "<1%", "25%", "150%"]
    assert [ratio(value).text for value in (0.5, 12.345, 4321.0)] == ["0.5x", "12.3x", "4,321x"]
    assert seconds(2_436_946.0) == "2.437 ms"
