"""Pooling over windows; the core's own kernels come first where it has them."""

from __future__ import annotations

import math
from typing import Any

import lampas
from lampas._tensor import Tensor

from ._conv import sizes, windows
from ._native import native_first
from ._pad import pad

__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool1d",
    "adaptive_max_pool2d", "adaptive_max_pool3d", "avg_pool1d", "avg_pool2d", "avg_pool3d",
    "max_pool1d", "max_pool2d", "max_pool3d",
]  # fmt: skip


def _count(size: int, k: int, stride: int, padding: int, dilation: int, ceil: bool) -> int:
    """How many windows there are; none begins in the padding on the right."""
    span = dilation * (k - 1) + 1
    rest = size + 2 * padding - span
    count = -(-rest // stride) + 1 if ceil else rest // stride + 1
    if ceil and (count - 1) * stride >= size + padding:
        count -= 1
    return count


class _Geometry:
    """Windows over the last ``n`` dimensions of an input."""

    def __init__(
        self, input: Tensor, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil: bool,
        n: int, name: str,
    ) -> None:  # fmt: skip
        if input.dim() not in (n + 1, n + 2) or 0 in input.shape[-n:] or input.size(-n - 1) == 0:
            raise RuntimeError(
                f"{name}() Expected {n + 1}D or {n + 2}D tensor with possibly 0 batch size and "
                f"other non-zero dimensions for input, but got: {list(input.shape)}"
            )
        self.kernel = sizes(kernel, n, "kernel_size", name)
        no_stride = stride is None or (not isinstance(stride, int) and len(stride) == 0)
        self.stride = self.kernel if no_stride else sizes(stride, n, "stride", name)
        self.padding = sizes(padding, n, "padding", name)
        self.dilation = sizes(dilation, n, "dilation", name)
        if min(self.kernel) <= 0 or min(self.stride) <= 0 or min(self.dilation) <= 0:
            raise RuntimeError(
                f"{name}: kernel size, stride and dilation should be greater than zero, but got "
                f"{self.kernel}, {self.stride} and {self.dilation}"
            )
        if any(p < 0 or p > k // 2 for p, k in zip(self.padding, self.kernel, strict=True)):
            raise RuntimeError(
                "pad should be at most half of effective kernel size, but got "
                f"pad={self.padding}, kernel_size={self.kernel}"
            )
        self.size = tuple(input.shape[-n:])
        self.counts = tuple(
            _count(*args, ceil)
            for args in zip(
                self.size, self.kernel, self.stride, self.padding, self.dilation, strict=True
            )
        )
        if min(self.counts) < 1:
            raise RuntimeError(
                f"Given input size: {tuple(input.shape[-n - 1 :])}. Calculated output size: "
                f"{(input.size(-n - 1), *self.counts)}. Output size is too small"
            )

    def cut(self, x: Tensor, fill: float) -> Tensor:
        """The windows, one flat dimension each, at the end."""
        around: list[int] = []
        for d in range(len(self.size)):
            span = self.dilation[d] * (self.kernel[d] - 1) + 1
            used = (self.counts[d] - 1) * self.stride[d] + span
            around = [self.padding[d], used - self.size[d] - self.padding[d], *around]
        x = pad(x, around, value=fill)
        n = len(self.size)
        return windows(x, self.kernel, self.stride, self.dilation, self.counts).flatten(-n)

    def positions(self) -> Tensor:
        """For each window the flat positions of its elements in a plane; -1 in the padding."""
        plane = lampas.arange(math.prod(self.size)).reshape(1, *self.size)
        return self.cut(plane, -1).squeeze(0)


def _lowest(x: Tensor) -> float:
    return -math.inf if x.dtype.is_floating_point else lampas.iinfo(x.dtype).min


def _max_pool(
    input: Tensor, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil: bool,
    return_indices: bool, n: int,
) -> Any:  # fmt: skip
    g = _Geometry(input, kernel, stride, padding, dilation, ceil, n, f"max_pool{n}d")
    value, at = g.cut(input, _lowest(input)).max(-1)
    if not return_indices:
        return value
    index = g.positions().expand(*at.shape, -1).gather(-1, at.unsqueeze(-1))
    return value, index.squeeze(-1)


def _avg_pool(
    input: Tensor, kernel: Any, stride: Any, padding: Any, ceil: bool, count_include_pad: bool,
    divisor: int | None, n: int,
) -> Tensor:  # fmt: skip
    g = _Geometry(input, kernel, stride, padding, 1, ceil, n, f"avg_pool{n}d")
    if divisor == 0:
        raise RuntimeError("divisor must be not zero")
    total = g.cut(input, 0).sum(-1)
    if divisor is not None:
        return total / divisor
    # What a window over the edge counts: padding perhaps, what lies beyond never.
    inside = lampas.ones((1, *g.size), dtype=input.dtype)
    if count_include_pad:
        around = [p for value in reversed(g.padding) for p in (value, value)]
        inside = pad(inside, around, value=1)
        zero = _Geometry(inside, g.kernel, g.stride, 0, 1, False, n, "avg_pool")
        zero.counts = g.counts
        count = zero.cut(inside, 0).sum(-1)
    else:
        count = g.cut(inside, 0).sum(-1)
    return total / count.squeeze(0)


def _adaptive_size(input: Tensor, output_size: Any, n: int, name: str) -> list[int]:
    if input.dim() not in (n + 1, n + 2):
        raise RuntimeError(
            f"{name}(): Expected {n + 1}D or {n + 2}D tensor, but got {list(input.shape)}"
        )
    if 0 in input.shape[-n:]:
        raise RuntimeError(
            f"{name}(): Expected input to have non-zero size for non-batch dimensions, but input "
            f"has sizes {list(input.shape)}"
        )
    many = isinstance(output_size, (tuple, list))
    values = list(output_size) if many else [output_size] * n
    values = values * n if len(values) == 1 else values
    if len(values) != n:
        raise RuntimeError(f"{name}(): output_size must be {n} numbers, got {output_size}")
    return [s if v is None else v for v, s in zip(values, input.shape[-n:], strict=True)]


def _spans(size: int, out: int) -> list[tuple[int, int]]:
    return [(i * size // out, -(-(i + 1) * size // out)) for i in range(out)]


def _adaptive_avg(input: Tensor, output_size: Any, n: int) -> Tensor:
    """Means over the dimensions one after the other: windows are products of intervals."""
    x = input
    for d, out in enumerate(_adaptive_size(input, output_size, n, f"adaptive_avg_pool{n}d")):
        dim = x.dim() - n + d
        size = x.size(dim)
        if out == size:
            continue
        if out > 0 and size % out == 0:
            x = x.unflatten(dim, (out, size // out)).mean(dim + 1)
            continue
        parts = [x.narrow(dim, a, b - a).mean(dim, keepdim=True) for a, b in _spans(size, out)]
        x = lampas.cat(parts, dim) if parts else x.narrow(dim, 0, 0)
    return x.clone() if x is input else x


def _adaptive_max(input: Tensor, output_size: Any, return_indices: bool, n: int) -> Any:
    out = _adaptive_size(input, output_size, n, f"adaptive_max_pool{n}d")
    sizes_in = tuple(input.shape[-n:])
    x = input
    plane = lampas.arange(math.prod(sizes_in)).reshape(sizes_in)
    index = plane.expand(input.shape)
    # The last dimension first: among equal maxima the first in memory wins.
    for d in reversed(range(n)):
        dim = x.dim() - n + d
        values, indices = [], []
        for a, b in _spans(sizes_in[d], out[d]):
            value, at = x.narrow(dim, a, b - a).max(dim, keepdim=True)
            values.append(value)
            indices.append(index.narrow(dim, a, b - a).gather(dim, at))
        x = lampas.cat(values, dim) if values else x.narrow(dim, 0, 0)
        index = lampas.cat(indices, dim) if indices else index.narrow(dim, 0, 0)
    return (x, index) if return_indices else x


@native_first
def max_pool1d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Any:  # fmt: skip
    """Maxima over windows of ``(N, C, L)``, and their positions on request."""
    return _max_pool(
        input, kernel_size, stride, padding, dilation, ceil_mode, return_indices, 1
    )


@native_first
def max_pool2d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Any:  # fmt: skip
    """Maxima over windows of ``(N, C, H, W)``, and their positions on request."""
    return _max_pool(
        input, kernel_size, stride, padding, dilation, ceil_mode, return_indices, 2
    )


@native_first
def max_pool3d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Any:  # fmt: skip
    """Maxima over windows of ``(N, C, D, H, W)``, and their positions on request."""
    return _max_pool(
        input, kernel_size, stride, padding, dilation, ceil_mode, return_indices, 3
    )


@native_first
def avg_pool1d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0,
    ceil_mode: bool = False, count_include_pad: bool = True,
) -> Tensor:  # fmt: skip
    """Means over windows of ``(N, C, L)``."""
    return _avg_pool(
        input, kernel_size, stride, padding, ceil_mode, count_include_pad, None, 1
    )


@native_first
def avg_pool2d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0,
    ceil_mode: bool = False, count_include_pad: bool = True, divisor_override: int | None = None,
) -> Tensor:  # fmt: skip
    """Means over windows of ``(N, C, H, W)``."""
    return _avg_pool(
        input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override, 2
    )


@native_first
def avg_pool3d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0,
    ceil_mode: bool = False, count_include_pad: bool = True, divisor_override: int | None = None,
) -> Tensor:  # fmt: skip
    """Means over windows of ``(N, C, D, H, W)``."""
    return _avg_pool(
        input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override, 3
    )


@native_first
def adaptive_avg_pool1d(input: Tensor, output_size: Any) -> Tensor:
    """Means over ``output_size`` windows that cover ``(N, C, L)``."""
    return _adaptive_avg(input, output_size, 1)


@native_first
def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """Means over windows that cover ``(N, C, H, W)``; ``None`` keeps a size."""
    return _adaptive_avg(input, output_size, 2)


@native_first
def adaptive_avg_pool3d(input: Tensor, output_size: Any) -> Tensor:
    """Means over windows that cover ``(N, C, D, H, W)``; ``None`` keeps a size."""
    return _adaptive_avg(input, output_size, 3)


@native_first
def adaptive_max_pool1d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """Maxima over ``output_size`` windows that cover ``(N, C, L)``."""
    return _adaptive_max(input, output_size, return_indices, 1)


@native_first
def adaptive_max_pool2d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """Maxima over windows that cover ``(N, C, H, W)``; ``None`` keeps a size."""
    return _adaptive_max(input, output_size, return_indices, 2)


@native_first
def adaptive_max_pool3d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """Maxima over windows that cover ``(N, C, D, H, W)``; ``None`` keeps a size."""
    return _adaptive_max(input, output_size, return_indices, 3)
