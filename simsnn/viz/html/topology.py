"""Links between processors as a drawing: point to point, bus, ring, mesh, crossbar.

Proof: ``tests/unit/test_html_machine.py``.
"""

from __future__ import annotations

import math

from simsnn.memory.topologies import square_columns
from simsnn.viz.html.element import NONE, Attributes, Markup, element, joined
from simsnn.viz.html.machine import Link

_WIDTH, _NODE = 760.0, (78.0, 30.0)
_LABELLED = 40
_MOST_NODES = 256
_ROW = 8

Place = tuple[float, float]


def topology(link: Link) -> Markup:
    """The drawing of one link component; of very many ends the first ones."""
    ends = link.ends[:_MOST_NODES]
    places, lines, height = {
        "ring": _ring,
        "mesh": _mesh,
        "crossbar": _crossbar,
    }.get(link.kind, _bus)(link, len(ends))
    label = f"{link.kind.replace('_', ' ')} of {len(link.ends)} processors"
    named = _named(link, len(ends))
    nodes = [_node(name, place, named) for name, place in zip(ends, places, strict=True)]
    more = _more(len(link.ends) - len(ends), height)
    wires = element("path", {"class": "wire", "d": "".join(lines)})
    box: Attributes = {"class": "machine", "role": "img", "aria-label": label, "viewBox": f"0 0 {_WIDTH:g} {height:g}"}
    return element("svg", box, wires, nodes, _switch(link, height), more)


def _named(link: Link, count: int) -> bool:
    """Whether processors are wide enough apart for their names."""
    if link.kind == "mesh":
        return (link.columns or square_columns(max(1, len(link.ends)))) <= _ROW
    return count <= _LABELLED


def _node(name: str, place: Place, named: bool) -> Markup:
    width, height = _NODE if named else (9.0, 9.0)
    x, y = place
    box: Attributes = {
        "class": "box",
        "x": round(x - width / 2, 2),
        "y": round(y - height / 2, 2),
        "width": width,
        "height": height,
    }
    shape = joined(element("rect", {**box, "rx": 4}), element("rect", {**box, "class": "node", "rx": 4}))
    words = name if len(name) <= 10 else f"{name[:9]}…"
    text = element("text", {"x": round(x, 2), "y": round(y + 4.5, 2), "text-anchor": "middle"}, words)
    return element("g", NONE, element("title", NONE, name), shape, text if named else Markup())


def _switch(link: Link, height: float) -> Markup:
    if link.kind != "crossbar":
        return Markup()
    box: Attributes = {"class": "box", "x": _WIDTH / 2 - 56, "y": height / 2 - 22, "width": 112, "height": 44, "rx": 5}
    words: Attributes = {"x": _WIDTH / 2, "y": height / 2 + 4.5, "text-anchor": "middle", "class": "title"}
    return joined(element("rect", box), element("text", words, "crossbar"))


def _more(count: int, height: float) -> Markup:
    if not count:
        return Markup()
    place: Attributes = {"x": 12, "y": height - 8, "class": "small"}
    return element("text", place, f"{count} more processors are not drawn")


def _ellipse(count: int) -> tuple[list[Place], float]:
    """Places around an ellipse, the first on top, wide enough for their names."""
    down = max(80.0, min(260.0, count * 9.0))
    middle = down + 28
    turns = [2 * math.pi * number / max(count, 1) - math.pi / 2 for number in range(count)]
    return [(_WIDTH / 2 + 300 * math.cos(t), middle + down * math.sin(t)) for t in turns], 2 * middle


def _ring(link: Link, count: int) -> tuple[list[Place], list[str], float]:
    places, height = _ellipse(count)
    lines = [_between(places[n], places[(n + 1) % count]) for n in range(count if count > 2 else count - 1)]
    if len(link.ends) > count:
        lines.pop()
    return places, lines, height


def _crossbar(_link: Link, count: int) -> tuple[list[Place], list[str], float]:
    places, height = _ellipse(count)
    return places, [_between(place, (_WIDTH / 2, height / 2)) for place in places], height


def _mesh(link: Link, count: int) -> tuple[list[Place], list[str], float]:
    columns = link.columns or square_columns(max(1, len(link.ends)))
    across = min(110.0, (_WIDTH - 100) / max(columns - 1, 1))
    down = min(62.0, across)
    left = (_WIDTH - across * (columns - 1)) / 2
    places = [(left + n % columns * across, 30 + n // columns * down) for n in range(count)]
    lines = []
    for number in range(count):
        if number % columns + 1 < columns and number + 1 < count:
            lines.append(_between(places[number], places[number + 1]))
        if number + columns < count:
            lines.append(_between(places[number], places[number + columns]))
    return places, lines, 60 + (count - 1) // columns * down + (24 if len(link.ends) > count else 0)


def _bus(link: Link, count: int) -> tuple[list[Place], list[str], float]:
    """Rows of processors above a line each, the lines joined; of two ends just a line between them."""
    if link.kind == "point_to_point" and count == 2:
        places = [(_WIDTH / 2 - 150, 34.0), (_WIDTH / 2 + 150, 34.0)]
        return places, [_between(*places)], 68.0
    each = _ROW if count <= _LABELLED else 32
    across = (_WIDTH - 120) / max(min(each, count) - 1, 1)
    places = [(60 + n % each * across, 30 + n // each * 64) for n in range(count)]
    rows = (count - 1) // each + 1
    lines = [f"M{x:.1f} {y:.1f}v32" for x, y in places]
    lines += [f"M10 {62 + row * 64}H{_WIDTH - 24:g}" for row in range(rows)]
    if rows > 1:
        lines.append(f"M10 62V{62 + (rows - 1) * 64}")
    return places, lines, 76.0 + (rows - 1) * 64


def _between(first: Place, second: Place) -> str:
    return f"M{first[0]:.1f} {first[1]:.1f}L{second[0]:.1f} {second[1]:.1f}"
