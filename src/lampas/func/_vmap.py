"""vmap: a function of one sample becomes a function of a batch."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from lampas import _C
from lampas._tensor import Tensor
from lampas.func import _custom  # noqa: F401  custom functions find it once it is loaded
from lampas.func._batched import Batched, Level, entered, levels, unwrap, wrap
from lampas.utils import _pytree as pytree

__all__ = ["vmap"]


def vmap(
    func: Callable[..., Any],
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """A function that applies `func` to every sample of its arguments, all at once.

    Args:
        func: takes tensors, or containers of them, and returns tensors.
        in_dims: which dimension of each argument counts the samples; None: the argument is the
            same for all. An int for all arguments, or a tuple with one for each, which may follow
            the structure of containers. Keyword arguments are batched along dimension 0.
        out_dims: where that dimension stands in the results, in the same manner.
        randomness: what drawing random numbers does: ``"error"``, ``"different"`` ones for each
            sample, or the ``"same"`` for all.
        chunk_size: compute at most this many samples at a time, to save memory.

    Raises:
        ValueError: arguments without samples, of different numbers of them, or in_dims and
            out_dims that do not fit.
        RuntimeError: `func` needs the values of a tensor, in an ``if`` for example, or draws
            random numbers in mode ``"error"``.

    Example:
        >>> import lampas
        >>> x, y = lampas.ones(3, 5), lampas.arange(15.0).reshape(3, 5)
        >>> lampas.vmap(lampas.dot)(x, y)
        tensor([10., 35., 60.])
    """
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(
            "Only allowed values for randomness are 'error', 'different', or 'same'. Got "
            f"{randomness}"
        )
    if chunk_size is not None and not chunk_size > 0:
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")

    @functools.wraps(func)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        name = getattr(func, "__name__", repr(func))
        flat, dims, spec = _flat_inputs(name, in_dims, args)
        named, named_spec = pytree.tree_flatten(kwargs)
        flat, dims = flat + named, dims + [0 if _is(x) else None for x in named]
        size = _batch_size(name, in_dims, args, flat, dims)

        def run(values: list[Any], count: int) -> tuple[list[Any], Any]:
            level = Level(len(levels()) + 1, count, randomness)
            with entered([*levels(), level]):
                samples = [
                    x if d is None else wrap(x.movedim(d, 0) if d else x, level)
                    for x, d in zip(values, dims, strict=True)
                ]
                cut = len(samples) - len(named)
                outputs = func(
                    *pytree.tree_unflatten(samples[:cut], spec),
                    **pytree.tree_unflatten(samples[cut:], named_spec),
                )
            return _flat_outputs(name, outputs, level, out_dims)

        if chunk_size is None or chunk_size >= size:
            results, out_spec = run(flat, size)
            return pytree.tree_unflatten(results, out_spec)
        return _in_chunks(run, flat, dims, size, chunk_size, out_dims)

    return wrapped


def _is(x: Any) -> bool:
    return isinstance(x, Tensor)


# ---- inputs --------------------------------------------------------------------------------------
def _flat_inputs(name: str, in_dims: Any, args: Any) -> tuple[list[Any], list[Any], Any]:
    call = f"vmap({name}, in_dims={in_dims}, ...)(<inputs>)"
    if not isinstance(in_dims, (int, tuple, list)):
        raise ValueError(
            f"{call}: expected `in_dims` to be int or a (potentially nested) tuple matching the "
            f"structure of inputs, got: {type(in_dims)}."
        )
    flat, spec = pytree.tree_flatten(args)
    wanted = tuple(in_dims) if isinstance(in_dims, list) and len(args) != 1 else in_dims
    dims = pytree._broadcast_to_and_flatten(wanted, spec)
    if dims is None:
        raise ValueError(
            f"{call}: in_dims is not compatible with the structure of inputs. in_dims has "
            f"structure {pytree.tree_structure(in_dims)} but inputs has structure {spec}."
        )
    return flat, [_checked_dim(call, x, d) for x, d in zip(flat, dims, strict=True)], spec


def _checked_dim(call: str, x: Any, dim: Any) -> int | None:
    if dim is None:
        return None
    if not isinstance(dim, int):
        raise ValueError(
            f"{call}: Got in_dim={dim} for an input but in_dim must be either an integer dimension "
            "or None."
        )
    if not _is(x):
        raise ValueError(
            f"{call}: Got in_dim={dim} for an input but the input is of type {type(x)}. We cannot "
            "vmap over non-Tensor arguments, please use None as the respective in_dim"
        )
    if not -x.dim() <= dim < x.dim():
        raise ValueError(
            f"{call}: Got in_dim={dim} for some input, but that input is a Tensor of "
            f"dimensionality {x.dim()} so expected in_dim to satisfy "
            f"{-x.dim()} <= in_dim < {x.dim()}."
        )
    return dim % x.dim()


def _batch_size(name: str, in_dims: Any, args: Any, flat: list[Any], dims: list[Any]) -> int:
    call = f"vmap({name}, in_dims={in_dims}, ...)(<inputs>)"
    if not flat:
        raise ValueError(
            f"{call}: got no inputs. Maybe you forgot to add inputs, or you are trying to vmap "
            "over a function with no inputs. The latter is unsupported."
        )
    sizes = [x.shape[d] for x, d in zip(flat, dims, strict=True) if d is not None]
    if not sizes:
        raise ValueError(f"{call}: at least one input must have a dimension to map over")
    if any(s != sizes[0] for s in sizes):
        raise ValueError(
            f"vmap: Expected all tensors to have the same size in the mapped dimension, got sizes "
            f"{sizes} for the mapped dimension"
        )
    return sizes[0]


# ---- outputs -------------------------------------------------------------------------------------
def _flat_outputs(name: str, outputs: Any, level: Level, out_dims: Any) -> tuple[list[Any], Any]:
    flat, spec = pytree.tree_flatten(outputs)
    for x in flat:
        if not _is(x):
            raise ValueError(
                f"vmap({name}, ...): `{name}` must only return Tensors, got type {type(x)}. Did "
                "you mean to set out_dims= to None for output?"
            )
    dims = _flat_out_dims(name, spec, out_dims)
    return [_placed(name, x, d, level) for x, d in zip(flat, dims, strict=True)], spec


def _flat_out_dims(name: str, spec: Any, out_dims: Any) -> list[Any]:
    if isinstance(out_dims, int) or out_dims is None:
        return [out_dims] * spec.num_leaves
    single = spec.type is None and isinstance(out_dims, tuple) and len(out_dims) == 1
    dims = pytree._broadcast_to_and_flatten(out_dims[0] if single else out_dims, spec)
    if dims is None or not all(d is None or isinstance(d, int) for d in dims):
        raise ValueError(
            f"vmap({name}, ..., out_dims={out_dims})(<inputs>): out_dims is not compatible with "
            f"the structure of `outputs`. out_dims has structure "
            f"{pytree.tree_structure(out_dims)} but outputs has structure {spec}."
        )
    return dims


def _placed(name: str, x: Tensor, dim: int | None, level: Level) -> Tensor:
    if dim is None:
        if type(x) is Batched and x._level is level:
            raise ValueError(
                f"vmap({name}, ...): `{name}` can not return a BatchedTensor when out_dim is None"
            )
        return x
    value = unwrap(x, level)
    return value.movedim(0, dim) if dim else value


# ---- chunks --------------------------------------------------------------------------------------
def _in_chunks(
    run: Callable[..., Any], flat: list[Any], dims: list[Any], size: int, chunk: int, out_dims: Any
) -> Any:
    parts = []
    spec: Any = None
    for start in range(0, size, chunk):
        count = min(chunk, size - start)
        values = [
            x if d is None else x.narrow(d, start, count) for x, d in zip(flat, dims, strict=True)
        ]
        results, spec = run(values, count)
        parts.append(results)
    places = _flat_out_dims("function", spec, out_dims)
    joined = [
        column[0] if d is None else _C.cat(list(column), d)
        for column, d in zip(zip(*parts, strict=True), places, strict=True)
    ]
    return pytree.tree_unflatten(joined, spec)
