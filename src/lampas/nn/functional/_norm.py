"""Normalisation over batches, groups and instances; the core's own kernels come first."""

from __future__ import annotations

import math

import lampas
from lampas._tensor import Tensor

from ._native import native_first

__all__ = ["batch_norm", "group_norm", "instance_norm"]


def _widened(x: Tensor) -> Tensor:
    """Half precision is computed in float32."""
    narrow = x.dtype in (lampas.float16, lampas.bfloat16)
    return x.to(lampas.float32) if narrow else x


def _affine(x: Tensor, weight: Tensor | None, bias: Tensor | None, dtype: object) -> Tensor:
    """Scales and shifts each channel (dimension 1)."""
    shape = (1, -1, *(1,) * (x.dim() - 2))
    if weight is not None:
        x = x * weight.reshape(shape)
    if bias is not None:
        x = x + bias.reshape(shape)
    return x.to(dtype)  # type: ignore[call-overload]


def _move(running: Tensor | None, now: Tensor, momentum: float) -> None:
    if running is not None:
        with lampas.no_grad():
            running.mul_(1 - momentum).add_(now.detach().to(running.dtype), alpha=momentum)


@native_first
def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalises each channel (dimension 1) over all others.

    Args:
        input: ``(N, C, *)``.
        running_mean: ``(C)``: used, or moved towards the batch's in training.
        running_var: ``(C)``, likewise.
        weight: ``(C)``, the scale.
        bias: ``(C)``, the shift.
        training: compute mean and variance from the batch.
        momentum: how far the running values move.
        eps: added to the variance.

    Raises:
        ValueError: in training, for one value per channel.
        RuntimeError: for sizes that do not fit.

    Source: Ioffe and Szegedy, *Batch normalization*, 2015.
    """
    channels = input.size(1)
    count = input.numel() // max(channels, 1)
    if training and count == 1:
        raise ValueError(
            f"Expected more than 1 value per channel when training, got input size {input.size()}"
        )
    for name, value in (
        ("running_mean", running_mean), ("running_var", running_var), ("weight", weight),
        ("bias", bias),
    ):  # fmt: skip
        if value is not None and value.numel() != channels:
            raise RuntimeError(
                f"{name} should contain {channels} elements not {value.numel()}"
            )
    x = _widened(input)
    dims = (0, *range(2, x.dim()))
    if training:
        mean = x.mean(dims, keepdim=True)
        var = (x - mean).square().mean(dims, keepdim=True)
        _move(running_mean, mean.flatten(), momentum)
        _move(running_var, var.flatten() * (count / max(count - 1, 1)), momentum)
    else:
        if running_mean is None or running_var is None:
            raise RuntimeError(
                "Expected running_mean and running_var to be defined when training=False"
            )
        shape = (1, -1, *(1,) * (x.dim() - 2))
        mean, var = running_mean.reshape(shape), running_var.reshape(shape)
    return _affine((x - mean) * (var + eps).rsqrt(), weight, bias, input.dtype)


@native_first
def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalises each sample over groups of channels.

    Args:
        input: ``(N, C, *)``.
        num_groups: number of groups, which must divide ``C``.
        weight: ``(C)``, the scale.
        bias: ``(C)``, the shift.
        eps: added to the variance.

    Source: Wu and He, *Group normalization*, 2018.
    """
    if input.dim() < 2:
        raise RuntimeError(
            f"Expected at least 2 dimensions for input tensor but received {input.dim()}"
        )
    channels = input.size(1)
    if num_groups <= 0 or channels % num_groups:
        raise RuntimeError(
            "Expected number of channels in input to be divisible by num_groups, but got input of "
            f"shape {list(input.shape)} and num_groups={num_groups}"
        )
    count = input.size(0) * (channels // num_groups) * math.prod(input.shape[2:])
    if count == 1 and input.numel() == num_groups:
        raise ValueError(
            f"Expected more than 1 value per channel when training, got input size {input.size()}"
        )
    for name, value in (("weight", weight), ("bias", bias)):
        if value is not None and tuple(value.shape) != (channels,):
            raise RuntimeError(
                f"Expected {name} to be a vector of size equal to the number of channels in "
                f"input, but got {name} of shape {list(value.shape)} and input of shape "
                f"{list(input.shape)}"
            )
    x = _widened(input).reshape(input.size(0), num_groups, -1)
    mean = x.mean(-1, keepdim=True)
    var = (x - mean).square().mean(-1, keepdim=True)
    x = ((x - mean) * (var + eps).rsqrt()).reshape(input.shape)
    return _affine(x, weight, bias, input.dtype)


@native_first
def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalises each channel of each sample.

    Args:
        input: ``(N, C, *)``.
        running_mean: ``(C)``: used, or moved towards the input's.
        running_var: ``(C)``, likewise.
        weight: ``(C)``, the scale.
        bias: ``(C)``, the shift.
        use_input_stats: compute mean and variance from the input.
        momentum: how far the running values move.
        eps: added to the variance.

    Raises:
        ValueError: for one value per channel.

    Source: Ulyanov et al., *Instance normalization*, 2016.
    """
    count = math.prod(input.shape[2:])
    if not use_input_stats and (running_mean is None or running_var is None):
        raise RuntimeError(
            "Expected running_mean and running_var to be defined when use_input_stats=False"
        )
    if use_input_stats and count == 1:
        raise ValueError(
            "Expected more than 1 spatial element when training, "
            f"got input size {input.size()}"
        )
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    x = _widened(input)
    dims = tuple(range(2, x.dim()))
    mean = x.mean(dims, keepdim=True)
    var = (x - mean).square().mean(dims, keepdim=True)
    channels = input.size(1)
    _move(running_mean, mean.reshape(-1, channels).mean(0), momentum)
    unbiased = var.reshape(-1, channels).mean(0) * (count / max(count - 1, 1))
    _move(running_var, unbiased, momentum)
    return _affine((x - mean) * (var + eps).rsqrt(), weight, bias, input.dtype)
