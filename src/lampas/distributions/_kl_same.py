"""Divergences of two distributions of one family, and of what wraps others."""

from __future__ import annotations

from typing import Any

import lampas
from lampas import Tensor
from lampas.distributions.bernoulli import Bernoulli
from lampas.distributions.beta import Beta
from lampas.distributions.binomial import Binomial
from lampas.distributions.categorical import Categorical
from lampas.distributions.cauchy import Cauchy
from lampas.distributions.continuous_bernoulli import ContinuousBernoulli
from lampas.distributions.dirichlet import Dirichlet
from lampas.distributions.exp_family import ExponentialFamily
from lampas.distributions.exponential import Exponential
from lampas.distributions.gamma import Gamma
from lampas.distributions.geometric import Geometric
from lampas.distributions.gumbel import Gumbel
from lampas.distributions.half_normal import HalfNormal
from lampas.distributions.independent import Independent
from lampas.distributions.kl import kl_divergence, register_kl
from lampas.distributions.laplace import Laplace
from lampas.distributions.lowrank_multivariate_normal import LowRankMultivariateNormal
from lampas.distributions.multivariate_normal import (
    MultivariateNormal,
    log_diagonal,
    mahalanobis,
)
from lampas.distributions.normal import Normal
from lampas.distributions.one_hot_categorical import OneHotCategorical
from lampas.distributions.pareto import Pareto
from lampas.distributions.poisson import Poisson
from lampas.distributions.transformed_distribution import TransformedDistribution
from lampas.distributions.uniform import Uniform
from lampas.distributions.utils import euler_constant, sum_rightmost


# ---- discrete ------------------------------------------------------------------------------------
def _weighted(p_prob: Tensor, q_prob: Tensor, log_ratio: Tensor) -> Tensor:
    """p log(p / q): 0 where p is 0, infinite where only q is."""
    term = p_prob * log_ratio
    term = term.masked_fill(q_prob == 0, lampas.inf)
    return term.masked_fill(p_prob == 0, 0.0)


@register_kl(Bernoulli, Bernoulli)
def _bernoulli(p: Bernoulli, q: Bernoulli) -> Tensor:
    softplus = lampas.nn.functional.softplus
    one = _weighted(p.probs, q.probs, softplus(-q.logits) - softplus(-p.logits))
    zero = _weighted(1 - p.probs, 1 - q.probs, softplus(q.logits) - softplus(p.logits))
    return one + zero


@register_kl(Categorical, Categorical)
def _categorical(p: Categorical, q: Categorical) -> Tensor:
    return _weighted(p.probs, q.probs, p.logits - q.logits).sum(-1)


@register_kl(OneHotCategorical, OneHotCategorical)
def _one_hot(p: OneHotCategorical, q: OneHotCategorical) -> Tensor:
    return _categorical(p._categorical, q._categorical)


@register_kl(Binomial, Binomial)
def _binomial(p: Binomial, q: Binomial) -> Tensor:
    if (p.total_count < q.total_count).any():
        raise NotImplementedError(
            "KL between Binomials where q.total_count > p.total_count is not implemented"
        )
    failure = (-p.probs).log1p() - (-q.probs).log1p()
    kl = p.total_count * (p.probs * (p.logits - q.logits) + failure)
    return kl.masked_fill(p.total_count > q.total_count, lampas.inf)


@register_kl(Geometric, Geometric)
def _geometric(p: Geometric, q: Geometric) -> Tensor:
    return -p.entropy() - (-q.probs).log1p() / p.probs - q.logits


@register_kl(Poisson, Poisson)
def _poisson(p: Poisson, q: Poisson) -> Tensor:
    return lampas.xlogy(p.rate, p.rate / q.rate) - (p.rate - q.rate)


# ---- continuous, one number ----------------------------------------------------------------------
@register_kl(Beta, Beta)
def _beta(p: Beta, q: Beta) -> Tensor:
    return _dirichlet(p._dirichlet, q._dirichlet)


