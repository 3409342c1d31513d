"""Bessel and Airy functions of float64 arrays.

Small arguments go through power series and recurrences that lose no digits, large ones through
Hankel's asymptotic expansions (DLMF 10.17, 10.40), what lies between through integrals that the
trapezoidal rule gives to machine precision (Trefethen & Weideman, "The exponentially convergent
trapezoidal rule", 2014).
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["airy_ai", "i_scaled", "j_and_y", "k_scaled"]

_EULER = 0.57721566490153286061
_LARGE = 25.0


def _hankel_terms(order: int, x: Any) -> Any:
    """The terms a_k(order) / x**k of Hankel's expansions, until they stop shrinking."""
    mu = 4.0 * order * order
    term = np.ones_like(x)
    yield term
    for k in range(1, 30):
        term = term * ((mu - (2 * k - 1) ** 2) / (8.0 * k)) / x
        yield term


def _pieces(x: Any, small: Any, near: Any, far: Any) -> Any:
    """One function below _LARGE and another above."""
    result = np.empty_like(x)
    at = small
    if at.any():
        result[at] = near(x[at])
    if (~at).any():
        result[~at] = far(x[~at])
    return result


# ---- modified functions --------------------------------------------------------------------------
def i_scaled(order: int, x: Any) -> Any:
    """exp(-|x|) I_order(x) for orders 0 and 1."""
    size = np.abs(x)

    def near(z: Any) -> Any:
        quarter = z * z / 4
        term = np.ones_like(z) if order == 0 else z / 2
        total = term.copy()
        for k in range(1, 90):
            term = term * quarter / (k * (k + order))
            total += term
        return total * np.exp(-z)

    def far(z: Any) -> Any:
        total = sum((-1) ** k * t for k, t in enumerate(_hankel_terms(order, z)))
        return total / np.sqrt(2 * np.pi * z)

    with np.errstate(all="ignore"):
        result = _pieces(size, ~(size >= _LARGE), near, far)
    result = np.where(np.isinf(x), 0.0, result)
    return np.where(x < 0, -result, result) if order else result


def k_scaled(order: int, x: Any) -> Any:
    """exp(x) K_order(x) for orders 0 and 1: infinite at zero, NaN below."""

    def near(z: Any) -> Any:
        # exp(z) K = integral of exp(-z (cosh t - 1)) cosh(order t); below 1 by the series.
        t = np.arange(0, 5.5, 0.04)
        kernel = np.exp(-z[:, None] * (np.cosh(t) - 1)) * np.cosh(order * t)
        kernel[:, 0] /= 2
        result = kernel.sum(1) * 0.04
        low = z < 1.0
        if low.any():
            result[low] = _k_series(order, z[low]) * np.exp(z[low])
        return result

    def far(z: Any) -> Any:
        return sum(_hankel_terms(order, z)) * np.sqrt(np.pi / (2 * z))

    positive = x > 0
    result = np.where(x == 0, np.inf, np.full_like(x, np.nan))
    if positive.any():
        with np.errstate(all="ignore"):
            z = x[positive]
            result[positive] = _pieces(z, z < _LARGE, near, far)
    return np.where(np.isposinf(x), 0.0, result)


def _k_series(order: int, z: Any) -> Any:
    """K by its power series (DLMF 10.31)."""
    quarter, log = z * z / 4, np.log(z / 2)
    total = np.zeros_like(z)
    if order == 0:
        term, harmonic = np.ones_like(z), 0.0
        for k in range(30):
            total += term * (harmonic - _EULER - log)
            harmonic += 1 / (k + 1)
            term = term * quarter / (k + 1) ** 2
        return total
    term, first, second = z / 2, 0.0, 1.0
    for k in range(30):
        total += term * (log + _EULER - (first + second) / 2)
        first += 1 / (k + 1)
        second += 1 / (k + 2)
        term = term * quarter / ((k + 1) * (k + 2))
    return 1 / z + total


# ---- functions of the first and second kind ------------------------------------------------------
def _miller(z: Any) -> list[Any]:
    """J_0, J_1, … of arguments below _LARGE by downward recurrence (DLMF 3.6(iv))."""
    top = 90
    values = [np.zeros_like(z) for _ in range(top + 2)]
    values[top] = np.full_like(z, 1e-280)
    safe = np.where(z == 0, 1.0, z)
    for n in range(top, 0, -1):
        values[n - 1] = 2 * n / safe * values[n] - values[n + 1]
        big = np.abs(values[n - 1]) > 1e200
        if big.any():
            for v in values[n - 1 :]:
                v[big] *= 1e-250
    norm = values[0] + 2 * sum(values[2::2])
    found = [v / norm for v in values]
    for n, v in enumerate(found):
        v[z == 0] = 1.0 if n == 0 else 0.0
    return found


