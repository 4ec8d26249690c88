"""HTML elements as text: what is not marked up is escaped, so a name can never become a tag.

:class:`Markup` is text that is HTML already; only :func:`element` and its like make it. Any other text that is put
into an element or attribute is escaped. Proof: ``tests/unit/test_html_element.py``.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

VOID = frozenset({"br", "img", "input", "meta"})
"""Elements without an end tag."""

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
"""Characters that neither HTML nor XML can hold, and lone surrogates."""

_HIDDEN = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}

Value = str | int | float | bool | None


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


Child = Markup | str
Attributes = Mapping[str, Value]
NONE: Attributes = {}


def escaped(text: object) -> Markup:
    """Text as it may stand in an element or a quoted attribute; control characters become question marks."""
    return Markup(html.escape(CONTROL.sub("?", str(text)), quote=True))


def element(name: str, attributes: Attributes = NONE, *children: Child | Iterable[Child]) -> Markup:
    """One element.

    Parameters
    ----------
    name : str
        Its tag, written by the program and not by a user.
    attributes : mapping
        Values are escaped; True stands for an attribute without value, None and False leave it out.
    children : str, Markup, or iterables of them
        Plain text is escaped.
    """
    start = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in VOID:
        return Markup(f"<{name}{start}>")
    return Markup(f"<{name}{start}>{joined(*children)}</{name}>")


def joined(*children: Child | Iterable[Child]) -> Markup:
    """Children one after the other, plain text escaped."""
    return Markup("".join(_flat(child) for child in children))


def _flat(child: Child | Iterable[Child]) -> str:
    if isinstance(child, Markup):
        return child
    if isinstance(child, str):
        return escaped(child)
    return "".join(_flat(inner) for inner in child)


def _attribute(key: str, value: Value) -> str:
    if value is None or value is False:
        return ""
    return f" {key}" if value is True else f' {key}="{escaped(value)}"'


def data(identity: str, value: Any) -> Markup:
    """JSON for the page's own script: inert, and without a character that could end its element."""
    text = json.dumps(value, separators=(",", ":"), sort_keys=True, allow_nan=False).translate(_HIDDEN)
    return Markup(f'<script type="application/json" id="{escaped(identity)}">{text}</script>')


def paragraph(text: Child, kind: str | None = None) -> Markup:
    """A paragraph."""
    return element("p", {"class": kind}, text)


def bullets(items: Iterable[Child], kind: str | None = None) -> Markup:
    """A list with bullets."""
    return element("ul", {"class": kind}, (element("li", NONE, item) for item in items))
