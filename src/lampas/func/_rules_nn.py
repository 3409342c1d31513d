"""Layers and losses under vmap: the batch goes into the samples, or into channels and groups."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lampas._tensor import Tensor
from lampas.func._batched import Level, of_level, unwrap
from lampas.func._rules_elementwise import lined_up
from lampas.utils import _pytree as pytree

RULES: dict[str, Callable[..., Any]] = {}


# ---- convolution ---------------------------------------------------------------------------------
def _shared_kernel(
    func: Any, level: Level, x: Any, weight: Any, bias: Any, args: Any, kw: Any
) -> Any:
    value, n = x._value, weight.dim() - 2
    if x.dim() == n + 1:
        return func(value, weight, bias, *args, **kw)
    merged = value.flatten(0, 1)
    return func(merged, weight, bias, *args, **kw).unflatten(0, (level.size, x.shape[0]))


def _conv(
    func: Any, level: Level, x: Any, weight: Any, bias: Any = None, *args: Any, **kw: Any
) -> Any:
    n = weight.dim() - 2
    if x.dim() not in (n + 1, n + 2):
        return NotImplemented
    if not of_level(weight, level):
        if not of_level(bias, level):
            return _shared_kernel(func, level, x, weight, bias, args, kw)
        if not of_level(x, level):
            out = func(x, weight, None, *args, **kw).unsqueeze(0)
        else:
            out = _shared_kernel(func, level, x, weight, None, args, kw)
        return out + bias._value.reshape(level.size, *(1,) * (x.dim() - n - 1), -1, *(1,) * n)
    # A kernel for each sample: samples become groups of channels.
    place = 4 if "transpose" in func.__name__ else 3
    groups = args[place] if len(args) > place else kw.pop("groups", 1)
    if len(args) > place:
        args = (*args[:place], groups * level.size, *args[place + 1 :])
    else:
        kw["groups"] = groups * level.size
    value = unwrap(x, level)
    if x.dim() == n + 1:
        value = value.unsqueeze(1)
    wide = value.movedim(0, 1).flatten(1, 2)
    out = func(wide, weight._value.flatten(0, 1), None, *args, **kw)
    out = out.unflatten(1, (level.size, -1)).movedim(1, 0)
    if bias is not None:
        out = out + unwrap(bias, level).reshape(level.size, 1, -1, *(1,) * n)
    return out.squeeze(1) if x.dim() == n + 1 else out


def _merged(n: int) -> Callable[..., Any]:
    """The rule of an operator on [N, C, n dimensions] that treats each of the N by itself."""

    def apply(func: Any, level: Level, x: Any, *args: Any, **kwargs: Any) -> Any:
        if any(isinstance(a, Tensor) for a in (*args, *kwargs.values())):
            return NotImplemented
        if x.dim() == n + 1:
            return func(x._value, *args, **kwargs)
        if x.dim() != n + 2:
            return NotImplemented
        result = func(x._value.flatten(0, 1), *args, **kwargs)
        return pytree.tree_map(lambda t: t.unflatten(0, (level.size, x.shape[0])), result)

    return apply


def _constant_pad(func: Any, level: Level, x: Any, pad: Any, value: Any = 0) -> Any:
    return func(x._value, pad, value) if len(pad) <= 2 * x.dim() else NotImplemented


# ---- normalization -------------------------------------------------------------------------------
def _scaled(out: Tensor, level: Level, weight: Any, bias: Any, rank: int, tail: int = 0) -> Any:
    # weight, bias: the sample's own dimensions stand `tail` before the end.
    def fitted(p: Any) -> Any:
        if of_level(p, level):
            return lined_up(p, level, rank - tail)[(...,) + (None,) * tail]
        return p.reshape(*p.shape, *((1,) * tail))

    if weight is not None:
        out = out * fitted(weight)
    return out if bias is None else out + fitted(bias)


def _layer_norm(
    func: Any, level: Level, x: Any, shape: Any, weight: Any = None, bias: Any = None,
    eps: Any = 1e-5,
    *args: Any,
) -> Any:  # fmt: skip
    if not of_level(weight, level) and not of_level(bias, level):
        return func(x._value, shape, weight, bias, eps, *args)
    normal = func(unwrap(x, level), shape, None, None, eps, *args)
    return _scaled(normal, level, weight, bias, x.dim())


def _rms_norm(
    func: Any, level: Level, x: Any, shape: Any, weight: Any = None, eps: Any = None
) -> Any:
    if not of_level(weight, level):
        return func(x._value, shape, weight, eps)
    return _scaled(func(unwrap(x, level), shape, None, eps), level, weight, None, x.dim())


def _group_norm(
    func: Any,
    level: Level,
    x: Any,
    groups: int,
    weight: Any = None,
    bias: Any = None,
    eps: Any = 1e-5,
) -> Any:
    value = unwrap(x, level)
    normal = func(value.flatten(0, 1), groups, None, None, eps)
    tail = x.dim() - 2
    return _scaled(normal.unflatten(0, value.shape[:2]), level, weight, bias, x.dim(), tail)


def _batch_norm(
    func: Any, level: Level, x: Any, mean: Any, var: Any, weight: Any = None, bias: Any = None,
    training: bool = False, momentum: Any = 0.1, eps: float = 1e-5,
) -> Any:  # fmt: skip
    if training and mean is not None and not (of_level(mean, level) and of_level(var, level)):
        return NotImplemented
    if x.dim() < 2 or (training and not _in_one_row(mean, var)):
        return NotImplemented
    value = unwrap(x, level)
    wide = value.movedim(0, 1).flatten(1, 2)  # samples side by side as channels
    stats = [None if s is None else unwrap(s, level).reshape(-1) for s in (mean, var)]
    out = func(wide, *stats, None, None, training, momentum, eps)
    out = out.unflatten(1, (level.size, -1)).movedim(1, 0)
    return _scaled(out, level, weight, bias, x.dim(), x.dim() - 2)


def _in_one_row(*stats: Any) -> bool:
    # Whether running statistics can be written to as one row.
    return all(s is None or s._value.is_contiguous() for s in stats)


def _attention(
    func: Any, level: Level, q: Any, k: Any, v: Any, mask: Any = None, *args: Any, **kwargs: Any
) -> Any:
    mask = kwargs.pop("attn_mask", mask)
    rank = max(t.dim() for t in (q, k, v))
    if rank != min(t.dim() for t in (q, k, v)):
        return NotImplemented
    if isinstance(mask, Tensor):
        mask = lined_up(mask, level, rank)
    return func(*(unwrap(t, level) for t in (q, k, v)), mask, *args, **kwargs)


def _dropout(func: Any, level: Level, x: Any, *args: Any, **kwargs: Any) -> Any:
    return func(x._value, *args, **kwargs)  # not training: nothing is drawn


# ---- losses --------------------------------------------------------------------------------------
def _reduced(loss: Tensor, reduction: str) -> Any:
    if reduction == "none":
        return loss
    flat = loss.reshape(loss.shape[0], -1)
    return flat.sum(1) if reduction == "sum" else flat.mean(1)


def _elementwise_loss(func: Any, level: Level, x: Any, target: Any, *args: Any, **kw: Any) -> Any:
    reduction = kw.pop("reduction", "mean")
    if args or any(kw.get(k) is not None for k in ("size_average", "reduce")):
        return NotImplemented
    if x.shape != target.shape:
        return NotImplemented
    kw = {k: lined_up(v, level, x.dim()) for k, v in kw.items()}
    return _reduced(
        func(unwrap(x, level), unwrap(target, level), reduction="none", **kw), reduction
    )


def _class_loss(
    func: Any, level: Level, x: Any, target: Any, weight: Any = None, size_average: Any = None,
    ignore_index: int = -100, reduce: Any = None, reduction: str = "mean", *args: Any, **kw: Any,
) -> Any:  # fmt: skip
    if size_average is not None or reduce is not None or args or of_level(weight, level):
        return NotImplemented
    scores, labels = unwrap(x, level), unwrap(target, level)
    single = x.dim() == 1
    if not single:
        scores, labels = scores.flatten(0, 1), labels.flatten(0, 1)
    loss = func(scores, labels, weight, ignore_index=ignore_index, reduction="none", **kw)
    if not single:
        loss = loss.unflatten(0, (level.size, x.shape[0]))
    if reduction == "none":
        return loss
    total = loss.reshape(level.size, -1).sum(1)
    if reduction == "sum":
        return total
    if target.dtype.is_floating_point:
        return total / (x.numel() // x.shape[0 if single else 1])
    counted = labels != ignore_index
    if weight is None:
        return total / counted.reshape(level.size, -1).sum(1)
    shares = weight[labels.where(counted, 0)] * counted
    return total / shares.reshape(level.size, -1).sum(1)


for _n in (1, 2, 3):
    RULES[f"conv{_n}d"] = RULES[f"conv_transpose{_n}d"] = _conv
    for _name in (
        "avg_pool", "max_pool", "adaptive_avg_pool", "adaptive_max_pool", "max_pool_with_indices",
    ):  # fmt: skip
        RULES[_name.replace("pool", f"pool{_n}d")] = _merged(_n)
RULES |= dict.fromkeys(
    ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "binary_cross_entropy",
     "binary_cross_entropy_with_logits"),
    _elementwise_loss,
)  # fmt: skip
RULES |= {
    "batch_norm": _batch_norm, "constant_pad_nd": _constant_pad, "cross_entropy": _class_loss,
    "dropout": _dropout, "group_norm": _group_norm, "layer_norm": _layer_norm,
    "nll_loss": _class_loss, "rms_norm": _rms_norm, "rrelu": _dropout,
    "scaled_dot_product_attention": _attention,
}  # fmt: skip
