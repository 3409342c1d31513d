"""Relaxed one-hot categorical: points of a simplex, the closer to a corner the colder."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import lampas
from lampas import Size, Tensor
from lampas.distributions import constraints
from lampas.distributions.categorical import Categorical
from lampas.distributions.distribution import Distribution
from lampas.distributions.transformed_distribution import TransformedDistribution
from lampas.distributions.transforms import ExpTransform
from lampas.distributions.utils import broadcast_all, clamp_probs

__all__ = ["ExpRelaxedCategorical", "RelaxedOneHotCategorical"]


class ExpRelaxedCategorical(Distribution):
    """The logs of a RelaxedOneHotCategorical's draws.

    Maddison, Mnih and Teh, "The concrete distribution", 2017.

    >>> from lampas.distributions.relaxed_categorical import ExpRelaxedCategorical
    >>> d = ExpRelaxedCategorical(lampas.tensor(1.0), lampas.tensor([0.5, 0.5]))
    >>> d.rsample().exp().sum()
    tensor(1.)
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    # The exponentials have sum 1; only that the logs are numbers is checked.
    support = constraints.real_vector
    has_rsample = True
    _growing = {"_categorical": 0}
    _kept = ("temperature",)

    def __init__(
        self,
        temperature: Tensor | float,
        probs: Tensor | None = None,
        logits: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        self._categorical = Categorical(probs, logits)
        self.temperature = lampas.as_tensor(temperature)
        super().__init__(
            self._categorical.batch_shape,
            self._categorical.param_shape[-1:],
            validate_args=validate_args,
        )

    @property
    def probs(self) -> Tensor:
        """The probabilities of the classes, with sum 1."""
        return self._categorical.probs

    @property
    def logits(self) -> Tensor:
        """The logs of the probabilities."""
        return self._categorical.logits

    @property
    def param_shape(self) -> Size:
        """The shape of the parameter that was given."""
        return self._categorical.param_shape

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        u = clamp_probs(lampas.rand(shape, dtype=self.logits.dtype))
        scores = (self.logits - (-u.log()).log()) / self.temperature
        return scores - scores.logsumexp(dim=-1, keepdim=True)

    def log_prob(self, value: Tensor) -> Tensor:
        self._check_value(value)
        n = self.event_shape[-1]
        logits, value = broadcast_all(self.logits, value)
        scores = logits - value * self.temperature
        scores = (scores - scores.logsumexp(dim=-1, keepdim=True)).sum(-1)
        return scores + math.lgamma(n) + (n - 1) * self.temperature.log()


class RelaxedOneHotCategorical(TransformedDistribution):
    """Vectors of a simplex through which gradients flow; at `temperature` 0 one-hot vectors.

    >>> d = lampas.distributions.RelaxedOneHotCategorical(0.5, lampas.tensor([0.5, 0.5]))
    >>> d.rsample().sum()
    tensor(1.)
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.simplex
    has_rsample = True
    _rebuilt = ()

    def __init__(
        self,
        temperature: Tensor | float,
        probs: Tensor | None = None,
        logits: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        base = ExpRelaxedCategorical(temperature, probs, logits, validate_args=validate_args)
        super().__init__(base, ExpTransform(), validate_args=validate_args)

    def _base(self) -> Any:
        return self.base_dist

    @property
    def temperature(self) -> Tensor:
        """The softness of the draws."""
        temperature: Tensor = self._base().temperature
        return temperature

    @property
    def logits(self) -> Tensor:
        """The logs of the probabilities."""
        logits: Tensor = self._base().logits
        return logits

    @property
    def probs(self) -> Tensor:
        """The probabilities of the classes, with sum 1."""
        probs: Tensor = self._base().probs
        return probs
