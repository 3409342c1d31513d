"""Divergences against numerical integrals, closed formulas and the means of log ratios."""

from __future__ import annotations

import math
from typing import Any

import pytest

import lampas
from lampas import distributions as D
from lampas.distributions import kl_divergence


def t(*values: Any) -> lampas.Tensor:
    return lampas.tensor(values, dtype=lampas.float64)


def point(*values: float) -> list[lampas.Tensor]:
    return [lampas.tensor(v, dtype=lampas.float64) for v in values]


ON_LINE = {
    "normal": D.Normal(*point(0.3, 0.8)),
    "laplace": D.Laplace(*point(0.5, 0.7)),
    "gumbel": D.Gumbel(*point(0.2, 0.9)),
    "gamma": D.Gamma(*point(2.5, 1.7)),
    "chi2": D.Chi2(*point(3.0)),
    "exponential": D.Exponential(*point(1.3)),
    "beta": D.Beta(*point(2.0, 3.5)),
    "uniform": D.Uniform(*point(0.2, 0.9)),
    "whole": D.Uniform(*point(0.0, 1.0)),
    "continuous bernoulli": D.ContinuousBernoulli(*point(0.3)),
    "pareto": D.Pareto(*point(0.15, 3.5)),
    "wider pareto": D.Pareto(*point(0.1, 2.5)),
    "half normal": D.HalfNormal(*point(1.3)),
    "cauchy": D.Cauchy(*point(0.1, 1.2)),
    "log normal": D.LogNormal(*point(0.1, 0.5)),
}
ENDS = {
    "normal": (-8, 9),
    "laplace": (-25, 25),
    "gumbel": (-4, 30),
    "gamma": (0, 30),
    "chi2": (0, 60),
    "exponential": (0, 30),
    "pareto": (0.15, 400),
    "wider pareto": (0.1, 400),
    "uniform": (0.2, 0.9),
    "half normal": (0, 12),
    "cauchy": (-4000, 4000),
    "log normal": (0, 20),
}
PAIRS = [
    *[(n, n) for n in ON_LINE],
    *[("beta", q) for q in ("continuous bernoulli", "exponential", "gamma", "normal", "whole")],
    *[("continuous bernoulli", q) for q in ("exponential", "normal", "whole")],
    *[("exponential", q) for q in ("gamma", "gumbel", "normal", "chi2")],
    *[("gamma", q) for q in ("exponential", "gumbel", "normal", "chi2")],
    *[(p, "normal") for p in ("gumbel", "laplace", "pareto", "uniform", "chi2")],
    *[("normal", q) for q in ("gumbel", "laplace")],
    *[("pareto", q) for q in ("exponential", "gamma", "wider pareto")],
    *[("uniform", q) for q in ("beta", "continuous bernoulli", "exponential", "gamma", "gumbel")],
    *[("uniform", q) for q in ("pareto", "whole")],
]


def integral(p: Any, q: Any, low: float, high: float) -> float:
    x = lampas.linspace(low, high, 400_001, dtype=lampas.float64)
    x = (x[1:] + x[:-1]) / 2
    log_p = p.log_prob(x)
    terms = log_p.exp() * (log_p - q.log_prob(x))
    return float(terms.nan_to_num(0.0).sum() * (high - low) / 400_000)


@pytest.mark.parametrize(("p", "q"), PAIRS)
def test_divergence_is_the_integral(p: str, q: str) -> None:
    a, b = ON_LINE[p], OTHERS[p] if p == q else ON_LINE[q]
    got = kl_divergence(a, b)
    assert got.shape == ()
    assert float(got) == pytest.approx(integral(a, b, *ENDS.get(p, (0, 1))), rel=3e-3, abs=1e-5)


OTHERS = {
    "normal": D.Normal(*point(0.9, 1.4)),
    "laplace": D.Laplace(*point(-0.5, 1.1)),
    "gumbel": D.Gumbel(*point(0.6, 1.2)),
    "gamma": D.Gamma(*point(1.5, 2.7)),
    "chi2": D.Gamma(*point(1.1, 0.8)),
    "exponential": D.Exponential(*point(0.4)),
    "beta": D.Beta(*point(1.2, 0.9)),
    "uniform": D.Uniform(*point(-0.2, 1.9)),
    "whole": D.Uniform(*point(-1.0, 1.5)),
    "continuous bernoulli": D.ContinuousBernoulli(*point(0.8)),
    "pareto": D.Pareto(*point(0.1, 2.5)),
    "wider pareto": D.Pareto(*point(0.05, 4.0)),
    "half normal": D.HalfNormal(*point(0.7)),
    "cauchy": D.Cauchy(*point(-0.4, 2.0)),
    "log normal": D.LogNormal(*point(0.4, 0.9)),
}


@pytest.mark.parametrize("name", list(ON_LINE))
def test_divergence_from_itself_is_zero(name: str) -> None:
    d = ON_LINE[name].expand((2,))
    lampas.testing.assert_close(kl_divergence(d, d), lampas.zeros(2).double(), rtol=0, atol=1e-9)


INFINITE = [
    ("beta", "pareto"),
    ("beta", "uniform"),
    ("continuous bernoulli", "pareto"),
    ("continuous bernoulli", "uniform"),
    *[("exponential", q) for q in ("beta", "continuous bernoulli", "pareto", "uniform")],
    *[("gamma", q) for q in ("beta", "continuous bernoulli", "pareto", "uniform")],
    *[(p, q) for p in ("gumbel", "laplace", "normal") for q in ("beta", "exponential", "gamma")],
    *[(p, q) for p in ("gumbel", "laplace", "normal") for q in ("pareto", "uniform")],
    *[("pareto", q) for q in ("beta", "continuous bernoulli", "uniform")],
    ("whole", "uniform"),
    ("wider pareto", "pareto"),
]


