"""Rows of products of matrices, indexing, and special functions."""

from __future__ import annotations

from typing import Any

import numpy as np

import lampas

from .table import Fixed, Op, call, mask, t

_AT = Fixed([[0, 2, 1], [1, 0, 0]])
_ROWS_AT = Fixed([1, 0])
_MASK = mask([[True, False, True], [False, False, True]])


def _indexed(x: Any, at: Any, value: Any, add: bool = False) -> Any:
    y = x.copy()
    y[at] = y[at] + value if add else value
    return y


def _scattered(x: Any, d: int, at: Any, source: Any) -> Any:
    y = x.copy()
    for i, j in np.ndindex(at.shape):
        y[i, at[i, j]] += source[i, j]
    return y


_PRODUCT = {"kinds": "dc", "tolerance": 5, "inplace": True}
_SQUARE = t(3, 3, lo=0.5)

ROWS: list[Op] = [
    Op(
        "matmul",
        [call(t(2, 3), t(3, 2)), call(t(3), t(3)), call(t(2, 2, 3), t(3, 2))],
        np.matmul,
        **_PRODUCT,
        errors=[(call(t(2, 3), t(2, 3)), RuntimeError, "3.*2|shape")],
    ),
    Op("mm", [call(t(2, 3), t(3, 2))], np.matmul, **_PRODUCT),
    Op("mv", [call(t(2, 3), t(3))], np.matmul, **_PRODUCT),
    Op("bmm", [call(t(2, 2, 3), t(2, 3, 2))], np.matmul, **_PRODUCT),
    Op("dot", [call(t(3), t(3))], np.dot, **_PRODUCT),
    Op("vdot", [call(t(3), t(3))], np.vdot, **_PRODUCT),
    Op("inner", [call(t(2, 3), t(2, 3))], np.inner, **_PRODUCT),
    Op("outer", [call(t(2), t(3))], np.outer, **_PRODUCT, aliases=["ger"]),
    Op("kron", [call(t(2, 2), t(1, 3))], np.kron, **_PRODUCT),
    Op("cross", [call(t(2, 3), t(2, 3))], np.cross, **_PRODUCT),
    Op("addmm", [call(t(2, 2), t(2, 3), t(3, 2))], lambda c, a, b: c + a @ b, **_PRODUCT),
    Op("addmv", [call(t(2), t(2, 3), t(3))], lambda c, a, b: c + a @ b, **_PRODUCT),
    Op("addr", [call(t(2, 3), t(2), t(3))], lambda c, a, b: c + np.outer(a, b), **_PRODUCT),
    Op(
        "baddbmm", [call(t(2, 2, 2), t(2, 2, 3), t(2, 3, 2))], lambda c, a, b: c + a @ b, **_PRODUCT
    ),
    Op(
        "addbmm",
        [call(t(2, 2), t(2, 2, 3), t(2, 3, 2))],
        lambda c, a, b: c + (a @ b).sum(0),
        **_PRODUCT,
    ),
    Op(
        "nn.functional.linear",
        [call(t(2, 3), t(4, 3), t(4))],
        lambda x, w, b: x @ w.T + b,
        kinds="dc",
        tolerance=5,
    ),
    Op("det", [call(_SQUARE)], np.linalg.det, kinds="dc", tolerance=20),
    Op("inverse", [call(_SQUARE)], np.linalg.inv, kinds="dc", tolerance=1e3),
    Op("matrix_power", [call(_SQUARE, 3)], np.linalg.matrix_power, kinds="dc", tolerance=20),
    Op(
        "gather",
        [call(t(2, 3), 1, _AT)],
        lambda x, d, i: np.take_along_axis(x, i, d),
        kinds="fcib",
        errors=[(call(t(2, 3), 1, Fixed([[9]])), RuntimeError, "out of bounds")],
    ),
    Op(
        "index_select",
        [call(t(2, 3), 0, _ROWS_AT)],
        lambda x, d, i: x.take(i, d),
        kinds="fcib",
        errors=[(call(t(2, 3), 0, Fixed([7])), IndexError, "out of")],
    ),
    Op("take", [call(t(2, 3), Fixed([5, 0]))], np.take, kinds="fcib"),
    Op("masked_select", [call(t(2, 3), _MASK)], lambda x, m: x[m], kinds="fcib", meta=False),
    Op("masked_fill", [call(t(2, 3), _MASK, 1)], _indexed, kinds="fcib"),
    Op(
        "index_fill",
        [call(t(2, 3), 0, _ROWS_AT, 1)],
        lambda x, d, i, v: _indexed(x, i, v),
        kinds="fcib",
    ),
    Op(
        "index_copy",
        [call(t(2, 3), 0, _ROWS_AT, t(2, 3))],
        lambda x, d, i, v: _indexed(x, i, v),
        kinds="fcib",
    ),
    Op(
        "index_add",
        [call(t(2, 3), 0, _ROWS_AT, t(2, 3))],
        lambda x, d, i, v: _indexed(x, i, v, True),
        kinds="fci",
    ),
    Op("scatter_add", [call(t(2, 3), 1, _AT, t(2, 3))], _scattered, kinds="fci"),
    Op(
        "nonzero",
        [call(t(2, 3))],
        lambda x: np.stack(np.nonzero(x), 1),
        kinds="fib",
        result="int64",
        grad=0,
        meta=False,
    ),
    Op("argwhere", [call(t(2, 3))], np.argwhere, kinds="fib", result="int64", grad=0, meta=False),
]

ROWS += [
    Op("i0", [call(t(2, 3)), call(t())], lambda x: np.i0(x).reshape(x.shape)),
    Op(
        "nn.functional.glu",
        [call(t(2, 4))],
        lambda x: x[:, :2] / (1 + np.exp(-x[:, 2:])),
        kinds="fc",
    ),
    Op("tensordot", [call(t(2, 3), t(3, 2), 1)], np.tensordot, kinds="dc", tolerance=5),
    Op("einsum", [call("ij,kj->ik", t(2, 3), t(2, 3))], np.einsum, kinds="dc", tolerance=5),
    Op("chain_matmul", [call(t(2, 3), t(3, 2))], np.matmul, kinds="dc", tolerance=5),
    Op("take_along_dim", [call(t(2, 3), _AT, 1)], np.take_along_axis, kinds="fcib"),
    Op(
        "cdist",
        [call(t(2, 3), t(3, 3))],
        lambda a, b: np.sqrt(((a[:, None] - b) ** 2).sum(-1)),
        kinds="d",
        tolerance=20,
    ),
    Op("vander", [call(t(3))], np.vander, kinds="dc"),
    Op(
        "logdet",
        [call(Fixed([[2.0, 1.0], [0.5, 3.0]], lampas.float64))],
        lambda x: np.log(np.linalg.det(x)),
        kinds="d",
        result="",
        meta=False,
    ),
    Op(
        "isin",
        [call(t(2, 3, lo=0, hi=5), t(4, lo=0, hi=5))],
        np.isin,
        kinds="i",
        result="bool",
        grad=0,
    ),
    Op(
        "nn.functional.layer_norm",
        [call(t(2, 4), (4,))],
        lambda x, _: (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5),
        tolerance=5,
    ),
]
