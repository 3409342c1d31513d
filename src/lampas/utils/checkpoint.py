"""Memory for time: chosen parts of a model are computed again in the backward pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from lampas import _C
from lampas._tensor import Tensor
from lampas.autograd.function import Function

__all__ = ["checkpoint", "checkpoint_sequential"]


class _Checkpoint(Function):
    @staticmethod
    def forward(
        ctx: Any, function: Callable[..., Any], preserve: bool, kwargs: dict[str, Any], *args: Any
    ) -> Any:
        ctx.function, ctx.kwargs, ctx.args = function, kwargs, args
        ctx.state = _C.default_generator.get_state() if preserve else None
        ctx.places = [i for i, a in enumerate(args) if isinstance(a, Tensor)]
        ctx.args = tuple(None if isinstance(a, Tensor) else a for a in args)
        ctx.save_for_backward(*(args[i] for i in ctx.places))
        return function(*args, **kwargs)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        args = list(ctx.args)
        for i, t in zip(ctx.places, ctx.saved_tensors, strict=False):
            args[i] = t.detach().requires_grad_(t.requires_grad)
        now = _C.default_generator.get_state() if ctx.state is not None else None
        if ctx.state is not None:
            _C.default_generator.set_state(ctx.state)
        before = _C._set_grad_enabled(True)
        try:
            outputs = ctx.function(*args, **ctx.kwargs)
        finally:
            _C._set_grad_enabled(before)
            if now is not None:
                _C.default_generator.set_state(now)
        outputs = outputs if isinstance(outputs, (tuple, list)) else (outputs,)
        pairs = [
            (o, g) for o, g in zip(outputs, grads, strict=False) if isinstance(o, Tensor) and o.requires_grad  # noqa: E501
        ]
        if pairs:
            _C._backward(
                tuple(o for o, _ in pairs),
                tuple(g for _, g in pairs),
                (),
                False,
                False,
                True,
                False,
            )
        return (None, None, None, *(a.grad if isinstance(a, Tensor) else None for a in args))


class _Noop:
    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


def noop_context_fn() -> tuple[_Noop, _Noop]:
    """Contexts that do nothing, for forward and for the recomputation."""
    return _Noop(), _Noop()


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Callable[[], tuple[Any, Any]] = noop_context_fn,
    determinism_check: str = "default",
    debug: bool = False,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """function(*args, **kwargs) without keeping what its backward needs: it is computed again then.

    The random stream is put back for the recomputation, so dropout draws the same masks.

    >>> import lampas
    >>> x = lampas.ones(2, requires_grad=True)
    >>> checkpoint(lambda t: t.exp().sin(), x, use_reentrant=False).sum().backward()
    >>> x.grad.shape
    torch.Size([2])
    """
    forward, again = context_fn()
    calls = 0

    def run(*a: Any, **k: Any) -> Any:
        nonlocal calls
        calls += 1
        with forward if calls == 1 else again:
            return function(*a, **k)

    # Parameters of the function need their gradients even where no argument requires one.
    trigger = _C.empty(0, requires_grad=_C.is_grad_enabled())

    def with_trigger(_: Tensor, *a: Any, **k: Any) -> Any:
        return run(*a, **k)

    return _Checkpoint.apply(with_trigger, preserve_rng_state, kwargs, trigger, *args)


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, **kwargs: Any
) -> Any:
    """Runs a sequence of modules in `segments` parts, all but the last checkpointed."""
    layers: Sequence[Any] = (
        list(functions.children()) if hasattr(functions, "children") else list(functions)
    )
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    size = len(layers) // segments

    def part(start: int, end: int) -> Callable[[Any], Any]:
        def forward(x: Any) -> Any:
            for layer in layers[start:end]:
                x = layer(x)
            return x

        return forward

    for start in range(0, size * (segments - 1), size):
        input = checkpoint(
            part(start, start + size),
            input,
            use_reentrant=use_reentrant,
            preserve_rng_state=preserve,
        )
    begin = size * (segments - 1)
    return part(begin, len(layers))(input)
