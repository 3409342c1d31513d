"""Operators that are compositions of the native ones, a family to a file.

A family declares each operator by its signature, in the language of the native operators:

    @operator("kron(Tensor input, Tensor other, *, Tensor? out=None)", method=True)
    def kron(input: Tensor, other: Tensor) -> Tensor: ...

Arguments arrive parsed, and bad ones are refused in the same words as everywhere; `out=`, the
in-place form and `__torch_function__` come with the declaration. Families are imported when one
of their operators is first used: `index.py`, written by `make stubs`, says what is where.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from lampas import _C
from lampas._library.index import FUNCTIONS, METHODS

__all__ = ["FUNCTIONS", "METHODS", "attach_methods", "listed", "load", "operator"]


def operator(
    *signatures: str, function: bool = True, method: bool = False, inplace: bool = False
) -> Callable[[Callable[..., Any]], Any]:
    """Makes an operator of a Python function.

    Args:
        signatures: how it may be called, tried in order; the name before the first parenthesis is
            the operator's. Parameters are named as the function's own, and those that a call leaves
            away take the function's defaults. A parameter `out` is dealt with before the call.
        function: it is found as `lampas.name`.
        method: it is found as `Tensor.name`.
        inplace: `Tensor.name_` computes, then writes into the tensor.

    Returns the operator, under which name the family file keeps it.
    """
    name = signatures[0][: signatures[0].index("(")]

    def declare(body: Callable[..., Any]) -> Any:
        op = _C._define_operator(signatures, body, name)
        _families.setdefault(body.__module__, []).append((name, function, method, inplace))
        if method:
            setattr(_C.Tensor, name, _C._define_operator(signatures, body, name, method=True))
        if inplace:
            written = _C._define_operator(signatures, body, name + "_", inplace=True)
            setattr(_C.Tensor, name + "_", written)
        return op

    return declare


def listed(function: Callable[..., Any]) -> Callable[..., Any]:
    """Marks a function whose arguments no signature describes as one found as `lampas.name`."""
    _families.setdefault(function.__module__, []).append((function.__name__, True, False, False))
    return function


# What each imported family has declared; the index is written from it.
_families: dict[str, list[tuple[str, bool, bool, bool]]] = {}


def load(name: str) -> Any:
    """The function `lampas.name` of some family."""
    return getattr(importlib.import_module(f"lampas.{FUNCTIONS[name]}"), name)


class _Later:
    """Stands for a method of Tensor until its family is imported, which replaces it."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, instance: _C.Tensor | None, owner: type[_C.Tensor]) -> Any:
        importlib.import_module(f"lampas.{METHODS[self.name]}")
        return getattr(owner if instance is None else instance, self.name)


def attach_methods() -> None:
    """Gives Tensor the methods that the families define."""
    for name in METHODS:
        setattr(_C.Tensor, name, _Later(name))
