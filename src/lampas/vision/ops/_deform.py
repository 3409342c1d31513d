"""Convolutions that read their input at shifted places."""

from __future__ import annotations

import math
from typing import Any

import lampas
from lampas import Tensor, nn

__all__ = ["DeformConv2d", "deform_conv2d"]


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[1]))


def _sampled(input: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """Bilinear samples of (N, G, C, H, W) at places (N, G, P): (N, G, C, P); zero outside."""
    n, groups, channels, height, width = input.shape
    flat = input.reshape(n, groups, channels, height * width)
    top, left = y.detach().floor(), x.detach().floor()
    total = None
    for row, part_y in ((top, 1 - (y - top)), (top + 1, y - top)):
        for column, part_x in ((left, 1 - (x - left)), (left + 1, x - left)):
            inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            place = row.clamp(0, height - 1) * width + column.clamp(0, width - 1)
            index = place.long().unsqueeze(2).expand(n, groups, channels, place.shape[-1])
            weight = (part_y * part_x * inside).unsqueeze(2)
            term = flat.gather(3, index) * weight
            total = term if total is None else total + term
    assert total is not None
    return total


def _places(
    offset: Tensor, kernel: tuple[int, int], stride: Any, padding: Any, dilation: Any, groups: int
) -> tuple[Tensor, Tensor]:
    """Rows and columns (N, G, K * Ho * Wo) that the kernel's K points read."""
    n, _, out_h, out_w = offset.shape
    points = kernel[0] * kernel[1]
    shifts = offset.reshape(n, groups, points, 2, out_h, out_w)
    axes = []
    for axis, out in ((0, out_h), (1, out_w)):
        start = lampas.arange(out, dtype=offset.dtype) * stride[axis] - padding[axis]
        tap = lampas.arange(kernel[axis], dtype=offset.dtype) * dilation[axis]
        axes.append((start, tap))
    (rows, down), (columns, across) = axes
    row_taps = down.repeat_interleave(kernel[1]).reshape(points, 1, 1)
    column_taps = across.repeat(kernel[0]).reshape(points, 1, 1)
    y = shifts[:, :, :, 0] + rows.reshape(1, out_h, 1) + row_taps
    x = shifts[:, :, :, 1] + columns.reshape(1, 1, out_w) + column_taps
    return y.reshape(n, groups, -1), x.reshape(n, groups, -1)


def deform_conv2d(
    input: Tensor,
    offset: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = (1, 1),
    padding: Any = (0, 0),
    dilation: Any = (1, 1),
    mask: Tensor | None = None,
) -> Tensor:
    """A convolution whose kernel's points are shifted, each by its own offset at each place.

    X. Zhu et al., "Deformable ConvNets v2", CVPR 2019; without `mask`, J. Dai et al., ICCV 2017.

    Args:
        input: (N, C, H, W).
        offset: (N, 2 * groups * kh * kw, Ho, Wo), pairs of y and x.
        weight: (out channels, C / weight groups, kh, kw).
        bias: (out channels).
        stride: one number or two, as for padding and dilation.
        padding: zeros around the input.
        dilation: distance of the kernel's points.
        mask: (N, groups * kh * kw, Ho, Wo), factors for the points.

    Raises:
        RuntimeError: the offset or the mask has another size.

    >>> x = lampas.arange(9.0).view(1, 1, 3, 3)
    >>> offset = lampas.zeros(1, 2, 3, 3)
    >>> offset[:, 1] = 1.0  # read one pixel to the right
    >>> deform_conv2d(x, offset, lampas.ones(1, 1, 1, 1)).tolist()
    [[[[1.0, 2.0, 0.0], [4.0, 5.0, 0.0], [7.0, 8.0, 0.0]]]]
    """
    stride, padding, dilation = _pair(stride), _pair(padding), _pair(dilation)
    n, channels = input.shape[:2]
    out_channels, group_channels, kernel_h, kernel_w = weight.shape
    points = kernel_h * kernel_w
    out = [
        (size + 2 * pad - spread * (k - 1) - 1) // step + 1
        for size, pad, spread, k, step in zip(
            input.shape[2:], padding, dilation, (kernel_h, kernel_w), stride, strict=True
        )
    ]
    groups = offset.shape[1] // (2 * points)
    if groups == 0 or offset.shape[1] != 2 * points * groups or channels % groups != 0:
        raise RuntimeError(
            "deform_conv2d(): the shape of the offset tensor at dimension 1 is not valid: it "
            f"should be a multiple of 2 * kernel height * kernel width = {2 * points} by a divisor "
            f"of the {channels} input channels, got {offset.shape[1]}"
        )
    if tuple(offset.shape) != (n, 2 * points * groups, *out):
        raise RuntimeError(
            f"deform_conv2d(): offset should be {(n, 2 * points * groups, *out)} for the output's "
            f"size, got {tuple(offset.shape)}"
        )
    y, x = _places(offset, (kernel_h, kernel_w), stride, padding, dilation, groups)
    grouped = input.reshape(n, groups, channels // groups, *input.shape[2:])
    columns = _sampled(grouped, y, x)
    if mask is not None:
        if tuple(mask.shape) != (n, points * groups, *out):
            raise RuntimeError(
                f"deform_conv2d(): mask should be {(n, points * groups, *out)}, got "
                f"{tuple(mask.shape)}"
            )
        columns = columns * mask.reshape(n, groups, 1, -1)
    weight_groups = channels // group_channels
    columns = columns.reshape(n, weight_groups, group_channels * points, out[0] * out[1])
    rows = weight.reshape(weight_groups, out_channels // weight_groups, -1)
    made = (rows @ columns).reshape(n, out_channels, *out)
    return made if bias is None else made + bias.reshape(1, -1, 1, 1)


class DeformConv2d(nn.Module):
    """:func:`deform_conv2d` with a weight and a bias of its own.

    >>> layer = DeformConv2d(3, 8, 3, padding=1)
    >>> layer(lampas.zeros(1, 3, 5, 5), lampas.zeros(1, 18, 5, 5)).shape
    torch.Size([1, 8, 5, 5])
    """

    bias: nn.Parameter | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if in_channels % groups != 0:
            raise ValueError("in_channels must be divisible by groups")
        if out_channels % groups != 0:
            raise ValueError("out_channels must be divisible by groups")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = _pair(kernel_size)
        self.stride = _pair(stride)
        self.padding = _pair(padding)
        self.dilation = _pair(dilation)
        self.groups = groups
        self.weight = nn.Parameter(
            lampas.empty(out_channels, in_channels // groups, *self.kernel_size)
        )
        if bias:
            self.bias = nn.Parameter(lampas.empty(out_channels))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws the weights as `nn.Conv2d` does."""
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(self.weight[0].numel())
            nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor, offset: Tensor, mask: Tensor | None = None) -> Tensor:
        """See :func:`deform_conv2d`."""
        return deform_conv2d(
            input,
            offset,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            self.dilation,
            mask,
        )

    def __repr__(self) -> str:
        shown = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"
        shown += f", stride={self.stride}"
        if self.padding != (0, 0):
            shown += f", padding={self.padding}"
        if self.dilation != (1, 1):
            shown += f", dilation={self.dilation}"
        if self.groups != 1:
            shown += f", groups={self.groups}"
        if self.bias is None:
            shown += ", bias=False"
        return f"{type(self).__name__}({shown})"
