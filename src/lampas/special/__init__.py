"""Special functions.

Computed in float64 and rounded to the dtype of the input; integers count as the default dtype.
Each names the expansion it goes by.

>>> import lampas
>>> lampas.special.ndtr(lampas.tensor([0.0]))
tensor([0.5000])
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from lampas import _C
from lampas._C import Tensor
from lampas._library import gamma, operator
from lampas._library.broadcasting import broadcast_shapes
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
class _Elementwise(Function):
    """A function of float64 arrays, with its derivative as an operator of tensors."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, compute: Callable[[Any], Any], slope: Any, name: str
    ) -> Tensor:
        y = elementwise(compute, x)
        ctx.slope, ctx.name = slope, name
        ctx.save_for_backward(x, y)
        return y

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        if ctx.slope is None:
            raise RuntimeError(
                f"derivative for special_{ctx.name} is not implemented: detach its input"
            )
        x, y = ctx.saved_tensors
        return g * ctx.slope(x, y), None, None, None


def _as_float(x: Tensor, name: str, halves: bool) -> Tensor:
    if x.dtype.is_complex or (x.dtype in _HALVES and not halves):
        raise NotImplementedError(
            f"\"{name}\" not implemented for '{x.dtype}': convert the input with .float()"
        )
    return x if x.dtype.is_floating_point else x.to(_C.get_default_dtype())


def _one(name: str, compute: Any, doc: str, example: str, slope: Any = None) -> Any:
    def function(input: Tensor) -> Tensor:
        x = _as_float(input, name, halves=False)
        result: Tensor = _Elementwise.apply(x, compute, slope, name)
        return result

    function.__doc__ = f"{doc}\n\n    >>> import lampas\n{example}"
    return operator(f"special_{name}(Tensor input, *, Tensor? out=None)", function=False)(function)


def _example(name: str, at: str, result: str) -> str:
    call = f"lampas.special.{name}(lampas.tensor([{at}]))"
    return f"    >>> {call}\n    tensor([{result}])\n    "


def _family(name: str, *arguments: Any) -> Callable[[Any], Any]:
    def compute(x: Any) -> Any:
        from lampas.special import _bessel

        return getattr(_bessel, name)(*arguments, x)

    return compute


def _normal(name: str) -> Callable[[Any], Any]:
    def compute(x: Any) -> Any:
        from lampas.special import _error

        return getattr(_error, name)(x)

    return compute


def _unscaled(order: int, kind: str) -> Callable[[Any], Any]:
    """A modified Bessel function out of its scaled form."""

    def compute(x: Any) -> Any:
        import numpy as np

        with np.errstate(all="ignore"):
            if kind == "i":
                y = _family("i_scaled", order)(x) * np.exp(np.abs(x))
                ends = np.where(x < 0, -np.inf, np.inf) if order else np.inf
                return np.where(np.isinf(x), ends, y)
            y = _family("k_scaled", order)(x)
            return np.where(np.isposinf(x), 0.0, y * np.exp(-x))

    return compute


