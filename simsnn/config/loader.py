"""YAML files to a plain tree in which every value knows its file and line.

Composition happens here: a ``file`` or ``preset`` under ``network`` or ``hardware`` and a ``nir`` under
``network`` are replaced by their content (paths are relative to the file that names them), then ``--set``
overrides act on the composed tree. Nothing here knows what a key means; the strict models do.
"""

from __future__ import annotations

import datetime
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from simsnn.errors import ConfigError, Where, nearest

if TYPE_CHECKING:
    from simsnn.importers.nir_source import NirSource

_LOG = logging.getLogger(__name__)
MAX_FILE_BYTES = 8 * 2**20
MAX_VALUES = 200_000
PRESET_FOLDERS = {"network": "networks", "hardware": "hardware"}


@dataclass(slots=True)
class Document:
    """A plain tree of dicts, lists and scalars, and where each of its values stands.

    Parameters
    ----------
    tree : object
        What the YAML holds.
    places : dict
        Place of every value by its path of keys and indices; ``()`` is the document itself.
    found : set
        Paths of file names that are relative to the working folder already, no longer to their file.
    """

    tree: Any
    places: dict[tuple[str | int, ...], Where] = field(default_factory=dict)
    found: set[tuple[str | int, ...]] = field(default_factory=set)

    def where(self, path: tuple[str | int, ...]) -> Where:
        """Place of a value, or of the nearest value above it, with the dotted path filled in."""
        known = path
        while known and known not in self.places:
            known = known[:-1]
        place = self.places.get(known, Where())
        return Where(dotted(path), place.file, place.line)

    def graft(self, path: tuple[str | int, ...], other: Document) -> None:
        """Put another document in place of the value at ``path``."""
        self.forget(path)
        for sub, place in other.places.items():
            self.places[path + sub] = place
        parent = _parent(self.tree, path)
        parent[path[-1] if isinstance(parent, list) else str(path[-1])] = other.tree

    def forget(self, path: tuple[str | int, ...]) -> None:
        """Drop what is known of a value that is about to be replaced."""
        for old in [p for p in self.places if p[: len(path)] == path]:
            del self.places[old]
        self.found = {p for p in self.found if p[: len(path)] != path}


def dotted(path: tuple[str | int, ...]) -> str:
    """``("hardware", "arrays", 0)`` as ``hardware.arrays.0``."""
    return ".".join(str(step) for step in path)


def preset_folder() -> Path:
    """Folder of the experiments, machines, networks and sweeps that ship with the package."""
    return Path(str(resources.files("simsnn") / "presets"))


def preset_names(folder: str) -> tuple[str, ...]:
    """Names of the shipped files of one kind (``experiments``, ``hardware``, ...)."""
    return tuple(sorted(path.stem for path in (preset_folder() / folder).glob("*.yaml")))


def read_yaml(path: Path) -> Document:
    """Read one YAML 1.2 file.

    Raises
    ------
    ConfigError
        No such file, not YAML, duplicate key, empty, not a mapping, or too large.
    """
    name = str(path)
    try:
        if path.is_dir():
            raise ConfigError(f"{name} is a folder, not a YAML file", where=Where(file=name))
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ConfigError(f"file is larger than {MAX_FILE_BYTES} bytes", where=Where(file=name))
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise _missing_file(path) from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"not a text file in UTF-8 ({error.reason})", where=Where(file=name)) from None
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=Where(file=name)) from None
    return parse_yaml(text, name)


def _missing_file(path: Path) -> ConfigError:
    siblings = [p.name for p in path.parent.glob("*.yaml")] if path.parent.is_dir() else []
    return ConfigError(
        f"no such file: {path}",
        value=str(path),
        nearest=nearest(path.name, siblings),
        remedy="`simsnn list presets` shows what ships, `simsnn init` writes a first experiment",
    )


def parse_yaml(text: str, name: str) -> Document:
    """Parse YAML text; ``name`` stands for the file in messages."""
    from ruamel.yaml import YAML
    from ruamel.yaml.constructor import DuplicateKeyError
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        loaded = YAML(typ="rt").load(text)
    except DuplicateKeyError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        key = str(error.problem).split('"')[1] if '"' in str(error.problem) else ""
        where = Where(key, name, line)
        raise ConfigError(f"duplicate key {key!r}", where=where, value=key, remedy="keep one of the two") from None
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise ConfigError(f"not YAML: {error.problem or error}", where=Where(file=name, line=line)) from None
    except (YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f"not YAML: {error}", where=Where(file=name)) from None
    if not isinstance(loaded, dict):
        found = "nothing" if loaded is None else type(loaded).__name__
        raise ConfigError(f"expected keys and values, found {found}", where=Where(file=name, line=1))
    document = Document(None)
    document.tree = _plain(loaded, (), name, 1, document.places)
    return document


