"""Rows of `lampas.masked`: reductions over what a mask leaves, against NumPy's masked arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .table import Op, call, mask, t

_MASK = mask([[True, False, True], [True, True, False]])
_CALLS = [call(t(2, 3), 1, mask=_MASK), call(t(2, 3), 0, keepdim=True, mask=_MASK), call(t(2, 3))]
_ONE_DIM = [call(t(2, 3), 1, mask=_MASK), call(t(2, 3), 0, mask=_MASK)]
_BAD_MASK = (call(t(2, 3), 1, mask=t(2, 3)), TypeError, "bool")
_NO_DIM = (call(t(2, 3), 7, mask=_MASK), IndexError, "range")


def _hidden(x: Any, mask: Any) -> Any:
    return np.ma.array(x, mask=False if mask is None else ~np.broadcast_to(mask, x.shape))


def _reduced(name: str, **fixed: Any) -> Callable[..., Any]:
    """NumPy's method of a masked array, with PyTorch's argument names."""

    def reference(x: Any, dim: Any = None, keepdim: bool = False, mask: Any = None) -> Any:
        result = getattr(_hidden(x, mask), name)(axis=dim, keepdims=keepdim, **fixed)
        return np.asarray(result)

    return reference


def reduction(name: str, reference: Callable[..., Any], **options: Any) -> Op:
    """Over one dimension or all, kept or not, with a mask and without."""
    options = {
        "kinds": "d",
        "tolerance": 5,
        "errors": [_NO_DIM, _BAD_MASK],
        "inplace": False,
        **options,
    }
    return Op(f"masked.{name}", options.pop("calls", _CALLS), reference, **options)


def _place(name: str) -> Callable[..., Any]:
    worst = np.inf if name == "argmin" else -np.inf

    def reference(x: Any, dim: int, mask: Any = None) -> Any:
        return getattr(np, name)(np.where(mask, x, worst), dim)

    return reference


def _running(function: Callable[..., Any], neutral: float) -> Callable[..., Any]:
    return lambda x, dim, mask: function(np.where(mask, x, neutral), dim)


def _softmax(x: Any, dim: int, mask: Any) -> Any:
    e = np.where(mask, np.exp(x), 0)
    return e / e.sum(dim, keepdims=True)


def _norm(x: Any, p: float, dim: Any = None, mask: Any = None) -> Any:
    return np.linalg.norm(np.where(mask, x, 0), p, dim)


def _shown(result: Any) -> Any:
    """What the mask leaves of a result; the rest is not determined."""
    return result[_MASK.make(result.dtype, 0)]


def visible(name: str, reference: Callable[..., Any], **options: Any) -> Op:
    """An operator whose result has the input's shape."""

    def shown(*args: Any, mask: Any) -> Any:
        return reference(*args, mask=mask)[mask]

    return reduction(name, shown, **{"calls": _ONE_DIM, "seen": _shown, "meta": False, **options})


def _logsumexp(x: Any, dim: Any = None, keepdim: bool = False, mask: Any = None) -> Any:
    e = np.exp(x) if mask is None else np.where(mask, np.exp(x), 0)
    return np.log(e.sum(dim, keepdims=keepdim))


ROWS: list[Op] = [
    reduction("sum", _reduced("sum"), kinds="dc"),
    reduction("mean", _reduced("mean"), kinds="dc"),
    reduction("prod", _reduced("prod"), kinds="dc"),
    reduction("amax", _reduced("max")),
    reduction("amin", _reduced("min")),
    reduction("var", _reduced("var", ddof=1), calls=_ONE_DIM[:1], kinds="dc"),
    reduction("std", _reduced("std", ddof=1), calls=_ONE_DIM[:1], kinds="dc"),
    reduction("logsumexp", _logsumexp),
    reduction("argmax", _place("argmax"), calls=_ONE_DIM, result="", grad=0),
    reduction("argmin", _place("argmin"), calls=_ONE_DIM, result="", grad=0),
    reduction(
        "median",
        lambda x, dim, mask: np.array(
            [np.nanmin(np.where(m, r, np.nan)) for r, m in zip(x, mask, strict=True)]
        ),
        calls=_ONE_DIM[:1],
    ),
    reduction(
        "norm",
        _norm,
        calls=[call(t(2, 3), p, 1, mask=_MASK) for p in (2.0, 1.0, 3.0)],
        errors=[(call(t(2, 3), 2.0, 7, mask=_MASK), IndexError, "range")],
    ),
    visible("cumsum", _running(np.cumsum, 0), kinds="dc"),
    visible("cumprod", _running(np.cumprod, 1), kinds="dc"),
    visible("softmax", _softmax),
    visible("log_softmax", lambda *a, **k: np.log(_softmax(*a, **k))),
    visible("softmin", lambda x, d, mask: _softmax(-x, d, mask)),
    visible(
        "normalize",
        lambda x, p, d, mask: x / _norm(x, p, d, mask)[:, None],
        calls=[call(t(2, 3), 2.0, 1, mask=_MASK)],
        errors=[],
        kinds="dc",
    ),
    reduction(
        "logaddexp",
        np.logaddexp,
        calls=[call(t(2, 3), t(2, 3))],
        errors=[(call(t(2, 3), t(2, 3), input_mask=t(2, 3)), TypeError, "bool")],
    ),
]
