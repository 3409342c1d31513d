"""Functions around the error function and the zeta function, of float64 arrays."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lampas import _C
from lampas.linalg._common import from_array, to_array

__all__ = ["erfcx", "hurwitz_zeta", "log_ndtr", "ndtri"]


def _erfc(x: Any) -> Any:
    return to_array(_C.erfc(from_array(np.ascontiguousarray(x))))


def erfcx(x: Any) -> Any:
    """exp(x**2) erfc(x): from 3 on by the continued fraction, DLMF 7.9.2."""
    size = np.abs(x)
    with np.errstate(all="ignore"):
        result = np.exp(size * size) * _erfc(size)
        far = size >= 3.0
        if far.any():
            z = size[far]
            fraction = z.copy()
            for k in range(80, 0, -1):
                fraction = z + k / 2 / fraction
            result[far] = 1 / (math.sqrt(math.pi) * fraction)
        result = np.where(np.isinf(size), 0.0, result)
        return np.where(x < 0, 2 * np.exp(size * size) - result, result)


def log_ndtr(x: Any) -> Any:
    """The logarithm of the normal distribution function."""
    with np.errstate(all="ignore"):
        low = np.log(erfcx(-x * math.sqrt(0.5)) / 2) - x * x / 2
        high = np.log1p(-_erfc(x * math.sqrt(0.5)) / 2)
        return np.where(x < -1, np.where(np.isneginf(x), -np.inf, low), high)


def ndtri(p: Any) -> Any:
    """The normal quantile: Abramowitz & Stegun 26.2.23, then Newton's steps on log_ndtr."""
    lower = np.minimum(p, 1 - p)
    with np.errstate(all="ignore"):
        t = np.sqrt(-2 * np.log(lower))
        top = 2.515517 + t * (0.802853 + t * 0.010328)
        bottom = 1 + t * (1.432788 + t * (0.189269 + t * 0.001308))
        x = top / bottom - t
        goal = np.log(lower)
        for _ in range(5):
            log = log_ndtr(x)
            density = np.exp(-x * x / 2 - log) / math.sqrt(2 * math.pi)
            x = x - np.where(np.isfinite(log), (log - goal) / density, 0.0)
        x = np.where(p > 0.5, -x, x)
    x = np.where(p == 0.5, 0.0, x)
    x = np.where(p == 0, -np.inf, np.where(p == 1, np.inf, x))
    return np.where((p < 0) | (p > 1) | np.isnan(p), np.nan, x)


# B_2k / (2k)! for the Euler-Maclaurin sum.
_BERNOULLI = (
    1 / 12,
    -1 / 720,
    1 / 30240,
    -1 / 1209600,
    1 / 47900160,
    -691 / 1307674368000,
    1 / 74724249600,
    -3617 / 10670622842880000,
    43867 / 5109094217170944000,
)


def hurwitz_zeta(x: Any, q: Any) -> Any:
    """The sum of (q + k)**-x over k >= 0 by the Euler-Maclaurin formula, DLMF 25.11.5."""
    x, q = np.broadcast_arrays(x, q)
    with np.errstate(all="ignore"):
        total, a = np.zeros(x.shape), q.astype(np.float64)
        # Few terms where q is positive; up to 10 in any case.
        steps = 10 + int(np.max(np.where(np.isfinite(q) & (q < 0), -np.floor(q), 0), initial=0))
        for i in range(min(steps, 100_000)):
            more = (i < 10) | (a <= 10)
            total = np.where(more, total + np.power(a, -x), total)
            a = np.where(more, a + 1, a)
        tail = np.power(a, 1 - x) / (x - 1) + np.power(a, -x) / 2
        factor, power = x, np.power(a, -x - 1)
        for k, b in enumerate(_BERNOULLI):
            tail = tail + b * factor * power
            factor = factor * (x + 2 * k + 1) * (x + 2 * k + 2)
            power = power / (a * a)
        result = total + np.where(np.isinf(q), 0.0, tail)
    whole = np.floor(q) == q
    result = np.where(
        q <= 0, np.where(whole, np.inf, np.where(np.floor(x) == x, result, np.nan)), result
    )
    result = np.where(x < 1, np.nan, np.where(x == 1, np.inf, result))
    return np.where(np.isnan(x) | np.isnan(q), np.nan, result)
