"""Conditions: what they mean, and that nothing but a condition is one."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsnn.errors import ConfigError
from simsnn.sweep.expression import Expression

ROW = {"rows": 64, "energy": 1.5e9, "buffer": "32 KiB", "flow": "ws", "accuracy": None, "flag": True}


def holds(text: str) -> bool:
    return Expression.parse(text, tuple(ROW)).holds(ROW)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rows == 64 and energy < 2e9", True),
        ("rows * 2 <= 127", False),
        ("not rows > 64", True),
        ("flow == 'ws'", True),
        ("flow in ['os', 'is']", False),
        ("flow not in ('os', 'is')", True),
        ("16 < rows < 100", True),
        ("16 < rows < 60", False),
        ("buffer == '32768 B'", True),
        ("buffer >= '64 KiB'", False),
        ("buffer / rows == 512", True),
        ("accuracy > 0.9", False),
        ("accuracy <= 0.9", False),
        ("accuracy == none", True),
        ("accuracy + 1 > 0", False),
        ("flag == true", True),
        ("-rows < 0 and +rows > 0", True),
        ("log2(rows) == 6 and min(rows, 3) == 3 and sqrt(rows) == 8", True),
        ("rows // 3 == 21 and rows % 3 == 1 and 2 ** 6 == rows", True),
        ("rows == 1 or flow != 'os'", True),
    ],
)
def test_a_condition_means_what_it_says(text: str, expected: bool) -> None:
    assert holds(text) is expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "rows ==",
        "rows = 3",
        "rows.real",
        "__import__('os').system('true')",
        "(lambda: 1)()",
        "[x for x in (1,)]",
        "rows if flag else 1",
        "rows[0]",
        "f'{rows}'",
        "rows & 1",
        "~rows",
        "rows is 3",
        "min(rows, key=1)",
        "open('x')",
        "{1: 2}",
        "1j > 0",
        "b'a' == 1",
        "rows; rows",
        "(" * 300 + "1" + ")" * 300,
        "-" * 200 + "rows",
        "1e999 > rows",
        "x" * 3000,
        "\x00",
    ],
)
def test_nothing_else_is_a_condition(text: str) -> None:
    with pytest.raises(ConfigError):
        Expression.parse(text, tuple(ROW))


@pytest.mark.parametrize(
    "text",
    [
        "rows ** 999 > 1",
        "rows / 0 > 1",
        "flow + 1 > 0",
        "flow < 3",
        "3 in rows",
        "10.0 ** 64 ** 5 > 1",
        "log2(0) > 1",
        "sqrt(-1)>0",
    ],
)
def test_what_cannot_be_worked_out_is_said_with_the_values(text: str) -> None:
    with pytest.raises(ConfigError, match="cannot be worked out"):
        holds(text)


def test_an_unknown_name_brings_the_nearest() -> None:
    with pytest.raises(ConfigError) as caught:
        Expression.parse("rowz > 3", tuple(ROW))
    assert caught.value.nearest == "rows"
    assert "rows" in caught.value.allowed


@given(st.text(max_size=60))
def test_any_text_is_a_condition_or_refused(text: str) -> None:
    with suppress(ConfigError):  # no other error may come out of a text
        assert Expression.parse(text, tuple(ROW)).holds(ROW) in (True, False)


@given(st.integers(-50, 50), st.integers(-50, 50), st.sampled_from(["<", "<=", "==", "!=", ">", ">="]))
def test_comparisons_are_those_of_python(a: int, b: int, sign: str) -> None:
    found = Expression.parse(f"a {sign} b", ("a", "b")).holds({"a": a, "b": b})
    assert found is eval(f"{a} {sign} {b}")
