"""The machine as a drawing: memory, SRAMs and engines from left to right; processors once for each group.

Arrays are grids of their rows and columns, drawn with fewer lines where they have many. Proof:
``tests/unit/test_html_machine.py``.
"""

from __future__ import annotations

from simsnn.viz.html.element import NONE, Attributes, Markup, element, joined
from simsnn.viz.html.machine import Cluster, Engine, Machine, Memory
from simsnn.viz.html.topology import topology
from simsnn.viz.style import PASS_COLOURS

_WIDTH, _PAD, _GAP = 760.0, 14.0, 14.0
_MEMORY_WIDTH, _SRAM_WIDTH = 136.0, 228.0
_SRAM_HEIGHT, _ENGINE_HEIGHT, _TITLE = 58.0, 92.0, 26.0
_MOST_LINES = 14
_MOST_LINKS = 6
_LETTER = 8.4
"""Width of a letter of a title, a little more than the mean of bold ones."""


def machine_figures(machine: Machine) -> Markup:
    """All drawings of a machine, with what they show below each."""
    figures = []
    for link in machine.links[:_MOST_LINKS]:
        figures.append(_figure(topology(link), f"{link.name}: {link.kind.replace('_', ' ')}, {link.note}."))
    for cluster in machine.clusters:
        figures.append(_figure(_cluster(cluster, machine), _caption(cluster, machine)))
    if len(machine.links) > _MOST_LINKS:
        left = f"{len(machine.links) - _MOST_LINKS} more link components are not drawn."
        figures.append(element("p", {"class": "note"}, left))
    return joined(figures)


def _figure(drawing: Markup, caption: str) -> Markup:
    box = element("div", {"class": "scroll", "tabindex": 0, "role": "region", "aria-label": caption}, drawing)
    return element("figure", NONE, box, element("figcaption", NONE, caption))


def _caption(cluster: Cluster, machine: Machine) -> str:
    if not machine.several:
        return f"{machine.name} at {machine.clock}: what the engines read and write, and the passes that they run."
    what = "1 processor" if cluster.count == 1 else f"each of {cluster.count} equal processors"
    return f"{cluster.name}: {what} of {machine.name} at {machine.clock}."


def _cluster(cluster: Cluster, machine: Machine) -> Markup:
    srams, engines = len(cluster.srams), len(cluster.engines)
    inside = max(
        srams * _SRAM_HEIGHT + (srams - 1) * _GAP, engines * _ENGINE_HEIGHT + (engines - 1) * _GAP, 2 * _SRAM_HEIGHT
    )
    height = _TITLE + inside + 2 * _PAD
    memory = cluster.memory or machine.dram
    left = _PAD + _MEMORY_WIDTH + 40
    middle = _TITLE + _PAD + inside / 2
    sram_tops = _stack(srams, _SRAM_HEIGHT, middle)
    engine_tops = _stack(engines, _ENGINE_HEIGHT, middle)
    right = left + _SRAM_WIDTH + 48
    buses = (left - 22, right - 24)
    parts = [
        _frame(cluster, machine, left - 34, height),
        _wires(
            buses[0], [top + _SRAM_HEIGHT / 2 for top in sram_tops] + [middle], (_PAD + _MEMORY_WIDTH, left), middle
        ),
        _bus(
            buses[1],
            [top + _SRAM_HEIGHT / 2 for top in sram_tops],
            [top + _ENGINE_HEIGHT / 2 for top in engine_tops],
            (left + _SRAM_WIDTH, right),
        ),
        _memory(memory, _PAD, middle - _SRAM_HEIGHT / 2, _MEMORY_WIDTH),
        *(_memory(sram, left, top, _SRAM_WIDTH) for sram, top in zip(cluster.srams, sram_tops, strict=True)),
        *(_engine(engine, right, top) for engine, top in zip(cluster.engines, engine_tops, strict=True)),
    ]
    names = ", ".join(engine.name for engine in cluster.engines)
    label = f"{memory.name}, {srams} SRAMs and the engines {names}"
    return element(
        "svg", {"class": "machine", "role": "img", "aria-label": label, "viewBox": f"0 0 {_WIDTH:g} {height:g}"}, parts
    )


def _stack(count: int, height: float, middle: float) -> list[float]:
    """Tops of boxes stacked around a middle."""
    whole = count * height + (count - 1) * _GAP
    return [middle - whole / 2 + number * (height + _GAP) for number in range(count)]


def _frame(cluster: Cluster, machine: Machine, left: float, height: float) -> Markup:
    title = machine.name if not machine.several else f"{cluster.name} x {cluster.count}"
    box: Attributes = {"class": "frame", "x": left, "y": 4, "width": _WIDTH - left - 4, "height": height - 8, "rx": 8}
    return joined(element("rect", box), _words(title, left + 12, 23, "title"))


