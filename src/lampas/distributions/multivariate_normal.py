"""Multivariate normal."""

from __future__ import annotations

import math
from collections.abc import Sequence

import lampas
from lampas import Size, Tensor
from lampas.distributions import constraints
from lampas.distributions.distribution import Distribution
from lampas.distributions.utils import given_one, lazy_property, standard_normal

__all__ = ["MultivariateNormal"]


def log_diagonal(factor: Tensor) -> Tensor:
    """log det of a triangular matrix with a positive diagonal: (..., n, n) to (...)."""
    return factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)


def mahalanobis(factor: Tensor, x: Tensor) -> Tensor:
    """xᵀ (L Lᵀ)⁻¹ x of a lower triangle L (..., n, n) and vectors (..., n), broadcast."""
    n = x.shape[-1]
    batch = lampas.broadcast_shapes(factor.shape[:-2], x.shape[:-1])
    if factor.dim() == 2:
        # All vectors as columns of one right-hand side.
        white = lampas.linalg.solve_triangular(factor, x.reshape(-1, n).mT, upper=False)
        return (white**2).sum(0).reshape(batch)
    white = lampas.linalg.solve_triangular(
        factor.expand((*batch, n, n)), x.expand((*batch, n)).unsqueeze(-1), upper=False
    )
    return (white**2).sum((-2, -1))


def precision_to_scale_tril(precision: Tensor) -> Tensor:
    """The lower Cholesky factor of the inverse of a positive definite matrix.

    With P = F Fᵀ for the matrix turned round in both dimensions, the factor is the inverse of F
    turned back and transposed, which is lower triangular.
    """
    turned = lampas.linalg.cholesky(precision.flip((-2, -1))).flip((-2, -1)).mT
    unit = lampas.eye(precision.shape[-1], dtype=precision.dtype, device=precision.device)
    return lampas.linalg.solve_triangular(turned, unit.expand(turned.shape), upper=False)


class MultivariateNormal(Distribution):
    """Normal vectors with mean `loc` (…, n) and one of `covariance_matrix`, `precision_matrix` and
    the lower Cholesky factor `scale_tril` of the covariance, (…, n, n).

    `scale_tril` costs least. Raises ValueError unless exactly one is given, a matrix, and valid.

    >>> d = lampas.distributions.MultivariateNormal(lampas.zeros(2), lampas.eye(2))
    >>> d.log_prob(lampas.zeros(2))
    tensor(-1.8379)
    """

    arg_constraints = {
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }
    support = constraints.real_vector
    has_rsample = True
    _growing = {"loc": 1, "covariance_matrix": 2, "precision_matrix": 2, "scale_tril": 2}
    _kept = ("_unbroadcasted_scale_tril",)

    def __init__(
        self,
        loc: Tensor,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        options = {
            "covariance_matrix": covariance_matrix,
            "precision_matrix": precision_matrix,
            "scale_tril": scale_tril,
        }
        name = given_one(**options)
        matrix = options[name]
        assert matrix is not None
        if matrix.dim() < 2:
            raise ValueError(
                f"{name} must be at least two-dimensional, with optional leading batch dimensions; "
                f"got shape {tuple(matrix.shape)}"
            )
        batch = lampas.broadcast_shapes(matrix.shape[:-2], loc.shape[:-1])
        setattr(self, name, matrix.expand((*batch, -1, -1)))
        self.loc = loc.expand((*batch, -1))
        super().__init__(batch, self.loc.shape[-1:], validate_args=validate_args)
        if scale_tril is not None:
            self._unbroadcasted_scale_tril = matrix
        elif covariance_matrix is not None:
            self._unbroadcasted_scale_tril = lampas.linalg.cholesky(matrix)
        else:
            self._unbroadcasted_scale_tril = precision_to_scale_tril(matrix)

    def _over_batch(self, matrix: Tensor) -> Tensor:
        n = self._event_shape[0]
        return matrix.expand((*self._batch_shape, n, n))

    @lazy_property
    def scale_tril(self) -> Tensor:
        """The lower Cholesky factor of the covariance."""
        return self._over_batch(self._unbroadcasted_scale_tril)

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        """The covariance."""
        factor = self._unbroadcasted_scale_tril
        return self._over_batch(factor @ factor.mT)

    @lazy_property
    def precision_matrix(self) -> Tensor:
        """The inverse of the covariance."""
        return self._over_batch(lampas.cholesky_inverse(self._unbroadcasted_scale_tril))

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        squares = (self._unbroadcasted_scale_tril**2).sum(-1)
        return squares.expand(self._batch_shape + self._event_shape)

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        noise = standard_normal(self._extended_shape(sample_shape), self.loc)
        return self.loc + (self._unbroadcasted_scale_tril @ noise.unsqueeze(-1)).squeeze(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        self._check_value(value)
        factor = self._unbroadcasted_scale_tril
        square = mahalanobis(factor, value - self.loc)
        norm = 0.5 * self._event_shape[0] * math.log(2 * math.pi) + log_diagonal(factor)
        return -0.5 * square - norm

    def entropy(self) -> Tensor:
        half_det = log_diagonal(self._unbroadcasted_scale_tril)
        entropy = 0.5 * self._event_shape[0] * (1 + math.log(2 * math.pi)) + half_det
        return entropy.expand(self._batch_shape)
