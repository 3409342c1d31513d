"""Leaving out branches and blocks at random."""

from __future__ import annotations

import lampas
from lampas import Tensor, nn
from lampas.nn import functional as F

__all__ = [
    "DropBlock2d",
    "DropBlock3d",
    "StochasticDepth",
    "drop_block2d",
    "drop_block3d",
    "stochastic_depth",
]


def stochastic_depth(input: Tensor, p: float, mode: str, training: bool = True) -> Tensor:
    """`input` (N, …) with samples set to zero with probability p, the rest divided by 1 - p.

    G. Huang et al., "Deep networks with stochastic depth", ECCV 2016.

    Args:
        input: a residual branch's result.
        p: probability.
        mode: "row" decides for each sample, "batch" for all together.
        training: without it nothing happens.

    Raises:
        ValueError: p is not in [0, 1], or another mode.

    >>> stochastic_depth(lampas.ones(2, 1), 1.0, "batch").tolist()
    [[0.0], [0.0]]
    """
    if not 0 <= p <= 1:
        raise ValueError(f"drop probability has to be between 0 and 1, but got {p}")
    if mode not in ("batch", "row"):
        raise ValueError(f"mode has to be either 'batch' or 'row', but got {mode}")
    if not training or p == 0:
        return input
    keep = 1 - p
    size = (input.shape[0] if mode == "row" else 1, *(1,) * (input.dim() - 1))
    noise = lampas.empty(size, dtype=input.dtype, device=input.device).bernoulli_(keep)
    return input * (noise / keep if keep > 0 else noise)


class StochasticDepth(nn.Module):
    """Leaves out a residual branch with probability p while training; see `stochastic_depth`.

    >>> StochasticDepth(0.5, "row").eval()(lampas.ones(2))
    tensor([1., 1.])
    """

    def __init__(self, p: float, mode: str) -> None:
        if not 0 <= p <= 1:
            raise ValueError(f"drop probability has to be between 0 and 1, but got {p}")
        if mode not in ("batch", "row"):
            raise ValueError(f"mode has to be either 'batch' or 'row', but got {mode}")
        super().__init__()
        self.p = p
        self.mode = mode

    def forward(self, input: Tensor) -> Tensor:
        """`input` (N, …), or zeros in its place."""
        return stochastic_depth(input, self.p, self.mode, self.training)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p}, mode={self.mode})"


def _drop_blocks(
    input: Tensor, p: float, side: int, inplace: bool, eps: float, training: bool, dims: int
) -> Tensor:
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"drop probability has to be between 0 and 1, but got {p}.")
    if input.dim() != dims + 2:
        raise ValueError(f"input should be {dims + 2} dimensional. Got {input.dim()} dimensions.")
    if not training or p == 0.0:
        return input
    sizes = input.shape[2:]
    side = min(side, *sizes)
    seeds, pixels = 1, 1
    for size in sizes:
        seeds, pixels = seeds * (size - side + 1), pixels * size
    shape = (*input.shape[:2], *(size - side + 1 for size in sizes))
    chance = p * pixels / (side**dims * seeds)
    noise = lampas.empty(shape, dtype=input.dtype).bernoulli_(chance)
    noise = F.pad(noise, [side // 2] * (2 * dims), value=0)
    pool = F.max_pool2d if dims == 2 else F.max_pool3d
    noise = 1 - pool(noise, side, stride=1, padding=side // 2)
    scale = noise.numel() / (eps + noise.sum())
    return input.mul_(noise).mul_(scale) if inplace else input * noise * scale


def drop_block2d(
    input: Tensor,
    p: float,
    block_size: int,
    inplace: bool = False,
    eps: float = 1e-06,
    training: bool = True,
) -> Tensor:
    """`input` (N, C, H, W) with square blocks set to zero, a part p of it, the rest scaled up.

    G. Ghiasi, T.-Y. Lin, Q. Le, "DropBlock", NeurIPS 2018.

    Raises:
        ValueError: p is not in [0, 1], or other dimensions.

    >>> drop_block2d(lampas.ones(1, 1, 8, 8), 0.0, 3).sum().item()
    64.0
    """
    return _drop_blocks(input, p, block_size, inplace, eps, training, 2)


def drop_block3d(
    input: Tensor,
    p: float,
    block_size: int,
    inplace: bool = False,
    eps: float = 1e-06,
    training: bool = True,
) -> Tensor:
    """As :func:`drop_block2d`, with cubes, for `input` (N, C, D, H, W).

    >>> drop_block3d(lampas.ones(1, 1, 4, 4, 4), 0.0, 3).sum().item()
    64.0
    """
    return _drop_blocks(input, p, block_size, inplace, eps, training, 3)


class DropBlock2d(nn.Module):
    """:func:`drop_block2d` while training.

    >>> DropBlock2d(0.1, 3).eval()(lampas.ones(1, 1, 4, 4)).sum().item()
    16.0
    """

    def __init__(
        self, p: float, block_size: int, inplace: bool = False, eps: float = 1e-06
    ) -> None:
        super().__init__()
        self.p = p
        self.block_size = block_size
        self.inplace = inplace
        self.eps = eps

    def forward(self, input: Tensor) -> Tensor:
        """See :func:`drop_block2d`."""
        return drop_block2d(input, self.p, self.block_size, self.inplace, self.eps, self.training)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(p={self.p}, block_size={self.block_size}, "
            f"inplace={self.inplace})"
        )


class DropBlock3d(DropBlock2d):
    """:func:`drop_block3d` while training.

    >>> DropBlock3d(0.1, 3).eval()(lampas.ones(1, 1, 4, 4, 4)).sum().item()
    64.0
    """

    def forward(self, input: Tensor) -> Tensor:
        """See :func:`drop_block3d`."""
        return drop_block3d(input, self.p, self.block_size, self.inplace, self.eps, self.training)
