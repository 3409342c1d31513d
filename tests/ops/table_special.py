"""Rows of the special functions; SciPy is the reference where it is installed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.polynomial import chebyshev, hermite, hermite_e, laguerre, legendre

import lampas

from .table import Fixed, Op, T, call, t

try:
    import scipy.special as scipy_special
except ImportError:
    scipy_special = None


def known(name: str) -> Callable[..., Any] | None:
    """SciPy's function of this name, or None."""
    return getattr(scipy_special, name) if scipy_special else None


def one(
    name: str, reference: Callable[..., Any] | None, lo: float, hi: float, **options: Any
) -> Op:
    """A function of one number; integers become floating point."""
    calls = [call(T(shape, lo, hi)) for shape in ((2, 3), (), (0, 2))]
    options = {"kinds": "di", "result": "float", "inplace": False, **options}
    return Op(f"special.{name}", calls, reference, **options)


def _without_gradient(name: str, reference: Any, lo: float, hi: float, **options: Any) -> Op:
    return one(name, reference, lo, hi, grad=0, **options)


def _third(x: Any, n: Any) -> Any:
    angle = np.arccos(x)
    return np.cos((n + 0.5) * angle) / np.cos(angle / 2)


def _fourth(x: Any, n: Any) -> Any:
    angle = np.arccos(x)
    return np.sin((n + 0.5) * angle) / np.sin(angle / 2)


def _second(x: Any, n: Any) -> Any:
    angle = np.arccos(x)
    return np.sin((n + 1) * angle) / np.sin(angle)


def _series(evaluate: Callable[..., Any]) -> Callable[..., Any]:
    """A polynomial of a family as a series of which one coefficient is 1."""
    each = np.vectorize(lambda x, n: evaluate(x, [0.0] * int(n) + [1.0]), otypes=[float])
    return lambda x, n: each(x, n)


def _shifted(reference: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, n: reference(2 * x - 1, n)


_FIRST = _series(chebyshev.chebval)
_POLYNOMIALS = {
    "chebyshev_polynomial_t": (_FIRST, -0.9),
    "chebyshev_polynomial_u": (_second, -0.9),
    "chebyshev_polynomial_v": (_third, -0.9),
    "chebyshev_polynomial_w": (_fourth, -0.9),
    "shifted_chebyshev_polynomial_t": (_shifted(_FIRST), 0.1),
    "shifted_chebyshev_polynomial_u": (_shifted(_second), 0.1),
    "shifted_chebyshev_polynomial_v": (_shifted(_third), 0.1),
    "shifted_chebyshev_polynomial_w": (_shifted(_fourth), 0.1),
    "hermite_polynomial_h": (_series(hermite.hermval), -0.9),
    "hermite_polynomial_he": (_series(hermite_e.hermeval), -0.9),
    "laguerre_polynomial_l": (_series(laguerre.lagval), -0.9),
    "legendre_polynomial_p": (_series(legendre.legval), -0.9),
}

ROWS: list[Op] = [
    one("entr", known("entr"), 0.2, 3, kinds="fi"),
    one("erfcx", known("erfcx"), -2, 3),
    one("i0e", known("i0e"), -3, 3, kinds="fi", tolerance=2, aliases=["i0e"]),
    one("i1", known("i1"), -3, 3, kinds="fi", tolerance=2, aliases=["i1"]),
    one("i1e", known("i1e"), -3, 3, kinds="fi", tolerance=2, aliases=["i1e"]),
    one("ndtr", known("ndtr"), -3, 3),
    one("log_ndtr", known("log_ndtr"), -5, 3),
    one("ndtri", known("ndtri"), 0.1, 0.9, tolerance=2),
    _without_gradient("airy_ai", known("airy") and (lambda x: known("airy")(x)[0]), -3, 3),
    _without_gradient("bessel_j0", known("j0"), -9, 9),
    _without_gradient("bessel_j1", known("j1"), -9, 9),
    _without_gradient("bessel_y0", known("y0"), 0.5, 9),
    _without_gradient("bessel_y1", known("y1"), 0.5, 9),
    _without_gradient("modified_bessel_i0", known("i0"), -3, 3, tolerance=2),
    _without_gradient("modified_bessel_i1", known("i1"), -3, 3, tolerance=2),
    _without_gradient("modified_bessel_k0", known("k0"), 0.5, 5),
    _without_gradient("modified_bessel_k1", known("k1"), 0.5, 5),
    _without_gradient("scaled_modified_bessel_k0", known("k0e"), 0.5, 5),
    _without_gradient("scaled_modified_bessel_k1", known("k1e"), 0.5, 5),
    _without_gradient("spherical_bessel_j0", lambda x: np.sinc(x / np.pi), -9, 9),
    Op(
        "special.zeta",
        [
            call(t(2, 3, lo=1.5, hi=4, grad=False), t(3, lo=0.5, hi=4, grad=False)),
            call(2.5, t(2, lo=1, hi=3, grad=False)),
        ],
        known("zeta"),
        kinds="d",
    ),
    Op(
        "polygamma",
        [call(n, t(3, lo=1.5, hi=4)) for n in range(4)],
        known("polygamma"),
        kinds="d",
        tolerance=3,
        errors=[(call(-1, t(2)), RuntimeError, "negative")],
    ),
    Op("digamma", [call(t(2, 3, lo=0.3, hi=4)), call(t(5, lo=-2.4, hi=-1.6))], known("digamma")),
    Op("erfinv", [call(t(2, 3, lo=-0.9, hi=0.9)), call(t())], known("erfinv")),
    Op(
        "igamma",
        [call(t(2, 3, lo=0.5, hi=4, grad=False), t(3, lo=0.5, hi=4))],
        known("gammainc"),
        kinds="f",
        aliases=["special.gammainc"],
    ),
    Op(
        "igammac",
        [call(t(2, 3, lo=0.5, hi=4, grad=False), t(3, lo=0.5, hi=4))],
        known("gammaincc"),
        kinds="f",
        aliases=["special.gammaincc"],
    ),
    Op(
        "special.softmax",
        [call(t(2, 3), 1)],
        lambda x, d: np.exp(x) / np.exp(x).sum(d, keepdims=True),
        kinds="f",
    ),
    Op(
        "special.log_softmax",
        [call(t(2, 3), 1)],
        lambda x, d: x - np.log(np.exp(x).sum(d, keepdims=True)),
        kinds="f",
    ),
]


def _polynomial(name: str, reference: Callable[..., Any], lo: float) -> Op:
    degrees = Fixed([0.0, 1.0, 7.0], lampas.float64)
    calls = [
        call(t(2, 3, lo=lo, hi=0.9), degrees),
        call(t(3, lo=lo, hi=0.9), 4),
        call(0.5, degrees),
    ]
    return Op(f"special.{name}", calls, reference, kinds="d", result="", grad=0, tolerance=100)


ROWS += [_polynomial(name, *how) for name, how in _POLYNOMIALS.items()]
