"""Exponential families: densities exp(<t(x), θ> - F(θ) + k(x))."""

from __future__ import annotations

from typing import Any

import lampas
from lampas import Tensor
from lampas.distributions.distribution import Distribution

__all__ = ["ExponentialFamily"]


class ExponentialFamily(Distribution):
    """A distribution with natural parameters θ and a log normalizer F.

    A subclass gives `_natural_params`, `_log_normalizer(*params)` and `_mean_carrier_measure`, the
    expectation of k; entropy and KL divergence then follow from F and its gradient alone: Nielsen
    and Nock, "Entropies and cross-entropies of exponential families", 2010.

    >>> lampas.distributions.Poisson(1.0)._log_normalizer(lampas.tensor(0.0))
    tensor(1.)
    """

    @property
    def _natural_params(self) -> Any:
        raise self._undefined("_natural_params")

    @property
    def _mean_carrier_measure(self) -> Any:
        raise self._undefined("entropy: it gives no _mean_carrier_measure")

    def _log_normalizer(self, *natural_params: Tensor) -> Tensor:
        raise self._undefined("_log_normalizer")

    def entropy(self) -> Tensor:
        """F(θ) - <θ, ∇F(θ)> - E[k(x)], of shape batch_shape."""
        params = [p.detach().requires_grad_() for p in self._natural_params]
        with lampas.enable_grad():
            normalizer = self._log_normalizer(*params)
            gradients = lampas.autograd.grad(normalizer.sum(), params, create_graph=True)
        result = normalizer - self._mean_carrier_measure
        for p, g in zip(params, gradients, strict=True):
            result = result - (p * g).reshape((*self._batch_shape, -1)).sum(-1)
        return result
