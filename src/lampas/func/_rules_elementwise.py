"""Elementwise operators under vmap: dimensions are lined up, the operator broadcasts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lampas import _C
from lampas._tensor import Tensor
from lampas.func._batched import Level, meta_of, of_level, unwrap

RULES: dict[str, Callable[..., Any]] = {}

_UNARY = """
abs absolute acos acosh angle arccos arccosh arcsin arcsinh arctan arctanh asin asinh atan atanh
bitwise_not ceil celu clone conj conj_physical cos cosh deg2rad detach digamma elu erf erfc erfinv
exp exp2 expm1 fill fill_ fix floor frac gelu hardshrink hardsigmoid hardswish hardtanh i0 i0e i1
i1e isfinite isinf isnan isneginf isposinf isreal leaky_relu lgamma log log10 log1p log2
logical_not logit logsigmoid mish mvlgamma nan_to_num neg negative polygamma positive rad2deg
reciprocal relu relu6 resolve_conj resolve_neg round rsqrt selu sgn sigmoid sign signbit silu sin
sinc sinh softplus softshrink special_expit sqrt square tan tanh threshold trunc zero_ empty_like
zeros_like ones_like full_like bfloat16 bool byte cdouble cfloat char double float half int long
short view_as_real real imag __neg__ __abs__ __invert__
""".split()
_BROADCAST = """
add addcdiv addcmul arctan2 atan2 bitwise_and bitwise_left_shift bitwise_or bitwise_right_shift
bitwise_xor clamp clamp_max clamp_min clip copysign div divide eq float_power floor_divide fmax
fmin fmod gcd ge greater greater_equal gt heaviside hypot igamma igammac isclose lcm ldexp le lerp
less less_equal logaddexp logaddexp2 logical_and logical_or logical_xor lt masked_fill maximum
minimum mul multiply ne nextafter not_equal pow remainder rsub sub subtract true_divide where
xlog1py xlogy __radd__ __rsub__ __rmul__ __rtruediv__ __rfloordiv__ __rmod__ copy
""".split()
# Operands whose type takes no part in promotion.
_CONDITIONS = {"where": 0, "masked_fill": 1}


def rank_of(x: Any) -> int:
    """The number of dimensions of a sample; 0 for numbers."""
    return x.dim() if isinstance(x, Tensor) else 0


def lined_up(x: Any, level: Level, rank: int) -> Any:
    """An operand whose batch stands before `rank` dimensions; others broadcast as they are."""
    if not of_level(x, level):
        return x
    value = x._value
    missing = rank - (value.dim() - 1)
    return value[(slice(None),) + (None,) * missing] if missing > 0 else value


def _promoted(name: str, level: Level, args: list[Any]) -> list[Any]:
    """The operands with the types that samples would be promoted to.

    A sample without dimensions gives way to one with some; its batch, which has one, would not.
    """
    base = name.rstrip("_")
    skip = _CONDITIONS.get(base, -1)
    chosen = [i for i, x in enumerate(args) if isinstance(x, Tensor) and i != skip]
    if len({args[i].dtype for i in chosen}) < 2:
        return args
    samples = [meta_of(args[i]) for i in chosen]
    dtype = samples[0].dtype
    kept = samples[0]
    for other in samples[1:]:
        dtype = _C.result_type(kept, other)
        shape = kept.shape if kept.dim() >= other.dim() else other.shape
        kept = _C.empty(shape, dtype=dtype, device="meta")
    return [x.to(dtype) if i in chosen and x.dim() == 0 else x for i, x in enumerate(args)]


def broadcast(func: Any, level: Level, *args: Any, **kwargs: Any) -> Any:
    """The rule of operators that broadcast their operands."""
    name = func.__name__
    inplace = name.endswith("_") and not name.endswith("__")
    values = list(args)
    if not inplace:
        values = _promoted(name, level, values)
    everything = [*values, *kwargs.values()]
    rank = max(rank_of(x) for x in everything)
    if inplace and rank > args[0].dim():
        return NotImplemented
    return func(
        *(lined_up(x, level, rank) for x in values),
        **{k: lined_up(x, level, rank) for k, x in kwargs.items()},
    )


def _masked_fill(func: Any, level: Level, x: Any, mask: Any, value: Any) -> Any:
    if not of_level(value, level):
        return broadcast(func, level, x, mask, value)
    if func.__name__.endswith("_") or value.dim():
        return NotImplemented
    rank = max(rank_of(x), rank_of(mask))
    chosen = lined_up(value, level, rank).to(x.dtype)
    return _C.where(lined_up(mask, level, rank), chosen, lined_up(x, level, rank))


def unary(func: Any, level: Level, x: Any, *args: Any, **kwargs: Any) -> Any:
    """The rule of operators of one tensor, element by element."""
    if any(isinstance(a, Tensor) for a in (*args, *kwargs.values())):
        return NotImplemented
    return func(x._value, *args, **kwargs)


def _to(func: Any, level: Level, x: Any, *args: Any, **kwargs: Any) -> Any:
    others = [meta_of(a) for a in args]
    if others and isinstance(others[0], Tensor):
        others[0] = _C.empty(0, dtype=others[0].dtype)
    if not of_level(x, level):
        return unwrap(x, level).to(*others, **kwargs)
    return func(x._value, *others, **kwargs)


def _new(func: Any, level: Level, x: Any, *size: Any, **kwargs: Any) -> Any:
    size = kwargs.pop("size", size)
    if len(size) == 1 and not isinstance(size[0], int):
        size = size[0]
    return func(x._value, [level.size, *size], **kwargs)


def _new_full(func: Any, level: Level, x: Any, size: Any, fill: Any, **kwargs: Any) -> Any:
    return func(x._value, [level.size, *size], fill, **kwargs)


def _copy_(func: Any, level: Level, x: Any, other: Any, *args: Any) -> Any:
    rank = x.dim()
    if rank_of(other) > rank:
        return NotImplemented
    return func(x._value, lined_up(other, level, rank), *args)


def _requires_grad_(func: Any, level: Level, *_: Any, **__: Any) -> Any:
    from lampas.func._batched import VmapError

    raise VmapError(
        "vmap: requires_grad_() within a function that is being transformed. Remedy: use "
        "lampas.func.grad, vjp or jacrev there, or call it before"
    )


for _name in _UNARY:
    RULES[_name] = unary
    RULES[_name + "_"] = unary
for _name in _BROADCAST:
    RULES[_name] = broadcast
    RULES[_name + "_"] = broadcast
RULES |= {
    "masked_fill": _masked_fill, "masked_fill_": _masked_fill, "to": _to, "type_as": _to,
    "new_empty": _new, "new_zeros": _new, "new_ones": _new,
    "new_full": _new_full, "copy_": _copy_, "requires_grad_": _requires_grad_,
}  # fmt: skip
