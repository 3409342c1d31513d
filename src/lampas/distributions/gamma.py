"""Gamma, and chi-squared as its special case."""

from __future__ import annotations

from collections.abc import Sequence

import lampas
from lampas import Size, Tensor
from lampas.distributions import constraints
from lampas.distributions._reparameterized import standard_gamma
from lampas.distributions.exp_family import ExponentialFamily
from lampas.distributions.utils import broadcast_all

__all__ = ["Gamma"]


class Gamma(ExponentialFamily):
    """Gamma with shape `concentration` and `rate`: density ∝ x^(concentration - 1) exp(-rate x).

    >>> lampas.distributions.Gamma(2.0, 4.0).mean
    tensor(0.5000)
    """

    arg_constraints = {
        "concentration": constraints.positive,
        "rate": constraints.positive,
    }
    support = constraints.nonnegative
    has_rsample = True
    _mean_carrier_measure = 0
    _growing = {"concentration": 0, "rate": 0}

    def __init__(
        self,
        concentration: Tensor | float,
        rate: Tensor | float,
        validate_args: bool | None = None,
    ) -> None:
        self.concentration, self.rate = broadcast_all(concentration, rate)
        super().__init__(self.concentration.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.rate

    @property
    def mode(self) -> Tensor:
        return ((self.concentration - 1) / self.rate).clamp(min=0)

    @property
    def variance(self) -> Tensor:
        return self.concentration / self.rate**2

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        value = standard_gamma(self.concentration.expand(shape)) / self.rate.expand(shape)
        # Draws that underflow to 0 would have a density of 0 or infinity.
        return value.clamp(min=lampas.finfo(value.dtype).tiny)

    def log_prob(self, value: Tensor) -> Tensor:
        value = lampas.as_tensor(value, dtype=self.rate.dtype)
        self._check_value(value)
        a, rate = self.concentration, self.rate
        return lampas.xlogy(a, rate) + lampas.xlogy(a - 1, value) - rate * value - a.lgamma()

    def cdf(self, value: Tensor) -> Tensor:
        self._check_value(value)
        return lampas.special.gammainc(self.concentration, self.rate * value)

    def entropy(self) -> Tensor:
        a = self.concentration
        return a - self.rate.log() + a.lgamma() + (1 - a) * a.digamma()

    @property
    def _natural_params(self) -> tuple[Tensor, Tensor]:
        return self.concentration - 1, -self.rate

    def _log_normalizer(self, *natural_params: Tensor) -> Tensor:
        x, y = natural_params
        return (x + 1).lgamma() - (x + 1) * (-y).log()