def _wires(bus: float, places: list[float], ends: tuple[float, float], middle: float) -> Markup:
    """From the memory to a bus, and from it to every SRAM."""
    lines = [f"M{ends[0]:g} {middle:g}H{bus:g}", f"M{bus:g} {min(places):g}V{max(places):g}"]
    lines += [f"M{bus:g} {place:g}H{ends[1]:g}" for place in places[:-1]]
    return element("path", {"class": "wire", "d": "".join(lines)})


def _bus(bus: float, srams: list[float], engines: list[float], ends: tuple[float, float]) -> Markup:
    """From every SRAM to a bus, and from it to every engine."""
    places = [*srams, *engines]
    if not places:
        return Markup()
    lines = [f"M{bus:g} {min(places):g}V{max(places):g}", *(f"M{ends[0]:g} {place:g}H{bus:g}" for place in srams)]
    lines += [f"M{bus:g} {place:g}H{ends[1]:g}" for place in engines]
    return element("path", {"class": "wire", "d": "".join(lines)})


def _memory(memory: Memory, x: float, y: float, width: float) -> Markup:
    box: Attributes = {"class": "box", "x": x, "y": y, "width": width, "height": _SRAM_HEIGHT, "rx": 5}
    letters = int((width - 16) / 6)
    return element(
        "g",
        NONE,
        element("title", NONE, f"{memory.name}: {memory.size}; {memory.note}"),
        element("rect", box),
        _words(_cut(memory.name, int((width - 16) / _LETTER)), x + 9, y + 19, "title"),
        _words(_cut(memory.size, letters), x + 9, y + 34, "small"),
        _words(_cut(memory.note, letters), x + 9, y + 49, "small"),
    )


def _engine(engine: Engine, x: float, y: float) -> Markup:
    width = _WIDTH - x - _PAD - 8
    box: Attributes = {"class": "box", "x": x, "y": y, "width": width, "height": _ENGINE_HEIGHT, "rx": 5}
    grid = _grid(engine, x + 9, y + 9, 56.0, _ENGINE_HEIGHT - 18)
    left = x + 76
    letters = int((width - 82) / 6)
    kind = engine.kind.replace("_", " ")
    return element(
        "g",
        NONE,
        element("title", NONE, f"{engine.name}: {engine.kind}, {engine.size}, {engine.peak}"),
        element("rect", box),
        grid,
        _words(
            _cut(f"{engine.name} - {kind}" if kind not in engine.name else engine.name, int((width - 82) / _LETTER)),
            left,
            y + 20,
            "title",
        ),
        _words(_cut(engine.size, letters), left, y + 36, "small"),
        _words(_cut(engine.peak, letters), left, y + 50, "small"),
        _chips(engine.passes, left, y + 62, width - 82),
    )


def _grid(engine: Engine, x: float, y: float, width: float, height: float) -> Markup:
    """Cells of an array, at most ``_MOST_LINES`` each way, in its proportions."""
    columns, rows = min(engine.columns, _MOST_LINES), min(engine.rows, _MOST_LINES)
    aspect = max(0.12, min(8.0, engine.columns / engine.rows))
    across = min(width, height * aspect)
    down = min(height, across / aspect)
    left, top = x + (width - across) / 2, y + (height - down) / 2
    lines = [f"M{left + across * n / columns:.2f} {top:.2f}v{down:.2f}" for n in range(columns + 1)]
    lines += [f"M{left:.2f} {top + down * n / rows:.2f}h{across:.2f}" for n in range(rows + 1)]
    back: Attributes = {
        "class": "node",
        "x": round(left, 2),
        "y": round(top, 2),
        "width": round(across, 2),
        "height": round(down, 2),
    }
    return joined(element("rect", back), element("path", {"class": "wire cell", "d": "".join(lines)}))


def _chips(passes: tuple[str, ...], x: float, y: float, room: float) -> Markup:
    """A coloured chip for each pass, words for what else runs here."""
    found, at = [], x
    for name in (name for name in passes if name in PASS_COLOURS):
        box: Attributes = {"class": f"chip k-{name}", "x": at, "y": y, "width": 19, "height": 18, "rx": 4}
        found += [element("rect", box), _words(name, at + 9.5, y + 13, "chip", "middle")]
        at += 24
    words = ", ".join(name for name in passes if name not in PASS_COLOURS)
    if words:
        found.append(_words(_cut(words, int((x + room - at) / 6)), at + 2, y + 13, "small"))
    return joined(found)


def _words(text: str, x: float, y: float, kind: str, anchor: str | None = None) -> Markup:
    name = None if kind == "chip" else kind
    return element("text", {"class": name, "x": round(x, 2), "y": round(y, 2), "text-anchor": anchor}, text)


def _cut(text: str, letters: int) -> str:
    return text if len(text) <= letters else f"{text[: max(1, letters - 1)]}…"
