"""Layers that several families of models are built from, and their initialization."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from lampas import Tensor, nn
from lampas.vision.ops import (
    MLP,
    Conv2dNormActivation,
    Permute,
    SqueezeExcitation,
    StochasticDepth,
)

__all__ = [
    "MLP",
    "Conv2dNormActivation",
    "IntermediateLayerGetter",
    "LayerNorm2d",
    "Permute",
    "SqueezeExcitation",
    "StochasticDepth",
    "initialize",
    "make_divisible",
]

ModuleMaker = Callable[..., nn.Module]


def make_divisible(value: float, divisor: int = 8, least: int | None = None) -> int:
    """The multiple of `divisor` nearest to `value`, but not below 9/10 of it.

    >>> make_divisible(37), make_divisible(10)
    (40, 16)
    """
    nearest = max(
        divisor if least is None else least, int(value + divisor / 2) // divisor * divisor
    )
    return nearest + divisor if nearest < 0.9 * value else nearest


class LayerNorm2d(nn.LayerNorm):
    """Layer normalization over the channels of images (N, C, H, W).

    >>> LayerNorm2d(8)(lampas.zeros(1, 8, 4, 4)).shape
    torch.Size([1, 8, 4, 4])
    """

    def forward(self, input: Tensor) -> Tensor:
        """`input` with each position normalized over its channels."""
        return super().forward(input.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class IntermediateLayerGetter(nn.ModuleDict):
    """The first children of a model, giving what comes out of some of them.

    `return_layers` maps a child's name to that of its output; children after the last are left out.

    >>> from lampas.vision.models import resnet18
    >>> getter = IntermediateLayerGetter(resnet18(), {"layer1": "a", "layer2": "b"})
    >>> {name: tuple(x.shape) for name, x in getter(lampas.zeros(1, 3, 32, 32)).items()}
    {'a': (1, 64, 8, 8), 'b': (1, 128, 4, 4)}
    """

    def __init__(self, model: nn.Module, return_layers: dict[str, str]) -> None:
        wanted = {str(k): str(v) for k, v in return_layers.items()}
        children = dict(model.named_children())
        if not wanted.keys() <= children.keys():
            missing = sorted(wanted.keys() - children.keys())
            raise ValueError(f"return_layers are not present in model: {', '.join(missing)}")
        last = max(i for i, name in enumerate(children) if name in wanted)
        super().__init__(dict(list(children.items())[: last + 1]))
        self.return_layers = wanted

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """The chosen outputs, by the names given to them."""
        out = {}
        for name, module in self.items():
            x = module(x)
            if name in self.return_layers:
                out[self.return_layers[name]] = x
        return out


def initialize(
    modules: Iterable[nn.Module],
    conv: Callable[[Tensor], Any] | None = None,
    linear: Callable[[Tensor], Any] | None = None,
    zero_bias: bool = True,
) -> None:
    """Draws the weights of convolutions and linear layers, in order, and zeroes their biases.

    Norms begin as the identity. What has no function stays as it is.
    """
    for m in modules:
        draw = conv if isinstance(m, nn.Conv2d) else linear if isinstance(m, nn.Linear) else None
        if draw is not None:
            draw(m.weight)
            if zero_bias and m.bias is not None:
                nn.init.zeros_(m.bias)
        elif isinstance(m, (nn.BatchNorm2d, nn.GroupNorm)):
            nn.init.ones_(m.weight)
            nn.init.zeros_(m.bias)


def kaiming_fan_out(weight: Tensor) -> None:
    """He et al.'s normal distribution, by the size of the output."""
    nn.init.kaiming_normal_(weight, mode="fan_out", nonlinearity="relu")


def normal(std: float) -> Callable[[Tensor], Any]:
    """Draws from a normal distribution around 0."""
    return lambda weight: nn.init.normal_(weight, 0, std)


def truncated(std: float) -> Callable[[Tensor], Any]:
    """Draws from a normal distribution around 0, cut at 2 and -2."""
    return lambda weight: nn.init.trunc_normal_(weight, std=std)


def need_settings(settings: Sequence[Any], kind: type | tuple[type, ...], name: str) -> None:
    """ValueError if a model's list of stages is empty, TypeError if it holds something else."""
    if not settings:
        raise ValueError(f"The {name} should not be empty")
    if not all(isinstance(s, kind) for s in settings):
        first = kind if isinstance(kind, type) else kind[0]
        raise TypeError(f"The {name} should be List[{first.__name__}]")
