"""Gumbel: the largest of many."""

from __future__ import annotations

import math

import lampas
from lampas import Tensor
from lampas.distributions import constraints
from lampas.distributions.transformed_distribution import TransformedDistribution
from lampas.distributions.transforms import AffineTransform, ExpTransform
from lampas.distributions.uniform import Uniform
from lampas.distributions.utils import broadcast_all, euler_constant

__all__ = ["Gumbel"]


class Gumbel(TransformedDistribution):
    """Density ∝ exp(-z - exp(-z)) with z = (x - loc) / scale.

    >>> lampas.distributions.Gumbel(0.0, 1.0).mean
    tensor(0.5772)
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    _rebuilt = ("loc", "scale")

    def __init__(
        self, loc: Tensor | float, scale: Tensor | float, validate_args: bool | None = None
    ) -> None:
        self.loc, self.scale = broadcast_all(loc, scale)
        limits = lampas.finfo(self.loc.dtype)
        base = Uniform(
            lampas.full_like(self.loc, limits.tiny),
            lampas.full_like(self.loc, 1 - limits.eps),
            validate_args=validate_args,
        )
        # -log(-log(u)), moved and stretched.
        transforms = [
            ExpTransform().inv,
            AffineTransform(0, -lampas.ones_like(self.scale)),
            ExpTransform().inv,
            AffineTransform(self.loc, -self.scale),
        ]
        super().__init__(base, transforms, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.loc + self.scale * euler_constant

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def stddev(self) -> Tensor:
        return math.pi / math.sqrt(6) * self.scale

    @property
    def variance(self) -> Tensor:
        return self.stddev**2

    def log_prob(self, value: Tensor) -> Tensor:
        self._check_value(value)
        z = (self.loc - value) / self.scale
        return z - z.exp() - self.scale.log()

    def entropy(self) -> Tensor:
        return self.scale.log() + (1 + euler_constant)
