"""Where simsnn keeps what can be made again: one function, one environment variable."""

from __future__ import annotations

import os
from pathlib import Path

CACHE_VARIABLE = "SIMSNN_CACHE"


def cache_root() -> Path:
    """Folder of every cache: ``$SIMSNN_CACHE``, else the platform's user cache folder."""
    configured = os.environ.get(CACHE_VARIABLE)
    if configured:
        return Path(configured)
    import platformdirs

    return Path(platformdirs.user_cache_dir("simsnn", appauthor=False))
