"""Kullback-Leibler divergences, chosen by the types of two distributions."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from lampas import Tensor
from lampas.distributions.distribution import Distribution

__all__ = ["kl_divergence", "register_kl"]

_Formula = Callable[[Any, Any], Tensor]
_REGISTRY: dict[tuple[type, type], _Formula] = {}
_FOUND: dict[tuple[type, type], _Formula] = {}


def register_kl(type_p: type, type_q: type) -> Callable[[_Formula], _Formula]:
    """A decorator that makes a function the divergence of two types, and of their subclasses.

    >>> from lampas.distributions import Normal, kl_divergence, register_kl
    >>> class Unit(Normal):
    ...     pass
    >>> @register_kl(Unit, Unit)
    ... def _same(p, q):
    ...     return lampas.zeros(())
    >>> kl_divergence(Unit(0.0, 1.0), Unit(0.0, 2.0))
    tensor(0.)
    """
    for name, kind in (("type_p", type_p), ("type_q", type_q)):
        if not (isinstance(kind, type) and issubclass(kind, Distribution)):
            raise TypeError(f"Expected {name} to be a Distribution subclass but got {kind}")

    def register(formula: _Formula) -> _Formula:
        _REGISTRY[type_p, type_q] = formula
        _FOUND.clear()
        return formula

    return register


def _closest(type_p: type, type_q: type) -> _Formula | None:
    """The formula of the most derived pair of base classes; the left type counts first."""
    fitting = [(a, b) for a, b in _REGISTRY if issubclass(type_p, a) and issubclass(type_q, b)]
    if not fitting:
        return None
    p_order, q_order = type_p.__mro__, type_q.__mro__
    left = min(fitting, key=lambda t: (p_order.index(t[0]), q_order.index(t[1])))
    right = min(fitting, key=lambda t: (q_order.index(t[1]), p_order.index(t[0])))
    if _REGISTRY[left] is not _REGISTRY[right]:
        warnings.warn(
            f"Ambiguous kl_divergence({type_p.__name__}, {type_q.__name__}). Please "
            f"register_kl({left[0].__name__}, {right[1].__name__})",
            RuntimeWarning,
            stacklevel=3,
        )
    return _REGISTRY[left]


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """KL(p ‖ q) = E_p[log p(x) - log q(x)], of shape batch_shape.

    Raises NotImplementedError if there is no formula for the two types.

    >>> from lampas.distributions import Normal, kl_divergence
    >>> kl_divergence(Normal(0.0, 1.0), Normal(1.0, 1.0))
    tensor(0.5000)
    """
    from lampas.distributions import _kl_cross, _kl_same  # noqa: F401  (they register themselves)

    kinds = (type(p), type(q))
    formula = _FOUND.get(kinds) or _closest(*kinds)
    if formula is None:
        raise NotImplementedError(
            f"No KL(p || q) is implemented for p type {kinds[0].__name__} and q type "
            f"{kinds[1].__name__}"
        )
    _FOUND[kinds] = formula
    return formula(p, q)
