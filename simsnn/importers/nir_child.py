"""A NIR file read in a process of its own, with limits on time and memory.

Damaged HDF5 files can make the HDF5 library loop for ever or crash, and no check of ours comes before its own
parsing. So :func:`read_apart` starts this module as a program: it reads the file within limits and writes what it
found as ``.npz`` without pickled objects, or its error as JSON. Proof: ``tests/property/test_hostile_files.py``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from simsnn.errors import ConfigError, Where
from simsnn.importers.nir_file import LIMIT_BYTES, NirFile, NirNode, check_magic, read_nir_file, require_h5py

TIME_LIMIT_S = 20
SPARE_BYTES = 2 * 2**30
"""Memory beyond twice the arrays: the interpreter and its libraries."""
_REFUSED = 3


def read_apart(path: Path, limit_bytes: int = LIMIT_BYTES, time_limit_s: int = TIME_LIMIT_S) -> NirFile:
    """Read a NIR file as :func:`simsnn.importers.nir_file.read_nir_file` does, whatever it makes the library do.

    Parameters
    ----------
    path : Path
        File to read.
    limit_bytes : int
        Bytes that all arrays together may declare.
    time_limit_s : int
        Seconds after which reading is given up.

    Raises
    ------
    ConfigError
        As ``read_nir_file``, and if the library crashes on the file or does not come to an end.
    """
    check_magic(path)
    require_h5py(path)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    words = [sys.executable, "-P", "-m", __name__, str(path), str(limit_bytes), str(time_limit_s)]
    try:
        done = subprocess.run(words, capture_output=True, env=environment, timeout=2 * time_limit_s, check=False)
    except subprocess.TimeoutExpired:
        raise _broken(path, f"the HDF5 library does not come to an end with it in {2 * time_limit_s} s") from None
    if done.returncode == _REFUSED:
        told = json.loads(done.stdout)
        where = Where(told["path"], str(path))
        raise ConfigError(told["message"], where=where, remedy=told["remedy"])
    if done.returncode:
        raise _broken(path, f"the HDF5 library fails on it (exit status {done.returncode})")
    return _unpacked(path, done.stdout)


def _broken(path: Path, message: str) -> ConfigError:
    return ConfigError(message, where=Where(file=str(path)), remedy="the file is damaged; write it again")


def _packed(file: NirFile) -> bytes:
    arrays = {f"{i}.{key}": values for i, node in enumerate(file.nodes) for key, values in node.arrays.items()}
    nodes = [[node.name, node.kind, node.texts, list(node.arrays)] for node in file.nodes]
    meta = np.array(json.dumps({"nodes": nodes, "edges": file.edges}))
    stream = BytesIO()
    np.savez(stream, allow_pickle=False, meta=meta, **arrays)
    return stream.getvalue()


def _unpacked(path: Path, data: bytes) -> NirFile:
    with np.load(BytesIO(data), allow_pickle=False) as archive:
        meta: Any = json.loads(str(archive["meta"]))
        nodes = tuple(
            NirNode(name, kind, {key: archive[f"{i}.{key}"] for key in keys}, texts)
            for i, (name, kind, texts, keys) in enumerate(meta["nodes"])
        )
    return NirFile(path, nodes, tuple((source, target) for source, target in meta["edges"]))


def _limit(limit_bytes: int, time_limit_s: int) -> None:
    """Limits of this process, where the system has such limits."""
    try:
        import resource
    except ImportError:
        return
    limits = {"RLIMIT_CPU": time_limit_s, "RLIMIT_CORE": 0, "RLIMIT_AS": 3 * limit_bytes + SPARE_BYTES}
    for name, most in limits.items():
        with suppress(AttributeError, ValueError, OSError):
            resource.setrlimit(getattr(resource, name), (most, most))


def _main(path: Path, limit_bytes: int, time_limit_s: int) -> int:
    _limit(limit_bytes, time_limit_s)
    try:
        data = _packed(read_nir_file(path, limit_bytes))
    except ConfigError as error:
        told = {"message": error.message, "path": error.where.path, "remedy": error.remedy}
        sys.stdout.write(json.dumps(told))
        return _REFUSED
    sys.stdout.buffer.write(data)
    return 0


if __name__ == "__main__":
    sys.exit(_main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
