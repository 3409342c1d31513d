"""Inception v3: Szegedy et al., "Rethinking the inception architecture", 2015."""

from __future__ import annotations

from typing import Any, NamedTuple

import lampas
from lampas import Tensor, nn
from lampas.vision.models._inception import BasicConv2d, chain, renormalized, with_heads
from lampas.vision.models._layers import initialize, truncated
from lampas.vision.models._registry import with_weights
from lampas.vision.models._weights import weights_enum

__all__ = ["Inception3", "InceptionOutputs", "Inception_V3_Weights", "inception_v3"]

Inception_V3_Weights = weights_enum("Inception_V3_Weights")


class InceptionOutputs(NamedTuple):
    """Scores (N, num_classes) while training: the last layer's and the auxiliary head's.

    >>> InceptionOutputs(lampas.zeros(1), None).aux_logits is None
    True
    """

    logits: Tensor
    aux_logits: Tensor | None


# Blocks as branches: the name of each convolution with channels, kernel, stride and padding. Where
# None stands for the channels, the block is told them.
_Conv = tuple[str, Any, Any, int, Any]
_BRANCHES: dict[str, list[list[_Conv]]] = {
    "A": [
        [("branch1x1", 64, 1, 1, 0)],
        [("branch5x5_1", 48, 1, 1, 0), ("branch5x5_2", 64, 5, 1, 2)],
        [
            ("branch3x3dbl_1", 64, 1, 1, 0),
            ("branch3x3dbl_2", 96, 3, 1, 1),
            ("branch3x3dbl_3", 96, 3, 1, 1),
        ],
        [("branch_pool", None, 1, 1, 0)],
    ],
    "B": [
        [("branch3x3", 384, 3, 2, 0)],
        [
            ("branch3x3dbl_1", 64, 1, 1, 0),
            ("branch3x3dbl_2", 96, 3, 1, 1),
            ("branch3x3dbl_3", 96, 3, 2, 0),
        ],
    ],
    "C": [
        [("branch1x1", 192, 1, 1, 0)],
        [
            ("branch7x7_1", None, 1, 1, 0),
            ("branch7x7_2", None, (1, 7), 1, (0, 3)),
            ("branch7x7_3", 192, (7, 1), 1, (3, 0)),
        ],
        [
            ("branch7x7dbl_1", None, 1, 1, 0),
            ("branch7x7dbl_2", None, (7, 1), 1, (3, 0)),
            ("branch7x7dbl_3", None, (1, 7), 1, (0, 3)),
            ("branch7x7dbl_4", None, (7, 1), 1, (3, 0)),
            ("branch7x7dbl_5", 192, (1, 7), 1, (0, 3)),
        ],
        [("branch_pool", 192, 1, 1, 0)],
    ],
    "D": [
        [("branch3x3_1", 192, 1, 1, 0), ("branch3x3_2", 320, 3, 2, 0)],
        [
            ("branch7x7x3_1", 192, 1, 1, 0),
            ("branch7x7x3_2", 192, (1, 7), 1, (0, 3)),
            ("branch7x7x3_3", 192, (7, 1), 1, (3, 0)),
            ("branch7x7x3_4", 192, 3, 2, 0),
        ],
    ],
}


class _Block(nn.Module):
    """Branches side by side; a pooling feeds the last one, or stands alone."""

    def __init__(self, kind: str, in_channels: int, told: int = 0) -> None:
        super().__init__()
        self._names = [[conv[0] for conv in branch] for branch in _BRANCHES[kind]]
        for branch in _BRANCHES[kind]:
            width = in_channels
            for name, channels, kernel, stride, padding in branch:
                out = told if channels is None else channels
                conv = BasicConv2d(width, out, kernel_size=kernel, stride=stride, padding=padding)
                self.add_module(name, conv)
                width = out

    def forward(self, x: Tensor) -> Tensor:
        out = []
        for names in self._names:
            pooled = names == ["branch_pool"]
            start = nn.functional.avg_pool2d(x, 3, stride=1, padding=1) if pooled else x
            out.append(chain(start, *(getattr(self, name) for name in names)))
        if self._names[-1] != ["branch_pool"]:
            out.append(nn.functional.max_pool2d(x, kernel_size=3, stride=2))
        return lampas.cat(out, 1)


class InceptionA(_Block):
    """1 x 1, 5 x 5 and twice 3 x 3 convolutions and a pooling."""

    def __init__(self, in_channels: int, pool_features: int) -> None:
        super().__init__("A", in_channels, pool_features)


class InceptionB(_Block):
    """Halves the size."""

    def __init__(self, in_channels: int) -> None:
        super().__init__("B", in_channels)


class InceptionC(_Block):
    """7 x 7 convolutions as 1 x 7 and 7 x 1."""

    def __init__(self, in_channels: int, channels_7x7: int) -> None:
        super().__init__("C", in_channels, channels_7x7)


class InceptionD(_Block):
    """Halves the size, through 7 x 7 too."""

    def __init__(self, in_channels: int) -> None:
        super().__init__("D", in_channels)


