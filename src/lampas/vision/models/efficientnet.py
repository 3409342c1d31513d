"""EfficientNet and EfficientNet v2: Tan and Le, "EfficientNet: rethinking model scaling for
convolutional neural networks", 2019; "EfficientNetV2: smaller models and faster training", 2021."""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lampas import Tensor, nn
from lampas.vision.models._layers import (
    Conv2dNormActivation,
    ModuleMaker,
    SqueezeExcitation,
    StochasticDepth,
    initialize,
    kaiming_fan_out,
    make_divisible,
    need_settings,
)
from lampas.vision.models._registry import with_weights
from lampas.vision.models._weights import weights_enum

__all__ = [
    "EfficientNet",
    "EfficientNet_B0_Weights",
    "EfficientNet_B1_Weights",
    "EfficientNet_B2_Weights",
    "EfficientNet_B3_Weights",
    "EfficientNet_B4_Weights",
    "EfficientNet_B5_Weights",
    "EfficientNet_B6_Weights",
    "EfficientNet_B7_Weights",
    "EfficientNet_V2_L_Weights",
    "EfficientNet_V2_M_Weights",
    "EfficientNet_V2_S_Weights",
    "efficientnet_b0",
    "efficientnet_b1",
    "efficientnet_b2",
    "efficientnet_b3",
    "efficientnet_b4",
    "efficientnet_b5",
    "efficientnet_b6",
    "efficientnet_b7",
    "efficientnet_v2_l",
    "efficientnet_v2_m",
    "efficientnet_v2_s",
]

EfficientNet_B0_Weights = weights_enum("EfficientNet_B0_Weights")
EfficientNet_B1_Weights = weights_enum("EfficientNet_B1_Weights")
EfficientNet_B2_Weights = weights_enum("EfficientNet_B2_Weights")
EfficientNet_B3_Weights = weights_enum("EfficientNet_B3_Weights")
EfficientNet_B4_Weights = weights_enum("EfficientNet_B4_Weights")
EfficientNet_B5_Weights = weights_enum("EfficientNet_B5_Weights")
EfficientNet_B6_Weights = weights_enum("EfficientNet_B6_Weights")
EfficientNet_B7_Weights = weights_enum("EfficientNet_B7_Weights")
EfficientNet_V2_S_Weights = weights_enum("EfficientNet_V2_S_Weights")
EfficientNet_V2_M_Weights = weights_enum("EfficientNet_V2_M_Weights")
EfficientNet_V2_L_Weights = weights_enum("EfficientNet_V2_L_Weights")


@dataclass
class _Config:
    """A stage: expansion, kernel, stride of the first block, channels, number of blocks."""

    expand_ratio: float
    kernel: int
    stride: int
    input_channels: int
    out_channels: int
    num_layers: int

    @property
    def inner(self) -> int:
        return make_divisible(self.input_channels * self.expand_ratio, 8)


@dataclass
class MBConvConfig(_Config):
    """A stage of `MBConv` blocks; channels and blocks are multiplied by the last two numbers.

    >>> MBConvConfig(6, 3, 2, 16, 24, 2, 1.1, 1.2).num_layers
    3
    """

    width_mult: float = 1.0
    depth_mult: float = 1.0

    def __post_init__(self) -> None:
        self.input_channels = make_divisible(self.input_channels * self.width_mult, 8)
        self.out_channels = make_divisible(self.out_channels * self.width_mult, 8)
        self.num_layers = math.ceil(self.num_layers * self.depth_mult)

    @property
    def block(self) -> ModuleMaker:
        """What the stage is made of."""
        return MBConv


@dataclass
class FusedMBConvConfig(_Config):
    """A stage of `FusedMBConv` blocks.

    >>> FusedMBConvConfig(4, 3, 2, 24, 48, 4).inner
    96
    """

    @property
    def block(self) -> ModuleMaker:
        """What the stage is made of."""
        return FusedMBConv


class _Residual(nn.Module):
    """Layers and, where the shape stays, what goes past them."""

    def __init__(self, cnf: _Config, layers: list[nn.Module], stochastic_depth_prob: float) -> None:
        super().__init__()
        if cnf.stride not in (1, 2):
            raise ValueError(f"illegal stride value {cnf.stride}; take 1 or 2")
        self.use_res_connect = cnf.stride == 1 and cnf.input_channels == cnf.out_channels
        self.block = nn.Sequential(*layers)
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")
        self.out_channels = cnf.out_channels

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.block(x)
        if self.use_res_connect:
            y = self.stochastic_depth(y)
            y += x
        return y


