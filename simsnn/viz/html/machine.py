"""The machine of a stored run, from its resolved configuration: what the diagram and the sentences need.

Read from the plain tree and not by the strict models, so that a run of an earlier version, or of an engine that this
installation does not have, still has its diagram. Tests: ``tests/unit/test_html_machine.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Tree = dict[str, Any]

_PASSES = ("F", "B", "W", "U", "I", "R")
_WORDS = {"neuron": "neurons", "neuron_backward": "neurons backward", "parallel": "parallel units"}
_SHOWN_PARAMETERS = 4
_MOST_PROCESSORS = 1024


@dataclass(frozen=True, slots=True)
class Engine:
    """One engine: its size as rows and columns of whatever it repeats, in words, and the passes mapped to it."""

    name: str
    kind: str
    rows: int
    columns: int
    size: str
    peak: str
    passes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Memory:
    """An SRAM, local memory or DRAM: its size or rate, and what stands in it."""

    name: str
    size: str
    note: str


@dataclass(frozen=True, slots=True)
class Cluster:
    """Engines and SRAMs that belong together: the whole machine, or each of ``count`` equal processors."""

    name: str
    count: int
    engines: tuple[Engine, ...]
    srams: tuple[Memory, ...]
    memory: Memory | None


@dataclass(frozen=True, slots=True)
class Link:
    """A link component between processors."""

    name: str
    kind: str
    ends: tuple[str, ...]
    columns: int | None
    note: str


@dataclass(frozen=True, slots=True)
class Machine:
    """Everything that is drawn."""

    name: str
    clock: str
    technology: str
    clusters: tuple[Cluster, ...]
    dram: Memory
    links: tuple[Link, ...]
    several: bool


def machine_of(tree: Tree) -> Machine:
    """The machine of a resolved configuration."""
    hardware, mapping = _map(tree, "hardware"), _map(tree, "mapping")
    groups = _list(hardware, "processors")
    clusters = [_cluster(group, mapping, True) for group in groups] or [_cluster(hardware, mapping, False)]
    names = tuple(f"{cluster.name}{n}" for cluster in clusters for n in range(cluster.count)) if groups else ()
    technology = _map(hardware, "technology")
    return Machine(
        _text(hardware, "name", "machine"),
        _text(hardware, "clock"),
        ", ".join(part for part in (_text(technology, "node"), _text(technology, "voltage")) if part),
        tuple(clusters),
        _dram(_map(hardware, "dram")),
        tuple(_link(link, names) for link in _list(hardware, "links")),
        bool(groups),
    )


def _cluster(part: Tree, mapping: Tree, processor: bool) -> Cluster:
    units = (*_list(part, "arrays"), *_list(part, "vector_units"))
    memory = part.get("memory") if processor else None
    count = part.get("count", 1) if processor else 1
    return Cluster(
        _text(part, "name", "machine"),
        count if isinstance(count, int) and 0 < count <= _MOST_PROCESSORS else 1,
        tuple(_engine(unit, mapping) for unit in units),
        tuple(_sram(sram) for sram in _list(part, "srams")),
        _dram(memory) if isinstance(memory, dict) else None,
    )


def _engine(unit: Tree, mapping: Tree) -> Engine:
    kind, name = _text(unit, "kind", "engine"), _text(unit, "name")
    rows, columns, size, peak = _size(kind, unit)
    return Engine(name, kind, rows, columns, size, peak, _passes(name, mapping))


def _size(kind: str, unit: Tree) -> tuple[int, int, str, str]:
    """Rows, columns, both in words, what else is worth a line."""
    if kind == "systolic":
        rows, columns = _whole(unit, "rows"), _whole(unit, "columns")
        flows = "/".join(_names(unit, "dataflows"))
        return rows, columns, f"{rows} x {columns} {_text(unit, 'pe')} elements", f"dataflows {flows}"
    if kind == "vector_unit":
        lanes, each = _whole(unit, "lanes"), _whole(unit, "ops_per_cycle")
        scan = ", scan networks" if unit.get("scan") else ""
        return 1, lanes, f"{lanes} lanes", f"{each} operations per lane and cycle{scan}"
    if kind == "lut":
        lanes, groups = _whole(unit, "lanes"), _whole(unit, "groups")
        entries = 2 ** min(_whole(unit, "address_bits"), 16)
        return lanes, groups, f"{lanes} lanes x {groups} groups", f"tables of {entries} entries"
    if kind == "dual_sparse":
        groups, lanes = _whole(unit, "groups"), _whole(unit, "lanes")
        return groups, lanes, f"{groups} groups x {lanes} lanes", f"sparsity {_text(unit, 'sparsity', 'dual')}"
    rest = [f"{key} {value}" for key, value in unit.items() if key not in ("name", "kind") and not _nested(value)]
    return 1, 1, ", ".join(rest[:_SHOWN_PARAMETERS]), ""


def _nested(value: object) -> bool:
    return isinstance(value, dict | list) or value is None


def _passes(engine: str, mapping: Tree) -> tuple[str, ...]:
    """Passes and vector tasks that the mapping gives to an engine anywhere."""
    choices = [mapping]
    for section in ("layers", "processors"):
        choices += [value for value in _map(mapping, section).values() if isinstance(value, dict)]
    found = [
        _WORDS.get(key, key)
        for key in (*_PASSES, *_WORDS)
        if any(_map(choice, key).get("engine") == engine for choice in choices)
    ]
    return tuple(found)


def _sram(sram: Tree) -> Memory:
    size = f"{_text(sram, 'size')}, {_text(sram, 'banks')} x {_text(sram, 'word')}"
    return Memory(_text(sram, "name"), size, ", ".join(_names(sram, "holds")).replace("_", " "))


def _dram(dram: Tree) -> Memory:
    size = f"{_text(dram, 'size')}, " if "size" in dram else ""
    return Memory(_text(dram, "name", "DRAM"), f"{size}{_text(dram, 'bandwidth')}", f"latency {_text(dram, 'latency')}")


def _link(link: Tree, names: tuple[str, ...]) -> Link:
    ends = _names(link, "ends") or names
    columns = link.get("columns")
    note = f"{_text(link, 'bandwidth')} each channel, {_text(link, 'latency_cycles', '1')} cycles, packets of"
    note = f"{note} {_text(link, 'packet', '64 B')}"
    return Link(
        _text(link, "name"),
        _text(link, "kind"),
        ends,
        columns if isinstance(columns, int) and columns > 0 else None,
        note,
    )


def _map(tree: Tree, key: str) -> Tree:
    value = tree.get(key)
    return value if isinstance(value, dict) else {}


def _names(tree: Tree, key: str) -> tuple[str, ...]:
    value = tree.get(key)
    return tuple(map(str, value)) if isinstance(value, list) else ()


def _list(tree: Tree, key: str) -> list[Tree]:
    value = tree.get(key)
    return [part for part in value if isinstance(part, dict)] if isinstance(value, list) else []


def _text(tree: Tree, key: str, otherwise: str = "") -> str:
    value = tree.get(key)
    return otherwise if value is None else str(value)


def _whole(tree: Tree, key: str) -> int:
    value = tree.get(key)
    return value if isinstance(value, int) and value > 0 else 1
