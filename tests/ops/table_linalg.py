"""Rows of linear algebra: `lampas.linalg`, and the older names of the same operators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import lampas

from .table import Call, Fixed, Op, call, t


def symmetric(a: lampas.Tensor) -> lampas.Tensor:
    """A Hermitian matrix."""
    return (a + a.mH) / 2


def positive(a: lampas.Tensor) -> lampas.Tensor:
    """A Hermitian positive-definite matrix."""
    return a @ a.mH + lampas.eye(a.size(-1), dtype=a.dtype)


def regular(a: lampas.Tensor) -> lampas.Tensor:
    """A matrix far from singular."""
    return a + 4 * lampas.eye(a.size(-2), a.size(-1), dtype=a.dtype)


def lower(a: lampas.Tensor) -> lampas.Tensor:
    """A lower triangular factor."""
    return regular(a).tril()


_SQUARES = [call(t(3, 3, into=regular)), call(t(2, 2, 2, into=regular))]
_HERMITIAN = [call(t(3, 3, into=symmetric)), call(t(2, 2, 2, into=symmetric))]
_POSITIVE = [call(t(3, 3, into=positive)), call(t(2, 2, 2, into=positive))]
_ANY = [call(t(3, 2)), call(t(2, 2, 3))]
_NO_SQUARE = (call(t(2, 3)), RuntimeError, "square")
_NO_MATRIX = (call(t(3)), RuntimeError, "2 dimensions|2-D|square|matri")


def matrices(name: str, reference: Any, calls: list[Call], **options: Any) -> Op:
    """An operator of single and double precision, real and complex; vectors are refused."""
    options = {"kinds": "dc", "tolerance": 50, "errors": [_NO_MATRIX], "inplace": False, **options}
    return Op(name, calls, reference, **options)


def square(name: str, reference: Any, calls: list[Call] | None = None, **options: Any) -> Op:
    """The same for square matrices alone."""
    options = {"errors": [_NO_SQUARE, _NO_MATRIX], **options}
    return matrices(name, reference, calls or _SQUARES, **options)


def lengths(parts: Any) -> Any:
    """Results without the signs or phases, which nothing determines."""
    return [part.abs() for part in parts]


def first(result: Any) -> Any:
    """A result that is the first of several."""
    return result[0]


def _absolute(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *given: [np.abs(part) for part in function(*given)]


def _ordered(w: Any) -> Any:
    """Eigenvalues in an order that does not depend on the algorithm; sums of powers are smooth."""
    return [w.sum(-1), (w * w).sum(-1), (w * w * w).sum(-1)]


def _sums(x: Any) -> Any:
    w = np.linalg.eigvals(x)
    return [w.sum(-1), (w * w).sum(-1), (w * w * w).sum(-1)]


def _rebuilt(parts: Any) -> Any:
    p, low, up = parts
    return p.to(low.dtype) @ low @ up


def _log_sizes(x: Any) -> Any:
    sign, log = np.linalg.slogdet(x)
    return [sign, log]


def _exponential(x: Any) -> Any:
    total = term = np.broadcast_to(np.eye(x.shape[-1]), x.shape)
    for k in range(1, 60):
        term = term @ x / k
        total = total + term
    return total


def _triangle(a: Any, b: Any, upper: bool, left: bool = True) -> Any:
    a = np.triu(a) if upper else np.tril(a)
    return np.linalg.solve(a, b) if left else b @ np.linalg.inv(a)


def _factored(a: lampas.Tensor) -> tuple[lampas.Tensor, lampas.Tensor]:
    packed, pivots = lampas.linalg.lu_factor(a)
    return packed, pivots


_SYSTEMS = [
    call(t(3, 3, into=regular), t(3, 2)),
    call(t(2, 2, 2, into=regular), t(2, 2)),
    call(t(2, 2, into=regular), t(2)),
]
_NO_FIT = (call(t(2, 2), t(3, 1)), RuntimeError, "2.*3|[Ii]ncompatible|match")
_SYSTEM = {"errors": [_NO_FIT], "tolerance": 50}
_PIVOTS = Fixed([3, 3, 3], lampas.int32)


def _lu_solved(packed: Any, pivots: Any, b: Any) -> Any:
    low, up = np.tril(packed, -1) + np.eye(len(packed)), np.triu(packed)
    b = b.copy()
    for i, p in enumerate(pivots):
        b[[i, p - 1]] = b[[p - 1, i]]
    return np.linalg.solve(up, np.linalg.solve(low, b))


def _norm(x: Any, p: Any = None, dim: Any = None, keepdim: bool = False) -> Any:
    if p is None and dim is None:
        return np.linalg.norm(x.ravel())
    return np.linalg.norm(x, p, dim, keepdim)


def _vector_norm(x: Any, p: Any = 2, dim: Any = None) -> Any:
    return np.linalg.norm(x.ravel() if dim is None else x, p, dim)


def _matrix_norm(x: Any, p: Any = "fro", dim: Any = (-2, -1)) -> Any:
    return np.linalg.norm(x, p, dim)


_REAL = {"result": "real"}

ROWS: list[Op] = [
    square("linalg.cholesky", np.linalg.cholesky, _POSITIVE),
    square("linalg.cholesky_ex", np.linalg.cholesky, _POSITIVE, seen=first, result=""),
    square("cholesky", np.linalg.cholesky, _POSITIVE),
    square(
        "cholesky_inverse",
        lambda x: np.linalg.inv(x @ np.conj(np.swapaxes(x, -1, -2))),
        [call(t(3, 3, into=lower))],
    ),
    matrices(
        "cholesky_solve",
        lambda b, x: np.linalg.solve(x @ np.conj(np.swapaxes(x, -1, -2)), b),
        [call(t(3, 2), t(3, 3, into=lower))],
        errors=[],
    ),
    square("linalg.det", np.linalg.det),
    square("linalg.slogdet", _log_sizes, result="", complex_grad=True),
    square("slogdet", _log_sizes, result=""),
    square("linalg.inv", np.linalg.inv),
    square("linalg.inv_ex", np.linalg.inv, seen=first, result=""),
    square(
        "linalg.matrix_power",
        np.linalg.matrix_power,
        [call(t(2, 2, into=regular), n) for n in (3, -2, 0)],
        errors=[(call(t(2, 3), 2), RuntimeError, "square")],
    ),
    square(
        "linalg.matrix_exp", _exponential, [call(t(3, 3)), call(t(2, 2, 2))], aliases=["matrix_exp"]
    ),
    square("linalg.eigvals", _sums, [call(t(3, 3))], seen=_ordered, result="complex"),
    square("linalg.eigvalsh", np.linalg.eigvalsh, _HERMITIAN, result="real"),
    square("linalg.eigh", _absolute(np.linalg.eigh), _HERMITIAN, result="", seen=lengths),
    square("linalg.eig", None, [call(t(3, 3))], result="", seen=lengths),
    matrices("linalg.svdvals", lambda x: np.linalg.svd(x, compute_uv=False), _ANY, result="real"),
    matrices(
        "linalg.svd",
        _absolute(np.linalg.svd),
        [call(t(3, 2), False), call(t(2, 2, 3), False)],
        seen=lengths,
        result="",
    ),
    matrices("svd", None, _ANY, seen=lengths, result=""),
    matrices("linalg.qr", _absolute(np.linalg.qr), [call(t(3, 2)), call(t(2, 2, 2))], seen=lengths),
    matrices("qr", _absolute(np.linalg.qr), [call(t(3, 2))], seen=lengths),
    matrices("geqrf", None, [call(t(3, 2))], grad=0),
    matrices(
        "linalg.householder_product",
        None,
        [call(t(3, 2), t(2))],
        errors=[(call(t(2, 3), t(2)), RuntimeError, "shape")],
        aliases=["orgqr"],
    ),
    matrices(
        "ormqr",
        None,
        [call(t(3, 2), t(2), t(3, 2))],
        errors=[(call(t(3, 2), t(1), t(3, 2)), RuntimeError, "tau")],
    ),
    matrices("linalg.lu", lambda x: x, [call(t(3, 2)), call(t(2, 3, 3))], seen=_rebuilt),
    matrices("linalg.lu_factor", None, [call(t(3, 3)), call(t(2, 3))], result=""),
    matrices("linalg.lu_factor_ex", None, [call(t(3, 3))], result=""),
    matrices("lu", None, [call(t(3, 3))], result=""),
    matrices(
        "lu_unpack",
        None,
        [call(t(3, 3), _PIVOTS), call(t(3, 4), _PIVOTS)],
        result="",
        errors=[(call(t(3, 3), Fixed([1.0, 2.0, 3.0], lampas.float32)), RuntimeError, "int32")],
    ),
    matrices(
        "linalg.lu_solve", _lu_solved, [call(t(3, 3, into=regular), _PIVOTS, t(3, 2))], errors=[]
    ),
    matrices(
        "lu_solve",
        lambda b, x, p: _lu_solved(x, p, b),
        [call(t(3, 2), t(3, 3, into=regular), _PIVOTS)],
        errors=[],
    ),
    square("linalg.ldl_factor", None, _HERMITIAN, grad=0),
    square("linalg.ldl_factor_ex", None, _HERMITIAN, grad=0),
    matrices(
        "linalg.ldl_solve",
        None,
        [call(t(3, 3, grad=False), Fixed([1, 2, 3], lampas.int32), t(3, 2, grad=False))],
        grad=0,
        errors=[],
    ),
    matrices(
        "linalg.solve", lambda a, b: np.linalg.solve(a, b), _SYSTEMS[:1] + _SYSTEMS[2:], **_SYSTEM
    ),
    matrices(
        "linalg.solve_ex",
        lambda a, b: np.linalg.solve(a, b),
        _SYSTEMS[:1],
        seen=first,
        result="",
        errors=[_NO_FIT],
    ),
    matrices(
        "linalg.solve_triangular",
        _triangle,
        [
            call(t(3, 3, into=regular), t(3, 2), upper=True),
            call(t(2, 2, into=regular), t(3, 2), upper=False, left=False),
        ],
        errors=[(call(t(2, 2), t(3, 1), upper=True), RuntimeError, "2.*3")],
    ),
    matrices(
        "triangular_solve",
        lambda b, a: _triangle(a, b, True),
        [call(t(3, 2), t(3, 3, into=regular))],
        seen=first,
        errors=[],
    ),
    matrices(
        "linalg.lstsq",
        lambda a, b: np.linalg.lstsq(a, b, rcond=None)[0],
        [call(t(4, 2), t(4, 2))],
        seen=first,
        result="",
        errors=[(call(t(3, 2), t(2, 2)), RuntimeError, "3.*2|match")],
    ),
    matrices("linalg.pinv", np.linalg.pinv, _ANY, aliases=["pinverse"]),
    matrices("linalg.matrix_rank", np.linalg.matrix_rank, _ANY, result="int64", grad=0),
    matrices("linalg.cond", np.linalg.cond, _SQUARES, result="real", errors=[]),
    matrices(
        "linalg.matrix_norm",
        _matrix_norm,
        [call(t(3, 2), p) for p in ("fro", "nuc", 2, -2, 1, np.inf)],
        result="real",
    ),
    matrices(
        "linalg.norm",
        _norm,
        [call(t(3, 2)), call(t(3, 2), 1, 1), call(t(3, 2), "nuc"), call(t(3), 3)],
        result="real",
        errors=[(call(t(2, 3), 2, 7), IndexError, "range")],
    ),
    matrices(
        "linalg.vector_norm",
        _vector_norm,
        [call(t(3, 2), p) for p in (2, 1, np.inf, -np.inf, 3, 0.5)] + [call(t(3, 2), 2, 1)],
        result="real",
        errors=[(call(t(2, 3), 2, 7), IndexError, "range")],
    ),
    matrices(
        "norm",
        lambda x, p=2, dim=None: _vector_norm(x, 2 if p == "fro" else p, dim),
        [call(t(3, 2)), call(t(3, 2), 1, 1), call(t(3, 2), "fro"), call(t(3), 3)],
        result="real",
        errors=[(call(t(2, 3), 2, 7), IndexError, "range")],
    ),
    matrices("native_norm", lambda x: np.linalg.norm(x), [call(t(3, 2))], result="real", errors=[]),
    matrices(
        "frobenius_norm",
        lambda x, d: np.linalg.norm(x, axis=tuple(d)),
        [call(t(3, 2), [0, 1]), call(t(3, 2), [1])],
        result="real",
        errors=[],
    ),
    matrices("nuclear_norm", lambda x: np.linalg.norm(x, "nuc"), [call(t(3, 2))], result="real"),
    matrices(
        "norm_except_dim",
        lambda x, p, d: np.sqrt((x * x).sum(1, keepdims=True)),
        [call(t(3, 2), 2, 0)],
        kinds="d",
        errors=[],
    ),
    matrices(
        "linalg.tensorinv",
        lambda x, ind: np.linalg.tensorinv(x, ind),
        [call(t(4, 4, into=lambda a: regular(a).reshape(2, 2, 4)), 2)],
        errors=[(call(t(2, 3), 1), RuntimeError, "3.*2|2.*3")],
    ),
    matrices(
        "linalg.tensorsolve",
        np.linalg.tensorsolve,
        [call(t(4, 4, into=lambda a: regular(a).reshape(2, 2, 4)), t(2, 2))],
        errors=[(call(t(2, 3), t(2)), RuntimeError, "3.*2|2.*3")],
    ),
    matrices(
        "linalg.multi_dot",
        lambda x: np.linalg.multi_dot(x),
        [call([t(2, 3), t(3, 2), t(2, 2)]), call([t(3), t(3, 2)])],
        errors=[(call([t(2, 3)]), RuntimeError, "2|two")],
    ),
    matrices(
        "linalg.cross",
        np.cross,
        [call(t(2, 3), t(2, 3))],
        errors=[(call(t(2, 2), t(2, 2)), RuntimeError, "3")],
    ),
    matrices("linalg.diagonal", lambda x: np.diagonal(x, 0, -2, -1), [call(t(2, 3, 3))], errors=[]),
    matrices("linalg.vander", lambda x: np.vander(x, increasing=True), [call(t(3))], errors=[]),
    matrices(
        "linalg.vecdot", lambda x, y: (x.conj() * y).sum(-1), [call(t(2, 3), t(2, 3))], errors=[]
    ),
]