class InceptionE(nn.Module):
    """Branches that end in 1 x 3 and 3 x 1 convolutions side by side."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        wide: dict[str, Any] = {"kernel_size": (1, 3), "padding": (0, 1)}
        high: dict[str, Any] = {"kernel_size": (3, 1), "padding": (1, 0)}
        self.branch1x1 = BasicConv2d(in_channels, 320, kernel_size=1)
        self.branch3x3_1 = BasicConv2d(in_channels, 384, kernel_size=1)
        self.branch3x3_2a = BasicConv2d(384, 384, **wide)
        self.branch3x3_2b = BasicConv2d(384, 384, **high)
        self.branch3x3dbl_1 = BasicConv2d(in_channels, 448, kernel_size=1)
        self.branch3x3dbl_2 = BasicConv2d(448, 384, kernel_size=3, padding=1)
        self.branch3x3dbl_3a = BasicConv2d(384, 384, **wide)
        self.branch3x3dbl_3b = BasicConv2d(384, 384, **high)
        self.branch_pool = BasicConv2d(in_channels, 192, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) to (N, 2048, H, W)."""
        small = self.branch3x3_1(x)
        large = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        pooled = nn.functional.avg_pool2d(x, 3, stride=1, padding=1)
        return lampas.cat(
            [
                self.branch1x1(x),
                self.branch3x3_2a(small),
                self.branch3x3_2b(small),
                self.branch3x3dbl_3a(large),
                self.branch3x3dbl_3b(large),
                self.branch_pool(pooled),
            ],
            1,
        )


class InceptionAux(nn.Module):
    """The auxiliary head, for training."""

    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__()
        self.conv0 = BasicConv2d(in_channels, 128, kernel_size=1)
        self.conv1 = BasicConv2d(128, 768, kernel_size=5)
        self.fc = nn.Linear(768, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Scores (N, num_classes)."""
        x = self.conv1(self.conv0(nn.functional.avg_pool2d(x, kernel_size=5, stride=3)))
        scores: Tensor = self.fc(nn.functional.adaptive_avg_pool2d(x, (1, 1)).flatten(1))
        return scores


class Inception3(nn.Module):
    """Inception v3, for images (N, 3, H, W) of at least 75 x 75; meant for 299 x 299.

    Args:
        num_classes: how many scores come out.
        aux_logits: have the auxiliary head.
        transform_input: images are normalized by ImageNet's mean and deviation; undo it.
        init_weights: draw weights from a truncated normal; None means yes.
        dropout: before the last layer.

    >>> Inception3(num_classes=10, init_weights=False).eval()(lampas.zeros(1, 3, 75, 75)).shape
    torch.Size([1, 10])
    """

    image_size = 299  # the auxiliary head, which works in training, needs as much

    def __init__(
        self,
        num_classes: int = 1000,
        aux_logits: bool = True,
        transform_input: bool = False,
        init_weights: bool | None = None,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.aux_logits = aux_logits
        self.transform_input = transform_input
        self.Conv2d_1a_3x3 = BasicConv2d(3, 32, kernel_size=3, stride=2)
        self.Conv2d_2a_3x3 = BasicConv2d(32, 32, kernel_size=3)
        self.Conv2d_2b_3x3 = BasicConv2d(32, 64, kernel_size=3, padding=1)
        self.maxpool1 = nn.MaxPool2d(kernel_size=3, stride=2)
        self.Conv2d_3b_1x1 = BasicConv2d(64, 80, kernel_size=1)
        self.Conv2d_4a_3x3 = BasicConv2d(80, 192, kernel_size=3)
        self.maxpool2 = nn.MaxPool2d(kernel_size=3, stride=2)
        self.Mixed_5b = InceptionA(192, pool_features=32)
        self.Mixed_5c = InceptionA(256, pool_features=64)
        self.Mixed_5d = InceptionA(288, pool_features=64)
        self.Mixed_6a = InceptionB(288)
        self.Mixed_6b = InceptionC(768, channels_7x7=128)
        self.Mixed_6c = InceptionC(768, channels_7x7=160)
        self.Mixed_6d = InceptionC(768, channels_7x7=160)
        self.Mixed_6e = InceptionC(768, channels_7x7=192)
        self.AuxLogits = InceptionAux(768, num_classes) if aux_logits else None
        self.Mixed_7a = InceptionD(768)
        self.Mixed_7b = InceptionE(1280)
        self.Mixed_7c = InceptionE(2048)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(2048, num_classes)
        if init_weights in (None, True):
            small = None if self.AuxLogits is None else self.AuxLogits.fc
            for m in self.modules():
                draw = truncated(0.001 if m is small else 0.1)
                initialize([m], draw, draw, zero_bias=False)

    def _parts(self, prefix: str) -> list[Any]:
        return [m for name, m in self.named_children() if name.startswith(prefix)]

    def forward(self, x: Tensor) -> Any:
        """Scores (N, num_classes); while training with those of the head."""
        if self.transform_input:
            x = renormalized(x)
        x = chain(x, self.Conv2d_1a_3x3, self.Conv2d_2a_3x3, self.Conv2d_2b_3x3, self.maxpool1)
        x = chain(x, self.Conv2d_3b_1x1, self.Conv2d_4a_3x3, self.maxpool2)
        x = chain(x, *self._parts("Mixed_5"), *self._parts("Mixed_6"))
        aux = self.AuxLogits(x) if self.AuxLogits is not None and self.training else None
        x = chain(x, *self._parts("Mixed_7"), self.avgpool, self.dropout)
        x = self.fc(x.flatten(1))
        return InceptionOutputs(x, aux) if self.training and self.aux_logits else x


@with_weights(Inception_V3_Weights, with_heads(True, "AuxLogits"))
def inception_v3(**kwargs: Any) -> Inception3:
    """Inception v3; arguments are those of :class:`Inception3`."""
    return Inception3(**kwargs)
