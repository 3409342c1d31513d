"""Airy's function of float64 arrays.

Through integrals that the trapezoidal rule gives to machine precision (Trefethen & Weideman, "The
exponentially convergent trapezoidal rule", 2014), and far out by its asymptotic expansion.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["airy_ai"]


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
