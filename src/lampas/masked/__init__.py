"""Reductions and normalisations that leave masked elements out.

Every function takes `mask`, a bool tensor that broadcasts with the input: True elements take
part. A slice without any gives the reduction's identity (0 for `sum`, -inf for `amax`), NaN where
it has none.

>>> import lampas
>>> lampas.masked.sum(lampas.tensor([1, 2, 3]), mask=lampas.tensor([True, False, True]))
tensor(4)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from lampas import _C
from lampas._C import Tensor
from lampas._constants import iinfo

__all__ = [
    "amax",
    "amin",
    "argmax",
    "argmin",
    "cumprod",
    "cumsum",
    "log_softmax",
    "logaddexp",
    "logsumexp",
    "mean",
    "median",
    "norm",
    "normalize",
    "prod",
    "softmax",
    "softmin",
    "std",
    "sum",
    "var",
]

_Dims = int | Sequence[int] | None


# ---- shared --------------------------------------------------------------------------------------
def _lowest(dtype: Any) -> Any:
    if dtype.is_floating_point or dtype.is_complex:
        return -math.inf
    return False if dtype == _C.bool else iinfo(dtype).min


def _highest(dtype: Any) -> Any:
    return math.inf if dtype.is_floating_point else True if dtype == _C.bool else iinfo(dtype).max


def _check(input: Any, mask: Any, name: str) -> None:
    if not isinstance(input, Tensor):
        raise TypeError(f"masked.{name}: expected a Tensor, got {type(input).__name__}")
    if mask is None:
        return
    if not isinstance(mask, Tensor) or mask.dtype != _C.bool:
        got = mask.dtype if isinstance(mask, Tensor) else type(mask).__name__
        raise TypeError(f"masked.{name}: expected a bool Tensor as mask, got {got}")


def _filled(input: Tensor, mask: Tensor | None, value: Any) -> Tensor:
    """The input with `value` where the mask is False."""
    if mask is None:
        return input
    return _C.where(mask.expand(input.shape), input, _C.tensor(value, dtype=input.dtype))


def _dims(input: Tensor, dim: _Dims) -> list[int]:
    """Dimensions from the start, in order; all of them for None and ()."""
    if dim is None or (not isinstance(dim, int) and len(dim) == 0):
        return list(range(input.dim()))
    ndim = max(input.dim(), 1)
    found: list[int] = []
    for d in [dim] if isinstance(dim, int) else dim:
        if not -ndim <= d < ndim:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [{-ndim}, {ndim - 1}], "
                f"but got {d})"
            )
        if d % ndim in found:
            raise RuntimeError(f"dim={d % ndim} appears multiple times in the list of dims")
        found.append(d % ndim)
    return sorted(found)


def _sum_dtype(input: Tensor, dtype: Any) -> Any:
    if dtype is not None:
        return dtype
    return input.dtype if input.dtype.is_floating_point or input.dtype.is_complex else _C.int64


def _float_dtype(input: Tensor, dtype: Any) -> Any:
    if dtype is not None:
        return dtype
    return input.dtype if input.dtype.is_floating_point or input.dtype.is_complex else _C.float32


def _count(input: Tensor, mask: Tensor | None, dims: list[int], keepdim: bool) -> Tensor:
    """How many elements take part in each result."""
    ones = _C.ones(input.shape, dtype=_C.int64)
    counted = _filled(ones, mask, 0)
    return counted.sum(dims, keepdim=keepdim) if dims else counted


# ---- sums and extremes ---------------------------------------------------------------------------
def sum(
    input: Tensor,
    dim: _Dims = None,
    *,
    keepdim: bool | None = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The sum over dimensions, all by default; integers add up in int64.

    >>> import lampas
    >>> lampas.masked.sum(lampas.ones(2, 2), 1, mask=lampas.eye(2).bool())
    tensor([1., 1.])
    """
    _check(input, mask, "sum")
    kind, dims = _sum_dtype(input, dtype), _dims(input, dim)
    x = _filled(input, mask, 0)
    return x.sum(dims, keepdim=bool(keepdim), dtype=kind) if dims else x.to(kind)


