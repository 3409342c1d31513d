"""compile and its settings. Lampas runs programs as they are; there is nothing to compile.

Its operators are fused where that pays, at every call. ``compile`` keeps programs that use it
running: what it gives computes the same as the original, at the same speed.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

from lampas.nn import Module

__all__ = [
    "compile", "reset", "allow_in_graph", "assume_constant_result", "list_backends", "disable",
    "is_compiling", "is_dynamo_compiling", "is_exporting", "cudagraph_mark_step_begin",
    "set_stance", "OptimizedModule",
]  # fmt: skip

BACKENDS = ("inductor", "eager", "aot_eager", "cudagraphs", "onnxrt", "openxla", "tvm")
MODES = ("default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs")
_STANCES = (
    "default", "force_eager", "eager_on_recompile", "fail_on_recompile", "aot_eager_then_compile",
    "eager_then_compile",
)  # fmt: skip


class OptimizedModule(Module):
    """A module given to :func:`compile`; ``_orig_mod`` is the original, as in PyTorch."""

    def __init__(self, module: Module) -> None:
        super().__init__()
        self._orig_mod = module
        self.training = module.training

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self._orig_mod(*args, **kwargs)

    def train(self, mode: bool = True) -> OptimizedModule:
        super().train(mode)
        return self

    def __getattr__(self, name: str) -> Any:
        if name == "_orig_mod":
            return self._modules["_orig_mod"]
        return getattr(self._orig_mod, name)

    def __setattr__(self, name: str, value: Any) -> None:
        # What a program sets on the result belongs to its module.
        if "_modules" in self.__dict__ and "_orig_mod" in self._modules and name != "training":
            setattr(self._orig_mod, name, value)
        else:
            super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._orig_mod, name)

    def __len__(self) -> int:
        return len(self._orig_mod)

    def __getitem__(self, index: Any) -> Any:
        return self._orig_mod[index]  # type: ignore[index]


def compile(
    model: Callable[..., Any] | None = None,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: str | Callable[..., Any] = "inductor",
    mode: str | None = None,
    options: dict[str, Any] | None = None,
    disable: bool = False,
) -> Any:
    """A function or module that computes what `model` does; nothing is compiled.

    Args:
        model: a function or module; None: gives a decorator.
        fullgraph: whether breaks of the graph are errors; there is no graph to break.
        dynamic: whether shapes may change; they always may.
        backend: one of PyTorch's names.
        mode: one of PyTorch's names.
        options: of the backend.
        disable: give `model` back as it is.

    Raises:
        RuntimeError: an unknown backend or mode; both mode and options; a backend of one's own,
            which wants a graph.
        TypeError: `model` cannot be called.

    Example:
        >>> import lampas
        >>> @lampas.compile
        ... def double(x):
        ...     return x * 2
        >>> double(lampas.ones(1))
        tensor([2.])
    """
    if model is None:
        return functools.partial(
            compile, fullgraph=fullgraph, dynamic=dynamic, backend=backend, mode=mode,
            options=options, disable=disable,
        )  # fmt: skip
    _check(backend, mode, options)
    if not callable(model):
        raise TypeError(
            f"compile: expected a function or module, got {type(model).__name__}; for example "
            "compile(model) or @compile"
        )
    if disable or isinstance(model, OptimizedModule):
        return model
    if isinstance(model, Module):
        return OptimizedModule(model)
    if isinstance(model, type):
        return model

    @functools.wraps(model)
    def compiled(*args: Any, **kwargs: Any) -> Any:
        return model(*args, **kwargs)

    compiled._torchdynamo_orig_callable = model  # type: ignore[attr-defined]
    return compiled


def _check(backend: Any, mode: Any, options: Any) -> None:
    if mode is not None and options is not None:
        raise RuntimeError(
            "Either mode or options can be specified, but both can't be specified at the same time."
        )
    if callable(backend):
        raise RuntimeError(
            "compile: a backend of one's own gets a graph of the program, and Lampas makes none. "
            "Remedy: leave backend out, or transform the module itself"
        )
    if backend not in BACKENDS:
        raise RuntimeError(f"Invalid backend: {backend!r}; there are {', '.join(BACKENDS)}")
    if mode is not None and mode not in MODES:
        raise RuntimeError(f"Unrecognized mode={mode}, should be one of: {', '.join(MODES)}")


def list_backends(exclude_tags: Any = ("debug", "experimental")) -> list[str]:
    """The names that :func:`compile` takes.

    Args:
        exclude_tags: leave out those with one of these tags; None: give all.
    """
    hidden = ("eager", "aot_eager") if exclude_tags and "debug" in exclude_tags else ()
    return sorted(b for b in BACKENDS if b not in hidden)


def reset() -> None:
    """Forgets what was compiled: nothing."""


def disable(fn: Any = None, recursive: bool = True, *, reason: str | None = None) -> Any:
    """The function itself, which runs as Python anyway; without one, a decorator.

    Args:
        fn: a function or module.
        recursive: whether that holds for what it calls, too.
        reason: a note for readers.
    """
    return fn if fn is not None else lambda f: f


def allow_in_graph(fn: Any) -> Any:
    """The function itself: there is no graph to keep it out of."""
    return fn


def assume_constant_result(fn: Any) -> Any:
    """The function itself; it is called each time."""
    return fn


def is_compiling() -> bool:
    """Whether the code is being compiled: never."""
    return False


is_dynamo_compiling = is_compiling


def is_exporting() -> bool:
    """Whether the code is being exported: never, outside of the exporter."""
    return False


def cudagraph_mark_step_begin() -> None:
    """Says that an iteration begins; only CUDA graphs want to know."""


@contextlib.contextmanager
def set_stance(
    stance: str = "default", *, skip_guard_eval_unsafe: bool = False, force_backend: Any = None
) -> Iterator[None]:
    """A block, or a decorated function, for which compiling is set otherwise.

    Args:
        stance: one of PyTorch's names.
        skip_guard_eval_unsafe: there are no guards to skip.
        force_backend: one of :func:`list_backends`.

    Raises:
        RuntimeError: an unknown stance.
    """
    if stance not in _STANCES:
        raise RuntimeError(f"invalid torch.compile stance '{stance}'; there are {_STANCES}")
    if force_backend is not None:
        _check(force_backend, None, None)
    yield
