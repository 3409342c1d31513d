"""Convolutional and residual networks for small images, with batch normalisation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lampas.nn as nn
import lampas.nn.functional as F

if TYPE_CHECKING:
    from lampas import Tensor


def _unit(inputs: int, outputs: int, pool: bool = False) -> nn.Sequential:
    """Convolution, normalisation, ReLU; with ``pool``, half the width and height."""
    layers: list[nn.Module] = [
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    ]
    if pool:
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers)


class ConvNet(nn.Module):
    """Five convolutions with batch normalisation and a mean over the image: 35,000 parameters.

    Images ``(N, channels, H, W)`` of at least 4 × 4 pixels; the result is logits ``(N, classes)``.

    >>> import lampas
    >>> ConvNet()(lampas.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 10])
    """

    def __init__(self, classes: int = 10, channels: int = 1, width: int = 16) -> None:
        super().__init__()
        self.features = nn.Sequential(
            _unit(channels, width),
            _unit(width, width, pool=True),
            _unit(width, 2 * width),
            _unit(2 * width, 2 * width, pool=True),
            _unit(2 * width, 4 * width),
        )
        self.fc = nn.Linear(4 * width, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.features(x).mean((2, 3)))


class _Residual(nn.Module):
    """Two units whose result is added to what went in."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.unit1 = _unit(channels, channels)
        self.unit2 = _unit(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.unit2(self.unit1(x))


class ResNet9(nn.Module):
    """A residual network that learns CIFAR-10 quickly: eight convolutions, one linear layer.

    After D. Page, "How to train your ResNet", 2018, with half the channels by default:
    1.6 million parameters.

    Images ``(N, channels, H, W)`` of at least 16 × 16 pixels, 32 × 32 is meant; the result is
    ``(N, classes)``.

    >>> import lampas
    >>> ResNet9()(lampas.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """

    def __init__(self, classes: int = 10, channels: int = 3, width: int = 32) -> None:
        super().__init__()
        self.stem = _unit(channels, width)
        self.stage1 = nn.Sequential(_unit(width, 2 * width, pool=True), _Residual(2 * width))
        self.stage2 = _unit(2 * width, 4 * width, pool=True)
        self.stage3 = nn.Sequential(_unit(4 * width, 8 * width, pool=True), _Residual(8 * width))
        self.fc = nn.Linear(8 * width, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stage3(self.stage2(self.stage1(self.stem(x))))
        # Maxima are larger than means: without a factor the first logits are far apart.
        return self.fc(F.adaptive_max_pool2d(x, 1).flatten(1)) * 0.125


class _Block(nn.Module):
    """Two convolutions beside a shortcut, which takes every other pixel where the image shrinks."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.stride, self.more = stride, outputs - inputs

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x
        if self.more or self.stride > 1:
            half = self.more // 2
            every = x[:, :, :: self.stride, :: self.stride]
            shortcut = F.pad(every, (0, 0, 0, 0, half, self.more - half))
        x = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(x)) + shortcut)


class ResNet20(nn.Module):
    """The residual network of 20 layers for CIFAR-10: 0.27 million parameters.

    K. He, X. Zhang, S. Ren, J. Sun, "Deep residual learning for image recognition", CVPR 2016,
    section 4.2, with shortcuts that have no parameters (option A).

    Images ``(N, channels, H, W)``, 32 × 32 is meant; the result is logits ``(N, classes)``.

    >>> import lampas
    >>> ResNet20()(lampas.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """

    def __init__(self, classes: int = 10, channels: int = 3, width: int = 16) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        blocks: list[nn.Module] = []
        inputs = width
        for stage in range(3):
            outputs = width << stage
            for number in range(3):
                stride = 2 if stage and number == 0 else 1
                blocks.append(_Block(inputs, outputs, stride))
                inputs = outputs
        self.layers = nn.Sequential(*blocks)
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        return self.fc(self.layers(x).mean((2, 3)))
