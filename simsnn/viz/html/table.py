"""Tables that sort: by a click on a heading, or by its key; with a box that keeps the rows which hold some words.

A cell knows the number behind its text where that is what it sorts by. Rows are bounded, and a line says so.
Proof: ``tests/unit/test_html_table.py``, ``tests/integration/test_html_browser.py``.
"""

from __future__ import annotations

from dataclasses import dataclass

from simsnn.viz.html.element import NONE, Attributes, Child, Markup, element, joined

MOST_ROWS = 1_000
LONG = 40
"""Above so many rows a table scrolls upright too, below its headings."""

BROAD = 15
"""From so many columns on a table lies on paper on its side."""

FILTERED = 12
"""From so many rows on a table has a box to filter it."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its heading, whether it holds numbers, and what the heading means where that needs words."""

    name: str
    number: bool = True
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell: its text, the number that it sorts by (None: unknown, always last), its look."""

    text: Child
    number: float | int | None = None
    kind: str | None = None


Row = tuple[Cell, ...]


def text(value: object) -> Cell:
    """A cell of words."""
    return Cell(str(value))


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    Parameters
    ----------
    name : str
        Of the element, for its box; unique in a page.
    caption : str
        What it shows.
    columns : tuple of Column
        Headings.
    rows : tuple of tuple of Cell
        In the order in which they are shown first.
    sums : tuple of Cell
        A last row that stays last; none where empty.
    marked : frozenset of int
        Numbers of the rows that stand out.
    most : int
        Rows shown.
    left_out : str
        Where the other rows are.
    """

    name: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    sums: Row = ()
    marked: frozenset[int] = frozenset()
    most: int = MOST_ROWS
    left_out: str = "report.json has all"

    def to_markup(self) -> Markup:
        """The table in a box of its own that scrolls sideways; nothing without rows."""
        if not self.rows:
            return Markup()
        head = element("thead", NONE, element("tr", NONE, (_heading(column) for column in self.columns)))
        body = element("tbody", NONE, (self._row(number) for number in range(min(self.most, len(self.rows)))))
        foot = element("tfoot", NONE, element("tr", NONE, self._cells(self.sums))) if self.sums else Markup()
        caption = element("caption", NONE, self.caption)
        table = element("table", {"class": "sortable", "id": self.name}, caption, head, body, foot)
        kinds = ("scroll", "long" if min(self.most, len(self.rows)) > LONG else "", "broad" if self._broad else "")
        kind = " ".join(filter(None, kinds))
        box: Attributes = {"class": kind, "tabindex": 0, "role": "region", "aria-label": self.caption}
        return joined(self._tools(), element("div", box, table), self._rest())

    @property
    def _broad(self) -> bool:
        return len(self.columns) >= BROAD

    def _row(self, number: int) -> Markup:
        return element("tr", {"class": "marked" if number in self.marked else None}, self._cells(self.rows[number]))

    def _cells(self, cells: Row) -> list[Markup]:
        return [_cell(cell, column) for cell, column in zip(cells, self.columns, strict=True)]

    def _tools(self) -> Markup:
        if len(self.rows) < FILTERED:
            return Markup()
        box: Attributes = {
            "type": "search",
            "data-table": self.name,
            "placeholder": "filter rows",
            "aria-label": "filter rows",
        }
        count = element("output", {"class": "count", "data-table": self.name}, f"{min(self.most, len(self.rows))} rows")
        return element("div", {"class": "tools", "hidden": True}, element("input", box), count)

    def _rest(self) -> Markup:
        if len(self.rows) <= self.most:
            return Markup()
        return element("p", {"class": "note"}, f"The first {self.most:,} of {len(self.rows):,} rows; {self.left_out}.")


def _heading(column: Column) -> Markup:
    kind = "number" if column.number else None
    button = element("button", {"type": "button", "title": column.hint or None}, column.name)
    return element("th", {"scope": "col", "class": kind, "aria-sort": "none"}, button)


def _cell(cell: Cell, column: Column) -> Markup:
    kinds = " ".join(kind for kind in ("number" if column.number else "", cell.kind or "") if kind)
    value = None if cell.number is None else repr(cell.number)
    return element("td", {"class": kinds or None, "data-value": value}, cell.text)
