"""Settings of PyTorch's compiler that programs touch; see :mod:`lampas.compiler`."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from lampas.compiler import (
    allow_in_graph,
    assume_constant_result,
    compile,
    disable,
    is_compiling,
    list_backends,
    reset,
)

__all__ = [
    "allow_in_graph", "assume_constant_result", "config", "disable", "graph_break",
    "is_compiling", "list_backends", "mark_dynamic", "mark_static", "optimize", "reset",
]  # fmt: skip

# Programs set attributes here; there is no compiler to read them.
config = SimpleNamespace(
    suppress_errors=False, cache_size_limit=8, recompile_limit=8, verbose=False,
    capture_scalar_outputs=False, dynamic_shapes=True, assume_static_by_default=True,
)  # fmt: skip


def optimize(backend: Any = "inductor", **options: Any) -> Any:
    """The older :func:`lampas.compile`, as a decorator."""
    known = {k: v for k, v in options.items() if k in ("dynamic", "disable")}
    return lambda model: compile(model, backend=backend, **known)


def graph_break(msg: str = "") -> None:
    """Ends a graph; there is none."""


def mark_dynamic(t: Any, index: Any, **_: Any) -> None:
    """Says that a size varies; all sizes may."""


def mark_static(t: Any, index: Any = None) -> None:
    """Says that a size does not vary."""
