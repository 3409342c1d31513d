"""Rows of losses, distances, embeddings, attention and recurrent cells."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import lampas

from .table import Call, Fixed, Op, call, t

_CLASSES = Fixed([2, 0])
_SIGNS = Fixed([1.0, -1.0], lampas.float64)
_NAME = "nn.functional."


def loss(name: str, reference: Any, *calls: Call, old: bool = False, **options: Any) -> list[Op]:
    """A loss of `nn.functional`; `old`: it is also there with a number as the reduction."""
    options = {"kinds": "d", "tolerance": 5, "result": "", **options}
    rows = [Op(_NAME + name, calls, reference, **options)]
    if old:
        options["errors"] = ()
        rows.append(Op(name, calls[:1], reference, **options))
    return rows


def _log_softmax(x: Any) -> Any:
    return x - np.log(np.exp(x).sum(1, keepdims=True))


def _logarithms(x: lampas.Tensor) -> lampas.Tensor:
    """Logarithms of probabilities: the gradient of ctc_loss takes the normalisation along."""
    return x.log_softmax(-1)


def _chosen(x: Any, at: Any) -> Any:
    return x[np.arange(len(x)), at]


def _cross_entropy(x: Any, y: Any, label_smoothing: float = 0.0, reduction: str = "mean") -> Any:
    p = _log_softmax(x)
    if y.dtype.kind == "f":
        return -(p * y).sum(1).mean()
    smooth = label_smoothing
    each = -(1 - smooth) * _chosen(p, y) - smooth * p.mean(1)
    return {"mean": each.mean, "sum": each.sum, "none": lambda: each}[reduction]()


def _distance(a: Any, b: Any, p: float = 2.0) -> Any:
    return np.linalg.norm(a - b + 1e-6, p, axis=-1)


def _cosine(a: Any, b: Any) -> Any:
    return (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


def _multi_margin(x: Any, y: Any) -> Any:
    margins = np.maximum(0, 1 - _chosen(x, y)[:, None] + x)
    margins[np.arange(len(x)), y] = 0
    return (margins.sum(1) / x.shape[1]).mean()


def _attention(q: Any, k: Any, v: Any, m: Any = None, *_: Any, is_causal: bool = False) -> Any:
    s = q @ np.swapaxes(k, -1, -2) / np.sqrt(q.shape[-1])
    if m is not None:
        s = s + m
    if is_causal:
        s = np.where(np.tril(np.ones(s.shape[-2:], bool)), s, -np.inf)
    e = np.exp(s - s.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True) @ v


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def _elman(act: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, h, w, u, b, c: act(x @ w.T + b + h @ u.T + c)


def _lstm_cell(x: Any, hc: Any, w: Any, u: Any, b: Any, c: Any) -> Any:
    h, cell = hc
    i, f, g, o = np.split(x @ w.T + b + h @ u.T + c, 4, 1)
    cell = _sigmoid(f) * cell + _sigmoid(i) * np.tanh(g)
    return [_sigmoid(o) * np.tanh(cell), cell]


def _gru_cell(x: Any, h: Any, w: Any, u: Any, b: Any, c: Any) -> Any:
    xr, xz, xn = np.split(x @ w.T + b, 3, 1)
    hr, hz, hn = np.split(h @ u.T + c, 3, 1)
    r, z = _sigmoid(xr + hr), _sigmoid(xz + hz)
    n = np.tanh(xn + r * hn)
    return (1 - z) * n + z * h


def _relu(x: Any) -> Any:
    return np.maximum(x, 0)


_RELU = _elman(_relu)


def _run(cell: Callable[..., Any], pair: bool = False) -> Callable[..., Any]:
    """A cell over time, one layer in one direction."""

    def reference(x: Any, h: Any, params: Any, *_: Any) -> Any:
        state = [s[0] for s in h] if pair else h[0]
        out = []
        for step in x:
            state = cell(step, state, *params)
            out.append(state[0] if pair else state)
        ends = [s[None] for s in state] if pair else [state[None]]
        return [np.stack(out), *ends]

    return reference


def cell(name: str, gates: int, reference: Any, pair: bool = False) -> list[Op]:
    """A recurrent cell of two inputs and two hidden values, and the network of it."""
    weights = [t(2 * gates, 2), t(2 * gates, 2), t(2 * gates), t(2 * gates)]
    state = [t(1, 2), t(1, 2)] if pair else t(1, 2)
    first = [t(1, 1, 2), t(1, 1, 2)] if pair else t(1, 1, 2)
    how = (True, 1, 0.0, False, False, False)
    bad = (call(t(1, 3), state, *weights), RuntimeError, "3|size|shape")
    kinds = "d" if reference is _RELU else "dc"  # complex numbers have no sign
    options: dict[str, Any] = {"kinds": kinds, "tolerance": 10}
    return [
        Op(f"{name}_cell", [call(t(1, 2), state, *weights)], reference, errors=[bad], **options),
        Op(name, [call(t(2, 1, 2), first, weights, *how)], _run(reference, pair), **options),
    ]


_TABLE = t(4, 3)
_CHOICE = Fixed([[0, 2], [3, 3]])
_NO_ROW = (call(Fixed([4]), _TABLE), IndexError, "4|range")

ROWS: list[Op] = [
    *loss(
        "cross_entropy",
        _cross_entropy,
        call(t(2, 3), _CLASSES),
        call(t(2, 3), _CLASSES, reduction="none"),
        call(t(2, 3), _CLASSES, label_smoothing=0.2),
        call(t(2, 3), t(2, 3, lo=0, hi=1)),
        errors=[(call(t(2, 3), Fixed([5, 0])), IndexError, "5|range|bounds")],
    ),
    *loss(
        "nll_loss",
        lambda x, y, reduction="mean": (
            -_chosen(x, y).mean() if reduction == "mean" else -_chosen(x, y)
        ),
        call(t(2, 3), _CLASSES),
        call(t(2, 3), _CLASSES, reduction="none"),
        errors=[(call(t(2, 3), Fixed([5, 0])), IndexError, "5|range|bounds")],
    ),
    *loss(
        "kl_div",
        lambda x, y: (y * (np.log(y) - x)).mean(),
        call(t(2, 3), t(2, 3, lo=0.1, hi=1)),
        old=True,
    ),
    *loss(
        "poisson_nll_loss",
        lambda x, y, *_: (np.exp(x) - y * x).mean(),
        call(t(2, 3), t(2, 3, lo=0, hi=3)),
    ),
    Op(
        "poisson_nll_loss",
        [call(t(2, 3), t(2, 3, lo=0, hi=3), True, False, 1e-8, 1)],
        lambda x, y, *_: (np.exp(x) - y * x).mean(),
        kinds="d",
    ),
    *loss(
        "gaussian_nll_loss",
        lambda x, y, v: ((np.log(v) + (x - y) ** 2 / v) / 2).mean(),
        call(t(2, 3), t(2, 3), t(2, 3, lo=0.5, hi=2)),
        errors=[(call(t(2, 3), t(2, 3), t(2, 3, lo=-2, hi=-1)), ValueError, "negative")],
    ),
    *loss(
        "hinge_embedding_loss",
        lambda x, y: np.where(y > 0, x, np.maximum(0, 1 - x)).mean(),
        call(t(2), _SIGNS),
        old=True,
    ),
    *loss(
        "margin_ranking_loss",
        lambda a, b, y: np.maximum(0, -y * (a - b)).mean(),
        call(t(2), t(2), _SIGNS),
        old=True,
    ),
    *loss(
        "cosine_embedding_loss",
        lambda a, b, y: np.where(y > 0, 1 - _cosine(a, b), np.maximum(0, _cosine(a, b))).mean(),
        call(t(2, 3), t(2, 3), _SIGNS),
        old=True,
    ),
    *loss(
        "triplet_margin_loss",
        lambda a, p, n: np.maximum(0, 1 + _distance(a, p) - _distance(a, n)).mean(),
        call(t(2, 3), t(2, 3), t(2, 3)),
        old=True,
    ),
    *loss(
        "triplet_margin_with_distance_loss",
        lambda a, p, n: np.maximum(0, 1 + _distance(a, p) - _distance(a, n)).mean(),
        call(t(2, 3), t(2, 3), t(2, 3)),
    ),
    *loss("soft_margin_loss", lambda x, y: np.log1p(np.exp(-y * x)).mean(), call(t(2), _SIGNS)),
    *loss(
        "multilabel_soft_margin_loss",
        lambda x, y: -(y * np.log(_sigmoid(x)) + (1 - y) * np.log(_sigmoid(-x))).mean(),
        call(t(2, 3), t(2, 3, lo=0, hi=1)),
    ),
    *loss(
        "multilabel_margin_loss",
        lambda x, y: np.mean(
            [sum(max(0.0, 1 - (row[0] - v)) for v in (row[1], row[2])) / 3 for row in x]
        ),
        call(t(2, 3), Fixed([[0, -1, 1], [0, -1, 2]])),
    ),
    *loss(
        "multi_margin_loss",
        _multi_margin,
        call(t(2, 3), _CLASSES),
        errors=[(call(t(2, 3), Fixed([5, 0])), RuntimeError, "5|range|bounds")],
    ),
    *loss(
        "ctc_loss",
        None,
        call(t(4, 1, 3, into=_logarithms), Fixed([[1, 2]]), [4], [2]),
        grad=1,
        meta=False,
    ),
    *loss(
        "linear_cross_entropy",
        lambda x, w, y: _cross_entropy(x @ w.T, y),
        call(t(2, 2), t(3, 2), _CLASSES),
    ),
    Op(
        "ctc_loss",
        [call(t(4, 1, 3, into=_logarithms), Fixed([[1, 2]]), Fixed([4]), Fixed([2]))],
        kinds="d",
        grad=1,
        meta=False,
    ),
    Op(_NAME + "cosine_similarity", [call(t(2, 3), t(2, 3))], _cosine, tolerance=5),
    Op(
        _NAME + "pairwise_distance",
        [call(t(2, 3), t(2, 3)), call(t(2, 3), t(2, 3), 1.0)],
        _distance,
        kinds="d",
        tolerance=5,
    ),
    Op(
        _NAME + "pdist",
        [call(t(3, 2)), call(t(3, 2), 1.0)],
        lambda x, p=2.0: np.array(
            [np.linalg.norm(x[i] - x[j], p) for i in range(3) for j in range(i + 1, 3)]
        ),
        kinds="d",
        tolerance=5,
        errors=[(call(t(3)), RuntimeError, "2D|1")],
    ),
    Op(_NAME + "softsign", [call(t(2, 3))], lambda x: x / (1 + np.abs(x)), kinds="fc"),
    Op(_NAME + "tanhshrink", [call(t(2, 3))], lambda x: x - np.tanh(x), tolerance=5, kinds="fc"),
    Op(
        _NAME + "softmax",
        [call(t(2, 3), 1)],
        lambda x, d: np.exp(_log_softmax(x)),
        errors=[(call(t(2), 3), IndexError, "range")],
    ),
    Op(_NAME + "log_softmax", [call(t(2, 3), 1)], lambda x, d: _log_softmax(x)),
    Op(
        _NAME + "bilinear",
        [call(t(2, 3), t(2, 2), t(4, 3, 2), t(4))],
        lambda a, b, w, c: np.einsum("ni,oij,nj->no", a, w, b) + c,
        tolerance=10,
        errors=[(call(t(2, 3), t(2, 3), t(4, 3, 2)), RuntimeError, "3.*2|2.*3")],
        kinds="fc",
    ),
    Op(
        _NAME + "embedding",
        [call(_CHOICE, _TABLE), call(_CHOICE, _TABLE, 1)],
        lambda i, w, p=None: w[i],
        errors=[_NO_ROW],
        grad=2,
        kinds="fc",
    ),
    Op(
        _NAME + "embedding_bag",
        [
            call(_CHOICE, _TABLE),
            call(_CHOICE, _TABLE, mode="sum"),
            call(_CHOICE, _TABLE, mode="max"),
        ],
        lambda i, w, mode="mean": {"mean": np.mean, "sum": np.sum, "max": np.max}[mode](w[i], 1),
        kinds="d",
    ),
    Op(
        "one_hot",
        [call(Fixed([0, 2, 1]), 4), call(Fixed([[1, 0]]), 2)],
        lambda i, n: np.eye(n, dtype=int)[i],
        kinds="f",
        result="int64",
        grad=0,
        aliases=["nn.functional.one_hot"],
    ),
    Op(
        _NAME + "scaled_dot_product_attention",
        [
            call(t(1, 3, 2), t(1, 4, 2), t(1, 4, 2)),
            call(t(1, 2, 2), t(1, 2, 2), t(1, 2, 2), is_causal=True),
            call(t(2, 2), t(3, 2), t(3, 2), t(2, 3)),
        ],
        _attention,
        tolerance=5,
        errors=[(call(t(1, 3, 2), t(1, 4, 3), t(1, 4, 2)), RuntimeError, "2.*3|3.*2|shape")],
    ),
    Op(
        _NAME + "multi_head_attention_forward",
        [
            call(
                t(2, 1, 2),
                t(2, 1, 2),
                t(2, 1, 2),
                2,
                1,
                t(6, 2),
                t(6),
                None,
                None,
                False,
                0.0,
                t(2, 2),
                t(2),
            )
        ],
        kinds="d",
    ),
    Op(
        _NAME + "grouped_mm",
        [call(t(2, 2, 2), t(2, 2, 3)), call(t(3, 2), t(2, 2, 3), offs=Fixed([1, 3], lampas.int32))],
        lambda a, b, offs=None: (
            a @ b if offs is None else np.concatenate([a[:1] @ b[0], a[1:] @ b[1]])
        ),
        kinds="d",
        tolerance=5,
        meta=False,
        errors=[(call(t(3, 2), t(2, 2, 3)), RuntimeError, "offs")],
    ),
    *cell("rnn_tanh", 1, _elman(np.tanh)),
    *cell("rnn_relu", 1, _RELU),
    *cell("lstm", 4, _lstm_cell, pair=True),
    *cell("gru", 3, _gru_cell),
]
