"""ConvNeXt: Liu et al., "A ConvNet for the 2020s", 2022."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import lampas
from lampas import Tensor, nn
from lampas.vision.models._layers import (
    Conv2dNormActivation,
    LayerNorm2d,
    ModuleMaker,
    Permute,
    StochasticDepth,
    initialize,
    need_settings,
    truncated,
)
from lampas.vision.models._registry import with_weights
from lampas.vision.models._weights import weights_enum

__all__ = [
    "ConvNeXt",
    "ConvNeXt_Base_Weights",
    "ConvNeXt_Large_Weights",
    "ConvNeXt_Small_Weights",
    "ConvNeXt_Tiny_Weights",
    "convnext_base",
    "convnext_large",
    "convnext_small",
    "convnext_tiny",
]

ConvNeXt_Tiny_Weights = weights_enum("ConvNeXt_Tiny_Weights")
ConvNeXt_Small_Weights = weights_enum("ConvNeXt_Small_Weights")
ConvNeXt_Base_Weights = weights_enum("ConvNeXt_Base_Weights")
ConvNeXt_Large_Weights = weights_enum("ConvNeXt_Large_Weights")


class CNBlock(nn.Module):
    """A 7 x 7 convolution of each channel, and two linear layers over the channels.

    >>> CNBlock(8, 1e-6, 0.0)(lampas.zeros(1, 8, 4, 4)).shape
    torch.Size([1, 8, 4, 4])
    """

    def __init__(
        self,
        dim: int,
        layer_scale: float,
        stochastic_depth_prob: float,
        norm_layer: ModuleMaker | None = None,
    ) -> None:
        super().__init__()
        norm = functools.partial(nn.LayerNorm, eps=1e-6) if norm_layer is None else norm_layer
        self.block = nn.Sequential(
            nn.Conv2d(dim, dim, kernel_size=7, padding=3, groups=dim),
            Permute([0, 2, 3, 1]),
            norm(dim),
            nn.Linear(dim, 4 * dim),
            nn.GELU(),
            nn.Linear(4 * dim, dim),
            Permute([0, 3, 1, 2]),
        )
        self.layer_scale = nn.Parameter(lampas.full((dim, 1, 1), float(layer_scale)))
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")

    def forward(self, x: Tensor) -> Tensor:
        """(N, dim, H, W) to the same shape."""
        y = self.stochastic_depth(self.layer_scale * self.block(x))
        y += x
        out: Tensor = y
        return out


@dataclass
class CNBlockConfig:
    """A stage: its channels, those it hands on (None for the last), the number of blocks.

    >>> CNBlockConfig(96, 192, 3)
    CNBlockConfig(input_channels=96, out_channels=192, num_layers=3)
    """

    input_channels: int
    out_channels: int | None
    num_layers: int


class ConvNeXt(nn.Module):
    """ConvNeXt of given stages.

    Args:
        block_setting: one CNBlockConfig for each stage.
        stochastic_depth_prob: how likely the last block is left out; the others in proportion.
        layer_scale: what blocks are multiplied by in the beginning.
        num_classes: how many scores come out.
        block, norm_layer: default CNBlock, and layer normalization over channels.

    >>> ConvNeXt([CNBlockConfig(8, 16, 1), CNBlockConfig(16, None, 2)], num_classes=10)(
    ...     lampas.zeros(1, 3, 32, 32)
    ... ).shape
    torch.Size([1, 10])
    """

    def __init__(
        self,
        block_setting: Sequence[CNBlockConfig],
        stochastic_depth_prob: float = 0.0,
        layer_scale: float = 1e-6,
        num_classes: int = 1000,
        block: ModuleMaker | None = None,
        norm_layer: ModuleMaker | None = None,
    ) -> None:
        super().__init__()
        need_settings(block_setting, CNBlockConfig, "block_setting")
        make = CNBlock if block is None else block
        norm = functools.partial(LayerNorm2d, eps=1e-6) if norm_layer is None else norm_layer
        layers: list[nn.Module] = [
            Conv2dNormActivation(
                3,
                block_setting[0].input_channels,
                kernel_size=4,
                stride=4,
                padding=0,
                norm_layer=norm,
                activation_layer=None,
                bias=True,
            )
        ]
        last = sum(cnf.num_layers for cnf in block_setting) - 1.0
        done = 0
        width = block_setting[0].input_channels
        for cnf in block_setting:
            stage = []
            for _ in range(cnf.num_layers):
                depth = stochastic_depth_prob * done / last if last else 0.0
                stage.append(make(cnf.input_channels, layer_scale, depth))
                done += 1
            layers.append(nn.Sequential(*stage))
            width = cnf.input_channels
            if cnf.out_channels is not None:
                down = nn.Conv2d(width, cnf.out_channels, kernel_size=2, stride=2)
                layers.append(nn.Sequential(norm(width), down))
                width = cnf.out_channels
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(norm(width), nn.Flatten(1), nn.Linear(width, num_classes))
        initialize(self.modules(), conv=truncated(0.02), linear=truncated(0.02))

    def forward(self, x: Tensor) -> Tensor:
        """Scores (N, num_classes) of images (N, 3, H, W), at least 32 x 32."""
        scores: Tensor = self.classifier(self.avgpool(self.features(x)))
        return scores


def _build(kwargs: dict[str, Any], width: int, depth: int, prob: float) -> ConvNeXt:
    settings = [
        CNBlockConfig(width, 2 * width, 3),
        CNBlockConfig(2 * width, 4 * width, 3),
        CNBlockConfig(4 * width, 8 * width, depth),
        CNBlockConfig(8 * width, None, 3),
    ]
    kwargs.setdefault("stochastic_depth_prob", prob)
    return ConvNeXt(settings, **kwargs)


@with_weights(ConvNeXt_Tiny_Weights)
def convnext_tiny(**kwargs: Any) -> ConvNeXt:
    """ConvNeXt, tiny; arguments are those of :class:`ConvNeXt`."""
    return _build(kwargs, 96, 9, 0.1)


@with_weights(ConvNeXt_Small_Weights)
def convnext_small(**kwargs: Any) -> ConvNeXt:
    """ConvNeXt, small; arguments are those of :class:`ConvNeXt`."""
    return _build(kwargs, 96, 27, 0.4)


@with_weights(ConvNeXt_Base_Weights)
def convnext_base(**kwargs: Any) -> ConvNeXt:
    """ConvNeXt, base; arguments are those of :class:`ConvNeXt`."""
    return _build(kwargs, 128, 27, 0.5)


@with_weights(ConvNeXt_Large_Weights)
def convnext_large(**kwargs: Any) -> ConvNeXt:
    """ConvNeXt, large; arguments are those of :class:`ConvNeXt`."""
    return _build(kwargs, 192, 27, 0.5)
