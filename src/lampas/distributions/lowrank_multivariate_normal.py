"""Multivariate normal whose covariance is a diagonal and a matrix of low rank."""

from __future__ import annotations

import math
from collections.abc import Sequence

import lampas
from lampas import Size, Tensor
from lampas.distributions import constraints
from lampas.distributions.distribution import Distribution
from lampas.distributions.multivariate_normal import log_diagonal, mahalanobis
from lampas.distributions.utils import lazy_property, standard_normal

__all__ = ["LowRankMultivariateNormal"]


class LowRankMultivariateNormal(Distribution):
    """Normal vectors with covariance W Wᵀ + diag(d): `cov_factor` W (…, n, r), `cov_diag` d (…, n).

    Inverse and determinant are those of an r x r matrix, by the Woodbury identity and the matrix
    determinant lemma. Raises ValueError if the shapes do not fit.

    >>> zeros, ones = lampas.zeros(3), lampas.ones(3)
    >>> d = lampas.distributions.LowRankMultivariateNormal(zeros, lampas.ones(3, 1), ones)
    >>> d.variance
    tensor([2., 2., 2.])
    """

    arg_constraints = {
        "loc": constraints.real_vector,
        "cov_factor": constraints.independent(constraints.real, 2),
        "cov_diag": constraints.independent(constraints.positive, 1),
    }
    support = constraints.real_vector
    has_rsample = True
    _growing = {"loc": 1, "cov_factor": 2, "cov_diag": 1}
    _kept = ("_unbroadcasted_cov_factor", "_unbroadcasted_cov_diag", "_capacitance_tril")

    def __init__(
        self,
        loc: Tensor,
        cov_factor: Tensor,
        cov_diag: Tensor,
        validate_args: bool | None = None,
    ) -> None:
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        n = loc.shape[-1]
        if cov_factor.dim() < 2:
            raise ValueError(
                "cov_factor must be at least two-dimensional, with optional leading batch "
                f"dimensions; got shape {tuple(cov_factor.shape)}"
            )
        if cov_factor.shape[-2] != n:
            raise ValueError(
                f"cov_factor must be a batch of matrices with shape {n} x m, got "
                f"{tuple(cov_factor.shape)}"
            )
        if cov_diag.shape[-1:] != (n,):
            raise ValueError(
                f"cov_diag must be a batch of vectors with shape ({n},), got "
                f"{tuple(cov_diag.shape)}"
            )
        try:
            batch = lampas.broadcast_shapes(
                loc.shape[:-1], cov_factor.shape[:-2], cov_diag.shape[:-1]
            )
        except RuntimeError as e:
            raise ValueError(
                f"Incompatible batch shapes: loc {tuple(loc.shape)}, cov_factor "
                f"{tuple(cov_factor.shape)}, cov_diag {tuple(cov_diag.shape)}"
            ) from e
        self.loc = loc.expand((*batch, n))
        self.cov_factor = cov_factor.expand((*batch, n, cov_factor.shape[-1]))
        self.cov_diag = cov_diag.expand((*batch, n))
        self._unbroadcasted_cov_factor = cov_factor
        self._unbroadcasted_cov_diag = cov_diag
        # The Cholesky factor of I + Wᵀ D⁻¹ W.
        rank = cov_factor.shape[-1]
        unit = lampas.eye(rank, dtype=cov_factor.dtype, device=cov_factor.device)
        self._capacitance_tril = lampas.linalg.cholesky(
            unit + (cov_factor.mT / cov_diag.unsqueeze(-2)) @ cov_factor
        )
        super().__init__(batch, (n,), validate_args=validate_args)

    def _square(self, x: Tensor) -> Tensor:
        """xᵀ (covariance)⁻¹ x."""
        scaled = x / self._unbroadcasted_cov_diag
        inner = (self._unbroadcasted_cov_factor.mT @ scaled.unsqueeze(-1)).squeeze(-1)
        return (x * scaled).sum(-1) - mahalanobis(self._capacitance_tril, inner)

    def _log_det(self) -> Tensor:
        diagonal = self._unbroadcasted_cov_diag.log().sum(-1)
        return 2 * log_diagonal(self._capacitance_tril) + diagonal

    def _over_batch(self, matrix: Tensor) -> Tensor:
        n = self._event_shape[0]
        return matrix.expand((*self._batch_shape, n, n))

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @lazy_property
    def variance(self) -> Tensor:
        """The diagonal of the covariance."""
        squares = (self._unbroadcasted_cov_factor**2).sum(-1) + self._unbroadcasted_cov_diag
        return squares.expand(self._batch_shape + self._event_shape)

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        """The covariance, n x n."""
        factor = self._unbroadcasted_cov_factor
        return self._over_batch(factor @ factor.mT + self._unbroadcasted_cov_diag.diag_embed())

    @lazy_property
    def scale_tril(self) -> Tensor:
        """The lower Cholesky factor of the covariance."""
        # Scaled to a unit matrix plus one of low rank, which is better conditioned.
        root = self._unbroadcasted_cov_diag.sqrt().unsqueeze(-1)
        scaled = self._unbroadcasted_cov_factor / root
        unit = lampas.eye(self._event_shape[0], dtype=scaled.dtype, device=scaled.device)
        return self._over_batch(root * lampas.linalg.cholesky(scaled @ scaled.mT + unit))

    @lazy_property
    def precision_matrix(self) -> Tensor:
        """The inverse of the covariance."""
        scaled = self._unbroadcasted_cov_factor.mT / self._unbroadcasted_cov_diag.unsqueeze(-2)
        half = lampas.linalg.solve_triangular(self._capacitance_tril, scaled, upper=False)
        inverse = self._unbroadcasted_cov_diag.reciprocal().diag_embed() - half.mT @ half
        return self._over_batch(inverse)

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        inner = standard_normal((*shape[:-1], self.cov_factor.shape[-1]), self.loc)
        outer = standard_normal(shape, self.loc)
        low = (self._unbroadcasted_cov_factor @ inner.unsqueeze(-1)).squeeze(-1)
        return self.loc + low + self._unbroadcasted_cov_diag.sqrt() * outer

    def log_prob(self, value: Tensor) -> Tensor:
        self._check_value(value)
        norm = self._event_shape[0] * math.log(2 * math.pi) + self._log_det()
        return -0.5 * (norm + self._square(value - self.loc))

    def entropy(self) -> Tensor:
        entropy = 0.5 * (self._event_shape[0] * (1 + math.log(2 * math.pi)) + self._log_det())
        return entropy.expand(self._batch_shape)
