"""Recurrence state of a dual-sparsity task: made, advanced over whole slice pairs, read as parts.

Layout and recurrences: ``simsnn/kernels/dual_sparse.py``. With a queue one row per group stands behind
the common words. Proof: ``tests/reference/test_dual_sparse.py``.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from simsnn.engines.base import State
from simsnn.kernels import dual_sparse as kernel
from simsnn.kernels.dual_sparse_masks import Ints


def start(array: kernel.Array) -> State:
    """Empty lists and pipelines at time 0."""
    groups = array.groups if array.dynamic else 0
    state = np.zeros(kernel.STATE_WORDS + groups * kernel.GROUP_WORDS, np.int64)
    state[kernel.FIRST] = -1
    group_rows(state)[:, kernel.S_FIRST] = -1
    return state


def group_rows(state: State) -> Ints:
    """Rows of the groups, int64 (G, GROUP_WORDS); none without a queue."""
    return state[kernel.STATE_WORDS :].reshape(-1, kernel.GROUP_WORDS)


def parts(array: kernel.Array, state: State) -> list[int]:
    """Group-cycles up to the last result, in the kernel's order."""
    found = np.zeros(kernel.PART_WORDS, np.int64)
    if array.dynamic:
        kernel.parts_dynamic(array, state, group_rows(state), found)
    else:
        kernel.parts_static(array, state, found)
    return [int(value) for value in found]


def closed_form(array: kernel.Array, pairs: Iterable[kernel.PairWork], pixels: int) -> State:
    """State after all slice pairs with nothing late; how a task is cut does not matter then."""
    state, bounds = start(array), np.array([0, pixels])
    summary = np.zeros((1, kernel.SUMMARY_WORDS), np.int64)
    for work in pairs:
        if array.dynamic:
            kernel.advance_dynamic(array, work, 0, pixels, state, group_rows(state), 0)
        else:
            kernel.summarise(array, work, bounds, summary)
            kernel.advance_static(array, summary[0], state, 0)
    return state
