"""Incomplete and multivariate gamma functions."""

from __future__ import annotations

import math
from typing import Any

from lampas import _C
from lampas._C import Tensor
from lampas._library import operator
from lampas._library.broadcasting import broadcast_shapes
from lampas.autograd import Function
from lampas.linalg._common import elementwise, from_array, to_array


def _incomplete(a: Any, x: Any, upper: bool) -> Any:
    """P(a, x), or Q(a, x) = 1 - P, of float64 arrays; NaN outside a >= 0, x >= 0.

    Below a + 1 by the power series, above by the continued fraction as Lentz evaluates it: DLMF
    8.11.4 and 8.9.2; Press et al., "Numerical Recipes", 6.2.
    """
    import numpy as np

    lgamma = to_array(_C.lgamma(from_array(np.asarray(a, dtype=np.float64))))
    with np.errstate(all="ignore"):
        front = np.exp(a * np.log(x) - x - lgamma)
        series = x < a + 1
        p = np.zeros_like(x)
        q = np.zeros_like(x)
        at = np.nonzero(series & (x > 0) & (a > 0))
        if at[0].size:
            n, y = a[at].copy(), x[at]
            total = term = 1 / n
            for _ in range(200_000):
                n += 1
                term = term * y / n
                total = total + term
                if not (term > total * 1e-17).any():
                    break
            p[at] = total * front[at]
            q[at] = 1 - p[at]
        at = np.nonzero(~series & np.isfinite(x) & (a > 0))
        if at[0].size:
            b = x[at] + 1 - a[at]
            c = np.full_like(b, 1e300)
            d = 1 / b
            h = d.copy()
            for i in range(1, 200_000):
                an = -i * (i - a[at])
                b = b + 2
                d = an * d + b
                d = 1 / np.where(np.abs(d) < 1e-300, 1e-300, d)
                c = b + an / c
                c = np.where(np.abs(c) < 1e-300, 1e-300, c)
                step = c * d
                h = h * step
                if not (np.abs(step - 1) > 1e-16).any():
                    break
            q[at] = h * front[at]
            p[at] = 1 - q[at]
    result = q if upper else p
    one, zero = (0.0, 1.0) if upper else (1.0, 0.0)
    result = np.where((a == 0) & (x > 0), one, result)
    result = np.where((x == 0) & (a > 0), zero, result)
    result = np.where(np.isinf(x) & np.isfinite(a), one, result)
    result = np.where(np.isinf(a) & np.isfinite(x), zero, result)
    wrong = (a < 0) | (x < 0) | np.isnan(a) | np.isnan(x)
    wrong |= ((a == 0) & (x == 0)) | (np.isinf(a) & np.isinf(x))
    return np.where(wrong, np.nan, result)


class _Incomplete(Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, x: Tensor, upper: bool) -> Tensor:
        ctx.upper = upper
        ctx.save_for_backward(a, x)
        return elementwise(lambda p, y: _incomplete(p, y, upper), a, x)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        a, x = ctx.saved_tensors
        if ctx.needs_input_grad[0]:
            name = "igammac" if ctx.upper else "igamma"
            raise NotImplementedError(
                f"the derivative of '{name}' with respect to its first argument is not there: "
                "detach it"
            )
        density = ((a - 1) * x.log() - x - a.lgamma()).exp()
        return None, (-g if ctx.upper else g) * density, None


def _apply(a: Tensor, x: Tensor, upper: bool) -> Tensor:
    kind = _C.result_type(a, x)
    name = "igammac" if upper else "igamma"
    if not kind.is_floating_point:
        raise NotImplementedError(f"\"{name}_cpu\" not implemented for '{kind}'")
    shape = broadcast_shapes(tuple(a.shape), tuple(x.shape))
    result: Tensor = _Incomplete.apply(a.to(kind).expand(shape), x.to(kind).expand(shape), upper)
    return result


@operator("igamma(Tensor input, Tensor other, *, Tensor? out=None)", method=True, inplace=True)
def igamma(input: Tensor, other: Tensor) -> Tensor:
    """The regularised lower incomplete gamma function P(input, other); see DLMF 8.2.4.

    >>> import lampas
    >>> lampas.igamma(lampas.tensor([1.0]), lampas.tensor([1.0]))
    tensor([0.6321])
    """
    return _apply(input, other, False)


@operator("igammac(Tensor input, Tensor other, *, Tensor? out=None)", method=True, inplace=True)
def igammac(input: Tensor, other: Tensor) -> Tensor:
    """The regularised upper incomplete gamma function Q(input, other) = 1 - P(input, other).

    >>> import lampas
    >>> lampas.igammac(lampas.tensor([1.0]), lampas.tensor([1.0]))
    tensor([0.3679])
    """
    return _apply(input, other, True)


@operator("mvlgamma(Tensor input, int p, *, Tensor? out=None)", method=True, inplace=True)
def mvlgamma(input: Tensor, p: int) -> Tensor:
    """The logarithm of the multivariate gamma function of dimension p; see DLMF 35.3.

    >>> import lampas
    >>> lampas.mvlgamma(lampas.tensor([2.0]), 1)
    tensor([0.])
    """
    if p < 1:
        raise RuntimeError(f"p has to be greater than or equal to 1, got {p} (mvlgamma)")
    x = input if input.dtype.is_floating_point else input.to(_C.float32)
    steps = _C.arange(p, dtype=x.dtype) * -0.5
    return (x.unsqueeze(-1) + steps).lgamma().sum(-1) + p * (p - 1) / 4 * math.log(math.pi)
