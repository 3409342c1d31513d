"""DenseNet: Huang et al., "Densely connected convolutional networks", 2016."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import lampas
from lampas import Tensor, nn
from lampas.vision.models._layers import initialize
from lampas.vision.models._registry import with_weights
from lampas.vision.models._weights import weights_enum

__all__ = [
    "DenseNet",
    "DenseNet121_Weights",
    "DenseNet161_Weights",
    "DenseNet169_Weights",
    "DenseNet201_Weights",
    "densenet121",
    "densenet161",
    "densenet169",
    "densenet201",
]

DenseNet121_Weights = weights_enum("DenseNet121_Weights")
DenseNet161_Weights = weights_enum("DenseNet161_Weights")
DenseNet169_Weights = weights_enum("DenseNet169_Weights")
DenseNet201_Weights = weights_enum("DenseNet201_Weights")


class _DenseLayer(nn.Module):
    """Makes `growth_rate` channels more out of all that came before."""

    def __init__(
        self, width: int, growth_rate: int, bn_size: int, drop_rate: float, memory_efficient: bool
    ) -> None:
        super().__init__()
        inner = bn_size * growth_rate
        self.norm1 = nn.BatchNorm2d(width)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(width, inner, kernel_size=1, bias=False)
        self.norm2 = nn.BatchNorm2d(inner)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(inner, growth_rate, kernel_size=3, padding=1, bias=False)
        self.drop_rate = float(drop_rate)
        self.memory_efficient = memory_efficient

    def _squeezed(self, *features: Tensor) -> Tensor:
        squeezed: Tensor = self.conv1(self.relu1(self.norm1(lampas.cat(features, 1))))
        return squeezed

    def forward(self, features: list[Tensor]) -> Tensor:
        if self.memory_efficient and any(f.requires_grad for f in features):
            from lampas.utils.checkpoint import checkpoint

            x = checkpoint(self._squeezed, *features, use_reentrant=False)
        else:
            x = self._squeezed(*features)
        x = self.conv2(self.relu2(self.norm2(x)))
        if self.drop_rate > 0:
            x = nn.functional.dropout(x, p=self.drop_rate, training=self.training)
        return x

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *rest: Any) -> None:
        # The published files have the names norm.1, conv.2 and so on.
        for key in [k for k in state_dict if k.startswith(prefix)]:
            new = re.sub(r"^(norm|conv)\.([12])\.", r"\1\2.", key[len(prefix) :])
            if prefix + new != key:
                state_dict[prefix + new] = state_dict.pop(key)
        super()._load_from_state_dict(state_dict, prefix, *rest)


class _DenseBlock(nn.ModuleDict):
    def __init__(self, layers: int, width: int, growth_rate: int, *options: Any) -> None:
        super().__init__()
        for i in range(layers):
            layer = _DenseLayer(width + i * growth_rate, growth_rate, *options)
            self.add_module(f"denselayer{i + 1}", layer)

    def forward(self, x: Tensor) -> Tensor:
        features = [x]
        for layer in self.values():
            features.append(layer(features))
        return lampas.cat(features, 1)


class _Transition(nn.Sequential):
    """Halves the size; the channels as told."""

    def __init__(self, width: int, out: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.conv = nn.Conv2d(width, out, kernel_size=1, bias=False)
        self.pool = nn.AvgPool2d(kernel_size=2, stride=2)


class DenseNet(nn.Module):
    """Blocks in which every layer sees the outputs of all before it.

    Args:
        growth_rate: how many channels each layer adds.
        block_config: how many layers each block has.
        num_init_features: the channels of the stem.
        bn_size: how many times the growth rate a bottleneck has.
        drop_rate: dropout after each layer.
        num_classes: how many scores come out.
        memory_efficient: compute bottlenecks anew in the backward pass instead of keeping them.

    >>> DenseNet(8, (1, 1), 16, num_classes=10)(lampas.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """

    def __init__(
        self,
        growth_rate: int = 32,
        block_config: Sequence[int] = (6, 12, 24, 16),
        num_init_features: int = 64,
        bn_size: int = 4,
        drop_rate: float = 0,
        num_classes: int = 1000,
        memory_efficient: bool = False,
    ) -> None:
        super().__init__()
        width = num_init_features
        self.features = nn.Sequential()
        self.features.add_module("conv0", nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False))
        self.features.add_module("norm0", nn.BatchNorm2d(width))
        self.features.add_module("relu0", nn.ReLU(inplace=True))
        self.features.add_module("pool0", nn.MaxPool2d(kernel_size=3, stride=2, padding=1))
        for i, layers in enumerate(block_config, 1):
            block = _DenseBlock(layers, width, growth_rate, bn_size, drop_rate, memory_efficient)
            self.features.add_module(f"denseblock{i}", block)
            width += layers * growth_rate
            if i < len(block_config):
                self.features.add_module(f"transition{i}", _Transition(width, width // 2))
                width //= 2
        self.features.add_module("norm5", nn.BatchNorm2d(width))
        self.classifier = nn.Linear(width, num_classes)
        initialize(self.modules(), conv=nn.init.kaiming_normal_)
        nn.init.zeros_(self.classifier.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Scores (N, num_classes) of images (N, 3, H, W), at least 29 x 29."""
        x = nn.functional.relu(self.features(x), inplace=True)
        x = nn.functional.adaptive_avg_pool2d(x, (1, 1))
        scores: Tensor = self.classifier(x.flatten(1))
        return scores


@with_weights(DenseNet121_Weights)
def densenet121(**kwargs: Any) -> DenseNet:
    """DenseNet-121; arguments are those of :class:`DenseNet`."""
    return DenseNet(32, (6, 12, 24, 16), 64, **kwargs)


@with_weights(DenseNet161_Weights)
def densenet161(**kwargs: Any) -> DenseNet:
    """DenseNet-161; arguments are those of :class:`DenseNet`."""
    return DenseNet(48, (6, 12, 36, 24), 96, **kwargs)


@with_weights(DenseNet169_Weights)
def densenet169(**kwargs: Any) -> DenseNet:
    """DenseNet-169; arguments are those of :class:`DenseNet`."""
    return DenseNet(32, (6, 12, 32, 32), 64, **kwargs)


@with_weights(DenseNet201_Weights)
def densenet201(**kwargs: Any) -> DenseNet:
    """DenseNet-201; arguments are those of :class:`DenseNet`."""
    return DenseNet(32, (6, 12, 48, 32), 64, **kwargs)
