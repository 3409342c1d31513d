"""Generalized Pareto: excesses over a threshold."""

from __future__ import annotations

from collections.abc import Sequence

import lampas
from lampas import Size, Tensor
from lampas.distributions import constraints
from lampas.distributions.distribution import Distribution
from lampas.distributions.utils import broadcast_all

__all__ = ["GeneralizedPareto"]


class GeneralizedPareto(Distribution):
    """Excesses over `loc` with `scale` and tail index `concentration` (0: exponential).

    Where the index is negative the support ends at loc - scale / concentration.

    >>> lampas.distributions.GeneralizedPareto(0.0, 1.0, 0.5).mean
    tensor(2.)
    """

    arg_constraints = {
        "loc": constraints.real,
        "scale": constraints.positive,
        "concentration": constraints.real,
    }
    has_rsample = True
    _growing = {"loc": 0, "scale": 0, "concentration": 0}

    def __init__(
        self,
        loc: Tensor | float,
        scale: Tensor | float,
        concentration: Tensor | float,
        validate_args: bool | None = None,
    ) -> None:
        self.loc, self.scale, self.concentration = broadcast_all(loc, scale, concentration)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> constraints.Constraint:
        """From loc up to infinity, or to loc - scale / concentration if that is negative."""
        end = self.loc - self.scale / self.concentration
        return constraints.interval(self.loc, lampas.where(self.concentration < 0, end, lampas.inf))

    def _index(self) -> tuple[Tensor, Tensor]:
        """Where the tail is exponential, and the index with 1 in these places."""
        zero = lampas.isclose(self.concentration, lampas.zeros_like(self.concentration))
        return zero, lampas.where(zero, 1.0, self.concentration)

    @property
    def mean(self) -> Tensor:
        """NaN where concentration >= 1."""
        finite = self.concentration < 1
        index = lampas.where(finite, self.concentration, 0.5)
        return lampas.where(finite, self.loc + self.scale / (1 - index), lampas.nan)

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        """NaN where concentration >= 1/2."""
        finite = self.concentration < 0.5
        index = lampas.where(finite, self.concentration, 0.25)
        spread = self.scale**2 / ((1 - index) ** 2 * (1 - 2 * index))
        return lampas.where(finite, spread, lampas.nan)

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        return self.icdf(lampas.rand(self._extended_shape(sample_shape), dtype=self.loc.dtype))

    def log_prob(self, value: Tensor) -> Tensor:
        self._check_value(value)
        z = (value - self.loc) / self.scale
        zero, index = self._index()
        power = 1 / index + 1
        # At index -1, the uniform distribution, 0 * log(0) at the end of the support is 0.
        tail = lampas.where(power == 0, power, power * (index * z).log1p())
        return -self.scale.log() - lampas.where(zero, z, tail)

    def log_survival_function(self, value: Tensor) -> Tensor:
        """The log of the probability of a draw above `value`."""
        self._check_value(value)
        z = (value - self.loc) / self.scale
        zero, index = self._index()
        return lampas.where(zero, -z, -(index * z).log1p() / index)

    def log_cdf(self, value: Tensor) -> Tensor:
        """The log of the probability of a draw at or below `value`."""
        return (-self.log_survival_function(value).exp()).log1p()

    def cdf(self, value: Tensor) -> Tensor:
        return -self.log_survival_function(value).expm1()

    def icdf(self, value: Tensor) -> Tensor:
        zero, index = self._index()
        log_tail = (-value).log1p()
        tail = self.scale / index * (-index * log_tail).expm1()
        return self.loc + lampas.where(zero, -self.scale * log_tail, tail)

    def entropy(self) -> Tensor:
        return self.scale.log() + self.concentration + 1
