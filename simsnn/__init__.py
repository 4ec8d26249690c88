"""simsnn: a cycle-accurate simulator of accelerators that train spiking neural networks.

``simsnn.simulate("quickstart")`` runs an experiment from Python; see :mod:`simsnn.api`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simsnn.api import Result, load, simulate, train
    from simsnn.errors import SimsnnError

__version__ = "0.1.0"
__all__ = ["Result", "SimsnnError", "__version__", "load", "simulate", "train"]


def __getattr__(name: str) -> Any:
    """Import the API when it is first used, so that ``simsnn --help`` starts at once."""
    if name not in __all__:
        raise AttributeError(f"module 'simsnn' has no attribute {name!r}")
    if name == "SimsnnError":
        from simsnn.errors import SimsnnError

        return SimsnnError
    from simsnn import api

    return getattr(api, name)
