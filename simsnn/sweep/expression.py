"""Conditions over names: ``rows * columns <= 4096``, ``rows==64 and total_energy_pj<2e9``.

A condition is parsed by Python's own parser and then walked: names, numbers, texts, lists, arithmetic, comparisons,
``and or not in``, and a few functions. Nothing else exists in it, so it can neither run code nor take long. Texts that
are quantities (``"32 KiB"``) compare by their value; what is unknown (None) compares false with everything.
Proof: ``tests/unit/test_sweep_expression.py``.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from simsnn.errors import ConfigError, Where, nearest
from simsnn.sweep.quantity import comparable

MOST_CHARACTERS, MOST_DEPTH, MOST_POWER, MOST_VALUE = 2000, 50, 64, 1e300
FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "abs": abs,
    "min": min,
    "max": max,
    "round": round,
    "sqrt": math.sqrt,
    "log2": math.log2,
    "log10": math.log10,
}
_BINARY: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_COMPARE: Mapping[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_WORDS = "names, numbers, 'texts', + - * / // % **, < <= == != >= >, in, and or not, " + " ".join(FUNCTIONS)
_CONSTANTS: Mapping[str, Any] = {"true": True, "false": False, "none": None}


@dataclass(frozen=True)
class Expression:
    """A parsed condition; :meth:`holds` asks it about one row.

    Parameters
    ----------
    text : str
        As it was written.
    body : ast.expr
        Parsed, and checked to hold nothing but what is allowed.
    where : Where
        Place of the text, for messages.
    """

    text: str
    body: ast.expr
    where: Where

    @classmethod
    def parse(cls, text: str, names: tuple[str, ...], where: Where = Where()) -> Expression:
        """Parse a condition over ``names``.

        Raises
        ------
        ConfigError
            If it is not one, or speaks of another name.
        """
        if len(text) > MOST_CHARACTERS:
            raise ConfigError(f"the condition has more than {MOST_CHARACTERS} characters", where=where)
        try:
            body = ast.parse(text.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            reason = error.msg if isinstance(error, SyntaxError) else "too deep or not text"
            raise ConfigError(
                f"{text!r} is not a condition: {reason}", where=where, value=text, allowed=(_WORDS,)
            ) from None
        found = cls(text, body, where)
        found._check(body, names, 0)
        return found

    def _check(self, node: ast.AST, names: tuple[str, ...], depth: int) -> None:
        if depth > MOST_DEPTH:
            raise self._error("is nested too deeply")
        if isinstance(node, ast.Name):
            self._check_name(node.id, names)
        elif isinstance(node, ast.Constant):
            if not isinstance(node.value, bool | int | float | str | None) or _huge(node.value):
                raise self._error(f"holds {str(node.value)[:40]}")
        elif isinstance(node, ast.Call):
            self._check_call(node, names, depth)
        elif isinstance(node, ast.BoolOp | ast.BinOp | ast.UnaryOp | ast.Compare | ast.List | ast.Tuple):
            self._check_operators(node)
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.expr):
                    self._check(child, names, depth + 1)
        else:
            raise self._error(
                f"holds {ast.unparse(node)[:40]!r}" if isinstance(node, ast.expr) else "holds a statement"
            )

    def _check_operators(self, node: ast.AST) -> None:
        if isinstance(node, ast.BinOp) and type(node.op) not in _BINARY:
            raise self._error(f"holds {ast.unparse(node)[:40]!r}")
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Invert):
            raise self._error(f"holds {ast.unparse(node)[:40]!r}")
        if isinstance(node, ast.Compare) and any(isinstance(op, ast.Is | ast.IsNot) for op in node.ops):
            raise self._error("holds 'is'; write ==")

    def _check_name(self, name: str, names: tuple[str, ...]) -> None:
        if name not in names and name not in _CONSTANTS:
            raise ConfigError(
                f"unknown name {name!r} in {self.text!r}",
                where=self.where,
                value=name,
                allowed=names,
                nearest=nearest(name, names),
                remedy="put texts in quotes",
            )

    def _check_call(self, node: ast.Call, names: tuple[str, ...], depth: int) -> None:
        if not isinstance(node.func, ast.Name) or node.func.id not in FUNCTIONS or node.keywords:
            called = ast.unparse(node.func)[:40]
            known = tuple(FUNCTIONS)
            message = f"there is no function {called!r} in conditions"
            raise ConfigError(message, where=self.where, value=called, allowed=known, nearest=nearest(called, known))
        for argument in node.args:
            self._check(argument, names, depth + 1)

    def _error(self, problem: str) -> ConfigError:
        message = f"the condition {self.text[:200]!r} {problem}"
        return ConfigError(message, where=self.where, value=self.text[:200], allowed=(_WORDS,))

    def holds(self, row: Mapping[str, Any]) -> bool:
        """Whether the condition is true of a row.

        Raises
        ------
        ConfigError
            If it cannot be worked out (a text plus a number, a division by zero).
        """
        try:
            return bool(self._value(self.body, row))
        except (TypeError, ValueError, ZeroDivisionError, OverflowError) as error:
            names = [node.id for node in ast.walk(self.body) if isinstance(node, ast.Name) and node.id in row]
            values = ", ".join(f"{name} = {row[name]!r}" for name in dict.fromkeys(names))
            raise self._error(f"cannot be worked out for {values or 'this'}: {error}") from None

    def _value(self, node: ast.expr, row: Mapping[str, Any]) -> Any:
        if isinstance(node, ast.Constant):
            return comparable(node.value)
        if isinstance(node, ast.Name):
            return comparable(row[node.id]) if node.id in row else _CONSTANTS[node.id]
        if isinstance(node, ast.BoolOp):
            both = all if isinstance(node.op, ast.And) else any
            return both(self._value(value, row) for value in node.values)
        if isinstance(node, ast.UnaryOp):
            return self._unary(node, row)
        if isinstance(node, ast.BinOp):
            return _combine(type(node.op), self._value(node.left, row), self._value(node.right, row))
        if isinstance(node, ast.Compare):
            return self._compare(node, row)
        if isinstance(node, ast.Call):
            assert isinstance(node.func, ast.Name)
            values = [self._value(argument, row) for argument in node.args]
            return None if None in values else FUNCTIONS[node.func.id](*values)
        assert isinstance(node, ast.List | ast.Tuple)
        return [self._value(element, row) for element in node.elts]

    def _unary(self, node: ast.UnaryOp, row: Mapping[str, Any]) -> Any:
        value = self._value(node.operand, row)
        if isinstance(node.op, ast.Not):
            return not value
        return None if value is None else -value if isinstance(node.op, ast.USub) else +value

    def _compare(self, node: ast.Compare, row: Mapping[str, Any]) -> bool:
        left = self._value(node.left, row)
        for op, following in zip(node.ops, node.comparators, strict=True):
            right = self._value(following, row)
            if not _compares(op, left, right):
                return False
            left = right
        return True


def _compares(op: ast.cmpop, left: Any, right: Any) -> bool:
    if isinstance(op, ast.In | ast.NotIn):
        found = left in right if isinstance(right, list | str) else _not_a_list(right)
        return found is isinstance(op, ast.In)
    if isinstance(op, ast.Eq | ast.NotEq):
        return _COMPARE[type(op)](left, right)
    return left is not None and right is not None and _COMPARE[type(op)](left, right)


def _not_a_list(right: Any) -> bool:
    raise TypeError(f"{right!r} is not a list")


def _combine(op: type[ast.operator], left: Any, right: Any) -> Any:
    if left is None or right is None:
        return None
    if isinstance(left, str | list) or isinstance(right, str | list):
        raise TypeError(f"{left!r} and {right!r} are not both numbers")
    if op is ast.Pow and abs(right) > MOST_POWER:
        raise ValueError(f"the power {right} is above {MOST_POWER}")
    found = _BINARY[op](left, right)
    if isinstance(found, complex) or _huge(found):
        raise OverflowError("a number out of range")
    return found


def _huge(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and not abs(value) <= MOST_VALUE
