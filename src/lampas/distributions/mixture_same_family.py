"""Mixtures of distributions of one kind."""

from __future__ import annotations

from collections.abc import Sequence

import lampas
from lampas import Size, Tensor
from lampas.distributions import constraints
from lampas.distributions.categorical import Categorical
from lampas.distributions.distribution import Distribution

__all__ = ["MixtureSameFamily"]


class MixtureSameFamily(Distribution):
    """A draw from component i, which a Categorical has chosen.

    The components are the last batch dimension of `component_distribution`. Raises ValueError if
    kinds or batch shapes do not fit.

    >>> from lampas.distributions import Categorical, MixtureSameFamily, Normal
    >>> parts = Normal(lampas.tensor([-1.0, 3.0]), lampas.ones(2))
    >>> MixtureSameFamily(Categorical(lampas.ones(2)), parts).mean
    tensor(1.)
    """

    arg_constraints: dict[str, constraints.Constraint] = {}

    def __init__(
        self,
        mixture_distribution: Categorical,
        component_distribution: Distribution,
        validate_args: bool | None = None,
    ) -> None:
        mixture, component = mixture_distribution, component_distribution
        if not isinstance(mixture, Categorical):
            raise ValueError(
                "The Mixture distribution needs to be an instance of "
                f"torch.distributions.Categorical, got {type(mixture).__name__}"
            )
        if not isinstance(component, Distribution):
            raise ValueError(
                "The Component distribution needs to be an instance of "
                f"torch.distributions.Distribution, got {type(component).__name__}"
            )
        mine, theirs = mixture.batch_shape, component.batch_shape[:-1]
        for i, j in zip(reversed(mine), reversed(theirs), strict=False):
            if i != 1 and j != 1 and i != j:
                raise ValueError(
                    f"`mixture_distribution.batch_shape` ({mine}) is not compatible with "
                    f"`component_distribution.batch_shape`({theirs})"
                )
        count, parts = mixture.param_shape[-1], component.batch_shape[-1:]
        if parts != (count,):
            raise ValueError(
                f"`mixture_distribution component` ({count}) does not equal "
                f"`component_distribution.batch_shape[-1]` ({parts[0] if parts else None})"
            )
        self._mixture_distribution = mixture
        self._component_distribution = component
        self._num_component = count
        super().__init__(theirs, component.event_shape, validate_args=validate_args)

    def expand(
        self, batch_shape: Sequence[int], _instance: MixtureSameFamily | None = None
    ) -> MixtureSameFamily:
        new: MixtureSameFamily = self._get_checked_instance(MixtureSameFamily, _instance)
        batch = Size(batch_shape)
        new._component_distribution = self._component_distribution.expand(
            (*batch, self._num_component)
        )
        new._mixture_distribution = self._mixture_distribution.expand(batch)
        new._num_component = self._num_component
        self._finish_expand(new, batch)
        return new

    @property
    def mixture_distribution(self) -> Categorical:
        """Which component a draw comes from."""
        return self._mixture_distribution

    @property
    def component_distribution(self) -> Distribution:
        """The components, along the last batch dimension."""
        return self._component_distribution

    @constraints.dependent_property
    def support(self) -> constraints.Constraint:
        """What all components can take."""
        return constraints.MixtureSameFamilyConstraint(self._component_distribution.support)

    # The dimension of the components in values of shape (..., batch, components, event).
    @property
    def _dim(self) -> int:
        return -1 - len(self._event_shape)

    def _weights(self) -> Tensor:
        """The probabilities, (batch, components) and a 1 for each dimension of the event."""
        probs = self._mixture_distribution.probs
        return probs.reshape((*probs.shape, *(1,) * len(self._event_shape)))

    @property
    def mean(self) -> Tensor:
        return (self._weights() * self._component_distribution.mean).sum(self._dim)

    @property
    def variance(self) -> Tensor:
        """The mean of the components' variances and the variance of their means."""
        parts = self._component_distribution
        off = parts.mean - self.mean.unsqueeze(self._dim)
        return (self._weights() * (parts.variance + off**2)).sum(self._dim)

    def cdf(self, value: Tensor) -> Tensor:
        each = self._component_distribution.cdf(value.unsqueeze(self._dim))
        return (each * self._mixture_distribution.probs).sum(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        self._check_value(value)
        each = self._component_distribution.log_prob(value.unsqueeze(self._dim))
        log_weights = self._mixture_distribution.logits.log_softmax(-1)
        return (each + log_weights).logsumexp(-1)

    def sample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        with lampas.no_grad():
            chosen = self._mixture_distribution.sample(sample_shape)
            drawn = self._component_distribution.sample(sample_shape)
            dim = drawn.dim() + self._dim
            index = chosen.reshape((*chosen.shape, *(1,) * (len(self._event_shape) + 1)))
            index = index.expand((*drawn.shape[:dim], 1, *self._event_shape))
            return drawn.gather(dim, index).squeeze(dim)

    def __repr__(self) -> str:
        return (
            f"MixtureSameFamily(\n  {self._mixture_distribution},\n  "
            f"{self._component_distribution})"
        )
