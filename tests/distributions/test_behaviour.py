"""What all distributions share: validation and its messages, representations, subclasses, names."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import pytest

import lampas
from lampas import distributions as D
from lampas.distributions import constraints
from lampas.distributions.utils import (
    broadcast_all,
    clamp_probs,
    logits_to_probs,
    probs_to_logits,
    tril_matrix_to_vec,
    vec_to_tril_matrix,
)


def test_every_name_is_there() -> None:
    for name in D.__all__:
        assert getattr(D, name).__doc__, name
    assert len(D.__all__) == 67


BAD_ARGUMENTS: list[tuple[Callable[[], Any], str]] = [
    (lambda: D.Normal(0.0, -1.0), r"parameter scale .*Normal.*GreaterThan\(lower_bound=0.0\)"),
    (lambda: D.Normal(lampas.tensor([math.nan]), 1.0), r"parameter loc .*Real\(\)"),
    (lambda: D.Bernoulli(1.5), "parameter probs"),
    (lambda: D.Bernoulli(), "Either `probs` or `logits` must be specified, but not both"),
    (lambda: D.Bernoulli(0.5, logits=0.0), "but not both"),
    (lambda: D.Categorical(lampas.tensor(0.5)), "must be at least one-dimensional"),
    (lambda: D.Categorical(lampas.tensor([0.5, -0.5, 1.0])), "parameter probs"),
    (lambda: D.Uniform(1.0, 0.0), "parameter low"),
    (lambda: D.Geometric(0.0), "to be positive"),
    (lambda: D.Gamma(0.0, 1.0), "parameter concentration"),
    (lambda: D.Binomial(-1, 0.5), "parameter total_count"),
    (lambda: D.NegativeBinomial(1, 1.0), "parameter probs"),
    (lambda: D.Dirichlet(lampas.tensor(1.0)), "at least one-dimensional"),
    (lambda: D.MultivariateNormal(lampas.zeros(2)), "Exactly one of"),
    (lambda: D.MultivariateNormal(lampas.zeros(2), -lampas.eye(2)), "covariance_matrix"),
    (lambda: D.MultivariateNormal(lampas.zeros(2), lampas.ones(2)), "two-dimensional"),
    (lambda: D.MultivariateNormal(lampas.tensor(0.0), lampas.eye(1)), "loc must be"),
    (lambda: D.Wishart(1.0, lampas.eye(3)), "greater than ndim - 1 = 2"),
    (lambda: D.LKJCholesky(1), "greater than or equal to 2"),
    (
        lambda: D.LowRankMultivariateNormal(lampas.zeros(3), lampas.ones(2, 1), lampas.ones(3)),
        "3 x m",
    ),
    (lambda: D.Independent(D.Normal(0.0, 1.0), 1), "1 vs 0"),
    (lambda: D.ContinuousBernoulli(-0.1, validate_args=True), "invalid values"),
    (lambda: D.TransformedDistribution(D.Normal(0.0, 1.0), 3), "must be a Transform"),
    (lambda: D.Normal("0", 1.0), "must all be instances of Number"),
    (
        lambda: D.MixtureSameFamily(D.Categorical(lampas.ones(3)), D.Normal(lampas.zeros(2), 1.0)),
        r"component` \(3\) does not equal .*\(2\)",
    ),
    (
        lambda: D.MixtureSameFamily(D.Normal(0.0, 1.0), D.Normal(0.0, 1.0)),
        "Categorical, got Normal",
    ),
]


@pytest.mark.parametrize("index", range(len(BAD_ARGUMENTS)))
def test_bad_arguments(index: int) -> None:
    make, text = BAD_ARGUMENTS[index]
    with pytest.raises(ValueError, match="(?s)" + text):
        make()


def test_unchecked_arguments_pass() -> None:
    assert D.Normal(0.0, -1.0, validate_args=False).scale == -1
    D.Distribution.set_default_validate_args(False)
    try:
        D.Normal(0.0, -1.0)
    finally:
        D.Distribution.set_default_validate_args(True)
    with pytest.raises(ValueError, match="True or False"):
        D.Distribution.set_default_validate_args("yes")  # type: ignore[arg-type]


def test_bad_values() -> None:
    d = D.Exponential(lampas.ones(3))
    with pytest.raises(
        ValueError, match=r"within the support \(GreaterThanEq\(lower_bound=0.0\)\)"
    ):
        d.log_prob(lampas.tensor([-1.0, 1.0, 1.0]))
    with pytest.raises(ValueError, match="must be a Tensor"):
        d.log_prob(1.0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="not broadcastable with batch_shape"):
        d.log_prob(lampas.ones(4))
    with pytest.raises(ValueError, match="right-most size of value must match event_shape"):
        D.Dirichlet(lampas.ones(3)).log_prob(lampas.ones(4) / 4)
    assert D.Exponential(1.0, validate_args=False).log_prob(lampas.tensor(-1.0)) == 1


def test_representations() -> None:
    assert repr(D.Normal(0.0, 1.0)) == "Normal(loc: 0.0, scale: 1.0)"
    assert repr(D.Normal(lampas.zeros(2), 1.0)) == (
        "Normal(loc: torch.Size([2]), scale: torch.Size([2]))"
    )
    assert repr(D.Independent(D.Normal(lampas.zeros(2), 1.0), 1)) == (
        "Independent(Normal(loc: torch.Size([2]), scale: torch.Size([2])), 1)"
    )


def test_what_a_family_lacks_is_named() -> None:
    with pytest.raises(NotImplementedError, match=r"Bernoulli.* does not implement rsample"):
        D.Bernoulli(0.5).rsample()
    with pytest.raises(NotImplementedError, match=r"LKJCholesky.* does not implement mean"):
        D.LKJCholesky(2).mean
    with pytest.raises(NotImplementedError, match="Inhomogeneous total count"):
        D.Binomial(lampas.tensor([1.0, 2.0]), 0.5).entropy()
    with pytest.raises(NotImplementedError, match="inhomogeneous total_count"):
        D.Multinomial(lampas.tensor([2]), lampas.ones(2))  # type: ignore[arg-type]
    with pytest.raises(NotImplementedError, match="cartesian product"):
        D.Independent(D.Bernoulli(lampas.ones(2) / 2), 1).enumerate_support()


def test_subclasses() -> None:
    class Plain(D.Normal):
        pass

    class Own(D.Normal):
        def __init__(self, width: float) -> None:
            super().__init__(0.0, width)

    class Half(D.HalfNormal):
        def __init__(self) -> None:
            super().__init__(1.0)

    assert type(Plain(0.0, 1.0).expand((2,))) is Plain
    for d in (Own(1.0), Half()):
        with pytest.raises(NotImplementedError, match="must also define a custom"):
            d.expand((2,))

    class Bare(D.Distribution):
        pass

    with pytest.warns(UserWarning, match="does not define `arg_constraints`"):
        bare = Bare()
    with pytest.raises(NotImplementedError, match="does not define expand"):
        bare.expand((2,))


def test_lazy_parameters() -> None:
    d = D.Bernoulli(logits=lampas.tensor(0.0, requires_grad=True))
    assert "probs" not in vars(d)
    with lampas.no_grad():
        assert d.probs == 0.5
    assert d.probs.requires_grad and "probs" in vars(d) and d.param_shape == ()
    assert "logits" in repr(d)


def test_sample_n_warns() -> None:
    with pytest.warns(FutureWarning, match="sample_n"):
        assert D.Normal(0.0, 1.0).sample_n(3).shape == (3,)


def test_numbers_beside_counts_stay_fractions() -> None:
    d = D.Binomial(lampas.tensor([10, 20]), 0.5)
    assert d.mean.tolist() == [5.0, 10.0]


def test_draws_keep_the_dtype() -> None:
    for dtype in (lampas.float32, lampas.float64):
        one = lampas.ones(2, dtype=dtype)
        for d in (D.Normal(one, one), D.Gamma(one, one), D.Beta(one, one), D.VonMises(one, one)):
            assert d.sample().dtype == dtype
            assert d.log_prob(d.sample()).dtype == dtype


def test_low_degrees_of_freedom_warn() -> None:
    with pytest.warns(UserWarning, match="Low df values"):
        D.Wishart(2.5, lampas.eye(3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert constraints.positive_definite.check(D.Wishart(4.0, lampas.eye(3)).sample((5,))).all()


def test_matrices_of_a_normal_agree() -> None:
    lampas.manual_seed(0)
    a = lampas.randn(2, 3, 3, dtype=lampas.float64)
    covariance = a @ a.mT + lampas.eye(3).double()
    loc = lampas.zeros(3, dtype=lampas.float64)
    one = D.MultivariateNormal(loc, covariance)
    two = D.MultivariateNormal(loc, precision_matrix=one.precision_matrix)
    three = D.MultivariateNormal(loc, scale_tril=two.scale_tril)
    for d in (one, two, three):
        lampas.testing.assert_close(d.covariance_matrix, covariance)
        lampas.testing.assert_close(d.precision_matrix, covariance.inverse())
        lampas.testing.assert_close(d.scale_tril, lampas.linalg.cholesky(covariance))
    low = D.LowRankMultivariateNormal(loc, a[0, :, :1], covariance[0].diagonal())
    lampas.testing.assert_close(low.scale_tril @ low.scale_tril.mT, low.covariance_matrix)
    lampas.testing.assert_close(low.precision_matrix, low.covariance_matrix.inverse())


def test_utilities() -> None:
    with pytest.raises(ValueError, match="got str"):
        broadcast_all("a", 1.0)
    assert broadcast_all(1, lampas.zeros(2, dtype=lampas.float64))[0].dtype == lampas.float64
    p = lampas.tensor([0.0, 0.3, 1.0], dtype=lampas.float64)
    assert (clamp_probs(p) > 0).all() and (clamp_probs(p) < 1).all()
    lampas.testing.assert_close(logits_to_probs(probs_to_logits(p, True), True), p)
    for diag in (-1, 0, 1):
        n = len(tril_matrix_to_vec(lampas.zeros(4, 4), diag))
        vector = lampas.arange(1.0, n + 1)
        assert lampas.equal(tril_matrix_to_vec(vec_to_tril_matrix(vector, diag), diag), vector)
    with pytest.raises(ValueError, match="lower triangular part"):
        vec_to_tril_matrix(lampas.zeros(4))
    with pytest.raises(ValueError, match="outside"):
        tril_matrix_to_vec(lampas.zeros(2, 2), 2)


def test_import_is_lazy() -> None:
    import subprocess
    import sys

    code = "import sys, lampas; print('lampas.distributions' in sys.modules, lampas.distributions)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.startswith("False <module 'lampas.distributions'")


def test_torch_distributions() -> None:
    import lampas.alias

    lampas.alias.install()
    try:
        import torch.distributions as td  # type: ignore[import-not-found]
        from torch.distributions.normal import Normal  # type: ignore[import-not-found]

        assert td.Normal is Normal is D.Normal
    finally:
        lampas.alias.uninstall()
