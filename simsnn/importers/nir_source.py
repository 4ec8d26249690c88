"""NirSource: what a NIR file does not say and an experiment must: ``network: {nir: FILE, dt: 100 us, ...}``."""

from __future__ import annotations

from typing import Literal

from simsnn.config.quantities import DurationNs, Name, StrictModel
from simsnn.neurons.surrogate import Surrogate, TriangleSurrogate


class NirSource(StrictModel):
    """A network from a NIR file. The number of time steps is ``workload.timesteps``, as for every network.

    Parameters
    ----------
    nir : str
        The file.
    dt : duration or None
        Length of one time step; needed as soon as the file has a neuron, whose constants are continuous in time.
    surrogate : Surrogate
        Derivative that training uses.
    reset : str
        What a spike does: ``hard`` is what NIR says; others for models that were trained with them.
    detach_reset : bool
        Whether the reset is left out of the gradient.
    varied : str
        A layer here has one set of neuron constants: ``refuse`` a node whose neurons differ, or take the ``mean``.
    name : str or None
        Name of the network; that of the file when left out.
    """

    nir: str
    dt: DurationNs | None = None
    surrogate: Surrogate = TriangleSurrogate()
    reset: Literal["hard", "soft", "none"] = "hard"
    detach_reset: bool = True
    varied: Literal["refuse", "mean"] = "refuse"
    name: Name | None = None
