"""GoogLeNet: Szegedy et al., "Going deeper with convolutions", 2014."""

from __future__ import annotations

from typing import Any, NamedTuple

import lampas
from lampas import Tensor, nn
from lampas.vision.models._inception import BasicConv2d, chain, renormalized, with_heads
from lampas.vision.models._layers import initialize, truncated
from lampas.vision.models._registry import with_weights
from lampas.vision.models._weights import weights_enum

__all__ = ["GoogLeNet", "GoogLeNetOutputs", "GoogLeNet_Weights", "googlenet"]

GoogLeNet_Weights = weights_enum("GoogLeNet_Weights")


class GoogLeNetOutputs(NamedTuple):
    """Scores (N, num_classes) while training: the last layer's and the auxiliary heads'.

    >>> GoogLeNetOutputs(lampas.zeros(1), None, None).aux_logits1 is None
    True
    """

    logits: Tensor
    aux_logits2: Tensor | None
    aux_logits1: Tensor | None


class Inception(nn.Module):
    """1 x 1, 3 x 3 and 5 x 5 convolutions and a pooling side by side.

    The published weights have 3 x 3 kernels in the branch that is called 5 x 5.

    >>> Inception(8, 2, 2, 2, 2, 2, 2)(lampas.zeros(1, 8, 4, 4)).shape
    torch.Size([1, 8, 4, 4])
    """

    def __init__(
        self,
        in_channels: int,
        ch1x1: int,
        ch3x3red: int,
        ch3x3: int,
        ch5x5red: int,
        ch5x5: int,
        pool_proj: int,
    ) -> None:
        super().__init__()
        self.branch1 = BasicConv2d(in_channels, ch1x1, kernel_size=1)
        self.branch2 = nn.Sequential(
            BasicConv2d(in_channels, ch3x3red, kernel_size=1),
            BasicConv2d(ch3x3red, ch3x3, kernel_size=3, padding=1),
        )
        self.branch3 = nn.Sequential(
            BasicConv2d(in_channels, ch5x5red, kernel_size=1),
            BasicConv2d(ch5x5red, ch5x5, kernel_size=3, padding=1),
        )
        self.branch4 = nn.Sequential(
            nn.MaxPool2d(kernel_size=3, stride=1, padding=1, ceil_mode=True),
            BasicConv2d(in_channels, pool_proj, kernel_size=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """The branches' channels, one after the other."""
        branches = (self.branch1, self.branch2, self.branch3, self.branch4)
        return lampas.cat([branch(x) for branch in branches], 1)


class InceptionAux(nn.Module):
    """An auxiliary head, for training.

    >>> InceptionAux(8, 10)(lampas.zeros(1, 8, 14, 14)).shape
    torch.Size([1, 10])
    """

    def __init__(self, in_channels: int, num_classes: int, dropout: float = 0.7) -> None:
        super().__init__()
        self.conv = BasicConv2d(in_channels, 128, kernel_size=1)
        self.fc1 = nn.Linear(2048, 1024)
        self.fc2 = nn.Linear(1024, num_classes)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Scores (N, num_classes)."""
        x = self.conv(nn.functional.adaptive_avg_pool2d(x, (4, 4))).flatten(1)
        x = self.dropout(nn.functional.relu(self.fc1(x), inplace=True))
        scores: Tensor = self.fc2(x)
        return scores


# Channels of the branches, as in the paper's table 1.
_BLOCKS = {
    "3a": (192, 64, 96, 128, 16, 32, 32),
    "3b": (256, 128, 128, 192, 32, 96, 64),
    "4a": (480, 192, 96, 208, 16, 48, 64),
    "4b": (512, 160, 112, 224, 24, 64, 64),
    "4c": (512, 128, 128, 256, 24, 64, 64),
    "4d": (512, 112, 144, 288, 32, 64, 64),
    "4e": (528, 256, 160, 320, 32, 128, 128),
    "5a": (832, 256, 160, 320, 32, 128, 128),
    "5b": (832, 384, 192, 384, 48, 128, 128),
}


class GoogLeNet(nn.Module):
    """A stem, nine inception blocks, a linear layer; two auxiliary heads while training.

    Args:
        num_classes: how many scores come out.
        aux_logits: have the auxiliary heads.
        transform_input: images are normalized by ImageNet's mean and deviation; undo it.
        init_weights: draw weights from a truncated normal; None means yes.
        dropout, dropout_aux: before the last layers.

    >>> GoogLeNet(num_classes=10, aux_logits=False).eval()(lampas.zeros(1, 3, 64, 64)).shape
    torch.Size([1, 10])
    """

    def __init__(
        self,
        num_classes: int = 1000,
        aux_logits: bool = True,
        transform_input: bool = False,
        init_weights: bool | None = None,
        dropout: float = 0.2,
        dropout_aux: float = 0.7,
    ) -> None:
        super().__init__()
        self.aux_logits = aux_logits
        self.transform_input = transform_input
        self.conv1 = BasicConv2d(3, 64, kernel_size=7, stride=2, padding=3)
        self.maxpool1 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.conv2 = BasicConv2d(64, 64, kernel_size=1)
        self.conv3 = BasicConv2d(64, 192, kernel_size=3, padding=1)
        self.maxpool2 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        for name, channels in _BLOCKS.items():
            if name == "4a":
                self.maxpool3 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
            if name == "5a":
                self.maxpool4 = nn.MaxPool2d(2, stride=2, ceil_mode=True)
            self.add_module(f"inception{name}", Inception(*channels))
        self.aux1 = InceptionAux(512, num_classes, dropout_aux) if aux_logits else None
        self.aux2 = InceptionAux(528, num_classes, dropout_aux) if aux_logits else None
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(1024, num_classes)
        if init_weights in (None, True):
            initialize(self.modules(), truncated(0.01), truncated(0.01), zero_bias=False)

    def _blocks(self, names: str) -> list[Any]:
        return [getattr(self, f"inception{name}") for name in names.split()]

    def forward(self, x: Tensor) -> Any:
        """Scores (N, num_classes) of images (N, 3, H, W); in training with the heads'."""
        if self.transform_input:
            x = renormalized(x)
        x = chain(x, self.conv1, self.maxpool1, self.conv2, self.conv3, self.maxpool2)
        x = chain(x, *self._blocks("3a 3b"), self.maxpool3, self.inception4a)
        aux1 = self.aux1(x) if self.aux1 is not None and self.training else None
        x = chain(x, *self._blocks("4b 4c 4d"))
        aux2 = self.aux2(x) if self.aux2 is not None and self.training else None
        x = chain(x, self.inception4e, self.maxpool4, *self._blocks("5a 5b"), self.avgpool)
        x = self.fc(self.dropout(x.flatten(1)))
        return GoogLeNetOutputs(x, aux2, aux1) if self.training and self.aux_logits else x


@with_weights(GoogLeNet_Weights, with_heads(False, "aux1", "aux2"))
def googlenet(**kwargs: Any) -> GoogLeNet:
    """GoogLeNet; arguments are those of :class:`GoogLeNet`.

    With published weights the auxiliary heads are dropped unless aux_logits=True.
    """
    return GoogLeNet(**kwargs)
