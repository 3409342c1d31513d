"""Pooling that is composed of other operations; the common kinds are native."""

from __future__ import annotations

import math
from typing import Any

import lampas
from lampas._C import (
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
    relu,
)
from lampas._tensor import Tensor

from ._checked import check_floating, checked, single_precision, within

__all__ = [
    "adaptive_max_pool1d_with_indices", "adaptive_max_pool2d_with_indices",
    "adaptive_max_pool3d_with_indices", "fractional_max_pool2d",
    "fractional_max_pool2d_with_indices", "fractional_max_pool3d",
    "fractional_max_pool3d_with_indices", "lp_pool1d", "lp_pool2d", "lp_pool3d",
    "max_pool1d_with_indices", "max_pool2d_with_indices", "max_pool3d_with_indices",
    "max_unpool1d", "max_unpool2d", "max_unpool3d",
]  # fmt: skip


def _tuple(value: Any, n: int) -> tuple[Any, ...]:
    if isinstance(value, (tuple, list)):
        return tuple(value) * n if len(value) == 1 else tuple(value)
    return (value,) * n


# ---- maxima and where they stand ---------------------------------------------------------------


def max_pool1d_with_indices(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Tensor, Tensor]:
    """:func:`max_pool1d` and the positions of the maxima."""
    return max_pool1d(input, kernel_size, stride, padding, dilation, ceil_mode, True)


def max_pool2d_with_indices(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Tensor, Tensor]:
    """:func:`max_pool2d` and the positions of the maxima, counted within each plane."""
    return max_pool2d(input, kernel_size, stride, padding, dilation, ceil_mode, True)


def max_pool3d_with_indices(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Tensor, Tensor]:
    """:func:`max_pool3d` and the positions of the maxima, counted within each volume."""
    return max_pool3d(input, kernel_size, stride, padding, dilation, ceil_mode, True)


