"""Changing all tensors of a module at once: dtype, device, gradients, mode."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import lampas
from lampas._tensor import Tensor

from ..parameter import Parameter, is_lazy

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Conversion"]

T = TypeVar("T", bound="Conversion")


def _replace(old: Tensor, new: Tensor) -> bool:
    """Puts new values under the same tensor object; false where devices differ."""
    if old.device != new.device:
        return False
    old.data = new
    return True


class Conversion:
    """What applies a function to every tensor that a module and those below it own."""

    training: bool
    _parameters: dict[str, Any]
    _buffers: dict[str, Any]

    def _apply(self: T, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> T:
        if recurse:
            for module in self.children():  # type: ignore[attr-defined]
                module._apply(fn)
        for name, param in self._parameters.items():
            if param is not None:
                self._parameters[name] = self._apply_to_parameter(param, fn)
        for name, buf in self._buffers.items():
            if is_lazy(buf):
                buf.data = fn(buf.data)
            elif buf is not None:
                self._buffers[name] = fn(buf)
        return self

    def _apply_to_parameter(self, param: Parameter, fn: Callable) -> Parameter:
        """The parameter keeps its identity, so that optimizers keep working on it."""
        if is_lazy(param):
            param.data = fn(param.data)
            return param
        grad = param.grad
        with lampas.no_grad():
            new = fn(param)
            new_grad = None if grad is None else fn(grad)
        if not _replace(param, new):
            param = type(param)(new, param.requires_grad)
        if grad is not None and new_grad is not None:
            if grad is new_grad or not _replace(grad, new_grad):
                param.grad = new_grad
        return param

    def apply(self: T, fn: Callable[[Any], None]) -> T:
        """Calls ``fn`` on every module below this one and then on this one.

        Example:
            >>> from lampas import nn
            >>> net = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
            >>> _ = net.apply(lambda m: print(type(m).__name__))
            Linear
            ReLU
            Sequential
        """
        for module in self.children():  # type: ignore[attr-defined]
            module.apply(fn)
        fn(self)
        return self

    # ---- dtype and device -------------------------------------------------------------------

    def to(self: T, *args: Any, **kwargs: Any) -> T:
        """Moves and casts parameters and buffers in place: ``to(device)``, ``to(dtype)``,
        ``to(tensor)``, or by keywords ``device``, ``dtype``, ``non_blocking``, ``memory_format``.

        Only floating point and complex tensors change their dtype.

        Raises:
            TypeError: for a dtype that is neither floating point nor complex.

        Example:
            >>> import lampas
            >>> from lampas import nn
            >>> nn.Linear(2, 2).to(lampas.float64).weight.dtype
            torch.float64
        """
        device, dtype, non_blocking, memory_format = _parse_to(*args, **kwargs)
        if dtype is not None and not (dtype.is_floating_point or dtype.is_complex):
            raise TypeError(
                "nn.Module.to only accepts floating point or complex dtypes, "
                f"but got desired dtype={dtype}"
            )

        def convert(t: Tensor) -> Tensor:
            wanted = dtype if t.is_floating_point() or t.is_complex() else None
            if memory_format is not None and t.dim() in (4, 5):
                return t.to(device, wanted, non_blocking, memory_format=memory_format)
            return t.to(device, wanted, non_blocking)

        return self._apply(convert)

    def type(self: T, dst_type: Any) -> T:
        """Casts all parameters and buffers, integers included, to ``dst_type``."""
        return self._apply(lambda t: t.type(dst_type))

    def _cast(self: T, dtype: Any) -> T:
        return self._apply(lambda t: t.to(dtype) if t.is_floating_point() else t)

    def float(self: T) -> T:
        """Casts floating point parameters and buffers to float32."""
        return self._cast(lampas.float32)

    def double(self: T) -> T:
        """Casts floating point parameters and buffers to float64."""
        return self._cast(lampas.float64)

    def half(self: T) -> T:
        """Casts floating point parameters and buffers to float16."""
        return self._cast(lampas.float16)

    def bfloat16(self: T) -> T:
        """Casts floating point parameters and buffers to bfloat16."""
        return self._cast(lampas.bfloat16)

    def cpu(self: T) -> T:
        """Moves parameters and buffers to the CPU."""
        return self._apply(lambda t: t.cpu())

    def cuda(self: T, device: Any = None) -> T:
        """Raises: there is no CUDA device. Programs ask ``cuda.is_available()`` first."""
        return self._no_accelerator("cuda")

    def xpu(self: T, device: Any = None) -> T:
        """Raises: there is no XPU device."""
        return self._no_accelerator("xpu")

    def _no_accelerator(self: T, kind: str) -> T:
        raise AssertionError(
            f"Module.{kind}(): this build computes on the CPU and has no {kind} device; leave the "
            f"call out, or choose the device with 'cuda' if {kind}.is_available() else 'cpu'"
        )

    def to_empty(self: T, *, device: Any, recurse: bool = True) -> T:
        """Moves parameters and buffers to a device without their values."""
        return self._apply(lambda t: lampas.empty_like(t, device=device), recurse=recurse)

    def share_memory(self: T) -> T:
        """Moves all storages to shared memory.

        Raises:
            RuntimeError: a parameter or buffer has no shape yet.
        """
        for tensor in (*self.parameters(), *self.buffers()):  # type: ignore[attr-defined]
            if is_lazy(tensor):
                tensor.share_memory_()
        return self._apply(lambda t: t.share_memory_())

    # ---- gradients and mode -----------------------------------------------------------------

    def requires_grad_(self: T, requires_grad: bool = True) -> T:
        """Sets whether gradients are recorded for all parameters."""
        for param in self.parameters():  # type: ignore[attr-defined]
            param.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Clears the gradients of all parameters: ``None``, or zeros if not ``set_to_none``."""
        for param in self.parameters():  # type: ignore[attr-defined]
            if param.grad is None:
                continue
            if set_to_none:
                param.grad = None
            elif param.grad.grad_fn is not None:
                param.grad = param.grad.detach().zero_()
            else:
                param.grad.requires_grad_(False)
                param.grad.zero_()

    def train(self: T, mode: bool = True) -> T:
        """Sets training mode (or evaluation for ``mode=False``) here and below.

        Raises:
            ValueError: if ``mode`` is no bool.
        """
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():  # type: ignore[attr-defined]
            module.train(mode)
        return self

    def eval(self: T) -> T:
        """Sets evaluation mode: ``train(False)``.

        Example:
            >>> from lampas import nn
            >>> nn.Dropout().eval().training
            False
        """
        return self.train(False)


def _parse_to(
    *args: Any,
    device: Any = None,
    dtype: Any = None,
    non_blocking: bool = False,
    memory_format: Any = None,
    tensor: Tensor | None = None,
) -> tuple[Any, Any, bool, Any]:
    rest = list(args) if tensor is None else [tensor, *args]
    if rest and isinstance(rest[0], Tensor):
        other = rest.pop(0)
        device, dtype = other.device, other.dtype
    elif rest and isinstance(rest[0], lampas.dtype):
        dtype = rest.pop(0)
    elif rest:
        device = rest.pop(0)
        if rest and (rest[0] is None or isinstance(rest[0], lampas.dtype)):
            dtype = rest.pop(0)
    if rest:
        non_blocking = bool(rest.pop(0))
    if len(rest) > 1 or (rest and not isinstance(rest[0], bool)):
        raise TypeError(f"to() received an invalid combination of arguments: {args}")
    if device is not None and not isinstance(device, lampas.device):
        if not isinstance(device, (str, int)):
            raise TypeError(
                "to() expects a device, a dtype or a tensor, "
                f"not {type(device).__name__}: {device!r}"
            )
        device = lampas.device(device)
    return device, dtype, non_blocking, memory_format
