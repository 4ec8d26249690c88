"""NIR file: nodes and edges out of an untrusted HDF5 file.

The Neuromorphic Intermediate Representation stores a graph as HDF5: the group ``node`` with a ``type``, ``edges``
and ``nodes``, one group of arrays per node. Here it is read with h5py alone, one known level at a time, so that a
file can neither send the reader in circles nor name other files: links to elsewhere, virtual and external data are
refused, and so is what declares more bytes than the limit, before memory is taken for it.

Proof: ``tests/unit/test_nir_file.py``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsnn.errors import ConfigError, Where

LIMIT_BYTES = 2**30
"""Bytes that all arrays of a file together may declare."""
MAX_NODES = 4_096
MAX_EDGES = 65_536
MAX_ENTRIES = 64
MAX_TEXT = 256
MAGIC = b"\x89HDF\r\n\x1a\n"

_BROKEN = (
    OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError, IndexError, OverflowError,
    MemoryError, UnicodeError, NotImplementedError,
)  # fmt: skip
"""What h5py raises for damaged files."""


@dataclass(frozen=True, slots=True)
class NirNode:
    """One node: its name, its type, its numbers and its texts (``padding: same``)."""

    name: str
    kind: str
    arrays: dict[str, NDArray[Any]]
    texts: dict[str, str]


@dataclass(frozen=True, slots=True)
class NirFile:
    """A graph as the file has it.

    Parameters
    ----------
    path : Path
        The file.
    nodes : tuple of NirNode
        In file order, names unique.
    edges : tuple of (str, str)
        From and to, by name.
    """

    path: Path
    nodes: tuple[NirNode, ...]
    edges: tuple[tuple[str, str], ...]


def read_nir_file(path: Path, limit_bytes: int = LIMIT_BYTES) -> NirFile:
    """Read the graph of a NIR file, trusting nothing in it but that the HDF5 library can parse it.

    What is not known to be sound is read by :func:`simsnn.importers.nir_child.read_apart`.

    Parameters
    ----------
    path : Path
        File to read.
    limit_bytes : int
        Bytes that all arrays together may declare.

    Raises
    ------
    ConfigError
        Naming the file and the place in it, for anything that is not a graph of sound arrays.
    """
    check_magic(path)
    h5py = require_h5py(path)
    reader = _Reader(path, h5py, limit_bytes)
    try:
        with h5py.File(path, "r") as file:
            return reader.graph(file)
    except ConfigError:
        raise
    except _BROKEN as error:
        raise reader.error("", f"cannot be read as HDF5: {_one_line(error)}") from None


def require_h5py(path: Path) -> Any:
    """The library; refused with what installs it where it is absent."""
    try:
        import h5py
    except ImportError:
        raise ConfigError(
            "reading NIR files needs h5py, which is not installed",
            where=Where(file=str(path)),
            remedy="install the extra `nir`: pip install 'simsnn-accel[nir]'",
        ) from None
    return h5py


def check_magic(path: Path) -> None:
    """Refuse what does not begin as an HDF5 file does."""
    where = Where(file=str(path))
    try:
        with path.open("rb") as file:
            start = file.read(len(MAGIC))
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=where, value=str(path)) from None
    if start != MAGIC:
        raise ConfigError("is not an HDF5 file, so no NIR graph", where=where, remedy="write it with nir.write")


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


class _Reader:
    """Reads one open file; keeps account of the bytes that its arrays declare."""

    def __init__(self, path: Path, h5py: Any, limit_bytes: int) -> None:
        self.path = path
        self.h5py = h5py
        self.limit_bytes = limit_bytes
        self.declared_bytes = 0

    def error(self, place: str, message: str, remedy: str = "") -> ConfigError:
        return ConfigError(message, where=Where(_printable(place), str(self.path)), remedy=remedy)

    def graph(self, file: Any) -> NirFile:
        top = self.group(file, "node", "node")
        kind = self.text(self.dataset(top, "type", "node.type"), "node.type")
        if kind != "NIRGraph":
            raise self.error("node.type", f"{kind!r} is not a NIRGraph")
        nodes = self.group(top, "nodes", "node.nodes")
        if not 0 < len(nodes) <= MAX_NODES:
            raise self.error("node.nodes", f"holds {len(nodes)} nodes, allowed are 1 to {MAX_NODES}")
        found = tuple(self.node(nodes, name) for name in nodes)
        return NirFile(self.path, found, self.edges(self.dataset(top, "edges", "node.edges")))

    def node(self, nodes: Any, name: str) -> NirNode:
        place = f"node {_printable(name)}"
        if not name or len(name) > MAX_TEXT:
            raise self.error(place, f"its name has {len(name)} characters, allowed are 1 to {MAX_TEXT}")
        group = self.group(nodes, name, place)
        kind = self.text(self.dataset(group, "type", place), f"{place}.type")
        if len(group) > MAX_ENTRIES:
            raise self.error(place, f"holds {len(group)} entries, more than {MAX_ENTRIES}")
        arrays: dict[str, NDArray[Any]] = {}
        texts: dict[str, str] = {}
        if kind == "NIRGraph":  # a graph within the graph: whoever maps it refuses it by its type
            return NirNode(name, kind, arrays, texts)
        for key in group:
            inside = f"{place}.{_printable(key)}"
            if key in ("type", "metadata"):  # metadata: notes of the exporter
                continue
            dataset = self.dataset(group, key, inside)
            if self.h5py.check_string_dtype(dataset.dtype) is not None:
                texts[key] = self.text(dataset, inside)
            else:
                arrays[key] = self.numbers(dataset, inside)
        return NirNode(name, kind, arrays, texts)

    def group(self, parent: Any, name: str, place: str) -> Any:
        return self._own(parent, name, place, self.h5py.Group, "group")

    def dataset(self, parent: Any, name: str, place: str) -> Any:
        found = self._own(parent, name, place, self.h5py.Dataset, "array")
        if found.is_virtual or found.external:
            raise self.error(place, "keeps its data in other files")
        return found

    def _own(self, parent: Any, name: str, place: str, kind: Any, word: str) -> Any:
        """A member of a group that is stored in this file under this name."""
        if name not in parent:
            raise self.error(place, f"the {word} {name!r} is missing")
        if not isinstance(parent.get(name, getlink=True), self.h5py.HardLink):
            raise self.error(place, "is a link to elsewhere")
        found = parent[name]
        if not isinstance(found, kind):
            raise self.error(place, f"is no {word}")
        return found

    def account(self, dataset: Any, place: str) -> None:
        """Refuse what would take more memory than is left."""
        if dataset.shape is None:
            raise self.error(place, "is empty")
        size = math.prod(int(n) for n in dataset.shape) * max(1, int(dataset.dtype.itemsize))
        self.declared_bytes += size
        if self.declared_bytes > self.limit_bytes:
            raise self.error(
                place,
                f"declares {size:,} B: all arrays so far {self.declared_bytes:,} B,"
                f" more than the limit of {self.limit_bytes:,} B",
            )

    def numbers(self, dataset: Any, place: str) -> NDArray[Any]:
        if dataset.dtype.kind not in "fiub":
            raise self.error(place, f"has dtype {_one_line(ValueError(dataset.dtype))}, allowed are numbers")
        self.account(dataset, place)
        values: NDArray[Any] = np.asarray(dataset[()])
        if not np.isfinite(values).all():
            raise self.error(place, "holds NaN or infinity")
        return values

    def text(self, dataset: Any, place: str) -> str:
        self.account(dataset, place)
        if self.h5py.check_string_dtype(dataset.dtype) is None or dataset.shape != ():
            raise self.error(place, "must be one text")
        value = dataset[()]
        text = value.decode("utf-8") if isinstance(value, bytes) else str(value)
        if len(text) > MAX_TEXT or not text.isprintable():
            raise self.error(place, f"is no word of at most {MAX_TEXT} printable characters")
        return text

    def edges(self, dataset: Any) -> tuple[tuple[str, str], ...]:
        place, shape = "node.edges", dataset.shape
        self.account(dataset, place)
        if len(shape) != 2 or shape[1] != 2 or self.h5py.check_string_dtype(dataset.dtype) is None:
            raise self.error(place, f"must be pairs of names, has shape {shape}")
        if shape[0] > MAX_EDGES:
            raise self.error(place, f"holds {shape[0]} edges, more than {MAX_EDGES}")
        rows = dataset[()].tolist()
        return tuple((_word(source), _word(target)) for source, target in rows)


def _word(value: object) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def _printable(text: str) -> str:
    """A name from the file, in one line of a message."""
    shown = text if text.isprintable() else text.encode("unicode_escape", "replace").decode()
    return shown if len(shown) <= 80 else shown[:77] + "..."
