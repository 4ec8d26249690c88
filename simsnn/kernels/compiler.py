"""The one Numba compilation policy, and where compiled kernels are cached.

Tests: ``tests/kernels/test_compiler.py`` (an edited callee is noticed; an unwritable cache
folder still computes).
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

from simsnn.paths import cache_root

Function = TypeVar("Function", bound=Callable[..., Any])


def source_digest() -> str:
    """Hash of every kernel and reference source: names the compiled cache folder."""
    package = Path(__file__).resolve().parent.parent
    digest = hashlib.sha256(numba.__version__.encode())
    for folder in ("kernels", "reference"):
        for source in sorted((package / folder).glob("*.py")):
            digest.update(source.name.encode())
            digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def _prepare_cache() -> bool:
    folder = cache_root() / "numba" / source_digest()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (OSError, RuntimeError):
        return False
    vars(numba.config)["CACHE_DIR"] = str(folder)
    return True


CACHED = _prepare_cache()


def jit(function: Function) -> Function:
    """Compile in nopython mode, without fast math, cached where a cache folder is writable."""
    compiled = numba.njit(cache=CACHED, error_model="numpy", nogil=True)(function)
    return cast(Function, compiled)
