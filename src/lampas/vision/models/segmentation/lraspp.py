"""LR-ASPP: the segmentation head of MobileNet v3 (Howard et al., 2019)."""

from __future__ import annotations

from typing import Any

from lampas import Tensor, nn
from lampas.vision.models._layers import IntermediateLayerGetter
from lampas.vision.models._registry import with_weights
from lampas.vision.models._weights import WeightsEnum, weights_enum
from lampas.vision.models.mobilenetv3 import mobilenet_v3_large
from lampas.vision.models.segmentation._model import resized, stage_positions

__all__ = ["LRASPP", "LRASPP_MobileNet_V3_Large_Weights", "lraspp_mobilenet_v3_large"]

LRASPP_MobileNet_V3_Large_Weights = weights_enum("LRASPP_MobileNet_V3_Large_Weights")


class LRASPPHead(nn.Module):
    """Scores of features "low" and "high", the latter scaled by their mean over the image."""

    def __init__(
        self, low_channels: int, high_channels: int, num_classes: int, inter_channels: int
    ) -> None:
        super().__init__()
        self.cbr = nn.Sequential(
            nn.Conv2d(high_channels, inter_channels, 1, bias=False),
            nn.BatchNorm2d(inter_channels),
            nn.ReLU(inplace=True),
        )
        self.scale = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(high_channels, inter_channels, 1, bias=False),
            nn.Sigmoid(),
        )
        self.low_classifier = nn.Conv2d(low_channels, num_classes, 1)
        self.high_classifier = nn.Conv2d(inter_channels, num_classes, 1)

    def forward(self, features: dict[str, Tensor]) -> Tensor:
        """(N, num_classes, H, W) of the size of "low"."""
        low, high = features["low"], features["high"]
        x = resized(self.cbr(high) * self.scale(high), low)
        out: Tensor = self.low_classifier(low) + self.high_classifier(x)
        return out


class LRASPP(nn.Module):
    """A backbone giving "low" and "high", and a light head.

    >>> from lampas.vision.models.segmentation import lraspp_mobilenet_v3_large
    >>> model = lraspp_mobilenet_v3_large(num_classes=3).eval()
    >>> model(lampas.zeros(1, 3, 32, 32))["out"].shape
    torch.Size([1, 3, 32, 32])
    """

    def __init__(
        self,
        backbone: nn.Module,
        low_channels: int,
        high_channels: int,
        num_classes: int,
        inter_channels: int = 128,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.classifier = LRASPPHead(low_channels, high_channels, num_classes, inter_channels)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Scores (N, num_classes, H, W) of images (N, 3, H, W), under "out"."""
        return {"out": resized(self.classifier(self.backbone(x)), x)}


def _no_backbone(kwargs: dict[str, Any], weights: WeightsEnum) -> None:
    kwargs["weights_backbone"] = None


@with_weights(LRASPP_MobileNet_V3_Large_Weights, _no_backbone)
def lraspp_mobilenet_v3_large(*, num_classes: int = 21, weights_backbone: Any = None) -> LRASPP:
    """LR-ASPP over MobileNet v3; `weights_backbone` are weights for mobilenet_v3_large."""
    features: Any = mobilenet_v3_large(weights=weights_backbone, dilated=True).features
    low, high = stage_positions(features)[-4], len(features) - 1
    backbone = IntermediateLayerGetter(features, {str(low): "low", str(high): "high"})
    return LRASPP(backbone, features[low].out_channels, features[high].out_channels, num_classes)
