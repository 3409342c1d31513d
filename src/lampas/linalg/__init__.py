"""Linear algebra: decompositions through NumPy's LAPACK, with exact gradients of any order.

Functions take batches [..., m, n]. Complex gradients are those of the conjugate, as in autograd.
"""

from __future__ import annotations

from lampas._C import _vector_norm as vector_norm
from lampas.linalg._common import LinAlgError
from lampas.linalg._eigen import eig, eigh, eigvals, eigvalsh, svd, svdvals
from lampas.linalg._least_squares import lstsq, matrix_rank, pinv
from lampas.linalg._lu import (
    ldl_factor,
    ldl_factor_ex,
    ldl_solve,
    lu,
    lu_factor,
    lu_factor_ex,
    lu_solve,
)
from lampas.linalg._norms import cond, matrix_norm, norm
from lampas.linalg._orthogonal import householder_product, qr
from lampas.linalg._products import (
    cross,
    diagonal,
    matmul,
    matrix_exp,
    matrix_power,
    multi_dot,
    vander,
    vecdot,
)
from lampas.linalg._solvers import (
    det,
    inv,
    inv_ex,
    slogdet,
    solve,
    solve_ex,
    tensorinv,
    tensorsolve,
)
from lampas.linalg._triangular import cholesky, cholesky_ex, solve_triangular

__all__ = [
    "LinAlgError",
    "cholesky",
    "cholesky_ex",
    "cond",
    "cross",
    "det",
    "diagonal",
    "eig",
    "eigh",
    "eigvals",
    "eigvalsh",
    "householder_product",
    "inv",
    "inv_ex",
    "ldl_factor",
    "ldl_factor_ex",
    "ldl_solve",
    "lstsq",
    "lu",
    "lu_factor",
    "lu_factor_ex",
    "lu_solve",
    "matmul",
    "matrix_exp",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "multi_dot",
    "norm",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "solve_ex",
    "solve_triangular",
    "svd",
    "svdvals",
    "tensorinv",
    "tensorsolve",
    "vander",
    "vecdot",
    "vector_norm",
]
