"""Linear algebra under the names it has outside lampas.linalg, and as methods of Tensor."""

from __future__ import annotations

from typing import Any

from lampas import _C, linalg
from lampas._C import Tensor
from lampas._library import operator
from lampas.autograd import Function
from lampas.linalg import _products, _triangular
from lampas.linalg._common import adjoint, check_matrix, identity, named
from lampas.linalg._least_squares import pseudoinverse
from lampas.linalg._solvers import determinant, log_determinant

_Slogdet = named("slogdet", "sign logabsdet")
_TriangularSolve = named("triangular_solve", "solution cloned_coefficient")


# ---- Cholesky ------------------------------------------------------------------------------------
@operator("cholesky(Tensor input, bool upper=False, *, Tensor? out=None)", method=True)
def cholesky(input: Tensor, upper: bool = False) -> Tensor:
    """L with A = L Lᴴ, or with `upper` U with A = Uᴴ U; see lampas.linalg.cholesky.

    >>> import lampas
    >>> lampas.cholesky(lampas.tensor([[4.0, 2.0], [2.0, 5.0]]))
    tensor([[2., 0.],
            [1., 2.]])
    """
    return _triangular.checked_cholesky(input, upper)


class _CholeskySolve(Function):
    @staticmethod
    def forward(ctx: Any, b: Tensor, factor: Tensor, upper: bool) -> Tensor:
        low = adjoint(factor) if upper else factor
        y = _triangular.triangular(low, b, upper=False)
        x = _triangular.triangular(adjoint(low), y, upper=True)
        ctx.upper = upper
        ctx.save_for_backward(x, factor)
        return x

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        # The factor's gradient is that of the product that makes A, over the whole matrix.
        x, factor = ctx.saved_tensors
        gb = _CholeskySolve.apply(g, factor, ctx.upper)
        if not ctx.needs_input_grad[1]:
            return gb, None, None
        both = gb @ adjoint(x)
        both = both + adjoint(both)
        return gb, -(factor @ both) if ctx.upper else -(both @ factor), None


@operator(
    "cholesky_solve(Tensor B, Tensor L, bool upper=False, *, Tensor? out=None)", function=True
)
def cholesky_solve(B: Tensor, L: Tensor, upper: bool = False) -> Tensor:
    """X with A X = B out of A's Cholesky factor: A = L Lᴴ, or Lᴴ L with `upper`.

    Args:
        B: [..., n, k]; L: triangular [..., n, n]. Their batches broadcast.

    >>> import lampas
    >>> L = lampas.tensor([[2.0, 0.0], [0.0, 4.0]])
    >>> lampas.cholesky_solve(lampas.ones(2, 1), L)
    tensor([[0.2500],
            [0.0625]])
    """
    for what, t in (("b", B), ("u", L)):
        if t.dim() < 2:
            raise RuntimeError(
                f"{what} should have at least 2 dimensions, but has {t.dim()} dimensions instead"
            )
    _triangular.check_system(L, B, "cholesky_solve")
    factor, b = _triangular.broadcast_batches(L, B, "cholesky_solve")
    result: Tensor = _CholeskySolve.apply(b, factor, upper)
    return result


@operator(
    "cholesky_solve(Tensor input, Tensor input2, bool upper=False)", function=False, method=True
)
def _cholesky_solve(input: Tensor, input2: Tensor, upper: bool = False) -> Tensor:
    """X with A X = input, where input2 is the Cholesky factor of A; see lampas.cholesky_solve."""
    result: Tensor = cholesky_solve(input, input2, upper)
    return result


@operator("cholesky_inverse(Tensor L, bool upper=False, *, Tensor? out=None)", method=True)
def cholesky_inverse(L: Tensor, upper: bool = False) -> Tensor:
    """The inverse of A out of its Cholesky factor [..., n, n]: A = L Lᴴ, or Lᴴ L with `upper`.

    >>> import lampas
    >>> lampas.cholesky_inverse(lampas.tensor([[2.0, 0.0], [0.0, 1.0]]))
    tensor([[0.2500, 0.0000],
            [0.0000, 1.0000]])
    """
    check_matrix(L, "cholesky_inverse", square=True)
    result: Tensor = cholesky_solve(identity(L.size(-1), L).expand(L.shape), L, upper)
    return result


# ---- norms ---------------------------------------------------------------------------------------
@operator(
    "norm(Tensor input, object p='fro', int[1]? dim=None, bool keepdim=False, "
    "dtype? dtype=None, *, Tensor? out=None)",
    method=True,
)
def norm(
    input: Tensor, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: Any = None
) -> Tensor:
    """The p-norm of all elements, or over dimensions.

    Args:
        p: a number; "fro", the 2-norm; or "nuc", the sum of the singular values of a matrix.
        dim: the dimensions over which the norm is taken; for "nuc" two of them.

    >>> import lampas
    >>> lampas.norm(lampas.tensor([3.0, 4.0]))
    tensor(5.)
    """
    if p == "nuc":
        if dim is None and input.dim() != 2:
            raise RuntimeError(
                f"norm: the nuclear norm is that of a matrix, got shape {tuple(input.shape)}. "
                "Remedy: name two dimensions, dim=(-2, -1)"
            )
        pair = (-2, -1) if dim is None else tuple(dim)
        nuclear: Tensor = linalg.matrix_norm(input, "nuc", pair, keepdim, dtype=dtype)
        return nuclear
    if isinstance(p, str) and p != "fro":
        raise RuntimeError(f"norm: only valid string values are 'fro' and 'nuc', found {p}")
    order = 2 if p is None or p == "fro" else p
    if dim is not None and len(dim) == 0:
        dim = None
    return _C._vector_norm(input, order, dim, keepdim, dtype=dtype)


