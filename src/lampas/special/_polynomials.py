"""Orthogonal polynomials of float64 arrays by their recurrences (DLMF 18.9); degrees are cut to
whole numbers, negative ones give zero."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["POLYNOMIALS", "evaluate"]

# Name: the polynomial of degree one, and the next one out of x, its degree and the two before.
_Rule = tuple[Any, Any]


def _chebyshev(first: Any) -> _Rule:
    return first, lambda x, n, p, q: 2 * x * p - q


POLYNOMIALS: dict[str, _Rule] = {
    "chebyshev_polynomial_t": _chebyshev(lambda x: x),
    "chebyshev_polynomial_u": _chebyshev(lambda x: 2 * x),
    "chebyshev_polynomial_v": _chebyshev(lambda x: 2 * x - 1),
    "chebyshev_polynomial_w": _chebyshev(lambda x: 2 * x + 1),
    "hermite_polynomial_h": (lambda x: 2 * x, lambda x, n, p, q: 2 * x * p - 2 * (n - 1) * q),
    "hermite_polynomial_he": (lambda x: x, lambda x, n, p, q: x * p - (n - 1) * q),
    "laguerre_polynomial_l": (
        lambda x: 1 - x,
        lambda x, n, p, q: ((2 * n - 1 - x) * p - (n - 1) * q) / n,
    ),
    "legendre_polynomial_p": (
        lambda x: x,
        lambda x, n, p, q: ((2 * n - 1) * x * p - (n - 1) * q) / n,
    ),
}


def _angles(name: str, x: Any, n: Any) -> Any:
    """Chebyshev's polynomials inside [-1, 1] by their definition, at any degree at once."""
    t = np.arccos(x)
    if name.endswith("_t"):
        return np.cos(n * t)
    if name.endswith("_u"):
        return np.sin((n + 1) * t) / np.sin(t)
    if name.endswith("_v"):
        return np.cos((n + 0.5) * t) / np.cos(t / 2)
    return np.sin((n + 0.5) * t) / np.sin(t / 2)


def evaluate(name: str, x: Any, n: Any) -> Any:
    """The polynomial of that name and of degrees n at x."""
    shifted = name.startswith("shifted_")
    if shifted:
        name, x = name[len("shifted_") :], 2 * x - 1
    x, n = np.broadcast_arrays(x, np.trunc(n))
    one, following = POLYNOMIALS[name]
    with np.errstate(all="ignore"):
        before, now = np.ones(x.shape), np.asarray(one(x), dtype=np.float64)
        result = np.where(n == 0, 1.0, np.where(n == 1, now, 0.0))
        direct = np.zeros(x.shape, dtype=bool)
        if name.startswith("chebyshev"):
            direct = (n > 64) & (np.abs(x) < 1)
            result = np.where(direct, _angles(name, x, n), result)
        last = np.where(direct | ~np.isfinite(n), 0, n).max(initial=0)
        for k in range(2, int(min(last, 100_000)) + 1):
            before, now = now, following(x, k, now, before)
            result = np.where((n == k) & ~direct, now, result)
    return np.where(np.isnan(n), np.nan, result)
