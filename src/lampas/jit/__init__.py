"""TorchScript's interface. Lampas does not translate programs: they run as Python, unchanged.

``script`` and ``trace`` give a function or module that computes the same as the original.
Nothing is specialised or frozen by tracing: control flow goes on depending on the data. There are
no files of programs; save ``state_dict()`` with :func:`lampas.save`.
"""

from __future__ import annotations

from typing import Any

from lampas.jit._language import (
    Attribute,
    Error,
    Final,
    Future,
    annotate,
    export,
    fork,
    ignore,
    interface,
    is_scripting,
    is_tracing,
    isinstance,
    optimized_execution,
    script_if_tracing,
    script_method,
    unused,
    wait,
)
from lampas.jit._script import (
    RecursiveScriptModule,
    ScriptFunction,
    ScriptModule,
    freeze,
    optimize_for_inference,
    script,
    trace,
    trace_module,
)

__all__ = [
    "Attribute", "Error", "Final", "Future", "RecursiveScriptModule", "ScriptFunction",
    "ScriptModule", "annotate", "export", "fork", "freeze", "ignore", "interface",
    "is_scripting", "is_tracing", "isinstance", "optimize_for_inference", "optimized_execution",
    "script", "script_if_tracing", "script_method", "trace", "trace_module", "unused", "wait",
]  # fmt: skip

_FILES = {
    "save": "save the parameters, lampas.save(module.state_dict(), path)",
    "load": "lampas.load(path, tensors_only=True) reads the tensors of a TorchScript file by name",
}


def __getattr__(name: str) -> Any:
    if name in _FILES:
        raise AttributeError(
            f"lampas.jit has no {name!r}: Lampas has no files of programs. Remedy: {_FILES[name]}"
        )
    raise AttributeError(f"module 'lampas.jit' has no attribute {name!r}")
