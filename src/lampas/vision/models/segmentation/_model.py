"""What segmentation models share: a backbone, heads, and a mask of the input's size."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from lampas import Tensor, nn
from lampas.vision.models._layers import IntermediateLayerGetter
from lampas.vision.models._registry import with_weights
from lampas.vision.models._weights import WeightsEnum

M = TypeVar("M", bound=nn.Module)


def resized(x: Tensor, like: Tensor) -> Tensor:
    """`x` interpolated to the height and width of `like`."""
    return nn.functional.interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=False)


class SimpleSegmentationModel(nn.Module):
    """A backbone giving "out" (and "aux"), a classifier for it, and perhaps an auxiliary one."""

    def __init__(
        self,
        backbone: nn.Module,
        classifier: nn.Module,
        aux_classifier: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.classifier = classifier
        self.aux_classifier = aux_classifier

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Scores (N, num_classes, H, W) of images (N, 3, H, W), under "out" and perhaps "aux"."""
        features = self.backbone(x)
        result = {"out": resized(self.classifier(features["out"]), x)}
        if self.aux_classifier is not None:
            result["aux"] = resized(self.aux_classifier(features["aux"]), x)
        return result


def stage_positions(features: nn.Sequential) -> list[int]:
    """Where the stages of a MobileNet v3 begin, and its last layer."""
    strided = [i for i, block in enumerate(features) if getattr(block, "_is_cn", False)]
    return [0, *strided, len(features) - 1]


def heads_of(
    backbone: Any, num_classes: int, aux: bool, head: Any, aux_head: Any
) -> tuple[nn.Module, nn.Module, nn.Module | None]:
    """The backbone as a getter, and its heads; a ResNet, or a MobileNet v3 by its features."""
    if hasattr(backbone, "layer4"):
        out, low, channels, low_channels = "layer4", "layer3", 2048, 1024
    else:
        backbone = backbone.features
        positions = stage_positions(backbone)
        out, low = str(positions[-1]), str(positions[-4])
        channels = backbone[positions[-1]].out_channels
        low_channels = backbone[positions[-4]].out_channels
    names = {out: "out", low: "aux"} if aux else {out: "out"}
    auxiliary = aux_head(low_channels, num_classes) if aux else None
    return IntermediateLayerGetter(backbone, names), head(channels, num_classes), auxiliary


def _no_backbone(kwargs: dict[str, Any], weights: WeightsEnum) -> None:
    kwargs["weights_backbone"] = None
    if kwargs.get("aux_loss") is None:
        kwargs["aux_loss"] = True


def segmentation(enum: type[WeightsEnum]) -> Callable[[Callable[..., M]], Callable[..., M]]:
    """A decorator like `with_weights`, for models with an auxiliary head and a backbone.

    Published weights come with the auxiliary head, and with those of the backbone.
    """

    def decorate(build: Callable[..., M]) -> Callable[..., M]:
        @functools.wraps(build)
        def with_classes(num_classes: int = 21, **kwargs: Any) -> M:
            return build(num_classes=num_classes, **kwargs)

        with_classes.__signature__ = inspect.signature(build)  # type: ignore[attr-defined]
        return with_weights(enum, _no_backbone)(with_classes)

    return decorate
