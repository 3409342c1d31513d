"""MobileNet v3: Howard et al., "Searching for MobileNetV3", 2019."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from lampas import Tensor, nn
from lampas.vision.models._layers import (
    Conv2dNormActivation,
    ModuleMaker,
    SqueezeExcitation,
    initialize,
    kaiming_fan_out,
    make_divisible,
    need_settings,
    normal,
)
from lampas.vision.models._registry import with_weights
from lampas.vision.models._weights import weights_enum

__all__ = [
    "MobileNetV3",
    "MobileNet_V3_Large_Weights",
    "MobileNet_V3_Small_Weights",
    "mobilenet_v3_large",
    "mobilenet_v3_small",
]

MobileNet_V3_Large_Weights = weights_enum("MobileNet_V3_Large_Weights")
MobileNet_V3_Small_Weights = weights_enum("MobileNet_V3_Small_Weights")

# Channels in, kernel, channels inside, channels out, squeeze and excite, activation, stride. The
# last three blocks are the tail, which can be reduced and dilated.
_LARGE = (
    (16, 3, 16, 16, False, "RE", 1),
    (16, 3, 64, 24, False, "RE", 2),
    (24, 3, 72, 24, False, "RE", 1),
    (24, 5, 72, 40, True, "RE", 2),
    (40, 5, 120, 40, True, "RE", 1),
    (40, 5, 120, 40, True, "RE", 1),
    (40, 3, 240, 80, False, "HS", 2),
    (80, 3, 200, 80, False, "HS", 1),
    (80, 3, 184, 80, False, "HS", 1),
    (80, 3, 184, 80, False, "HS", 1),
    (80, 3, 480, 112, True, "HS", 1),
    (112, 3, 672, 112, True, "HS", 1),
    (112, 5, 672, 160, True, "HS", 2),
    (160, 5, 960, 160, True, "HS", 1),
    (160, 5, 960, 160, True, "HS", 1),
)
_SMALL = (
    (16, 3, 16, 16, True, "RE", 2),
    (16, 3, 72, 24, False, "RE", 2),
    (24, 3, 88, 24, False, "RE", 1),
    (24, 5, 96, 40, True, "HS", 2),
    (40, 5, 240, 40, True, "HS", 1),
    (40, 5, 240, 40, True, "HS", 1),
    (40, 5, 120, 48, True, "HS", 1),
    (48, 5, 144, 48, True, "HS", 1),
    (48, 5, 288, 96, True, "HS", 2),
    (96, 5, 576, 96, True, "HS", 1),
    (96, 5, 576, 96, True, "HS", 1),
)


class InvertedResidualConfig:
    """One block: its channels, kernel, squeeze and excitation, activation ("RE", "HS"), stride.

    >>> InvertedResidualConfig(16, 3, 64, 24, False, "RE", 2, 1, 0.5).out_channels
    16
    """

    def __init__(
        self,
        input_channels: int,
        kernel: int,
        expanded_channels: int,
        out_channels: int,
        use_se: bool,
        activation: str,
        stride: int,
        dilation: int,
        width_mult: float,
    ) -> None:
        self.input_channels = self.adjust_channels(input_channels, width_mult)
        self.kernel = kernel
        self.expanded_channels = self.adjust_channels(expanded_channels, width_mult)
        self.out_channels = self.adjust_channels(out_channels, width_mult)
        self.use_se = use_se
        self.use_hs = activation == "HS"
        self.stride = stride
        self.dilation = dilation

    @staticmethod
    def adjust_channels(channels: int, width_mult: float) -> int:
        """Channels times a factor, as a multiple of 8."""
        return make_divisible(channels * width_mult, 8)


class InvertedResidual(nn.Module):
    """Widens, convolves each channel by itself, squeezes and excites, narrows.

    >>> config = InvertedResidualConfig(16, 3, 16, 16, True, "HS", 1, 1, 1.0)
    >>> InvertedResidual(config, nn.BatchNorm2d)(lampas.zeros(1, 16, 4, 4)).shape
    torch.Size([1, 16, 4, 4])
    """

    def __init__(
        self,
        cnf: InvertedResidualConfig,
        norm_layer: ModuleMaker,
        se_layer: ModuleMaker = functools.partial(
            SqueezeExcitation, scale_activation=nn.Hardsigmoid
        ),
    ) -> None:
        super().__init__()
        if cnf.stride not in (1, 2):
            raise ValueError(f"illegal stride value {cnf.stride}; take 1 or 2")
        self.use_res_connect = cnf.stride == 1 and cnf.input_channels == cnf.out_channels
        self.out_channels = cnf.out_channels
        # Where the backbone of another model may take its features.
        self._is_cn = cnf.stride > 1
        inner = cnf.expanded_channels
        common: dict[str, Any] = {
            "norm_layer": norm_layer,
            "activation_layer": nn.Hardswish if cnf.use_hs else nn.ReLU,
        }
        layers: list[nn.Module] = []
        if inner != cnf.input_channels:
            layers.append(Conv2dNormActivation(cnf.input_channels, inner, kernel_size=1, **common))
        layers.append(
            Conv2dNormActivation(
                inner,
                inner,
                kernel_size=cnf.kernel,
                stride=1 if cnf.dilation > 1 else cnf.stride,
                dilation=cnf.dilation,
                groups=inner,
                **common,
            )
        )
        if cnf.use_se:
            layers.append(se_layer(inner, make_divisible(inner // 4, 8)))
        common["activation_layer"] = None
        layers.append(Conv2dNormActivation(inner, cnf.out_channels, kernel_size=1, **common))
        self.block = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, out_channels, H / stride, W / stride)."""
        y: Tensor = self.block(x)
        if self.use_res_connect:
            y += x
        return y


