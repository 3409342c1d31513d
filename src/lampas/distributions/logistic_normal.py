"""Logistic-normal: probabilities from normals by stick breaking."""

from __future__ import annotations

from typing import Any

from lampas import Tensor
from lampas.distributions import constraints
from lampas.distributions.normal import Normal
from lampas.distributions.transformed_distribution import TransformedDistribution
from lampas.distributions.transforms import StickBreakingTransform

__all__ = ["LogisticNormal"]


class LogisticNormal(TransformedDistribution):
    """n probabilities with sum 1 from n - 1 normals, by StickBreakingTransform.

    >>> lampas.distributions.LogisticNormal(lampas.zeros(2), lampas.ones(2)).event_shape
    torch.Size([3])
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.simplex
    has_rsample = True
    _rebuilt = ()

    def __init__(
        self, loc: Tensor | float, scale: Tensor | float, validate_args: bool | None = None
    ) -> None:
        base = Normal(loc, scale, validate_args=validate_args)
        if not base.batch_shape:
            base = base.expand([1])
        super().__init__(base, StickBreakingTransform(), validate_args=validate_args)

    def _normal(self) -> Any:
        # The normals, under the Independent that makes one event of them.
        base: Any = self.base_dist
        return base.base_dist

    @property
    def loc(self) -> Tensor:
        """The normals' means."""
        loc: Tensor = vars(self._normal())["loc"]
        return loc

    @property
    def scale(self) -> Tensor:
        """The normals' standard deviations."""
        scale: Tensor = vars(self._normal())["scale"]
        return scale
