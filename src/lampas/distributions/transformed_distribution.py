"""What comes out of transforms of another distribution's draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import lampas
from lampas import Size, Tensor
from lampas.distributions import constraints
from lampas.distributions.distribution import Distribution
from lampas.distributions.independent import Independent
from lampas.distributions.transforms import ComposeTransform, Transform
from lampas.distributions.utils import sum_rightmost

__all__ = ["TransformedDistribution"]


class TransformedDistribution(Distribution):
    """The distribution of t(x) for draws x of a base distribution, t being one or more transforms.

    Raises ValueError if `transforms` are none, or need more dimensions than the base has.

    >>> from lampas.distributions import ExpTransform, Normal, TransformedDistribution
    >>> d = TransformedDistribution(Normal(0.0, 1.0), ExpTransform())
    >>> d.cdf(lampas.tensor(1.0))
    tensor(0.5000)
    """

    arg_constraints: dict[str, constraints.Constraint] = {}

    # Arguments that a subclass is built from anew by expand(); () if base and transforms suffice.
    _rebuilt: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        base_distribution: Distribution,
        transforms: Transform | Sequence[Transform],
        validate_args: bool | None = None,
    ) -> None:
        if isinstance(transforms, Transform):
            transforms = [transforms]
        if not isinstance(transforms, list):
            raise ValueError(f"transforms must be a Transform or list, but was {transforms}")
        if not all(isinstance(t, Transform) for t in transforms):
            raise ValueError("transforms must be a Transform or a list of Transforms")
        self.transforms: list[Transform] = transforms
        whole = ComposeTransform(transforms)
        base = base_distribution
        shape = base.batch_shape + base.event_shape
        into, out_of = whole.domain.event_dim, whole.codomain.event_dim
        if len(shape) < into:
            raise ValueError(
                "base_distribution needs to have shape with size at least "
                f"{into}, but got {tuple(shape)}."
            )
        # Parameters of the transforms may widen the batch.
        result = whole.forward_shape(shape)
        wider = whole.inverse_shape(result)
        own = len(base.event_shape)
        if wider != shape:
            base = base.expand(wider[: len(wider) - own])
        if into > own:
            base = Independent(base, into - own)
        self.base_dist = base
        cut = len(result) - max(out_of, own + out_of - into)
        super().__init__(result[:cut], result[cut:], validate_args=validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Any:
        owner = next(c for c in type(self).__mro__ if "_rebuilt" in vars(c))
        new = self._get_checked_instance(owner, _instance)
        batch = Size(batch_shape)
        if self._rebuilt:
            arguments = [getattr(self, name).expand(batch) for name in self._rebuilt]
            owner.__init__(new, *arguments, validate_args=False)  # type: ignore[misc]
        else:
            shape: Sequence[int] = batch + self.event_shape
            for t in reversed(self.transforms):
                shape = t.inverse_shape(shape)
            new.base_dist = self.base_dist.expand(
                shape[: len(shape) - len(self.base_dist.event_shape)]
            )
            new.transforms = self.transforms
        self._finish_expand(new, batch)
        return new

    @constraints.dependent_property(is_discrete=False)
    def support(self) -> constraints.Constraint:
        """What the last transform maps to."""
        if not self.transforms:
            base: constraints.Constraint = self.base_dist.support
            return base
        last: constraints.Constraint = self.transforms[-1].codomain
        more = len(self.event_shape) - last.event_dim
        return constraints.independent(last, more) if more > 0 else last

    @property
    def has_rsample(self) -> bool:
        return bool(self.base_dist.has_rsample)

    def _forward(self, x: Tensor) -> Tensor:
        for t in self.transforms:
            x = t(x)
        return x

    def sample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        with lampas.no_grad():
            return self._forward(self.base_dist.sample(sample_shape))

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        return self._forward(self.base_dist.rsample(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        """The base's density at the inverse, corrected by the transforms' Jacobians."""
        self._check_value(value)
        dims = len(self.event_shape)
        total: Any = 0.0
        y = value
        for t in reversed(self.transforms):
            x = t.inv(y)
            dims += t.domain.event_dim - t.codomain.event_dim
            jacobian = t.log_abs_det_jacobian(x, y)
            total = total - sum_rightmost(jacobian, dims - t.domain.event_dim)
            y = x
        inner = self.base_dist.log_prob(y)
        result: Tensor = total + sum_rightmost(inner, dims - len(self.base_dist.event_shape))
        return result

    def _flipped(self, probability: Tensor) -> Tensor:
        """1 - probability where the transforms, all together, decrease."""
        sign = ComposeTransform(self.transforms).sign
        if isinstance(sign, int) and sign == 1:
            return probability
        return sign * (probability - 0.5) + 0.5

    def cdf(self, value: Tensor) -> Tensor:
        """By the base's cdf and the inverses; transforms must be monotone."""
        for t in reversed(self.transforms):
            value = t.inv(value)
        self._check_base(value)
        return self._flipped(self.base_dist.cdf(value))

    def _check_base(self, value: Tensor) -> None:
        if self._validate_args:
            self.base_dist._validate_sample(value)

    def icdf(self, value: Tensor) -> Tensor:
        """By the base's icdf; transforms must be monotone."""
        return self._forward(self.base_dist.icdf(self._flipped(value)))
