"""TorchScript's interface. Lampas does not translate programs: they run as Python, unchanged.

``script`` and ``trace`` give a function or module that computes the same as the original.
Nothing is specialised or frozen by tracing: control flow goes on depending on the data. Files of
:func:`save` hold state and names of classes, no programs.
"""

from __future__ import annotations

from lampas.jit._files import load, save
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
    "is_scripting", "is_tracing", "isinstance", "load", "optimize_for_inference",
    "optimized_execution", "save", "script", "script_if_tracing", "script_method", "trace",
    "trace_module", "unused", "wait",
]  # fmt: skip
