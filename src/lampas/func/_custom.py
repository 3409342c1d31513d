"""Custom autograd functions under vmap: by their own rule, or by vmap of what they are made of."""

from __future__ import annotations

from typing import Any, NamedTuple

from lampas._tensor import Tensor
from lampas.autograd.function import Function, FunctionCtx
from lampas.func._batched import Batched, Level, entered, levels, of_level, unwrap, wrap
from lampas.utils import _pytree as pytree

__all__ = ["VmapInfo", "apply", "concerns"]


class VmapInfo(NamedTuple):
    """What a function's `vmap` learns about the batch."""

    batch_size: int
    randomness: str


def concerns(args: tuple[Any, ...]) -> bool:
    """Whether a call has batched arguments."""
    return any(type(a) is Batched for a in pytree.tree_leaves(args))


def apply(cls: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The function of batched arguments.

    Raises:
        RuntimeError: it has neither `vmap` nor ``generate_vmap_rule``, or both, or no
            `setup_context`.
    """
    own = cls.vmap is not Function.vmap
    if cls.setup_context is Function.setup_context:
        raise RuntimeError(
            f"In order to use an autograd.Function with functorch transforms (vmap, grad, jvp, "
            f"jacrev, ...), it must override the setup_context staticmethod; {cls.__name__} does "
            "not. Remedy: split its forward(ctx, ...) into forward(...) and setup_context"
        )
    if own == bool(cls.generate_vmap_rule):
        why = "both a vmap staticmethod and" if own else "neither a vmap staticmethod nor"
        raise RuntimeError(
            f"You tried to vmap over {cls.__name__}, but it has {why} generate_vmap_rule=True; it "
            "needs one of them"
        )
    leaves = [a for a in pytree.tree_leaves(args) if type(a) is Batched]
    level = max((a._level for a in leaves), key=lambda x: x.depth)
    if own:
        return _by_rule(cls, level, args, kwargs)
    return _generated(cls, level, args)


def _by_rule(cls: Any, level: Level, args: Any, kwargs: Any) -> Any:
    def value(x: Any) -> Any:
        return x._value if of_level(x, level) else x

    values = pytree.tree_map(value, args)
    dims = pytree.tree_map(lambda x: 0 if of_level(x, level) else None, args)
    with entered([x for x in levels() if x is not level]):
        outputs, out_dims = cls.vmap(
            VmapInfo(level.size, level.randomness), dims, *values, **kwargs
        )
    flat, spec = pytree.tree_flatten(outputs)
    places = (
        [out_dims] * len(flat)
        if isinstance(out_dims, int) or out_dims is None
        else pytree._broadcast_to_and_flatten(
            tuple(out_dims) if spec.type is tuple else out_dims, spec
        )
    )
    if places is None:
        raise RuntimeError(
            f"{cls.__name__}.vmap returned out_dims {out_dims} that do not fit its outputs, {spec}"
        )
    return pytree.tree_unflatten(
        [
            x if d is None or not isinstance(x, Tensor) else wrap(x.movedim(d, 0), level)
            for x, d in zip(flat, places, strict=True)
        ],
        spec,
    )


class _Call:
    """One application of a function under vmap, between forward and backward."""

    def __init__(self, cls: Any, level: Level, args: tuple[Any, ...]) -> None:
        self.cls, self.level, self.args = cls, level, args
        self.ctx: Any = None
        self.single = True

    def samples(self, values: tuple[Any, ...]) -> list[Any]:
        return [
            wrap(v, self.level) if of_level(a, self.level) else v
            for a, v in zip(self.args, values, strict=True)
        ]


class _Vmapped(Function):
    """forward and backward of another function, both under vmap."""

    @staticmethod
    def forward(ctx: Any, call: _Call, *values: Any) -> Any:
        ctx.call = call
        call.ctx = FunctionCtx()
        call.ctx.needs_input_grad = ctx.needs_input_grad[1:]
        samples = call.samples(values)
        with entered([*levels(), call.level]):
            output = call.cls.forward(*samples)
            call.cls.setup_context(call.ctx, tuple(samples), output)
            call.single = not isinstance(output, (tuple, list))
            outputs = (output,) if call.single else tuple(output)
            return tuple(unwrap(o, call.level) for o in outputs)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        call = ctx.call
        method = call.cls.backward
        if method is Function.backward:
            method = call.cls.vjp
        with entered([*levels(), call.level]):
            given = [None if g is None else wrap(g, call.level) for g in grads]
            found = method(call.ctx, *given)
            found = found if isinstance(found, (tuple, list)) else (found,)
            return (
                None,
                *(_gathered(g, a, call.level) for g, a in zip(found, call.args, strict=True)),
            )


def _gathered(g: Any, argument: Any, level: Level) -> Any:
    if g is None:
        return None
    value = unwrap(g, level)
    return value if of_level(argument, level) else value.sum(0)


def _generated(cls: Any, level: Level, args: tuple[Any, ...]) -> Any:
    call = _Call(cls, level, args)
    values = [a._value if of_level(a, level) else a for a in args]
    with entered([x for x in levels() if x is not level]):
        outputs = _Vmapped.apply(call, *values)
    results = tuple(wrap(o, level) if isinstance(o, Tensor) else o for o in outputs)
    return results[0] if call.single else results