class MobileNetV3(nn.Module):
    """MobileNet v3 of given blocks, with `last_channel` inner units in the classifier.

    >>> from lampas.vision.models import mobilenet_v3_small
    >>> mobilenet_v3_small(num_classes=10).eval()(lampas.zeros(1, 3, 32, 32)).shape
    torch.Size([1, 10])
    """

    def __init__(
        self,
        inverted_residual_setting: Sequence[InvertedResidualConfig],
        last_channel: int,
        num_classes: int = 1000,
        block: ModuleMaker | None = None,
        norm_layer: ModuleMaker | None = None,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        settings = inverted_residual_setting
        need_settings(settings, InvertedResidualConfig, "inverted_residual_setting")
        make = InvertedResidual if block is None else block
        norm = functools.partial(nn.BatchNorm2d, eps=0.001, momentum=0.01)
        norm = norm if norm_layer is None else norm_layer  # type: ignore[assignment]
        common: dict[str, Any] = {"norm_layer": norm, "activation_layer": nn.Hardswish}
        width = settings[-1].out_channels
        layers: list[nn.Module] = [
            Conv2dNormActivation(3, settings[0].input_channels, stride=2, **common),
            *(make(cnf, norm) for cnf in settings),
            Conv2dNormActivation(width, 6 * width, kernel_size=1, **common),
        ]
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Linear(6 * width, last_channel),
            nn.Hardswish(inplace=True),
            nn.Dropout(dropout, inplace=True),
            nn.Linear(last_channel, num_classes),
        )
        initialize(self.modules(), conv=kaiming_fan_out, linear=normal(0.01))

    def forward(self, x: Tensor) -> Tensor:
        """Scores (N, num_classes) of images (N, 3, H, W)."""
        scores: Tensor = self.classifier(self.avgpool(self.features(x)).flatten(1))
        return scores


def _build(table: Any, last_channel: int, kwargs: dict[str, Any]) -> MobileNetV3:
    width_mult = kwargs.pop("width_mult", 1.0)
    divisor = 2 if kwargs.pop("reduced_tail", False) else 1
    dilation = 2 if kwargs.pop("dilated", False) else 1
    settings = []
    for i, (width, kernel, inner, out, use_se, activation, stride) in enumerate(table):
        # The tail: its first block still has the width of what comes before.
        tail = i - (len(table) - 3)
        out = out // divisor if tail >= 0 else out
        if tail >= 1:
            width, inner = width // divisor, inner // divisor
        spread = dilation if tail >= 0 else 1
        settings.append(
            InvertedResidualConfig(
                width, kernel, inner, out, use_se, activation, stride, spread, width_mult
            )
        )
    last = InvertedResidualConfig.adjust_channels(last_channel // divisor, width_mult)
    return MobileNetV3(settings, last, **kwargs)


@with_weights(MobileNet_V3_Large_Weights)
def mobilenet_v3_large(**kwargs: Any) -> MobileNetV3:
    """MobileNet v3, large; arguments are those of :class:`MobileNetV3`, and:

    width_mult (a factor for the channels), reduced_tail (half the channels in the last blocks),
    dilated (keep the size in the last blocks).
    """
    return _build(_LARGE, 1280, kwargs)


@with_weights(MobileNet_V3_Small_Weights)
def mobilenet_v3_small(**kwargs: Any) -> MobileNetV3:
    """MobileNet v3, small; arguments as for mobilenet_v3_large."""
    return _build(_SMALL, 1024, kwargs)
