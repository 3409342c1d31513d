"""Interleaving groups of channels."""

from __future__ import annotations

from lampas._tensor import Tensor

from .. import functional as F
from .module import Module

__all__ = ["ChannelShuffle"]


class ChannelShuffle(Module):
    """Interleaves groups of channels of ``(N, C, *)``.

    Source: Zhang et al., *ShuffleNet*, 2017.

    Example:
        >>> import lampas
        >>> from lampas import nn
        >>> nn.ChannelShuffle(2)(lampas.arange(4.0).reshape(1, 4, 1)).flatten()
        tensor([0., 2., 1., 3.])
    """

    __constants__ = ["groups"]

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, input: Tensor) -> Tensor:
        return F.channel_shuffle(input, self.groups)

    def extra_repr(self) -> str:
        return f"groups={self.groups}"
