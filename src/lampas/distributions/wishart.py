"""Wishart: random positive definite matrices."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

import lampas
from lampas import Size, Tensor
from lampas.distributions import constraints
from lampas.distributions.chi2 import Chi2
from lampas.distributions.exp_family import ExponentialFamily
from lampas.distributions.multivariate_normal import log_diagonal, precision_to_scale_tril
from lampas.distributions.utils import given_one, lazy_property

__all__ = ["Wishart"]


class Wishart(ExponentialFamily):
    """Σ x xᵀ over `df` normal vectors x of n numbers; df need not be an integer, but > n - 1.

    Their covariance is given by one of `covariance_matrix`, `precision_matrix` and its lower
    Cholesky factor `scale_tril`, (…, n, n). Raises ValueError if df is too small.

    >>> d = lampas.distributions.Wishart(lampas.tensor(3.0), lampas.eye(2))
    >>> d.mean
    tensor([[3., 0.],
            [0., 3.]])
    """

    support = constraints.positive_definite
    has_rsample = True
    _mean_carrier_measure = 0
    _growing = {
        "df": 0,
        "covariance_matrix": 2,
        "precision_matrix": 2,
        "scale_tril": 2,
        "_unbroadcasted_scale_tril": 2,
        "_chi2": 1,
    }

    def __init__(
        self,
        df: Tensor | float,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
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
        df = lampas.as_tensor(df, dtype=matrix.dtype)
        batch = lampas.broadcast_shapes(matrix.shape[:-2], df.shape)
        n = matrix.shape[-1]
        self.df = df.expand(batch)
        if (self.df <= n - 1).any():
            raise ValueError(f"Value of df={df} expected to be greater than ndim - 1 = {n - 1}.")
        if (self.df < n).any():
            warnings.warn(
                "Low df values detected. Singular samples are highly likely to occur for "
                "ndim - 1 < df < ndim.",
                stacklevel=2,
            )
        setattr(self, name, matrix.expand((*batch, -1, -1)))
        super().__init__(batch, matrix.shape[-2:], validate_args=validate_args)
        if scale_tril is not None:
            self._unbroadcasted_scale_tril = matrix
        elif covariance_matrix is not None:
            self._unbroadcasted_scale_tril = lampas.linalg.cholesky(matrix)
        else:
            self._unbroadcasted_scale_tril = precision_to_scale_tril(matrix)
        steps = lampas.arange(n, dtype=matrix.dtype, device=matrix.device)
        self._chi2 = Chi2(self.df.unsqueeze(-1) - steps)

    @property
    def arg_constraints(self) -> dict[str, constraints.Constraint]:
        """The size of the matrix limits df."""
        return {
            "covariance_matrix": constraints.positive_definite,
            "precision_matrix": constraints.positive_definite,
            "scale_tril": constraints.lower_cholesky,
            "df": constraints.greater_than(self.event_shape[-1] - 1),
        }

    def _over_batch(self, matrix: Tensor) -> Tensor:
        return matrix.expand(self._batch_shape + self._event_shape)

    @lazy_property
    def scale_tril(self) -> Tensor:
        """The lower Cholesky factor of the vectors' covariance."""
        return self._over_batch(self._unbroadcasted_scale_tril)

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        """The vectors' covariance."""
        factor = self._unbroadcasted_scale_tril
        return self._over_batch(factor @ factor.mT)

    @lazy_property
    def precision_matrix(self) -> Tensor:
        """The inverse of the vectors' covariance."""
        return self._over_batch(lampas.cholesky_inverse(self._unbroadcasted_scale_tril))

    def _df_as_matrix(self) -> Tensor:
        return self.df[..., None, None]

    @property
    def mean(self) -> Tensor:
        return self._df_as_matrix() * self.covariance_matrix

    @property
    def mode(self) -> Tensor:
        """NaN where df <= n + 1."""
        factor = self._df_as_matrix() - self._event_shape[-1] - 1
        return factor.masked_fill(factor <= 0, lampas.nan) * self.covariance_matrix

    @property
    def variance(self) -> Tensor:
        v = self.covariance_matrix
        diagonal = v.diagonal(dim1=-2, dim2=-1)
        outer = diagonal.unsqueeze(-1) * diagonal.unsqueeze(-2)
        return self._df_as_matrix() * (v**2 + outer)

    def _bartlett(self, sample_shape: Sequence[int]) -> Tensor:
        """Bartlett's decomposition: chi draws on the diagonal, normals below it."""
        n = self._event_shape[-1]
        chi = self._chi2.rsample(sample_shape).sqrt()
        chi = chi.clamp(min=lampas.finfo(chi.dtype).eps)
        normals = lampas.randn(
            (*sample_shape, *self._batch_shape, n * (n - 1) // 2), dtype=chi.dtype
        )
        noise = lampas.zeros((*chi.shape, n), dtype=chi.dtype)
        rows, columns = lampas.tril_indices(n, n, -1)
        noise[..., rows, columns] = normals
        factor = self._unbroadcasted_scale_tril @ (noise + chi.diag_embed())
        return factor @ factor.mT

    def _over_samples(self, flags: Tensor) -> Tensor:
        dims = tuple(range(-len(self._batch_shape), 0))
        return flags.any(dims) if dims else flags

    def rsample(self, sample_shape: Sequence[int] = Size(), max_try_correction: int = 10) -> Tensor:
        """Draws; singular ones, frequent at df close to n, are tried again so many times.

        As in PyTorch, whose stream of numbers this follows, a first valid draw is replaced once.
        """
        sample = self._bartlett(Size(sample_shape))
        again = self._over_samples(self.support.check(sample))
        for _ in range(max_try_correction):
            count = int(again.sum())
            if count == 0:
                break
            fresh = self._bartlett((count,))
            bad = self._over_samples(~self.support.check(fresh))
            at = again.nonzero(as_tuple=True)
            sample = sample.index_put(at, fresh) if again.dim() else fresh.squeeze(0)
            again = again.clone()
            again[at if again.dim() else ...] = bad if again.dim() else bad.squeeze(0)
        return sample

    def log_prob(self, value: Tensor) -> Tensor:
        self._check_value(value)
        df, n = self.df, self._event_shape[-1]
        factor = self._unbroadcasted_scale_tril
        trace = lampas.cholesky_solve(value, factor).diagonal(dim1=-2, dim2=-1).sum(-1)
        norm = df * (n * math.log(2) / 2 + log_diagonal(factor)) + lampas.mvlgamma(df / 2, n)
        return (df - n - 1) / 2 * lampas.linalg.slogdet(value).logabsdet - trace / 2 - norm

    def entropy(self) -> Tensor:
        df, n = self.df, self._event_shape[-1]
        halves = df.unsqueeze(-1) / 2 - lampas.arange(n, dtype=df.dtype) / 2
        scale = (n + 1) * (n * math.log(2) / 2 + log_diagonal(self._unbroadcasted_scale_tril))
        slope = (df - n - 1) / 2 * halves.digamma().sum(-1)
        return scale + lampas.mvlgamma(df / 2, n) - slope + df * n / 2

    @property
    def _natural_params(self) -> tuple[Tensor, Tensor]:
        return -self.precision_matrix / 2, (self.df - self._event_shape[-1] - 1) / 2

    def _log_normalizer(self, *natural_params: Tensor) -> Tensor:
        x, y = natural_params
        n = self._event_shape[-1]
        half = y + (n + 1) / 2
        return lampas.mvlgamma(half, n) - half * lampas.linalg.slogdet(-x).logabsdet
