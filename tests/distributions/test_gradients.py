"""Gradients through draws: finite differences of quantiles, known formulas, moments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lampas
from lampas import distributions as D
from lampas.distributions._reparameterized import (
    _gamma_expansion,
    _gamma_series,
    dirichlet_gradient,
    gamma_gradient,
)


def t(*values: float) -> lampas.Tensor:
    return lampas.tensor(values, dtype=lampas.float64)


@pytest.mark.parametrize("shape", [0.01, 0.3, 1.0, 5.0, 80.0, 600.0, 5000.0])
def test_gamma_draws_follow_their_quantile(shape: float) -> None:
    special = pytest.importorskip("scipy.special")
    p = np.array([0.01, 0.2, 0.5, 0.8, 0.99])
    x = special.gammaincinv(shape, p)
    h = 1e-5 * shape
    expected = (special.gammaincinv(shape + h, p) - special.gammaincinv(shape - h, p)) / (2 * h)
    got = gamma_gradient(np.full_like(x, shape), x)
    np.testing.assert_allclose(got, expected, rtol=2e-5, atol=1e-30)


def test_gamma_formulas_agree_where_they_meet() -> None:
    a = np.full(9, 500.0)
    x = np.linspace(400.0, 620.0, 9)
    np.testing.assert_allclose(_gamma_series(a, x), _gamma_expansion(a, x), rtol=1e-6)


@pytest.mark.parametrize("a", [0.05, 0.7, 3.0, 40.0])
@pytest.mark.parametrize("b", [0.1, 1.0, 25.0])
def test_dirichlet_draws_follow_the_quantile_of_a_beta(a: float, b: float) -> None:
    special = pytest.importorskip("scipy.special")
    p = np.array([0.05, 0.3, 0.6, 0.9])
    x = special.betaincinv(a, b, p)
    inside = (x > 1e-200) & (x < 1 - 1e-4)
    p, x = p[inside], x[inside]
    h = 1e-5 * a
    slope = (special.betaincinv(a + h, b, p) - special.betaincinv(a - h, b, p)) / (2 * h)
    got = dirichlet_gradient(x, np.full_like(x, a), np.full_like(x, a + b))
    np.testing.assert_allclose(got, slope / (1 - x), rtol=1e-4)


def test_a_draw_of_zero_has_no_gradient() -> None:
    assert gamma_gradient(np.array([1e-3]), np.array([0.0])) == 0
    assert dirichlet_gradient(np.array([0.0]), np.array([1.0]), np.array([2.0])) == 0


def test_dirichlet_gradients_keep_the_sum() -> None:
    a = t(0.5, 2.0, 3.0).requires_grad_()
    D.Dirichlet(a).rsample((7,)).sum().backward()
    assert a.grad.abs().max() < 1e-12


LOCATION_SCALE: list[Callable[[Any, Any], Any]] = [
    D.Normal,
    D.Laplace,
    D.Cauchy,
    D.Gumbel,
    lambda loc, scale: D.StudentT(t(4.0).squeeze(), loc, scale),
    lambda loc, scale: D.Uniform(loc, loc + scale),
]


@pytest.mark.parametrize("build", LOCATION_SCALE)
def test_location_and_scale(build: Callable[[Any, Any], Any]) -> None:
    loc, scale = t(0.3).requires_grad_(), t(1.7).requires_grad_()
    lampas.manual_seed(0)
    x = build(loc, scale).rsample((6,))
    d_loc, d_scale = lampas.autograd.grad(x.sum(), (loc, scale))
    lampas.testing.assert_close(d_loc, t(6.0))
    lampas.testing.assert_close(d_scale, ((x - loc) / scale).sum(0).detach())


POSITIVE = [
    (D.Exponential, 1),
    (D.Gamma, 2),
    (D.Weibull, 2),
    (D.Pareto, 2),
    (D.LogNormal, 2),
    (D.HalfNormal, 1),
    (D.Beta, 2),
    (D.Kumaraswamy, 2),
    (D.Chi2, 1),
    (D.ContinuousBernoulli, 0),
]


@pytest.mark.parametrize(("family", "count"), POSITIVE)
def test_mean_of_gradients_is_the_gradient_of_the_mean(family: Any, count: int) -> None:
    values = [2.5, 3.0][:count] if count else [0.3]
    parameters = [t(v).requires_grad_() for v in values]
    lampas.manual_seed(4)
    d = family(*parameters)
    assert d.has_rsample
    got = lampas.autograd.grad(d.rsample((20_000,)).mean(), parameters)
    expected = lampas.autograd.grad(family(*parameters).mean.sum(), parameters)
    for a, b in zip(got, expected, strict=True):
        lampas.testing.assert_close(a, b, rtol=0.08, atol=0.02)


def test_covariance_learns_through_draws() -> None:
    factor = lampas.tensor([[1.0, 0.0], [0.4, 2.0]], dtype=lampas.float64, requires_grad=True)
    lampas.manual_seed(1)
    noise = lampas.empty(3, 2, dtype=lampas.float64).normal_()
    lampas.manual_seed(1)
    x = D.MultivariateNormal(lampas.zeros(2, dtype=lampas.float64), scale_tril=factor).rsample((3,))
    (got,) = lampas.autograd.grad(x.sum(), factor)
    lampas.testing.assert_close(got, noise.sum(0).expand(2, 2))


def test_straight_through_gradients_reach_the_probabilities() -> None:
    p = t(0.2, 0.3, 0.5).requires_grad_()
    x = D.OneHotCategoricalStraightThrough(p).rsample()
    assert set(x.tolist()) == {0.0, 1.0}
    (x * t(1.0, 2.0, 3.0)).sum().backward()
    # d (p_i / Σp) summed with weights w: w - Σ w p.
    lampas.testing.assert_close(p.grad, t(1.0, 2.0, 3.0) - 2.3)


def test_score_function() -> None:
    p = t(0.3).requires_grad_()
    lampas.autograd.backward(D.Bernoulli(p).log_prob(t(1.0)).sum())
    lampas.testing.assert_close(p.grad, t(1 / 0.3))


@pytest.mark.parametrize("name", ["log_prob", "entropy"])
def test_gradients_of_densities(name: str) -> None:
    x = t(0.4, 0.7)

    def value(a: Any, b: Any) -> Any:
        total = 0
        for d in (D.Beta(a, b), D.Gamma(a, b), D.Normal(a, b), D.Gumbel(a, b), D.Weibull(a, b)):
            total = total + (d.log_prob(x) if name == "log_prob" else d.entropy())
        return total

    inputs = (t(1.2, 2.0).requires_grad_(), t(0.7, 1.5).requires_grad_())
    assert lampas.autograd.gradcheck(value, inputs)
