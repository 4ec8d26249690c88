"""Looks and behaviour of a page, from the files beside this one, with the digests that let them run.

A page allows nothing but these two texts: its Content-Security-Policy names their digests, so that whatever else
might get into it does nothing.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib import resources

from simsnn.viz.html.element import NONE, Markup, element

STYLES = ("page.css", "parts.css", "charts.css", "print.css")
SCRIPTS = ("numbers.js", "hover.js", "tables.js", "timeline.js", "scatter.js", "start.js")


@cache
def style_text() -> str:
    """The style sheet."""
    return _text(STYLES)


@cache
def script_text() -> str:
    """The script: each file a part of one function, so that nothing is left in the page's scope."""
    return f'(() => {{\n"use strict";\n{_text(SCRIPTS)}}})();\n'


def _text(names: tuple[str, ...]) -> str:
    folder = resources.files("simsnn.viz.html") / "static"
    return "".join((folder / name).read_text(encoding="utf-8") for name in names)


def policy() -> Markup:
    """What the page may do: show itself, run its own script, use pictures that it holds; no request of any kind."""
    rules = (
        "default-src 'none'",
        f"script-src {_digest(script_text())}",
        f"style-src {_digest(style_text())}",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
    )
    return element("meta", {"http-equiv": "Content-Security-Policy", "content": "; ".join(rules)})


def style_element() -> Markup:
    """The style sheet as an element."""
    return element("style", NONE, Markup(style_text()))


def script_element() -> Markup:
    """The script as an element."""
    return element("script", NONE, Markup(script_text()))


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
