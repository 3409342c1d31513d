"""From a constraint to a transform of unconstrained numbers into it.

`biject_to(constraint)` is a bijection, with a Jacobian, for sampling; `transform_to(constraint)`
only has to reach every value, and is the better choice for optimization where the two differ.

>>> from lampas.distributions import constraints, transform_to
>>> transform_to(constraints.positive)(lampas.tensor(0.0))
tensor(1.)
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from lampas.distributions import constraints, transforms
from lampas.distributions.transforms import Transform

__all__ = ["ConstraintRegistry", "biject_to", "transform_to"]

_Factory = Callable[[Any], Transform]


class ConstraintRegistry:
    """Functions that make transforms, by the class of the constraint.

    >>> from lampas.distributions import constraints
    >>> from lampas.distributions.constraint_registry import ConstraintRegistry
    >>> registry = ConstraintRegistry()
    >>> _ = registry.register(constraints.real, lambda c: lampas.distributions.identity_transform)
    >>> registry(constraints.real)(lampas.tensor(2.0))
    tensor(2.)
    """

    def __init__(self) -> None:
        self._registry: dict[type, _Factory] = {}

    def register(self, constraint: Any, factory: _Factory | None = None) -> Any:
        """Registers `factory` for a constraint's class; without it, a decorator that does so."""
        if factory is None:
            return lambda f: self.register(constraint, f)
        if isinstance(constraint, constraints.Constraint):
            constraint = type(constraint)
        if not isinstance(constraint, type) or not issubclass(constraint, constraints.Constraint):
            raise TypeError(
                "Expected constraint to be either a Constraint subclass or instance, but got "
                f"{constraint}"
            )
        self._registry[constraint] = factory
        return factory

    def __call__(self, constraint: constraints.Constraint) -> Transform:
        """The transform into `constraint`; NotImplementedError if its class is not registered."""
        factory = self._registry.get(type(constraint))
        if factory is None:
            raise NotImplementedError(f"Cannot transform {type(constraint).__name__} constraints")
        return factory(constraint)


biject_to = ConstraintRegistry()
transform_to = ConstraintRegistry()


def _both(*kinds: Any) -> Callable[[_Factory], _Factory]:
    def register(factory: _Factory) -> _Factory:
        for kind in kinds:
            biject_to.register(kind, factory)
            transform_to.register(kind, factory)
        return factory

    return register


def _with_registry(kind: Any, build: Callable[[ConstraintRegistry, Any], Transform]) -> None:
    """A constraint made of others needs the registry for its parts."""
    for registry in (biject_to, transform_to):
        registry.register(kind, functools.partial(build, registry))


@_both(constraints.real)
def _real(constraint: Any) -> Transform:
    return transforms.identity_transform


@_both(constraints.positive, constraints.nonnegative)
def _positive(constraint: Any) -> Transform:
    return _above(constraint)


@_both(constraints.greater_than, constraints.greater_than_eq)
def _above(constraint: Any) -> Transform:
    bound = constraint.lower_bound
    if isinstance(bound, (int, float)) and bound == 0:
        return transforms.ExpTransform()
    return transforms.ComposeTransform(
        [transforms.ExpTransform(), transforms.AffineTransform(bound, 1)]
    )


@_both(constraints.less_than)
def _below(constraint: Any) -> Transform:
    return transforms.ComposeTransform(
        [transforms.ExpTransform(), transforms.AffineTransform(constraint.upper_bound, -1)]
    )


@_both(constraints.interval, constraints.half_open_interval)
def _between(constraint: Any) -> Transform:
    low, high = constraint.lower_bound, constraint.upper_bound
    numbers = isinstance(low, (int, float)) and isinstance(high, (int, float))
    if numbers and low == 0 and high == 1:
        return transforms.SigmoidTransform()
    return transforms.ComposeTransform(
        [transforms.SigmoidTransform(), transforms.AffineTransform(low, high - low)]
    )


@_both(constraints.corr_cholesky)
def _corr_cholesky(constraint: Any) -> Transform:
    return transforms.CorrCholeskyTransform()


biject_to.register(constraints.simplex, lambda c: transforms.StickBreakingTransform())
transform_to.register(constraints.simplex, lambda c: transforms.SoftmaxTransform())
transform_to.register(constraints.lower_cholesky, lambda c: transforms.LowerCholeskyTransform())
for _kind in (constraints.positive_definite, constraints.positive_semidefinite):
    transform_to.register(_kind, lambda c: transforms.PositiveDefiniteTransform())
_with_registry(
    constraints.independent,
    lambda registry, c: transforms.IndependentTransform(
        registry(c.base_constraint), c.reinterpreted_batch_ndims
    ),
)
_with_registry(
    constraints.cat,
    lambda registry, c: transforms.CatTransform([registry(p) for p in c.cseq], c.dim, c.lengths),
)
_with_registry(
    constraints.stack,
    lambda registry, c: transforms.StackTransform([registry(p) for p in c.cseq], c.dim),
)