def _near_j_y(order: int, second: bool, z: Any) -> Any:
    j = _miller(z)
    if not second:
        return j[order]
    # Neumann's series, DLMF 10.23.16.
    log = np.log(z / 2)
    count = (len(j) - 2) // 2
    if order == 0:
        tail = sum((-1) ** k * j[2 * k] / k for k in range(1, count))
        return 2 / np.pi * (log + _EULER) * j[0] - 4 / np.pi * tail
    tail = sum((-1) ** k * (2 * k + 1) * j[2 * k + 1] / (k * (k + 1)) for k in range(1, count))
    return 2 / np.pi * ((log + _EULER - 1) * j[1] - j[0] / z - tail)


def _far_j_y(order: int, second: bool, z: Any) -> Any:
    even, odd = np.zeros_like(z), np.zeros_like(z)
    for k, t in enumerate(_hankel_terms(order, z)):
        if k % 2:
            odd += (-1) ** (k // 2) * t
        else:
            even += (-1) ** (k // 2) * t
    # cos and sin of z - (order / 2 + 1 / 4) pi without rounding the difference.
    c, s, root = np.cos(z), np.sin(z), np.sqrt(0.5)
    cosine, sine = (c + s) * root, (s - c) * root
    if order:
        cosine, sine = sine, -cosine
    wave = even * sine + odd * cosine if second else even * cosine - odd * sine
    return wave * np.sqrt(2 / (np.pi * z))


def j_and_y(order: int, second: bool, x: Any) -> Any:
    """J_order(x), or with `second` Y_order(x), for orders 0 and 1."""
    size = np.abs(x)
    with np.errstate(all="ignore"):
        result = _pieces(
            size,
            ~(size >= _LARGE),
            lambda z: _near_j_y(order, second, z),
            lambda z: _far_j_y(order, second, z),
        )
    result = np.where(np.isinf(size), 0.0, result)
    if second:
        result = np.where(x == 0, -np.inf, result)
        return np.where((x < 0) | np.isnan(x), np.nan, result)
    result = np.where(np.isnan(x), np.nan, result)
    return np.where(x < 0, -result, result) if order else result


# ---- Airy ----------------------------------------------------------------------------------------
def _airy_saddle(x: Any) -> Any:
    """Positive arguments along the path of steepest descent through i sqrt(x)."""
    root = np.sqrt(x)
    s = np.arange(0, 7.0, 0.02)
    kernel = np.exp(-s * s) * np.cos(s**3 / (3 * root[:, None] ** 1.5))
    kernel[:, 0] /= 2
    return np.exp(-2 / 3 * x * root) * kernel.sum(1) * 0.02 / (np.pi * np.sqrt(root))


def _airy_middle(x: Any) -> Any:
    """Arguments of either sign along a line half a unit above the real axis."""
    u = np.arange(0, 12.0, 0.01) + 0.5j
    kernel = np.exp(1j * (u**3 / 3 + x[:, None] * u)).real
    kernel[:, 0] /= 2
    return kernel.sum(1) * 0.01 / np.pi


def _airy_far(x: Any) -> Any:
    """Large negative arguments by the asymptotic expansion, DLMF 9.7.9."""
    z = -x
    zeta = 2 / 3 * z**1.5
    even, odd, u = np.zeros_like(z), np.zeros_like(z), np.ones_like(z)
    for k in range(30):
        if k % 2:
            odd += (-1) ** (k // 2) * u
        else:
            even += (-1) ** (k // 2) * u
        u = u * ((6 * k + 1) * (6 * k + 3) * (6 * k + 5)) / (216.0 * (k + 1) * (2 * k + 1)) / zeta
    angle = zeta - np.pi / 4
    return (even * np.cos(angle) + odd * np.sin(angle)) / (np.sqrt(np.pi) * z**0.25)


def airy_ai(x: Any) -> Any:
    """Ai(x)."""
    result = np.full_like(x, np.nan)
    with np.errstate(all="ignore"):
        for where, f in (
            ((x >= 1.0) & np.isfinite(x), _airy_saddle),
            ((x < 1.0) & (x > -9.0), _airy_middle),
            ((x <= -9.0) & np.isfinite(x), _airy_far),
        ):
            if where.any():
                result[where] = f(x[where])
    return np.where(np.isinf(x), 0.0, result)
