"""MaxVit: Tu et al., "MaxViT: multi-axis vision transformer", 2022."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import lampas
from lampas import Tensor, nn
from lampas.vision.models._layers import (
    Conv2dNormActivation,
    ModuleMaker,
    SqueezeExcitation,
    StochasticDepth,
    initialize,
    normal,
)
from lampas.vision.models._registry import fix, with_weights
from lampas.vision.models._weights import WeightsEnum, weights_enum
from lampas.vision.models._windows import relative_index

__all__ = ["MaxVit", "MaxVit_T_Weights", "maxvit_t"]

MaxVit_T_Weights = weights_enum("MaxVit_T_Weights")


def _halved(size: Sequence[int]) -> tuple[int, int]:
    """The size after a 3 x 3 convolution of stride 2 with padding 1."""
    return (size[0] - 1) // 2 + 1, (size[1] - 1) // 2 + 1


class MBConv(nn.Module):
    """Normalizes, widens, convolves each channel, squeezes and excites, narrows; and what passes.

    >>> MBConv(8, 8, 4, 0.25, 1, nn.GELU, nn.BatchNorm2d)(lampas.zeros(1, 8, 4, 4)).shape
    torch.Size([1, 8, 4, 4])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        expansion_ratio: float,
        squeeze_ratio: float,
        stride: int,
        activation_layer: ModuleMaker,
        norm_layer: ModuleMaker,
        p_stochastic_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        past: list[nn.Module] = []
        if stride == 2:
            past.append(nn.AvgPool2d(kernel_size=3, stride=2, padding=1))
        if stride != 1 or in_channels != out_channels:
            past.append(nn.Conv2d(in_channels, out_channels, kernel_size=1))
        self.proj: nn.Module = nn.Sequential(*past) if past else nn.Identity()
        self.stochastic_depth: nn.Module = nn.Identity()
        if p_stochastic_dropout:
            self.stochastic_depth = StochasticDepth(p_stochastic_dropout, mode="row")
        inner = int(out_channels * expansion_ratio)
        common: dict[str, Any] = {
            "activation_layer": activation_layer,
            "norm_layer": norm_layer,
            "inplace": None,
        }
        self.layers = nn.Sequential()
        self.layers.add_module("pre_norm", norm_layer(in_channels))
        self.layers.add_module("conv_a", Conv2dNormActivation(in_channels, inner, 1, **common))
        self.layers.add_module(
            "conv_b", Conv2dNormActivation(inner, inner, 3, stride, groups=inner, **common)
        )
        squeeze = SqueezeExcitation(inner, int(out_channels * squeeze_ratio), activation=nn.SiLU)
        self.layers.add_module("squeeze_excitation", squeeze)
        self.layers.add_module("conv_c", nn.Conv2d(inner, out_channels, kernel_size=1))

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) to (N, out_channels, H / stride, W / stride)."""
        out: Tensor = self.proj(x) + self.stochastic_depth(self.layers(x))
        return out


class RelativePositionalMultiHeadAttention(nn.Module):
    """Attention over (N, groups, positions, channels), with a bias for relative positions.

    >>> RelativePositionalMultiHeadAttention(8, 4, 4)(lampas.zeros(1, 3, 4, 8)).shape
    torch.Size([1, 3, 4, 8])
    """

    def __init__(self, feat_dim: int, head_dim: int, max_seq_len: int) -> None:
        super().__init__()
        if feat_dim % head_dim != 0:
            raise ValueError(f"feat_dim: {feat_dim} must be divisible by head_dim: {head_dim}")
        self.n_heads = feat_dim // head_dim
        self.head_dim = head_dim
        self.size = math.isqrt(max_seq_len)
        self.max_seq_len = max_seq_len
        self.to_qkv = nn.Linear(feat_dim, 3 * feat_dim)
        # By the features, not by those of a head.
        self.scale_factor = feat_dim**-0.5
        self.merge = nn.Linear(feat_dim, feat_dim)
        self.relative_position_bias_table = nn.Parameter(
            lampas.empty((2 * self.size - 1) ** 2, self.n_heads)
        )
        self.register_buffer("relative_position_index", relative_index(self.size, self.size))
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)

    def get_relative_positional_bias(self) -> Tensor:
        """(1, heads, positions, positions)."""
        table = self.relative_position_bias_table[self.relative_position_index.flatten()]
        return table.view(self.max_seq_len, self.max_seq_len, -1).permute(2, 0, 1).unsqueeze(0)

    def forward(self, x: Tensor) -> Tensor:
        """(N, groups, positions, channels) to the same shape."""
        n, groups, positions, channels = x.shape
        qkv = self.to_qkv(x).view(n, groups, positions, 3, self.n_heads, self.head_dim)
        q, k, v = qkv.permute(3, 0, 1, 4, 2, 5).unbind(0)
        scores = q @ (k * self.scale_factor).transpose(-2, -1)
        weights = (scores + self.get_relative_positional_bias()).softmax(-1)
        x = (weights @ v).transpose(2, 3).reshape(n, groups, positions, channels)
        out: Tensor = self.merge(x)
        return out


class PartitionAttentionLayer(nn.Module):
    """Attention and two linear layers inside windows, or over a grid of positions far apart.

    >>> layer = PartitionAttentionLayer(
    ...     8, 4, 2, "grid", (4, 4), 4, nn.GELU, nn.LayerNorm, 0.0, 0.0, 0.0
    ... )
    >>> layer(lampas.zeros(1, 8, 4, 4)).shape
    torch.Size([1, 8, 4, 4])
    """

    def __init__(
        self,
        in_channels: int,
        head_dim: int,
        partition_size: int,
        partition_type: str,
        grid_size: tuple[int, int],
        mlp_ratio: int,
        activation_layer: ModuleMaker,
        norm_layer: ModuleMaker,
        attention_dropout: float,
        mlp_dropout: float,
        p_stochastic_dropout: float,
    ) -> None:
        super().__init__()
        if partition_type not in ("grid", "window"):
            raise ValueError(
                f"partition_type must be either 'grid' or 'window', got {partition_type!r}"
            )
        self.partition_type = partition_type
        self.grid_size = grid_size
        self.n_partitions = grid_size[0] // partition_size
        # The sides of the windows that the image is cut into.
        self.p = partition_size if partition_type == "window" else self.n_partitions
        self.attn_layer = nn.Sequential(
            norm_layer(in_channels),
            RelativePositionalMultiHeadAttention(in_channels, head_dim, partition_size**2),
            nn.Dropout(attention_dropout),
        )
        self.mlp_layer = nn.Sequential(
            nn.LayerNorm(in_channels),
            nn.Linear(in_channels, in_channels * mlp_ratio),
            activation_layer(),
            nn.Linear(in_channels * mlp_ratio, in_channels),
            nn.Dropout(mlp_dropout),
        )
        self.stochastic_dropout = StochasticDepth(p_stochastic_dropout, mode="row")

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) of the grid's size to the same shape."""
        n, channels, height, width = x.shape
        if height % self.p or width % self.p:
            raise ValueError(
                "Grid size must be divisible by partition size. Got grid size of "
                f"{(height, width)} and partition size of {self.p}"
            )
        rows, columns = height // self.p, width // self.p
        grid = self.partition_type == "grid"
        x = x.reshape(n, channels, rows, self.p, columns, self.p).permute(0, 2, 4, 3, 5, 1)
        x = x.reshape(n, rows * columns, self.p * self.p, channels)
        x = x.transpose(1, 2) if grid else x
        x = x + self.stochastic_dropout(self.attn_layer(x))
        x = x + self.stochastic_dropout(self.mlp_layer(x))
        x = x.transpose(1, 2) if grid else x
        x = x.reshape(n, rows, columns, self.p, self.p, channels).permute(0, 5, 1, 3, 2, 4)
        return x.reshape(n, channels, height, width)


