"""How many floating point operations an operator takes, for those where it is worth knowing."""

from __future__ import annotations

from math import prod
from typing import Any

from lampas._tensor import Tensor


def _product(a: Any, b: Any) -> int:
    """A multiplication and an addition for each element that is summed."""
    if a.dim() == 0 or b.dim() == 0:
        return 0
    columns = b.shape[-1] if b.dim() > 1 else 1
    batch = prod(b.shape[:-2]) if b.dim() > 2 and a.dim() <= 2 else 1
    return 2 * a.numel() * columns * batch


def _convolution(x: Any, weight: Any, stride: Any, padding: Any, dilation: Any) -> int:
    n = weight.dim() - 2
    each = lambda v: [v] * n if isinstance(v, int) else list(v)
    if isinstance(padding, str):
        return 0
    out = [
        (size + 2 * p - d * (k - 1) - 1) // s + 1
        for size, p, d, k, s in zip(
            x.shape[-n:], each(padding), each(dilation), weight.shape[2:], each(stride),
            strict=True,
        )
    ]  # fmt: skip
    batch = x.shape[0] if x.dim() == weight.dim() else 1
    return 2 * batch * prod(out) * weight.numel()


def flops_of(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    """Operations of matrix products, convolutions, additions and multiplications; 0 for others."""
    tensors = [a for a in args if isinstance(a, Tensor)]
    if name in ("mm", "matmul", "bmm", "linear") and len(tensors) >= 2:
        a, b = tensors[:2]
        return _product(a, b.mT if name == "linear" and b.dim() > 1 else b)
    if name in ("addmm", "baddbmm") and len(tensors) >= 3:
        return _product(tensors[1], tensors[2])
    if name in ("conv1d", "conv2d", "conv3d") and len(tensors) >= 2:
        given = dict(zip(("stride", "padding", "dilation"), args[3:], strict=False)) | kwargs
        return _convolution(
            args[0], args[1], given.get("stride", 1), given.get("padding", 0),
            given.get("dilation", 1),
        )  # fmt: skip
    if name in ("add", "mul", "add_", "mul_") and tensors:
        return max(t.numel() for t in tensors)
    return 0
