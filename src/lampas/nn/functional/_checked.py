"""Arguments of functions written in Python, checked as those of native ones are."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from lampas import _C

__all__ = ["checked", "check_floating", "single_precision", "within"]

_F = TypeVar("_F", bound=Callable[..., Any])


def checked(signature: str) -> Callable[[_F], _F]:
    """Has a function's arguments parsed by its signature, in the language of native operators.

    Args:
        signature: ``"glue(Tensor input, int size, float p=2.0)"``. A call that does not fit raises
            a TypeError that names argument and type, and ``__torch_function__`` is asked. Its name
            is the function's own, or where a method has that, what PyTorch calls the operator.
    """

    def declare(function: _F) -> _F:
        op = _C._define_operator([signature], function, signature[: signature.index("(")])

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            return op(*args, **kwargs)

        return call  # type: ignore[return-value]

    return declare


def check_floating(input: _C.Tensor, name: str, *others: Any) -> None:
    """Raises NotImplementedError for an input of another dtype than floats and `others`."""
    if not input.dtype.is_floating_point and input.dtype not in others:
        raise NotImplementedError(
            f'"{name}" not implemented for {input.dtype}. Remedy: input.float()'
        )


def within(index: _C.Tensor, low: int, high: int) -> bool:
    """Whether all values lie in [low, high); those that are not there, on meta, do."""
    if index.is_meta or not index.numel():
        return True
    return int(index.min()) >= low and int(index.max()) < high


def single_precision(input: _C.Tensor) -> _C.Tensor:
    """`input`, in float32 where autocast is on and it is of a shorter float dtype."""
    short = input.dtype.is_floating_point and input.dtype.itemsize < 4
    return input.float() if short and _C.autocast_dtype() is not None else input
