"""Fisher-Snedecor, or F."""

from __future__ import annotations

from collections.abc import Sequence

import lampas
from lampas import Size, Tensor
from lampas.distributions import constraints
from lampas.distributions.distribution import Distribution
from lampas.distributions.gamma import Gamma
from lampas.distributions.utils import broadcast_all

__all__ = ["FisherSnedecor"]


class FisherSnedecor(Distribution):
    """The ratio of two chi-squared draws, each divided by its degrees of freedom, `df1` and `df2`.

    >>> lampas.distributions.FisherSnedecor(3.0, 4.0).mean
    tensor(2.)
    """

    arg_constraints = {"df1": constraints.positive, "df2": constraints.positive}
    support = constraints.positive
    has_rsample = True
    _growing = {"df1": 0, "df2": 0, "_gamma1": 0, "_gamma2": 0}

    def __init__(
        self, df1: Tensor | float, df2: Tensor | float, validate_args: bool | None = None
    ) -> None:
        self.df1, self.df2 = broadcast_all(df1, df2)
        self._gamma1 = Gamma(self.df1 * 0.5, self.df1, validate_args=validate_args)
        self._gamma2 = Gamma(self.df2 * 0.5, self.df2, validate_args=validate_args)
        super().__init__(self.df1.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        """NaN where df2 <= 2."""
        return (self.df2 / (self.df2 - 2)).masked_fill(self.df2 <= 2, lampas.nan)

    @property
    def mode(self) -> Tensor:
        """NaN where df1 <= 2."""
        mode = (self.df1 - 2) / self.df1 * self.df2 / (self.df2 + 2)
        return mode.masked_fill(self.df1 <= 2, lampas.nan)

    @property
    def variance(self) -> Tensor:
        """NaN where df2 <= 4."""
        a, b = self.df1, self.df2
        spread = 2 * b**2 * (a + b - 2) / (a * (b - 2) ** 2 * (b - 4))
        return spread.masked_fill(b <= 4, lampas.nan)

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        above = self._gamma1.rsample(sample_shape)
        below = self._gamma2.rsample(sample_shape)
        tiny = lampas.finfo(below.dtype).tiny
        return (above / below.clamp(min=tiny)).clamp(min=tiny)

    def log_prob(self, value: Tensor) -> Tensor:
        self._check_value(value)
        a, b = self.df1 * 0.5, self.df2 * 0.5
        ratio = self.df1 / self.df2
        norm = (a + b).lgamma() - a.lgamma() - b.lgamma() + a * ratio.log()
        return norm + (a - 1) * value.log() - (a + b) * (ratio * value).log1p()
