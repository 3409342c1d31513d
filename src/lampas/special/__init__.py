"""Special functions.

Computed in float64 and rounded to the dtype of the input; integers count as the default dtype.

>>> import lampas
>>> lampas.special.ndtr(lampas.tensor([0.0]))
tensor([0.5000])
"""

from __future__ import annotations

import math
from typing import Any

from lampas import _C
from lampas._C import Tensor
from lampas._library import gamma, operator
from lampas.autograd import Function
from lampas.linalg._common import elementwise

_HALVES = (_C.float16, _C.bfloat16)

digamma = psi = _C.digamma
erf, erfc, erfinv = _C.erf, _C.erfc, _C.erfinv
exp2, expm1, log1p, sinc = _C.exp2, _C.expm1, _C.log1p, _C.sinc
expit = _C.sigmoid
gammaln = _C.lgamma
gammainc, gammaincc, multigammaln = gamma.igamma, gamma.igammac, gamma.mvlgamma
i0, i0e, i1, i1e = _C.i0, _C.i0e, _C.i1, _C.i1e
logit, logsumexp, polygamma, round, xlogy = (
    _C.logit,
    _C.logsumexp,
    _C.polygamma,
    _C.round,
    _C.xlogy,
)


@operator("special_softmax(Tensor input, int dim, *, dtype? dtype=None)", function=False)
def softmax(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """exp(input) divided by its sum along a dimension.

    >>> import lampas
    >>> lampas.special.softmax(lampas.zeros(2), 0)
    tensor([0.5000, 0.5000])
    """
    return _C.softmax(input, dim, dtype=dtype)


@operator("special_log_softmax(Tensor input, int dim, *, dtype? dtype=None)", function=False)
def log_softmax(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """The logarithm of `softmax`.

    >>> import lampas
    >>> lampas.special.log_softmax(lampas.zeros(1), 0)
    tensor([0.])
    """
    return _C.log_softmax(input, dim, dtype=dtype)


# ---- functions of one argument -------------------------------------------------------------------
def _as_float(x: Tensor, name: str, halves: bool) -> Tensor:
    if x.dtype.is_complex or (x.dtype in _HALVES and not halves):
        raise NotImplementedError(
            f"\"{name}\" not implemented for '{x.dtype}': convert the input with .float()"
        )
    return x if x.dtype.is_floating_point else x.to(_C.get_default_dtype())


def _one(name: str, doc: str, at: str, value: str, kernel: Any = None) -> Any:
    kernel = kernel or getattr(_C, f"_special_{name}")

    def function(input: Tensor) -> Tensor:
        result: Tensor = kernel(_as_float(input, name, halves=False))
        return result

    function.__doc__ = f"""{doc}

    >>> import lampas
    >>> lampas.special.{name}(lampas.tensor([{at}]))
    tensor([{value}])
    """
    return operator(f"special_{name}(Tensor input, *, Tensor? out=None)", function=False)(function)


class _Airy(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        from lampas.special._airy import airy_ai

        return elementwise(airy_ai, x)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        raise RuntimeError("derivative for special_airy_ai is not implemented: detach its input")


log_ndtr = _one("log_ndtr", "The logarithm of `ndtr`, exact far out as well.", "0.0", "-0.6931")
ndtri = _one(
    "ndtri", "The quantile of the normal distribution, the inverse of `ndtr`.", "0.5", "0."
)
erfcx = _one("erfcx", "exp(x**2) erfc(x), the scaled complementary error function.", "0.0", "1.")
airy_ai = _one("airy_ai", "Airy's function Ai.", "0.0", "0.3550", _Airy.apply)
_BESSEL = "The {}Bessel function of the {} kind of order {}."
bessel_j0 = _one("bessel_j0", _BESSEL.format("", "first", "zero"), "0.0", "1.")
bessel_j1 = _one("bessel_j1", _BESSEL.format("", "first", "one"), "0.0", "0.")
bessel_y0 = _one("bessel_y0", _BESSEL.format("", "second", "zero"), "1.0", "0.0883")
bessel_y1 = _one("bessel_y1", _BESSEL.format("", "second", "one"), "1.0", "-0.7812")
modified_bessel_i0 = _one(
    "modified_bessel_i0",
    _BESSEL.format("modified ", "first", "zero"),
    "0.0",
    "1.",
    _C.i0,
)
modified_bessel_i1 = _one(
    "modified_bessel_i1",
    _BESSEL.format("modified ", "first", "one"),
    "0.0",
    "0.",
    _C.i1,
)
modified_bessel_k0 = _one(
    "modified_bessel_k0", _BESSEL.format("modified ", "second", "zero"), "1.0", "0.4210"
)
modified_bessel_k1 = _one(
    "modified_bessel_k1", _BESSEL.format("modified ", "second", "one"), "1.0", "0.6019"
)
scaled_modified_bessel_k0 = _one(
    "scaled_modified_bessel_k0", "exp(x) times `modified_bessel_k0`.", "1.0", "1.1445"
)
scaled_modified_bessel_k1 = _one(
    "scaled_modified_bessel_k1", "exp(x) times `modified_bessel_k1`.", "1.0", "1.6362"
)
spherical_bessel_j0 = _one(
    "spherical_bessel_j0",
    "The spherical Bessel function of the first kind of order zero, sin(x) / x.",
    "0.0",
    "1.",
)


@operator("special_ndtr(Tensor input, *, Tensor? out=None)", function=False)
def ndtr(input: Tensor) -> Tensor:
    """The distribution function of the standard normal distribution.

    >>> import lampas
    >>> lampas.special.ndtr(lampas.tensor([0.0]))
    tensor([0.5000])
    """
    result: Tensor = _C._special_ndtr(_as_float(input, "ndtr", halves=True))
    return result


@operator("special_entr(Tensor input, *, Tensor? out=None)", function=False)
def entr(input: Tensor) -> Tensor:
    """-x log(x): 0 at 0, -inf below.

    >>> import lampas
    >>> lampas.special.entr(lampas.tensor([1.0, 0.0, -1.0]))
    tensor([0., 0., -inf])
    """
    x = _as_float(input, "entr", halves=True)
    return _C.where(x < 0, -math.inf, -_C.xlogy(x, x))


# ---- functions of two arguments ------------------------------------------------------------------
_PAIR = (
    "(Tensor input, Operand other, *, Tensor? out=None)",
    "(Number input, Tensor other, *, Tensor? out=None)",
)


def _both(a: Any, b: Any, name: str, halves: bool = False) -> tuple[Tensor, Tensor]:
    """Both operands as tensors of their common floating dtype."""
    kind = _C.result_type(a, b)
    like = _as_float(_C.empty(0, dtype=kind), name, halves).dtype
    x, y = (t.to(like) if isinstance(t, Tensor) else _C.tensor(t, dtype=like) for t in (a, b))
    return x, y


@operator(*("special_xlog1py" + s for s in _PAIR), function=False)
def xlog1py(input: Any, other: Any) -> Tensor:
    """input * log1p(other): 0 where input is 0 and other is no NaN.

    >>> import lampas
    >>> lampas.special.xlog1py(lampas.tensor([0.0, 1.0]), -1)
    tensor([0., -inf])
    """
    x, y = _both(input, other, "xlog1py", halves=True)
    zero = (x == 0) & ~y.isnan()
    return _C.where(zero, 0 * x, x * _C.where(zero, 0, y).log1p())


@operator(*("special_zeta" + s for s in _PAIR), function=False)
def zeta(input: Any, other: Any) -> Tensor:
    """Hurwitz's zeta function: the sum of (other + k)**-input over k >= 0.

    >>> import lampas
    >>> lampas.special.zeta(lampas.tensor([2.0]), 1)
    tensor([1.6449])
    """
    result: Tensor = _C._special_zeta(*_both(input, other, "zeta"))
    return result


# In the order of kernels::Polynomial, then those that are taken at 2 x - 1.
_FAMILIES = (
    "chebyshev_polynomial_t",
    "chebyshev_polynomial_u",
    "chebyshev_polynomial_v",
    "chebyshev_polynomial_w",
    "hermite_polynomial_h",
    "hermite_polynomial_he",
    "laguerre_polynomial_l",
    "legendre_polynomial_p",
    "shifted_chebyshev_polynomial_t",
    "shifted_chebyshev_polynomial_u",
    "shifted_chebyshev_polynomial_v",
    "shifted_chebyshev_polynomial_w",
)


def _polynomial(name: str, what: str, at: str, value: str) -> Any:
    family = _FAMILIES.index(name)

    def function(input: Any, n: Any) -> Tensor:
        result: Tensor = _C._special_polynomial(family, *_both(input, n, name))
        return result

    function.__doc__ = f"""{what} of degree n, by its recurrence, DLMF 18.9.

    Args:
        input: where; n: whole numbers, 0 where negative. Both broadcast.

    >>> import lampas
    >>> lampas.special.{name}(lampas.tensor([{at}]), 2)
    tensor([{value}])
    """
    signatures = (s.replace("other", "n") for s in _PAIR)
    return operator(*(f"special_{name}{s}" for s in signatures), function=False)(function)


_CHEBYSHEV = "Chebyshev's polynomial of the {} kind"
chebyshev_polynomial_t = _polynomial(
    "chebyshev_polynomial_t", _CHEBYSHEV.format("first"), "2.0", "7."
)
chebyshev_polynomial_u = _polynomial(
    "chebyshev_polynomial_u", _CHEBYSHEV.format("second"), "2.0", "15."
)
chebyshev_polynomial_v = _polynomial(
    "chebyshev_polynomial_v", _CHEBYSHEV.format("third"), "2.0", "11."
)
chebyshev_polynomial_w = _polynomial(
    "chebyshev_polynomial_w", _CHEBYSHEV.format("fourth"), "2.0", "19."
)
shifted_chebyshev_polynomial_t = _polynomial(
    "shifted_chebyshev_polynomial_t", _CHEBYSHEV.format("first") + " at 2 x - 1", "1.0", "1."
)
shifted_chebyshev_polynomial_u = _polynomial(
    "shifted_chebyshev_polynomial_u", _CHEBYSHEV.format("second") + " at 2 x - 1", "1.0", "3."
)
shifted_chebyshev_polynomial_v = _polynomial(
    "shifted_chebyshev_polynomial_v", _CHEBYSHEV.format("third") + " at 2 x - 1", "1.0", "1."
)
shifted_chebyshev_polynomial_w = _polynomial(
    "shifted_chebyshev_polynomial_w", _CHEBYSHEV.format("fourth") + " at 2 x - 1", "1.0", "5."
)
hermite_polynomial_h = _polynomial(
    "hermite_polynomial_h", "The physicist's Hermite polynomial", "1.0", "2."
)
hermite_polynomial_he = _polynomial(
    "hermite_polynomial_he", "The probabilist's Hermite polynomial", "2.0", "3."
)
laguerre_polynomial_l = _polynomial("laguerre_polynomial_l", "Laguerre's polynomial", "2.0", "-1.")
legendre_polynomial_p = _polynomial("legendre_polynomial_p", "Legendre's polynomial", "1.0", "1.")