def adaptive_max_pool1d_with_indices(
    input: Tensor, output_size: Any, return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    """:func:`adaptive_max_pool1d` and the positions of the maxima."""
    return adaptive_max_pool1d(input, output_size, True)


def adaptive_max_pool2d_with_indices(
    input: Tensor, output_size: Any, return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    """:func:`adaptive_max_pool2d` and the positions of the maxima."""
    return adaptive_max_pool2d(input, output_size, True)


def adaptive_max_pool3d_with_indices(
    input: Tensor, output_size: Any, return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    """:func:`adaptive_max_pool3d` and the positions of the maxima."""
    return adaptive_max_pool3d(input, output_size, True)


# ---- power averages ----------------------------------------------------------------------------


def _lp_pool(
    input: Tensor, p: float, kernel: Any, stride: Any, ceil_mode: bool, n: int
) -> Tensor:
    average = (avg_pool1d, avg_pool2d, avg_pool3d)[n - 1]
    maximum = (max_pool1d, max_pool2d, max_pool3d)[n - 1]
    if p == math.inf:
        return maximum(input.abs(), kernel, stride, 0, 1, ceil_mode)
    if p == -math.inf:
        return -maximum(-input.abs(), kernel, stride, 0, 1, ceil_mode)
    mean = average(input.pow(p), kernel, stride, 0, ceil_mode)
    total = mean.sign() * relu(mean.abs()) * math.prod(_tuple(kernel, n))
    return total.pow(1.0 / p)


def lp_pool1d(
    input: Tensor,
    norm_type: float,
    kernel_size: Any,
    stride: Any = None,
    ceil_mode: bool = False,
) -> Tensor:
    """``norm_type``-norm over windows of ``(N, C, L)``."""
    return _lp_pool(input, norm_type, kernel_size, stride, ceil_mode, 1)


def lp_pool2d(
    input: Tensor,
    norm_type: float,
    kernel_size: Any,
    stride: Any = None,
    ceil_mode: bool = False,
) -> Tensor:
    """``norm_type``-norm over windows of ``(N, C, H, W)``."""
    return _lp_pool(input, norm_type, kernel_size, stride, ceil_mode, 2)


def lp_pool3d(
    input: Tensor,
    norm_type: float,
    kernel_size: Any,
    stride: Any = None,
    ceil_mode: bool = False,
) -> Tensor:
    """``norm_type``-norm over windows of ``(N, C, D, H, W)``."""
    return _lp_pool(input, norm_type, kernel_size, stride, ceil_mode, 3)


# ---- the way back ------------------------------------------------------------------------------


def _unpool_size(input: Tensor, kernel: Any, stride: Any, padding: Any, wanted: Any) -> list[int]:
    n = len(kernel)
    natural = [
        (size - 1) * s + k - 2 * p
        for size, k, s, p in zip(input.shape[-n:], kernel, stride, padding, strict=False)
    ]
    if wanted is None:
        return natural
    wanted = list(wanted)[2:] if len(wanted) == n + 2 else list(wanted)
    if len(wanted) != n:
        raise ValueError(
            f"output_size should be a sequence containing {n} or {n + 2} elements, "
            f"but it has a length of '{len(wanted)}'"
        )
    for d, (size, s) in enumerate(zip(natural, stride, strict=False)):
        if not size - s < wanted[d] < size + s:
            raise ValueError(
                f'invalid output_size "{wanted}" (dim {d} must be between {size - s} and '
                f"{size + s})"
            )
    return wanted


def _max_unpool(
    input: Tensor, indices: Tensor, kernel: Any, stride: Any, padding: Any, output_size: Any, n: int
) -> Tensor:
    kernel = _tuple(kernel, n)
    stride = kernel if stride is None else _tuple(stride, n)
    padding = _tuple(padding, n)
    check_floating(input, f"max_unpool{n}d")
    size = _unpool_size(input, kernel, stride, padding, output_size)
    if indices.dtype != lampas.int64:
        raise RuntimeError(
            f"elements in indices should be type int64 but got: {indices.dtype}"
        )
    if input.dim() not in (n + 1, n + 2):
        raise RuntimeError(
            f"Input to max_unpooling{n}d should be a {n + 1}d or {n + 2}d Tensor, "
            f"but got a tensor with dim={input.dim()}"
        )
    if input.shape != indices.shape:
        raise RuntimeError(
            "Expected shape of indices to be same as that of the input tensor "
            f"({list(input.shape)}) but got indices tensor with shape: {list(indices.shape)}"
        )
    if any(s <= 0 for s in stride):
        raise RuntimeError(f"strides should be greater than zero, but got stride: {stride}")
    if any(s < 0 for s in size):
        raise ValueError(
            "max_unpooling: output_size must contain non-negative spatial dimensions, "
            f"but got output_size={size}"
        )
    count = math.prod(size)
    if not within(indices, 0, count):
        raise RuntimeError(
            f"Found an invalid max index: outside the output of {count} elements "
            f"(output volumes are of size {'x'.join(map(str, size))})"
        )
    lead = input.shape[: input.dim() - n]
    flat = input.new_zeros((*lead, count))
    flat = flat.scatter(-1, indices.reshape(*lead, -1), input.reshape(*lead, -1))
    return flat.reshape(*lead, *size)


@checked(
    "max_unpool1d(Tensor input, Tensor indices, int[1] kernel_size, int[1]? stride=None, "
    "int[1] padding=0, int[]? output_size=None)"
)
def max_unpool1d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Tensor:
    """Puts the values of :func:`max_pool1d` back where they stood; zeros elsewhere."""
    return _max_unpool(input, indices, kernel_size, stride, padding, output_size, 1)


@checked(
    "max_unpool2d(Tensor input, Tensor indices, int[2] kernel_size, int[2]? stride=None, "
    "int[2] padding=0, int[]? output_size=None)"
)
def max_unpool2d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Tensor:
    """Puts the values of :func:`max_pool2d` back where they stood; zeros elsewhere.

    Example:
        >>> import lampas
        >>> from lampas.nn import functional as F
        >>> x = lampas.arange(4.0).reshape(1, 1, 2, 2)
        >>> y, where = F.max_pool2d(x, 2, return_indices=True)
        >>> F.max_unpool2d(y, where, 2)
        tensor([[[[0., 0.],
                  [0., 3.]]]])
    """
    return _max_unpool(input, indices, kernel_size, stride, padding, output_size, 2)


@checked(
    "max_unpool3d(Tensor input, Tensor indices, int[3] kernel_size, int[3]? stride=None, "
    "int[3] padding=0, int[]? output_size=None)"
)
def max_unpool3d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Tensor:
    """Puts the values of :func:`max_pool3d` back where they stood; zeros elsewhere."""
    return _max_unpool(input, indices, kernel_size, stride, padding, output_size, 3)


# ---- windows of random size --------------------------------------------------------------------


def _window_starts(sample: Tensor, size: int, out: int, kernel: int) -> Tensor:
    """``sample`` with one more dimension: where each window begins."""
    if out == 1:
        return lampas.full((*sample.shape, 1), size - kernel, dtype=lampas.int64)
    # In the samples' own precision, as the rounding decides about whole positions.
    alpha = lampas.tensor((size - kernel) / (out - 1), dtype=sample.dtype)
    step = lampas.arange(out - 1, dtype=sample.dtype)
    shifted = ((step + sample.unsqueeze(-1)) * alpha).to(lampas.int64)
    start = shifted - (sample.unsqueeze(-1) * alpha).to(lampas.int64)
    last = lampas.full((*sample.shape, 1), size - kernel, dtype=lampas.int64)
    return lampas.cat([start, last], -1)


def _fractional(
    input: Tensor, kernel: Any, output_size: Any, output_ratio: Any, samples: Any, n: int
) -> tuple[Tensor, Tensor]:
    name = f"fractional_max_pool{n}d"
    if output_size is None and output_ratio is None:
        raise ValueError(f"{name} requires specifying either an output_size or an output_ratio")
    if input.dim() not in (n + 1, n + 2):
        raise RuntimeError(
            f"{name}(): Expected {n + 1}D or {n + 2}D tensor, but got: {list(input.shape)}"
        )
    kernel = _tuple(kernel, n)
    sizes = tuple(input.shape[-n:])
    if output_size is None:
        ratio = _tuple(output_ratio, n)
        output_size = [int(s * r) for s, r in zip(sizes, ratio, strict=False)]
    out = _tuple(output_size, n)
    for size, o, k in zip(sizes, out, kernel, strict=False):
        if o + k - 1 > size or o <= 0 or k <= 0:
            raise RuntimeError(
                f"{name}(): pool size {kernel} and output size {out} do not fit into an input of "
                f"size {sizes}"
            )
    x = input if input.dim() == n + 2 else input.unsqueeze(0)
    batch, channels = x.shape[:2]
    if samples is None:
        samples = lampas.rand(batch, channels, n, dtype=input.dtype, device=input.device)
    if tuple(samples.shape) != (batch, channels, n):
        raise RuntimeError(
            f"{name}: expected _random_samples of shape {(batch, channels, n)}, "
            f"but got {tuple(samples.shape)}"
        )
    x, samples = single_precision(x), single_precision(samples)
    # Two dimensions take the samples from the last dimension to the first.
    order = range(n) if n == 3 else reversed(range(n))
    index: Any = 0
    for d, which in enumerate(order):
        start = _window_starts(samples[..., which], sizes[d], out[d], kernel[d])
        at = start.unsqueeze(-1) + lampas.arange(kernel[d])
        shape = [batch, channels] + [1] * (2 * n)
        shape[2 + d], shape[2 + n + d] = out[d], kernel[d]
        index = index * sizes[d] + at.reshape(shape)
    index = index.reshape(batch, channels, math.prod(out), math.prod(kernel))
    windows = x.flatten(2).gather(2, index.flatten(2)).reshape(index.shape)
    value, at = windows.max(-1)
    where = index.gather(-1, at.unsqueeze(-1)).squeeze(-1)
    shape = (*input.shape[: input.dim() - n], *out)  # type: ignore[assignment]
    return value.reshape(shape), where.reshape(shape)


def fractional_max_pool2d_with_indices(
    input: Tensor,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """:func:`fractional_max_pool2d` and the positions of the maxima."""
    return _fractional(input, kernel_size, output_size, output_ratio, _random_samples, 2)


def fractional_max_pool2d(
    input: Tensor,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Any:
    """Maxima over windows at random steps, so that the output has any wanted size.

    Source: Graham, *Fractional max-pooling*, 2014.
    """
    result = _fractional(input, kernel_size, output_size, output_ratio, _random_samples, 2)
    return result if return_indices else result[0]


def fractional_max_pool3d_with_indices(
    input: Tensor,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """:func:`fractional_max_pool3d` and the positions of the maxima."""
    return _fractional(input, kernel_size, output_size, output_ratio, _random_samples, 3)


def fractional_max_pool3d(
    input: Tensor,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Any:
    """:func:`fractional_max_pool2d` for volumes."""
    result = _fractional(input, kernel_size, output_size, output_ratio, _random_samples, 3)
    return result if return_indices else result[0]
