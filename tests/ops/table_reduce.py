"""Rows of reductions, scans and sorting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .table import Op, call, mask, t

_NO_DIM = (call(t(2, 3), 5), IndexError, "range")


def reduction(name: str, reference: Callable[..., Any], **options: Any) -> Op:
    """Over everything, over one dimension from either end, kept; of a number; a bad dimension."""
    lo, hi = options.pop("span", (-2.0, 2.0))

    def over(x: Any, dim: Any = None, keepdim: bool = False, **rest: Any) -> Any:
        axis = tuple(dim) if isinstance(dim, list) else dim if x.ndim else None
        return reference(x, axis=axis, keepdims=keepdim, **rest)

    calls = [
        call(t(2, 3, lo=lo, hi=hi)),
        call(t(2, 3, 2, lo=lo, hi=hi), 1),
        call(t(2, 3, lo=lo, hi=hi), -1, keepdim=True),
        call(t(lo=lo, hi=hi), 0),
    ]
    if options.pop("several", True):
        calls.append(call(t(2, 3, 2, lo=lo, hi=hi), [0, 2]))
    return Op(name, calls, over, errors=[_NO_DIM], **options)


def _spread(reference: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, dim: reference(x, axis=dim, ddof=1)


def scan(name: str, reference: Callable[..., Any], **options: Any) -> Op:
    """Along each dimension; nothing; a bad dimension."""
    calls = [call(t(2, 3), 1), call(t(3, 2, 2), 0), call(t(0, 3), 0)]
    return Op(name, calls, reference, errors=[_NO_DIM], **options)


def _best(reference: Callable[..., Any], arg: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, dim=None: reference(x) if dim is None else (reference(x, dim), arg(x, dim))


def _running(best: Any) -> Callable[..., Any]:
    return lambda x, dim: [best.accumulate(x, dim), _last_at(x, best.accumulate(x, dim), dim)]


def _last_at(x: Any, y: Any, dim: int) -> Any:
    x, y = np.moveaxis(x, dim, 0), np.moveaxis(y, dim, 0)
    at = np.zeros(x.shape, dtype=np.int64)
    for i in range(1, len(x)):
        at[i] = np.where(x[i] == y[i], i, at[i - 1])
    return np.moveaxis(at, 0, dim)


def _sorted(x: Any, dim: int = -1, descending: bool = False) -> Any:
    at = np.argsort(-x if descending else x, dim, kind="stable")
    return [np.take_along_axis(x, at, dim), at]


def _lower_median(x: Any, dim: int | None = None) -> Any:
    if dim is None:
        return np.sort(x, None)[(x.size - 1) // 2]
    values, at = _sorted(x, dim)
    k = (x.shape[dim] - 1) // 2
    return [values.take(k, dim), at.take(k, dim)]


def _softmax(x: Any, dim: int) -> Any:
    e = np.exp(x - x.max(dim, keepdims=True))
    return e / e.sum(dim, keepdims=True)


_COUNTED = {"kinds": "fcb", "result": "bool", "grad": 0, "inplace": False}
_SORTS = [call(t(2, 3)), call(t(3, 2), 0), call(t(2, 3), dim=1, descending=True)]

ROWS: list[Op] = [
    reduction("sum", np.sum, kinds="fcib", result="sum", tolerance=3),
    reduction("nansum", np.nansum, kinds="fib", result="sum", tolerance=3),
    reduction("mean", np.mean, kinds="fc", tolerance=3),
    reduction("nanmean", np.nanmean, kinds="f", tolerance=3),
    reduction("prod", np.prod, kinds="fcib", result="sum", several=False, tolerance=5),
    reduction("amax", np.max, kinds="fib"),
    reduction("amin", np.min, kinds="fib"),
    reduction("all", np.all, **_COUNTED),
    reduction("any", np.any, **_COUNTED),
    Op(
        "logsumexp",
        [call(t(2, 3), 1), call(t(2, 3), [0, 1]), call(t(), 0)],
        lambda x, dim: np.log(np.exp(x).sum(axis=tuple(np.atleast_1d(dim)) if x.ndim else None)),
        tolerance=3,
        errors=[_NO_DIM],
        kinds="fc",
    ),
    Op(
        "count_nonzero",
        [call(t(2, 3)), call(t(2, 3), 1)],
        lambda x, d=None: np.sum(x != 0, axis=d),
        kinds="fcib",
        result="int64",
        grad=0,
    ),
    Op(
        "std",
        [call(t(4, 3), 0), call(t(4, 3), 1)],
        _spread(np.std),
        kinds="fc",
        result="real",
        tolerance=3,
        errors=[_NO_DIM],
    ),
    Op(
        "var",
        [call(t(4, 3), 0), call(t(4, 3), 1)],
        _spread(np.var),
        kinds="fc",
        result="real",
        tolerance=3,
        errors=[_NO_DIM],
    ),
    Op(
        "std_mean",
        [call(t(4, 3), 0)],
        lambda x, d: (x.std(axis=d, ddof=1), x.mean(axis=d)),
        tolerance=3,
        kinds="fc",
        result="",
    ),
    Op(
        "var_mean",
        [call(t(4, 3), 0)],
        lambda x, d: (x.var(axis=d, ddof=1), x.mean(axis=d)),
        tolerance=3,
        kinds="fc",
        result="",
    ),
    Op(
        "max",
        [call(t(2, 3)), call(t(3, 4), 1), call(t(), 0)],
        _best(np.max, np.argmax),
        kinds="f",
        result="",
        errors=[_NO_DIM, (call(t(0)), RuntimeError, "max")],
    ),
    Op(
        "min",
        [call(t(2, 3)), call(t(3, 4), 1), call(t(), 0)],
        _best(np.min, np.argmin),
        kinds="f",
        result="",
        errors=[_NO_DIM, (call(t(0)), RuntimeError, "min")],
    ),
    Op(
        "aminmax",
        [call(t(2, 3)), call(t(2, 3), dim=1)],
        lambda x, dim=None: [x.min(axis=dim), x.max(axis=dim)],
        kinds="fi",
    ),
    Op(
        "argmax",
        [call(t(2, 3)), call(t(3, 4), 1)],
        lambda x, d=None: np.argmax(x, d),
        kinds="f",
        result="int64",
        grad=0,
        errors=[_NO_DIM, (call(t(0)), IndexError, "argmax")],
    ),
    Op(
        "argmin",
        [call(t(2, 3)), call(t(3, 4), 1)],
        lambda x, d=None: np.argmin(x, d),
        kinds="f",
        result="int64",
        grad=0,
        errors=[_NO_DIM, (call(t(0)), IndexError, "argmin")],
    ),
    Op(
        "median",
        [call(t(2, 3)), call(t(3, 4), 1)],
        _lower_median,
        kinds="f",
        result="",
        errors=[_NO_DIM],
    ),
    Op(
        "nanmedian",
        [call(t(2, 3)), call(t(3, 4), 1)],
        _lower_median,
        kinds="f",
        result="",
        errors=[_NO_DIM],
    ),
    Op("mode", [call(t(3, 1), 1)], lambda x, d: [x[:, 0], np.zeros(3, int)], result=""),
    Op(
        "kthvalue",
        [call(t(3, 4), 2, 1)],
        lambda x, k, d: [p.take(k - 1, d) for p in _sorted(x, d)],
        result="",
        errors=[(call(t(3), 5), RuntimeError, "k")],
    ),
    Op(
        "quantile",
        [call(t(5), 0.3), call(t(3, 4), 0.6, 1)],
        lambda x, q, d=None: np.quantile(x, q, axis=d),
        kinds="d",
        errors=[(call(t(3), 5.0), RuntimeError, "range")],
    ),
    Op(
        "nanquantile",
        [call(t(5), 0.3), call(t(3, 4), 0.6, 1)],
        lambda x, q, d=None: np.nanquantile(x, q, axis=d),
        kinds="d",
    ),
    scan(
        "cumsum",
        lambda x, d: np.cumsum(x, d),
        kinds="fcib",
        result="sum",
        tolerance=3,
    ),
    scan(
        "cumprod",
        lambda x, d: np.cumprod(x, d),
        kinds="fcib",
        result="sum",
        tolerance=3,
    ),
    scan("logcumsumexp", lambda x, d: np.log(np.cumsum(np.exp(x), d)), kinds="fc", tolerance=3),
    Op("cummax", [call(t(2, 3), 1), call(t(3, 2), 0)], _running(np.maximum), result=""),
    Op("cummin", [call(t(2, 3), 1), call(t(3, 2), 0)], _running(np.minimum), result=""),
    Op(
        "softmax",
        [call(t(2, 3), 1), call(t(3, 2, 2), 0), call(t(), 0)],
        lambda x, d: _softmax(x, d) if x.ndim else np.ones(()),
        errors=[_NO_DIM],
    ),
    Op(
        "log_softmax",
        [call(t(2, 3), 1), call(t(3, 2, 2), 0)],
        lambda x, d: np.log(_softmax(x, d)),
        errors=[_NO_DIM],
    ),
    Op("nn.functional.softmin", [call(t(2, 3), 1)], lambda x, d: _softmax(-x, d)),
    Op("sort", _SORTS, _sorted, result="", errors=[_NO_DIM]),
    Op("argsort", _SORTS, lambda *a, **k: _sorted(*a, **k)[1], result="int64", grad=0),
    Op("msort", [call(t(4, 2))], lambda x: np.sort(x, 0), kinds="fi"),
    Op(
        "topk",
        [call(t(2, 5), 3), call(t(5, 2), 2, 0)],
        lambda x, k, d=-1: [p.take(range(k), d) for p in _sorted(x, d, True)],
        result="",
        errors=[(call(t(3), 5), RuntimeError, "k")],
    ),
    Op("unique", [call(t(5)), call(t(2, 3))], np.unique, kinds="fib", grad=0, meta=False),
    Op("unique_consecutive", [call(t(5))], lambda x: x, kinds="f", grad=0, meta=False),
    Op(
        "trapezoid",
        [call(t(2, 3)), call(t(4), dx=2.0)],
        lambda x, dx=1: np.trapezoid(x, dx=dx) if hasattr(np, "trapezoid") else np.trapz(x, dx=dx),
        kinds="dc",
        aliases=["trapz"],
    ),
    Op(
        "cumulative_trapezoid",
        [call(t(2, 3))],
        lambda x: np.cumsum((x[:, 1:] + x[:, :-1]) / 2, 1),
        kinds="dc",
    ),
    Op(
        "diff",
        [call(t(2, 4)), call(t(4, 2), 2, 0)],
        lambda x, n=1, d=-1: np.diff(x, n, d),
        kinds="fci",
    ),
    Op(
        "gradient",
        [call(t(5), spacing=2.0)],
        lambda x, spacing: [np.gradient(x, spacing)],
        kinds="dc",
    ),
    Op("cov", [call(t(3, 5))], np.cov, kinds="dc"),
    Op("corrcoef", [call(t(3, 5))], np.corrcoef, kinds="dc"),
    Op(
        "bincount",
        [call(t(6, lo=0, hi=4))],
        np.bincount,
        kinds="i",
        result="int64",
        grad=0,
        meta=False,
        errors=[(call(t(3, lo=-4, hi=-1)), RuntimeError, "negative")],
    ),
    Op(
        "histc",
        [call(t(9), 4, -2, 2)],
        lambda x, n, lo, hi: np.histogram(x, n, (lo, hi))[0],
        kinds="d",
        grad=0,
    ),
    Op(
        "dist",
        [call(t(2, 3), t(2, 3)), call(t(3), t(3), 1)],
        lambda a, b, p=2: np.linalg.norm((a - b).ravel(), p),
        kinds="dc",
        result="real",
    ),
    Op(
        "renorm",
        [call(t(3, 4), 2, 0, 1.0)],
        lambda x, p, d, m: x * np.minimum(1, m / np.linalg.norm(x, p, 1, keepdims=True)),
        kinds="dc",
        tolerance=1e4,
    ),
    Op(
        "equal",
        [call(t(2, 3), t(2, 3)), call(mask([True]), mask([True]))],
        np.array_equal,
        kinds="fi",
        result="",
        grad=0,
        meta=False,
    ),
    Op("allclose", [call(t(2, 3), t(2, 3))], np.allclose, result="", grad=0, meta=False),
]
