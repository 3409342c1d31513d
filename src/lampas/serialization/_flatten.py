"""The tensors of anything, by name."""

from __future__ import annotations

from typing import Any

from lampas._tensor import Tensor
from lampas.nn import Module
from lampas.serialization._restore import Opaque
from lampas.storage import TypedStorage, UntypedStorage

# What a module's state holds tensors in; its entries are named as state_dict() names them.
_REGISTERS = ("_parameters", "_buffers", "_modules")


def flatten(obj: Any) -> dict[str, Tensor]:
    """All tensors within `obj`; names are keys, attributes and indices, joined by points."""
    found: dict[str, Tensor] = {}
    seen: set[int] = set()
    # Not recursive: a file may nest as deeply as it likes.
    pending: list[tuple[str, Any]] = [("", obj)]
    while pending:
        name, value = pending.pop()
        if isinstance(value, Tensor):
            _put(found, name or "tensor", value)
            continue
        if isinstance(value, (str, bytes, int, float, UntypedStorage, TypedStorage)):
            continue
        if id(value) in seen:
            continue
        seen.add(id(value))
        inside = [(f"{name}.{k}" if name and k else name or k, v) for k, v in _children(value)]
        pending.extend(reversed(inside))
    return found


def _put(found: dict[str, Tensor], name: str, value: Tensor) -> None:
    free, n = name, 2
    while free in found:
        free, n = f"{name}#{n}", n + 1
    found[free] = value


def _children(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [(str(k), v) for k, v in value.items()]
    if isinstance(value, (list, tuple, set, frozenset)):
        return [(str(i), v) for i, v in enumerate(value)]
    if isinstance(value, Opaque):
        return [
            *_of_state(value.state),
            *_children(value.args),
            *_children(value.items),
            *((str(k), v) for k, v in value.pairs),
        ]
    return _of_state(value.__dict__) if isinstance(value, Module) else []


def _of_state(state: Any) -> list[tuple[str, Any]]:
    if isinstance(state, tuple):
        return [c for part in state for c in _of_state(part)]
    if not isinstance(state, dict):
        return [("", state)]
    if not all(isinstance(state.get(r), dict) for r in _REGISTERS):
        return _children(state)
    children = [c for r in _REGISTERS for c in _children(state[r])]
    transient = state.get("_non_persistent_buffers_set") or ()
    children = [(k, v) for k, v in children if k not in transient]
    rest = {k: v for k, v in state.items() if k not in _REGISTERS and not k.endswith("_hooks")}
    return children + _children(rest)