@pytest.mark.parametrize(("p", "q"), INFINITE)
def test_divergence_is_infinite_where_q_leaves_out_a_part_of_p(p: str, q: str) -> None:
    wide = ON_LINE[p].expand((3, 1))
    got = kl_divergence(wide, ON_LINE[q].expand((2,)))
    assert got.shape == (3, 2) and (got == math.inf).all()


MATRIX = [[2.0, 0.3, 0.1], [0.3, 1.5, -0.2], [0.1, -0.2, 1.0]]


def vectors() -> dict[str, tuple[Any, Any]]:
    matrix = lampas.tensor(MATRIX, dtype=lampas.float64)
    a = D.MultivariateNormal(t(0, 1, 2), matrix)
    b = D.MultivariateNormal(t(1, 1, 1), precision_matrix=matrix)
    low = D.LowRankMultivariateNormal(t(0, 1, 1), t(1, 0.5, -0.7).view(3, 1), t(1, 2, 0.5))
    low2 = D.LowRankMultivariateNormal(t(1, 0, 1), t(1, 0.2, 0.3).view(3, 1), t(2, 1, 0.7))
    return {
        "normal": (a, b),
        "low, low": (low, low2),
        "low, normal": (low, a),
        "normal, low": (a, low),
        "dirichlet": (D.Dirichlet(t(1, 2, 3)), D.Dirichlet(t(2, 1, 1.5))),
        "bernoulli": (D.Bernoulli(t(0.2, 0.9)), D.Bernoulli(t(0.5, 0.6))),
        "binomial": (D.Binomial(5, t(0.2, 0.9)), D.Binomial(5, t(0.5, 0.6))),
        "categorical": (D.Categorical(t(1, 2, 3)), D.Categorical(t(3, 1, 1))),
        "one hot": (D.OneHotCategorical(t(1, 2, 3)), D.OneHotCategorical(t(3, 1, 1))),
        "geometric": (D.Geometric(t(0.2, 0.9)), D.Geometric(t(0.5, 0.6))),
        "poisson": (D.Poisson(t(2, 9)), D.Poisson(t(3, 5))),
        "bernoulli, poisson": (D.Bernoulli(t(0.2, 0.9)), D.Poisson(t(0.5, 2))),
        "wishart": (D.Wishart(point(5.0)[0], matrix), D.Wishart(point(6.0)[0], 2 * matrix)),
        "independent": (
            D.Independent(D.Normal(t(0, 1), t(1, 2)), 1),
            D.Independent(D.Normal(t(1, 1), t(2, 2)), 1),
        ),
    }


@pytest.mark.parametrize("name", list(vectors()))
def test_divergence_is_the_mean_log_ratio(name: str) -> None:
    p, q = vectors()[name]
    lampas.manual_seed(0)
    x = p.sample((20_000,))
    ratio = p.log_prob(x) - q.log_prob(x)
    got = kl_divergence(p, q)
    assert got.shape == p.batch_shape
    assert ((got - ratio.mean(0)).abs() < 5 * ratio.std(0) / math.sqrt(20_000)).all()


def test_impossible_and_certain_classes() -> None:
    certain, fair = D.Bernoulli(t(1.0, 0.0)), D.Bernoulli(t(0.5, 0.5))
    lampas.testing.assert_close(kl_divergence(certain, fair), t(math.log(2), math.log(2)))
    assert (kl_divergence(fair, certain) == math.inf).all()
    p, q = D.Categorical(t(0.5, 0.5, 0)), D.Categorical(t(0.25, 0.75, 0))
    expected = 0.5 * math.log(2) + 0.5 * math.log(2 / 3)
    assert float(kl_divergence(p, q)) == pytest.approx(expected)
    assert float(kl_divergence(D.Categorical(t(1, 1, 1)), q)) == math.inf


def test_more_trials_than_q_allows() -> None:
    few, many = D.Binomial(2, t(0.5)), D.Binomial(5, t(0.5))
    assert kl_divergence(many, few) == math.inf
    with pytest.raises(NotImplementedError, match=r"q.total_count > p.total_count"):
        kl_divergence(few, many)


def test_errors() -> None:
    with pytest.raises(NotImplementedError, match="p type Cauchy and q type Normal"):
        kl_divergence(D.Cauchy(0.0, 1.0), D.Normal(0.0, 1.0))
    with pytest.raises(ValueError, match="different event shapes"):
        kl_divergence(vectors()["normal"][0], D.MultivariateNormal(t(0, 1), lampas.eye(2).double()))
    with pytest.raises(NotImplementedError, match="transforms"):
        kl_divergence(D.LogNormal(0.0, 1.0), D.LogisticNormal(0.0, 1.0))
    with pytest.raises(TypeError, match="type_q to be a Distribution subclass"):
        D.register_kl(D.Normal, int)


def test_the_most_derived_formula_wins() -> None:
    class Left(D.Normal):
        pass

    class Right(D.Normal):
        pass

    @D.register_kl(Left, D.Normal)
    def _left(p: Any, q: Any) -> Any:
        return lampas.tensor(1.0)

    @D.register_kl(D.Normal, Right)
    def _right(p: Any, q: Any) -> Any:
        return lampas.tensor(2.0)

    args = (0.0, 1.0)
    assert kl_divergence(Left(*args), D.Normal(*args)) == 1
    assert kl_divergence(D.Normal(*args), Right(*args)) == 2
    with pytest.warns(RuntimeWarning, match=r"Ambiguous kl_divergence\(Left, Right\)"):
        assert kl_divergence(Left(*args), Right(*args)) == 1
