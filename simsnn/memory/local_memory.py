"""Local memory of one processor: where its weights, weight versions and stashes live.

It stands behind the processor's SRAMs, which are scratchpads, as the DRAM stands behind those of a
machine without processors: same channel, same timing (:mod:`simsnn.memory.dram`), but private, and
of a size that is checked.
"""

from __future__ import annotations

from simsnn.config.quantities import Name, SizeBytes, written
from simsnn.memory.dram import FixedRateDramConfig


class LocalMemoryConfig(FixedRateDramConfig):
    """A fixed-rate memory of a known size.

    Parameters
    ----------
    size : int
        Bytes for weights, versions, stashes and whatever else lives between tasks.
    """

    name: Name = "memory"
    size: SizeBytes = written("1 GiB")
