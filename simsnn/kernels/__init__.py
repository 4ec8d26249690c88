"""Numba kernels: arrays and scalars in, arrays out; nothing else of simsnn is imported here.

``jit`` is the one compilation policy of the project: no fast math, the cache folder is named
by a hash of every kernel and reference source (Numba's own cache does not notice a change in
a kernel that another file calls), and where no folder is writable kernels compile uncached.
"""

from simsnn.kernels.compiler import jit

__all__ = ["jit"]
