"""RegNet: Radosavovic et al., "Designing network design spaces", 2020."""

from __future__ import annotations

import math
from typing import Any

from lampas import Tensor, nn
from lampas.vision.models._layers import (
    Conv2dNormActivation,
    ModuleMaker,
    SqueezeExcitation,
    initialize,
    make_divisible,
    normal,
)
from lampas.vision.models._registry import with_weights
from lampas.vision.models._weights import weights_enum

__all__ = [
    "RegNet",
    "RegNet_X_16GF_Weights",
    "RegNet_X_1_6GF_Weights",
    "RegNet_X_32GF_Weights",
    "RegNet_X_3_2GF_Weights",
    "RegNet_X_400MF_Weights",
    "RegNet_X_800MF_Weights",
    "RegNet_X_8GF_Weights",
    "RegNet_Y_128GF_Weights",
    "RegNet_Y_16GF_Weights",
    "RegNet_Y_1_6GF_Weights",
    "RegNet_Y_32GF_Weights",
    "RegNet_Y_3_2GF_Weights",
    "RegNet_Y_400MF_Weights",
    "RegNet_Y_800MF_Weights",
    "RegNet_Y_8GF_Weights",
    "regnet_x_16gf",
    "regnet_x_1_6gf",
    "regnet_x_32gf",
    "regnet_x_3_2gf",
    "regnet_x_400mf",
    "regnet_x_800mf",
    "regnet_x_8gf",
    "regnet_y_128gf",
    "regnet_y_16gf",
    "regnet_y_1_6gf",
    "regnet_y_32gf",
    "regnet_y_3_2gf",
    "regnet_y_400mf",
    "regnet_y_800mf",
    "regnet_y_8gf",
]

RegNet_Y_400MF_Weights = weights_enum("RegNet_Y_400MF_Weights")
RegNet_Y_800MF_Weights = weights_enum("RegNet_Y_800MF_Weights")
RegNet_Y_1_6GF_Weights = weights_enum("RegNet_Y_1_6GF_Weights")
RegNet_Y_3_2GF_Weights = weights_enum("RegNet_Y_3_2GF_Weights")
RegNet_Y_8GF_Weights = weights_enum("RegNet_Y_8GF_Weights")
RegNet_Y_16GF_Weights = weights_enum("RegNet_Y_16GF_Weights")
RegNet_Y_32GF_Weights = weights_enum("RegNet_Y_32GF_Weights")
RegNet_Y_128GF_Weights = weights_enum("RegNet_Y_128GF_Weights")
RegNet_X_400MF_Weights = weights_enum("RegNet_X_400MF_Weights")
RegNet_X_800MF_Weights = weights_enum("RegNet_X_800MF_Weights")
RegNet_X_1_6GF_Weights = weights_enum("RegNet_X_1_6GF_Weights")
RegNet_X_3_2GF_Weights = weights_enum("RegNet_X_3_2GF_Weights")
RegNet_X_8GF_Weights = weights_enum("RegNet_X_8GF_Weights")
RegNet_X_16GF_Weights = weights_enum("RegNet_X_16GF_Weights")
RegNet_X_32GF_Weights = weights_enum("RegNet_X_32GF_Weights")


class BlockParams:
    """Depths, widths and groups of the stages, by the design space's few numbers.

    The widths of blocks grow along w_0 + w_a i, are rounded to powers of w_m times w_0 and to
    multiples of 8; blocks of one width are a stage.

    >>> BlockParams.from_init_params(depth=16, w_0=48, w_a=27.89, w_m=2.09, group_width=8).widths
    [48, 104, 208, 440]
    """

    def __init__(
        self,
        depths: list[int],
        widths: list[int],
        group_widths: list[int],
        bottleneck_multipliers: list[float],
        strides: list[int],
        se_ratio: float | None = None,
    ) -> None:
        self.depths = depths
        self.widths = widths
        self.group_widths = group_widths
        self.bottleneck_multipliers = bottleneck_multipliers
        self.strides = strides
        self.se_ratio = se_ratio

    @classmethod
    def from_init_params(
        cls,
        depth: int,
        w_0: int,
        w_a: float,
        w_m: float,
        group_width: int,
        bottleneck_multiplier: float = 1.0,
        se_ratio: float | None = None,
    ) -> BlockParams:
        """The stages of `depth` blocks; ValueError if the numbers make no network."""
        if w_a < 0 or w_0 <= 0 or w_m <= 1 or w_0 % 8 != 0:
            raise ValueError(
                f"Invalid RegNet settings: w_0 = {w_0} must be a positive multiple of 8, "
                f"w_a = {w_a} at least 0 and w_m = {w_m} above 1"
            )
        blocks = []
        for i in range(depth):
            power = round(math.log((w_0 + w_a * i) / w_0) / math.log(w_m))
            blocks.append(round(w_0 * w_m**power / 8) * 8)
        widths = sorted(set(blocks))
        depths = [blocks.count(width) for width in widths]
        # Groups must divide the widths inside the bottlenecks.
        inner = [int(width * bottleneck_multiplier) for width in widths]
        groups = [min(group_width, width) for width in inner]
        inner = [make_divisible(width, g) for width, g in zip(inner, groups, strict=True)]
        widths = [int(width / bottleneck_multiplier) for width in inner]
        count = len(widths)
        multipliers = [bottleneck_multiplier] * count
        return cls(depths, widths, groups, multipliers, [2] * count, se_ratio)


