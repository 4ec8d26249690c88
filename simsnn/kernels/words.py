"""Two's-complement words of a given width, and floats on a fixed-point grid that enter and leave them.

A word is held in an int64 and wrapped after every addition, as an adder of that width does: sums modulo
2^word_bits can be undone exactly, overflow or not. ``half`` is 2^(word_bits - 1). A float enters as
``rint(value * scale)`` and leaves as ``word / scale``; ``scale`` is a power of two, so both are exact as long as
the float format holds the integer. Proof: ``tests/kernels/test_reversible_integer.py``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simsnn.kernels.compiler import jit

WIDEST_INPUT = float(2**52)
"""Grid steps from which on a float, infinity and NaN included, does not enter."""


@jit
def wrap(value: Any, half: Any) -> Any:
    """The word that an adder of this width leaves of an int64."""
    return ((value + half) & (half + half - np.int64(1))) - half


@jit
def strangers(values: Any, scale: Any) -> int:
    """How many of a row of floats have no place on the grid: NaN, infinity and what is far too large."""
    count = 0
    for i in range(len(values)):
        count += 0 if abs(values[i] * scale) < WIDEST_INPUT else 1
    return count


@jit
def inexact(words: Any, exact: Any) -> int:
    """How many of a row of words are too large for the float format, whose integers are exact up to ``exact``."""
    count = 0
    for i in range(len(words)):
        count += 1 if abs(words[i]) > exact else 0
    return count


@jit
def word_of(value: Any, scale: Any, half: Any) -> Any:
    """The word of a float, rounded to the nearest grid step, ties to even, wrapped; 0 for what does not enter."""
    scaled = np.rint(value * scale)
    return wrap(np.int64(scaled if abs(scaled) < WIDEST_INPUT else 0.0), half)
