"""Padding layers."""

from __future__ import annotations

from lampas._tensor import Tensor

from .. import functional as F
from .module import Module
from .utils import _ntuple

__all__ = [
    "CircularPad1d", "CircularPad2d", "CircularPad3d", "ConstantPad1d", "ConstantPad2d",
    "ConstantPad3d", "ReflectionPad1d", "ReflectionPad2d", "ReflectionPad3d",
    "ReplicationPad1d", "ReplicationPad2d", "ReplicationPad3d", "ZeroPad1d", "ZeroPad2d",
    "ZeroPad3d",
]  # fmt: skip


class _Pad(Module):
    """Pads the last ``_dims`` dimensions: one number for all sides, or one for each, beginning
    with the last dimension."""

    __constants__ = ["padding"]
    _dims = 0
    _mode = ""
    padding: tuple[int, ...]

    def __init__(self, padding: int | tuple[int, ...]) -> None:
        super().__init__()
        self.padding = _ntuple(2 * self._dims, "padding")(padding)

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, self._mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _CircularPad(_Pad):
    _mode = "circular"

    def forward(self, input: Tensor) -> Tensor:
        low = self._dims + 1
        if input.dim() not in (low, low + 1):
            raise ValueError(f"expected {low}D or {low + 1}D input (got {input.dim()}D input)")
        return super().forward(input)


class _ConstantPad(_Pad):
    __constants__ = ["padding", "value"]

    def __init__(self, padding: int | tuple[int, ...], value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class _ZeroPad(_ConstantPad):
    def __init__(self, padding: int | tuple[int, ...]) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class CircularPad1d(_CircularPad):
    """Continues ``(N, C, L)`` at one end with what stands at the other."""

    _dims = 1


class CircularPad2d(_CircularPad):
    """Continues ``(N, C, H, W)`` on one side with what stands on the other."""

    _dims = 2


class CircularPad3d(_CircularPad):
    """Continues ``(N, C, D, H, W)`` on one side with what stands on the other."""

    _dims = 3


class ConstantPad1d(_ConstantPad):
    """Adds a constant around the last dimension.

    Example:
        >>> import lampas
        >>> from lampas import nn
        >>> nn.ConstantPad1d((1, 2), 9.0)(lampas.zeros(1, 2))
        tensor([[9., 0., 0., 9., 9.]])
    """

    _dims = 1


class ConstantPad2d(_ConstantPad):
    """Adds a constant around the last two dimensions."""

    _dims = 2


class ConstantPad3d(_ConstantPad):
    """Adds a constant around the last three dimensions."""

    _dims = 3


class ReflectionPad1d(_Pad):
    """Continues ``(N, C, L)`` with its mirror image; the edge stands once.

    Example:
        >>> import lampas
        >>> from lampas import nn
        >>> nn.ReflectionPad1d(2)(lampas.arange(4.0).reshape(1, 4))
        tensor([[2., 1., 0., 1., 2., 3., 2., 1.]])
    """

    _dims = 1
    _mode = "reflect"


class ReflectionPad2d(_Pad):
    """Continues ``(N, C, H, W)`` with its mirror image; the edge stands once."""

    _dims = 2
    _mode = "reflect"


class ReflectionPad3d(_Pad):
    """Continues ``(N, C, D, H, W)`` with its mirror image; the edge stands once."""

    _dims = 3
    _mode = "reflect"


class ReplicationPad1d(_Pad):
    """Repeats the first and the last value of ``(N, C, L)``."""

    _dims = 1
    _mode = "replicate"


class ReplicationPad2d(_Pad):
    """Repeats the edges of ``(N, C, H, W)``."""

    _dims = 2
    _mode = "replicate"


class ReplicationPad3d(_Pad):
    """Repeats the faces of ``(N, C, D, H, W)``."""

    _dims = 3
    _mode = "replicate"


class ZeroPad1d(_ZeroPad):
    """Adds zeros around the last dimension."""

    _dims = 1


class ZeroPad2d(_ZeroPad):
    """Adds zeros around the last two dimensions."""

    _dims = 2


class ZeroPad3d(_ZeroPad):
    """Adds zeros around the last three dimensions."""

    _dims = 3
