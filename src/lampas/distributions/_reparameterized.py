"""Draws of gammas and Dirichlets with gradients to their parameters.

Both follow from the cumulative distribution F(x; a) staying put when a moves: dx/da is
-(∂F/∂a) / F'(x). Figurnov, Mohamed and Mnih, "Implicit reparameterization gradients", 2018. The
derivatives of F are those of its power series, term by term (DLMF 8.11.4, 8.17.7), summed in double
precision.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import lampas
from lampas import _C, Tensor
from lampas.autograd import Function

# From this shape on the quantiles' expansion in 1/sqrt(a) is exact to about 1e-6, five standard
# deviations out, and far better inside.
_LARGE = 500.0
_TINY_TERM = 1e-17


def _array(x: Tensor) -> Any:
    return x.detach().to(lampas.float64).numpy()


def _digamma(x: Any) -> Any:
    return lampas.digamma(lampas.tensor(np.ascontiguousarray(x))).numpy()


def _gamma_series(a: Any, x: Any) -> Any:
    """dx/da = Σ r_k (ψ(a + k + 1) - log x) with r_k = x^(k+1) / (a (a + 1) … (a + k))."""
    weight = x / a
    slope = _digamma(a) + 1 / a - np.log(x)
    total = weight * slope
    size = np.abs(total)
    k = 0
    while True:
        k += 1
        weight = weight * (x / (a + k))
        slope = slope + 1 / (a + k)
        term = weight * slope
        total = total + term
        size = np.maximum(size, np.abs(term))
        # Terms shrink once a + k has passed x; before, they may cross zero.
        if np.all((np.abs(term) <= _TINY_TERM * size) & (a + k > x)):
            return total


def _gamma_expansion(a: Any, x: Any) -> Any:
    """dx/da of the quantile as Cornish and Fisher expand it, at the normal quantile z of x."""
    root = np.sqrt(a)
    z = 3 * root * (np.cbrt(x / a) - 1 + 1 / (9 * a))  # Wilson and Hilferty's start
    for _ in range(4):
        value = a + z * root + (z**2 - 1) / 3 + (z**3 - 7 * z) / (36 * root)
        value = value + (16 - 7 * z**2 - 3 * z**4) / (810 * a)
        slope = root + 2 * z / 3 + (3 * z**2 - 7) / (36 * root) - (14 * z + 12 * z**3) / (810 * a)
        z = z - (value - x) / slope
    return (
        1
        + z / (2 * root)
        - (z**3 - 7 * z) / (72 * root**3)
        - (16 - 7 * z**2 - 3 * z**4) / (810 * a**2)
    )


def gamma_gradient(a: Any, x: Any) -> Any:
    """dx/da of a draw x from the standard gamma of shape a; float64 arrays of one shape."""
    result = np.zeros_like(x)
    usable = (x > 0) & (a > 0)
    for select, formula in ((a < _LARGE, _gamma_series), (a >= _LARGE, _gamma_expansion)):
        at = np.nonzero(usable & select)
        if at[0].size:
            result[at] = formula(a[at], x[at])
    return result


def _beta_series(x: Any, a: Any, b: Any, by_second: bool) -> Any:
    """Σ c_n ∂ log(term n), by a or by b, of I_x(a, b) = x^a (1-x)^b / B(a, b) Σ c_n; x <= 1/2."""
    total_count = a + b
    weight = 1 / a
    if by_second:
        slope = np.log1p(-x) - _digamma(b) + _digamma(total_count)
    else:
        slope = np.log(x) - _digamma(a) + _digamma(total_count) - 1 / a
    total = weight * slope
    size = np.abs(total)
    n = 0
    while True:
        n += 1
        step = 1 / (total_count + n - 1)
        slope = slope + (step if by_second else step - 1 / (a + n))
        weight = weight * x * (total_count + n - 1) / (a + n)
        term = weight * slope
        total = total + term
        size = np.maximum(size, np.abs(term))
        shrinking = x * (total_count + n) < 0.999 * (a + n + 1)
        if np.all((np.abs(term) <= _TINY_TERM * size) & shrinking):
            return total


def dirichlet_gradient(x: Any, a: Any, total: Any) -> Any:
    """dx/da / (1 - x) of a draw x from Beta(a, total - a) with total - a held fixed."""
    result = np.zeros_like(x)
    b = total - a
    usable = (x > 0) & (x < 1) & (a > 0) & (b > 0)
    at = np.nonzero(usable & (x <= 0.5))
    if at[0].size:
        result[at] = -x[at] * _beta_series(x[at], a[at], b[at], by_second=False)
    at = np.nonzero(usable & (x > 0.5))
    if at[0].size:
        result[at] = x[at] * _beta_series(1 - x[at], b[at], a[at], by_second=True)
    return result


class _StandardGamma(Function):
    @staticmethod
    def forward(ctx: Any, concentration: Tensor) -> Tensor:
        drawn = _C._standard_gamma(concentration)
        ctx.save_for_backward(concentration, drawn)
        return drawn

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        concentration, drawn = ctx.saved_tensors
        slope = gamma_gradient(_array(concentration), _array(drawn))
        return grad * lampas.from_numpy(slope).to(grad.dtype)


class _StandardDirichlet(Function):
    @staticmethod
    def forward(ctx: Any, concentration: Tensor) -> Tensor:
        drawn = _C._sample_dirichlet(concentration)
        ctx.save_for_backward(concentration, drawn)
        return drawn

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        concentration, drawn = ctx.saved_tensors
        a = _array(concentration)
        total = np.broadcast_to(a.sum(-1, keepdims=True), a.shape)
        slope = lampas.from_numpy(dirichlet_gradient(_array(drawn), a, total)).to(grad.dtype)
        # Moving x_i shrinks the others in proportion, so that the sum stays 1.
        return slope * (grad - (drawn * grad).sum(-1, keepdim=True))


def standard_gamma(concentration: Tensor) -> Tensor:
    """Draws from gammas of rate 1, differentiable by `concentration`."""
    drawn: Tensor = _StandardGamma.apply(concentration)
    return drawn


def standard_dirichlet(concentration: Tensor) -> Tensor:
    """Draws from Dirichlets along the last dimension, differentiable by `concentration`."""
    drawn: Tensor = _StandardDirichlet.apply(concentration)
    return drawn
