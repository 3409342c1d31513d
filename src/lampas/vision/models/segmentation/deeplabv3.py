"""DeepLab v3: Chen et al., "Rethinking atrous convolution for semantic segmentation", 2017."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import lampas
from lampas import Tensor, nn
from lampas.vision.models._weights import weights_enum
from lampas.vision.models.mobilenetv3 import mobilenet_v3_large
from lampas.vision.models.resnet import resnet50, resnet101
from lampas.vision.models.segmentation._model import (
    SimpleSegmentationModel,
    heads_of,
    resized,
    segmentation,
)
from lampas.vision.models.segmentation.fcn import FCNHead

__all__ = [
    "DeepLabV3",
    "DeepLabV3_MobileNet_V3_Large_Weights",
    "DeepLabV3_ResNet101_Weights",
    "DeepLabV3_ResNet50_Weights",
    "deeplabv3_mobilenet_v3_large",
    "deeplabv3_resnet101",
    "deeplabv3_resnet50",
]

DeepLabV3_ResNet50_Weights = weights_enum("DeepLabV3_ResNet50_Weights")
DeepLabV3_ResNet101_Weights = weights_enum("DeepLabV3_ResNet101_Weights")
DeepLabV3_MobileNet_V3_Large_Weights = weights_enum("DeepLabV3_MobileNet_V3_Large_Weights")


class DeepLabV3(SimpleSegmentationModel):
    """A dilated backbone, and convolutions of several dilations side by side.

    >>> from lampas.vision.models.segmentation import deeplabv3_mobilenet_v3_large
    >>> model = deeplabv3_mobilenet_v3_large(num_classes=3).eval()
    >>> model(lampas.zeros(1, 3, 32, 32))["out"].shape
    torch.Size([1, 3, 32, 32])
    """


def _conv(width: int, out: int, kernel: int = 1, dilation: int = 1) -> list[nn.Module]:
    padding = dilation if kernel == 3 else 0
    conv = nn.Conv2d(width, out, kernel, padding=padding, dilation=dilation, bias=False)
    return [conv, nn.BatchNorm2d(out), nn.ReLU()]


class ASPPPooling(nn.Sequential):
    """The mean over the image, at every position.

    >>> ASPPPooling(8, 4).eval()(lampas.zeros(1, 8, 5, 5)).shape
    torch.Size([1, 4, 5, 5])
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(nn.AdaptiveAvgPool2d(1), *_conv(in_channels, out_channels))

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) to (N, out_channels, H, W)."""
        return resized(super().forward(x), x)


class ASPP(nn.Module):
    """Atrous spatial pyramid pooling: convolutions of several dilations, and a pooling.

    >>> ASPP(8, [2, 3], 4).eval()(lampas.zeros(1, 8, 5, 5)).shape
    torch.Size([1, 4, 5, 5])
    """

    def __init__(
        self, in_channels: int, atrous_rates: Sequence[int], out_channels: int = 256
    ) -> None:
        super().__init__()
        branches: list[nn.Module] = [nn.Sequential(*_conv(in_channels, out_channels))]
        for rate in atrous_rates:
            branches.append(nn.Sequential(*_conv(in_channels, out_channels, 3, rate)))
        branches.append(ASPPPooling(in_channels, out_channels))
        self.convs = nn.ModuleList(branches)
        width = len(branches) * out_channels
        self.project = nn.Sequential(*_conv(width, out_channels), nn.Dropout(0.5))

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) to (N, out_channels, H, W)."""
        out: Tensor = self.project(lampas.cat([conv(x) for conv in self.convs], dim=1))
        return out


class DeepLabHead(nn.Sequential):
    """ASPP and two convolutions, to a channel for each class.

    >>> DeepLabHead(8, 2).eval()(lampas.zeros(1, 8, 5, 5)).shape
    torch.Size([1, 2, 5, 5])
    """

    def __init__(
        self, in_channels: int, num_classes: int, atrous_rates: Sequence[int] = (12, 24, 36)
    ) -> None:
        super().__init__(
            ASPP(in_channels, atrous_rates),
            *_conv(256, 256, 3),
            nn.Conv2d(256, num_classes, 1),
        )


def _build(backbone: nn.Module, num_classes: int, aux_loss: bool | None) -> DeepLabV3:
    return DeepLabV3(*heads_of(backbone, num_classes, bool(aux_loss), DeepLabHead, FCNHead))


_DILATE = [False, True, True]


@segmentation(DeepLabV3_ResNet50_Weights)
def deeplabv3_resnet50(
    *, num_classes: int = 21, aux_loss: bool | None = None, weights_backbone: Any = None
) -> DeepLabV3:
    """DeepLab v3 over ResNet-50; `weights_backbone` are weights for :func:`resnet50`."""
    backbone = resnet50(weights=weights_backbone, replace_stride_with_dilation=_DILATE)
    return _build(backbone, num_classes, aux_loss)


@segmentation(DeepLabV3_ResNet101_Weights)
def deeplabv3_resnet101(
    *, num_classes: int = 21, aux_loss: bool | None = None, weights_backbone: Any = None
) -> DeepLabV3:
    """DeepLab v3 over ResNet-101; `weights_backbone` are weights for :func:`resnet101`."""
    backbone = resnet101(weights=weights_backbone, replace_stride_with_dilation=_DILATE)
    return _build(backbone, num_classes, aux_loss)


@segmentation(DeepLabV3_MobileNet_V3_Large_Weights)
def deeplabv3_mobilenet_v3_large(
    *, num_classes: int = 21, aux_loss: bool | None = None, weights_backbone: Any = None
) -> DeepLabV3:
    """DeepLab v3 over MobileNet v3; `weights_backbone` are weights for mobilenet_v3_large."""
    backbone = mobilenet_v3_large(weights=weights_backbone, dilated=True)
    return _build(backbone, num_classes, aux_loss)
