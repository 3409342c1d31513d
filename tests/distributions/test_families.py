"""Every family: densities against SciPy, moments against draws, shapes, expansion, quantiles."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lampas
from lampas import distributions as D
from lampas.distributions import constraints


def t(*values: Any) -> lampas.Tensor:
    return lampas.tensor(values, dtype=lampas.float64)


MATRIX = np.array([[2.0, 0.3, 0.1], [0.3, 1.5, -0.2], [0.1, -0.2, 1.0]])
FACTOR = np.array([[1.0], [0.5], [-0.7]])

# Name: a distribution and SciPy's counterpart, given scipy.stats; batches of two where it has one.
FAMILIES: dict[str, tuple[Callable[[], Any], Callable[[Any], Any] | None]] = {
    "bernoulli": (lambda: D.Bernoulli(t(0.2, 0.7)), lambda s: s.bernoulli([0.2, 0.7])),
    "bernoulli logits": (
        lambda: D.Bernoulli(logits=t(0.2, -0.7)),
        lambda s: s.bernoulli(1 / (1 + np.exp([-0.2, 0.7]))),
    ),
    "beta": (lambda: D.Beta(t(0.5, 2), t(1.5, 3)), lambda s: s.beta([0.5, 2], [1.5, 3])),
    "binomial": (lambda: D.Binomial(7, t(0.2, 0.7)), lambda s: s.binom(7, [0.2, 0.7])),
    "cauchy": (lambda: D.Cauchy(t(0, 1), t(1, 2)), lambda s: s.cauchy([0, 1], [1, 2])),
    "chi2": (lambda: D.Chi2(t(1.5, 4)), lambda s: s.chi2([1.5, 4])),
    "dirichlet": (lambda: D.Dirichlet(t(0.8, 2, 3)), lambda s: s.dirichlet([0.8, 2, 3])),
    "exponential": (lambda: D.Exponential(t(0.5, 2)), lambda s: s.expon(scale=[2, 0.5])),
    "f": (lambda: D.FisherSnedecor(t(3, 5), t(9, 12)), lambda s: s.f([3, 5], [9, 12])),
    "gamma": (lambda: D.Gamma(t(0.5, 3), t(2, 4)), lambda s: s.gamma([0.5, 3], scale=[0.5, 0.25])),
    "generalized pareto": (
        lambda: D.GeneralizedPareto(t(0, 1), t(1, 2), t(0.2, -0.3)),
        lambda s: s.genpareto([0.2, -0.3], [0, 1], [1, 2]),
    ),
    "geometric": (lambda: D.Geometric(t(0.3, 0.8)), lambda s: s.geom([0.3, 0.8], loc=-1)),
    "gumbel": (lambda: D.Gumbel(t(0, 1), t(1, 2)), lambda s: s.gumbel_r([0, 1], [1, 2])),
    "half cauchy": (lambda: D.HalfCauchy(t(1, 2)), lambda s: s.halfcauchy(0, [1, 2])),
    "half normal": (lambda: D.HalfNormal(t(1, 2)), lambda s: s.halfnorm(0, [1, 2])),
    "inverse gamma": (
        lambda: D.InverseGamma(t(5, 6), t(2, 3)),
        lambda s: s.invgamma([5, 6], scale=[2, 3]),
    ),
    "kumaraswamy": (lambda: D.Kumaraswamy(t(2, 1.5), t(3, 2)), None),
    "laplace": (lambda: D.Laplace(t(0, 1), t(1, 2)), lambda s: s.laplace([0, 1], [1, 2])),
    "log normal": (
        lambda: D.LogNormal(t(0, 1), t(0.5, 0.3)),
        lambda s: s.lognorm([0.5, 0.3], scale=np.exp([0, 1])),
    ),
    "low rank normal": (
        lambda: D.LowRankMultivariateNormal(t(0, 1, 2), lampas.tensor(FACTOR), t(1, 2, 0.5)),
        lambda s: s.multivariate_normal([0, 1, 2], FACTOR @ FACTOR.T + np.diag([1, 2, 0.5])),
    ),
    "multinomial": (
        lambda: D.Multinomial(6, t(0.2, 0.3, 0.5)),
        lambda s: s.multinomial(6, [0.2, 0.3, 0.5]),
    ),
    "multivariate normal": (
        lambda: D.MultivariateNormal(t(0, 1, 2), lampas.tensor(MATRIX)),
        lambda s: s.multivariate_normal([0, 1, 2], MATRIX),
    ),
    "negative binomial": (
        lambda: D.NegativeBinomial(t(3, 5), t(0.3, 0.6)),
        lambda s: s.nbinom([3, 5], [0.7, 0.4]),
    ),
    "normal": (lambda: D.Normal(t(0, 1), t(1, 2)), lambda s: s.norm([0, 1], [1, 2])),
    "pareto": (lambda: D.Pareto(t(1, 2), t(5, 6)), lambda s: s.pareto([5, 6], scale=[1, 2])),
    "poisson": (lambda: D.Poisson(t(0.5, 9)), lambda s: s.poisson([0.5, 9])),
    "student": (
        lambda: D.StudentT(t(5, 9), t(0, 1), t(1, 2)),
        lambda s: s.t([5, 9], [0, 1], [1, 2]),
    ),
    "uniform": (lambda: D.Uniform(t(0, 1), t(2, 4)), lambda s: s.uniform([0, 1], [2, 3])),
    "von mises": (lambda: D.VonMises(t(0, 1), t(1, 4)), lambda s: s.vonmises([1, 4], [0, 1])),
    "weibull": (
        lambda: D.Weibull(t(1, 2), t(1.5, 3)),
        lambda s: s.weibull_min([1.5, 3], scale=[1, 2]),
    ),
    "wishart": (
        lambda: D.Wishart(t(5.0).squeeze(), lampas.tensor(MATRIX)),
        lambda s: s.wishart(5, MATRIX),
    ),
}
NO_SCIPY: dict[str, Callable[[], Any]] = {
    "categorical": lambda: D.Categorical(t(1, 2, 5)),
    "continuous bernoulli": lambda: D.ContinuousBernoulli(t(0.2, 0.4999, 0.9)),
    "independent": lambda: D.Independent(D.Normal(t(0, 1), t(1, 2)), 1),
    "lkj": lambda: D.LKJCholesky(3, t(0.7, 2)),
    "logistic normal": lambda: D.LogisticNormal(t(0, 1), t(0.5, 1)),
    "mixture": lambda: D.MixtureSameFamily(
        D.Categorical(t(0.3, 0.7)), D.Normal(t(-1, 2), t(0.5, 1))
    ),
    "mixture of vectors": lambda: D.MixtureSameFamily(
        D.Categorical(t(0.3, 0.7)),
        D.Independent(D.Normal(t(-1, 2, 3, 4).view(2, 2), lampas.ones(2, 2).double()), 1),
    ),
    "one hot": lambda: D.OneHotCategorical(t(1, 2, 5)),
    "one hot straight through": lambda: D.OneHotCategoricalStraightThrough(t(1, 2, 5)),
    "relaxed bernoulli": lambda: D.RelaxedBernoulli(t(0.7), t(0.3, 0.4)),
    "relaxed one hot": lambda: D.RelaxedOneHotCategorical(t(0.7).squeeze(), t(1, 2, 5)),
    "transformed": lambda: D.TransformedDistribution(
        D.Normal(t(0, 1), t(1, 2)), [D.AffineTransform(1.0, -0.3), D.ExpTransform()]
    ),
}
EVERY = {**{name: make for name, (make, _) in FAMILIES.items()}, **NO_SCIPY}
BY_NAME = pytest.mark.parametrize("name", list(EVERY))


def density(reference: Any, x: np.ndarray) -> np.ndarray:
    return reference.logpdf(x) if hasattr(reference, "logpdf") else reference.logpmf(x)


@pytest.mark.parametrize("name", [n for n, (_, ref) in FAMILIES.items() if ref])
def test_density_cdf_and_entropy_are_scipys(name: str) -> None:
    stats = pytest.importorskip("scipy.stats")
    make, build = FAMILIES[name]
    assert build is not None
    d, reference = make(), build(stats)
    lampas.manual_seed(1)
    x = d.sample((4,))
    columns = np.moveaxis(x.numpy(), 0, -1) if name in ("dirichlet", "wishart") else x.numpy()
    np.testing.assert_allclose(d.log_prob(x).numpy(), density(reference, columns), rtol=1e-9)
    if not d.event_shape and "cdf" in dir(type(reference)):
        try:
            ours = d.cdf(x).numpy()
        except NotImplementedError:
            ours = None
        if ours is not None:
            np.testing.assert_allclose(ours, reference.cdf(x.numpy()), rtol=1e-7)
    exact = name not in ("poisson", "geometric", "negative binomial", "f", "von mises", "low rank")
    if exact and hasattr(reference, "entropy"):
        np.testing.assert_allclose(d.entropy().numpy(), reference.entropy(), rtol=1e-6, atol=1e-9)


HEAVY = {"cauchy", "half cauchy", "lkj", "logistic normal", "von mises", "categorical"}
HEAVY |= {"relaxed bernoulli", "relaxed one hot", "transformed"}


@pytest.mark.parametrize("name", [n for n in EVERY if n not in HEAVY])
def test_moments_are_those_of_draws(name: str) -> None:
    d = EVERY[name]()
    lampas.manual_seed(2)
    x = d.sample((20_000,))
    spread = x.std(0) / math.sqrt(20_000)
    assert ((x.mean(0) - d.mean).abs() < 5 * spread + 1e-9).all()
    lampas.testing.assert_close(x.var(0), d.variance, rtol=0.25, atol=0.02)
    lampas.testing.assert_close(d.stddev, d.variance.sqrt())


@BY_NAME
def test_draws_lie_in_the_support(name: str) -> None:
    d = EVERY[name]()
    x = d.sample((5, 2))
    assert x.shape == (5, 2, *d.batch_shape, *d.event_shape) and not x.requires_grad
    assert d.support.check(x).all()
    assert d.log_prob(x).shape == (5, 2, *d.batch_shape)
    assert d.log_prob(x).isfinite().all()


@BY_NAME
def test_expand_repeats_the_distribution(name: str) -> None:
    d = EVERY[name]()
    wide = d.expand((3, *d.batch_shape))
    assert type(wide) is type(d) and wide.batch_shape == (3, *d.batch_shape)
    assert wide.event_shape == d.event_shape
    x = d.sample()
    lampas.testing.assert_close(wide.log_prob(x), d.log_prob(x).expand(wide.batch_shape))
    assert wide.sample((2,)).shape == (2, 3, *d.batch_shape, *d.event_shape)
    assert repr(wide).startswith(type(d).__name__)


@BY_NAME
def test_icdf_inverts_cdf(name: str) -> None:
    d = EVERY[name]()
    p = lampas.rand((4, *d.batch_shape), dtype=lampas.float64)
    try:
        x = d.icdf(p)
        back = d.cdf(x)
    except NotImplementedError:
        return
    lampas.testing.assert_close(back, p, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", [n for n in EVERY if n != "independent"])
def test_enumerated_support_has_probability_one(name: str) -> None:
    d = EVERY[name]()
    if not d.has_enumerate_support:
        with pytest.raises(NotImplementedError):
            d.enumerate_support()
        return
    values = d.enumerate_support()
    assert values.shape[1:] == (*d.batch_shape, *d.event_shape)
    total = d.log_prob(values).exp().sum(0)
    lampas.testing.assert_close(total, lampas.ones_like(total))
    short = d.enumerate_support(expand=False)
    assert short.shape[0] == values.shape[0] and (short == values).all()


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("continuous bernoulli", 0, 1),
        ("kumaraswamy", 0, 1),
        ("mixture", -12, 15),
        ("transformed", 1e-6, 80),
        ("relaxed bernoulli", 1e-9, 1 - 1e-9),
    ],
)
def test_densities_integrate_to_one(name: str, low: float, high: float) -> None:
    d = EVERY[name]()
    x = lampas.linspace(low, high, 200_001, dtype=lampas.float64)[1:-1]
    p = d.log_prob(x.view(-1, *(1,) * len(d.batch_shape)).expand(-1, *d.batch_shape)).exp()
    total = p.sum(0) * (high - low) / 200_000
    lampas.testing.assert_close(total, lampas.ones_like(total), rtol=5e-3, atol=0)


@pytest.mark.parametrize("name", list(EVERY))
def test_entropy_is_the_mean_of_minus_log_prob(name: str) -> None:
    d = EVERY[name]()
    try:
        entropy = d.entropy()
    except NotImplementedError:
        return
    lampas.manual_seed(3)
    surprise = -d.log_prob(d.sample((20_000,)))
    error = surprise.std(0) / math.sqrt(20_000)
    assert ((surprise.mean(0) - entropy).abs() < 5 * error + 1e-9).all()
    lampas.testing.assert_close(d.perplexity(), entropy.exp())


@pytest.mark.parametrize(
    "name", ["gamma", "exponential", "normal", "bernoulli", "wishart", "continuous bernoulli"]
)
def test_entropy_by_bregman_is_the_closed_form(name: str) -> None:
    d = EVERY[name]()
    general = D.ExponentialFamily.entropy(d)
    lampas.testing.assert_close(general, d.entropy())


def test_modes_have_the_largest_density() -> None:
    for name in ("beta", "gamma", "normal", "laplace", "log normal", "weibull", "inverse gamma"):
        d = EVERY[name]()
        mode = d.mode[1]  # the second of a batch, where the mode is inside
        x = mode + lampas.linspace(-0.1, 0.1, 21, dtype=lampas.float64) * mode.abs()
        values = d.log_prob(x.unsqueeze(-1))[:, 1]
        assert values.argmax() == 10, name
    kumaraswamy = D.Kumaraswamy(t(2.0), t(3.0))
    x = kumaraswamy.mode + lampas.linspace(-0.1, 0.1, 21, dtype=lampas.float64)
    assert kumaraswamy.log_prob(x).argmax() == 10


def test_lkj_of_two_is_a_beta() -> None:
    """The correlation of a 2 x 2 matrix is 2 b - 1 with b from Beta(c, c)."""
    d = D.LKJCholesky(2, 1.7)
    x = d.sample((50,)).double()
    r = x[:, 1, 0]
    # The density over the factor's element: that of b, times db/dr.
    expected = D.Beta(t(1.7), t(1.7)).log_prob((r + 1) / 2) - math.log(2)
    lampas.testing.assert_close(d.log_prob(x.float()).double(), expected, rtol=1e-4, atol=1e-5)
    assert constraints.corr_cholesky.check(D.LKJCholesky(4).sample((20,))).all()


def test_the_same_seed_gives_the_same_draws() -> None:
    for make in EVERY.values():
        lampas.manual_seed(7)
        first = make().sample((3,))
        lampas.manual_seed(7)
        assert lampas.equal(first, make().sample((3,)))
