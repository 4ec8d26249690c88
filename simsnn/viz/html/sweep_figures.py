"""Figures that lie in a sweep's folder, as pictures in its page; nothing in them can run or load.

Tests: ``tests/unit/test_html_sweep.py``.
"""

from __future__ import annotations

from pathlib import Path

from simsnn.viz.html.element import NONE, Attributes, Markup, element, joined, paragraph
from simsnn.viz.html.svg import picture

FOLDER = "figures"
MOST_FIGURES, MOST_BYTES = 24, 3_000_000
_KINDS = {".svg": "image/svg+xml", ".png": "image/png"}
_STARTS = {".svg": (b"<?xml", b"<svg", b"<!"), ".png": (b"\x89PNG",)}


def stored_figures(folder: Path) -> Markup:
    """PNG and SVG files of a sweep folder and of its ``figures``, by name; of a name in both forms the smaller."""
    content: list[Markup] = []
    left_out: list[str] = []
    room = MOST_BYTES
    for path in figure_files(folder):
        data = path.read_bytes()
        if len(content) >= MOST_FIGURES or len(data) > room or not data.startswith(_STARTS[path.suffix]):
            left_out.append(path.name)
            continue
        room -= len(data)
        words = path.stem.replace("_", " ")
        box: Attributes = {"class": "scroll", "tabindex": 0, "role": "region", "aria-label": words}
        shown = element("div", box, picture(data, _KINDS[path.suffix], words))
        content.append(element("figure", NONE, shown, element("figcaption", NONE, words)))
    names = ", ".join(left_out)
    note = paragraph(f"Left out, too large or not pictures: {names}.", "note") if left_out else Markup()
    return joined(content, note)


def figure_files(folder: Path) -> tuple[Path, ...]:
    """One file for each name."""
    found: dict[str, Path] = {}
    for place in (folder / FOLDER, folder):
        for path in sorted(place.glob("*")):
            if path.suffix in _KINDS and path.is_file() and not path.name.startswith("."):
                known = found.get(path.stem)
                if known is None or path.stat().st_size < known.stat().st_size:
                    found[path.stem] = path
    return tuple(found[name] for name in sorted(found))