@register_kl(Dirichlet, Dirichlet)
def _dirichlet(p: Dirichlet, q: Dirichlet) -> Tensor:
    a, b = p.concentration, q.concentration
    total = a.sum(-1, keepdim=True)
    norms = total.squeeze(-1).lgamma() - b.sum(-1).lgamma() - (a.lgamma() - b.lgamma()).sum(-1)
    return norms + ((a - b) * (a.digamma() - total.digamma())).sum(-1)


@register_kl(ContinuousBernoulli, ContinuousBernoulli)
def _continuous_bernoulli(p: ContinuousBernoulli, q: ContinuousBernoulli) -> Tensor:
    mine = p._cont_bern_log_norm() + (-p.probs).log1p()
    theirs = q._cont_bern_log_norm() + (-q.probs).log1p()
    return p.mean * (p.logits - q.logits) + mine - theirs


@register_kl(Exponential, Exponential)
def _exponential(p: Exponential, q: Exponential) -> Tensor:
    ratio = q.rate / p.rate
    return ratio - 1 - ratio.log()


@register_kl(Gamma, Gamma)
def _gamma(p: Gamma, q: Gamma) -> Tensor:
    a, b = p.concentration, q.concentration
    return (
        b * (p.rate / q.rate).log()
        + b.lgamma()
        - a.lgamma()
        + (a - b) * a.digamma()
        + (q.rate - p.rate) * (a / p.rate)
    )


@register_kl(Gumbel, Gumbel)
def _gumbel(p: Gumbel, q: Gumbel) -> Tensor:
    ratio = p.scale / q.scale
    off = (p.loc - q.loc) / q.scale
    grown = ((1 + ratio).lgamma() - off).exp()
    return off - ratio.log() + ratio * euler_constant + grown - (1 + euler_constant)


@register_kl(Normal, Normal)
def _normal(p: Normal, q: Normal) -> Tensor:
    ratio = (p.scale / q.scale) ** 2
    off = ((p.loc - q.loc) / q.scale) ** 2
    return 0.5 * (ratio + off - 1 - ratio.log())


@register_kl(HalfNormal, HalfNormal)
def _half_normal(p: HalfNormal, q: HalfNormal) -> Tensor:
    return kl_divergence(p.base_dist, q.base_dist)


@register_kl(Laplace, Laplace)
def _laplace(p: Laplace, q: Laplace) -> Tensor:
    ratio = p.scale / q.scale
    off = (p.loc - q.loc).abs()
    return off / q.scale - ratio.log() + ratio * (-off / p.scale).exp() - 1


@register_kl(Cauchy, Cauchy)
def _cauchy(p: Cauchy, q: Cauchy) -> Tensor:
    far = (p.scale + q.scale) ** 2 + (p.loc - q.loc) ** 2
    return far.log() - (4 * p.scale * q.scale).log()


@register_kl(Pareto, Pareto)
def _pareto(p: Pareto, q: Pareto) -> Tensor:
    ratio = q.alpha / p.alpha
    kl = q.alpha * (p.scale / q.scale).log() - ratio.log() + ratio - 1
    return kl.masked_fill(p.scale < q.scale, lampas.inf)


@register_kl(Uniform, Uniform)
def _uniform(p: Uniform, q: Uniform) -> Tensor:
    kl = ((q.high - q.low) / (p.high - p.low)).log()
    return kl.masked_fill((q.low > p.low) | (q.high < p.high), lampas.inf)


# ---- any exponential family ----------------------------------------------------------------------
@register_kl(ExponentialFamily, ExponentialFamily)
def _exponential_family(p: ExponentialFamily, q: ExponentialFamily) -> Tensor:
    """F(θq) - F(θp) - <θq - θp, ∇F(θp)>."""
    if type(p) is not type(q):
        raise NotImplementedError(
            "The cross KL-divergence between different exponential families cannot be computed "
            f"using Bregman divergences: {type(p).__name__} and {type(q).__name__}"
        )
    mine = [x.detach().requires_grad_() for x in p._natural_params]
    with lampas.enable_grad():
        normalizer = p._log_normalizer(*mine)
        gradients = lampas.autograd.grad(normalizer.sum(), mine, create_graph=True)
    result = q._log_normalizer(*q._natural_params) - normalizer
    for a, b, g in zip(mine, q._natural_params, gradients, strict=True):
        # A parameter has as many dimensions of its own as it has more than the batch.
        own = g.dim() - len(p.batch_shape)
        result = result - sum_rightmost((b - a) * g, own)
    return result


