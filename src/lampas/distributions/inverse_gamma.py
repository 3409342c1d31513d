"""Inverse gamma: one over a gamma."""

from __future__ import annotations

import lampas
from lampas import Tensor
from lampas.distributions import constraints
from lampas.distributions.gamma import Gamma
from lampas.distributions.transformed_distribution import TransformedDistribution
from lampas.distributions.transforms import PowerTransform

__all__ = ["InverseGamma"]


class InverseGamma(TransformedDistribution):
    """1 / x of a gamma x with shape `concentration` and `rate`.

    >>> lampas.distributions.InverseGamma(3.0, 4.0).mean
    tensor(2.)
    """

    arg_constraints = {
        "concentration": constraints.positive,
        "rate": constraints.positive,
    }
    support = constraints.positive
    has_rsample = True
    _rebuilt = ()

    def __init__(
        self, concentration: Tensor | float, rate: Tensor | float, validate_args: bool | None = None
    ) -> None:
        base = Gamma(concentration, rate, validate_args=validate_args)
        inverse = PowerTransform(-base.rate.new_ones(()))
        super().__init__(base, inverse, validate_args=validate_args)

    @property
    def concentration(self) -> Tensor:
        """The gamma's shape."""
        concentration: Tensor = vars(self.base_dist)["concentration"]
        return concentration

    @property
    def rate(self) -> Tensor:
        """The gamma's rate."""
        rate: Tensor = vars(self.base_dist)["rate"]
        return rate

    @property
    def mean(self) -> Tensor:
        """Infinite where concentration <= 1."""
        a = self.concentration
        return lampas.where(a > 1, self.rate / (a - 1), lampas.inf)

    @property
    def mode(self) -> Tensor:
        return self.rate / (self.concentration + 1)

    @property
    def variance(self) -> Tensor:
        """Infinite where concentration <= 2."""
        a = self.concentration
        return lampas.where(a > 2, self.rate**2 / ((a - 1) ** 2 * (a - 2)), lampas.inf)

    def entropy(self) -> Tensor:
        a = self.concentration
        return a + self.rate.log() + a.lgamma() - (1 + a) * a.digamma()
