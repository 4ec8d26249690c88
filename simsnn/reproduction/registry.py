"""Papers that can be held against the simulator: one module and one line each."""

from __future__ import annotations

from collections.abc import Callable

from simsnn.registry import Registry
from simsnn.reproduction.combined import reproduce_combined
from simsnn.reproduction.h2learn import reproduce_h2learn
from simsnn.reproduction.outcome import Reproduction
from simsnn.reproduction.psu import reproduce_psu
from simsnn.reproduction.reversible import reproduce_reversible
from simsnn.reproduction.spikepipe import reproduce_spikepipe
from simsnn.reproduction.stages import Stage

REPRODUCTIONS: Registry[Callable[[Stage], Reproduction]] = Registry("reproduction")
REPRODUCTIONS.add("h2learn", reproduce_h2learn)
REPRODUCTIONS.add("reversible", reproduce_reversible)
REPRODUCTIONS.add("spikepipe", reproduce_spikepipe)
REPRODUCTIONS.add("combined", reproduce_combined)
REPRODUCTIONS.add("psu", reproduce_psu)
