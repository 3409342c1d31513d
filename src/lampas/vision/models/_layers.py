"""Layers that several families of models are built from, and their initialization."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import lampas
from lampas import Tensor, nn

__all__ = [
    "MLP",
    "Conv2dNormActivation",
    "IntermediateLayerGetter",
    "LayerNorm2d",
    "Permute",
    "SqueezeExcitation",
    "StochasticDepth",
    "initialize",
    "make_divisible",
]

ModuleMaker = Callable[..., nn.Module]


def make_divisible(value: float, divisor: int = 8, least: int | None = None) -> int:
    """The multiple of `divisor` nearest to `value`, but not below 9/10 of it.

    >>> make_divisible(37), make_divisible(10)
    (40, 16)
    """
    nearest = max(
        divisor if least is None else least, int(value + divisor / 2) // divisor * divisor
    )
    return nearest + divisor if nearest < 0.9 * value else nearest


class Conv2dNormActivation(nn.Sequential):
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
        if padding is None:
            kernel = (kernel_size,) * 2 if isinstance(kernel_size, int) else kernel_size
            spread = (dilation,) * 2 if isinstance(dilation, int) else dilation
            padding = tuple((k - 1) // 2 * d for k, d in zip(kernel, spread, strict=True))
        layers: list[nn.Module] = [
            nn.Conv2d(
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


class StochasticDepth(nn.Module):
    """Leaves out a residual branch with probability p while training: Huang et al., 2016.

    `mode` "row" decides for each sample, "batch" for all together; what stays is divided by 1 - p.

    >>> StochasticDepth(0.5, "row").eval()(lampas.ones(2))
    tensor([1., 1.])
    """

    def __init__(self, p: float, mode: str) -> None:
        if not 0 <= p <= 1:
            raise ValueError(f"drop probability has to be between 0 and 1, but got {p}")
        if mode not in ("batch", "row"):
            raise ValueError(f"mode has to be either 'batch' or 'row', but got {mode}")
        super().__init__()
        self.p = p
        self.mode = mode

    def forward(self, input: Tensor) -> Tensor:
        """`input` (N, …), or zeros in its place."""
        if not self.training or self.p == 0:
            return input
        keep = 1 - self.p
        size = (input.shape[0] if self.mode == "row" else 1, *(1,) * (input.dim() - 1))
        noise = lampas.empty(size, dtype=input.dtype, device=input.device).bernoulli_(keep)
        return input * (noise / keep if keep > 0 else noise)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p}, mode={self.mode})"


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


class LayerNorm2d(nn.LayerNorm):
    """Layer normalization over the channels of images (N, C, H, W).

    >>> LayerNorm2d(8)(lampas.zeros(1, 8, 4, 4)).shape
    torch.Size([1, 8, 4, 4])
    """

    def forward(self, input: Tensor) -> Tensor:
        """`input` with each position normalized over its channels."""
        return super().forward(input.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


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


class IntermediateLayerGetter(nn.ModuleDict):
    """The first children of a model, giving what comes out of some of them.

    `return_layers` maps a child's name to that of its output; children after the last are left out.

    >>> from lampas.vision.models import resnet18
    >>> getter = IntermediateLayerGetter(resnet18(), {"layer1": "a", "layer2": "b"})
    >>> {name: tuple(x.shape) for name, x in getter(lampas.zeros(1, 3, 32, 32)).items()}
    {'a': (1, 64, 8, 8), 'b': (1, 128, 4, 4)}
    """

    def __init__(self, model: nn.Module, return_layers: dict[str, str]) -> None:
        wanted = {str(k): str(v) for k, v in return_layers.items()}
        children = dict(model.named_children())
        if not wanted.keys() <= children.keys():
            missing = sorted(wanted.keys() - children.keys())
            raise ValueError(f"return_layers are not present in model: {', '.join(missing)}")
        last = max(i for i, name in enumerate(children) if name in wanted)
        super().__init__(dict(list(children.items())[: last + 1]))
        self.return_layers = wanted

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """The chosen outputs, by the names given to them."""
        out = {}
        for name, module in self.items():
            x = module(x)
            if name in self.return_layers:
                out[self.return_layers[name]] = x
        return out


def initialize(
    modules: Iterable[nn.Module],
    conv: Callable[[Tensor], Any] | None = None,
    linear: Callable[[Tensor], Any] | None = None,
    zero_bias: bool = True,
) -> None:
    """Draws the weights of convolutions and linear layers, in order, and zeroes their biases.

    Norms begin as the identity. What has no function stays as it is.
    """
    for m in modules:
        draw = conv if isinstance(m, nn.Conv2d) else linear if isinstance(m, nn.Linear) else None
        if draw is not None:
            draw(m.weight)
            if zero_bias and m.bias is not None:
                nn.init.zeros_(m.bias)
        elif isinstance(m, (nn.BatchNorm2d, nn.GroupNorm)):
            nn.init.ones_(m.weight)
            nn.init.zeros_(m.bias)


def kaiming_fan_out(weight: Tensor) -> None:
    """He et al.'s normal distribution, by the size of the output."""
    nn.init.kaiming_normal_(weight, mode="fan_out", nonlinearity="relu")


def normal(std: float) -> Callable[[Tensor], Any]:
    """Draws from a normal distribution around 0."""
    return lambda weight: nn.init.normal_(weight, 0, std)


def truncated(std: float) -> Callable[[Tensor], Any]:
    """Draws from a normal distribution around 0, cut at 2 and -2."""
    return lambda weight: nn.init.trunc_normal_(weight, std=std)


def need_settings(settings: Sequence[Any], kind: type | tuple[type, ...], name: str) -> None:
    """ValueError if a model's list of stages is empty, TypeError if it holds something else."""
    if not settings:
        raise ValueError(f"The {name} should not be empty")
    if not all(isinstance(s, kind) for s in settings):
        first = kind if isinstance(kind, type) else kind[0]
        raise TypeError(f"The {name} should be List[{first.__name__}]")
