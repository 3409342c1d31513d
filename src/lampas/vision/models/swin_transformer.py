"""Swin transformers: Liu et al., "Swin Transformer: hierarchical vision transformer using shifted
windows", 2021; "Swin Transformer V2: scaling up capacity and resolution", 2021."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import lampas
from lampas import Tensor, nn
from lampas.vision.models._layers import (
    MLP,
    ModuleMaker,
    Permute,
    StochasticDepth,
    initialize,
    truncated,
)
from lampas.vision.models._registry import with_weights
from lampas.vision.models._weights import weights_enum
from lampas.vision.models._windows import relative_index

__all__ = [
    "SwinTransformer",
    "Swin_B_Weights",
    "Swin_S_Weights",
    "Swin_T_Weights",
    "Swin_V2_B_Weights",
    "Swin_V2_S_Weights",
    "Swin_V2_T_Weights",
    "swin_b",
    "swin_s",
    "swin_t",
    "swin_v2_b",
    "swin_v2_s",
    "swin_v2_t",
]

Swin_T_Weights = weights_enum("Swin_T_Weights")
Swin_S_Weights = weights_enum("Swin_S_Weights")
Swin_B_Weights = weights_enum("Swin_B_Weights")
Swin_V2_T_Weights = weights_enum("Swin_V2_T_Weights")
Swin_V2_S_Weights = weights_enum("Swin_V2_S_Weights")
Swin_V2_B_Weights = weights_enum("Swin_V2_B_Weights")


def _merged(x: Tensor) -> Tensor:
    """(N, H, W, C) to (N, H / 2, W / 2, 4 C): each four neighbours side by side; odd sizes grow."""
    height, width = x.shape[-3:-1]
    x = nn.functional.pad(x, (0, 0, 0, width % 2, 0, height % 2))
    corners = [x[..., i::2, j::2, :] for j in (0, 1) for i in (0, 1)]
    return lampas.cat(corners, -1)


class PatchMerging(nn.Module):
    """Halves the size and doubles the channels of (N, H, W, dim); normalizes before.

    >>> PatchMerging(8)(lampas.zeros(1, 4, 4, 8)).shape
    torch.Size([1, 2, 2, 16])
    """

    def __init__(self, dim: int, norm_layer: ModuleMaker = nn.LayerNorm) -> None:
        super().__init__()
        self.dim = dim
        self.reduction = nn.Linear(4 * dim, 2 * dim, bias=False)
        self.norm = norm_layer(4 * dim)

    def forward(self, x: Tensor) -> Tensor:
        """(N, H, W, dim) to (N, H / 2, W / 2, 2 dim)."""
        out: Tensor = self.reduction(self.norm(_merged(x)))
        return out


class PatchMergingV2(nn.Module):
    """Halves the size and doubles the channels of (N, H, W, dim); normalizes after.

    >>> PatchMergingV2(8)(lampas.zeros(1, 4, 4, 8)).shape
    torch.Size([1, 2, 2, 16])
    """

    def __init__(self, dim: int, norm_layer: ModuleMaker = nn.LayerNorm) -> None:
        super().__init__()
        self.dim = dim
        self.reduction = nn.Linear(4 * dim, 2 * dim, bias=False)
        self.norm = norm_layer(2 * dim)

    def forward(self, x: Tensor) -> Tensor:
        """(N, H, W, dim) to (N, H / 2, W / 2, 2 dim)."""
        out: Tensor = self.norm(self.reduction(_merged(x)))
        return out


def _to_windows(x: Tensor, window: Sequence[int]) -> Tensor:
    """(N, H, W, C) to (N, windows, positions, C)."""
    n, height, width, channels = x.shape
    rows, columns = height // window[0], width // window[1]
    x = x.view(n, rows, window[0], columns, window[1], channels).transpose(2, 3)
    return x.reshape(n, rows * columns, window[0] * window[1], channels)


def _from_windows(x: Tensor, window: Sequence[int], height: int, width: int) -> Tensor:
    n, channels = x.shape[0], x.shape[-1]
    rows, columns = height // window[0], width // window[1]
    x = x.view(n, rows, columns, window[0], window[1], channels).transpose(2, 3)
    return x.reshape(n, height, width, channels)


def _shift_mask(like: Tensor, window: Sequence[int], shift: Sequence[int]) -> Tensor:
    """(windows, positions, positions): -100 between what the shift has brought together."""
    height, width = like.shape[1:3]

    def regions(size: int, side: int, moved: int) -> Tensor:
        region = lampas.zeros(size, dtype=like.dtype, device=like.device)
        if moved:
            region[size - side : size - moved] = 1
            region[size - moved :] = 2
        return region

    down = regions(height, window[0], shift[0])
    right = regions(width, window[1], shift[1])
    ids = (3 * down[:, None] + right)[None, :, :, None]
    ids = _to_windows(ids, window)[0, :, :, 0]
    apart = ids[:, None, :] != ids[:, :, None]
    return lampas.zeros(apart.shape, dtype=like.dtype, device=like.device).masked_fill(apart, -100)


class ShiftedWindowAttention(nn.Module):
    """Attention inside windows, which may be shifted, with a bias for relative positions.

    >>> ShiftedWindowAttention(8, [2, 2], [1, 1], 2)(lampas.zeros(1, 4, 5, 8)).shape
    torch.Size([1, 4, 5, 8])
    """

    def __init__(
        self,
        dim: int,
        window_size: Sequence[int],
        shift_size: Sequence[int],
        num_heads: int,
        qkv_bias: bool = True,
        proj_bias: bool = True,
        attention_dropout: float = 0.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if len(window_size) != 2 or len(shift_size) != 2:
            raise ValueError(
                "window_size and shift_size must be of length 2, got "
                f"{window_size} and {shift_size}"
            )
        self.window_size = list(window_size)
        self.shift_size = list(shift_size)
        self.num_heads = num_heads
        self.attention_dropout = attention_dropout
        self.dropout = dropout
        self.qkv = nn.Linear(dim, dim * 3, bias=qkv_bias)
        self.proj = nn.Linear(dim, dim, bias=proj_bias)
        self._make_table()
        index = relative_index(self.window_size[0], self.window_size[1])
        self.register_buffer("relative_position_index", index.flatten())

    def _make_table(self) -> None:
        size = (2 * self.window_size[0] - 1) * (2 * self.window_size[1] - 1)
        self.relative_position_bias_table = nn.Parameter(lampas.zeros(size, self.num_heads))
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)

    def _look_up(self, table: Tensor) -> Tensor:
        """(differences, heads) to (heads, positions, positions)."""
        count = self.window_size[0] * self.window_size[1]
        return table[self.relative_position_index].view(count, count, -1).permute(2, 0, 1)

    def get_relative_position_bias(self) -> Tensor:
        """(1, heads, positions, positions)."""
        return self._look_up(self.relative_position_bias_table).unsqueeze(0)

    def _qkv(self, x: Tensor) -> Tensor:
        out: Tensor = self.qkv(x)
        return out

    def _scores(self, q: Tensor, k: Tensor) -> Tensor:
        return (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, H, W, dim) to the same shape; sizes are padded to whole windows inside."""
        window = self.window_size
        height, width, channels = x.shape[1:]
        x = nn.functional.pad(x, (0, 0, 0, -width % window[1], 0, -height % window[0]))
        padded = x.shape[1:3]
        # A window that holds everything has nothing to shift.
        shift = [0 if window[i] >= padded[i] else self.shift_size[i] for i in (0, 1)]
        mask = None
        if any(shift):
            x = lampas.roll(x, shifts=(-shift[0], -shift[1]), dims=(1, 2))
            mask = _shift_mask(x, window, shift)
        x = _to_windows(x, window)
        n, windows, positions, _ = x.shape
        heads = self.num_heads
        qkv = self._qkv(x).view(n, windows, positions, 3, heads, channels // heads)
        q, k, v = qkv.permute(3, 0, 1, 4, 2, 5).unbind(0)
        scores = self._scores(q, k) + self.get_relative_position_bias()
        if mask is not None:
            scores = scores + mask[:, None]
        weights = nn.functional.dropout(
            scores.softmax(-1), p=self.attention_dropout, training=self.training
        )
        x = (weights @ v).transpose(2, 3).reshape(n, windows, positions, channels)
        x = nn.functional.dropout(self.proj(x), p=self.dropout, training=self.training)
        x = _from_windows(x, window, padded[0], padded[1])
        if any(shift):
            x = lampas.roll(x, shifts=(shift[0], shift[1]), dims=(1, 2))
        return x[:, :height, :width].contiguous()


class ShiftedWindowAttentionV2(ShiftedWindowAttention):
    """By cosines, with a learned temperature, and a small network for the bias.

    >>> ShiftedWindowAttentionV2(8, [2, 2], [1, 1], 2)(lampas.zeros(1, 4, 5, 8)).shape
    torch.Size([1, 4, 5, 8])
    """

    def __init__(
        self,
        dim: int,
        window_size: Sequence[int],
        shift_size: Sequence[int],
        num_heads: int,
        qkv_bias: bool = True,
        proj_bias: bool = True,
        attention_dropout: float = 0.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(
            dim,
            window_size,
            shift_size,
            num_heads,
            qkv_bias,
            proj_bias,
            attention_dropout,
            dropout,
        )
        self.logit_scale = nn.Parameter(lampas.full((num_heads, 1, 1), 10.0).log())
        self.cpb_mlp = nn.Sequential(
            nn.Linear(2, 512), nn.ReLU(inplace=True), nn.Linear(512, num_heads, bias=False)
        )
        if qkv_bias:
            self.qkv.bias.data[dim : 2 * dim].zero_()

    def _make_table(self) -> None:
        axes = [
            lampas.arange(1 - side, side, dtype=lampas.float32) / (side - 1)
            for side in self.window_size
        ]
        table = lampas.stack(lampas.meshgrid(*axes, indexing="ij"), -1) * 8
        # Log-spaced, so that positions further apart than in training are not far off.
        table = table.sign() * (table.abs() + 1).log2() / 3
        self.register_buffer("relative_coords_table", table.unsqueeze(0))

    def get_relative_position_bias(self) -> Tensor:
        """(1, heads, positions, positions)."""
        table = self.cpb_mlp(self.relative_coords_table).view(-1, self.num_heads)
        return 16 * self._look_up(table).unsqueeze(0).sigmoid()

    def _qkv(self, x: Tensor) -> Tensor:
        # Keys have no bias.
        bias: Tensor | None = self.qkv.bias
        if bias is not None:
            dim = bias.numel() // 3
            bias = lampas.cat([bias[:dim], lampas.zeros_like(bias[:dim]), bias[2 * dim :]])
        return nn.functional.linear(x, self.qkv.weight, bias)

    def _scores(self, q: Tensor, k: Tensor) -> Tensor:
        cosines = nn.functional.normalize(q, dim=-1) @ nn.functional.normalize(k, dim=-1).transpose(
            -2, -1
        )
        return cosines * self.logit_scale.clamp(max=math.log(100.0)).exp()


class SwinTransformerBlock(nn.Module):
    """Attention and two linear layers, each after a normalization.

    >>> SwinTransformerBlock(8, 2, [2, 2], [0, 0])(lampas.zeros(1, 4, 4, 8)).shape
    torch.Size([1, 4, 4, 8])
    """

    def __init__(
        self,
        dim: int,
        num_heads: int,
        window_size: Sequence[int],
        shift_size: Sequence[int],
        mlp_ratio: float = 4.0,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        stochastic_depth_prob: float = 0.0,
        norm_layer: ModuleMaker = nn.LayerNorm,
        attn_layer: ModuleMaker = ShiftedWindowAttention,
    ) -> None:
        super().__init__()
        self.norm1 = norm_layer(dim)
        self.attn = attn_layer(
            dim,
            window_size,
            shift_size,
            num_heads,
            attention_dropout=attention_dropout,
            dropout=dropout,
        )
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")
        self.norm2 = norm_layer(dim)
        self.mlp = MLP(dim, [int(dim * mlp_ratio), dim], activation_layer=nn.GELU, dropout=dropout)
        for m in self.mlp.modules():
            if isinstance(m, nn.Linear):
                nn.init.xavier_uniform_(m.weight)
                nn.init.normal_(m.bias, std=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        """(N, H, W, dim) to the same shape."""
        x = x + self.stochastic_depth(self.attn(self.norm1(x)))
        out: Tensor = x + self.stochastic_depth(self.mlp(self.norm2(x)))
        return out


class SwinTransformerBlockV2(SwinTransformerBlock):
    """The normalizations come after.

    >>> SwinTransformerBlockV2(8, 2, [2, 2], [0, 0])(lampas.zeros(1, 4, 4, 8)).shape
    torch.Size([1, 4, 4, 8])
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("attn_layer", ShiftedWindowAttentionV2)
        super().__init__(*args, **kwargs)

    def forward(self, x: Tensor) -> Tensor:
        """(N, H, W, dim) to the same shape."""
        x = x + self.stochastic_depth(self.norm1(self.attn(x)))
        out: Tensor = x + self.stochastic_depth(self.norm2(self.mlp(x)))
        return out


class SwinTransformer(nn.Module):
    """Patches, stages of blocks with mergings between them, a linear layer.

    Args:
        patch_size, embed_dim: of the patches, and their channels.
        depths, num_heads: of the stages.
        window_size: of the attention.
        mlp_ratio, dropout, attention_dropout: of the blocks.
        stochastic_depth_prob: how likely the last block is left out; the others in proportion.
        num_classes: how many scores come out.
        norm_layer, block, downsample_layer: what it is made of.

    >>> swin = SwinTransformer([4, 4], 8, [1, 1], [2, 2], [2, 2], num_classes=10)
    >>> swin(lampas.zeros(1, 3, 16, 16)).shape
    torch.Size([1, 10])
    """

    def __init__(
        self,
        patch_size: Sequence[int],
        embed_dim: int,
        depths: Sequence[int],
        num_heads: Sequence[int],
        window_size: Sequence[int],
        mlp_ratio: float = 4.0,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        stochastic_depth_prob: float = 0.1,
        num_classes: int = 1000,
        norm_layer: ModuleMaker | None = None,
        block: ModuleMaker | None = None,
        downsample_layer: ModuleMaker = PatchMerging,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        make = SwinTransformerBlock if block is None else block
        norm = functools.partial(nn.LayerNorm, eps=1e-5) if norm_layer is None else norm_layer
        patch = tuple(patch_size)
        patches = nn.Conv2d(3, embed_dim, kernel_size=patch, stride=patch)
        layers: list[nn.Module] = [nn.Sequential(patches, Permute([0, 2, 3, 1]), norm(embed_dim))]
        last = sum(depths) - 1
        done = 0
        dim = embed_dim
        for i, (depth, heads) in enumerate(zip(depths, num_heads, strict=True)):
            if i > 0:
                layers.append(downsample_layer(dim, norm))
                dim *= 2
            stage = []
            for j in range(depth):
                stage.append(
                    make(
                        dim,
                        heads,
                        window_size=window_size,
                        # Every other block shifts its windows.
                        shift_size=[0 if j % 2 == 0 else side // 2 for side in window_size],
                        mlp_ratio=mlp_ratio,
                        dropout=dropout,
                        attention_dropout=attention_dropout,
                        stochastic_depth_prob=stochastic_depth_prob * done / max(last, 1),
                        norm_layer=norm,
                    )
                )
                done += 1
            layers.append(nn.Sequential(*stage))
        self.features = nn.Sequential(*layers)
        self.norm = norm(dim)
        self.permute = Permute([0, 3, 1, 2])
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten(1)
        self.head = nn.Linear(dim, num_classes)
        initialize(self.modules(), linear=truncated(0.02))

    def forward(self, x: Tensor) -> Tensor:
        """Scores (N, num_classes) of images (N, 3, H, W)."""
        x = self.permute(self.norm(self.features(x)))
        scores: Tensor = self.head(self.flatten(self.avgpool(x)))
        return scores


def _build(
    kwargs: dict[str, Any], width: int, depth: int, heads: int, prob: float, window: int = 7
) -> SwinTransformer:
    return SwinTransformer(
        [4, 4],
        width,
        [2, 2, depth, 2],
        [heads, 2 * heads, 4 * heads, 8 * heads],
        [window, window],
        stochastic_depth_prob=prob,
        **kwargs,
    )


def _build_v2(
    kwargs: dict[str, Any], width: int, depth: int, heads: int, prob: float
) -> SwinTransformer:
    kwargs.setdefault("block", SwinTransformerBlockV2)
    kwargs.setdefault("downsample_layer", PatchMergingV2)
    return _build(kwargs, width, depth, heads, prob, window=8)


@with_weights(Swin_T_Weights)
def swin_t(**kwargs: Any) -> SwinTransformer:
    """Swin transformer, tiny; arguments are those of :class:`SwinTransformer`."""
    return _build(kwargs, 96, 6, 3, 0.2)


@with_weights(Swin_S_Weights)
def swin_s(**kwargs: Any) -> SwinTransformer:
    """Swin transformer, small; arguments are those of :class:`SwinTransformer`."""
    return _build(kwargs, 96, 18, 3, 0.3)


@with_weights(Swin_B_Weights)
def swin_b(**kwargs: Any) -> SwinTransformer:
    """Swin transformer, base; arguments are those of :class:`SwinTransformer`."""
    return _build(kwargs, 128, 18, 4, 0.5)


@with_weights(Swin_V2_T_Weights)
def swin_v2_t(**kwargs: Any) -> SwinTransformer:
    """Swin transformer v2, tiny; arguments are those of :class:`SwinTransformer`."""
    return _build_v2(kwargs, 96, 6, 3, 0.2)


@with_weights(Swin_V2_S_Weights)
def swin_v2_s(**kwargs: Any) -> SwinTransformer:
    """Swin transformer v2, small; arguments are those of :class:`SwinTransformer`."""
    return _build_v2(kwargs, 96, 18, 3, 0.3)


@with_weights(Swin_V2_B_Weights)
def swin_v2_b(**kwargs: Any) -> SwinTransformer:
    """Swin transformer v2, base; arguments are those of :class:`SwinTransformer`."""
    return _build_v2(kwargs, 128, 18, 4, 0.5)