class _Bottleneck(nn.Sequential):
    """1 x 1, grouped 3 x 3, squeeze and excitation if wanted, 1 x 1."""

    def __init__(
        self,
        width: int,
        out: int,
        stride: int,
        norm_layer: ModuleMaker,
        activation: ModuleMaker,
        group_width: int,
        multiplier: float,
        se_ratio: float | None,
    ) -> None:
        super().__init__()
        common: dict[str, Any] = {"norm_layer": norm_layer, "activation_layer": activation}
        inner = round(out * multiplier)
        groups = inner // group_width
        self.add_module("a", Conv2dNormActivation(width, inner, kernel_size=1, **common))
        self.add_module(
            "b", Conv2dNormActivation(inner, inner, stride=stride, groups=groups, **common)
        )
        if se_ratio:
            squeezed = round(se_ratio * width)
            self.add_module("se", SqueezeExcitation(inner, squeezed, activation=activation))
        common["activation_layer"] = None
        self.add_module("c", Conv2dNormActivation(inner, out, kernel_size=1, **common))


class ResBottleneckBlock(nn.Module):
    """A bottleneck and what goes past it, projected where the shape changes.

    >>> ResBottleneckBlock(8, 16, 2, nn.BatchNorm2d, nn.ReLU, 8)(lampas.zeros(1, 8, 4, 4)).shape
    torch.Size([1, 16, 2, 2])
    """

    def __init__(
        self,
        width_in: int,
        width_out: int,
        stride: int,
        norm_layer: ModuleMaker,
        activation_layer: ModuleMaker,
        group_width: int = 1,
        bottleneck_multiplier: float = 1.0,
        se_ratio: float | None = None,
    ) -> None:
        super().__init__()
        self.proj = None
        if width_in != width_out or stride != 1:
            self.proj = Conv2dNormActivation(
                width_in,
                width_out,
                kernel_size=1,
                stride=stride,
                norm_layer=norm_layer,
                activation_layer=None,
            )
        self.f = _Bottleneck(
            width_in,
            width_out,
            stride,
            norm_layer,
            activation_layer,
            group_width,
            bottleneck_multiplier,
            se_ratio,
        )
        self.activation = activation_layer(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """(N, width_in, H, W) to (N, width_out, H / stride, W / stride)."""
        past = x if self.proj is None else self.proj(x)
        out: Tensor = self.activation(past + self.f(x))
        return out


class RegNet(nn.Module):
    """A stem, stages of residual bottlenecks, and a linear layer.

    Args:
        block_params: depths, widths and groups of the stages.
        num_classes: how many scores come out.
        stem_width: the channels of the stem.
        stem_type: makes the stem of channels in and out, norm and activation.
        block_type: makes a block; default ResBottleneckBlock.
        norm_layer, activation: default BatchNorm2d, ReLU.

    >>> from lampas.vision.models import regnet_y_400mf
    >>> regnet_y_400mf(num_classes=10).eval()(lampas.zeros(1, 3, 32, 32)).shape
    torch.Size([1, 10])
    """

    def __init__(
        self,
        block_params: BlockParams,
        num_classes: int = 1000,
        stem_width: int = 32,
        stem_type: ModuleMaker | None = None,
        block_type: ModuleMaker | None = None,
        norm_layer: ModuleMaker | None = None,
        activation: ModuleMaker | None = None,
    ) -> None:
        super().__init__()
        norm = nn.BatchNorm2d if norm_layer is None else norm_layer
        act = nn.ReLU if activation is None else activation
        make = ResBottleneckBlock if block_type is None else block_type
        if stem_type is None:
            self.stem: nn.Module = Conv2dNormActivation(
                3, stem_width, stride=2, norm_layer=norm, activation_layer=act
            )
        else:
            self.stem = stem_type(3, stem_width, norm, act)
        self.trunk_output = nn.Sequential()
        width = stem_width
        p = block_params
        stages = zip(
            p.widths, p.strides, p.depths, p.group_widths, p.bottleneck_multipliers, strict=True
        )
        for i, (out, stride, depth, group_width, multiplier) in enumerate(stages, 1):
            stage = nn.Sequential()
            for j in range(depth):
                step = stride if j == 0 else 1
                block = make(width, out, step, norm, act, group_width, multiplier, p.se_ratio)
                stage.add_module(f"block{i}-{j}", block)
                width = out
            self.trunk_output.add_module(f"block{i}", stage)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(width, num_classes)
        for m in self.modules():
            # By the size of the output, over all groups.
            fan_out = m.out_channels * math.prod(m.kernel_size) if isinstance(m, nn.Conv2d) else 1
            draw = normal(math.sqrt(2 / fan_out))
            initialize([m], draw, normal(0.01), zero_bias=not isinstance(m, nn.Conv2d))

    def forward(self, x: Tensor) -> Tensor:
        """Scores (N, num_classes) of images (N, 3, H, W)."""
        scores: Tensor = self.fc(self.avgpool(self.trunk_output(self.stem(x))).flatten(1))
        return scores


def _build(kwargs: dict[str, Any], *numbers: Any) -> RegNet:
    depth, w_0, w_a, w_m, group_width, se_ratio = numbers
    params = BlockParams.from_init_params(depth, w_0, w_a, w_m, group_width, 1.0, se_ratio)
    return RegNet(params, **kwargs)


@with_weights(RegNet_Y_400MF_Weights)
def regnet_y_400mf(**kwargs: Any) -> RegNet:
    """RegNet Y-400MF; arguments are those of :class:`RegNet`."""
    return _build(kwargs, 16, 48, 27.89, 2.09, 8, 0.25)


@with_weights(RegNet_Y_800MF_Weights)
def regnet_y_800mf(**kwargs: Any) -> RegNet:
    """RegNet Y-800MF; arguments are those of :class:`RegNet`."""
    return _build(kwargs, 14, 56, 38.84, 2.4, 16, 0.25)


@with_weights(RegNet_Y_1_6GF_Weights)
def regnet_y_1_6gf(**kwargs: Any) -> RegNet:
    """RegNet Y-1.6GF; arguments are those of :class:`RegNet`."""
    return _build(kwargs, 27, 48, 20.71, 2.65, 24, 0.25)


@with_weights(RegNet_Y_3_2GF_Weights)
def regnet_y_3_2gf(**kwargs: Any) -> RegNet:
    """RegNet Y-3.2GF; arguments are those of :class:`RegNet`."""
    return _build(kwargs, 21, 80, 42.63, 2.66, 24, 0.25)


@with_weights(RegNet_Y_8GF_Weights)
def regnet_y_8gf(**kwargs: Any) -> RegNet:
    """RegNet Y-8GF; arguments are those of :class:`RegNet`."""
    return _build(kwargs, 17, 192, 76.82, 2.19, 56, 0.25)


@with_weights(RegNet_Y_16GF_Weights)
def regnet_y_16gf(**kwargs: Any) -> RegNet:
    """RegNet Y-16GF; arguments are those of :class:`RegNet`."""
    return _build(kwargs, 18, 200, 106.23, 2.48, 112, 0.25)


@with_weights(RegNet_Y_32GF_Weights)
def regnet_y_32gf(**kwargs: Any) -> RegNet:
    """RegNet Y-32GF; arguments are those of :class:`RegNet`."""
    return _build(kwargs, 20, 232, 115.89, 2.53, 232, 0.25)


@with_weights(RegNet_Y_128GF_Weights)
def regnet_y_128gf(**kwargs: Any) -> RegNet:
    """RegNet Y-128GF; arguments are those of :class:`RegNet`."""
    return _build(kwargs, 27, 456, 160.83, 2.52, 264, 0.25)


@with_weights(RegNet_X_400MF_Weights)
def regnet_x_400mf(**kwargs: Any) -> RegNet:
    """RegNet X-400MF; arguments are those of :class:`RegNet`."""
    return _build(kwargs, 22, 24, 24.48, 2.54, 16, None)


@with_weights(RegNet_X_800MF_Weights)
def regnet_x_800mf(**kwargs: Any) -> RegNet:
    """RegNet X-800MF; arguments are those of :class:`RegNet`."""
    return _build(kwargs, 16, 56, 35.73, 2.28, 16, None)


@with_weights(RegNet_X_1_6GF_Weights)
def regnet_x_1_6gf(**kwargs: Any) -> RegNet:
    """RegNet X-1.6GF; arguments are those of :class:`RegNet`."""
    return _build(kwargs, 18, 80, 34.01, 2.25, 24, None)


@with_weights(RegNet_X_3_2GF_Weights)
def regnet_x_3_2gf(**kwargs: Any) -> RegNet:
    """RegNet X-3.2GF; arguments are those of :class:`RegNet`."""
    return _build(kwargs, 25, 88, 26.31, 2.25, 48, None)


@with_weights(RegNet_X_8GF_Weights)
def regnet_x_8gf(**kwargs: Any) -> RegNet:
    """RegNet X-8GF; arguments are those of :class:`RegNet`."""
    return _build(kwargs, 23, 80, 49.56, 2.88, 120, None)


@with_weights(RegNet_X_16GF_Weights)
def regnet_x_16gf(**kwargs: Any) -> RegNet:
    """RegNet X-16GF; arguments are those of :class:`RegNet`."""
    return _build(kwargs, 22, 216, 55.59, 2.1, 128, None)


@with_weights(RegNet_X_32GF_Weights)
def regnet_x_32gf(**kwargs: Any) -> RegNet:
    """RegNet X-32GF; arguments are those of :class:`RegNet`."""
    return _build(kwargs, 23, 320, 69.86, 2.0, 168, None)
