"""What GoogLeNet and Inception v3 share: their convolution, and their way with input and heads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lampas
from lampas import Tensor, nn
from lampas.vision.models._registry import fix
from lampas.vision.models._weights import WeightsEnum


class BasicConv2d(nn.Module):
    """Convolution, batch normalization, ReLU.

    >>> BasicConv2d(3, 8, kernel_size=1)(lampas.zeros(1, 3, 4, 4)).shape
    torch.Size([1, 8, 4, 4])
    """

    def __init__(self, in_channels: int, out_channels: int, **kwargs: Any) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, bias=False, **kwargs)
        self.bn = nn.BatchNorm2d(out_channels, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) to (N, out_channels, …)."""
        return nn.functional.relu(self.bn(self.conv(x)), inplace=True)


def chain(x: Tensor, *layers: Any) -> Tensor:
    """`x` through the layers, one after the other."""
    for layer in layers:
        x = layer(x)
    return x


def renormalized(x: Tensor) -> Tensor:
    """Images normalized by ImageNet's mean and deviation, as if by 1/2 and 1/2."""
    mean, std = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    scale = lampas.tensor(std, dtype=x.dtype, device=x.device) / 0.5
    shift = (lampas.tensor(mean, dtype=x.dtype, device=x.device) - 0.5) / 0.5
    return x * scale[:, None, None] + shift[:, None, None]


def with_heads(default: bool, *heads: str) -> Callable[[dict[str, Any], WeightsEnum], Any]:
    """Published weights have auxiliary heads: they are loaded, then dropped unless wanted."""

    def adapt(kwargs: dict[str, Any], weights: WeightsEnum) -> Any:
        wanted = kwargs.pop("aux_logits", default)
        kwargs.setdefault("transform_input", True)
        fix(kwargs, "aux_logits", True)
        fix(kwargs, "init_weights", False)

        def finish(model: Any) -> None:
            if not wanted:
                model.aux_logits = False
                for head in heads:
                    setattr(model, head, None)

        return finish

    return adapt
