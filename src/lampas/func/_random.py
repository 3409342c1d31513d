"""Random numbers under vmap: refused, different for each sample, or the same for all."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from lampas import _C
from lampas._tensor import Tensor
from lampas.func._batched import Level, VmapError, entered, levels, loop, of_level, wrap, wrap_all

# Of each element by itself: the batch draws as one tensor.
_ELEMENTWISE = {
    "bernoulli", "dropout", "normal", "poisson", "rand_like", "randint_like", "randn_like",
    "rrelu",
}  # fmt: skip
_INPLACE = {
    "bernoulli_", "cauchy_", "exponential_", "geometric_", "log_normal_", "normal_", "random_",
    "uniform_",
}  # fmt: skip
DRAWING = frozenset(
    {
        "binomial", "multinomial", "rand", "randint", "randn", "randperm",
        "scaled_dot_product_attention", "_sample_dirichlet", "_standard_gamma",
    }
    | _ELEMENTWISE
    | _INPLACE
)  # fmt: skip


def draws(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether a call really needs random numbers."""
    if name == "dropout":
        return bool(args[2] if len(args) > 2 else kwargs.get("training", kwargs.get("train", True)))
    if name == "rrelu":
        return bool(args[3] if len(args) > 3 else kwargs.get("training", False))
    if name == "scaled_dot_product_attention":
        return (args[4] if len(args) > 4 else kwargs.get("dropout_p", 0.0)) > 0
    return True


def draw(func: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A call that draws random numbers, at the innermost of the vmaps that run."""
    running = levels()
    if not running:
        return NotImplemented
    level = running[-1]
    if level.randomness == "error":
        raise VmapError(
            f"vmap: {name} draws random numbers, and was called while in randomness error mode. "
            "Remedy: vmap(..., randomness='different') draws for each sample, 'same' once for all; "
            "or draw outside of vmap"
        )
    if level.looping:  # a composition that runs for one sample
        with entered(running[:-1]):
            return func(*args, **kwargs)
    batched = [i for i, x in enumerate(args) if of_level(x, level)]
    named = any(of_level(x, level) for x in kwargs.values())
    different = level.randomness == "different"
    if name in _INPLACE and different and 0 not in batched:
        raise VmapError(
            f"vmap: {name} cannot write different numbers for each sample into a tensor that is "
            "the same for all. Remedy: make it with the function that returns a new tensor"
        )
    with entered(running[:-1]):
        if not batched and not named:
            if not different:
                return func(*args, **kwargs)
            return wrap(_for_each(func, name, level, args, kwargs), level)
        if different and batched == [0] and not named and name in _ELEMENTWISE | _INPLACE:
            result = func(args[0]._value, *args[1:], **kwargs)
            return args[0] if name in _INPLACE else wrap_all(result, level)
        step = contextlib.nullcontext if different else same_numbers(args, kwargs)
        return loop(func, level, args, kwargs, name in _INPLACE, step)


def _for_each(func: Any, name: str, level: Level, args: Any, kwargs: dict[str, Any]) -> Tensor:
    """One draw for each sample, stacked."""
    if name in ("rand", "randn"):
        size = kwargs.get("size", args)
        rest = {k: v for k, v in kwargs.items() if k != "size"}
        if len(size) == 1 and not isinstance(size[0], int):
            size = size[0]
        return func([level.size, *size], **rest)
    rows = [func(*args, **kwargs) for _ in range(max(level.size, 1))]
    return _C.stack(rows)[: level.size]


def same_numbers(args: Any, kwargs: dict[str, Any]) -> Any:
    """A context, to be entered for each sample, that draws the same numbers each time."""
    given = [g for g in (*args, *kwargs.values()) if isinstance(g, _C.Generator)]
    generator = given[0] if given else _C.default_generator
    state = generator.get_state()

    @contextlib.contextmanager
    def step() -> Iterator[None]:
        generator.set_state(state)
        yield

    return step
