"""Logistic function of a row, written so that it vectorises: no call, no branch, no table.

With y = -x held within +-87 (float32) or +-708 (float64), n = the integer nearest to y / ln 2 and
r = y - n ln 2 (ln 2 in two parts, so that n times the first is exact), |r| <= 0.347::

    e^y = 2^n (1 + r + r^2/2! + ... + r^k/k!)          k = 7 in float32, 13 in float64
    sigma(x) = 1 / (1 + e^y)

n is found by adding 1.5 * 2^23 (1.5 * 2^52), whose last bits then are n; shifted into the exponent they
are 2^n. Held values differ from the logistic function by less than 1.7e-38 (3.4e-308). NaN stays NaN.

Proof: ``tests/kernels/test_parallel.py`` (against ``math.exp`` in wider precision: relative error below
three roundings of the dtype over the whole range; symmetric; nowhere falling by more than a rounding).
"""

from __future__ import annotations

from typing import Any

from simsnn.kernels.compiler import jit


@jit
def _held(x: Any, limit: Any) -> Any:
    """-x within +-limit; NaN stays."""
    y = -x
    y = limit if y > limit else y
    return -limit if y < -limit else y


@jit
def _series_single(r: Any, c: Any) -> Any:
    """e^r by its series to r^7; ``c`` makes constants of the dtype."""
    high = c(1 / 24) + r * (c(1 / 120) + r * (c(1 / 720) + r * c(1 / 5040)))
    return c(1) + r * (c(1) + r * (c(1 / 2) + r * (c(1 / 6) + r * high)))


@jit
def _series_double(r: Any, c: Any) -> Any:
    """e^r by its series to r^13."""
    top = c(1 / 39916800) + r * (c(1 / 479001600) + r * c(1 / 6227020800))
    high = c(1 / 40320) + r * (c(1 / 362880) + r * (c(1 / 3628800) + r * top))
    low = c(1 / 24) + r * (c(1 / 120) + r * (c(1 / 720) + r * (c(1 / 5040) + r * high)))
    return c(1) + r * (c(1) + r * (c(1 / 2) + r * (c(1 / 6) + r * low)))


@jit
def sigmoid_row(x: Any, power: Any, bits: Any, s: Any) -> None:
    """Write sigma(x) of one row.

    Parameters
    ----------
    x, s : array, shape (n,), float32 or float64
        Argument and result; may be the same array.
    power : array, shape (n or more,), of that dtype
        Working space.
    bits : array, the same memory as ``power``, int32 or int64
        Its bits.
    """
    c = x.dtype.type
    single = x.itemsize == 4
    limit, shift, bias = (c(87.0), 23, 127) if single else (c(708.0), 52, 1023)
    inverse, magic = c(1.4426950408889634), c(12582912.0) if single else c(6755399441055744.0)
    first = c(0.693359375) if single else c(0.693145751953125)
    second = c(-2.1219444005469057e-4) if single else c(1.4286068203094172e-06)
    one = c(1)
    for i in range(len(x)):
        power[i] = _held(x[i], limit) * inverse + magic
    for i in range(len(x)):
        bits[i] = (bits[i] + bias) << shift
    if single:
        for i in range(len(x)):
            y = _held(x[i], limit)
            n = (y * inverse + magic) - magic
            s[i] = one / (one + power[i] * _series_single((y - n * first) - n * second, c))
    else:
        for i in range(len(x)):
            y = _held(x[i], limit)
            n = (y * inverse + magic) - magic
            s[i] = one / (one + power[i] * _series_double((y - n * first) - n * second, c))
