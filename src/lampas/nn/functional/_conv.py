"""Convolutions as products of patches; the core's own kernels come first where it has them."""

from __future__ import annotations

import math
from typing import Any

import lampas
from lampas._tensor import Tensor

from ._native import native_first
from ._pad import pad

__all__ = [
    "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
]  # fmt: skip


def sizes(value: Any, n: int, name: str, where: str) -> tuple[int, ...]:
    """``value`` for each of ``n`` dimensions.

    Raises:
        RuntimeError: for another number of values.
    """
    values = (value,) * n if isinstance(value, int) else tuple(value)
    values = values * n if len(values) == 1 else values
    if len(values) != n:
        raise RuntimeError(
            f"{where}(): expected {name} to be a single integer value or a list of {n} values to "
            f"match the dimensions, but got {name}={value}"
        )
    return values


def windows(
    x: Tensor, kernel: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...],
    counts: tuple[int, ...] | None = None,
) -> Tensor:  # fmt: skip
    """Patches of the last ``n`` dimensions: ``(*, out₁, …, outₙ, k₁, …, kₙ)``."""
    n = len(kernel)
    lead = x.dim() - n
    for d in range(n):
        dim = lead + 2 * d
        size = x.size(dim)
        span = dilation[d] * (kernel[d] - 1) + 1
        count = counts[d] if counts else (size - span) // stride[d] + 1
        start = lampas.arange(count).unsqueeze(1) * stride[d]
        index = start + lampas.arange(kernel[d]) * dilation[d]
        x = x.index_select(dim, index.flatten().to(x.device)).unflatten(dim, (count, kernel[d]))
    order = [*range(lead), *(lead + 2 * d for d in range(n)), *(lead + 2 * d + 1 for d in range(n))]
    return x.permute(order)


def _check(input: Tensor, weight: Tensor, n: int, groups: int, transposed: bool, name: str) -> None:
    if input.dim() not in (n + 1, n + 2):
        raise RuntimeError(
            f"Expected {n + 1}D (unbatched) or {n + 2}D (batched) input to {name}, but got input "
            f"of size: {list(input.shape)}"
        )
    if weight.dim() != n + 2:
        raise RuntimeError(
            f"{name}: expected weight to have {n + 2} dimensions, got shape {list(weight.shape)}"
        )
    if groups <= 0:
        raise RuntimeError(f"non-positive groups is not supported, but got groups={groups}")
    channels = input.size(-n - 1)
    wanted = weight.size(0) if transposed else weight.size(1) * groups
    if channels != wanted:
        raise RuntimeError(
            f"Given groups={groups}, weight of size {list(weight.shape)}, expected input"
            f"{list(input.shape)} to have {wanted} channels, but got {channels} channels instead"
        )
    if input.dtype != weight.dtype:
        raise RuntimeError(
            f"Input type ({input.dtype}) and weight type ({weight.dtype}) should be the same; "
            "cast one of them: input.to(weight.dtype)"
        )


