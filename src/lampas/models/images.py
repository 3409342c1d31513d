"""The simplest classifiers of small square images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lampas.nn as nn
import lampas.nn.functional as F

if TYPE_CHECKING:
    from lampas import Tensor


class Linear(nn.Module):
    """Softmax regression: one linear layer, the baseline that anything deeper should beat.

    Images ``(N, channels, size, size)``, or flattened; the result is logits ``(N, classes)``.

    >>> import lampas
    >>> Linear()(lampas.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 10])
    """

    def __init__(self, classes: int = 10, channels: int = 1, size: int = 28) -> None:
        super().__init__()
        self.fc = nn.Linear(channels * size * size, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x.flatten(1))


class MLP(nn.Module):
    """Three linear layers, 784-128-64-``classes`` for MNIST's images, with ReLU between them.

    Images ``(N, channels, size, size)``, or flattened; the result is logits ``(N, classes)``.

    >>> import lampas
    >>> MLP()(lampas.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 10])
    """

    def __init__(self, classes: int = 10, channels: int = 1, size: int = 28) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels * size * size, 128)
        self.fc2 = nn.Linear(128, 64)
        self.fc3 = nn.Linear(64, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.fc1(x.flatten(1)))
        x = F.relu(self.fc2(x))
        return self.fc3(x)


class LeNet(nn.Module):
    """A small convolutional network in the manner of LeNet-5, with ReLU and maximum pooling.

    Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document
    recognition", Proceedings of the IEEE, 1998.

    Images ``(N, channels, size, size)``; the result is logits ``(N, classes)``.

    Raises:
        ValueError: ``size`` is below 12, which leaves nothing after the second pooling.

    >>> import lampas
    >>> LeNet()(lampas.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 10])
    """

    def __init__(self, classes: int = 10, channels: int = 1, size: int = 28) -> None:
        super().__init__()
        side = (size // 2 - 4) // 2
        if side < 1:
            raise ValueError(f"LeNet needs images of at least 12 × 12 pixels, got size={size}")
        self.conv1 = nn.Conv2d(channels, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * side * side, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = F.relu(self.fc1(x.flatten(1)))
        x = F.relu(self.fc2(x))
        return self.fc3(x)
