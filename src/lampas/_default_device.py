"""The device of new tensors: `set_default_device`, and `with lampas.device(...)`.

Both look at the calls of factory functions as a mode does, so that they cost nothing where no one
uses them.
"""

from __future__ import annotations

from typing import Any

from lampas import _C, overrides

__all__ = ["get_default_device", "set_default_device"]

_FACTORIES = frozenset(
    getattr(_C, name)
    for name in (
        "arange as_tensor empty empty_strided eye full linspace logspace ones rand randint randn "
        "randperm scalar_tensor tensor zeros"
    ).split()
)


class DeviceContext(overrides.TorchFunctionMode):
    """Gives factory functions a device where the call names none."""

    def __init__(self, device: Any) -> None:
        super().__init__()
        self.device = _C.device(device)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func in _FACTORIES and kwargs.get("device") is None:
            # A tensor keeps its own device.
            if func is not _C.as_tensor or not isinstance(args[0], _C.Tensor):
                kwargs["device"] = self.device
        return func(*args, **kwargs)


_default: list[DeviceContext] = []
_entered: list[DeviceContext] = []


def get_default_device() -> _C.device:
    """The device of new tensors: the innermost `with` block's, or the one set, or the CPU.

    >>> import lampas
    >>> lampas.get_default_device()
    device(type='cpu')
    """
    for contexts in (_entered, _default):
        if contexts:
            return contexts[-1].device
    return _C.device("cpu")


def set_default_device(device: Any) -> None:
    """Sets the device of new tensors, "cpu" or "meta"; None: the CPU again.

    >>> import lampas
    >>> lampas.set_default_device("meta")
    >>> lampas.ones(2).device
    device(type='meta')
    >>> lampas.set_default_device(None)
    """
    context = None if device is None else DeviceContext(device)
    for old in _default:
        overrides._modes.remove(old)
    _default.clear()
    if context is not None and context.device.type != "cpu":
        _default.append(context)
        overrides._modes.insert(0, context)
    overrides._install()


def enter(device: _C.device) -> _C.device:
    """`with device:` begins."""
    context = DeviceContext(device)
    context.__enter__()
    _entered.append(context)
    return device


def leave(device: _C.device, *_: object) -> None:
    """`with device:` ends."""
    _entered.pop().__exit__()
