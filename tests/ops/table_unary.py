"""Rows of the elementwise operators of one operand."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .table import Op, call, t

_error = np.vectorize(math.erf, otypes=[float])
_log_gamma = np.vectorize(math.lgamma, otypes=[float])


def unary(
    name: str,
    reference: Callable[..., Any],
    lo: float = -2.0,
    hi: float = 2.0,
    **options: Any,
) -> Op:
    """A row with a matrix, a number and nothing as samples."""
    shapes = [(3, 5), (), (0, 3)]
    calls = [call(t(*shape, lo=lo, hi=hi), *options.get("extra", ())) for shape in shapes]
    options.pop("extra", None)
    return Op(name, calls, reference, **{"closed": True, **options})


def _float(name: str, reference: Callable[..., Any], *span: float, **options: Any) -> Op:
    """Takes everything; integers become floating point."""
    return unary(name, reference, *span, **{"kinds": "fcib", "result": "float", **options})


def _real(name: str, reference: Callable[..., Any], *span: float, **options: Any) -> Op:
    """The same without complex numbers."""
    return _float(name, reference, *span, **{"kinds": "fib", **options})


def _expm1(x: Any) -> Any:
    return np.exp(x) - 1


ROWS: list[Op] = [
    _float("exp", np.exp),
    _float("exp2", np.exp2, complex_grad=True),
    _float("expm1", _expm1),
    _float("log", np.log, 0.5, 4.0),
    _float("log2", np.log2, 0.5, 4.0),
    _float("log10", np.log10, 0.5, 4.0),
    _float("log1p", np.log1p, -0.5, 3.0),
    _float("sqrt", np.sqrt, 0.5, 4.0),
    _float("rsqrt", lambda x: 1 / np.sqrt(x), 0.6, 4.0),
    _float("reciprocal", lambda x: 1 / x, 0.6, 4.0),
    _float("sin", np.sin),
    _float("cos", np.cos),
    _float("tan", np.tan, -1.0, 1.0),
    _float("asin", np.arcsin, -0.9, 0.9, aliases=["arcsin"]),
    _float("acos", np.arccos, -0.9, 0.9, aliases=["arccos"]),
    _float("atan", np.arctan, -0.9, 0.9, aliases=["arctan"]),
    _float("sinh", np.sinh),
    _float("cosh", np.cosh),
    _float("tanh", np.tanh, -1.2, 1.2),
    _float("asinh", np.arcsinh, -0.9, 0.9, aliases=["arcsinh"]),
    _float("acosh", np.arccosh, 1.2, 4.0, aliases=["arccosh"]),
    _float("atanh", np.arctanh, -0.8, 0.8, aliases=["arctanh"]),
    _float("sinc", lambda x: np.sinc(x), 0.2, 1.8),
    _float("sigmoid", lambda x: 1 / (1 + np.exp(-x)), aliases=["special_expit"]),
    _real("logit", lambda x: np.log(x / (1 - x)), 0.1, 0.9, kinds="f", closed=False),
    _real("erf", _error),
    _real("erfc", lambda x: 1 - _error(x)),
    _real("lgamma", _log_gamma, 1.1, 5.0, kinds="f", closed=False),
    _real("deg2rad", np.deg2rad),
    _real("rad2deg", np.rad2deg),
    unary("neg", np.negative, kinds="fci", closed=False, aliases=["negative"]),
    unary("positive", lambda x: x, kinds="fci", inplace=False),
    unary("square", lambda x: x * x, kinds="fci", closed=False),
    unary("abs", np.abs, kinds="fci", result="real", aliases=["absolute"]),
    unary(
        "sgn",
        lambda x: x / np.abs(x) if x.dtype.kind == "c" else np.sign(x),
        kinds="fc",
        closed=False,
    ),
    unary("sign", np.sign, kinds="fi", closed=False),
    unary("conj_physical", np.conj, kinds="cfi", closed=False),
    unary("floor", np.floor, kinds="f", closed=False),
    unary("ceil", np.ceil, kinds="f", closed=False),
    unary("trunc", np.trunc, kinds="f", closed=False, aliases=["fix"]),
    unary("round", np.round, kinds="f", closed=False),
    unary("frac", lambda x: x - np.trunc(x), kinds="f"),
    unary("nan_to_num", np.nan_to_num, kinds="fi", closed=False),
    unary("isnan", np.isnan, kinds="fcib", result="bool", grad=0),
    unary("isinf", np.isinf, kinds="fcib", result="bool", grad=0),
    unary("isfinite", np.isfinite, kinds="fcib", result="bool", grad=0),
    unary("isposinf", np.isposinf, kinds="fi", result="bool", grad=0, closed=False),
    unary("isneginf", np.isneginf, kinds="fi", result="bool", grad=0, closed=False),
    unary("isreal", np.isreal, kinds="fcib", result="bool", grad=0),
    unary("signbit", lambda x: x < 0, kinds="fi", result="bool", grad=0, closed=False),
    unary("logical_not", np.logical_not, kinds="fcib", result="bool", grad=0),
    unary("bitwise_not", np.invert, kinds="ib", grad=0),
    unary("angle", np.angle, kinds="dc", result="real", closed=False),
    unary("real", np.real, kinds="fc", result="real", closed=False),
    unary("imag", np.imag, kinds="c", result="real"),
    unary("conj", np.conj, kinds="fci", closed=False),
    unary("resolve_conj", lambda x: x, kinds="fci", closed=False),
    unary("resolve_neg", lambda x: x, kinds="fci", closed=False),
    unary("clone", np.copy, kinds="fcib"),
    unary("detach", np.copy, kinds="fcib", grad=0, inplace=False),
    unary("fill", lambda x, v: np.full_like(x, v), kinds="fci", extra=(3,), closed=False),
    unary("zeros_like", np.zeros_like, kinds="fcib", grad=0),
    unary("ones_like", np.ones_like, kinds="fcib", grad=0),
    unary("full_like", np.full_like, kinds="fci", grad=0, extra=(3,), closed=False),
]

# Activations: they come from lampas.nn.functional as well, under the same names.
ROWS += [
    unary("relu", lambda x: np.maximum(x, 0), kinds="fi"),
    unary("nn.functional.relu6", lambda x: np.clip(x, 0, 6), -2.0, 8.0, closed=False),
    unary("nn.functional.elu", lambda x: np.where(x > 0, x, np.expm1(x))),
    unary(
        "nn.functional.celu",
        lambda x, a: np.where(x > 0, x, a * np.expm1(x / a)),
        extra=(1.5,),
        closed=False,
    ),
    unary(
        "nn.functional.selu",
        lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x)),
        closed=False,
    ),
    unary("nn.functional.gelu", lambda x: x * (1 + _error(x / math.sqrt(2))) / 2),
    unary(
        "nn.functional.silu", lambda x: x / (1 + np.exp(-x)), -1.5, 1.5, kinds="fc", closed=False
    ),
    unary("nn.functional.mish", lambda x: x * np.tanh(np.log1p(np.exp(x)))),
    unary("nn.functional.softplus", lambda x, b: np.log1p(np.exp(b * x)) / b, extra=(2.0,)),
    unary("nn.functional.logsigmoid", lambda x: -np.log1p(np.exp(-x))),
    unary("nn.functional.hardsigmoid", lambda x: np.clip(x / 6 + 0.5, 0, 1), -4.0, 4.0),
    unary("nn.functional.hardswish", lambda x: x * np.clip(x / 6 + 0.5, 0, 1), -4.0, 4.0),
    unary("nn.functional.hardtanh", lambda x: np.clip(x, -1, 1), closed=False),
    unary("nn.functional.hardshrink", lambda x: np.where(np.abs(x) > 0.5, x, 0)),
    unary(
        "nn.functional.softshrink",
        lambda x, p: np.sign(x) * np.maximum(np.abs(x) - p, 0),
        extra=(0.5,),
    ),
    unary("nn.functional.leaky_relu", lambda x, s: np.where(x > 0, x, s * x), extra=(0.1,)),
    unary(
        "nn.functional.threshold",
        lambda x, p, v: np.where(x > p, x, v),
        extra=(0.5, 3.0),
        closed=False,
    ),
]
