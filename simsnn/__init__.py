"""simsnn: a cycle-accurate simulator of accelerators that train spiking neural networks.

``simsnn.simulate("quickstart")`` runs an experiment from Python, ``simsnn.run_sweep("array_size")`` a sweep; see
:mod:`simsnn.api` and :mod:`simsnn.sweep.api`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simsnn.api import Result, load, simulate, train
    from simsnn.errors import SimsnnError
    from simsnn.sweep.api import load_sweep, run_sweep

__version__ = "0.1.0"
__all__ = ["Result", "SimsnnError", "__version__", "load", "load_sweep", "run_sweep", "simulate", "train"]
_OF_SWEEPS = ("load_sweep", "run_sweep")


def __getattr__(name: str) -> Any:
    """Import the API when it is first used, so that ``simsnn --help`` starts at once."""
    if name not in __all__:
        raise AttributeError(f"module 'simsnn' has no attribute {name!r}")
    if name == "SimsnnError":
        from simsnn.errors import SimsnnError

        return SimsnnError
    if name in _OF_SWEEPS:
        from simsnn.sweep import api as sweeps

        return getattr(sweeps, name)
    from simsnn import api

    return getattr(api, name)
