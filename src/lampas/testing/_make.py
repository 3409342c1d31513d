"""Random tensors for tests."""

from __future__ import annotations

import math
from typing import Any

import lampas
from lampas import _C
from lampas._tensor import Tensor

# Where values lie if nothing is said.
_RANGES = {_C.bool: (0, 2), _C.uint8: (0, 10)}


def make_tensor(
    *shape: Any,
    dtype: _C.dtype,
    device: Any,
    low: float | None = None,
    high: float | None = None,
    requires_grad: bool = False,
    noncontiguous: bool = False,
    exclude_zero: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """A tensor of random values from ``[low, high)``, drawn as PyTorch's function draws them.

    Args:
        shape: the sizes, one by one or as one sequence.
        dtype: the element type.
        device: ``"cpu"`` or ``"meta"``.
        low: lower bound; default: 0 for bool and uint8, -9 else.
        high: upper bound; default: 2 for bool, 10 for integers, 9 else.
        requires_grad: whether the result records operations.
        noncontiguous: leave gaps between the elements.
        exclude_zero: replace zeros by the smallest positive value.
        memory_format: the order of the strides.

    Raises:
        ValueError: `low` is not less than `high`, or one is NaN; options that exclude each other.

    Example:
        >>> import lampas
        >>> x = lampas.testing.make_tensor(2, 3, dtype=lampas.int64, device="cpu", low=0, high=5)
        >>> x.shape, bool((x >= 0).all() and (x < 5).all())
        (torch.Size([2, 3]), True)
    """
    sizes = tuple(shape[0]) if len(shape) == 1 and not isinstance(shape[0], int) else shape
    if requires_grad and not (dtype.is_floating_point or dtype.is_complex):
        raise ValueError(
            "`requires_grad=True` is not supported for boolean and integral dtypes, but got "
            f"dtype={dtype}"
        )
    if noncontiguous and memory_format is not None:
        raise ValueError(
            "The parameters `noncontiguous` and `memory_format` are mutually exclusive, but got "
            f"noncontiguous={noncontiguous} and memory_format={memory_format}"
        )
    bounds = _bounds(dtype, low, high)
    result = _draw(sizes, dtype, *bounds).to(device)
    if noncontiguous and result.numel() > 1:
        wide = lampas.empty((*sizes[:-1], sizes[-1] * 2), dtype=dtype, device=device)
        result = wide[..., ::2].copy_(result)
    elif memory_format is not None:
        result = result.clone(memory_format=memory_format)
    if exclude_zero:
        result[result == 0] = (
            1 if dtype in (_C.bool,) or not _floats(dtype) else lampas.finfo(dtype).tiny
        )
    return result.requires_grad_() if requires_grad else result


def _floats(dtype: _C.dtype) -> bool:
    return dtype.is_floating_point or dtype.is_complex


def _bounds(dtype: _C.dtype, low: float | None, high: float | None) -> tuple[Any, Any]:
    default = _RANGES.get(dtype, (-9, 9) if _floats(dtype) else (-9, 10))
    low = default[0] if low is None else low
    high = default[1] if high is None else high
    if any(isinstance(v, float) and math.isnan(v) for v in (low, high)):
        raise ValueError(f"`low` and `high` cannot be NaN, but got low={low} and high={high}")
    if not low < high:
        raise ValueError(f"`low` must be less than `high`, but got {low} >= {high}")
    least: float
    most: float
    if dtype is _C.bool:
        least, most = 0, 2
    elif _floats(dtype):
        limits = lampas.finfo(dtype)
        least, most = limits.min, limits.max
    else:
        whole = lampas.iinfo(dtype)
        least, most = whole.min, whole.max + (dtype is not _C.int64)
        low, high = math.ceil(low), math.ceil(high)
    if high < least or low > most:
        raise ValueError(
            f"The value interval specified by `low` and `high` is [{low}, {high}), but {dtype} "
            f"only supports [{least}, {most})"
        )
    return max(low, least), min(high, most)


def _draw(sizes: tuple[int, ...], dtype: _C.dtype, low: Any, high: Any) -> Tensor:
    if not _floats(dtype):
        return lampas.randint(low, high, sizes, dtype=dtype)
    result = lampas.empty(sizes, dtype=dtype)
    parts = lampas.view_as_real(result) if dtype.is_complex else result
    # The width of the interval has to be a finite number, too.
    if high - low > lampas.finfo(dtype).max:
        parts.uniform_(low / 2, high / 2).mul_(2)
    else:
        parts.uniform_(low, high)
    return result
