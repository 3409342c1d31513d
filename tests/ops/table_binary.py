"""Rows of the elementwise operators of two and three operands."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .table import Call, Op, T, call, mask, t

_SHAPES = (((2, 3), (2, 3)), ((2, 3), (3,)), ((2, 1), (1, 3)), ((), (2,)), ((), ()), ((0, 3), (3,)))


def pairs(
    lo: float = -2.0,
    hi: float = 2.0,
    lo2: float | None = None,
    hi2: float | None = None,
    number: float | None = None,
) -> list[Call]:
    """Operands of equal shape, broadcast, empty and of no dimension, and a number as the second."""
    lo2, hi2 = lo if lo2 is None else lo2, hi if hi2 is None else hi2
    made = [call(T(a, lo, hi), T(b, lo2, hi2)) for a, b in _SHAPES]
    return made if number is None else [*made, call(t(2, 3, lo=lo, hi=hi), number)]


def binary(
    name: str, reference: Callable[..., Any], calls: list[Call] | None = None, **options: Any
) -> Op:
    """A row with samples of all ways of broadcasting; shapes that do not fit are refused."""
    bad = (call(t(2, 3), t(4)), RuntimeError, "3.*4|size")
    return Op(name, pairs() if calls is None else calls, reference, errors=[bad], **options)


def _test(name: str, reference: Callable[..., Any], **options: Any) -> Op:
    return binary(name, reference, pairs(number=1), result="bool", grad=0, **options)


def _bits(name: str, reference: Callable[..., Any], kinds: str = "ib", hi: int = 9) -> Op:
    return binary(name, reference, pairs(0, hi), kinds=kinds, grad=0)


def _huber(x: Any, y: Any) -> Any:
    d = np.abs(x - y)
    return np.where(d < 1, d * d / 2, d - 0.5)


ROWS: list[Op] = [
    binary("add", np.add, pairs(number=True), kinds="fcib"),
    binary("sub", np.subtract, pairs(number=3), kinds="fci", aliases=["subtract"]),
    binary("mul", np.multiply, pairs(number=True), kinds="fcib", aliases=["multiply"]),
    binary("rsub", lambda a, b: b - a, pairs(number=3), kinds="fci"),
    binary(
        "div",
        np.divide,
        pairs(1, 3, 1, 3, 2),
        kinds="fci",
        result="float",
        aliases=["divide", "true_divide"],
    ),
    binary("floor_divide", np.floor_divide, pairs(-5, 5, 1, 3, 2), kinds="fi", grad=0),
    binary("remainder", np.remainder, pairs(-5, 5, 1, 3, 2), kinds="d"),
    binary("fmod", np.fmod, pairs(-5, 5, 1, 3, 2), kinds="d"),
    binary("pow", np.power, pairs(0.6, 2, 0, 2, 2), kinds="fci"),
    binary(
        "float_power",
        lambda a, b: np.float_power(a, b),
        pairs(0.6, 2, 0, 2, 2),
        kinds="dci",
        result="",
    ),
    binary("maximum", np.maximum, kinds="fib"),
    binary("minimum", np.minimum, kinds="fib"),
    binary("fmax", np.fmax, kinds="fib"),
    binary("fmin", np.fmin, kinds="fib"),
    binary("gcd", np.gcd, pairs(1, 30), kinds="i", grad=0, closed=True),
    binary("lcm", np.lcm, pairs(1, 12), kinds="i", grad=0, closed=True),
    binary("copysign", np.copysign, pairs(-2, 2, -2, 2, -1.0), kinds="f"),
    binary("nextafter", np.nextafter, kinds="d", grad=0, tolerance=1e3),
    binary("hypot", np.hypot, pairs(0.5, 2)),
    binary("atan2", np.arctan2, pairs(0.5, 2), aliases=["arctan2"]),
    binary("logaddexp", np.logaddexp, kinds="f"),
    binary("logaddexp2", np.logaddexp2, kinds="f"),
    binary(
        "xlogy", lambda a, b: a * np.log(b), pairs(0.5, 2, 0.5, 2, 2.0), kinds="fi", result="float"
    ),
    binary(
        "special.xlog1py",
        lambda a, b: a * np.log1p(b),
        pairs(0.5, 2, 0.5, 2, 2.0),
        kinds="d",
        aliases=["xlog1py"],
        inplace=False,
    ),
    binary("heaviside", np.heaviside, kinds="fi", grad=0),
    binary("ldexp", lambda a, b: a * 2.0**b, pairs(-2, 2, -2, 2, 2), kinds="f"),
    _test("eq", np.equal, kinds="fcib"),
    _test("ne", np.not_equal, kinds="fcib", aliases=["not_equal"]),
    _test("lt", np.less, kinds="fib", closed=True, aliases=["less"]),
    _test("le", np.less_equal, kinds="fib", closed=True, aliases=["less_equal"]),
    _test("gt", np.greater, kinds="fib", closed=True, aliases=["greater"]),
    _test("ge", np.greater_equal, kinds="fib", closed=True, aliases=["greater_equal"]),
    binary("logical_and", np.logical_and, kinds="fcib", result="bool", grad=0),
    binary("logical_or", np.logical_or, kinds="fcib", result="bool", grad=0),
    binary("logical_xor", np.logical_xor, kinds="fcib", result="bool", grad=0),
    binary("isclose", np.isclose, kinds="fci", result="bool", grad=0),
    _bits("bitwise_and", np.bitwise_and),
    _bits("bitwise_or", np.bitwise_or),
    _bits("bitwise_xor", np.bitwise_xor),
    _bits("bitwise_left_shift", np.left_shift, "i", 3),
    _bits("bitwise_right_shift", np.right_shift, "i", 3),
    binary("clamp_min", np.maximum, pairs(number=0.5), kinds="f"),
    binary("clamp_max", np.minimum, pairs(number=0.5), kinds="f"),
    binary(
        "nn.functional.prelu",
        lambda x, w: np.where(x > 0, x, w * x),
        [call(t(2, 3), t(1)), call(t(4, 3), t(3))],
    ),
    binary(
        "polar",
        lambda r, a: r * np.exp(1j * a),
        pairs(0.5, 2),
        kinds="d",
        result="",
        complex_grad=False,
    ),
    binary("complex", lambda a, b: a + 1j * b, kinds="d", result=""),
    Op(
        "clamp",
        [call(t(2, 3), 0, 1), call(t(2, 3), t(3, hi=-1), t(2, 1, lo=1)), call(t(3), 0)],
        lambda x, lo, hi=9: np.clip(x, lo, hi),
        kinds="fi",
        aliases=["clip"],
        errors=[(call(t(2)), RuntimeError, "min.*max|At least one")],
    ),
    Op(
        "addcmul",
        [call(t(2, 3), t(2, 3), t(3), value=2), call(t(), t(), t())],
        lambda a, b, c, value=1: a + value * b * c,
        kinds="fci",
    ),
    Op(
        "addcdiv",
        [call(t(2, 3), t(2, 3), t(3, lo=1), value=2), call(t(), t(), t(lo=1))],
        lambda a, b, c, value=1: a + value * b / c,
        kinds="fc",
    ),
    Op(
        "lerp",
        [call(t(2, 3), t(2, 3), t(3)), call(t(2, 3), t(3), 0.25)],
        lambda a, b, w: a + w * (b - a),
        kinds="fc",
    ),
    Op(
        "where",
        [call(mask([[True, False, True]]), t(2, 3), t(3)), call(mask(True), t(), t())],
        np.where,
        kinds="fcib",
        inplace=False,
        errors=[(call(t(2), t(2), t(2)), RuntimeError, "bool")],
    ),
    Op(
        "mvlgamma",
        [call(t(2, 3, lo=3, hi=5), 2)],
        lambda x, p: (
            0.5 * math.log(math.pi)
            + np.vectorize(math.lgamma)(x)
            + np.vectorize(math.lgamma)(x - 0.5)
        ),
        kinds="d",
    ),
    binary(
        "nn.functional.mse_loss",
        lambda a, b: np.mean((a - b) ** 2),
        [call(t(2, 3), t(2, 3))],
        kinds="fc",
    ),
    binary(
        "nn.functional.l1_loss",
        lambda a, b: np.mean(np.abs(a - b)),
        [call(t(2, 3), t(2, 3))],
        kinds="fc",
        result="real",
    ),
    binary(
        "nn.functional.smooth_l1_loss", lambda a, b: np.mean(_huber(a, b)), [call(t(2, 3), t(2, 3))]
    ),
    binary(
        "nn.functional.huber_loss", lambda a, b: np.mean(_huber(a, b)), [call(t(2, 3), t(2, 3))]
    ),
    Op(
        "nn.functional.binary_cross_entropy",
        [call(t(2, 3, lo=0.1, hi=0.9), t(2, 3, lo=0.1, hi=0.9))],
        lambda p, y: np.mean(-y * np.log(p) - (1 - y) * np.log(1 - p)),
        tolerance=2,
        errors=[(call(t(2, lo=0.1, hi=0.9), t(3, lo=0.1, hi=0.9)), ValueError, "size|shape")],
    ),
    Op(
        "nn.functional.binary_cross_entropy_with_logits",
        [call(t(2, 3), t(2, 3, lo=0.1, hi=0.9))],
        lambda x, y: np.mean(np.log1p(np.exp(x)) - x * y),
        tolerance=2,
        errors=[(call(t(2), t(3)), ValueError, "size|shape")],
    ),
]
