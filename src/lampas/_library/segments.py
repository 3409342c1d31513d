"""Reductions of consecutive segments, dropout of whole features, choice by a predicate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from lampas import _C
from lampas._C import Tensor
from lampas._library import listed, operator


def _segment(rows: Tensor, reduce: str, initial: Any) -> Tensor:
    """One segment along dimension 0; an empty one gives `initial`, or the neutral element."""
    start = {"sum": 0, "prod": 1, "mean": float("nan"), "max": -float("inf"), "min": float("inf")}
    if rows.size(0) == 0:
        value = start[reduce] if initial is None else initial
        return rows.new_full(rows.shape[1:], value)
    if reduce in ("sum", "mean"):
        total = rows.sum(0) if initial is None else rows.sum(0) + initial
        return total if reduce == "sum" else total / rows.size(0)
    if reduce == "prod":
        return rows.prod(0) if initial is None else rows.prod(0) * initial
    value = rows.amax(0) if reduce == "max" else rows.amin(0)
    if initial is None:
        return value
    return value.clamp(min=initial) if reduce == "max" else value.clamp(max=initial)


@listed
def segment_reduce(
    data: Tensor,
    reduce: str,
    *,
    lengths: Tensor | None = None,
    offsets: Tensor | None = None,
    axis: int = 0,
    unsafe: bool = False,
    initial: Any = None,
) -> Tensor:
    """Reduces consecutive segments along a dimension: "sum", "mean", "max", "min" or "prod".

    Args:
        lengths: how long each segment is; they add up to the dimension's size. With axis = n, the
            first n dimensions are data's and each row has lengths of its own.
        offsets: instead, where segments begin, and where the last one ends.
        unsafe: leave the check of lengths away.
        initial: what every segment starts from.

    >>> import lampas
    >>> x = lampas.tensor([1.0, 2.0, 3.0])
    >>> lampas.segment_reduce(x, "sum", lengths=lampas.tensor([2, 1]))
    tensor([3., 3.])
    """
    if reduce not in ("sum", "mean", "max", "min", "prod"):
        raise RuntimeError(
            f"segment_reduce(): reduce must be sum, mean, max, min or prod, got {reduce!r}"
        )
    if not data.is_floating_point():
        raise RuntimeError(f"segment_reduce(): expected floating point data, got {data.dtype}")
    if (lengths is None) == (offsets is None):
        raise RuntimeError("segment_reduce(): give either lengths or offsets")
    if offsets is not None:
        lengths = offsets.diff(dim=-1)
    assert lengths is not None
    if axis != lengths.dim() - 1 or lengths.shape[:axis] != data.shape[:axis]:
        raise RuntimeError(
            f"segment_reduce(): lengths of shape {tuple(lengths.shape)} do not describe dimension "
            f"{axis} of data of shape {tuple(data.shape)}"
        )
    counts = lengths.reshape(-1, lengths.size(-1)).tolist()
    rows = data.reshape(-1, *data.shape[axis:])
    first = 0 if offsets is None else None
    starts = None if offsets is None else offsets.reshape(-1, offsets.size(-1))[:, 0].tolist()
    results = []
    for i, row_counts in enumerate(counts):
        at = first if starts is None else starts[i]
        if min(row_counts, default=0) < 0 or at + sum(row_counts) > rows.size(1):
            raise RuntimeError(
                f"segment_reduce(): lengths {row_counts} do not fit a dimension of {rows.size(1)}"
            )
        if starts is None and not unsafe and sum(row_counts) != rows.size(1):
            raise RuntimeError(
                f"segment_reduce(): expected lengths to sum to {rows.size(1)}, the size of "
                f"dimension {axis}, but they sum to {sum(row_counts)}"
            )
        for n in row_counts:
            results.append(_segment(rows[i, at : at + n], reduce, initial))
            at += n
    shape = [*lengths.shape, *data.shape[axis + 1 :]]
    return _C.stack(results).reshape(shape) if results else data.new_empty(shape)


@listed
def feature_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """Drops whole features (dimension 1).

    >>> import lampas
    >>> lampas.feature_dropout(lampas.ones(1, 2, 1), 1.0, True).flatten()
    tensor([0., 0.])
    """
    if not 0 <= p <= 1:
        raise RuntimeError(f"feature_dropout(): p has to be between 0 and 1, but got {p}")
    if not train or p == 0 or input.numel() == 0:
        return input
    if input.dim() < 2:
        raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
    shape = [*input.shape[:2], *[1] * (input.dim() - 2)]
    kept = input.new_empty(shape).bernoulli_(1 - p)
    return input * (kept if p == 1 else kept.div_(1 - p))


@listed
def feature_dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """:func:`feature_dropout`, written into the input."""
    return input if not train or p == 0 else input.copy_(feature_dropout(input, p, train))


@listed
def native_norm(
    input: Tensor, p: float | None = 2, dim: Any = None, keepdim: bool = False, dtype: Any = None
) -> Tensor:
    """The p-norm of all elements, or over dimensions.

    >>> import lampas
    >>> lampas.native_norm(lampas.tensor([3.0, 4.0]))
    tensor(5.)
    """
    from lampas.linalg import vector_norm

    axes = None if dim is None else dim if isinstance(dim, int) else tuple(dim)
    return vector_norm(input, 2 if p is None else p, axes, keepdim, dtype=dtype)


@listed
def cond(
    pred: Any,
    true_fn: Callable[..., Any],
    false_fn: Callable[..., Any],
    operands: Sequence[Any] = (),
) -> Any:
    """Calls one of two functions on the operands, as the predicate says.

    >>> import lampas
    >>> x = lampas.tensor([2.0])
    >>> lampas.cond(x.sum() > 1, lambda x: x + 1, lambda x: x - 1, (x,))
    tensor([3.])
    """
    if isinstance(pred, Tensor):
        if pred.numel() != 1 or pred.dtype is not _C.bool:
            raise RuntimeError(
                "Expected pred to be bool or single-element bool tensor, but got "
                f"{pred.dtype} of shape {tuple(pred.shape)}."
            )
    elif not isinstance(pred, bool):
        raise RuntimeError(f"Expected pred to be bool or tensor, but got {pred}.")
    if not callable(true_fn) or not callable(false_fn):
        raise RuntimeError("Expect both branches to be callable.")
    if not isinstance(operands, (tuple, list)):
        raise RuntimeError(f"Expect operands to be a tuple or list of tensors, got {operands}.")
    return (true_fn if pred else false_fn)(*operands)


@operator(
    "fill_diagonal_(Tensor input, Number fill_value, bool wrap=False)", function=False, method=True
)
def fill_diagonal_(input: Tensor, fill_value: Any, wrap: bool = False) -> Tensor:
    """Fills the main diagonal; `wrap`: of a tall matrix, again after each full one.

    >>> import lampas
    >>> lampas.zeros(2, 2).fill_diagonal_(3)
    tensor([[3., 0.],
            [0., 3.]])
    """
    if input.dim() < 2:
        raise RuntimeError("fill_diagonal_(): dimensions must larger than 1")
    if input.dim() > 2 and len(set(input.shape)) > 1:
        raise RuntimeError("fill_diagonal_(): all dimensions of input must be of equal length")
    n, step = min(input.shape), sum(input.stride())
    input.as_strided([n], [step], input.storage_offset()).fill_(fill_value)
    if wrap and input.dim() == 2 and input.size(0) > input.size(1) + 1:
        rows, columns = input.shape
        for first in range(columns + 1, rows, columns + 1):
            input[first:].diagonal().fill_(fill_value)
    return input
