"""Layers that several families of models are built from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lampas
from lampas import Tensor, nn

__all__ = [
    "MLP",
    "Conv2dNormActivation",
    "Conv3dNormActivation",
    "FrozenBatchNorm2d",
    "Permute",
    "SqueezeExcitation",
]

ModuleMaker = Callable[..., nn.Module]


class ConvNormActivation(nn.Sequential):
    """A convolution made by `conv_layer`, a norm, an activation; see the classes below."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, ...] = 3,
        stride: int | tuple[int, ...] = 1,
        padding: Any = None,
        groups: int = 1,
        norm_layer: ModuleMaker | None = nn.BatchNorm2d,
        activation_layer: ModuleMaker | None = nn.ReLU,
        dilation: int | tuple[int, ...] = 1,
        inplace: bool | None = True,
        bias: bool | None = None,
        conv_layer: ModuleMaker = nn.Conv2d,
    ) -> None:
        if padding is None:
            if isinstance(kernel_size, int) and isinstance(dilation, int):
                padding = (kernel_size - 1) // 2 * dilation
            else:
                n = len(kernel_size if isinstance(dilation, int) else dilation)  # type: ignore[arg-type]
                kernel = (kernel_size,) * n if isinstance(kernel_size, int) else kernel_size
                spread = (dilation,) * n if isinstance(dilation, int) else dilation
                padding = tuple((k - 1) // 2 * d for k, d in zip(kernel, spread, strict=True))
        layers: list[nn.Module] = [
            conv_layer(
                in_channels,
                out_channels,
                kernel_size,
                stride,
                padding,
                dilation=dilation,
                groups=groups,
                bias=norm_layer is None if bias is None else bias,
            )
        ]
        if norm_layer is not None:
            layers.append(norm_layer(out_channels))
        if activation_layer is not None:
            layers.append(activation_layer(**({} if inplace is None else {"inplace": inplace})))
        super().__init__(*layers)
        self.out_channels = out_channels


class Conv2dNormActivation(ConvNormActivation):
    """A convolution that keeps the size (at stride 1), a norm, an activation.

    `norm_layer` and `activation_layer` may be None; without a norm the convolution has a bias.

    >>> Conv2dNormActivation(3, 8, stride=2)(lampas.zeros(1, 3, 6, 6)).shape
    torch.Size([1, 8, 3, 3])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int] = 3,
        stride: int | tuple[int, int] = 1,
        padding: Any = None,
        groups: int = 1,
        norm_layer: ModuleMaker | None = nn.BatchNorm2d,
        activation_layer: ModuleMaker | None = nn.ReLU,
        dilation: int | tuple[int, int] = 1,
        inplace: bool | None = True,
        bias: bool | None = None,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            groups,
            norm_layer,
            activation_layer,
            dilation,
            inplace,
            bias,
            nn.Conv2d,
        )


class Conv3dNormActivation(ConvNormActivation):
    """As :class:`Conv2dNormActivation`, for volumes.

    >>> Conv3dNormActivation(3, 8)(lampas.zeros(1, 3, 4, 6, 6)).shape
    torch.Size([1, 8, 4, 6, 6])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int, int] = 3,
        stride: int | tuple[int, int, int] = 1,
        padding: Any = None,
        groups: int = 1,
        norm_layer: ModuleMaker | None = nn.BatchNorm3d,
        activation_layer: ModuleMaker | None = nn.ReLU,
        dilation: int | tuple[int, int, int] = 1,
        inplace: bool | None = True,
        bias: bool | None = None,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            groups,
            norm_layer,
            activation_layer,
            dilation,
            inplace,
            bias,
            nn.Conv3d,
        )


class SqueezeExcitation(nn.Module):
    """Scales channels by what a small network makes of their means: Hu, Shen and Sun, 2018.

    >>> SqueezeExcitation(8, 2)(lampas.zeros(1, 8, 4, 4)).shape
    torch.Size([1, 8, 4, 4])
    """

    def __init__(
        self,
        input_channels: int,
        squeeze_channels: int,
        activation: ModuleMaker = nn.ReLU,
        scale_activation: ModuleMaker = nn.Sigmoid,
    ) -> None:
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(input_channels, squeeze_channels, 1)
        self.fc2 = nn.Conv2d(squeeze_channels, input_channels, 1)
        self.activation = activation()
        self.scale_activation = scale_activation()

    def forward(self, input: Tensor) -> Tensor:
        """`input` (N, C, H, W) with its channels scaled."""
        squeezed = self.activation(self.fc1(self.avgpool(input)))
        scale: Tensor = self.scale_activation(self.fc2(squeezed))
        return scale * input


class Permute(nn.Module):
    """Dimensions in another order.

    >>> Permute([0, 2, 1])(lampas.zeros(1, 2, 3)).shape
    torch.Size([1, 3, 2])
    """

    def __init__(self, dims: list[int]) -> None:
        super().__init__()
        self.dims = dims

    def forward(self, x: Tensor) -> Tensor:
        """`x` with its dimensions permuted."""
        return x.permute(self.dims)


class MLP(nn.Sequential):
    """Linear layers with activation and dropout between them, and dropout at the end.

    >>> MLP(4, [8, 2])(lampas.zeros(1, 4)).shape
    torch.Size([1, 2])
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: list[int],
        norm_layer: ModuleMaker | None = None,
        activation_layer: ModuleMaker = nn.ReLU,
        inplace: bool | None = None,
        bias: bool = True,
        dropout: float = 0.0,
    ) -> None:
        options = {} if inplace is None else {"inplace": inplace}
        layers: list[nn.Module] = []
        width = in_channels
        for i, next_width in enumerate(hidden_channels):
            layers.append(nn.Linear(width, next_width, bias=bias))
            if i < len(hidden_channels) - 1:
                if norm_layer is not None:
                    layers.append(norm_layer(next_width))
                layers.append(activation_layer(**options))
            layers.append(nn.Dropout(dropout, **options))
            width = next_width
        super().__init__(*layers)


class FrozenBatchNorm2d(nn.Module):
    """Batch normalization of (N, C, H, W) by fixed statistics: all four vectors are buffers.

    >>> FrozenBatchNorm2d(3, eps=0.0)(lampas.ones(1, 3, 1, 1)).flatten()
    tensor([1., 1., 1.])
    """

    weight: Tensor
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, num_features: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.register_buffer("weight", lampas.ones(num_features))
        self.register_buffer("bias", lampas.zeros(num_features))
        self.register_buffer("running_mean", lampas.zeros(num_features))
        self.register_buffer("running_var", lampas.ones(num_features))

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        # States of ordinary batch norms load too.
        state_dict.pop(f"{prefix}num_batches_tracked", None)
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def forward(self, x: Tensor) -> Tensor:
        """`x` with each channel scaled and shifted."""
        scale = self.weight * (self.running_var + self.eps).rsqrt()
        shift = self.bias - self.running_mean * scale
        return x * scale.reshape(1, -1, 1, 1) + shift.reshape(1, -1, 1, 1)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.weight.shape[0]}, eps={self.eps})"
