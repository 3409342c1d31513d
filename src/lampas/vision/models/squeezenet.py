"""SqueezeNet: Iandola et al., "AlexNet-level accuracy with 50x fewer parameters", 2016."""

from __future__ import annotations

from typing import Any

import lampas
from lampas import Tensor, nn
from lampas.vision.models._layers import initialize, normal
from lampas.vision.models._registry import with_weights
from lampas.vision.models._weights import weights_enum

__all__ = [
    "SqueezeNet",
    "SqueezeNet1_0_Weights",
    "SqueezeNet1_1_Weights",
    "squeezenet1_0",
    "squeezenet1_1",
]

SqueezeNet1_0_Weights = weights_enum("SqueezeNet1_0_Weights")
SqueezeNet1_1_Weights = weights_enum("SqueezeNet1_1_Weights")

# Channels and kernel of the first convolution; then a fire's squeezed channels, or a pooling.
_VERSIONS: dict[str, tuple[int, int, list[int | str]]] = {
    "1_0": (96, 7, ["pool", 16, 16, 32, "pool", 32, 48, 48, 64, "pool", 64]),
    "1_1": (64, 3, ["pool", 16, 16, "pool", 32, 32, "pool", 48, 48, 64, 64]),
}


class Fire(nn.Module):
    """Squeezes channels by 1 x 1 and expands them by 1 x 1 and by 3 x 3 convolutions.

    >>> Fire(8, 2, 4, 4)(lampas.zeros(1, 8, 5, 5)).shape
    torch.Size([1, 8, 5, 5])
    """

    def __init__(
        self, inplanes: int, squeeze_planes: int, expand1x1_planes: int, expand3x3_planes: int
    ) -> None:
        super().__init__()
        self.inplanes = inplanes
        self.squeeze = nn.Conv2d(inplanes, squeeze_planes, kernel_size=1)
        self.squeeze_activation = nn.ReLU(inplace=True)
        self.expand1x1 = nn.Conv2d(squeeze_planes, expand1x1_planes, kernel_size=1)
        self.expand1x1_activation = nn.ReLU(inplace=True)
        self.expand3x3 = nn.Conv2d(squeeze_planes, expand3x3_planes, kernel_size=3, padding=1)
        self.expand3x3_activation = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inplanes, H, W) to (N, expanded, H, W)."""
        x = self.squeeze_activation(self.squeeze(x))
        small = self.expand1x1_activation(self.expand1x1(x))
        large = self.expand3x3_activation(self.expand3x3(x))
        return lampas.cat([small, large], 1)


class SqueezeNet(nn.Module):
    """Fires and poolings, and a convolution with a channel for each class.

    >>> SqueezeNet("1_1", num_classes=10)(lampas.zeros(1, 3, 32, 32)).shape
    torch.Size([1, 10])
    """

    def __init__(self, version: str = "1_0", num_classes: int = 1000, dropout: float = 0.5) -> None:
        super().__init__()
        if version not in _VERSIONS:
            raise ValueError(f"Unsupported SqueezeNet version {version}: 1_0 or 1_1 expected")
        self.num_classes = num_classes
        width, kernel, plan = _VERSIONS[version]
        layers: list[nn.Module] = [nn.Conv2d(3, width, kernel, stride=2), nn.ReLU(inplace=True)]
        for step in plan:
            if isinstance(step, int):
                layers.append(Fire(width, step, 4 * step, 4 * step))
                width = 8 * step
            else:
                layers.append(nn.MaxPool2d(kernel_size=3, stride=2, ceil_mode=True))
        self.features = nn.Sequential(*layers)
        last = nn.Conv2d(512, num_classes, kernel_size=1)
        self.classifier = nn.Sequential(
            nn.Dropout(dropout), last, nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d((1, 1))
        )
        initialize(self.features.modules(), conv=nn.init.kaiming_uniform_)
        initialize([last], conv=normal(0.01))

    def forward(self, x: Tensor) -> Tensor:
        """Scores (N, num_classes) of images (N, 3, H, W), at least 21 x 21."""
        scores: Tensor = self.classifier(self.features(x)).flatten(1)
        return scores


@with_weights(SqueezeNet1_0_Weights)
def squeezenet1_0(**kwargs: Any) -> SqueezeNet:
    """SqueezeNet 1.0; arguments are those of :class:`SqueezeNet`."""
    return SqueezeNet("1_0", **kwargs)


@with_weights(SqueezeNet1_1_Weights)
def squeezenet1_1(**kwargs: Any) -> SqueezeNet:
    """SqueezeNet 1.1, 2.4 times faster at the same accuracy; arguments as for 1.0."""
    return SqueezeNet("1_1", **kwargs)
