"""Archive: named arrays out of an untrusted ``.npz`` file.

A ``.npz`` is a zip of ``.npy`` members. The sizes that the zip directory declares are limited
before anything is unpacked, and so is what they are over the bytes that are there (deflate makes
at most 1,032 bytes of one); the array header is checked against the member's size before memory
is taken, and object arrays (pickles) are refused by dtype, so a hostile file can neither run code
nor exhaust memory. Members are read by name and never written anywhere.
Proof: ``tests/unit/test_npz.py``, ``tests/property/test_hostile_files.py``.
"""

from __future__ import annotations

import math
import struct
import sys
import tokenize
import zipfile
import zlib
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from simsnn.errors import TraceError, Where, nearest

MAX_MEMBERS = 100_000
MAX_HEADER_BYTES = 10_000
MAX_RATIO = 1_032
"""Bytes that one byte of a deflated member can stand for at most."""
MAX_TEXT_BYTES = 64 * 2**20

_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_BROKEN = (
    zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, ValueError, RuntimeError, struct.error,
    OverflowError, MemoryError, KeyError, IndexError, TypeError, SyntaxError, tokenize.TokenError, SystemError,
)  # fmt: skip
"""What the zip and npy readers raise for damaged files."""


class Archive:
    """An open ``.npz`` file; every problem is a :class:`TraceError` naming file and key.

    Parameters
    ----------
    path : Path
        File to read.
    limit_bytes : int
        Uncompressed bytes that all members together may declare.
    """

    def __init__(self, path: Path, limit_bytes: int) -> None:
        self.path = path
        self._read: set[str] = set()
        try:
            self._file_bytes = path.stat().st_size
            self._zip = zipfile.ZipFile(path)
        except _BROKEN as error:
            raise self.error("", f"cannot be opened as .npz: {_one_line(error)}") from None
        try:
            self._members = self._directory(limit_bytes)
        except TraceError:
            self._zip.close()
            raise

    def _directory(self, limit_bytes: int) -> dict[str, zipfile.ZipInfo]:
        members: dict[str, zipfile.ZipInfo] = {}
        infos = self._zip.infolist()
        if len(infos) > MAX_MEMBERS:
            raise self.error("", f"holds {len(infos)} entries, more than {MAX_MEMBERS}")
        for info in infos:
            key = info.filename.removesuffix(".npy")
            if key == info.filename or info.flag_bits & 1 or info.compress_type not in _METHODS:
                raise self.error(info.filename, "is not a plain .npy array")
            if not key.replace("_", "").isalnum() or not key.isascii():
                raise self.error(info.filename, "is no name of an array of this schema: letters, digits and _")
            if info.file_size > MAX_RATIO * info.compress_size + MAX_RATIO:
                message = (
                    f"declares {info.file_size:,} B in {info.compress_size:,} B, more than deflate can make of them"
                )
                raise self.error(key, message)
            if key in members:
                raise self.error(key, "occurs twice")
            members[key] = info
        declared = sum(info.file_size for info in infos)
        if declared > limit_bytes:
            message = f"unpacks to {declared:,} B, more than the limit of {limit_bytes:,} B"
            raise self.error("", message, remedy="record fewer samples or layers")
        if sum(info.compress_size for info in infos) > self._file_bytes:
            raise self.error("", "declares more packed bytes than the file has: its members overlap")
        return members

    def __enter__(self) -> Archive:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()

    @property
    def keys(self) -> tuple[str, ...]:
        """Names of the arrays, in file order."""
        return tuple(self._members)

    def error(self, key: str, message: str, allowed: tuple[str, ...] = (), remedy: str = "") -> TraceError:
        """Error at one key of this file."""
        shown = key if key.isprintable() else key.encode("unicode_escape", "replace").decode()
        return TraceError(message, where=Where(shown[:120], str(self.path)), allowed=allowed, remedy=remedy)

    def array(self, key: str, kinds: str, itemsize: int = 0) -> NDArray[Any]:
        """One array.

        Parameters
        ----------
        key : str
            Its name.
        kinds : str
            NumPy dtype kinds that are allowed (``"iu"``).
        itemsize : int
            Bytes of one element, 0 for any.
        """
        if key not in self._members:
            close = nearest(key, self._members)
            raise self.error(key, "is missing", remedy=f"the file holds {close!r}" if close else "")
        self._read.add(key)
        try:
            with self._zip.open(self._members[key]) as stream:
                return self._load(key, stream, kinds, itemsize)
        except _BROKEN as error:
            raise self.error(key, f"cannot be read: {_one_line(error)}") from None

    def _load(self, key: str, stream: IO[bytes], kinds: str, itemsize: int) -> NDArray[Any]:
        shape, fortran, dtype = self._header(stream)
        if dtype.kind not in kinds or (itemsize and dtype.itemsize != itemsize):
            allowed = tuple(f"kind {kind!r}" + (f" of {itemsize} B" if itemsize else "") for kind in kinds)
            raise self.error(key, f"has dtype {dtype}", allowed=allowed)
        stored = self._members[key].file_size - stream.tell()
        needed = math.prod(shape) * dtype.itemsize
        if needed != stored:
            raise self.error(key, f"declares shape {shape}, {needed:,} B, but holds {stored:,} B")
        data = stream.read()
        if len(data) != needed:
            raise self.error(key, f"ends after {len(data):,} of {needed:,} B")
        values = np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")
        return values.astype(dtype.newbyteorder("="), copy=False)

    def _header(self, stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
        version = npy.read_magic(stream)
        if version == (1, 0):
            return npy.read_array_header_1_0(stream, max_header_size=MAX_HEADER_BYTES)
        if version == (2, 0):
            return npy.read_array_header_2_0(stream, max_header_size=MAX_HEADER_BYTES)
        raise ValueError(f"unknown .npy version {version}")

    def text(self, key: str) -> str:
        """One text entry: a zero-dimensional string array."""
        if key in self._members and self._members[key].file_size > MAX_TEXT_BYTES:
            raise self.error(key, f"is a text of {self._members[key].file_size:,} B, more than {MAX_TEXT_BYTES:,} B")
        value = self.array(key, "U")
        if value.ndim:
            raise self.error(key, f"must be one string, has shape {value.shape}")
        try:
            # str() of an invalid code point is a SystemError inside NumPy, so decode the bytes
            return value.tobytes().decode(f"utf-32-{sys.byteorder[0]}e").rstrip("\0")
        except UnicodeDecodeError as error:
            raise self.error(key, f"is no text: {error}") from None

    def refuse_unread(self) -> None:
        """Refuse keys that nobody asked for: a misspelt optional key must not vanish silently."""
        unread = [key for key in self._members if key not in self._read]
        if unread:
            close = nearest(unread[0], self._read)
            raise self.error(unread[0], "is not a key of this schema", remedy=f"like {close!r}?" if close else "")


def _one_line(error: BaseException) -> str:
    """A message of a library in one line of bounded length."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else text[:197] + "..."
