"""Relaxed Bernoulli: between 0 and 1, differentiable, the closer to the ends the colder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import lampas
from lampas import Size, Tensor
from lampas.distributions import constraints
from lampas.distributions._logits import BinaryParameter
from lampas.distributions.distribution import Distribution
from lampas.distributions.transformed_distribution import TransformedDistribution
from lampas.distributions.transforms import SigmoidTransform
from lampas.distributions.utils import broadcast_all, clamp_probs

__all__ = ["LogitRelaxedBernoulli", "RelaxedBernoulli"]


class LogitRelaxedBernoulli(BinaryParameter, Distribution):
    """The log odds of a RelaxedBernoulli's draws.

    Maddison, Mnih and Teh, "The concrete distribution", 2017.

    >>> from lampas.distributions.relaxed_bernoulli import LogitRelaxedBernoulli
    >>> LogitRelaxedBernoulli(lampas.tensor(1.0), 0.5).log_prob(lampas.tensor(0.0)).exp()
    tensor(0.2500)
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.real
    has_rsample = True
    _growing = {"probs": 0, "logits": 0}
    _kept = ("_given", "temperature")

    def __init__(
        self,
        temperature: Tensor | float,
        probs: Tensor | float | None = None,
        logits: Tensor | float | None = None,
        validate_args: bool | None = None,
    ) -> None:
        self.temperature = lampas.as_tensor(temperature)
        self._take(probs, logits)
        super().__init__(self._param.shape, validate_args=validate_args)

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        probs = clamp_probs(self.probs.expand(shape))
        u = clamp_probs(lampas.rand(shape, dtype=probs.dtype))
        logistic = u.log() - (-u).log1p() + probs.log() - (-probs).log1p()
        return logistic / self.temperature

    def log_prob(self, value: Tensor) -> Tensor:
        self._check_value(value)
        logits, value = broadcast_all(self.logits, value)
        off = logits - value * self.temperature
        return self.temperature.log() + off - 2 * lampas.nn.functional.softplus(off)


class RelaxedBernoulli(TransformedDistribution):
    """Draws in (0, 1) through which gradients flow; at `temperature` 0 a Bernoulli's.

    >>> d = lampas.distributions.RelaxedBernoulli(lampas.tensor(0.5), probs=0.5)
    >>> d.rsample((2,)).shape
    torch.Size([2])
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True
    _rebuilt = ()

    def __init__(
        self,
        temperature: Tensor | float,
        probs: Tensor | float | None = None,
        logits: Tensor | float | None = None,
        validate_args: bool | None = None,
    ) -> None:
        base = LogitRelaxedBernoulli(temperature, probs, logits)
        super().__init__(base, SigmoidTransform(), validate_args=validate_args)

    def _base(self) -> Any:
        return self.base_dist

    @property
    def temperature(self) -> Tensor:
        """The softness of the draws."""
        temperature: Tensor = self._base().temperature
        return temperature

    @property
    def logits(self) -> Tensor:
        """The log odds of 1."""
        logits: Tensor = self._base().logits
        return logits

    @property
    def probs(self) -> Tensor:
        """The probability of 1."""
        probs: Tensor = self._base().probs
        return probs
