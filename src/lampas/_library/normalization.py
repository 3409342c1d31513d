"""Normalisations that return the statistics they used, and samplers by number of mode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lampas import _C
from lampas._C import Tensor
from lampas._library import operator
from lampas.autograd import no_grad


def _moments(x: Tensor, dims: Sequence[int], eps: float) -> tuple[Tensor, Tensor]:
    mean = x.mean(dims, keepdim=True)
    variance = (x - mean).square().mean(dims, keepdim=True)
    return mean, (variance + eps).rsqrt()


def _wide(x: Tensor) -> Tensor:
    return x.float() if x.dtype in (_C.float16, _C.bfloat16) else x


def _check_floating(x: Tensor, name: str) -> None:
    if not x.dtype.is_floating_point:
        raise NotImplementedError(
            f'"{name}" not implemented for {x.dtype}. Remedy: input.float()'
        )


def _affine(x: Tensor, weight: Tensor | None, bias: Tensor | None, shape: Sequence[int]) -> Tensor:
    if weight is not None:
        x = x * _wide(weight).reshape(shape)
    return x if bias is None else x + _wide(bias).reshape(shape)


@operator(
    "native_layer_norm(Tensor input, int[] normalized_shape, Tensor? weight, Tensor? bias, "
    "float eps)"
)
def native_layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """(output, mean, 1 / deviation) of layer normalisation over the last dimensions.

    >>> import lampas
    >>> lampas.native_layer_norm(lampas.tensor([[1.0, 3.0]]), [2], None, None, 0.0)[1:]
    (tensor([[2.]]), tensor([[1.]]))
    """
    shape = list(normalized_shape)
    if not shape or list(input.shape[-len(shape) :]) != shape:
        raise RuntimeError(
            f"Given normalized_shape={shape}, expected input with shape [*, "
            f"{', '.join(map(str, shape))}], but got input of size{list(input.shape)}"
        )
    for name, t in (("weight", weight), ("bias", bias)):
        if t is not None and list(t.shape) != shape:
            raise RuntimeError(
                f"Expected {name} to be of same shape as normalized_shape, but got {name} of shape "
                f"{list(t.shape)} and normalized_shape = {shape}"
            )
    _check_floating(input, "native_layer_norm")
    x = _wide(input)
    mean, scale = _moments(x, list(range(-len(shape), 0)), eps)
    y = _affine((x - mean) * scale, weight, bias, shape)
    statistics = input.dtype if weight is None or weight.dtype == input.dtype else _C.float32
    return y.to(input.dtype), mean.to(statistics), scale.to(statistics)


@operator(
    "native_group_norm(Tensor input, Tensor? weight, Tensor? bias, int N, int C, int HxW, "
    "int group, float eps)"
)
def native_group_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    N: int,
    C: int,
    HxW: int,
    group: int,
    eps: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """(output, mean [N, group], 1 / deviation [N, group]) of group normalisation.

    >>> import lampas
    >>> x = lampas.tensor([[[1.0, 3.0]]])
    >>> lampas.native_group_norm(x, None, None, 1, 1, 2, 1, 0.0)[1]
    tensor([[2.]])
    """
    if group <= 0 or C % group:
        raise RuntimeError(
            f"Expected number of channels in input to be divisible by num_groups, but got C = {C} "
            f"and num_groups = {group}"
        )
    if input.numel() != N * C * HxW:
        raise RuntimeError(
            f"Expected X.numel() == N * C * HxW, but got {input.numel()} elements for N = {N}, "
            f"C = {C}, HxW = {HxW}"
        )
    _check_floating(input, "native_group_norm")
    x = _wide(input).reshape(N, group, C // group * HxW)
    mean, scale = _moments(x, [-1], eps)
    y = ((x - mean) * scale).reshape(input.shape)
    shape = [1, C] + [1] * (input.dim() - 2)
    y = _affine(y, weight, bias, shape)
    statistics = input.dtype if weight is None or weight.dtype == input.dtype else _C.float32
    return (
        y.to(input.dtype),
        mean.reshape(N, group).to(statistics),
        scale.reshape(N, group).to(statistics),
    )


@operator(
    "native_batch_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, "
    "Tensor? running_var, bool training, float momentum, float eps)"
)
def native_batch_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """(output, mean [C], 1 / deviation [C]) of batch normalisation; the statistics are empty
    outside training, where the running ones are used. In training those are updated in place.

    >>> import lampas
    >>> x = lampas.tensor([[1.0], [3.0]])
    >>> lampas.native_batch_norm(x, None, None, None, None, True, 0.1, 0.0)[1]
    tensor([2.])
    """
    _check_floating(input, "native_batch_norm")
    if input.dim() < 2:
        raise RuntimeError(f"native_batch_norm: expected [N, C, ...], got {list(input.shape)}")
    channels = input.size(1)
    shape = [1, channels] + [1] * (input.dim() - 2)
    x = _wide(input)
    # Statistics of halves are halves too, unless the parameters are float32.
    mixed = any(
        t is not None and t.dtype != input.dtype
        for t in (weight, bias, running_mean, running_var)
    )
    statistics = x.dtype if mixed else input.dtype
    if not training:
        if running_mean is None or running_var is None:
            raise RuntimeError(
                "native_batch_norm: running_mean and running_var must be defined in evaluation mode"
            )
        mean, scale = _wide(running_mean), (_wide(running_var) + eps).rsqrt()
        y = _affine((x - mean.reshape(shape)) * scale.reshape(shape), weight, bias, shape)
        none: Any = _C.empty(0, dtype=statistics)
        return y.to(input.dtype), none, none.clone()
    dims = [0, *range(2, input.dim())]
    mean, scale = _moments(x, dims, eps)
    y = _affine((x - mean) * scale, weight, bias, shape)
    with no_grad():
        n = max(x.numel() // max(channels, 1), 1)
        if running_mean is not None:
            running_mean.lerp_(mean.detach().reshape(-1).to(running_mean.dtype), momentum)
        if running_var is not None:
            variance = x.detach().var(dims, correction=1 if n > 1 else 0)
            running_var.lerp_(variance.to(running_var.dtype), momentum)
    return y.to(input.dtype), mean.reshape(-1).to(statistics), scale.reshape(-1).to(statistics)


# ---- samplers ------------------------------------------------------------------------------------
_INTERPOLATIONS = ("bilinear", "nearest", "bicubic")
_PADDINGS = ("zeros", "border", "reflection")


def _sample(
    input: Tensor, grid: Tensor, interpolation: int, padding: int, corners: bool, ndim: int
) -> Tensor:
    from lampas.nn.functional import grid_sample

    if ndim and input.dim() != ndim:
        raise RuntimeError(
            f"grid_sampler_{ndim - 2}d(): expected input and grid of {ndim} dimensions, got shapes "
            f"{tuple(input.shape)} and {tuple(grid.shape)}"
        )
    for name, value, known in (
        ("interpolation_mode", interpolation, _INTERPOLATIONS),
        ("padding_mode", padding, _PADDINGS),
    ):
        if not 0 <= value < len(known):
            raise RuntimeError(
                f"grid_sampler(): {name} must be from 0 to {len(known) - 1} "
                f"({', '.join(known)}), got {value}"
            )
    result: Tensor = grid_sample(
        input, grid, _INTERPOLATIONS[interpolation], _PADDINGS[padding], corners
    )
    return result


_SAMPLER = (
    "(Tensor input, Tensor grid, int interpolation_mode, int padding_mode, bool align_corners)"
)


@operator("grid_sampler" + _SAMPLER)
def grid_sampler(
    input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Tensor:
    """nn.functional.grid_sample with its modes by number: bilinear, nearest, bicubic; zeros,
    border, reflection.

    >>> import lampas
    >>> x, grid = lampas.ones(1, 1, 2, 2), lampas.zeros(1, 1, 1, 2)
    >>> lampas.grid_sampler(x, grid, 0, 0, False)
    tensor([[[[1.]]]])
    """
    return _sample(input, grid, interpolation_mode, padding_mode, align_corners, 0)


@operator("grid_sampler_2d" + _SAMPLER)
def grid_sampler_2d(
    input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Tensor:
    """`grid_sampler` of images [N, C, H, W] at grids [N, H', W', 2].

    >>> import lampas
    >>> x, grid = lampas.ones(1, 1, 2, 2), lampas.zeros(1, 1, 1, 2)
    >>> lampas.grid_sampler_2d(x, grid, 0, 0, False)
    tensor([[[[1.]]]])
    """
    return _sample(input, grid, interpolation_mode, padding_mode, align_corners, 4)


@operator("grid_sampler_3d" + _SAMPLER)
def grid_sampler_3d(
    input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Tensor:
    """`grid_sampler` of volumes [N, C, D, H, W] at grids [N, D', H', W', 3].

    >>> import lampas
    >>> x, grid = lampas.ones(1, 1, 2, 2, 2), lampas.zeros(1, 1, 1, 1, 3)
    >>> lampas.grid_sampler_3d(x, grid, 0, 0, False)
    tensor([[[[[1.]]]]])
    """
    return _sample(input, grid, interpolation_mode, padding_mode, align_corners, 5)