def _convolve(
    input: Tensor, weight: Tensor, bias: Tensor | None, stride: Any, padding: Any, dilation: Any,
    groups: int, n: int,
) -> Tensor:  # fmt: skip
    name = f"conv{n}d"
    _check(input, weight, n, groups, False, name)
    stride = sizes(stride, n, "stride", name)
    dilation = sizes(dilation, n, "dilation", name)
    kernel = tuple(weight.shape[2:])
    if min(stride) <= 0 or min(dilation) <= 0:
        raise RuntimeError(f"{name}: non-positive stride or dilation is not supported")
    around = _padding(padding, stride, dilation, kernel, n, name)
    x = input if input.dim() == n + 2 else input.unsqueeze(0)
    x = pad(x, around) if any(around) else x
    spans = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    if any(s > size for s, size in zip(spans, x.shape[2:], strict=True)):
        raise RuntimeError(
            f"Calculated padded input size per channel: {tuple(x.shape[2:])}. Kernel size: "
            f"{tuple(spans)}. Kernel size can't be greater than actual input size"
        )
    patches = windows(x, kernel, stride, dilation)  # (N, C, *out, *k)
    batch, _, *rest = patches.shape
    out = rest[:n]
    order = [0, *range(2, 2 + n), 1, *range(2 + n, 2 + 2 * n)]
    columns = patches.permute(order).reshape(batch, math.prod(out), groups, -1)
    filters = weight.reshape(groups, weight.size(0) // groups, -1)
    # (groups, N · out, C/g · k) times (groups, C/g · k, O/g)
    product = columns.permute(2, 0, 1, 3).flatten(1, 2) @ filters.transpose(1, 2)
    product = product.unflatten(1, (batch, math.prod(out))).permute(1, 0, 3, 2)
    result = product.reshape(batch, weight.size(0), *out)
    if bias is not None:
        result = result + bias.reshape(-1, *(1,) * n)
    return result if input.dim() == n + 2 else result.squeeze(0)


def _padding(
    padding: Any, stride: tuple[int, ...], dilation: tuple[int, ...], kernel: tuple[int, ...],
    n: int, name: str,
) -> list[int]:  # fmt: skip
    if padding == "valid":
        return [0] * (2 * n)
    if isinstance(padding, str):
        if padding != "same":
            raise RuntimeError(f"Invalid padding string: '{padding}'")
        if any(s != 1 for s in stride):
            raise RuntimeError("padding='same' is not supported for strided convolutions")
        total = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        return [p for t in reversed(total) for p in (t // 2, t - t // 2)]
    values = sizes(padding, n, "padding", name)
    if min(values) < 0:
        raise RuntimeError(f"negative padding is not supported: {values}")
    return [p for value in reversed(values) for p in (value, value)]


def _transposed(
    input: Tensor, weight: Tensor, bias: Tensor | None, stride: Any, padding: Any,
    output_padding: Any, groups: int, dilation: Any, n: int,
) -> Tensor:  # fmt: skip
    """A convolution of the input with zeros between its elements, the kernel turned around."""
    name = f"conv_transpose{n}d"
    _check(input, weight, n, groups, True, name)
    stride, padding, extra, dilation = (
        sizes(value, n, what, name)
        for value, what in (
            (stride, "stride"), (padding, "padding"), (output_padding, "output_padding"),
            (dilation, "dilation"),
        )
    )  # fmt: skip
    if any(e >= max(s, d) for e, s, d in zip(extra, stride, dilation, strict=True)):
        raise RuntimeError(
            "output padding must be smaller than either stride or dilation, but got "
            f"output_padding={extra}, stride={stride}, dilation={dilation}"
        )
    x = input if input.dim() == n + 2 else input.unsqueeze(0)
    around = []  # type: ignore[var-annotated]
    for d in range(n):
        size = x.size(2 + d)
        apart = (size - 1) * stride[d] + 1
        index = lampas.arange(size, device=x.device) * stride[d]
        wide = x.new_zeros((*x.shape[: 2 + d], apart, *x.shape[3 + d :]))
        x = wide.index_copy(2 + d, index, x) if stride[d] > 1 else x
        before = dilation[d] * (weight.size(2 + d) - 1) - padding[d]
        around = [before, before + extra[d], *around]
    x = pad(x, around)
    filters = weight.unflatten(0, (groups, -1)).transpose(1, 2).flatten(0, 1)
    filters = filters.flip(tuple(range(2, 2 + n)))
    result = _convolve(x, filters, bias, 1, 0, dilation, groups, n)
    return result if input.dim() == n + 2 else result.squeeze(0)


@native_first
def conv1d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0,
    dilation: Any = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    """Convolves ``(N, C, L)`` with ``(O, C / groups, K)``."""
    return _convolve(input, weight, bias, stride, padding, dilation, groups, 1)


@native_first
def conv2d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0,
    dilation: Any = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    """Convolves ``(N, C, H, W)`` with ``(O, C / groups, KH, KW)``."""
    return _convolve(input, weight, bias, stride, padding, dilation, groups, 2)


@native_first
def conv3d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0,
    dilation: Any = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    """Convolves ``(N, C, D, H, W)`` with ``(O, C / groups, KD, KH, KW)``."""
    return _convolve(input, weight, bias, stride, padding, dilation, groups, 3)


@native_first
def conv_transpose1d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0,
    output_padding: Any = 0, groups: int = 1, dilation: Any = 1,
) -> Tensor:  # fmt: skip
    """The gradient of :func:`conv1d` by its input, as a function."""
    return _transposed(
        input, weight, bias, stride, padding, output_padding, groups, dilation, 1
    )


@native_first
def conv_transpose2d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0,
    output_padding: Any = 0, groups: int = 1, dilation: Any = 1,
) -> Tensor:  # fmt: skip
    """The gradient of :func:`conv2d` by its input, as a function."""
    return _transposed(
        input, weight, bias, stride, padding, output_padding, groups, dilation, 2
    )


@native_first
def conv_transpose3d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0,
    output_padding: Any = 0, groups: int = 1, dilation: Any = 1,
) -> Tensor:  # fmt: skip
    """The gradient of :func:`conv3d` by its input, as a function."""
    return _transposed(
        input, weight, bias, stride, padding, output_padding, groups, dilation, 3
    )
