"""MNASNet: Tan et al., "MnasNet: platform-aware neural architecture search for mobile", 2018."""

from __future__ import annotations

from typing import Any

from lampas import Tensor, nn
from lampas.vision.models._layers import initialize, kaiming_fan_out, make_divisible
from lampas.vision.models._registry import with_weights
from lampas.vision.models._weights import weights_enum

__all__ = [
    "MNASNet",
    "MNASNet0_5_Weights",
    "MNASNet0_75_Weights",
    "MNASNet1_0_Weights",
    "MNASNet1_3_Weights",
    "mnasnet0_5",
    "mnasnet0_75",
    "mnasnet1_0",
    "mnasnet1_3",
]

MNASNet0_5_Weights = weights_enum("MNASNet0_5_Weights")
MNASNet0_75_Weights = weights_enum("MNASNet0_75_Weights")
MNASNet1_0_Weights = weights_enum("MNASNet1_0_Weights")
MNASNet1_3_Weights = weights_enum("MNASNet1_3_Weights")

# TensorFlow's 0.9997, said the other way round.
_MOMENTUM = 1 - 0.9997
# Kernel, stride, expansion and number of blocks of each stage.
_STAGES = ((3, 2, 3, 3), (5, 2, 3, 3), (5, 2, 6, 3), (3, 1, 6, 2), (5, 2, 6, 4), (3, 1, 6, 1))


def _conv(width: int, out: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> list[Any]:
    conv = nn.Conv2d(
        width, out, kernel, padding=kernel // 2, stride=stride, groups=groups, bias=False
    )
    return [conv, nn.BatchNorm2d(out, momentum=_MOMENTUM)]


class _InvertedResidual(nn.Module):
    """Widens, convolves each channel by itself, narrows."""

    def __init__(self, width: int, out: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = width * expansion
        self.apply_residual = width == out and stride == 1
        self.layers = nn.Sequential(
            *_conv(width, inner),
            nn.ReLU(inplace=True),
            *_conv(inner, inner, kernel, stride, inner),
            nn.ReLU(inplace=True),
            *_conv(inner, out),
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return y + x if self.apply_residual else y


def _uniform(weight: Tensor) -> None:
    nn.init.kaiming_uniform_(weight, mode="fan_out", nonlinearity="sigmoid")


class MNASNet(nn.Module):
    """MNASNet with `alpha` times the channels of the original.

    >>> MNASNet(0.5, num_classes=10).eval()(lampas.zeros(1, 3, 32, 32)).shape
    torch.Size([1, 10])
    """

    _version = 2

    def __init__(self, alpha: float, num_classes: int = 1000, dropout: float = 0.2) -> None:
        super().__init__()
        if alpha <= 0:
            raise ValueError(f"alpha should be greater than 0.0 instead of {alpha}")
        self.alpha = alpha
        self.num_classes = num_classes
        stem, width, *widths = (
            make_divisible(depth * alpha, 8) for depth in (32, 16, 24, 40, 80, 96, 192, 320)
        )
        layers = [*_conv(3, stem, 3, 2), nn.ReLU(inplace=True)]
        layers += [*_conv(stem, stem, 3, 1, stem), nn.ReLU(inplace=True), *_conv(stem, width)]
        for out, (kernel, stride, expansion, repeats) in zip(widths, _STAGES, strict=True):
            blocks = []
            for i in range(repeats):
                step = stride if i == 0 else 1
                blocks.append(_InvertedResidual(width, out, kernel, step, expansion))
                width = out
            layers.append(nn.Sequential(*blocks))
        layers += [*_conv(width, 1280), nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.Dropout(dropout, inplace=True), nn.Linear(1280, num_classes)
        )
        initialize(self.modules(), conv=kaiming_fan_out, linear=_uniform)

    def forward(self, x: Tensor) -> Tensor:
        """Scores (N, num_classes) of images (N, 3, H, W)."""
        scores: Tensor = self.classifier(self.layers(x).mean([2, 3]))
        return scores


@with_weights(MNASNet0_5_Weights)
def mnasnet0_5(**kwargs: Any) -> MNASNet:
    """MNASNet with half the channels; arguments are those of :class:`MNASNet`."""
    return MNASNet(0.5, **kwargs)


@with_weights(MNASNet0_75_Weights)
def mnasnet0_75(**kwargs: Any) -> MNASNet:
    """MNASNet with 3/4 of the channels; arguments are those of :class:`MNASNet`."""
    return MNASNet(0.75, **kwargs)


@with_weights(MNASNet1_0_Weights)
def mnasnet1_0(**kwargs: Any) -> MNASNet:
    """MNASNet; arguments are those of :class:`MNASNet`."""
    return MNASNet(1.0, **kwargs)


@with_weights(MNASNet1_3_Weights)
def mnasnet1_3(**kwargs: Any) -> MNASNet:
    """MNASNet with 1.3 times the channels; arguments are those of :class:`MNASNet`."""
    return MNASNet(1.3, **kwargs)
