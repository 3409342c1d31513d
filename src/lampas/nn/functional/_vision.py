"""Rearranging pixels and channels; patches of images."""

from __future__ import annotations

from typing import Any

import lampas
from lampas import _C
from lampas._C import avg_pool2d, avg_pool3d, conv1d
from lampas._tensor import Tensor

from ._checked import check_floating, checked
from ._pad import pad

__all__ = [
    "channel_shuffle", "conv_tbc", "fold", "local_response_norm", "native_channel_shuffle",
    "pixel_shuffle", "pixel_unshuffle", "unfold",
]  # fmt: skip


@checked("pixel_shuffle(Tensor input, int upscale_factor)")
def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """``(*, C r², H, W)`` to ``(*, C, H r, W r)``.

    Source: Shi et al., *Real-time single image and video super-resolution using an efficient
    sub-pixel convolutional neural network*, 2016.
    """
    if input.dim() < 3:
        raise RuntimeError(
            "pixel_shuffle expects input to have at least 3 dimensions, "
            f"but got input with {input.dim()} dimension(s)"
        )
    r = upscale_factor
    if r <= 0:
        raise RuntimeError(f"pixel_shuffle expects a positive upscale_factor, but got {r}")
    *lead, channels, height, width = input.shape
    if channels % (r * r):
        raise RuntimeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square "
            f"of upscale_factor, but input.size(-3)={channels} is not divisible by {r * r}"
        )
    x = input.reshape(*lead, channels // (r * r), r, r, height, width)
    n = len(lead)
    x = x.permute(*range(n), n, n + 3, n + 1, n + 4, n + 2)
    return x.reshape(*lead, channels // (r * r), height * r, width * r)


@checked("pixel_unshuffle(Tensor input, int downscale_factor)")
def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """``(*, C, H r, W r)`` to ``(*, C r², H, W)``: undoes :func:`pixel_shuffle`."""
    if input.dim() < 3:
        raise RuntimeError(
            "pixel_unshuffle expects input to have at least 3 dimensions, "
            f"but got input with {input.dim()} dimension(s)"
        )
    r = downscale_factor
    if r <= 0:
        raise RuntimeError(f"pixel_unshuffle expects a positive downscale_factor, but got {r}")
    *lead, channels, height, width = input.shape
    for name, size in (("height", height), ("width", width)):
        if size % r:
            raise RuntimeError(
                f"pixel_unshuffle expects {name} to be divisible by downscale_factor, "
                f"but {size} is not divisible by {r}"
            )
    x = input.reshape(*lead, channels, height // r, r, width // r, r)
    n = len(lead)
    x = x.permute(*range(n), n, n + 2, n + 4, n + 1, n + 3)
    return x.reshape(*lead, channels * r * r, height // r, width // r)


@checked("channel_shuffle(Tensor input, int groups)")
def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """Interleaves groups of channels: the first of each group, then the second, and so on.

    Source: Zhang et al., *ShuffleNet*, 2017.
    """
    if input.dim() < 3:
        raise RuntimeError(
            "channel_shuffle expects input with > 2 dims, but got input with sizes "
            f"{list(input.shape)}"
        )
    if groups <= 0:
        raise RuntimeError(
            f"Number of groups to divide channels in must be positive. Value of groups:{groups}"
        )
    channels = input.size(1)
    if channels % groups:
        raise RuntimeError(
            f"Number of channels must be divisible by groups. Got {channels} channels and "
            f"{groups} groups."
        )
    x = input.reshape(input.size(0), groups, channels // groups, *input.shape[2:])
    return x.transpose(1, 2).reshape(input.shape)


native_channel_shuffle = channel_shuffle


def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """Divides by a power of the mean square over ``size`` neighbouring channels.

    Source: Krizhevsky et al., *ImageNet classification with deep convolutional neural networks*,
    2012.
    """
    if input.dim() < 3:
        raise ValueError(
            f"Expected 3D or higher dimensionality input (got {input.dim()} dimensions)"
        )
    if input.numel() == 0:
        return input
    square = (input * input).unsqueeze(1)
    before, after = size // 2, (size - 1) // 2
    if input.dim() == 3:
        mean = avg_pool2d(pad(square, (0, 0, before, after)), (size, 1), stride=1).squeeze(1)
    else:
        flat = square.reshape(input.size(0), 1, input.size(1), input.size(2), -1)
        padded = pad(flat, (0, 0, 0, 0, before, after))
        mean = avg_pool3d(padded, (size, 1, 1), stride=1).reshape(input.shape)
    return input / (mean * alpha + k).pow(beta)


def conv_tbc(input: Tensor, weight: Tensor, bias: Tensor, pad: int = 0) -> Tensor:
    """Convolution of ``(time, batch, channels)`` with ``(width, channels, out)``."""
    if input.dim() != 3 or weight.dim() != 3 or bias.dim() != 1:
        raise RuntimeError(
            "conv_tbc: input and weight must have 3 dimensions and bias 1, got "
            f"{input.dim()}, {weight.dim()} and {bias.dim()}"
        )
    result = conv1d(input.permute(1, 2, 0), weight.permute(2, 1, 0), bias, padding=pad)
    return result.permute(2, 0, 1)


# ---- patches -----------------------------------------------------------------------------------


def _pair(value: Any, name: str) -> tuple[int, int]:
    values = (value, value) if isinstance(value, int) else tuple(value)
    values = values * 2 if len(values) == 1 else values
    if len(values) != 2:
        raise RuntimeError(f"expected {name} to be one or two numbers, got {value}")
    return values


def _patch_arguments(kernel: Any, dilation: Any, padding: Any, stride: Any) -> list[Any]:
    named = (("kernel_size", kernel), ("dilation", dilation), ("padding", padding),
             ("stride", stride))  # fmt: skip
    values = [_pair(v, name) for name, v in named]
    for (name, _), value in zip(named, values, strict=False):
        if min(value) < (0 if name == "padding" else 1):
            raise RuntimeError(f"{name} should be greater than zero, but got {value}")
    return values


@checked(
    "im2col(Tensor input, int[2] kernel_size, int[2] dilation=1, int[2] padding=0, int[2] stride=1)"
)
def unfold(
    input: Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Tensor:
    """Sliding patches of images as columns.

    Args:
        input: ``(N, C, H, W)`` or ``(C, H, W)``.
        kernel_size: size of a patch.
        dilation: distance of the pixels of a patch.
        padding: zeros around the image.
        stride: distance of patches.

    Returns:
        ``(N, C · patch, patches)``.

    Example:
        >>> import lampas
        >>> from lampas.nn import functional as F
        >>> F.unfold(lampas.zeros(2, 5, 3, 4), (2, 3)).shape
        torch.Size([2, 30, 4])
    """
    if input.dim() not in (3, 4) or 0 in input.shape[-3:]:
        raise RuntimeError(
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero "
            f"dimensions for input, but got: {list(input.shape)}"
        )
    if not input.dtype.is_complex:
        check_floating(input, "unfold", lampas.bool)
    kernel, dilation, padding, stride = _patch_arguments(kernel_size, dilation, padding, stride)
    batch = input if input.dim() == 4 else input.unsqueeze(0)
    columns = _C._unfold_patches(batch, kernel, dilation, padding, stride)
    return columns if input.dim() == 4 else columns.squeeze(0)


@checked(
    "col2im(Tensor input, int[2] output_size, int[2] kernel_size, int[2] dilation=1, int[2] "
    "padding=0, int[2] stride=1)"
)
def fold(
    input: Tensor,
    output_size: Any,
    kernel_size: Any,
    dilation: Any = 1,
    padding: Any = 0,
    stride: Any = 1,
) -> Tensor:
    """Adds patches, given as columns, up to images; overlapping pixels are summed.

    Args:
        input: ``(N, C · patch, patches)`` or without ``N``.
        output_size: size of the images.
        kernel_size: size of a patch.
        dilation: distance of the pixels of a patch.
        padding: zeros around the image, which are cut off.
        stride: distance of patches.

    Returns:
        ``(N, C, *output_size)``.

    Example:
        >>> import lampas
        >>> from lampas.nn import functional as F
        >>> x = lampas.ones(1, 1, 2, 2)
        >>> F.fold(F.unfold(x, 1), (2, 2), 1).equal(x)
        True
    """
    if input.dim() not in (2, 3) or 0 in input.shape[-2:]:
        raise RuntimeError(
            "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and "
            f"non-zero dimensions for input, but got: {list(input.shape)}"
        )
    size = _pair(output_size, "output_size")
    kernel, dilation, padding, stride = _patch_arguments(kernel_size, dilation, padding, stride)
    batch = input if input.dim() == 3 else input.unsqueeze(0)
    images = _C._fold_patches(batch, size, kernel, dilation, padding, stride)
    return images if input.dim() == 3 else images.squeeze(0)