# ---- normal vectors ------------------------------------------------------------------------------
def _squares(matrix: Tensor) -> Tensor:
    """tr(X Xᵀ)."""
    return (matrix**2).sum((-2, -1))


def _solve(factor: Tensor, matrix: Tensor) -> Tensor:
    batch = lampas.broadcast_shapes(factor.shape[:-2], matrix.shape[:-2])
    factor = factor.expand((*batch, *factor.shape[-2:]))
    matrix = matrix.expand((*batch, *matrix.shape[-2:]))
    return lampas.linalg.solve_triangular(factor, matrix, upper=False)


def _need_same_event(p: Any, q: Any) -> None:
    if p.event_shape != q.event_shape:
        raise ValueError(
            f"KL-divergence between a {type(p).__name__} and a {type(q).__name__} with different "
            f"event shapes cannot be computed: {tuple(p.event_shape)} and {tuple(q.event_shape)}"
        )


def _log_det(d: Any) -> Tensor:
    if isinstance(d, LowRankMultivariateNormal):
        return d._log_det()
    return 2 * log_diagonal(d._unbroadcasted_scale_tril)


def _factors(d: Any) -> list[Tensor]:
    """Matrices F whose F Fᵀ add up to the covariance."""
    if isinstance(d, LowRankMultivariateNormal):
        return [d._unbroadcasted_cov_factor, d._unbroadcasted_cov_diag.sqrt().diag_embed()]
    return [d._unbroadcasted_scale_tril]


def _trace(q: Any, factors: list[Tensor]) -> Tensor:
    """tr(Σq⁻¹ Σp), Σp being the sum of F Fᵀ."""
    total: Any = 0
    for f in factors:
        if isinstance(q, LowRankMultivariateNormal):
            diagonal = q._unbroadcasted_cov_diag
            scaled = q._unbroadcasted_cov_factor.mT / diagonal.unsqueeze(-2)
            total = total + _squares(f * diagonal.rsqrt().unsqueeze(-1))
            total = total - _squares(_solve(q._capacitance_tril, scaled) @ f)
        else:
            total = total + _squares(_solve(q._unbroadcasted_scale_tril, f))
    result: Tensor = total
    return result


@register_kl(LowRankMultivariateNormal, LowRankMultivariateNormal)
@register_kl(LowRankMultivariateNormal, MultivariateNormal)
@register_kl(MultivariateNormal, LowRankMultivariateNormal)
@register_kl(MultivariateNormal, MultivariateNormal)
def _normal_vectors(p: Any, q: Any) -> Tensor:
    _need_same_event(p, q)
    off = q.loc - p.loc
    if isinstance(q, LowRankMultivariateNormal):
        far = q._square(off)
    else:
        far = mahalanobis(q._unbroadcasted_scale_tril, off)
    trace = _trace(q, _factors(p))
    return 0.5 * (_log_det(q) - _log_det(p) + trace + far - p.event_shape[0])


# ---- distributions of distributions --------------------------------------------------------------
@register_kl(TransformedDistribution, TransformedDistribution)
def _transformed(p: TransformedDistribution, q: TransformedDistribution) -> Tensor:
    """That of the bases, as long as both go through the same bijections."""
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        raise NotImplementedError(
            f"KL between a {type(p).__name__} and a {type(q).__name__} with different "
            "transforms or event shapes is not implemented"
        )
    return kl_divergence(p.base_dist, q.base_dist)


@register_kl(Independent, Independent)
def _independent(p: Independent, q: Independent) -> Tensor:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError(
            "KL between Independents over different numbers of dimensions is not implemented: "
            f"{p.reinterpreted_batch_ndims} and {q.reinterpreted_batch_ndims}"
        )
    return sum_rightmost(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)
