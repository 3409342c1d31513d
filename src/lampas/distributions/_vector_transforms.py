"""Transforms of vectors and matrices: simplices, Cholesky factors, positive definite matrices."""

from __future__ import annotations

import math
from collections.abc import Sequence

import lampas
from lampas import Size, Tensor
from lampas.distributions import constraints
from lampas.distributions._elementwise_transforms import _inside
from lampas.distributions._transform_base import Transform
from lampas.distributions.utils import tril_matrix_to_vec, vec_to_tril_matrix


def _need_dims(shape: Sequence[int], dims: int, name: str) -> Size:
    if len(shape) < dims:
        raise ValueError(
            f"Too few dimensions on input: {name} takes at least {dims}, got {tuple(shape)}"
        )
    return Size(shape)


def _shifted(x: Tensor) -> Tensor:
    """The last dimension moved right by one, with a 1 in front."""
    return lampas.cat([lampas.ones_like(x[..., :1]), x[..., :-1]], -1)


class CorrCholeskyTransform(Transform):
    """n (n - 1) / 2 numbers to the Cholesky factor of an n x n correlation matrix.

    Numbers go through tanh and become canonical partial correlations, row by row: Lewandowski,
    Kurowicka and Joe, "Generating random correlation matrices based on vines and extended onion
    method", 2009.

    >>> lampas.distributions.CorrCholeskyTransform()(lampas.zeros(1))
    tensor([[1., 0.],
            [0., 1.]])
    """

    domain = constraints.real_vector
    codomain = constraints.corr_cholesky
    bijective = True

    def _call(self, x: Tensor) -> Tensor:
        eps = lampas.finfo(x.dtype).eps
        partial = vec_to_tril_matrix(x.tanh().clamp(min=-1 + eps, max=1 - eps), diag=-1)
        # What the numbers before one leave of a row's unit length.
        left = (1 - partial**2).sqrt().cumprod(-1)
        unit = lampas.eye(partial.shape[-1], dtype=x.dtype, device=x.device)
        return (partial + unit) * _shifted(left)

    def _inverse(self, y: Tensor) -> Tensor:
        left = _shifted(1 - (y * y).cumsum(-1))
        partial = tril_matrix_to_vec(y, diag=-1) / tril_matrix_to_vec(left, diag=-1).sqrt()
        return partial.atanh()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        # The rest of a row after its second but last number has no say.
        left = tril_matrix_to_vec(1 - (y * y).cumsum(-1), diag=-2)
        through_tanh = -2 * (x + lampas.nn.functional.softplus(-2 * x) - math.log(2.0))
        return 0.5 * left.log().sum(-1) + through_tanh.sum(-1)

    def forward_shape(self, shape: Sequence[int]) -> Size:
        shape = _need_dims(shape, 1, "CorrCholeskyTransform")
        count = shape[-1]
        n = round((0.25 + 2 * count) ** 0.5 + 0.5)
        if n * (n - 1) // 2 != count:
            raise ValueError(
                f"Input is not a flattened lower-diagonal number: no n (n - 1) / 2 is {count}"
            )
        return Size((*shape[:-1], n, n))

    def inverse_shape(self, shape: Sequence[int]) -> Size:
        shape = _need_dims(shape, 2, "the inverse of CorrCholeskyTransform")
        if shape[-2] != shape[-1]:
            raise ValueError(f"Input is not square: {tuple(shape)}")
        return Size((*shape[:-2], shape[-1] * (shape[-1] - 1) // 2))


class SoftmaxTransform(Transform):
    """Vectors to probabilities by softmax; not invertible, as a constant added to x is lost.

    >>> lampas.distributions.SoftmaxTransform()(lampas.zeros(2))
    tensor([0.5000, 0.5000])
    """

    domain = constraints.real_vector
    codomain = constraints.simplex

    def _call(self, x: Tensor) -> Tensor:
        return x.softmax(-1)

    def _inverse(self, y: Tensor) -> Tensor:
        return y.log()

    def forward_shape(self, shape: Sequence[int]) -> Size:
        return _need_dims(shape, 1, "SoftmaxTransform")

    inverse_shape = forward_shape


class StickBreakingTransform(Transform):
    """n - 1 numbers to n probabilities: each says how much of what is left goes to its place.

    >>> lampas.distributions.StickBreakingTransform()(lampas.zeros(1))
    tensor([0.5000, 0.5000])
    """

    domain = constraints.real_vector
    codomain = constraints.simplex
    bijective = True

    @staticmethod
    def _offset(x: Tensor) -> Tensor:
        """log of how many places are left after each; zeros then map to equal probabilities."""
        n = x.shape[-1]
        return lampas.arange(n, 0, -1, dtype=x.dtype, device=x.device).log()

    def _call(self, x: Tensor) -> Tensor:
        share = _inside((x - self._offset(x)).sigmoid())
        one = lampas.ones_like(share[..., :1])
        left = (1 - share).cumprod(-1)
        return lampas.cat([share, one], -1) * lampas.cat([one, left], -1)

    def _inverse(self, y: Tensor) -> Tensor:
        head = y[..., :-1]
        left = (1 - head.cumsum(-1)).clamp(min=lampas.finfo(y.dtype).tiny)
        return head.log() - left.log() + self._offset(head)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        x = x - self._offset(x)
        return (-x + lampas.nn.functional.logsigmoid(x) + y[..., :-1].log()).sum(-1)

    def forward_shape(self, shape: Sequence[int]) -> Size:
        shape = _need_dims(shape, 1, "StickBreakingTransform")
        return Size((*shape[:-1], shape[-1] + 1))

    def inverse_shape(self, shape: Sequence[int]) -> Size:
        shape = _need_dims(shape, 1, "the inverse of StickBreakingTransform")
        return Size((*shape[:-1], shape[-1] - 1))


class LowerCholeskyTransform(Transform):
    """Square matrices to lower triangles with a positive diagonal, through exp.

    >>> lampas.distributions.LowerCholeskyTransform()(lampas.zeros(2, 2))
    tensor([[1., 0.],
            [0., 1.]])
    """

    domain = constraints.independent(constraints.real, 2)
    codomain = constraints.lower_cholesky

    def _call(self, x: Tensor) -> Tensor:
        return x.tril(-1) + x.diagonal(dim1=-2, dim2=-1).exp().diag_embed()

    def _inverse(self, y: Tensor) -> Tensor:
        return y.tril(-1) + y.diagonal(dim1=-2, dim2=-1).log().diag_embed()


class PositiveDefiniteTransform(Transform):
    """Square matrices to positive definite ones: L Lᵀ of LowerCholeskyTransform's L.

    >>> lampas.distributions.PositiveDefiniteTransform()(lampas.zeros(1, 1))
    tensor([[1.]])
    """

    domain = constraints.independent(constraints.real, 2)
    codomain = constraints.positive_definite

    def _call(self, x: Tensor) -> Tensor:
        factor = LowerCholeskyTransform()(x)
        return factor @ factor.mT

    def _inverse(self, y: Tensor) -> Tensor:
        return LowerCholeskyTransform().inv(lampas.linalg.cholesky(y))