def _plain(node: Any, path: tuple[str | int, ...], name: str, line: int, places: dict[Any, Where]) -> Any:
    """Plain Python values of a round-trip node; records places on the way."""
    places[path] = Where(dotted(path), name, line)
    if len(places) > MAX_VALUES:
        raise ConfigError(f"more than {MAX_VALUES} values", where=Where(file=name), remedy="do not nest YAML aliases")
    if isinstance(node, dict):
        lines = getattr(getattr(node, "lc", None), "data", None) or {}
        return {
            str(key): _plain(value, (*path, str(key)), name, lines[key][0] + 1 if key in lines else line, places)
            for key, value in node.items()
        }
    if isinstance(node, list):
        lines = getattr(getattr(node, "lc", None), "data", None) or {}
        return [
            _plain(value, (*path, i), name, lines[i][0] + 1 if i in lines else line, places)
            for i, value in enumerate(node)
        ]
    return _scalar(node)


def _scalar(node: Any) -> Any:
    for kind in (bool, int, float, str):
        if isinstance(node, kind):
            return kind(node)
    if isinstance(node, datetime.date):
        return node.isoformat()
    return node if node is None else str(node)


def compose(document: Document, base: Path) -> Document:
    """Replace every ``file`` and ``preset`` under ``network`` and ``hardware`` by its content, in place."""
    tree = document.tree
    for section in PRESET_FOLDERS:
        part = tree.get(section)
        if not isinstance(part, dict):
            continue
        if "file" in part:
            _only(document, section, part, ("file",))
            path = _relative(document, (section, "file"), base)
            document.graft((section,), read_yaml(path))
        elif "preset" in part:
            document.graft((section,), _preset(document, section, part))
        elif "nir" in part and section == "network":
            document.graft((section,), _nir(document, part, _relative(document, (section, "nir"), base)))
    activity = tree.get("activity")
    named = ("activity", "file")
    if isinstance(activity, dict) and isinstance(activity.get("file"), str) and named not in document.found:
        tree["activity"] = {**activity, "file": str(_relative(document, named, base))}
        document.found.add(named)
    return document


def _relative(document: Document, path: tuple[str, ...], base: Path) -> Path:
    value = document.tree[path[0]][path[1]]
    if not isinstance(value, str):
        raise ConfigError(f"{value!r} is not a file name", where=document.where(path), value=value)
    place = document.where(path).file
    folder = base if place is None or place == "--set" else Path(place).parent
    found = folder / value
    if not found.exists():
        raise _missing_file(found).located(document.where(path))
    return found


def _only(document: Document, section: str, part: dict[str, Any], allowed: tuple[str, ...]) -> None:
    for key in part:
        if key not in allowed:
            where = document.where((section, key))
            raise ConfigError(f"{key!r} cannot stand beside {allowed[0]!r}", where=where, value=key, allowed=allowed)


def _preset(document: Document, section: str, part: dict[str, Any]) -> Document:
    """Content of a preset; generated networks also take input, classes and normalise."""
    name = part["preset"]
    folder = PRESET_FOLDERS[section]
    where = document.where((section, "preset"))
    if name in preset_names(folder):
        _only(document, section, part, ("preset",))
        return read_yaml(preset_folder() / folder / f"{name}.yaml")
    from simsnn.workload.presets import GENERATORS

    known = preset_names(folder) + (GENERATORS.names() if section == "network" else ())
    if section != "network" or name not in GENERATORS:
        close = nearest(str(name), known)
        raise ConfigError(f"unknown {section} preset {name!r}", where=where, value=name, allowed=known, nearest=close)
    _only(document, section, part, ("preset", "input", "classes", "normalise"))
    shape, classes = part.get("input", [3, 32, 32]), part.get("classes", 10)
    if not (
        isinstance(shape, list) and all(isinstance(size, int) and size > 0 for size in shape) and len(shape) in (1, 3)
    ):
        raise ConfigError(
            "input must be [channels, height, width]", where=document.where((section, "input")), value=str(shape)
        )
    if not (isinstance(classes, int) and classes > 0):
        raise ConfigError(
            "classes must be a positive number", where=document.where((section, "classes")), value=classes
        )
    if name != "mlp" and len(shape) != 3:
        message = f"{name} needs an input [channels, height, width], got {shape}"
        raise ConfigError(message, where=document.where((section, "input")), value=str(shape))
    tree = GENERATORS.get(name)(tuple(shape), classes, part.get("normalise") is True)
    return Document(tree, dict.fromkeys(_paths(tree), Where("", where.file, where.line)))


