"""Divergences between families: KL(p ‖ q) = -H(p) - E_p[log q(x)].

E_p[log q] needs few expectations of p: of x, x², log x, log(1 - x), |x - c| and exp(-x / s). Each
family of p says those that it knows (`_Expectations`), each family of q which of them its density
asks for (`_CROSS_ENTROPY`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import lampas
from lampas import Tensor
from lampas.distributions.bernoulli import Bernoulli
from lampas.distributions.beta import Beta
from lampas.distributions.binomial import Binomial
from lampas.distributions.continuous_bernoulli import ContinuousBernoulli
from lampas.distributions.exponential import Exponential
from lampas.distributions.gamma import Gamma
from lampas.distributions.gumbel import Gumbel
from lampas.distributions.kl import register_kl
from lampas.distributions.laplace import Laplace
from lampas.distributions.normal import Normal
from lampas.distributions.pareto import Pareto
from lampas.distributions.poisson import Poisson
from lampas.distributions.uniform import Uniform
from lampas.distributions.utils import euler_constant


# ---- expectations under p ------------------------------------------------------------------------
def _log_mean(p: Any) -> Tensor:
    """E[log x]."""
    if isinstance(p, Beta):
        return p.concentration1.digamma() - (p.concentration1 + p.concentration0).digamma()
    if isinstance(p, Exponential):
        return -euler_constant - p.rate.log()
    if isinstance(p, Gamma):
        return p.concentration.digamma() - p.rate.log()
    if isinstance(p, Pareto):
        return p.scale.log() + 1 / p.alpha
    return _mean_of_log(p.low, p.high)


def _mean_of_log(low: Tensor, high: Tensor) -> Tensor:
    """E[log x] of x uniform on [low, high]."""
    return (lampas.xlogy(high, high) - lampas.xlogy(low, low)) / (high - low) - 1


def _shrunk_mean(p: Any, s: Tensor) -> Tensor:
    """E[exp(-x / s)]."""
    if isinstance(p, Exponential):
        return p.rate / (p.rate + 1 / s)
    if isinstance(p, Gamma):
        return (1 + 1 / (p.rate * s)) ** -p.concentration
    if isinstance(p, Normal):
        return (0.5 * (p.scale / s) ** 2 - p.loc / s).exp()
    return s / (p.high - p.low) * ((-p.low / s).exp() - (-p.high / s).exp())


def _distance(p: Normal, c: Tensor) -> Tensor:
    """E|x - c| of a normal."""
    off = p.loc - c
    z = off / p.scale
    near = math.sqrt(2 / math.pi) * p.scale * (-0.5 * z**2).exp()
    return near + off * lampas.erf(z * math.sqrt(0.5))


def _square_distance(p: Any, c: Tensor) -> Tensor:
    """E[(x - c)²]."""
    return p.variance + (p.mean - c) ** 2


# ---- -E_p[log q(x)] ------------------------------------------------------------------------------
def _to_beta(p: Any, q: Beta) -> Tensor:
    a, b = q.concentration1, q.concentration0
    norm = a.lgamma() + b.lgamma() - (a + b).lgamma()
    # 1 - x is uniform too, on [1 - high, 1 - low].
    rest = _mean_of_log(1 - p.high, 1 - p.low)
    return norm - (a - 1) * _log_mean(p) - (b - 1) * rest


def _to_continuous_bernoulli(p: Any, q: ContinuousBernoulli) -> Tensor:
    return -p.mean * q.logits - (-q.probs).log1p() - q._cont_bern_log_norm()


def _to_exponential(p: Any, q: Exponential) -> Tensor:
    return q.rate * p.mean - q.rate.log()


def _to_gamma(p: Any, q: Gamma) -> Tensor:
    a = q.concentration
    return a.lgamma() - a * q.rate.log() - (a - 1) * _log_mean(p) + q.rate * p.mean


def _to_gumbel(p: Any, q: Gumbel) -> Tensor:
    grown = (q.loc / q.scale).exp() * _shrunk_mean(p, q.scale)
    return q.scale.log() + (p.mean - q.loc) / q.scale + grown


def _to_laplace(p: Any, q: Laplace) -> Tensor:
    return (2 * q.scale).log() + _distance(p, q.loc) / q.scale


def _to_normal(p: Any, q: Normal) -> Tensor:
    far = _square_distance(p, q.loc) / (2 * q.scale**2)
    return 0.5 * math.log(2 * math.pi) + q.scale.log() + far


def _to_pareto(p: Any, q: Pareto) -> Tensor:
    return (q.alpha + 1) * _log_mean(p) - q.alpha.log() - q.alpha * q.scale.log()


def _to_uniform(p: Any, q: Uniform) -> Tensor:
    return (q.high - q.low).log() + lampas.zeros_like(p.mean)


_CROSS_ENTROPY: dict[type, Callable[[Any, Any], Tensor]] = {
    Beta: _to_beta,
    ContinuousBernoulli: _to_continuous_bernoulli,
    Exponential: _to_exponential,
    Gamma: _to_gamma,
    Gumbel: _to_gumbel,
    Laplace: _to_laplace,
    Normal: _to_normal,
    Pareto: _to_pareto,
    Uniform: _to_uniform,
}

# ---- where p reaches and q does not --------------------------------------------------------------
_HALF_LINE = (Exponential, Gamma)
_UNIT = (Beta, ContinuousBernoulli)


def _bounds(d: Any) -> tuple[Any, Any]:
    """The ends of the support: numbers or tensors."""
    if isinstance(d, _UNIT):
        return 0.0, 1.0
    if isinstance(d, Uniform):
        return d.low, d.high
    if isinstance(d, Pareto):
        return d.scale, math.inf
    return (0.0 if isinstance(d, _HALF_LINE) else -math.inf), math.inf


def _outside(p: Any, q: Any, like: Tensor) -> Tensor:
    (p_low, p_high), (q_low, q_high) = _bounds(p), _bounds(q)
    zero = lampas.zeros_like(like)
    return (p_low + zero < q_low + zero) | (p_high + zero > q_high + zero)


def _divergence(p: Any, q: Any) -> Tensor:
    """-H(p) + the cross entropy, infinite where q leaves out a part of p."""
    cross_entropy = next(f for kind, f in _CROSS_ENTROPY.items() if isinstance(q, kind))
    kl = cross_entropy(p, q) - p.entropy()
    if isinstance(p, Pareto):
        # Its mean exists above alpha 1, its variance above 2.
        kl = kl.masked_fill(p.alpha <= (2 if isinstance(q, Normal) else 1), lampas.inf)
    return kl.masked_fill(_outside(p, q, kl), lampas.inf)


def _infinite(p: Any, q: Any) -> Tensor:
    shape = lampas.broadcast_shapes(p.batch_shape, q.batch_shape)
    like: Tensor = p.mean
    return lampas.full(shape, lampas.inf, dtype=like.dtype)


_FINITE: dict[type, tuple[type, ...]] = {
    Beta: (ContinuousBernoulli, Exponential, Gamma, Normal, Uniform),
    ContinuousBernoulli: (Exponential, Normal, Uniform),
    Exponential: (Gamma, Gumbel, Normal),
    Gamma: (Exponential, Gumbel, Normal),
    Gumbel: (Normal,),
    Laplace: (Normal,),
    Normal: (Gumbel, Laplace),
    Pareto: (Exponential, Gamma, Normal),
    Uniform: (Beta, ContinuousBernoulli, Exponential, Gamma, Gumbel, Normal, Pareto),
}
_INFINITE: dict[type, tuple[type, ...]] = {
    Beta: (Pareto,),
    ContinuousBernoulli: (Pareto,),
    Exponential: (Beta, ContinuousBernoulli, Pareto, Uniform),
    Gamma: (Beta, ContinuousBernoulli, Pareto, Uniform),
    Gumbel: (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform),
    Laplace: (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform),
    Normal: (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform),
    Pareto: (Beta, ContinuousBernoulli, Uniform),
    Poisson: (Bernoulli, Binomial),
}
for _table, _formula in ((_FINITE, _divergence), (_INFINITE, _infinite)):
    for _p, _others in _table.items():
        for _q in _others:
            register_kl(_p, _q)(_formula)


@register_kl(Bernoulli, Poisson)
def _bernoulli_poisson(p: Bernoulli, q: Poisson) -> Tensor:
    # x! is 1 for both values.
    return -p.entropy() - (p.probs * q.rate.log() - q.rate)
