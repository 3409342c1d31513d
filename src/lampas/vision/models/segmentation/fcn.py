"""FCN: Long et al., "Fully convolutional networks for semantic segmentation", 2014."""

from __future__ import annotations

from typing import Any

from lampas import nn
from lampas.vision.models._weights import weights_enum
from lampas.vision.models.resnet import resnet50, resnet101
from lampas.vision.models.segmentation._model import (
    SimpleSegmentationModel,
    heads_of,
    segmentation,
)

__all__ = [
    "FCN",
    "FCN_ResNet101_Weights",
    "FCN_ResNet50_Weights",
    "fcn_resnet101",
    "fcn_resnet50",
]

FCN_ResNet50_Weights = weights_enum("FCN_ResNet50_Weights")
FCN_ResNet101_Weights = weights_enum("FCN_ResNet101_Weights")


class FCN(SimpleSegmentationModel):
    """A backbone whose features a small convolutional head classifies, position by position.

    >>> from lampas.vision.models.segmentation import fcn_resnet50
    >>> fcn_resnet50(num_classes=3).eval()(lampas.zeros(1, 3, 32, 32))["out"].shape
    torch.Size([1, 3, 32, 32])
    """


class FCNHead(nn.Sequential):
    """Two convolutions, from `in_channels` to a channel for each class.

    >>> FCNHead(8, 2)(lampas.zeros(2, 8, 4, 4)).shape
    torch.Size([2, 2, 4, 4])
    """

    def __init__(self, in_channels: int, channels: int) -> None:
        inner = in_channels // 4
        super().__init__(
            nn.Conv2d(in_channels, inner, 3, padding=1, bias=False),
            nn.BatchNorm2d(inner),
            nn.ReLU(),
            nn.Dropout(0.1),
            nn.Conv2d(inner, channels, 1),
        )


def _build(resnet: Any, weights: Any, num_classes: int, aux_loss: bool | None) -> FCN:
    backbone = resnet(weights=weights, replace_stride_with_dilation=[False, True, True])
    return FCN(*heads_of(backbone, num_classes, bool(aux_loss), FCNHead, FCNHead))


@segmentation(FCN_ResNet50_Weights)
def fcn_resnet50(
    *, num_classes: int = 21, aux_loss: bool | None = None, weights_backbone: Any = None
) -> FCN:
    """FCN over ResNet-50; `weights_backbone` are weights for :func:`resnet50`."""
    return _build(resnet50, weights_backbone, num_classes, aux_loss)


@segmentation(FCN_ResNet101_Weights)
def fcn_resnet101(
    *, num_classes: int = 21, aux_loss: bool | None = None, weights_backbone: Any = None
) -> FCN:
    """FCN over ResNet-101; `weights_backbone` are weights for :func:`resnet101`."""
    return _build(resnet101, weights_backbone, num_classes, aux_loss)
