"""Calling a module with other parameters than its own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from lampas._tensor import Tensor

__all__ = ["functional_call"]


def _registry(module: Any, name: str) -> tuple[dict[str, Any], str] | None:
    """The dictionary that a dotted name's tensor stands in, and its key there."""
    path, _, key = name.rpartition(".")
    try:
        owner = module.get_submodule(path)
    except AttributeError:
        return None
    for members in (owner._parameters, owner._buffers):
        if key in members:
            return members, key
    return None


def _with_tied(module: Any, given: dict[str, Tensor]) -> dict[str, Tensor]:
    """``given``, and each tensor under all names that stand for the same one in the module."""
    names: dict[int, list[str]] = {}
    for name, tensor in (
        *module.named_parameters(remove_duplicate=False),
        *module.named_buffers(remove_duplicate=False),
    ):
        names.setdefault(id(tensor), []).append(name)
    result = dict(given)
    for tied in names.values():
        present = [n for n in tied if n in given]
        if len({id(given[n]) for n in present}) > 1:
            raise ValueError(
                f"functional_call got multiple values for keys {sorted(present)}, which are tied. "
                "Consider using tie_weights=False"
            )
        if present:
            result.update(dict.fromkeys(tied, given[present[0]]))
    return result


def _check_keys(module: Any, given: dict[str, Tensor]) -> None:
    known = {n for n, _ in module.named_parameters(remove_duplicate=False)}
    known |= {n for n, _ in module.named_buffers(remove_duplicate=False)}
    parts = []
    for what, names in (("Unexpected", given.keys() - known), ("Missing", known - given.keys())):
        if names:
            parts.append(f"{what} key(s): {', '.join(map(repr, sorted(names)))}.")
    if parts:
        text = "\n\t".join(parts)
        raise RuntimeError(f"Error(s) in reparametrizing for {module._get_name()}:\n\t{text}")


@contextlib.contextmanager
def _reparametrize_module(
    module: Any,
    parameters_and_buffers: dict[str, Tensor],
    tie_weights: bool = False,
    strict: bool = False,
) -> Iterator[None]:
    """The module with other tensors inside the ``with`` block. Buffers that the block assigns
    anew are found in ``parameters_and_buffers`` afterwards."""
    given = dict(parameters_and_buffers)
    if tie_weights:
        given = _with_tied(module, given)
    if strict:
        _check_keys(module, given)
    places = {name: place for name in given if (place := _registry(module, name))}
    missing = {}
    for name in given.keys() - places.keys():
        path, _, key = name.rpartition(".")
        owner = module.get_submodule(path)
        missing[name] = (owner.__dict__, key)
    originals = {name: members[key] for name, (members, key) in places.items()}
    for name, (members, key) in {**places, **missing}.items():
        members[key] = given[name]
    try:
        yield
    finally:
        for name, (members, key) in places.items():
            if name in parameters_and_buffers:
                parameters_and_buffers[name] = members[key]
            members[key] = originals[name]
        for members, key in missing.values():
            members.pop(key, None)


def functional_call(
    module: Any,
    parameters_and_buffers: dict[str, Tensor],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Calls a module with other tensors in place of its parameters and buffers.

    Args:
        module: the module, which is the same afterwards.
        parameters_and_buffers: tensors by dotted name.
        args: positional arguments of the call: a tuple, or a single one.
        kwargs: keyword arguments of the call.
        tie_weights: names that stand for one tensor in the module get the same value.
        strict: the names must be exactly those of the module.

    Raises:
        RuntimeError: for names that do not match (``strict``).
        ValueError: for different values of tied names.

    Example:
        >>> import lampas
        >>> from lampas import nn
        >>> from lampas.nn.utils.stateless import functional_call
        >>> m = nn.Linear(1, 1, bias=False)
        >>> functional_call(m, {"weight": lampas.tensor([[2.0]])}, lampas.tensor([[3.0]]))
        tensor([[6.]])
    """
    args = () if args is None else args if isinstance(args, tuple) else (args,)
    with _reparametrize_module(
        module, parameters_and_buffers, tie_weights=tie_weights, strict=strict
    ):
        return module(*args, **(kwargs or {}))


_functional_call = functional_call