def prod(
    input: Tensor,
    dim: _Dims = None,
    *,
    keepdim: bool | None = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The product over dimensions, all by default.

    >>> import lampas
    >>> x, mask = lampas.tensor([2.0, 3.0]), lampas.tensor([True, False])
    >>> lampas.masked.prod(x, mask=mask)
    tensor(2.)
    """
    _check(input, mask, "prod")
    x = _filled(input, mask, 1).to(_sum_dtype(input, dtype))
    for d in reversed(_dims(input, dim)):
        x = x.prod(d, keepdim=bool(keepdim))
    return x


def cumsum(input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None) -> Tensor:
    """The running sum along a dimension.

    >>> import lampas
    >>> x, mask = lampas.tensor([2, 3, 4]), lampas.tensor([True, False, True])
    >>> lampas.masked.cumsum(x, 0, mask=mask)
    tensor([2, 2, 6])
    """
    _check(input, mask, "cumsum")
    kind = input.dtype if dtype is None else dtype
    return _filled(input, mask, 0).to(kind).cumsum(dim, dtype=kind)


def cumprod(input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None) -> Tensor:
    """The running product along a dimension.

    >>> import lampas
    >>> x, mask = lampas.tensor([2, 3, 4]), lampas.tensor([True, False, True])
    >>> lampas.masked.cumprod(x, 0, mask=mask)
    tensor([2, 2, 8])
    """
    _check(input, mask, "cumprod")
    kind = input.dtype if dtype is None else dtype
    return _filled(input, mask, 1).to(kind).cumprod(dim, dtype=kind)


def amax(
    input: Tensor,
    dim: _Dims = None,
    *,
    keepdim: bool | None = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The largest element over dimensions, all by default.

    >>> import lampas
    >>> x, mask = lampas.tensor([2, 3]), lampas.tensor([True, False])
    >>> lampas.masked.amax(x, mask=mask)
    tensor(2)
    """
    _check(input, mask, "amax")
    x = input if dtype is None else input.to(dtype)
    return _filled(x, mask, _lowest(x.dtype)).amax(_dims(input, dim), keepdim=bool(keepdim))


def amin(
    input: Tensor,
    dim: _Dims = None,
    *,
    keepdim: bool | None = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The smallest element over dimensions, all by default.

    >>> import lampas
    >>> x, mask = lampas.tensor([2, 3]), lampas.tensor([False, True])
    >>> lampas.masked.amin(x, mask=mask)
    tensor(3)
    """
    _check(input, mask, "amin")
    x = input if dtype is None else input.to(dtype)
    return _filled(x, mask, _highest(x.dtype)).amin(_dims(input, dim), keepdim=bool(keepdim))


def argmax(
    input: Tensor,
    dim: int | None = None,
    *,
    keepdim: bool | None = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The index, in the input's dtype, of the largest element; of the flattened input without dim.

    >>> import lampas
    >>> x, mask = lampas.tensor([2, 3]), lampas.tensor([True, False])
    >>> lampas.masked.argmax(x, mask=mask)
    tensor(0)
    """
    _check(input, mask, "argmax")
    x = input if dtype is None else input.to(dtype)
    return _filled(x, mask, _lowest(x.dtype)).argmax(dim, bool(keepdim)).to(x.dtype)


def argmin(
    input: Tensor,
    dim: int | None = None,
    *,
    keepdim: bool | None = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The index, in the input's dtype, of the smallest element; of the flattened input without dim.

    >>> import lampas
    >>> x, mask = lampas.tensor([2, 3]), lampas.tensor([False, True])
    >>> lampas.masked.argmin(x, mask=mask)
    tensor(1)
    """
    _check(input, mask, "argmin")
    x = input if dtype is None else input.to(dtype)
    return _filled(x, mask, _highest(x.dtype)).argmin(dim, bool(keepdim)).to(x.dtype)


# ---- moments -------------------------------------------------------------------------------------
def mean(
    input: Tensor,
    dim: _Dims = None,
    *,
    keepdim: bool | None = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The mean over dimensions, all by default.

    >>> import lampas
    >>> x, mask = lampas.tensor([2.0, 4.0, 9.0]), lampas.tensor([True, True, False])
    >>> lampas.masked.mean(x, mask=mask)
    tensor(3.)
    """
    _check(input, mask, "mean")
    kind, dims = input.dtype if dtype is None else dtype, _dims(input, dim)
    if not kind.is_floating_point and not kind.is_complex:
        raise ValueError(
            f"masked.mean: could not infer output dtype: it must be floating point or complex, "
            f"got {kind}. Remedy: dtype=torch.float32"
        )
    total = sum(input, dim, keepdim=keepdim, dtype=kind, mask=mask)
    return total / _count(input, mask, dims, bool(keepdim))


def median(
    input: Tensor,
    dim: int = -1,
    *,
    keepdim: bool = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The lower median along a dimension; NaN where nothing takes part.

    >>> import lampas
    >>> x, mask = lampas.tensor([2.0, 4.0, 9.0]), lampas.tensor([True, True, False])
    >>> lampas.masked.median(x, 0, mask=mask)
    tensor(2.)
    """
    _check(input, mask, "median")
    kind = _float_dtype(input, dtype)
    x = input.to(kind)
    if not x.is_meta and bool(x.isnan().any()):
        raise ValueError(
            "masked median expects no fully masked out rows if dtype is not floating point, and no "
            "NaN among the values"
        )
    if x.dim() == 0:
        return _filled(x, mask, math.nan)
    if mask is not None and not input.dtype.is_floating_point:
        shown = mask.expand(x.shape)
        if not x.is_meta and not bool(shown.any(dim).all()):
            raise ValueError(
                "masked median expects no fully masked out rows if dtype is not floating point"
            )
    return _filled(x, mask, math.nan).nanmedian(dim, keepdim)[0]


def _spread(
    input: Tensor, dim: _Dims, correction: Any, keepdim: bool, dtype: Any, mask: Tensor | None
) -> Tensor:
    kind, dims = _float_dtype(input, dtype), _dims(input, dim)
    x = input.to(kind)
    centre = mean(x, dims, keepdim=True, mask=mask) if dims else x
    deviation = _filled(x - centre, mask, 0)
    square = deviation * (deviation.conj() if kind.is_complex else deviation)
    square = square.real if kind.is_complex else square
    total = square.sum(dims, keepdim=keepdim) if dims else square
    count = _count(input, mask, dims, keepdim).to(total.dtype)
    return (total / (count - correction).clamp(min=0)).to(kind)


def _correction(unbiased: bool | None, correction: Any) -> Any:
    if unbiased is not None and correction is not None:
        raise ValueError("Only one of unbiased and correction may be given")
    return float(correction) if correction is not None else 0 if unbiased is False else 1


def var(
    input: Tensor,
    dim: _Dims = None,
    unbiased: bool | None = None,
    *,
    correction: Any = None,
    keepdim: bool | None = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The variance over dimensions, all by default.

    Args:
        unbiased: divide by one less than the number of elements, the default.
        correction: what is taken off the number of elements instead.

    >>> import lampas
    >>> x, mask = lampas.tensor([2.0, 4.0, 9.0]), lampas.tensor([True, True, False])
    >>> lampas.masked.var(x, mask=mask)
    tensor(2.)
    """
    _check(input, mask, "var")
    taken = _correction(unbiased, correction)
    return _spread(input, dim, taken, bool(keepdim), dtype, mask)


def std(
    input: Tensor,
    dim: _Dims = None,
    unbiased: bool | None = None,
    *,
    correction: Any = None,
    keepdim: bool | None = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The root of `var`.

    >>> import lampas
    >>> lampas.masked.std(lampas.tensor([1.0, 3.0]), unbiased=False)
    tensor(1.)
    """
    _check(input, mask, "std")
    taken = _correction(unbiased, correction)
    return _spread(input, dim, taken, bool(keepdim), dtype, mask).sqrt()


def norm(
    input: Tensor,
    ord: float | None = 2.0,
    dim: _Dims = None,
    *,
    keepdim: bool | None = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The vector norm of an order over dimensions, all by default.

    >>> import lampas
    >>> x, mask = lampas.tensor([3.0, 4.0, 9.0]), lampas.tensor([True, True, False])
    >>> lampas.masked.norm(x, 2, mask=mask)
    tensor(5.)
    """
    _check(input, mask, "norm")
    order = 2.0 if ord is None else float(ord)
    if not (input.dtype.is_floating_point or input.dtype.is_complex or mask is None):
        if order == -math.inf:
            raise AssertionError(
                f"masked.norm: input must be floating point, got {input.dtype}, where what the "
                "mask hides counts as infinite"
            )
    x = input.to(_float_dtype(input, dtype))
    x = _filled(x, mask, math.inf if order < 0 else 0)
    return _C._vector_norm(x, order, _dims(input, dim), bool(keepdim))


# ---- logarithms and softmax ----------------------------------------------------------------------
def logsumexp(
    input: Tensor,
    dim: _Dims = None,
    *,
    keepdim: bool = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """log(sum(exp(input))) over dimensions, all by default.

    >>> import lampas
    >>> x, mask = lampas.tensor([0.0, 5.0]), lampas.tensor([True, False])
    >>> lampas.masked.logsumexp(x, mask=mask)
    tensor(0.)
    """
    _check(input, mask, "logsumexp")
    x = input if dtype is None else input.to(dtype)
    return _filled(x, mask, _lowest(x.dtype)).logsumexp(_dims(input, dim), keepdim).to(x.dtype)


def logaddexp(
    input: Tensor,
    other: Tensor,
    *,
    dtype: Any = None,
    input_mask: Tensor | None = None,
    other_mask: Tensor | None = None,
) -> Tensor:
    """log(exp(input) + exp(other)); a masked operand adds nothing.

    >>> import lampas
    >>> x, mask = lampas.zeros(1), lampas.tensor([False])
    >>> lampas.masked.logaddexp(x, x, other_mask=mask)
    tensor([0.])
    """
    _check(input, input_mask, "logaddexp")
    _check(other, other_mask, "logaddexp")
    a, b = (t if dtype is None else t.to(dtype) for t in (input, other))
    return _C.logaddexp(
        _filled(a, input_mask, _lowest(a.dtype)), _filled(b, other_mask, _lowest(b.dtype))
    )


def softmax(input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None) -> Tensor:
    """exp(input) divided by its sum along a dimension; zero where masked.

    >>> import lampas
    >>> x, mask = lampas.zeros(3), lampas.tensor([True, True, False])
    >>> lampas.masked.softmax(x, 0, mask=mask)
    tensor([0.5000, 0.5000, 0.0000])
    """
    _check(input, mask, "softmax")
    x = input.to(_float_dtype(input, dtype))
    return _C.softmax(_filled(x, mask, -math.inf), dim)


def log_softmax(
    input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """The logarithm of `softmax`.

    >>> import lampas
    >>> x, mask = lampas.zeros(2), lampas.tensor([True, False])
    >>> lampas.masked.log_softmax(x, 0, mask=mask)
    tensor([0., -inf])
    """
    _check(input, mask, "log_softmax")
    x = input.to(_float_dtype(input, dtype))
    return _C.log_softmax(_filled(x, mask, -math.inf), dim)


def softmin(input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None) -> Tensor:
    """`softmax` of -input.

    >>> import lampas
    >>> x, mask = lampas.zeros(2), lampas.tensor([True, False])
    >>> lampas.masked.softmin(x, 0, mask=mask)
    tensor([1., 0.])
    """
    _check(input, mask, "softmin")
    x = input.to(_float_dtype(input, dtype))
    return _C.softmax(-_filled(x, mask, math.inf), dim)


def normalize(
    input: Tensor,
    ord: float,
    dim: int,
    *,
    eps: float = 1e-12,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The input divided by its norm along a dimension, or by eps where that is larger.

    >>> import lampas
    >>> lampas.masked.normalize(lampas.tensor([3.0, 4.0]), 2.0, 0)
    tensor([0.6000, 0.8000])
    """
    _check(input, mask, "normalize")
    x = input.to(_float_dtype(input, dtype))
    size = norm(x, ord, dim, keepdim=True, mask=mask)
    return _filled(x, mask, 0) / size.clamp(min=eps)
