"""Numbers put together and taken apart: complex values, powers in double precision, mantissas."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

from lampas import _C
from lampas._C import Tensor
from lampas._library import operator
from lampas._library.broadcasting import broadcast_tensors

_COMPLEX = {_C.float32: _C.complex64, _C.float64: _C.complex128}


def _pair(a: Tensor, b: Tensor, name: str, names: str) -> None:
    for x in (a, b):
        if x.dtype not in (_C.float16, _C.float32, _C.float64):
            raise RuntimeError(
                f"Expected both inputs to be Half, Float or Double tensors but got {a.dtype} "
                f"and {b.dtype} ({name}: {names})"
            )
    if a.dtype != b.dtype:
        raise RuntimeError(
            f"Expected object of scalar type {a.dtype} but got scalar type {b.dtype} for second "
            f"argument of {name}"
        )
    if a.dtype not in _COMPLEX:
        raise NotImplementedError(f"{name}: no complex dtype of {a.dtype}; convert with .float()")


@operator("complex(Tensor real, Tensor imag, *, Tensor? out=None)")
def complex(real: Tensor, imag: Tensor) -> Tensor:
    """Complex numbers out of their real and imaginary parts.

    >>> import lampas
    >>> lampas.complex(lampas.tensor([1.0]), lampas.tensor([2.0]))
    tensor([1.+2.j])
    """
    _pair(real, imag, "complex", "real, imag")
    return _C.view_as_complex(_C.stack(broadcast_tensors(real, imag), -1))


@operator("polar(Tensor abs, Tensor angle, *, Tensor? out=None)")
def polar(abs: Tensor, angle: Tensor) -> Tensor:
    """Complex numbers out of their absolute values and angles in radians.

    >>> import lampas
    >>> lampas.polar(lampas.tensor([2.0]), lampas.tensor([0.0]))
    tensor([2.+0.j])
    """
    _pair(abs, angle, "polar", "abs, angle")
    result: Tensor = complex(abs * angle.cos(), abs * angle.sin())
    return result


@operator("frexp(Tensor input, *, Tensor[]? out=None)", method=True)
def frexp(input: Tensor) -> Any:
    """(mantissa, exponent) with input = mantissa * 2**exponent and 0.5 <= |mantissa| < 1.

    >>> import lampas
    >>> lampas.frexp(lampas.tensor([8.0]))
    torch.return_types.frexp(
    mantissa=tensor([0.5000]),
    exponent=tensor([4], dtype=torch.int32))
    """
    if not input.dtype.is_floating_point:
        raise RuntimeError(f"torch.frexp() only supports floating-point dtypes, got {input.dtype}")
    import numpy as np

    from lampas.linalg._common import from_array, like_on_meta, named, to_array

    result = named("frexp", "mantissa exponent")
    if input.is_meta:
        parts = like_on_meta(input, input.shape), like_on_meta(input, input.shape, _C.int32)
        return result(parts)
    wide = input.detach().float() if input.dtype == _C.bfloat16 else input
    _, powers = np.frexp(to_array(wide))
    exponent = from_array(np.asarray(powers, dtype=np.int32))
    # Twice half the power: one factor alone overflows at the ends of the range.
    half = _C.floor_divide(exponent, 2)
    kind = _C.float64 if input.dtype == _C.float64 else _C.float32
    first, second = (2.0 ** (-t).to(kind) for t in (half, exponent - half))
    mantissa = (input.to(kind) * first * second).to(input.dtype)
    return result((mantissa, exponent))


@operator(
    "float_power(Tensor input, Operand exponent, *, Tensor? out=None)",
    "float_power(Number input, Tensor exponent, *, Tensor? out=None)",
    method=True,
    inplace=True,
)
def float_power(input: Any, exponent: Any) -> Tensor:
    """input ** exponent in float64, or in complex128 where one of them is complex.

    >>> import lampas
    >>> lampas.float_power(lampas.tensor([2, 3]), 2)
    tensor([4., 9.], dtype=torch.float64)
    """

    def is_complex(x: Any) -> bool:
        return x.dtype.is_complex if isinstance(x, Tensor) else isinstance(x, builtins.complex)

    kind = _C.complex128 if is_complex(input) or is_complex(exponent) else _C.float64
    base = input.to(kind) if isinstance(input, Tensor) else input
    power = exponent.to(kind) if isinstance(exponent, Tensor) else exponent
    return _C.pow(base, power)


@operator(
    "isin(Tensor elements, Tensor test_elements, *, bool assume_unique=False, bool invert=False, "
    "Tensor? out=None)",
    "isin(Tensor elements, Number test_element, *, bool assume_unique=False, bool invert=False, "
    "Tensor? out=None)",
    "isin(Number element, Tensor test_elements, *, bool assume_unique=False, bool invert=False, "
    "Tensor? out=None)",
)
def isin(
    elements: Any = None,
    test_elements: Any = None,
    *,
    element: Any = None,
    test_element: Any = None,
    assume_unique: bool = False,
    invert: bool = False,
) -> Tensor:
    """Which elements occur among the test elements.

    Args:
        elements, test_elements: tensors, one of which may be a number.
        assume_unique: both hold every value once; it changes nothing but speed.
        invert: which do not occur.

    >>> import lampas
    >>> lampas.isin(lampas.tensor([1, 2, 3]), lampas.tensor([2, 5]))
    tensor([False,  True, False])
    """
    x = elements if elements is not None else element
    tests = test_elements if test_elements is not None else test_element
    x = x if isinstance(x, Tensor) else _C.tensor(x)
    if not isinstance(tests, Tensor):
        tests = _C.tensor(tests, dtype=x.dtype)
    for t in (x, tests):
        if t.dtype.is_complex or t.dtype == _C.bool:
            raise RuntimeError(f"Unsupported input type encountered for isin(): {t.dtype}")
    kind = _C.promote_types(x.dtype, tests.dtype)
    values = tests.reshape(-1).to(kind).sort()[0]
    if values.numel() == 0:
        return _C.full(x.shape, invert, dtype=_C.bool)
    sought = x.to(kind)
    # The first test element that is not smaller; past the end there is none.
    place = _C.searchsorted(values, sought.reshape(-1)).clamp(max=values.numel() - 1)
    found = values[place].reshape(x.shape) == sought
    return ~found if invert else found


@operator("unravel_index(Tensor indices, int shape)", "unravel_index(Tensor indices, int[] shape)")
def unravel_index(indices: Tensor, shape: int | Sequence[int]) -> tuple[Tensor, ...]:
    """The coordinates, one tensor for each dimension, of places in a flattened shape.

    >>> import lampas
    >>> lampas.unravel_index(lampas.tensor([4]), (2, 3))
    (tensor([1]), tensor([1]))
    """
    if indices.dtype.is_floating_point or indices.dtype.is_complex or indices.dtype == _C.bool:
        raise TypeError(
            f"expected 'indices' to be an integer tensor, but got dtype {indices.dtype}"
        )
    sizes = [shape] if isinstance(shape, int) else list(shape)
    if any(s < 0 for s in sizes):
        raise ValueError(f"'shape' cannot have negative values, but got {tuple(sizes)}")
    places: list[Tensor] = []
    rest = indices.to(_C.int64)
    for size in reversed(sizes):
        places.append(rest % size)
        rest = _C.div(rest, size, rounding_mode="floor")
    return tuple(reversed(places))
