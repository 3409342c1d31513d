"""autocast: matrix products in a short dtype, all else as it is."""

from __future__ import annotations

import functools
import warnings
from typing import TYPE_CHECKING, Any

import lampas
from lampas._tensor import Tensor
from lampas.amp import _state

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "autocast",
    "autocast_decorator",
    "custom_bwd",
    "custom_fwd",
    "is_autocast_available",
]


def is_autocast_available(device_type: str) -> bool:
    """Whether autocast can be set for a kind of device.

    Example:
        >>> import lampas
        >>> lampas.amp.is_autocast_available("cpu")
        True
    """
    return device_type in _state.DEVICES


class autocast:
    """Within the ``with`` block, or the decorated function, matrix products take a short dtype.

    Args:
        device_type: ``"cpu"``; settings for ``"cuda"`` have no effect.
        dtype: bfloat16 (the default) or float16.
        enabled: whether to do anything; False switches an outer autocast off.
        cache_enabled: whether cast weights are kept until the block ends.

    Raises:
        ValueError: `device_type` is not a string.
        RuntimeError: an unknown `device_type`.

    Example:
        >>> import lampas
        >>> with lampas.autocast("cpu", dtype=lampas.bfloat16):
        ...     print(lampas.is_autocast_enabled("cpu"))
        True
    """

    def __init__(
        self,
        device_type: str,
        dtype: Any = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ) -> None:
        self.device = _state._check_device(device_type)
        self.fast_dtype = _state.get_autocast_dtype(device_type) if dtype is None else dtype
        if cache_enabled is None:
            cache_enabled = _state.is_autocast_cache_enabled()
        self._cache_enabled = cache_enabled
        if enabled and device_type == "cuda":
            warnings.warn(
                "autocast: CUDA is not available. Disabling autocast; for the CPU say "
                "device_type='cpu'.",
                stacklevel=2,
            )
            enabled = False
        elif enabled and self.fast_dtype not in (lampas.bfloat16, lampas.float16):
            warnings.warn(
                f"In {device_type.upper()} autocast, but the target dtype {self.fast_dtype} is not "
                "supported. Disabling autocast; choose lampas.bfloat16 or lampas.float16.",
                stacklevel=2,
            )
            enabled = False
        self._enabled = enabled

    def __enter__(self) -> autocast:
        device = self.device
        self.prev_cache_enabled = _state.is_autocast_cache_enabled()
        self.prev = _state.is_autocast_enabled(device)
        self.prev_fastdtype = _state.get_autocast_dtype(device)
        _state.set_autocast_enabled(device, self._enabled)
        _state.set_autocast_dtype(device, self.fast_dtype)
        _state.autocast_increment_nesting()
        _state.set_autocast_cache_enabled(self._cache_enabled)
        return self

    def __exit__(self, *exception: Any) -> None:
        if _state.autocast_decrement_nesting() == 0:
            _state.clear_autocast_cache()
        _state.set_autocast_enabled(self.device, self.prev)
        _state.set_autocast_dtype(self.device, self.prev_fastdtype)
        _state.set_autocast_cache_enabled(self.prev_cache_enabled)

    def __call__(self, func: Callable) -> Callable:
        if not callable(func):
            raise TypeError(
                f"autocast()(func) requires a callable, but got {type(func).__name__}. Did you "
                "mean to use autocast as a context manager: `with autocast('cpu'): …`?"
            )
        return autocast_decorator(self, func)


def autocast_decorator(autocast_instance: autocast, func: Callable) -> Callable:
    """`func`, run under an autocast."""

    @functools.wraps(func)
    def decorate_autocast(*args: Any, **kwargs: Any) -> Any:
        with autocast_instance:
            return func(*args, **kwargs)

    return decorate_autocast


def _enter_autocast(*settings: Any) -> autocast:
    return autocast(*settings).__enter__()


def _exit_autocast(mode: autocast) -> None:
    mode.__exit__(None, None, None)


def _cast(value: Any, device_type: str, dtype: Any) -> Any:
    """`value` with the floating-point tensors in it cast; float64 ones stay."""
    if isinstance(value, Tensor):
        eligible = (
            value.is_floating_point()
            and value.device.type == device_type
            and value.dtype != lampas.float64
        )
        return value.to(dtype) if eligible else value
    if isinstance(value, dict):
        return {
            _cast(k, device_type, dtype): _cast(v, device_type, dtype) for k, v in value.items()
        }
    if isinstance(value, (list, tuple)):
        return type(value)(_cast(v, device_type, dtype) for v in value)
    return value


def custom_fwd(
    fwd: Callable | None = None, *, device_type: str, cast_inputs: Any = None
) -> Callable:
    """Decorates ``forward`` of an autograd ``Function`` that is used under autocast.

    Args:
        fwd: the static method.
        device_type: as for :class:`autocast`.
        cast_inputs: if given, floating-point inputs are cast to this dtype, and the body runs
            without autocast.
    """
    _state._check_device(device_type)
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @functools.wraps(fwd)
    def decorate_fwd(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        ctx._dtype = _state.get_autocast_dtype(device_type)
        active = _state.is_autocast_enabled(device_type)
        ctx._fwd_used_autocast = active and cast_inputs is None
        if not active or cast_inputs is None:
            return fwd(ctx, *args, **kwargs)
        with autocast(device_type, enabled=False):
            args = _cast(args, device_type, cast_inputs)
            return fwd(ctx, *args, **_cast(kwargs, device_type, cast_inputs))

    return decorate_fwd


def custom_bwd(bwd: Callable | None = None, *, device_type: str) -> Callable:
    """Decorates ``backward`` of an autograd ``Function``: it runs under its forward's autocast.

    Args:
        bwd: the static method.
        device_type: as for :class:`autocast`.
    """
    _state._check_device(device_type)
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(bwd)
    def decorate_bwd(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        with autocast(device_type, dtype=ctx._dtype, enabled=ctx._fwd_used_autocast):
            return bwd(ctx, *args, **kwargs)

    return decorate_bwd
