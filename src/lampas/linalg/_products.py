"""Products and powers of matrices and vectors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from lampas import _C
from lampas._C import Tensor
from lampas._library import operator
from lampas.linalg._common import adjoint, check_matrix, identity
from lampas.linalg._solvers import inv

__all__ = [
    "cross",
    "diagonal",
    "matmul",
    "matrix_exp",
    "matrix_power",
    "multi_dot",
    "vander",
    "vecdot",
]

matmul = _C.matmul


def cross_product(a: Tensor, b: Tensor, dim: int, name: str) -> Tensor:
    """The cross product along a dimension of size three in both operands."""
    if a.dim() != b.dim():
        raise RuntimeError(
            f"{name}: inputs must have the same number of dimensions, "
            f"got shapes {tuple(a.shape)} and {tuple(b.shape)}"
        )
    if a.dtype != b.dtype:
        raise RuntimeError(
            f"{name}: expected both operands to have the same dtype, got {a.dtype} and {b.dtype}"
        )
    if not -a.dim() <= dim < a.dim():
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-a.dim()}, {a.dim() - 1}], "
            f"but got {dim})"
        )
    if a.size(dim) != 3 or b.size(dim) != 3:
        raise RuntimeError(
            f"{name}: inputs dimension {dim} must have length 3. "
            f"Got {a.size(dim)} and {b.size(dim)}"
        )
    after = lambda t: t.roll(-1, dim)
    before = lambda t: t.roll(1, dim)
    return after(a) * before(b) - before(a) * after(b)


@operator(
    "linalg_cross(Tensor input, Tensor other, *, int dim=-1, Tensor? out=None)", function=False
)
def cross(input: Tensor, other: Tensor, *, dim: int = -1) -> Tensor:
    """The cross product of vectors of three elements along `dim`; the rest broadcasts.

    >>> import lampas
    >>> x, y = lampas.tensor([1.0, 0.0, 0.0]), lampas.tensor([0.0, 1.0, 0.0])
    >>> lampas.linalg.cross(x, y)
    tensor([0., 0., 1.])
    """
    return cross_product(input, other, dim, "linalg.cross")


@operator("linalg_vecdot(Tensor x, Tensor y, *, int dim=-1, Tensor? out=None)", function=False)
def vecdot(x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    """The sum of conj(x) * y along `dim`; the operands broadcast.

    >>> import lampas
    >>> lampas.linalg.vecdot(lampas.tensor([1.0, 2.0]), lampas.tensor([3.0, 4.0]))
    tensor(11.)
    """
    if x.dtype != y.dtype:
        raise RuntimeError(
            f"linalg.vecdot: Expected x and y to have the same dtype, got {x.dtype} and {y.dtype}"
        )
    product = (x.conj() if x.dtype.is_complex else x) * y
    if x.dim() == 0 and y.dim() == 0:
        return product
    return product.sum(dim, dtype=x.dtype)


def diagonal_of(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """The diagonals of matrices, as a view: element (i, i + offset) of dimensions dim1 and dim2.

    >>> import lampas
    >>> lampas.linalg.diagonal(lampas.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([1., 4.])
    """
    return A.diagonal(offset, dim1, dim2)


diagonal = operator(
    "linalg_diagonal(Tensor A, *, int offset=0, int dim1=-2, int dim2=-1)", function=False
)(diagonal_of)


# ---- powers --------------------------------------------------------------------------------------
def power(a: Tensor, n: int, name: str = "matrix_power") -> Tensor:
    """See `matrix_power`."""
    if a.dim() < 2 or a.size(-1) != a.size(-2) or n < 0:
        if a.dim() < 2:
            raise RuntimeError(
                f"linalg.{name}: The input tensor A must have at least 2 dimensions, "
                f"got shape {tuple(a.shape)}"
            )
        if a.size(-1) != a.size(-2):
            raise RuntimeError(
                f"linalg.{name}: A must be batches of square matrices, "
                f"but they are {a.size(-2)} by {a.size(-1)} matrices"
            )
        return power(inv(a), -n, name)
    if n == 0:
        # The gradient is zero, not absent.
        return _C.where(_C.zeros((), dtype=_C.bool), a, identity(a.size(-1), a))
    result: Tensor | None = None
    while True:
        if n & 1:
            result = a if result is None else result @ a
        n >>= 1
        if n == 0:
            assert result is not None
            return result * 1 if result is a else result
        a = a @ a


@operator("linalg_matrix_power(Tensor A, int n, *, Tensor? out=None)", function=False)
def matrix_power(A: Tensor, n: int) -> Tensor:
    """The n-th power of square matrices [..., k, k]; negative ones through the inverse.

    >>> import lampas
    >>> lampas.linalg.matrix_power(lampas.tensor([[1.0, 1.0], [0.0, 1.0]]), 3)
    tensor([[1., 3.],
            [0., 1.]])
    """
    return power(A, n)


def exponential(a: Tensor) -> Tensor:
    """exp(A) by scaling, a Taylor series and squaring; see `matrix_exp`."""
    half = a.dtype in (_C.float16, _C.bfloat16)
    check_matrix(a.float() if half else a, "matrix_exp", square=True)
    if half:
        return exponential(a.float()).to(a.dtype)
    if a.is_meta:
        return a @ a
    norm = a.detach().abs().sum(-1).amax().item() if a.numel() else 0.0
    finite = math.isfinite(norm)
    squarings = max(0, math.ceil(math.log2(norm)) + 2) if finite and norm > 0.25 else 0
    scaled = a / 2.0**squarings
    # With a norm of at most 1/4 the 18th term is below 1e-26 of the first.
    result = term = identity(a.size(-1), a).expand(a.shape)
    for k in range(1, 19):
        term = term @ scaled / k
        result = result + term
    for _ in range(squarings):
        result = result @ result
    return result


@operator("linalg_matrix_exp(Tensor A)", function=False)
def matrix_exp(A: Tensor) -> Tensor:
    """The exponential of square matrices [..., n, n], by scaling, a Taylor series and squaring
    (Moler & Van Loan, "Nineteen dubious ways to compute the exponential of a matrix", 2003).

    >>> import lampas
    >>> lampas.linalg.matrix_exp(lampas.zeros(2, 2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    return exponential(A)


# ---- chains --------------------------------------------------------------------------------------
def _best_splits(sizes: Sequence[int]) -> list[list[int]]:
    """Where to split each run of a chain for the fewest multiplications.

    Cormen et al., "Introduction to Algorithms", 15.2. Matrix i is sizes[i] by sizes[i + 1].
    """
    n = len(sizes) - 1
    cost = [[0] * n for _ in range(n)]
    split = [[0] * n for _ in range(n)]
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            choices = [
                (cost[i][k] + cost[k + 1][j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k)
                for k in range(i, j)
            ]
            cost[i][j], split[i][j] = min(choices)
    return split


def _check_chain(tensors: Sequence[Tensor]) -> None:
    n = len(tensors)
    if n < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {n}")
    for i, t in enumerate(tensors):
        ends = i in (0, n - 1)
        if not (t.dim() == 2 or (ends and t.dim() == 1)):
            allowed = "1D or 2D" if ends else "2D"
            raise RuntimeError(
                f"multi_dot(): tensor {i} must be {allowed} but got {t.dim()}D of shape "
                f"{tuple(t.shape)}"
            )
        if t.dtype != tensors[0].dtype:
            raise RuntimeError(
                f"multi_dot(): all tensors must have be the same dtype but tensor 0 is "
                f"{tensors[0].dtype} and tensor {i} {t.dtype}"
            )


@operator("linalg_multi_dot(Tensor[] tensors, *, Tensor? out=None)", function=False)
def multi_dot(tensors: Sequence[Tensor]) -> Tensor:
    """The product of two or more matrices, multiplied in the cheapest order.

    Args:
        tensors: matrices whose sizes fit; the first and the last may be vectors, a row and a
            column, and their dimension is left out of the result.

    >>> import lampas
    >>> lampas.linalg.multi_dot([lampas.ones(2, 3), lampas.ones(3, 4), lampas.ones(4)])
    tensor([12., 12.])
    """
    chain = list(tensors)
    _check_chain(chain)
    row, column = chain[0].dim() == 1, chain[-1].dim() == 1
    if row:
        chain[0] = chain[0].unsqueeze(0)
    if column:
        chain[-1] = chain[-1].unsqueeze(1)
    for i in range(len(chain) - 1):
        if chain[i].size(1) != chain[i + 1].size(0):
            raise RuntimeError(
                f"multi_dot(): tensors {i} and {i + 1} with shapes {tuple(chain[i].shape)} and "
                f"{tuple(chain[i + 1].shape)} cannot be multiplied"
            )
    split = _best_splits([t.size(0) for t in chain] + [chain[-1].size(1)])

    def product(i: int, j: int) -> Tensor:
        if i == j:
            return chain[i]
        return product(i, split[i][j]) @ product(split[i][j] + 1, j)

    result = product(0, len(chain) - 1)
    if column:
        result = result.squeeze(1)
    return result.squeeze(0) if row else result


@operator("linalg_vander(Tensor x, *, int? N=None)", function=False)
def vander(x: Tensor, *, N: int | None = None) -> Tensor:
    """The Vandermonde matrices of vectors: x [..., n] to its powers 0 to N - 1, [..., n, N].

    Args:
        x: vectors [..., n].
        N: how many powers; n by default.

    >>> import lampas
    >>> lampas.linalg.vander(lampas.tensor([1.0, 2.0, 3.0]))
    tensor([[1., 1., 1.],
            [1., 2., 4.],
            [1., 3., 9.]])
    """
    x = x.unsqueeze(0) if x.dim() == 0 else x
    n = x.size(-1) if N is None else N
    if n <= 1:
        raise RuntimeError(f"linalg.vander: N must be greater than 1, got {n}")
    if x.dtype == _C.bool:
        x = x.to(_C.int64)
    ones = _C.ones_like(x).unsqueeze(-1)
    steps = x.unsqueeze(-1).expand(*x.shape, n - 1)
    powers = steps.cumprod(-1)
    return _C.cat([ones.to(powers.dtype), powers], -1)


def low_rank_basis(a: Tensor, q: int, niter: int, m: Tensor | None) -> Tensor:
    """Orthonormal columns that nearly span the range of A - M: Halko, Martinsson & Tropp,
    "Finding structure with randomness" (2011), algorithm 4.4."""
    from lampas.linalg._orthogonal import decompose

    shifted = a if m is None else a - m
    start = _C.randn(a.size(-1), q, dtype=a.dtype)
    basis = decompose(shifted @ start, "reduced")[0]
    for _ in range(niter):
        other = decompose(adjoint(shifted) @ basis, "reduced")[0]
        basis = decompose(shifted @ other, "reduced")[0]
    return basis


def low_rank_svd(a: Tensor, q: int, niter: int, m: Tensor | None) -> Any:
    """(U, S, V) of rank q; see lampas.svd_lowrank."""
    from lampas.linalg._eigen import svd

    if m is not None:
        m = m.expand(a.shape)
    if a.size(-2) < a.size(-1):
        u, s, v = low_rank_svd(adjoint(a), q, niter, None if m is None else adjoint(m))
        return v, s, u
    basis = low_rank_basis(a, q, niter, m)
    u, s, vh = svd(adjoint(basis) @ (a if m is None else a - m), full_matrices=False)
    return basis @ u, s, adjoint(vh)
