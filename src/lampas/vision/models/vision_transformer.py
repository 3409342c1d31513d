"""Vision transformers: Dosovitskiy et al., "An image is worth 16x16 words: transformers for image
recognition at scale", 2020."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import lampas
from lampas import Tensor, nn
from lampas.vision.models._layers import MLP, Conv2dNormActivation, ModuleMaker
from lampas.vision.models._registry import fix, with_weights
from lampas.vision.models._weights import WeightsEnum, weights_enum

__all__ = [
    "ViT_B_16_Weights",
    "ViT_B_32_Weights",
    "ViT_H_14_Weights",
    "ViT_L_16_Weights",
    "ViT_L_32_Weights",
    "VisionTransformer",
    "interpolate_embeddings",
    "vit_b_16",
    "vit_b_32",
    "vit_h_14",
    "vit_l_16",
    "vit_l_32",
]

ViT_B_16_Weights = weights_enum("ViT_B_16_Weights")
ViT_B_32_Weights = weights_enum("ViT_B_32_Weights")
ViT_L_16_Weights = weights_enum("ViT_L_16_Weights")
ViT_L_32_Weights = weights_enum("ViT_L_32_Weights")
ViT_H_14_Weights = weights_enum("ViT_H_14_Weights")

_layer_norm = functools.partial(nn.LayerNorm, eps=1e-6)


class ConvStemConfig(NamedTuple):
    """A convolution of a stem that stands in the place of the patches.

    >>> ConvStemConfig(64, 3, 2).norm_layer
    <class 'lampas.nn.modules.batchnorm.BatchNorm2d'>
    """

    out_channels: int
    kernel_size: int
    stride: int
    norm_layer: ModuleMaker = nn.BatchNorm2d
    activation_layer: ModuleMaker = nn.ReLU


class MLPBlock(MLP):
    """The two linear layers of a transformer's block.

    >>> MLPBlock(4, 8, 0.0)(lampas.zeros(1, 4)).shape
    torch.Size([1, 4])
    """

    _version = 2

    def __init__(self, in_dim: int, mlp_dim: int, dropout: float) -> None:
        super().__init__(in_dim, [mlp_dim, in_dim], activation_layer=nn.GELU, dropout=dropout)
        for m in self.modules():
            if isinstance(m, nn.Linear):
                nn.init.xavier_uniform_(m.weight)
                nn.init.normal_(m.bias, std=1e-6)

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: Any, *rest: Any
    ) -> None:
        # The first published files call the layers linear_1 and linear_2.
        if local_metadata.get("version") in (None, 1):
            for old, new in (("linear_1", "0"), ("linear_2", "3")):
                for kind in ("weight", "bias"):
                    if f"{prefix}{old}.{kind}" in state_dict:
                        value = state_dict.pop(f"{prefix}{old}.{kind}")
                        state_dict[f"{prefix}{new}.{kind}"] = value
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)


class EncoderBlock(nn.Module):
    """Attention and two linear layers, each after a normalization.

    >>> EncoderBlock(2, 8, 16, 0.0, 0.0)(lampas.zeros(1, 5, 8)).shape
    torch.Size([1, 5, 8])
    """

    def __init__(
        self,
        num_heads: int,
        hidden_dim: int,
        mlp_dim: int,
        dropout: float,
        attention_dropout: float,
        norm_layer: ModuleMaker = _layer_norm,
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.ln_1 = norm_layer(hidden_dim)
        self.self_attention = nn.MultiheadAttention(
            hidden_dim, num_heads, dropout=attention_dropout, batch_first=True
        )
        self.dropout = nn.Dropout(dropout)
        self.ln_2 = norm_layer(hidden_dim)
        self.mlp = MLPBlock(hidden_dim, mlp_dim, dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(N, length, hidden_dim) to the same shape."""
        y = self.ln_1(x)
        y, _ = self.self_attention(y, y, y, need_weights=False)
        x = x + self.dropout(y)
        out: Tensor = x + self.mlp(self.ln_2(x))
        return out


