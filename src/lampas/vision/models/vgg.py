"""VGG: Simonyan and Zisserman, "Very deep convolutional networks for large-scale image
recognition", 2014."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lampas import Tensor, nn
from lampas.vision.models._layers import initialize, kaiming_fan_out, normal
from lampas.vision.models._registry import with_weights
from lampas.vision.models._weights import WeightsEnum, weights_enum

__all__ = [
    "VGG",
    "VGG11_BN_Weights",
    "VGG11_Weights",
    "VGG13_BN_Weights",
    "VGG13_Weights",
    "VGG16_BN_Weights",
    "VGG16_Weights",
    "VGG19_BN_Weights",
    "VGG19_Weights",
    "vgg11",
    "vgg11_bn",
    "vgg13",
    "vgg13_bn",
    "vgg16",
    "vgg16_bn",
    "vgg19",
    "vgg19_bn",
]

VGG11_Weights = weights_enum("VGG11_Weights")
VGG11_BN_Weights = weights_enum("VGG11_BN_Weights")
VGG13_Weights = weights_enum("VGG13_Weights")
VGG13_BN_Weights = weights_enum("VGG13_BN_Weights")
VGG16_Weights = weights_enum("VGG16_Weights")
VGG16_BN_Weights = weights_enum("VGG16_BN_Weights")
VGG19_Weights = weights_enum("VGG19_Weights")
VGG19_BN_Weights = weights_enum("VGG19_BN_Weights")


def make_layers(depths: Sequence[int], batch_norm: bool = False) -> nn.Sequential:
    """Five stages of 3 x 3 convolutions, so many in each, with a pooling after each.

    >>> len(make_layers((1, 1, 2, 2, 2)))
    21
    """
    layers: list[nn.Module] = []
    width = 3
    for depth, channels in zip(depths, (64, 128, 256, 512, 512), strict=True):
        for _ in range(depth):
            layers.append(nn.Conv2d(width, channels, 3, padding=1))
            if batch_norm:
                layers.append(nn.BatchNorm2d(channels))
            layers.append(nn.ReLU(inplace=True))
            width = channels
        layers.append(nn.MaxPool2d(kernel_size=2, stride=2))
    return nn.Sequential(*layers)


class VGG(nn.Module):
    """Features (3 to 512 channels), pooled to 7 x 7, and three linear layers.

    >>> VGG(make_layers((1, 1, 1, 1, 1)), num_classes=2).eval()(lampas.zeros(1, 3, 32, 32)).shape
    torch.Size([1, 2])
    """

    def __init__(
        self,
        features: nn.Module,
        num_classes: int = 1000,
        init_weights: bool = True,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.features = features
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(4096, num_classes),
        )
        if init_weights:
            initialize(self.modules(), conv=kaiming_fan_out, linear=normal(0.01))

    def forward(self, x: Tensor) -> Tensor:
        """Scores (N, num_classes) of images (N, 3, H, W), at least 32 x 32."""
        scores: Tensor = self.classifier(self.avgpool(self.features(x)).flatten(1))
        return scores


_DEPTHS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}


def _vgg(layers: int, batch_norm: bool, kwargs: dict[str, Any]) -> VGG:
    return VGG(make_layers(_DEPTHS[layers], batch_norm), **kwargs)


def _undrawn(kwargs: dict[str, Any], weights: WeightsEnum) -> None:
    kwargs["init_weights"] = False


@with_weights(VGG11_Weights, _undrawn)
def vgg11(**kwargs: Any) -> VGG:
    """VGG with 11 layers; arguments are those of :class:`VGG`."""
    return _vgg(11, False, kwargs)


@with_weights(VGG11_BN_Weights, _undrawn)
def vgg11_bn(**kwargs: Any) -> VGG:
    """VGG with 11 layers and batch normalization; arguments are those of :class:`VGG`."""
    return _vgg(11, True, kwargs)


@with_weights(VGG13_Weights, _undrawn)
def vgg13(**kwargs: Any) -> VGG:
    """VGG with 13 layers; arguments are those of :class:`VGG`."""
    return _vgg(13, False, kwargs)


@with_weights(VGG13_BN_Weights, _undrawn)
def vgg13_bn(**kwargs: Any) -> VGG:
    """VGG with 13 layers and batch normalization; arguments are those of :class:`VGG`."""
    return _vgg(13, True, kwargs)


@with_weights(VGG16_Weights, _undrawn)
def vgg16(**kwargs: Any) -> VGG:
    """VGG with 16 layers; arguments are those of :class:`VGG`."""
    return _vgg(16, False, kwargs)


@with_weights(VGG16_BN_Weights, _undrawn)
def vgg16_bn(**kwargs: Any) -> VGG:
    """VGG with 16 layers and batch normalization; arguments are those of :class:`VGG`."""
    return _vgg(16, True, kwargs)


@with_weights(VGG19_Weights, _undrawn)
def vgg19(**kwargs: Any) -> VGG:
    """VGG with 19 layers; arguments are those of :class:`VGG`."""
    return _vgg(19, False, kwargs)


@with_weights(VGG19_BN_Weights, _undrawn)
def vgg19_bn(**kwargs: Any) -> VGG:
    """VGG with 19 layers and batch normalization; arguments are those of :class:`VGG`."""
    return _vgg(19, True, kwargs)
