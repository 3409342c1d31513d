"""Log-normal: exp of a normal."""

from __future__ import annotations

from lampas import Tensor
from lampas.distributions import constraints
from lampas.distributions.normal import Normal
from lampas.distributions.transformed_distribution import TransformedDistribution
from lampas.distributions.transforms import ExpTransform

__all__ = ["LogNormal"]


class LogNormal(TransformedDistribution):
    """exp(x) of a normal x with mean `loc` and standard deviation `scale`.

    >>> lampas.distributions.LogNormal(0.0, 1.0).cdf(lampas.tensor(1.0))
    tensor(0.5000)
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.positive
    has_rsample = True
    _rebuilt = ()

    def __init__(
        self, loc: Tensor | float, scale: Tensor | float, validate_args: bool | None = None
    ) -> None:
        base = Normal(loc, scale, validate_args=validate_args)
        super().__init__(base, ExpTransform(), validate_args=validate_args)

    @property
    def loc(self) -> Tensor:
        """The mean of the logs."""
        loc: Tensor = vars(self.base_dist)["loc"]
        return loc

    @property
    def scale(self) -> Tensor:
        """The standard deviation of the logs."""
        scale: Tensor = vars(self.base_dist)["scale"]
        return scale

    @property
    def mean(self) -> Tensor:
        return (self.loc + self.scale**2 / 2).exp()

    @property
    def mode(self) -> Tensor:
        return (self.loc - self.scale**2).exp()

    @property
    def variance(self) -> Tensor:
        square = self.scale**2
        return square.expm1() * (2 * self.loc + square).exp()

    def entropy(self) -> Tensor:
        return self.base_dist.entropy() + self.loc