class Encoder(nn.Module):
    """Positions added, blocks, a normalization.

    >>> Encoder(5, 1, 2, 8, 16, 0.0, 0.0)(lampas.zeros(1, 5, 8)).shape
    torch.Size([1, 5, 8])
    """

    def __init__(
        self,
        seq_length: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        mlp_dim: int,
        dropout: float,
        attention_dropout: float,
        norm_layer: ModuleMaker = _layer_norm,
    ) -> None:
        super().__init__()
        positions = lampas.empty(1, seq_length, hidden_dim).normal_(std=0.02)
        self.pos_embedding = nn.Parameter(positions)
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.Sequential()
        for i in range(num_layers):
            block = EncoderBlock(
                num_heads, hidden_dim, mlp_dim, dropout, attention_dropout, norm_layer
            )
            self.layers.add_module(f"encoder_layer_{i}", block)
        self.ln = norm_layer(hidden_dim)

    def forward(self, x: Tensor) -> Tensor:
        """(N, seq_length, hidden_dim) to the same shape."""
        if x.dim() != 3:
            raise ValueError(f"Expected (batch_size, seq_length, hidden_dim) got {tuple(x.shape)}")
        out: Tensor = self.ln(self.layers(self.dropout(x + self.pos_embedding)))
        return out


class VisionTransformer(nn.Module):
    """A transformer over the patches of images (N, 3, image_size, image_size).

    Args:
        image_size, patch_size: in pixels; the first a multiple of the second.
        num_layers, num_heads, hidden_dim, mlp_dim: of the blocks.
        dropout, attention_dropout: probabilities.
        num_classes: how many scores come out.
        representation_size: units of a hidden layer before the last, if any.
        norm_layer: default LayerNorm with eps 1e-6.
        conv_stem_configs: convolutions in the place of the patches.

    >>> vit = VisionTransformer(32, 8, 1, 2, 16, 32, num_classes=10)
    >>> vit(lampas.zeros(1, 3, 32, 32)).shape
    torch.Size([1, 10])
    """

    def __init__(
        self,
        image_size: int,
        patch_size: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        mlp_dim: int,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        num_classes: int = 1000,
        representation_size: int | None = None,
        norm_layer: ModuleMaker = _layer_norm,
        conv_stem_configs: Sequence[ConvStemConfig] | None = None,
    ) -> None:
        super().__init__()
        if image_size % patch_size != 0:
            raise ValueError(
                f"Input shape indivisible by patch size: {image_size} is no multiple of "
                f"{patch_size}"
            )
        self.image_size = image_size
        self.patch_size = patch_size
        self.hidden_dim = hidden_dim
        self.mlp_dim = mlp_dim
        self.attention_dropout = attention_dropout
        self.dropout = dropout
        self.num_classes = num_classes
        self.representation_size = representation_size
        self.norm_layer = norm_layer
        self.conv_proj = self._stem(conv_stem_configs)
        self.seq_length = (image_size // patch_size) ** 2 + 1
        self.class_token = nn.Parameter(lampas.zeros(1, 1, hidden_dim))
        self.encoder = Encoder(
            self.seq_length,
            num_layers,
            num_heads,
            hidden_dim,
            mlp_dim,
            dropout,
            attention_dropout,
            norm_layer,
        )
        self.heads = nn.Sequential()
        if representation_size is None:
            self.heads.add_module("head", nn.Linear(hidden_dim, num_classes))
        else:
            self.heads.add_module("pre_logits", nn.Linear(hidden_dim, representation_size))
            self.heads.add_module("act", nn.Tanh())
            self.heads.add_module("head", nn.Linear(representation_size, num_classes))
        self._draw()

    def _stem(self, configs: Sequence[ConvStemConfig] | None) -> nn.Module:
        if configs is None:
            return nn.Conv2d(3, self.hidden_dim, self.patch_size, stride=self.patch_size)
        stem = nn.Sequential()
        width = 3
        for i, cnf in enumerate(configs):
            layer = Conv2dNormActivation(
                width,
                cnf.out_channels,
                cnf.kernel_size,
                cnf.stride,
                norm_layer=cnf.norm_layer,
                activation_layer=cnf.activation_layer,
            )
            stem.add_module(f"conv_bn_relu_{i}", layer)
            width = cnf.out_channels
        stem.add_module("conv_last", nn.Conv2d(width, self.hidden_dim, kernel_size=1))
        return stem

    def _draw(self) -> None:
        stem: Any = self.conv_proj
        if isinstance(stem, nn.Conv2d):
            fan_in = 3 * self.patch_size**2
            nn.init.trunc_normal_(stem.weight, std=math.sqrt(1 / fan_in))
            if stem.bias is not None:
                nn.init.zeros_(stem.bias)
        else:
            last = stem.conv_last
            nn.init.normal_(last.weight, mean=0.0, std=math.sqrt(2.0 / last.out_channels))
            nn.init.zeros_(last.bias)
        if self.representation_size is not None:
            hidden: Any = self.heads.pre_logits
            nn.init.trunc_normal_(hidden.weight, std=math.sqrt(1 / hidden.in_features))
            nn.init.zeros_(hidden.bias)
        head: Any = self.heads.head
        nn.init.zeros_(head.weight)
        nn.init.zeros_(head.bias)

    def _process_input(self, x: Tensor) -> Tensor:
        if tuple(x.shape[-2:]) != (self.image_size,) * 2:
            raise ValueError(
                f"Wrong image size! Expected {self.image_size} x {self.image_size} but got "
                f"{x.shape[-2]} x {x.shape[-1]}: resize the images, or build with image_size="
            )
        return self.conv_proj(x).flatten(2).transpose(1, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Scores (N, num_classes), read off the class token."""
        x = self._process_input(x)
        token = self.class_token.expand(x.shape[0], -1, -1)
        x = self.encoder(lampas.cat([token, x], dim=1))
        scores: Tensor = self.heads(x[:, 0])
        return scores


def _sized(kwargs: dict[str, Any], weights: WeightsEnum) -> None:
    fix(kwargs, "image_size", weights.meta["min_size"][0])


def _build(kwargs: dict[str, Any], *numbers: Any) -> VisionTransformer:
    return VisionTransformer(kwargs.pop("image_size", 224), *numbers, **kwargs)


@with_weights(ViT_B_16_Weights, _sized)
def vit_b_16(**kwargs: Any) -> VisionTransformer:
    """The base vision transformer, patches of 16; arguments are :class:`VisionTransformer`'s."""
    return _build(kwargs, 16, 12, 12, 768, 3072)


@with_weights(ViT_B_32_Weights, _sized)
def vit_b_32(**kwargs: Any) -> VisionTransformer:
    """The base vision transformer, patches of 32; arguments are :class:`VisionTransformer`'s."""
    return _build(kwargs, 32, 12, 12, 768, 3072)


@with_weights(ViT_L_16_Weights, _sized)
def vit_l_16(**kwargs: Any) -> VisionTransformer:
    """The large vision transformer, patches of 16; arguments are :class:`VisionTransformer`'s."""
    return _build(kwargs, 16, 24, 16, 1024, 4096)


@with_weights(ViT_L_32_Weights, _sized)
def vit_l_32(**kwargs: Any) -> VisionTransformer:
    """The large vision transformer, patches of 32; arguments are :class:`VisionTransformer`'s."""
    return _build(kwargs, 32, 24, 16, 1024, 4096)


@with_weights(ViT_H_14_Weights, _sized)
def vit_h_14(**kwargs: Any) -> VisionTransformer:
    """The huge vision transformer, patches of 14; arguments are :class:`VisionTransformer`'s."""
    return _build(kwargs, 14, 32, 16, 1280, 5120)


def interpolate_embeddings(
    image_size: int,
    patch_size: int,
    model_state: dict[str, Tensor],
    interpolation_mode: str = "bicubic",
    reset_heads: bool = False,
) -> dict[str, Tensor]:
    """The state of a vision transformer for images of another size.

    The positions are interpolated; `reset_heads` leaves out the heads if the size changes.

    Raises:
        ValueError: the positions are not those of a square.

    >>> state = VisionTransformer(32, 8, 1, 2, 16, 32).state_dict()
    >>> interpolate_embeddings(64, 8, state)["encoder.pos_embedding"].shape
    torch.Size([1, 65, 16])
    """
    positions = model_state["encoder.pos_embedding"]
    n, length, width = positions.shape
    if n != 1:
        raise ValueError(f"Unexpected position embedding shape: {tuple(positions.shape)}")
    side = image_size // patch_size
    if side**2 + 1 == length:
        return model_state
    old_side = math.isqrt(length - 1)
    if old_side**2 != length - 1:
        raise ValueError(f"seq_length is not a perfect square: {length - 1} positions of patches")
    grid = positions[:, 1:].transpose(1, 2).reshape(1, width, old_side, old_side)
    grid = nn.functional.interpolate(grid, size=side, mode=interpolation_mode, align_corners=True)
    patches = grid.flatten(2).transpose(1, 2)
    model_state["encoder.pos_embedding"] = lampas.cat([positions[:, :1], patches], dim=1)
    if reset_heads:
        return {k: v for k, v in model_state.items() if not k.startswith("heads")}
    return model_state