# ---- determinants and inverses -------------------------------------------------------------------
@operator("det(Tensor input)", method=True)
def det(input: Tensor) -> Tensor:
    """The determinants [...] of square matrices [..., n, n].

    >>> import lampas
    >>> lampas.det(lampas.tensor([[2.0, 1.0], [0.0, 4.0]]))
    tensor(8.)
    """
    return determinant(input)


@operator("slogdet(Tensor input, *, Tensor[]? out=None)", method=True)
def slogdet(input: Tensor) -> Any:
    """(sign, logabsdet) of square matrices; see lampas.linalg.slogdet.

    >>> import lampas
    >>> lampas.slogdet(-lampas.eye(3)).sign
    tensor(-1.)
    """
    return _Slogdet(log_determinant(input, "slogdet"))


@operator("logdet(Tensor input)", method=True)
def logdet(input: Tensor) -> Tensor:
    """The logarithms of determinants: NaN for negative ones, -inf for singular matrices.

    >>> import lampas
    >>> lampas.logdet(lampas.eye(3))
    tensor(0.)
    """
    sign, log = log_determinant(input, "logdet")
    if input.dtype.is_complex:
        return log + sign.log()
    return _C.where(sign == -1, float("nan"), log)


@operator("inverse(Tensor input, *, Tensor? out=None)", method=True)
def inverse(input: Tensor) -> Tensor:
    """The inverses of square matrices; see lampas.linalg.inv.

    >>> import lampas
    >>> lampas.inverse(lampas.tensor([[2.0]]))
    tensor([[0.5000]])
    """
    result: Tensor = linalg.inv(input)
    return result


@operator("pinverse(Tensor input, float rcond=1e-15)", method=True)
def pinverse(input: Tensor, rcond: float = 1e-15) -> Tensor:
    """The pseudoinverses; see lampas.linalg.pinv.

    >>> import lampas
    >>> lampas.pinverse(lampas.tensor([[2.0], [0.0]]))
    tensor([[0.5000, 0.0000]])
    """
    return pseudoinverse(input, None, rcond, False)


@operator(
    "triangular_solve(Tensor b, Tensor A, bool upper=True, bool transpose=False, "
    "bool unitriangular=False, *, Tensor[]? out=None)",
    method=True,
)
def triangular_solve(
    b: Tensor, A: Tensor, upper: bool = True, transpose: bool = False, unitriangular: bool = False
) -> Any:
    """(solution, cloned_coefficient): X with A X = b for a triangular A, and A; see
    lampas.linalg.solve_triangular.

    >>> import lampas
    >>> lampas.triangular_solve(lampas.ones(2, 1), 2 * lampas.eye(2)).solution
    tensor([[0.5000],
            [0.5000]])
    """
    for what, t in (("b", b), ("A", A)):
        if t.dim() < 2:
            raise RuntimeError(
                f"torch.triangular_solve: Expected {what} to have at least 2 dimensions, "
                f"but it has {t.dim()} dimensions instead"
            )
    _triangular.check_system(A, b, "triangular_solve")
    a, b = _triangular.broadcast_batches(A, b, "triangular_solve")
    used = a.mT if transpose else a
    x = _triangular.triangular(used, b, upper != transpose, unit=unitriangular)
    return _TriangularSolve((x, a * 1))


# ---- products ------------------------------------------------------------------------------------
@operator("cross(Tensor input, Tensor other, int? dim=None, *, Tensor? out=None)", method=True)
def cross(input: Tensor, other: Tensor, dim: int | None = None) -> Tensor:
    """The cross product along `dim`, by default the first dimension of size three.

    >>> import lampas
    >>> x, y = lampas.tensor([1.0, 0.0, 0.0]), lampas.tensor([0.0, 1.0, 0.0])
    >>> lampas.cross(x, y)
    tensor([0., 0., 1.])
    """
    if dim is None:
        if 3 not in tuple(input.shape):
            raise RuntimeError(
                f"no dimension of size 3 in input of shape {tuple(input.shape)}; give dim"
            )
        dim = tuple(input.shape).index(3)
    return _products.cross_product(input, other, dim, "linalg.cross")


@operator("matrix_power(Tensor input, int n, *, Tensor? out=None)", method=True)
def matrix_power(input: Tensor, n: int) -> Tensor:
    """The n-th power of square matrices; see lampas.linalg.matrix_power.

    >>> import lampas
    >>> lampas.matrix_power(2 * lampas.eye(1), 3)
    tensor([[8.]])
    """
    return _products.power(input, n)


@operator("matrix_exp(Tensor A)", method=True)
def matrix_exp(A: Tensor) -> Tensor:
    """The exponential of square matrices; see lampas.linalg.matrix_exp.

    >>> import lampas
    >>> lampas.matrix_exp(lampas.zeros(2, 2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    return _products.exponential(A)
