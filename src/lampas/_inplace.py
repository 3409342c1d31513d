"""Functions that write into their first argument: `lampas.abs_(x)` is `x.abs_()`.

They are made from the methods of Tensor; nothing is listed twice.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from lampas import _C, _library

# Methods alone in PyTorch, too: comparisons, arithmetic and what has no function of its name.
_METHODS_ONLY = frozenset(
    (
        "absolute_ bitwise_not_ digamma_ erfinv_ lgamma_ logical_not_ sgn_ special_expit_ "
        "add_ t_ transpose_ squeeze_ unsqueeze_ swapaxes_ swapdims_ addbmm_ addcdiv_ addcmul_ "
        "addmm_ addr_ atan2_ arctan2_ baddbmm_ bernoulli_ "
        "bitwise_and_ bitwise_left_shift_ bitwise_or_ bitwise_right_shift_ bitwise_xor_ cauchy_ "
        "copy_ copysign_ cumprod_ cumsum_ div_ divide_ eq_ exponential_ float_power_ "
        "floor_divide_ fmax_ fmin_ fmod_ ge_ geometric_ greater_ greater_equal_ gt_ heaviside_ "
        "hypot_ igamma_ igammac_ index_add_ index_copy_ index_fill_ index_reduce_ le_ lerp_ less_ "
        "less_equal_ log_normal_ logaddexp2_ logaddexp_ logical_and_ logical_or_ logical_xor_ lt_ "
        "masked_fill_ masked_scatter_ maximum_ minimum_ mul_ multiply_ mvlgamma_ ne_ nextafter_ "
        "normal_ not_equal_ pow_ put_ random_ remainder_ renorm_ requires_grad_ resize_ scatter_ "
        "scatter_add_ scatter_reduce_ set_ share_memory_ sign_ sub_ subtract_ tril_ triu_ "
        "true_divide_ uniform_"
    ).split()
)


def is_inplace(name: str) -> bool:
    """Is there a function of this name that is a method of Tensor, too?"""
    return (
        name.endswith("_")
        and not name.startswith("_")
        and name not in _METHODS_ONLY
        and (name in _library.METHODS or hasattr(_C.Tensor, name))
    )


def names() -> list[str]:
    """All such functions."""
    return [n for n in dir(_C.Tensor) if is_inplace(n)]


def function(name: str) -> Callable[..., Any]:
    """The function that calls the method on its first argument, named `input`."""
    method = getattr(_C.Tensor, name)

    @functools.wraps(method, assigned=("__doc__",), updated=())
    def write(input: _C.Tensor, *args: Any, **kwargs: Any) -> Any:
        return method(input, *args, **kwargs)

    write.__name__ = write.__qualname__ = name
    write.__module__ = "lampas"
    return write
