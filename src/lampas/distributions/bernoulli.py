"""Bernoulli: 1 with a given probability, else 0."""

from __future__ import annotations

from collections.abc import Sequence

import lampas
from lampas import Size, Tensor
from lampas.distributions import constraints
from lampas.distributions._logits import BinaryParameter
from lampas.distributions.exp_family import ExponentialFamily
from lampas.distributions.utils import broadcast_all

__all__ = ["Bernoulli"]


class Bernoulli(BinaryParameter, ExponentialFamily):
    """1 with probability `probs` (or log odds `logits`), else 0.

    >>> lampas.distributions.Bernoulli(0.25).log_prob(lampas.tensor(1.0)).exp()
    tensor(0.2500)
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.boolean
    has_enumerate_support = True
    _mean_carrier_measure = 0
    _growing = {"probs": 0, "logits": 0}
    _kept = ("_given",)

    def __init__(
        self,
        probs: Tensor | float | None = None,
        logits: Tensor | float | None = None,
        validate_args: bool | None = None,
    ) -> None:
        self._take(probs, logits)
        super().__init__(self._param.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def mode(self) -> Tensor:
        mode = (self.probs >= 0.5).to(self.probs.dtype)
        return mode.masked_fill(self.probs == 0.5, lampas.nan)

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        with lampas.no_grad():
            return lampas.bernoulli(self.probs.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        self._check_value(value)
        logits, value = broadcast_all(self.logits, value)
        return -lampas.nn.functional.binary_cross_entropy_with_logits(
            logits, value, reduction="none"
        )

    def entropy(self) -> Tensor:
        return lampas.nn.functional.binary_cross_entropy_with_logits(
            self.logits, self.probs, reduction="none"
        )

    def enumerate_support(self, expand: bool = True) -> Tensor:
        return self._enumerated(lampas.arange(2, dtype=self._param.dtype), expand)

    @property
    def _natural_params(self) -> tuple[Tensor]:
        return (lampas.logit(self.probs),)

    def _log_normalizer(self, *natural_params: Tensor) -> Tensor:
        return lampas.nn.functional.softplus(natural_params[0])
