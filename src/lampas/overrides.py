"""Tensor subclasses and tensor-like types: `__torch_function__`, and modes that see every call.

An operator that gets an instance of a subclass of Tensor, or of any type with a class method
``__torch_function__``, calls ``__torch_function__(func, types, args, kwargs)`` instead of running.
Tensor's own runs it and returns instances of the subclass.

Example:
    >>> import lampas
    >>> class Metres(lampas.Tensor):
    ...     pass
    >>> x = lampas.ones(2).as_subclass(Metres)
    >>> type(x + 1).__name__
    'Metres'
"""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import lampas
from lampas import _C
from lampas._tensor import Tensor

__all__ = [
    "get_ignored_functions", "get_overridable_functions", "get_testing_overrides",
    "handle_torch_function", "has_torch_function", "has_torch_function_unary",
    "has_torch_function_variadic", "resolve_name", "is_tensor_like",
    "is_tensor_method_or_property", "wrap_torch_function", "enable_reentrant_dispatch",
    "redispatch_function", "TorchFunctionMode", "BaseTorchFunctionMode", "DisableTorchFunction",
    "DisableTorchFunctionSubclass",
]  # fmt: skip

_Method, _Function = type(Tensor.add), type(_C.add)


# ---- asking --------------------------------------------------------------------------------------
def has_torch_function(args: Iterable[Any]) -> bool:
    """Whether a value, or an element of a list among them, has its own `__torch_function__`.

    Example:
        >>> import lampas
        >>> lampas.overrides.has_torch_function((lampas.ones(1), 3))
        False
    """
    return bool(_modes) or bool(_C._overloaded_types(tuple(args)))


def has_torch_function_unary(value: Any) -> bool:
    """As :func:`has_torch_function`, of one value."""
    return has_torch_function((value,))


def has_torch_function_variadic(*args: Any) -> bool:
    """As :func:`has_torch_function`, of the arguments."""
    return has_torch_function(args)


def handle_torch_function(
    public_api: Callable[..., Any], relevant_args: Iterable[Any], *args: Any, **kwargs: Any
) -> Any:
    """Calls the `__torch_function__` of the first of `relevant_args` that answers.

    Args:
        public_api: the function that was called.
        relevant_args: the arguments to ask.
        args: all arguments of the call.
        kwargs: all its keyword arguments.

    Raises:
        TypeError: all of them return NotImplemented.
    """
    relevant = tuple(relevant_args)
    if _modes:
        result = _dispatch(_modes[-1], public_api, args, kwargs, _C._overloaded_types(relevant))
        if result is not NotImplemented:
            return result
    name = getattr(public_api, "__name__", str(public_api))
    return _C._dispatch_torch_function(public_api, name, relevant, args, kwargs)


