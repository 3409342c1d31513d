"""Rows of scattering, searching and counting, and of transforms over short windows."""

from __future__ import annotations

from typing import Any

import numpy as np

import lampas

from .table import Fixed, Op, call, mask, t

_AT = Fixed([[0, 2, 1], [1, 0, 0]])
_ONCE = Fixed([[0, 2, 1], [1, 0, 2]])
_MASK = mask([[True, False, True], [False, False, True]])
_BAD = (call(t(2, 3), 1, Fixed([[9]]), t(1, 1)), RuntimeError, "out of bounds")
_SORTED = Fixed([-1.0, 0.0, 0.5, 1.0], lampas.float64)
_EDGES = Fixed([-2.5, 0.0, 0.5, 2.5], lampas.float64)


def _scattered(x: Any, d: int, at: Any, source: Any) -> Any:
    y = x.copy()
    np.put_along_axis(y, at, source, d)
    return y


def _combined(x: Any, d: int, at: Any, source: Any, how: str, include_self: bool = True) -> Any:
    y = np.empty(x.shape)
    for i, j in np.ndindex(x.shape):
        parts = [source[i, k] for k in range(at.shape[1]) if at[i, k] == j]
        parts = ([x[i, j]] if include_self or not parts else []) + parts
        y[i, j] = {"sum": sum, "prod": np.prod, "amax": max, "amin": min, "mean": np.mean}[how](
            parts
        )
    return y


def _rows_combined(x: Any, d: int, at: Any, source: Any, how: str) -> Any:
    wide = np.broadcast_to(at[None], (x.shape[1], len(at)))
    return _combined(x.T, 1, wide, source.T, how).T


def _put(x: Any, at: Any, source: Any, accumulate: bool = False) -> Any:
    y = x.copy()
    (np.add.at if accumulate else np.put)(
        *((y.ravel(), at, source) if accumulate else (y, at, source))
    )
    return y


def _indexed(x: Any, at: Any, values: Any, accumulate: bool = False) -> Any:
    y = x.copy()
    if accumulate:
        np.add.at(y, tuple(at), values)
    else:
        y[tuple(at)] = values
    return y


def _masked(x: Any, m: Any, source: Any) -> Any:
    y = x.copy()
    y[m] = source.ravel()[: m.sum()]
    return y


def _spectrum(x: Any, n: int, hop: int, **_: Any) -> Any:
    frames = np.lib.stride_tricks.sliding_window_view(x, n)[::hop]
    return np.fft.rfft(frames).T


def _segments(x: Any, how: str, lengths: Any) -> Any:
    return np.stack([getattr(np, how)(part, 0) for part in np.split(x, np.cumsum(lengths)[:-1])])


_REDUCTIONS = ("sum", "prod", "mean", "amax", "amin")

