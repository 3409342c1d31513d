"""Jacobians and Hessians of functions."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from lampas import _C
from lampas._tensor import Tensor
from lampas.func._batched import Batched, levels
from lampas.func._derivatives import chosen, flat_tensors, jvp, replaced, vjp
from lampas.func._vmap import vmap
from lampas.utils import _pytree as pytree

__all__ = ["hessian", "jacfwd", "jacrev"]


def _real(tensors: list[Tensor], call: str, what: str) -> None:
    if any(x.dtype.is_complex for x in tensors):
        raise RuntimeError(
            f"{call}: Expected all {what} to be real but received complex tensor. Remedy: "
            "differentiate with respect to real and imaginary parts"
        )


def _unit(like: Tensor, i: int) -> Tensor:
    """The tensor of a sample's shape that is 1 at one element, and 0 elsewhere."""
    unit = _C.zeros(like.numel(), dtype=like.dtype)
    unit[i] = 1
    return unit.reshape(like.shape)


def jacrev(
    func: Callable[..., Any],
    argnums: int | tuple[int, ...] = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
    _preallocate_and_copy: bool = False,
) -> Callable[..., Any]:
    """A function that computes the Jacobian of `func`, row by row, in reverse mode.

    `func` runs once, then backward runs once for each element of its outputs: the choice where
    there are fewer outputs than inputs.

    Args:
        func: returns tensors; with `has_aux` a pair of them and anything else.
        argnums: which arguments to differentiate by: tensors or containers of them.
        has_aux: the function returned gives ``(jacobian, aux)``.
        chunk_size: how many rows may be in memory besides the result; there is never more than one.

    The Jacobian has the structure of the outputs; in place of each there is the structure of the
    arguments, and in place of each of these a tensor of shape ``output.shape + input.shape``.

    Raises:
        RuntimeError: `func` returns something else than real tensors, or argnums does not fit.
        ValueError: chunk_size is not positive.

    Example:
        >>> import lampas
        >>> lampas.func.jacrev(lampas.square)(lampas.tensor([1.0, 2.0]))
        tensor([[2., 0.],
                [0., 4.]])
    """
    if chunk_size is not None and not chunk_size > 0:
        raise ValueError(f"jacrev: `chunk_size` should be greater than 0, got {chunk_size}.")
    call = "jacrev(f)(*args)"

    @functools.wraps(func)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        primals = chosen(args, argnums)
        flat, spec = flat_tensors(primals, call, "the arguments in argnums")
        _real(flat, call, "inputs")

        def inner(values: Any) -> Any:
            return func(*replaced(args, argnums, values), **kwargs)

        output, vjp_fn, *aux = vjp(inner, primals, has_aux=has_aux)
        outputs, out_spec = flat_tensors(output, call, "the outputs of f")
        _real(outputs, call, "outputs")
        rows: list[Any] = []
        for k, o in enumerate(outputs):
            columns = [
                pytree.tree_leaves(vjp_fn(_cotangents(outputs, out_spec, k, i)))
                for i in range(o.numel())
            ]
            rows.append(pytree.tree_unflatten(_stacked(columns, o, flat), spec))
        jacobian = pytree.tree_unflatten(rows, out_spec)
        return (jacobian, aux[0]) if has_aux else jacobian

    return wrapped


def _cotangents(outputs: list[Tensor], spec: Any, k: int, i: int) -> Any:
    values = [_unit(o, i) if j == k else o.new_zeros(o.shape) for j, o in enumerate(outputs)]
    return pytree.tree_unflatten(values, spec)


def _stacked(columns: list[list[Tensor]], o: Tensor, inputs: list[Tensor]) -> list[Tensor]:
    if not columns:
        return [x.new_zeros([*o.shape, *x.shape]) for x in inputs]
    return [
        _C.stack(list(column)).reshape([*o.shape, *x.shape])
        for column, x in zip(zip(*columns, strict=True), inputs, strict=True)
    ]


