"""Forward-mode differentiation with dual tensors: values that carry a direction along.

Within a dual level :func:`make_dual` gives a value its tangent, and :func:`unpack_dual` finds the
tangent of whatever was computed from it. :func:`lampas.func.jvp` is the same as one function.

The tangent is found when it is asked for, by differentiating twice in reverse mode, so a dual
tensor has `requires_grad` set, and nothing is followed under ``no_grad``.

>>> import lampas
>>> from lampas.autograd import forward_ad
>>> with forward_ad.dual_level():
...     x = forward_ad.make_dual(lampas.tensor([1.0, 2.0]), lampas.tensor([1.0, 0.0]))
...     forward_ad.unpack_dual(x * x).tangent
tensor([2., 0.])
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from lampas import _C
from lampas._tensor import Tensor

__all__ = [
    "UnpackedDualTensor", "dual_level", "enter_dual_level", "exit_dual_level", "make_dual",
    "unpack_dual",
]  # fmt: skip


class UnpackedDualTensor(NamedTuple):
    """A value and its direction; None where it has none."""

    primal: Tensor
    tangent: Tensor | None


class _Duals:
    """The dual tensors of a level: their place in the graph, and their tangents."""

    def __init__(self) -> None:
        self.aliases: list[Tensor] = []
        self.sources: list[Tensor] = []
        self.tangents: list[Tensor] = []


class _State(threading.local):
    def __init__(self) -> None:
        self.duals: _Duals | None = None


_state = _State()


def enter_dual_level() -> int:
    """Begins a level, within which there are dual tensors, and returns its number, 0.

    Raises:
        RuntimeError: there is one already.

    Example:
        >>> import lampas
        >>> from lampas.autograd import forward_ad
        >>> level = forward_ad.enter_dual_level()
        >>> forward_ad.exit_dual_level(level=level)
    """
    if _state.duals is not None:
        raise RuntimeError(
            "Nested forward mode AD is not supported. Remedy: lampas.func.jvp, which nests"
        )
    _state.duals = _Duals()
    return 0


def exit_dual_level(*, level: int | None = None) -> None:
    """Ends the level; dual tensors are plain ones afterwards.

    Args:
        level: the number that :func:`enter_dual_level` returned.

    Raises:
        RuntimeError: there is no level, or not this one.

    Example:
        >>> import lampas
        >>> from lampas.autograd import forward_ad
        >>> forward_ad.exit_dual_level(level=forward_ad.enter_dual_level())
    """
    if _state.duals is None:
        raise RuntimeError("exit_dual_level(): there is no level. Remedy: enter_dual_level() first")
    if level not in (None, 0):
        raise RuntimeError(
            "Trying to exit a forward AD level that was not the last one that was created. This "
            f"is not supported: level {level}, expected 0"
        )
    _state.duals = None


@contextmanager
def dual_level() -> Iterator[int]:
    """Within the ``with`` block there are dual tensors.

    Raises:
        RuntimeError: within another such block.

    Example:
        >>> import lampas
        >>> from lampas.autograd import forward_ad
        >>> with forward_ad.dual_level():
        ...     x = forward_ad.make_dual(lampas.ones(2), lampas.tensor([1.0, 3.0]))
        ...     forward_ad.unpack_dual(x.exp().log()).tangent
        tensor([1., 3.])
    """
    level = enter_dual_level()
    try:
        yield level
    finally:
        exit_dual_level(level=level)


def make_dual(tensor: Tensor, tangent: Tensor, *, level: int | None = None) -> Tensor:
    """A tensor of the same values that has a direction.

    Args:
        tensor: floating point or complex, any shape.
        tangent: of the same shape.
        level: the number of the level; there is only one.

    Raises:
        RuntimeError: outside of a level, or `tangent` has another shape.
        ValueError: `tensor` or `tangent` holds integers.

    Example:
        >>> import lampas
        >>> from lampas.autograd import forward_ad
        >>> with forward_ad.dual_level():
        ...     x = forward_ad.make_dual(lampas.ones(2), lampas.tensor([1.0, 3.0]))
        ...     forward_ad.unpack_dual(x)
        UnpackedDualTensor(primal=tensor([1., 1.]), tangent=tensor([1., 3.]))
    """
    from lampas.func._derivatives import Frame

    duals = _state.duals
    if duals is None or level not in (None, 0):
        raise RuntimeError(
            "Trying to create a dual Tensor for forward AD but no level exists, make sure to "
            "enter_dual_level() first."
        )
    for what, x in (("primal", tensor), ("tangent", tangent)):
        if not (x.dtype.is_floating_point or x.dtype.is_complex):
            raise ValueError(f"Expected {what} to be floating point or complex, but got: {x.dtype}")
    if tensor.shape != tangent.shape:
        raise RuntimeError(
            "Trying to set a forward gradient that has a different size than that of the original "
            f"Tensor, this is not supported. Tensor is of size {list(tensor.shape)} while the "
            f"given forward gradient is of size {list(tangent.shape)}."
        )
    frame = Frame([tensor], _C.is_grad_enabled())
    duals.aliases += frame.aliases
    duals.sources += frame.sources
    duals.tangents.append(tangent)
    return frame.aliases[0]


def unpack_dual(tensor: Tensor, *, level: int | None = None) -> UnpackedDualTensor:
    """The values of a tensor and its direction, None where it was computed from no dual tensor.

    Args:
        tensor: any tensor.
        level: the number of the level; there is only one.

    Example:
        >>> import lampas
        >>> from lampas.autograd import forward_ad
        >>> with forward_ad.dual_level():
        ...     x = forward_ad.make_dual(lampas.tensor(3.0), lampas.tensor(1.0))
        ...     forward_ad.unpack_dual(x**2)
        UnpackedDualTensor(primal=tensor(9.), tangent=tensor(6.))
    """
    from lampas.autograd.function import forward_mode
    from lampas.func._derivatives import Frame, Push, native, recording

    duals = _state.duals
    if duals is None or level not in (None, 0):
        return UnpackedDualTensor(tensor, None)
    value = native(tensor)
    found: Any = [None]
    frame = Frame([], _C.is_grad_enabled())
    frame.aliases, frame.sources = duals.aliases, duals.sources
    if value.requires_grad and duals.sources:
        with forward_mode():
            found = _C._backward(
                [value], [_C.ones_like(value)], duals.sources, True, False, True, False
            )
    if all(g is None for g in found):
        return UnpackedDualTensor(tensor, None)
    with recording():
        tangent = Push(frame, [tensor])(duals.tangents, retain=True)[0]
    return UnpackedDualTensor(frame.outside(tensor), tangent)