ROWS: list[Op] = [
    Op(
        "scatter",
        [call(t(2, 3), 1, _ONCE, t(2, 3)), call(t(2, 3), 1, _AT, 1)],
        _scattered,
        kinds="fcib",
        errors=[_BAD],
    ),
    Op(
        "scatter_reduce",
        [call(t(2, 3, lo=0.5), 1, _AT, t(2, 3, lo=0.5), how) for how in _REDUCTIONS]
        + [call(t(2, 3), 1, _AT, t(2, 3), how, include_self=False) for how in _REDUCTIONS],
        _combined,
        kinds="d",
        tolerance=3,
        errors=[
            (call(t(2, 3), 1, _AT, t(2, 3), "most"), RuntimeError, "reduce"),
            (call(t(2, 3), 1, Fixed([[9]]), t(1, 1), "sum"), RuntimeError, "out of bounds"),
        ],
    ),
    Op(
        "index_reduce",
        [
            call(t(2, 3, lo=0.5), 0, Fixed([1, 0, 1]), t(3, 3, lo=0.5), how)
            for how in _REDUCTIONS[1:]
        ],
        _rows_combined,
        kinds="d",
        tolerance=3,
        errors=[(call(t(2, 3), 0, Fixed([7]), t(1, 3), "prod"), IndexError, "out of|range")],
    ),
    Op(
        "index_put",
        [
            call(t(2, 3), (Fixed([1, 0]), Fixed([2, 0])), t(2)),
            call(t(2, 3), (Fixed([1, 1]),), t(2, 3), True),
        ],
        _indexed,
        kinds="fci",
        errors=[(call(t(2, 3), (Fixed([5]),), t(3)), IndexError, "out of bounds")],
    ),
    Op(
        "put",
        [call(t(2, 3), Fixed([5, 0]), t(2)), call(t(2, 3), Fixed([1, 1]), t(2), True)],
        _put,
        kinds="fci",
        errors=[(call(t(2, 3), Fixed([9]), t(1)), IndexError, "out of")],
    ),
    Op(
        "masked_scatter",
        [call(t(2, 3), _MASK, t(4))],
        _masked,
        kinds="fcib",
        errors=[(call(t(2, 3), _MASK, t(2)), RuntimeError, "2|elements")],
    ),
    Op(
        "Tensor.fill_diagonal_",
        [call(t(3, 3, grad=False), 2)],
        lambda x, v: np.where(np.eye(3, dtype=bool), v, x),
        kinds="fci",
        grad=0,
        errors=[(call(t(3), 1), RuntimeError, "dim")],
        strided=False,
    ),
    Op(
        "searchsorted",
        [call(_SORTED, Fixed([0.2, 0.5, 9.0], lampas.float64)), call(_SORTED, 0.5, right=True)],
        lambda s, v, right=False: np.searchsorted(s, v, "right" if right else "left"),
        result="int64",
        grad=0,
        errors=[(call(_SORTED, t(2), side="up"), RuntimeError, "side")],
    ),
    Op(
        "bucketize",
        [call(t(2, 3), t(3, into=lambda edges: edges.sort()[0]))],
        lambda x, b: np.searchsorted(b, x),
        kinds="d",
        result="int64",
        grad=0,
    ),
    Op(
        "nonzero_static",
        [call(t(2, 3), size=4), call(t(2, 3), size=8)],
        lambda x, size: np.concatenate([np.argwhere(x), np.full((size, 2), -1)])[:size],
        kinds="fib",
        result="int64",
        grad=0,
    ),
    Op(
        "unravel_index",
        [call(Fixed([[4, 1], [0, 5]]), (2, 3))],
        lambda i, s: list(np.unravel_index(i, s)),
        result="int64",
        grad=0,
        errors=[(call(t(2), (2, 3)), TypeError, "int")],
    ),
    Op(
        "histogram",
        [call(t(9), 4, range=(-2.0, 2.0)), call(t(9), _EDGES)],
        lambda x, b, range=None: list(np.histogram(x, b, range)),
        kinds="d",
        result="",
        grad=0,
        meta=False,
    ),
    Op(
        "histogramdd",
        [call(t(9, 2), [2, 3], range=(-2.0, 2.0, -2.0, 2.0))],
        lambda x, b, range: (lambda h: [h[0], *h[1]])(np.histogramdd(x, b, [range[:2], range[2:]])),
        kinds="d",
        result="",
        grad=0,
        meta=False,
    ),
    Op(
        "frexp",
        [call(t(2, 3)), call(t())],
        lambda x: list(np.frexp(x)),
        result="",
    ),
    Op(
        "segment_reduce",
        [
            call(t(5, 2), how, lengths=Fixed([2, 3]))
            for how in ("sum", "mean", "max", "min", "prod")
        ],
        _segments,
        kinds="d",
        tolerance=3,
        meta=False,
        errors=[(call(t(5), "sum", lengths=Fixed([2, 2])), RuntimeError, "5|lengths")],
    ),
    Op(
        "stft",
        [call(t(8), 4, 2, center=False, return_complex=True)],
        _spectrum,
        kinds="d",
        result="complex",
        tolerance=5,
        errors=[(call(t(3), 8, center=False, return_complex=True), RuntimeError, "n_fft")],
    ),
    Op(
        "istft",
        [call(t(3, 5), 4, 2, length=8)],
        kinds="c",
        result="real",
        strided=True,
        meta=False,
    ),
]