def wrap_torch_function(
    dispatcher: Callable[..., Iterable[Any]],
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorates a function of tensors so that subclasses and modes can take it over.

    Args:
        dispatcher: takes the same arguments and gives those to ask.

    Example:
        >>> import lampas
        >>> @lampas.overrides.wrap_torch_function(lambda x: (x,))
        ... def double(x):
        ...     return x + x
        >>> double(lampas.ones(1))
        tensor([2.])
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            relevant = tuple(dispatcher(*args, **kwargs))
            if not _state.off and has_torch_function(relevant):
                return handle_torch_function(wrapped, relevant, *args, **kwargs)
            return function(*args, **kwargs)

        return wrapped

    return decorate


def is_tensor_like(inp: Any) -> bool:
    """Whether a value is a tensor or has `__torch_function__`.

    Example:
        >>> import lampas
        >>> lampas.overrides.is_tensor_like([1, 2])
        False
    """
    return type(inp) is Tensor or hasattr(inp, "__torch_function__")


# ---- modes ---------------------------------------------------------------------------------------
_modes: list[TorchFunctionMode] = []


class _State:
    off = False


_state = _State()


class TorchFunctionMode:
    """Sees every call of an operator within the ``with`` block, and may change it.

    A subclass defines ``__torch_function__(self, func, types, args=(), kwargs=None)``. Calls that
    it makes itself go to the next outer mode.

    Example:
        >>> import lampas
        >>> class Count(lampas.overrides.TorchFunctionMode):
        ...     calls = 0
        ...     def __torch_function__(self, func, types, args=(), kwargs=None):
        ...         self.calls += 1
        ...         return func(*args, **(kwargs or {}))
        >>> with Count() as count:
        ...     _ = lampas.ones(2) + 1
        >>> count.calls
        2
    """

    def __init__(self) -> None:
        pass

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        raise NotImplementedError(
            f"{type(self).__name__} is a TorchFunctionMode without __torch_function__; define it"
        )

    def __enter__(self) -> TorchFunctionMode:
        _modes.append(self)
        _install()
        return self

    def __exit__(self, *_: object) -> None:
        _modes.pop()
        _install()

    @classmethod
    def push(cls, *args: Any, **kwargs: Any) -> TorchFunctionMode:
        """A new mode; enter it with ``with``."""
        return cls(*args, **kwargs)


class BaseTorchFunctionMode(TorchFunctionMode):
    """A mode that changes nothing."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        return func(*args, **(kwargs or {}))


def _install() -> None:
    _C._set_function_mode(_innermost if _modes and not _state.off else None)


def _innermost(func: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    return _dispatch(
        _modes[-1], func, args, kwargs, _C._overloaded_types((*args, *kwargs.values()))
    )


def _dispatch(mode: TorchFunctionMode, func: Any, args: Any, kwargs: Any, types: Any) -> Any:
    # While a mode runs, the ones outside of it see what it calls.
    global _modes
    before, _modes = _modes, _modes[: _modes.index(mode)]
    _install()
    try:
        return mode.__torch_function__(func, types, args, kwargs)
    finally:
        _modes = before
        _install()


class DisableTorchFunctionSubclass:
    """Within the ``with`` block subclasses are not asked: their `__torch_function__` rests."""

    def __enter__(self) -> None:
        self._before = _C._disable_torch_function(True)

    def __exit__(self, *_: object) -> None:
        _C._disable_torch_function(self._before)


class DisableTorchFunction(DisableTorchFunctionSubclass):
    """Within the ``with`` block neither subclasses nor modes are asked."""

    def __enter__(self) -> None:
        super().__enter__()
        self._off, _state.off = _state.off, True
        _install()

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        _state.off = self._off
        _install()


@contextlib.contextmanager
def enable_reentrant_dispatch() -> Iterator[None]:
    """Within the ``with`` block, inside of a `__torch_function__`, subclasses are asked again."""
    before = _C._disable_torch_function(False)
    try:
        yield
    finally:
        _C._disable_torch_function(before)


def redispatch_function(
    func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
) -> Any:
    """Calls a function's implementation for a `__torch_function__`, without asking it again.

    The calls that an implementation written in Python makes do ask.
    """
    inner = getattr(func, "__wrapped__", None)
    if inner is not None:
        return inner(*args, **(kwargs or {}))
    with DisableTorchFunctionSubclass():
        return func(*args, **(kwargs or {}))


# ---- names ---------------------------------------------------------------------------------------
_NAMESPACES = ("nn.functional", "linalg", "fft", "special")
# They make tensors from other things, answer about the library, or change its state.
_IGNORED_PREFIXES = ("set_", "get_", "is_autocast", "is_grad", "is_inference", "autocast", "clear_")
_IGNORED = {
    "arange", "as_tensor", "empty", "empty_strided", "eye", "finfo", "fork_rng", "from_numpy",
    "frombuffer", "full", "iinfo", "initial_seed", "linspace", "logspace", "manual_seed", "normal",
    "ones", "promote_types", "can_cast", "rand", "randint", "randn", "randperm", "range", "seed",
    "tensor", "zeros", "compile", "save", "load", "no_grad", "enable_grad", "inference_mode",
    "tril_indices", "triu_indices", "result_type", "typename", "is_tensor", "vmap",
}  # fmt: skip


def _functions(space: Any) -> dict[str, Any]:
    names = getattr(space, "__all__", None) or dir(space)
    found = {n: getattr(space, n, None) for n in names if not n.startswith("_")}
    return {n: f for n, f in found.items() if callable(f) and not isinstance(f, type)}


def _is_ignored(name: str) -> bool:
    return name in _IGNORED or name.startswith(_IGNORED_PREFIXES)


def _spaces() -> dict[str, Any]:
    import importlib

    spaces = {"": lampas}
    for name in _NAMESPACES:
        with contextlib.suppress(ModuleNotFoundError):
            spaces[name] = importlib.import_module(f"lampas.{name}")
    return spaces


@functools.cache
def _table() -> dict[Any, str]:
    table: dict[Any, str] = {}
    for name, f in vars(Tensor).items():
        if not name.startswith("__") or name in ("__getitem__", "__setitem__"):
            if callable(f):
                table.setdefault(getattr(Tensor, name), f"torch.Tensor.{name}")
            elif hasattr(f, "__get__"):
                table.setdefault(f, f"torch.Tensor.{name}")
    for space, module in _spaces().items():
        for name, f in _functions(module).items():
            table.setdefault(f, ".".join(p for p in ("torch", space, name) if p))
    return table


def resolve_name(f: Callable[..., Any]) -> str | None:
    """The full name of a function that a `__torch_function__` was given, in PyTorch's terms.

    Example:
        >>> import lampas
        >>> lampas.overrides.resolve_name(lampas.Tensor.add)
        'torch.Tensor.add'
    """
    if isinstance(f, (str,)):
        return f
    if type(f) is _Method:
        return f"torch.Tensor.{f.__name__}"
    owner = getattr(f, "__self__", None)
    if owner is not None and type(owner).__name__ in ("getset_descriptor", "member_descriptor"):
        return f"torch.Tensor.{owner.__name__}.{f.__name__}"
    if getattr(f, "__objclass__", None) is Tensor:
        return f"torch.Tensor.{f.__name__}"
    try:
        return _table().get(f)
    except TypeError:
        return None


def is_tensor_method_or_property(func: Callable[..., Any]) -> bool:
    """Whether a function is a method of Tensor, or the ``__get__`` of one of its attributes.

    Example:
        >>> import lampas
        >>> lampas.overrides.is_tensor_method_or_property(lampas.Tensor.add)
        True
        >>> lampas.overrides.is_tensor_method_or_property(lampas.add)
        False
    """
    name = resolve_name(func)
    return func.__name__ == "__get__" or bool(name and name.startswith("torch.Tensor."))


def get_overridable_functions() -> dict[Any, list[Callable[..., Any]]]:
    """The functions that subclasses and modes can take over, by namespace."""
    found: dict[Any, list[Callable[..., Any]]] = {}
    for space, module in _spaces().items():
        found[module] = [f for n, f in _functions(module).items() if space or not _is_ignored(n)]
    methods = {n: getattr(Tensor, n) for n in dir(Tensor) if not n.startswith("_")}
    found[Tensor] = [f for f in methods.values() if type(f) is _Method]
    found[Tensor] += [Tensor.__getitem__, Tensor.__setitem__]
    return found


def get_ignored_functions() -> set[Callable[..., Any]]:
    """Public functions that neither subclasses nor modes can take over."""
    return {f for n, f in _functions(lampas).items() if _is_ignored(n)}


def get_testing_overrides() -> dict[Callable[..., Any], Callable[..., Any]]:
    """For each function that can be taken over a stand-in of its signature that returns -1."""
    return {f: _stand_in(f) for fs in get_overridable_functions().values() for f in fs}


def _stand_in(function: Callable[..., Any]) -> Callable[..., Any]:
    def stand_in(*args: Any, **kwargs: Any) -> int:
        if signature is not None:
            signature.bind(*args, **kwargs)
        return -1

    try:
        signature: inspect.Signature | None = inspect.signature(function)
        stand_in.__signature__ = signature  # type: ignore[attr-defined]
    except (ValueError, TypeError):
        signature = None
    stand_in.__name__ = getattr(function, "__name__", "stand_in")
    return stand_in