class MaxVitLayer(nn.Module):
    """A convolution block, attention in windows, attention over a grid."""

    def __init__(
        self, convolution: MBConv, attention: Any, attention_options: dict[str, Any]
    ) -> None:
        super().__init__()
        self.layers = nn.Sequential()
        self.layers.add_module("MBconv", convolution)
        for kind in ("window", "grid"):
            layer = attention(partition_type=kind, **attention_options)
            self.layers.add_module(f"{kind}_attention", layer)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', H / stride, W / stride)."""
        out: Tensor = self.layers(x)
        return out


class MaxVitBlock(nn.Module):
    """A stage: so many layers, the first of which halves the size."""

    def __init__(self, layers: list[MaxVitLayer], grid_size: tuple[int, int]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.grid_size = grid_size

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', H / 2, W / 2)."""
        for layer in self.layers:
            x = layer(x)
        return x


class MaxVit(nn.Module):
    """MaxVit for images (N, 3, *input_size).

    Args:
        input_size: height and width of the images.
        stem_channels: of the stem.
        partition_size: the side of windows and grids; every stage's size is a multiple of it.
        block_channels, block_layers: of the stages.
        head_dim: channels of a head of the attention.
        stochastic_depth_prob: how likely the last layer is left out; the others in proportion.
        norm_layer, activation_layer: default BatchNorm2d (eps 1e-3), GELU.
        squeeze_ratio, expansion_ratio: of the convolution blocks.
        mlp_ratio, mlp_dropout, attention_dropout: of the attention.
        num_classes: how many scores come out.

    >>> vit = MaxVit((32, 32), 8, 4, [8, 16], [1, 1], 4, 0.0, num_classes=10)
    >>> vit(lampas.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """

    def __init__(
        self,
        input_size: Sequence[int],
        stem_channels: int,
        partition_size: int,
        block_channels: Sequence[int],
        block_layers: Sequence[int],
        head_dim: int,
        stochastic_depth_prob: float,
        norm_layer: ModuleMaker | None = None,
        activation_layer: ModuleMaker = nn.GELU,
        squeeze_ratio: float = 0.25,
        expansion_ratio: float = 4,
        mlp_ratio: int = 4,
        mlp_dropout: float = 0.0,
        attention_dropout: float = 0.0,
        num_classes: int = 1000,
    ) -> None:
        super().__init__()
        norm = functools.partial(nn.BatchNorm2d, eps=0.001, momentum=0.01)
        norm = norm if norm_layer is None else norm_layer  # type: ignore[assignment]
        self.partition_size = partition_size
        size = _halved(input_size)
        self.stem = nn.Sequential(
            Conv2dNormActivation(
                3,
                stem_channels,
                stride=2,
                norm_layer=norm,
                activation_layer=activation_layer,
                bias=False,
                inplace=None,
            ),
            Conv2dNormActivation(
                stem_channels, stem_channels, norm_layer=None, activation_layer=None
            ),
        )
        self.blocks = nn.ModuleList()
        last = sum(block_layers) - 1
        done = 0
        width = stem_channels
        for channels, count in zip(block_channels, block_layers, strict=True):
            size = _halved(size)
            self._need_divisible(size, len(self.blocks))
            layers = []
            for i in range(count):
                depth = stochastic_depth_prob * done / max(last, 1)
                convolution = MBConv(
                    width,
                    channels,
                    expansion_ratio,
                    squeeze_ratio,
                    2 if i == 0 else 1,
                    activation_layer,
                    norm,
                    depth,
                )
                options = {
                    "in_channels": channels,
                    "head_dim": head_dim,
                    "partition_size": partition_size,
                    "grid_size": size,
                    "mlp_ratio": mlp_ratio,
                    "activation_layer": activation_layer,
                    "norm_layer": nn.LayerNorm,
                    "attention_dropout": attention_dropout,
                    "mlp_dropout": mlp_dropout,
                    "p_stochastic_dropout": depth,
                }
                layers.append(MaxVitLayer(convolution, PartitionAttentionLayer, options))
                width = channels
                done += 1
            self.blocks.append(MaxVitBlock(layers, size))
        self.classifier = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.LayerNorm(width),
            nn.Linear(width, width),
            nn.Tanh(),
            nn.Linear(width, num_classes, bias=False),
        )
        initialize(self.modules(), conv=normal(0.02), linear=normal(0.02))

    def _need_divisible(self, size: tuple[int, int], index: int) -> None:
        if size[0] % self.partition_size or size[1] % self.partition_size:
            raise ValueError(
                f"Input size {size} of block {index} is not divisible by partition size "
                f"{self.partition_size}. Consider changing the partition size or the input size."
            )

    def forward(self, x: Tensor) -> Tensor:
        """Scores (N, num_classes)."""
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        scores: Tensor = self.classifier(x)
        return scores


def _sized(kwargs: dict[str, Any], weights: WeightsEnum) -> None:
    fix(kwargs, "input_size", weights.meta["min_size"])


@with_weights(MaxVit_T_Weights, _sized)
def maxvit_t(**kwargs: Any) -> MaxVit:
    """MaxVit, tiny; arguments are those of :class:`MaxVit`, input_size by default 224 x 224."""
    return MaxVit(
        kwargs.pop("input_size", (224, 224)),
        stem_channels=64,
        partition_size=7,
        block_channels=[64, 128, 256, 512],
        block_layers=[2, 2, 5, 2],
        head_dim=32,
        stochastic_depth_prob=0.2,
        **kwargs,
    )