def jacfwd(
    func: Callable[..., Any],
    argnums: int | tuple[int, ...] = 0,
    has_aux: bool = False,
    *,
    chunk_size: int | None = None,
    randomness: str = "error",
) -> Callable[..., Any]:
    """A function that computes the Jacobian of `func`, column by column, in forward mode.

    All elements of the inputs are moved at once, under vmap: the choice where there are fewer
    inputs than outputs, and where there are many of both.

    Args:
        func: returns tensors; with `has_aux` a pair of them and anything else.
        argnums: which arguments to differentiate by: tensors or containers of them.
        has_aux: the function returned gives ``(jacobian, aux)``.
        chunk_size: at most this many columns at a time, to save memory.
        randomness: as of :func:`vmap`, should `func` draw random numbers.

    The Jacobian is structured as that of :func:`jacrev`.

    Raises:
        RuntimeError: `func` returns something else than real tensors, or argnums does not fit.

    Example:
        >>> import lampas
        >>> lampas.func.jacfwd(lampas.square)(lampas.tensor([1.0, 2.0]))
        tensor([[2., 0.],
                [0., 4.]])
    """
    call = "jacfwd(f)(*args)"

    @functools.wraps(func)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        primals = chosen(args, argnums)
        flat, spec = flat_tensors(primals, call, "the arguments in argnums")
        _real(flat, call, "inputs")

        def inner(values: Any) -> Any:
            return func(*replaced(args, argnums, values), **kwargs)

        aux: list[Any] = []

        def push(*directions: Tensor) -> Any:
            tangents = pytree.tree_unflatten(directions, spec)
            _, moved, *aux[:] = jvp(inner, (primals,), (tangents,), has_aux=has_aux)
            _real(flat_tensors(moved, call, "the outputs of f")[0], call, "outputs")
            return moved

        columns = vmap(push, randomness=randomness, chunk_size=chunk_size)(*_basis(flat))
        moved, out_spec = pytree.tree_flatten(columns)
        jacobian = pytree.tree_unflatten(
            [pytree.tree_unflatten(_parted(m, flat), spec) for m in moved], out_spec
        )
        return (jacobian, pytree.tree_map(_first, aux[0])) if has_aux else jacobian

    return wrapped


def _first(x: Any) -> Any:
    """What `func` returned besides: the same in every direction."""
    inner = type(x) is Batched and x._level not in levels()
    return x._value.select(0, 0) if inner else x


def _basis(inputs: list[Tensor]) -> list[Tensor]:
    """Directions [total, *shape] of each input: one input moves at a time, in one element."""
    total = sum(x.numel() for x in inputs)
    basis, start = [], 0
    for x in inputs:
        rows = _C.zeros(total, x.numel(), dtype=x.dtype)
        rows[start : start + x.numel()] = _C.eye(x.numel(), dtype=x.dtype)
        basis.append(rows.reshape([total, *x.shape]))
        start += x.numel()
    return basis


def _parted(columns: Tensor, inputs: list[Tensor]) -> list[Tensor]:
    """[total, *output] as one tensor [*output, *input] for each input."""
    parts = columns.split([x.numel() for x in inputs])
    return [
        p.movedim(0, -1).reshape([*columns.shape[1:], *x.shape])
        for p, x in zip(parts, inputs, strict=True)
    ]


def hessian(func: Callable[..., Any], argnums: int | tuple[int, ...] = 0) -> Callable[..., Any]:
    """A function that computes second derivatives of `func`: ``jacfwd(jacrev(func))``.

    Args:
        func: returns tensors.
        argnums: which arguments to differentiate by.

    Example:
        >>> import lampas
        >>> lampas.func.hessian(lambda x: (x**3).sum())(lampas.tensor([1.0, 2.0]))
        tensor([[ 6.,  0.],
                [ 0., 12.]])
    """
    return jacfwd(jacrev(func, argnums), argnums)