class MBConv(_Residual):
    """Widens, convolves each channel by itself, squeezes and excites, narrows.

    >>> MBConv(MBConvConfig(6, 3, 1, 8, 8, 1), 0.0, nn.BatchNorm2d)(lampas.zeros(1, 8, 4, 4)).shape
    torch.Size([1, 8, 4, 4])
    """

    def __init__(
        self,
        cnf: MBConvConfig,
        stochastic_depth_prob: float,
        norm_layer: ModuleMaker,
        se_layer: ModuleMaker = SqueezeExcitation,
    ) -> None:
        width, inner = cnf.input_channels, cnf.inner
        common: dict[str, Any] = {"norm_layer": norm_layer, "activation_layer": nn.SiLU}
        layers: list[nn.Module] = []
        if inner != width:
            layers.append(Conv2dNormActivation(width, inner, kernel_size=1, **common))
        layers.append(
            Conv2dNormActivation(
                inner, inner, kernel_size=cnf.kernel, stride=cnf.stride, groups=inner, **common
            )
        )
        silu = functools.partial(nn.SiLU, inplace=True)
        layers.append(se_layer(inner, max(1, width // 4), activation=silu))
        common["activation_layer"] = None
        layers.append(Conv2dNormActivation(inner, cnf.out_channels, kernel_size=1, **common))
        super().__init__(cnf, layers, stochastic_depth_prob)


class FusedMBConv(_Residual):
    """A full convolution that widens, and one that narrows; at expansion 1 only the first.

    >>> block = FusedMBConv(FusedMBConvConfig(4, 3, 2, 8, 16, 1), 0.0, nn.BatchNorm2d)
    >>> block(lampas.zeros(1, 8, 4, 4)).shape
    torch.Size([1, 16, 2, 2])
    """

    def __init__(
        self, cnf: FusedMBConvConfig, stochastic_depth_prob: float, norm_layer: ModuleMaker
    ) -> None:
        width, inner = cnf.input_channels, cnf.inner
        common: dict[str, Any] = {"norm_layer": norm_layer, "activation_layer": nn.SiLU}
        wide = inner != width
        layers: list[nn.Module] = [
            Conv2dNormActivation(
                width,
                inner if wide else cnf.out_channels,
                kernel_size=cnf.kernel,
                stride=cnf.stride,
                **common,
            )
        ]
        if wide:
            common["activation_layer"] = None
            layers.append(Conv2dNormActivation(inner, cnf.out_channels, kernel_size=1, **common))
        super().__init__(cnf, layers, stochastic_depth_prob)


class EfficientNet(nn.Module):
    """EfficientNet of given stages.

    Args:
        inverted_residual_setting: MBConvConfig and FusedMBConvConfig, one for each stage.
        dropout: before the last layer.
        stochastic_depth_prob: how likely the last block is left out; the others in proportion.
        num_classes: how many scores come out.
        norm_layer: default BatchNorm2d.
        last_channel: of the last convolution; default four times those before.

    >>> from lampas.vision.models import efficientnet_b0
    >>> efficientnet_b0(num_classes=10).eval()(lampas.zeros(1, 3, 32, 32)).shape
    torch.Size([1, 10])
    """

    def __init__(
        self,
        inverted_residual_setting: Sequence[MBConvConfig | FusedMBConvConfig],
        dropout: float,
        stochastic_depth_prob: float = 0.2,
        num_classes: int = 1000,
        norm_layer: ModuleMaker | None = None,
        last_channel: int | None = None,
    ) -> None:
        super().__init__()
        settings = inverted_residual_setting
        need_settings(settings, (MBConvConfig, FusedMBConvConfig), "inverted_residual_setting")
        norm = nn.BatchNorm2d if norm_layer is None else norm_layer
        common: dict[str, Any] = {"norm_layer": norm, "activation_layer": nn.SiLU}
        layers: list[nn.Module] = [
            Conv2dNormActivation(3, settings[0].input_channels, stride=2, **common)
        ]
        total = sum(cnf.num_layers for cnf in settings)
        done = 0
        for cnf in settings:
            stage = []
            for i in range(cnf.num_layers):
                own = copy.copy(cnf)
                if i > 0:
                    own.input_channels, own.stride = own.out_channels, 1
                stage.append(own.block(own, stochastic_depth_prob * done / total, norm))
                done += 1
            layers.append(nn.Sequential(*stage))
        width = settings[-1].out_channels
        last = 4 * width if last_channel is None else last_channel
        layers.append(Conv2dNormActivation(width, last, kernel_size=1, **common))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Dropout(dropout, inplace=True), nn.Linear(last, num_classes)
        )
        bound = 1 / math.sqrt(num_classes)
        initialize(
            self.modules(),
            conv=kaiming_fan_out,
            linear=lambda weight: nn.init.uniform_(weight, -bound, bound),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Scores (N, num_classes) of images (N, 3, H, W)."""
        scores: Tensor = self.classifier(self.avgpool(self.features(x)).flatten(1))
        return scores


_B = (
    (1, 3, 1, 32, 16, 1),
    (6, 3, 2, 16, 24, 2),
    (6, 5, 2, 24, 40, 2),
    (6, 3, 2, 40, 80, 3),
    (6, 5, 1, 80, 112, 3),
    (6, 5, 2, 112, 192, 4),
    (6, 3, 1, 192, 320, 1),
)
# The first three stages are fused.
_V2 = {
    "s": (
        (1, 3, 1, 24, 24, 2),
        (4, 3, 2, 24, 48, 4),
        (4, 3, 2, 48, 64, 4),
        (4, 3, 2, 64, 128, 6),
        (6, 3, 1, 128, 160, 9),
        (6, 3, 2, 160, 256, 15),
    ),
    "m": (
        (1, 3, 1, 24, 24, 3),
        (4, 3, 2, 24, 48, 5),
        (4, 3, 2, 48, 80, 5),
        (4, 3, 2, 80, 160, 7),
        (6, 3, 1, 160, 176, 14),
        (6, 3, 2, 176, 304, 18),
        (6, 3, 1, 304, 512, 5),
    ),
    "l": (
        (1, 3, 1, 32, 32, 4),
        (4, 3, 2, 32, 64, 7),
        (4, 3, 2, 64, 96, 7),
        (4, 3, 2, 96, 192, 10),
        (6, 3, 1, 192, 224, 19),
        (6, 3, 2, 224, 384, 25),
        (6, 3, 1, 384, 640, 7),
    ),
}


def _scaled(kwargs: dict[str, Any], width: float, depth: float, dropout: float) -> EfficientNet:
    settings = [MBConvConfig(*row, width, depth) for row in _B]
    return EfficientNet(settings, kwargs.pop("dropout", dropout), **kwargs)


def _large(kwargs: dict[str, Any], width: float, depth: float, dropout: float) -> EfficientNet:
    kwargs.setdefault("norm_layer", functools.partial(nn.BatchNorm2d, eps=0.001, momentum=0.01))
    return _scaled(kwargs, width, depth, dropout)


def _v2(kwargs: dict[str, Any], size: str, dropout: float) -> EfficientNet:
    rows = _V2[size]
    settings: list[MBConvConfig | FusedMBConvConfig] = [
        *(FusedMBConvConfig(*row) for row in rows[:3]),
        *(MBConvConfig(*row) for row in rows[3:]),
    ]
    kwargs.setdefault("norm_layer", functools.partial(nn.BatchNorm2d, eps=0.001))
    dropout = kwargs.pop("dropout", dropout)
    return EfficientNet(settings, dropout, last_channel=1280, **kwargs)


@with_weights(EfficientNet_B0_Weights)
def efficientnet_b0(**kwargs: Any) -> EfficientNet:
    """EfficientNet B0; arguments are those of :class:`EfficientNet`."""
    return _scaled(kwargs, 1.0, 1.0, 0.2)


@with_weights(EfficientNet_B1_Weights)
def efficientnet_b1(**kwargs: Any) -> EfficientNet:
    """EfficientNet B1; arguments are those of :class:`EfficientNet`."""
    return _scaled(kwargs, 1.0, 1.1, 0.2)


@with_weights(EfficientNet_B2_Weights)
def efficientnet_b2(**kwargs: Any) -> EfficientNet:
    """EfficientNet B2; arguments are those of :class:`EfficientNet`."""
    return _scaled(kwargs, 1.1, 1.2, 0.3)


@with_weights(EfficientNet_B3_Weights)
def efficientnet_b3(**kwargs: Any) -> EfficientNet:
    """EfficientNet B3; arguments are those of :class:`EfficientNet`."""
    return _scaled(kwargs, 1.2, 1.4, 0.3)


@with_weights(EfficientNet_B4_Weights)
def efficientnet_b4(**kwargs: Any) -> EfficientNet:
    """EfficientNet B4; arguments are those of :class:`EfficientNet`."""
    return _scaled(kwargs, 1.4, 1.8, 0.4)


@with_weights(EfficientNet_B5_Weights)
def efficientnet_b5(**kwargs: Any) -> EfficientNet:
    """EfficientNet B5; arguments are those of :class:`EfficientNet`."""
    return _large(kwargs, 1.6, 2.2, 0.4)


@with_weights(EfficientNet_B6_Weights)
def efficientnet_b6(**kwargs: Any) -> EfficientNet:
    """EfficientNet B6; arguments are those of :class:`EfficientNet`."""
    return _large(kwargs, 1.8, 2.6, 0.5)


@with_weights(EfficientNet_B7_Weights)
def efficientnet_b7(**kwargs: Any) -> EfficientNet:
    """EfficientNet B7; arguments are those of :class:`EfficientNet`."""
    return _large(kwargs, 2.0, 3.1, 0.5)


@with_weights(EfficientNet_V2_S_Weights)
def efficientnet_v2_s(**kwargs: Any) -> EfficientNet:
    """EfficientNet v2, small; arguments are those of :class:`EfficientNet`."""
    return _v2(kwargs, "s", 0.2)


@with_weights(EfficientNet_V2_M_Weights)
def efficientnet_v2_m(**kwargs: Any) -> EfficientNet:
    """EfficientNet v2, medium; arguments are those of :class:`EfficientNet`."""
    return _v2(kwargs, "m", 0.3)


@with_weights(EfficientNet_V2_L_Weights)
def efficientnet_v2_l(**kwargs: Any) -> EfficientNet:
    """EfficientNet v2, large; arguments are those of :class:`EfficientNet`."""
    return _v2(kwargs, "l", 0.4)
