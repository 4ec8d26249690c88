"""Matplotlib figures as SVG that stands in a page among others.

Matplotlib writes a document: with a header, with its looks in ``style`` attributes (which a strict
Content-Security-Policy forbids), with names that are the same in every figure, and with far more digits than a
screen shows. Here looks become presentation attributes, names get a prefix, unused ones go, paths are
written relative and rounded, text stays text. A figure that is too large all the same becomes a picture of pixels.
Proof: ``tests/unit/test_html_svg.py``.
"""

from __future__ import annotations

import base64
import io
import re
from xml.etree import ElementTree

import matplotlib
from matplotlib.figure import Figure
from matplotlib.text import Text

from simsnn.viz.html.element import CONTROL, Markup, element
from simsnn.viz.html.svg_path import compact
from simsnn.viz.style import style

MOST_BYTES = 300_000
"""Of one figure as SVG; a larger one is drawn as PNG."""

_XLINK = "{http://www.w3.org/1999/xlink}href"
_WORD = re.compile(r"\S+")
_PAINT = frozenset(
    _WORD.findall(
        "fill fill-opacity fill-rule stroke stroke-width stroke-opacity stroke-linecap stroke-linejoin stroke-dasharray"
        " stroke-dashoffset stroke-miterlimit opacity font-size font-weight font-style text-anchor"
    )
)
_KEPT = _PAINT | frozenset(
    _WORD.findall(
        "x y x1 x2 y1 y2 cx cy r width height viewBox transform patternUnits patternTransform clip-path d points"
        " preserveAspectRatio"
    )
)
_ELEMENTS = frozenset(
    _WORD.findall("svg g path rect circle line polyline polygon text tspan use defs clipPath pattern image")
)
_NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")
_REFERENCE = re.compile(r"url\(#([^)]*)\)")
_INK = "#262626"
_PNG_DPI = 160


def inline_figure(figure: Figure, prefix: str, label: str, most_bytes: int = MOST_BYTES) -> Markup:
    """A figure for a page.

    Parameters
    ----------
    figure : Figure
        What to show.
    prefix : str
        Of its names; different for every figure of a page.
    label : str
        What a reader hears who does not see it.
    most_bytes : int
        Above this it becomes a PNG.
    """
    for patch in (figure.patch, *(axes.patch for axes in figure.axes)):
        patch.set_visible(False)  # the page shows through, light or dark
    for words in figure.findobj(Text):
        if isinstance(words, Text):
            words.set_parse_math(False)  # a name with dollar signs is no formula
            words.set_text(CONTROL.sub("?", words.get_text()))
    text = inline_svg(_document(figure), prefix, label)
    return text if len(text) <= most_bytes else picture(_pixels(figure), "image/png", label)


def _document(figure: Figure) -> str:
    text = io.StringIO()
    with style(), matplotlib.rc_context({"svg.fonttype": "none"}):
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return text.getvalue()


def _pixels(figure: Figure) -> bytes:
    found = io.BytesIO()
    with style():
        figure.savefig(found, format="png", dpi=_PNG_DPI, metadata={"Software": None})
    return found.getvalue()


def picture(content: bytes, kind: str, label: str) -> Markup:
    """A picture of some kind within the page; scripts inside one never run."""
    source = f"data:{kind};base64,{base64.b64encode(content).decode()}"
    return element("img", {"class": "picture", "src": source, "alt": label})


def inline_svg(document: str, prefix: str, label: str) -> Markup:
    """An SVG document as an element of a page."""
    root = ElementTree.fromstring(document)
    names = _Names(prefix, root)
    box = [float(part) for part in (root.get("viewBox") or "0 0 1 1").split()]
    root.attrib = {"viewBox": " ".join(f"{part:g}" for part in box)}
    body = "".join(_written(child, names) for child in root)
    start = (
        f'<svg class="figure" role="img" aria-label="{_quoted(label)}" fill="{_INK}" viewBox="{root.get("viewBox")}">'
    )
    return Markup(f"{start}{body}</svg>")


class _Names:
    """New names of what is referred to; all other names go."""

    def __init__(self, prefix: str, root: ElementTree.Element) -> None:
        used: dict[str, str] = {}
        for node in root.iter():
            found = [match for value in node.attrib.values() for match in _REFERENCE.findall(value)]
            link = node.get(_XLINK, "")
            for name in (*found, *([link[1:]] if link.startswith("#") else [])):
                used.setdefault(name, f"{prefix}-{len(used)}")
        self.new = used

    def replaced(self, value: str) -> str:
        """A value with the references in it renamed."""
        return _REFERENCE.sub(lambda match: f"url(#{self.new[match[1]]})", value)


def _written(node: ElementTree.Element, names: _Names) -> str:
    tag = node.tag.rpartition("}")[2]
    if tag not in _ELEMENTS:
        return ""
    attributes = _attributes(node, tag, names)
    inside = _text(node) + "".join(_written(child, names) + _tail(child, tag) for child in node)
    if tag == "g" and not attributes:
        return inside
    if tag in ("g", "defs") and not inside:
        return ""
    start = "".join(f' {key}="{_quoted(value)}"' for key, value in attributes.items())
    return f"<{tag}{start}>{inside}</{tag}>" if inside else f"<{tag}{start}/>"


def _attributes(node: ElementTree.Element, tag: str, names: _Names) -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in node.attrib.items():
        if key == "id" and value in names.new:
            found["id"] = names.new[value]
        elif key == _XLINK:
            link = value.replace("\n", "")
            if link.startswith("#"):
                found["href"] = f"#{names.new[link[1:]]}"
            elif tag == "image" and link.startswith("data:image/png;base64,"):
                found["href"] = link
        elif key == "style":
            found |= _paint(value, tag, names)
        elif key in _KEPT:
            found[key] = names.replaced(value)
    if found.get("d"):
        found["d"] = compact(found["d"])
    for key in ("x", "y", "transform", "width", "height"):
        if key in found:
            found[key] = _NUMBER.sub(lambda match: f"{round(float(match[0]), 3):g}", found[key])
    if found.get("transform", "").startswith("rotate(-0 "):
        del found["transform"]
    return found


def _paint(style_text: str, tag: str, names: _Names) -> dict[str, str]:
    """Declarations as attributes, those left out that say what holds anyway."""
    pairs = (part.partition(":") for part in style_text.split(";") if part.strip())
    found = {key.strip(): names.replaced(value.strip()) for key, _, value in pairs if key.strip() in _PAINT}
    if tag == "text":
        if found.get("text-anchor") == "start":
            del found["text-anchor"]
        if found.get("fill") == _INK:
            del found["fill"]
    return found


def _text(node: ElementTree.Element) -> str:
    return _quoted(node.text) if node.text and node.text.strip() else ""


def _tail(node: ElementTree.Element, parent: str) -> str:
    return _quoted(node.tail) if parent in ("text", "tspan") and node.tail and node.tail.strip() else ""


def _quoted(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