def _nir(document: Document, part: dict[str, Any], path: Path) -> Document:
    """Content of a NIR file as a network; what is not as in the file is logged."""
    from simsnn.importers.nir import import_nir

    found = import_nir(path, nir_source(document, part))
    for remark in found.remarks:
        _LOG.warning("%s: %s", path.name, remark)
    where = document.where(("network", "nir"))
    return Document(found.tree, dict.fromkeys(_paths(found.tree), Where("", where.file, where.line)))


def nir_source(document: Document, part: dict[str, Any]) -> NirSource:
    """The section ``network: {nir: FILE, ...}`` of a document, checked.

    Raises
    ------
    ConfigError
        With the place of the first thing that is wrong.
    """
    from simsnn.importers.nir_source import NirSource

    _only(document, "network", part, ("nir", *(name for name in NirSource.model_fields if name != "nir")))
    try:
        return NirSource.model_validate_json(json.dumps(part))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = document.where(("network", *first["loc"]))
        allowed = tuple(first.get("ctx", {}).get("allowed", ()))
        message = str(first["msg"]).removeprefix("Value error, ")
        raise ConfigError(message, where=where, value=first["input"], allowed=allowed) from None


def _paths(tree: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield path
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        yield from _paths(value, (*path, key))


def override(document: Document, assignment: str) -> None:
    """Apply one ``PATH=VALUE``; VALUE is read as YAML, list indices are numbers."""
    path_text, separator, value_text = assignment.partition("=")
    if not separator or not path_text.strip():
        raise ConfigError(f"--set {assignment!r} is not PATH=VALUE", value=assignment, remedy="--set workload.batch=16")
    path: tuple[str | int, ...] = tuple(int(step) if step.isdigit() else step for step in path_text.strip().split("."))
    value = parse_yaml(f"value: {value_text}", f"--set {assignment}")
    parsed = Document(value.tree["value"])
    section, *rest = path
    if section in PRESET_FOLDERS and rest in (["file"], ["preset"], ["nir"]):
        # naming another file or preset replaces the whole section
        path, parsed.tree = (section,), {str(rest[0]): parsed.tree}
    parsed.places = dict.fromkeys(_paths(parsed.tree), Where("", "--set", None))
    node: Any = document.tree
    for depth, step in enumerate(path[:-1]):
        node = _descend(node, step, path[: depth + 1], create=True)
    if isinstance(node, list):
        _descend(node, path[-1], path, create=False)
    elif not isinstance(node, dict):
        raise _no_such(path[-1], path, ())
    document.graft(path, parsed)


def _descend(node: Any, step: str | int, path: tuple[str | int, ...], *, create: bool) -> Any:
    if isinstance(node, list):
        if not isinstance(step, int) or step >= len(node):
            raise _no_such(step, path, tuple(str(i) for i in range(len(node))))
        return node[step]
    if isinstance(node, dict):
        key = str(step)
        if key not in node and not create:
            raise _no_such(step, path, tuple(node))
        if key not in node or node[key] is None:
            node[key] = {}
        return node[key]
    raise _no_such(step, path, ())


def _no_such(step: str | int, path: tuple[str | int, ...], allowed: tuple[str, ...]) -> ConfigError:
    return ConfigError(
        f"there is nothing at {dotted(path)}",
        where=Where(dotted(path), "--set"),
        value=str(step),
        allowed=allowed,
        nearest=nearest(str(step), allowed),
    )


def _parent(tree: Any, path: tuple[str | int, ...]) -> Any:
    node: Any = tree
    for step in path[:-1]:
        node = node[int(step) if isinstance(node, list) else str(step)]
    return node
