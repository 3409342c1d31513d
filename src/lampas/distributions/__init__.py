"""Probability distributions: draws, densities, entropies, divergences, transforms.

Draws follow PyTorch's stream of random numbers. `rsample` draws so that gradients reach the
parameters; `log_prob` of a `sample` is what score-function estimators need.

>>> import lampas
>>> from lampas.distributions import Normal, kl_divergence
>>> loc = lampas.tensor(0.0, requires_grad=True)
>>> kl_divergence(Normal(loc, 1.0), Normal(1.0, 1.0)).backward()
>>> loc.grad
tensor(-1.)
"""

from __future__ import annotations

from lampas.distributions.bernoulli import Bernoulli
from lampas.distributions.beta import Beta
from lampas.distributions.binomial import Binomial
from lampas.distributions.categorical import Categorical
from lampas.distributions.cauchy import Cauchy
from lampas.distributions.chi2 import Chi2
from lampas.distributions.constraint_registry import biject_to, transform_to
from lampas.distributions.continuous_bernoulli import ContinuousBernoulli
from lampas.distributions.dirichlet import Dirichlet
from lampas.distributions.distribution import Distribution
from lampas.distributions.exp_family import ExponentialFamily
from lampas.distributions.exponential import Exponential
from lampas.distributions.fishersnedecor import FisherSnedecor
from lampas.distributions.gamma import Gamma
from lampas.distributions.generalized_pareto import GeneralizedPareto
from lampas.distributions.geometric import Geometric
from lampas.distributions.gumbel import Gumbel
from lampas.distributions.half_cauchy import HalfCauchy
from lampas.distributions.half_normal import HalfNormal
from lampas.distributions.independent import Independent
from lampas.distributions.inverse_gamma import InverseGamma
from lampas.distributions.kl import kl_divergence, register_kl
from lampas.distributions.kumaraswamy import Kumaraswamy
from lampas.distributions.laplace import Laplace
from lampas.distributions.lkj_cholesky import LKJCholesky
from lampas.distributions.log_normal import LogNormal
from lampas.distributions.logistic_normal import LogisticNormal
from lampas.distributions.lowrank_multivariate_normal import LowRankMultivariateNormal
from lampas.distributions.mixture_same_family import MixtureSameFamily
from lampas.distributions.multinomial import Multinomial
from lampas.distributions.multivariate_normal import MultivariateNormal
from lampas.distributions.negative_binomial import NegativeBinomial
from lampas.distributions.normal import Normal
from lampas.distributions.one_hot_categorical import (
    OneHotCategorical,
    OneHotCategoricalStraightThrough,
)
from lampas.distributions.pareto import Pareto
from lampas.distributions.poisson import Poisson
from lampas.distributions.relaxed_bernoulli import RelaxedBernoulli
from lampas.distributions.relaxed_categorical import RelaxedOneHotCategorical
from lampas.distributions.studentT import StudentT
from lampas.distributions.transformed_distribution import TransformedDistribution
from lampas.distributions.transforms import (
    AbsTransform,
    AffineTransform,
    CatTransform,
    ComposeTransform,
    CorrCholeskyTransform,
    CumulativeDistributionTransform,
    ExpTransform,
    IndependentTransform,
    LowerCholeskyTransform,
    PositiveDefiniteTransform,
    PowerTransform,
    ReshapeTransform,
    SigmoidTransform,
    SoftmaxTransform,
    SoftplusTransform,
    StackTransform,
    StickBreakingTransform,
    TanhTransform,
    Transform,
    identity_transform,
)
from lampas.distributions.uniform import Uniform
from lampas.distributions.von_mises import VonMises
from lampas.distributions.weibull import Weibull
from lampas.distributions.wishart import Wishart

__all__ = [
    "AbsTransform",
    "AffineTransform",
    "Bernoulli",
    "Beta",
    "biject_to",
    "Binomial",
    "Categorical",
    "CatTransform",
    "Cauchy",
    "Chi2",
    "ComposeTransform",
    "ContinuousBernoulli",
    "CorrCholeskyTransform",
    "CumulativeDistributionTransform",
    "Dirichlet",
    "Distribution",
    "Exponential",
    "ExponentialFamily",
    "ExpTransform",
    "FisherSnedecor",
    "Gamma",
    "GeneralizedPareto",
    "Geometric",
    "Gumbel",
    "HalfCauchy",
    "HalfNormal",
    "identity_transform",
    "Independent",
    "IndependentTransform",
    "InverseGamma",
    "kl_divergence",
    "Kumaraswamy",
    "Laplace",
    "LKJCholesky",
    "LogisticNormal",
    "LogNormal",
    "LowerCholeskyTransform",
    "LowRankMultivariateNormal",
    "MixtureSameFamily",
    "Multinomial",
    "MultivariateNormal",
    "NegativeBinomial",
    "Normal",
    "OneHotCategorical",
    "OneHotCategoricalStraightThrough",
    "Pareto",
    "Poisson",
    "PositiveDefiniteTransform",
    "PowerTransform",
    "register_kl",
    "RelaxedBernoulli",
    "RelaxedOneHotCategorical",
    "ReshapeTransform",
    "SigmoidTransform",
    "SoftmaxTransform",
    "SoftplusTransform",
    "StackTransform",
    "StickBreakingTransform",
    "StudentT",
    "TanhTransform",
    "Transform",
    "transform_to",
    "TransformedDistribution",
    "Uniform",
    "VonMises",
    "Weibull",
    "Wishart",
]
