"""Reductions, scans and sorts under vmap: their dimensions move up by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lampas._tensor import Tensor
from lampas.func._batched import Level, of_level
from lampas.func._rules_elementwise import broadcast
from lampas.func._rules_shapes import shifted
from lampas.utils import _pytree as pytree

RULES: dict[str, Callable[..., Any]] = {}
_NONE = object()


def _along(position: int, default: Any, many: bool) -> Callable[..., Any]:
    """The rule of an operator with a dimension.

    Args:
        position: where the dimension stands among the arguments after the tensor.
        default: the dimension of a call that names none; None: all of them.
        many: whether the operator takes a list of dimensions.
    """

    def apply(func: Any, level: Level, x: Any, *args: Any, **kwargs: Any) -> Any:
        others = [a for a in (*args, *kwargs.values()) if isinstance(a, Tensor)]
        if others or not of_level(x, level):
            return NotImplemented
        name = "axis" if "axis" in kwargs else "dim"
        dim = args[position] if len(args) > position else kwargs.pop(name, default)
        value, rank = x._value, x.dim()
        dims: int | list[int]
        if not rank:
            value = value.unsqueeze(-1)
        keep = kwargs.get("keepdim", False) or (len(args) > position + 1 and args[position + 1])
        if dim is None or (many and not isinstance(dim, int) and not len(dim)):
            # A kept dimension for each of the sample's, or one for all of them.
            if not many:
                value, dims = value.reshape(level.size, x.numel()), 1
                if keep:
                    return NotImplemented
            else:
                dims = list(range(1, max(rank, 1) + 1))
        elif isinstance(dim, int):
            dims = shifted(dim, rank)
        else:
            dims = [shifted(d, rank) for d in dim]
        if len(args) > position:
            args = (*args[:position], dims, *args[position + 1 :])
        elif len(args) == position:
            args = (*args, dims)
        else:
            kwargs["dim"] = dims
        result = func(value, *args, **kwargs)
        return result if rank else _without_extra(result)

    return apply


def _without_extra(result: Any) -> Any:
    # A sample without dimensions was given one for the call.
    return pytree.tree_map(lambda t: t.squeeze(-1) if t.dim() == 2 else t, result)


def _extreme(func: Any, level: Level, x: Any, *args: Any, **kwargs: Any) -> Any:
    if isinstance(args[0] if args else kwargs.get("other"), Tensor):
        return broadcast(func, level, x, *args, **kwargs)
    if args or kwargs:
        return _one_dim(func, level, x, *args, **kwargs)
    if not x.dim():
        return x._value.clone()
    flat = x._value.reshape(level.size, x.numel())
    return (flat.amax if func.__name__ == "max" else flat.amin)(1)


def _norm(
    func: Any,
    level: Level,
    x: Any,
    p: Any = "fro",
    dim: Any = None,
    keepdim: bool = False,
    **kw: Any,
) -> Any:
    if p == "nuc":
        return NotImplemented
    if dim is None and not keepdim:
        return func(x._value.reshape(level.size, x.numel()), 2 if p == "fro" else p, 1, **kw)
    return _along(1, None, many=True)(func, level, x, p, dim, keepdim, **kw)


def _spread(func: Any, level: Level, x: Any, *args: Any, **kwargs: Any) -> Any:
    if args and isinstance(args[0], bool):
        kwargs["unbiased"] = args[0]
        args = args[1:]
    if len(args) > 1:
        kwargs["unbiased"] = args[1]
        args = args[:1]
    return _many(func, level, x, *args, **kwargs)


def _median(func: Any, level: Level, x: Any, *args: Any, **kwargs: Any) -> Any:
    if args or kwargs:
        return _one_dim(func, level, x, *args, **kwargs)
    return func(x._value.reshape(level.size, x.numel()), 1)[0]


_one_dim = _along(0, None, many=False)
_many = _along(0, None, many=True)
RULES |= dict.fromkeys(
    (
        "all",
        "amax",
        "amin",
        "any",
        "count_nonzero",
        "logsumexp",
        "mean",
        "nanmean",
        "nansum",
        "sum",
    ),
    _many,
)
RULES |= dict.fromkeys(
    ("argmax", "argmin", "cummax", "cummin", "cumprod", "cumsum", "log_softmax", "logcumsumexp",
     "prod", "softmax"),
    _one_dim,
)  # fmt: skip
RULES |= dict.fromkeys(("std", "std_mean", "var", "var_mean"), _spread)
RULES |= {
    "_vector_norm": _along(1, None, many=True), "argsort": _along(0, -1, many=False),
    "kthvalue": _along(1, -1, many=False),
    "max": _extreme, "median": _median, "min": _extreme,
    "mode": _along(0, -1, many=False), "nanmedian": _median, "norm": _norm,
    "sort": _along(0, -1, many=False), "topk": _along(1, -1, many=False),
}  # fmt: skip
