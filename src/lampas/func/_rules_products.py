"""Matrix products and linear algebra under vmap."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lampas._tensor import Tensor
from lampas.func._batched import Level, of_level, unwrap
from lampas.func._rules_elementwise import lined_up, rank_of

RULES: dict[str, Callable[..., Any]] = {}

# The operator treats leading dimensions as a batch by itself, if the first argument alone has it.
_LEADING = """
cholesky cholesky_inverse det inverse logdet matrix_exp matrix_power pinverse slogdet
linalg_cholesky linalg_det linalg_eigh linalg_eigvalsh linalg_eig linalg_eigvals linalg_inv
linalg_matrix_exp linalg_matrix_power linalg_pinv linalg_qr linalg_slogdet linalg_svd linalg_svdvals
""".split()


def matmul(func: Any, level: Level, a: Any, b: Any, **_: Any) -> Any:
    """a @ b for each sample."""
    ra, rb = a.dim(), b.dim()
    if not ra or not rb:
        return NotImplemented
    if not of_level(b, level) and rb <= 2:
        return a._value.matmul(b)
    if ra == 1 and rb == 1:
        return _inner(a, b, level)
    if ra == 1:
        a = a.unsqueeze(0)
    if rb == 1:
        b = b.unsqueeze(1)
    rank = max(a.dim(), b.dim())
    out = lined_up(a, level, rank).matmul(lined_up(b, level, rank))
    if ra == 1:
        return out.squeeze(-2)
    return out.squeeze(-1) if rb == 1 else out


def _strict(ra: int, rb: int) -> Callable[..., Any]:
    def product(func: Any, level: Level, a: Any, b: Any, **kwargs: Any) -> Any:
        inner = b.shape[-2 if rb > 1 else -1] if b.dim() == rb else -1
        if a.dim() != ra or b.dim() != rb or a.shape[-1] != inner or a.shape[:-2] != b.shape[:-2]:
            return NotImplemented
        return matmul(func, level, a, b)

    return product


def _dot(func: Any, level: Level, a: Any, b: Any) -> Any:
    if a.dim() != 1 or b.dim() != 1 or a.shape != b.shape or a.dtype != b.dtype:
        return NotImplemented
    return _inner(a.conj() if func.__name__ == "vdot" else a, b, level)


def _inner(a: Any, b: Any, level: Level) -> Tensor:
    if not of_level(a, level):
        return b._value.matmul(a)
    if not of_level(b, level):
        return a._value.matmul(b)
    return a._value.unsqueeze(1).matmul(b._value.unsqueeze(2)).reshape(level.size)


def _outer(func: Any, level: Level, a: Any, b: Any) -> Any:
    if a.dim() != 1 or b.dim() != 1:
        return NotImplemented
    return unwrap(a, level).unsqueeze(-1) * unwrap(b, level).unsqueeze(-2)


def _added(ra: int, rb: int) -> Callable[..., Any]:
    multiply = _strict(ra, rb)
    rank = ra if rb > 1 else 1

    def apply(
        func: Any, level: Level, x: Any, a: Any, b: Any, *, beta: Any = 1, alpha: Any = 1
    ) -> Any:
        if func.__name__.endswith("_") or x.dim() > rank or not x.dtype.is_floating_point:
            return NotImplemented
        batched = of_level(a, level) or of_level(b, level)
        product = multiply(func, level, a, b) if batched else a.matmul(b)
        if product is NotImplemented or product.dtype != x.dtype:
            return NotImplemented
        if alpha != 1:
            product = product * alpha
        if beta == 0:
            return product if batched else unwrap(product, level)
        bias = lined_up(x, level, rank)
        return product + (bias if beta == 1 else bias * beta)

    return apply


def linear(func: Any, level: Level, x: Any, weight: Any, bias: Any = None) -> Any:
    """x @ weight.T + bias for each sample."""
    if not of_level(weight, level):
        if not of_level(bias, level):
            return func(x._value, weight, bias)
        out = func(unwrap(x, level), weight)
    else:
        out = matmul(func, level, x, weight.t() if weight.dim() == 2 else weight)
        if out is NotImplemented:
            return out
    if bias is None:
        return out
    return out + lined_up(bias, level, out.dim() - 1)


def _einsum(func: Any, level: Level, equation: Any, *operands: Any) -> Any:
    if not isinstance(equation, str):
        return NotImplemented
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    text = equation.replace(" ", "")
    left, arrow, right = text.partition("->")
    free = next((c for c in "ZYXWVUTSRQPONMLKJIHGFEDCBA" if c not in text), None)
    terms = left.split(",")
    if free is None or len(terms) != len(operands):
        return NotImplemented
    if not arrow:
        letters = [c for c in left if c.isalpha()]
        once = sorted({c for c in letters if letters.count(c) == 1})
        right = ("..." if "..." in left else "") + "".join(once)
    terms = [free + t if of_level(x, level) else t for t, x in zip(terms, operands, strict=True)]
    values = [x._value if of_level(x, level) else x for x in operands]
    return func(f"{','.join(terms)}->{free}{right}", *values)


def _leading(func: Any, level: Level, x: Any, *args: Any, **kwargs: Any) -> Any:
    if any(isinstance(a, Tensor) for a in (*args, *kwargs.values())) or rank_of(x) < 2:
        return NotImplemented
    return func(x._value, *args, **kwargs)


def _solve(func: Any, level: Level, a: Any, b: Any, *, left: bool = True) -> Any:
    if not left or b.dim() < 2 or a.dim() != b.dim():
        return NotImplemented
    return func(unwrap(a, level), unwrap(b, level))


RULES |= dict.fromkeys(_LEADING, _leading)
RULES |= {
    "matmul": matmul, "__matmul__": matmul, "linalg_matmul": matmul, "mm": _strict(2, 2),
    "bmm": _strict(3, 3), "mv": _strict(2, 1), "dot": _dot, "vdot": _dot, "outer": _outer,
    "ger": _outer, "addmm": _added(2, 2), "baddbmm": _added(3, 3), "addmv": _added(2, 1),
    "linear": linear,
    "einsum": _einsum, "linalg_solve": _solve,
}  # fmt: skip
