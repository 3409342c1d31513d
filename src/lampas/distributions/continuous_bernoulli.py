"""Continuous Bernoulli: on [0, 1], with density proportional to p^x (1 - p)^(1 - x)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import lampas
from lampas import Size, Tensor
from lampas.distributions import constraints
from lampas.distributions._logits import BinaryParameter
from lampas.distributions.exp_family import ExponentialFamily
from lampas.distributions.utils import broadcast_all, clamp_probs, lazy_property, logits_to_probs

__all__ = ["ContinuousBernoulli"]


class ContinuousBernoulli(BinaryParameter, ExponentialFamily):
    """Density C(p) p^x (1 - p)^(1 - x) on [0, 1], by `probs` p or `logits`.

    Between `lims` the closed forms cancel, and series around p = 1/2 replace them. Loaiza-Ganem and
    Cunningham, "The continuous Bernoulli: fixing a pervasive error in variational autoencoders",
    2019.

    >>> lampas.distributions.ContinuousBernoulli(0.5).mean
    tensor(0.5000)
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True
    _mean_carrier_measure = 0
    _growing = {"probs": 0, "logits": 0}
    _kept = ("_given", "_lims")

    def __init__(
        self,
        probs: Tensor | float | None = None,
        logits: Tensor | float | None = None,
        lims: tuple[float, float] = (0.499, 0.501),
        validate_args: bool | None = None,
    ) -> None:
        self._take(probs, logits)
        self._lims = lims
        if probs is not None:
            check = self._validate_args if validate_args is None else validate_args
            if check and not constraints.unit_interval.check(self.probs).all():
                raise ValueError(
                    f"The parameter probs has invalid values: {self.probs}; they must lie in [0, 1]"
                )
            self.probs = clamp_probs(self.probs)
        super().__init__(self._param.shape, validate_args=validate_args)

    @lazy_property
    def probs(self) -> Tensor:
        """The parameter p, which is not the mean."""
        return clamp_probs(logits_to_probs(self.logits, is_binary=True))

    def _outside(self) -> Tensor:
        return (self.probs <= self._lims[0]) | (self.probs > self._lims[1])

    def _safe_probs(self) -> Tensor:
        return lampas.where(self._outside(), self.probs, self._lims[0])

    def _log_odds(self, p: Tensor) -> Tensor:
        return (-p).log1p() - p.log()

    def _cont_bern_log_norm(self) -> Tensor:
        """log C(p)."""
        p = self._safe_probs()
        closed = self._log_odds(p).abs().log() - (1 - 2 * p).abs().log()
        x = (self.probs - 0.5) ** 2
        return lampas.where(
            self._outside(), closed, math.log(2.0) + (4.0 / 3.0 + 104.0 / 45.0 * x) * x
        )

    @property
    def mean(self) -> Tensor:
        p = self._safe_probs()
        x = self.probs - 0.5
        series = 0.5 + (1.0 / 3.0 + 16.0 / 45.0 * x**2) * x
        return lampas.where(self._outside(), p / (2 * p - 1) + 1 / self._log_odds(p), series)

    @property
    def variance(self) -> Tensor:
        p = self._safe_probs()
        x = (self.probs - 0.5) ** 2
        closed = p * (p - 1) / (1 - 2 * p) ** 2 + 1 / self._log_odds(p) ** 2
        series = 1.0 / 12.0 - (1.0 / 15.0 - 128.0 / 945.0 * x) * x
        return lampas.where(self._outside(), closed, series)

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        return self.icdf(lampas.rand(self._extended_shape(sample_shape), dtype=self.probs.dtype))

    def log_prob(self, value: Tensor) -> Tensor:
        self._check_value(value)
        logits, value = broadcast_all(self.logits, value)
        cross = lampas.nn.functional.binary_cross_entropy_with_logits(
            logits, value, reduction="none"
        )
        return self._cont_bern_log_norm() - cross

    def cdf(self, value: Tensor) -> Tensor:
        self._check_value(value)
        p = self._safe_probs()
        closed = (p**value * (1 - p) ** (1 - value) + p - 1) / (2 * p - 1)
        return lampas.where(self._outside(), closed, value).clamp(0, 1)

    def icdf(self, value: Tensor) -> Tensor:
        p = self._safe_probs()
        failure = (-p).log1p()
        closed = ((-p + value * (2 * p - 1)).log1p() - failure) / (p.log() - failure)
        return lampas.where(self._outside(), closed, value)

    def entropy(self) -> Tensor:
        failure = (-self.probs).log1p()
        return self.mean * (failure - self.probs.log()) - self._cont_bern_log_norm() - failure

    @property
    def _natural_params(self) -> tuple[Tensor]:
        return (self.logits,)

    def _log_normalizer(self, *natural_params: Tensor) -> Tensor:
        (x,) = natural_params
        outside = (x <= self._lims[0] - 0.5) | (x > self._lims[1] - 0.5)
        safe = lampas.where(outside, x, self._lims[0] - 0.5)
        closed = safe.expm1().abs().log() - safe.abs().log()
        return lampas.where(outside, closed, x / 2 + x**2 / 24 - x**4 / 2880)
