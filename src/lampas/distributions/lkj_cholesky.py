"""LKJ: random correlation matrices, as Cholesky factors."""

from __future__ import annotations

import math
from collections.abc import Sequence

import lampas
from lampas import Size, Tensor
from lampas.distributions import constraints
from lampas.distributions.beta import Beta
from lampas.distributions.distribution import Distribution
from lampas.distributions.utils import broadcast_all

__all__ = ["LKJCholesky"]


class LKJCholesky(Distribution):
    """Lower Cholesky factors of `dim` x `dim` correlation matrices.

    Their density is det^(concentration - 1), up to a constant: at concentration 1 all
    correlation matrices are equally likely. Lewandowski, Kurowicka and Joe, "Generating random
    correlation matrices based on vines and extended onion method", 2009.

    >>> lampas.distributions.LKJCholesky(3, 0.5).sample().shape
    torch.Size([3, 3])
    """

    arg_constraints = {"concentration": constraints.positive}
    support = constraints.corr_cholesky
    _growing = {"concentration": 0, "_beta": 1}
    _kept = ("dim",)

    def __init__(
        self,
        dim: int,
        concentration: Tensor | float = 1.0,
        validate_args: bool | None = None,
    ) -> None:
        if dim < 2:
            raise ValueError(
                f"Expected dim to be an integer greater than or equal to 2. Found dim={dim}."
            )
        self.dim = dim
        (self.concentration,) = broadcast_all(concentration)
        c = self.concentration
        # The squared length of a row without its last number; the first row has none.
        rows = lampas.arange(dim - 1, dtype=c.dtype, device=c.device)
        rows = lampas.cat([rows.new_zeros(1), rows])
        first, second = rows + 0.5, (c + 0.5 * (dim - 2)).unsqueeze(-1) - 0.5 * rows
        self._beta = Beta(first, second)
        super().__init__(c.shape, (dim, dim), validate_args=validate_args)

    def sample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        """By the onion method: for each row a direction and a length."""
        with lampas.no_grad():
            square = self._beta.sample(sample_shape).unsqueeze(-1)
            shape = self._extended_shape(sample_shape)
            normal = lampas.randn(shape, dtype=square.dtype).tril(-1)
            direction = normal / lampas.linalg.vector_norm(normal, dim=-1, keepdim=True)
            direction[..., 0, :] = 0
            factor = square.sqrt() * direction
            rest = 1 - (factor**2).sum(-1)
            return factor + rest.clamp(min=lampas.finfo(rest.dtype).tiny).sqrt().diag_embed()

    def log_prob(self, value: Tensor) -> Tensor:
        self._check_value(value)
        c, n = self.concentration, self.dim
        order = lampas.arange(2, n + 1, device=c.device)
        order = 2 * (c - 1).unsqueeze(-1) + n - order
        density = (order * value.diagonal(dim1=-1, dim2=-2)[..., 1:].log()).sum(-1)
        half = 0.5 * (n - 1)
        norm = half * math.log(math.pi) + lampas.mvlgamma(c + half - 0.5, n - 1)
        return density - (norm - (c + half).lgamma() * (n - 1))