log_ndtr = _one(
    "log_ndtr",
    _normal("log_ndtr"),
    "The logarithm of `ndtr`, exact far out as well.",
    _example("log_ndtr", "0.0", "-0.6931"),
    lambda x, y: math.sqrt(2 / math.pi) / erfcx(x * -math.sqrt(0.5)),
)
ndtri = _one(
    "ndtri",
    _normal("ndtri"),
    "The quantile of the normal distribution, the inverse of `ndtr`.",
    _example("ndtri", "0.5", "0."),
    lambda x, y: (y * y / 2).exp() * math.sqrt(2 * math.pi),
)
erfcx: Any = _one(
    "erfcx",
    _normal("erfcx"),
    "exp(x**2) erfc(x), the scaled complementary error function.",
    _example("erfcx", "0.0", "1."),
    lambda x, y: 2 * x * y - 2 / math.sqrt(math.pi),
)
airy_ai = _one(
    "airy_ai", _family("airy_ai"), "Airy's function Ai.", _example("airy_ai", "0.0", "0.3550")
)
bessel_j0 = _one(
    "bessel_j0",
    _family("j_and_y", 0, False),
    "The Bessel function of the first kind of order zero.",
    _example("bessel_j0", "0.0", "1."),
)
bessel_j1 = _one(
    "bessel_j1",
    _family("j_and_y", 1, False),
    "The Bessel function of the first kind of order one.",
    _example("bessel_j1", "0.0", "0."),
)
bessel_y0 = _one(
    "bessel_y0",
    _family("j_and_y", 0, True),
    "The Bessel function of the second kind of order zero.",
    _example("bessel_y0", "1.0", "0.0883"),
)
bessel_y1 = _one(
    "bessel_y1",
    _family("j_and_y", 1, True),
    "The Bessel function of the second kind of order one.",
    _example("bessel_y1", "1.0", "-0.7812"),
)
modified_bessel_i0 = _one(
    "modified_bessel_i0",
    _unscaled(0, "i"),
    "The modified Bessel function of the first kind of order zero.",
    _example("modified_bessel_i0", "0.0", "1."),
)
modified_bessel_i1 = _one(
    "modified_bessel_i1",
    _unscaled(1, "i"),
    "The modified Bessel function of the first kind of order one.",
    _example("modified_bessel_i1", "0.0", "0."),
)
modified_bessel_k0 = _one(
    "modified_bessel_k0",
    _unscaled(0, "k"),
    "The modified Bessel function of the second kind of order zero.",
    _example("modified_bessel_k0", "1.0", "0.4210"),
)
modified_bessel_k1 = _one(
    "modified_bessel_k1",
    _unscaled(1, "k"),
    "The modified Bessel function of the second kind of order one.",
    _example("modified_bessel_k1", "1.0", "0.6019"),
)
scaled_modified_bessel_k0 = _one(
    "scaled_modified_bessel_k0",
    _family("k_scaled", 0),
    "exp(x) times the modified Bessel function of the second kind of order zero.",
    _example("scaled_modified_bessel_k0", "1.0", "1.1445"),
)
scaled_modified_bessel_k1 = _one(
    "scaled_modified_bessel_k1",
    _family("k_scaled", 1),
    "exp(x) times the modified Bessel function of the second kind of order one.",
    _example("scaled_modified_bessel_k1", "1.0", "1.6362"),
)


def _spherical(x: Any) -> Any:
    import numpy as np

    with np.errstate(all="ignore"):
        return np.where(np.isinf(x), 0.0, np.where(x == 0, 1.0, np.sin(x) / x))


spherical_bessel_j0 = _one(
    "spherical_bessel_j0",
    _spherical,
    "The spherical Bessel function of the first kind of order zero, sin(x) / x.",
    _example("spherical_bessel_j0", "0.0", "1."),
)


@operator("special_ndtr(Tensor input, *, Tensor? out=None)", function=False)
def ndtr(input: Tensor) -> Tensor:
    """The distribution function of the standard normal distribution.

    >>> import lampas
    >>> lampas.special.ndtr(lampas.tensor([0.0]))
    tensor([0.5000])
    """
    x = _as_float(input, "ndtr", halves=True)
    return _C.erfc(x * -math.sqrt(0.5)) * 0.5


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


class _Zeta(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, q: Tensor) -> Tensor:
        from lampas.special._error import hurwitz_zeta

        ctx.save_for_backward(x, q)
        return elementwise(hurwitz_zeta, x, q)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        if ctx.needs_input_grad[0]:
            raise RuntimeError(
                "derivative for special_zeta with respect to its first argument is not "
                "implemented: detach it"
            )
        x, q = ctx.saved_tensors
        return None, g * -x * zeta(x + 1, q)


@operator(*("special_zeta" + s for s in _PAIR), function=False)
def zeta(input: Any, other: Any) -> Tensor:
    """Hurwitz's zeta function: the sum of (other + k)**-input over k >= 0.

    >>> import lampas
    >>> lampas.special.zeta(lampas.tensor([2.0]), 1)
    tensor([1.6449])
    """
    x, q = _both(input, other, "zeta")
    shape = broadcast_shapes(tuple(x.shape), tuple(q.shape))
    result: Tensor = _Zeta.apply(x.expand(shape), q.expand(shape))
    return result


class _Polynomial(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, n: Tensor, name: str) -> Tensor:
        from lampas.special._polynomials import evaluate

        ctx.name = name
        return elementwise(lambda a, b: evaluate(name, a, b), x, n)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        raise RuntimeError(
            f"derivative for special_{ctx.name} is not implemented: detach its input"
        )


def _polynomial(name: str, what: str, at: str, value: str) -> Any:
    def function(input: Any, n: Any) -> Tensor:
        x, degree = _both(input, n, name)
        shape = broadcast_shapes(tuple(x.shape), tuple(degree.shape))
        result: Tensor = _Polynomial.apply(x.expand(shape), degree.expand(shape), name)
        return result

    function.__doc__ = f"""{what} of degree n.

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
