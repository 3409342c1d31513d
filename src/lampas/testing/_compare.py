"""assert_close: tensors, numbers and containers of them, compared with tolerances."""

from __future__ import annotations

import cmath
import numbers
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import lampas
from lampas import _C
from lampas._tensor import Tensor

# Relative and absolute tolerance; other dtypes are compared exactly.
_TOLERANCES = {
    _C.float16: (1e-3, 1e-5), _C.bfloat16: (1.6e-2, 1e-5), _C.float32: (1.3e-6, 1e-5),
    _C.float64: (1e-7, 1e-7), _C.complex64: (1.3e-6, 1e-5), _C.complex128: (1e-7, 1e-7),
}  # fmt: skip
_NUMBERS = {int: _C.int64, float: _C.float64, complex: _C.complex128}


@dataclass
class _Options:
    allow_subclasses: bool
    rtol: float | None
    atol: float | None
    equal_nan: bool
    check_device: bool
    check_dtype: bool
    check_layout: bool
    check_stride: bool

    def tolerances(self, *dtypes: _C.dtype) -> tuple[float, float]:
        if self.rtol is not None and self.atol is not None:
            return self.rtol, self.atol
        pairs = [_TOLERANCES.get(d, (0.0, 0.0)) for d in dtypes]
        return max(r for r, _ in pairs), max(a for _, a in pairs)


class _Mismatch(Exception):
    """What differs, and where within containers."""

    def __init__(self, text: str, kind: type[Exception] = AssertionError) -> None:
        super().__init__(text)
        self.text, self.kind = text, kind
        self.path: tuple[Any, ...] = ()

    def message(self) -> str:
        if not self.path:
            return self.text
        place = "".join(f"[{p!r}]" for p in self.path)
        return f"{self.text}\n\nThe failure occurred for item {place}"


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: str | Callable[[str], str] | None = None,
) -> None:
    """Asserts that ``|actual - expected| <= atol + rtol * |expected|`` everywhere.

    Args:
        actual: a tensor, a number, an array, None, or sequences and mappings of them.
        expected: the same structure.
        allow_subclasses: whether related but different types can be equal.
        rtol: relative tolerance; by default that of the dtype, 1.3e-6 for float32.
        atol: absolute tolerance; by default that of the dtype, 1e-5 for float32.
        equal_nan: whether NaN equals NaN.
        check_device: whether devices have to agree.
        check_dtype: whether dtypes have to agree; else both are promoted.
        check_layout: whether layouts have to agree.
        check_stride: whether strides have to agree.
        msg: the error's text, or a function of the text as it would be.

    Raises:
        AssertionError: they are not close; the text says where and by how much.
        ValueError: only one of `rtol` and `atol` is given.
        TypeError: values that cannot be compared.

    Example:
        >>> import lampas
        >>> lampas.testing.assert_close(lampas.tensor([1.0, 2.0]), lampas.tensor([1.0, 2.0 + 1e-7]))
        >>> lampas.testing.assert_close(lampas.tensor([1, 2]), lampas.tensor([1, 3]))
        Traceback (most recent call last):
        AssertionError: Tensor-likes are not equal!
        <BLANKLINE>
        Mismatched elements: 1 / 2 (50.0%)
        Greatest absolute difference: 1 at index (1,)
        Greatest relative difference: 0.3333333432674408 at index (1,)
    """
    __tracebackhide__ = True  # pytest shows the caller's line
    if (rtol is None) != (atol is None):
        missing = "rtol" if rtol is None else "atol"
        raise ValueError(
            f"Both 'rtol' and 'atol' must be either specified or omitted, but got no {missing}."
        )
    options = _Options(
        allow_subclasses, rtol, atol, equal_nan, check_device, check_dtype, check_layout,
        check_stride,
    )  # fmt: skip
    try:
        with lampas.no_grad():
            _compare(actual, expected, options)
    except _Mismatch as e:
        text = e.message()
        kind = e.kind
        if kind is AssertionError and msg is not None:
            text = msg(text) if callable(msg) else msg
    else:
        return
    raise kind(text)


def assert_allclose(
    actual: Any,
    expected: Any,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = True,
    msg: str = "",
) -> None:
    """The older :func:`assert_close`: anything that a tensor can be made from, dtypes may differ.

    Raises:
        AssertionError: they are not close.
    """
    __tracebackhide__ = True
    actual, expected = _as_tensor(actual), _as_tensor(expected)
    if rtol is None and atol is None:
        rtol, atol = _Options(*[None] * 8).tolerances(actual.dtype, expected.dtype)  # type: ignore[arg-type]
    assert_close(
        actual, expected, rtol=rtol, atol=atol, equal_nan=equal_nan, check_device=True,
        check_dtype=False, msg=msg or None,
    )  # fmt: skip


# ---- structures ----------------------------------------------------------------------------------
def _compare(actual: Any, expected: Any, o: _Options) -> None:
    sequences = _is_sequence(actual) and _is_sequence(expected)
    if sequences:
        if len(actual) != len(expected):
            raise _Mismatch(
                f"The length of the sequences mismatch: {len(actual)} != {len(expected)}"
            )
        pairs = [(i, a, e) for i, (a, e) in enumerate(zip(actual, expected, strict=True))]
    elif isinstance(actual, Mapping) and isinstance(expected, Mapping):
        pairs = _mapping_pairs(actual, expected)
    else:
        _compare_leaf(actual, expected, o)
        return
    for key, a, e in pairs:
        try:
            _compare(a, e, o)
        except _Mismatch as mismatch:
            mismatch.path = (key, *mismatch.path)
            raise


def _is_sequence(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def _mapping_pairs(actual: Any, expected: Any) -> list[tuple[Any, Any, Any]]:
    missing = [k for k in expected if k not in actual]
    additional = [k for k in actual if k not in expected]
    if missing or additional:
        raise _Mismatch(
            "The keys of the mappings do not match:\n"
            f"Missing keys in the actual mapping: {_ordered(missing)}\n"
            f"Additional keys in the actual mapping: {_ordered(additional)}"
        )
    keys = _ordered(list(actual))
    return [(k, actual[k], expected[k]) for k in keys]


def _ordered(keys: list[Any]) -> list[Any]:
    try:
        return sorted(keys)
    except TypeError:
        return keys


def _compare_leaf(actual: Any, expected: Any, o: _Options) -> None:
    if actual is None or expected is None:
        if actual is not expected:
            raise _Mismatch(f"None mismatch: {actual} is not {expected}")
        return
    if _is_bool(actual) and _is_bool(expected):
        if bool(actual) is not bool(expected):
            raise _Mismatch(f"Booleans mismatch: {bool(actual)} is not {bool(expected)}")
        return
    if _is_number(actual) and _is_number(expected):
        _compare_numbers(actual, expected, o)
        return
    related = isinstance(actual, type(expected)) or isinstance(expected, type(actual))
    if not o.allow_subclasses:
        related = type(actual) is type(expected)
    a = _tensor_or_none(actual) if related else None
    e = _tensor_or_none(expected) if related else None
    if a is None or e is None:
        raise _Mismatch(
            f"No comparison pair was able to handle inputs of type {type(actual)} and "
            f"{type(expected)}.",
            TypeError,
        )
    _compare_tensors(a, e, o)


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool) or type(value).__name__ in ("bool_", "bool")


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Number) and not isinstance(value, (bool, Tensor))


def _tensor_or_none(value: Any) -> Tensor | None:
    if isinstance(value, Tensor):
        return value
    if isinstance(value, (str, bytes)):
        return None
    try:
        return _as_tensor(value)
    except (TypeError, ValueError, RuntimeError):
        return None


def _as_tensor(value: Any) -> Tensor:
    return value if isinstance(value, Tensor) else lampas.as_tensor(value)


# ---- numbers -------------------------------------------------------------------------------------
def _number_type(value: Any) -> type:
    for kind in (int, float, complex):
        if isinstance(value, kind):
            return kind
    if isinstance(value, numbers.Integral):
        return int
    return float if isinstance(value, numbers.Real) else complex


def _compare_numbers(actual: Any, expected: Any, o: _Options) -> None:
    kinds = [_number_type(v) for v in (actual, expected)]
    if o.check_dtype and kinds[0] is not kinds[1]:
        raise _Mismatch(f"The (d)types do not match: {type(actual)} != {type(expected)}.")
    rtol, atol = o.tolerances(*(_NUMBERS[k] for k in kinds))
    a, e = kinds[0](actual), kinds[1](expected)
    _compare_scalars(a, e, rtol, atol, o.equal_nan)


def _compare_scalars(a: Any, e: Any, rtol: float, atol: float, equal_nan: bool) -> None:
    if a == e or (equal_nan and cmath.isnan(a) and cmath.isnan(e)):
        return
    difference = abs(a - e)
    finite = cmath.isfinite(a) and cmath.isfinite(e)
    if finite and difference <= atol + rtol * abs(e):
        return
    relative = difference / abs(e) if e != 0 else float("inf")
    exact = rtol == 0 and atol == 0
    lines = [
        f"Scalars are not {'equal' if exact else 'close'}!\n",
        f"Expected {e} but got {a}.",
        f"Absolute difference: {difference}" + ("" if exact else f" (up to {atol} allowed)"),
        f"Relative difference: {relative}" + ("" if exact else f" (up to {rtol} allowed)"),
    ]
    raise _Mismatch("\n".join(lines))


# ---- tensors -------------------------------------------------------------------------------------
def _compare_tensors(actual: Tensor, expected: Tensor, o: _Options) -> None:
    def check(name: str, a: Any, e: Any) -> None:
        if a != e:
            raise _Mismatch(f"The values for attribute {name!r} do not match: {a} != {e}.")

    check("shape", actual.shape, expected.shape)
    if o.check_layout:
        check("layout", actual.layout, expected.layout)
    if o.check_device:
        check("device", actual.device, expected.device)
    if o.check_dtype:
        check("dtype", actual.dtype, expected.dtype)
    if o.check_stride:
        check("stride()", actual.stride(), expected.stride())
    if actual.is_meta or expected.is_meta:
        return  # there is no more to compare
    rtol, atol = o.tolerances(actual.dtype, expected.dtype)
    dtype = lampas.promote_types(actual.dtype, expected.dtype)
    _compare_values(actual.to(dtype), expected.to(dtype), rtol, atol, o.equal_nan)


def _compare_values(a: Tensor, e: Tensor, rtol: float, atol: float, equal_nan: bool) -> None:
    matches = lampas.isclose(a, e, rtol=rtol, atol=atol, equal_nan=equal_nan)
    if bool(matches.all()):
        return
    if a.dim() == 0:
        values = [int(v) if isinstance(v, bool) else v for v in (a.item(), e.item())]
        exact_words = f"Expected {e.item()} but got {a.item()}."
        try:
            _compare_scalars(values[0], values[1], rtol, atol, False)
        except _Mismatch as mismatch:
            lines = mismatch.text.split("\n")
            lines[2] = exact_words
            raise _Mismatch("\n".join(lines)) from None
        return
    raise _Mismatch(_tensor_message(a, e, matches, rtol, atol))


def _tensor_message(a: Tensor, e: Tensor, matches: Tensor, rtol: float, atol: float) -> str:
    if not (a.dtype.is_floating_point or a.dtype.is_complex):
        a, e = a.long(), e.long()
    count, total = int((~matches).sum()), matches.numel()
    absolute = (a - e).abs()
    absolute[matches] = 0
    relative = absolute / e.abs()
    relative[matches] = 0
    exact = rtol == 0 and atol == 0
    lines = [
        f"Tensor-likes are not {'equal' if exact else 'close'}!\n",
        f"Mismatched elements: {count} / {total} ({count / total:.1%})",
        _greatest("absolute", absolute, None if exact else atol),
        _greatest("relative", relative, None if exact else rtol),
    ]
    return "\n".join(lines)


def _greatest(kind: str, differences: Tensor, allowed: float | None) -> str:
    at = int(differences.argmax())
    value = differences.flatten()[at].item()
    index = []
    for n in reversed(differences.shape):
        at, i = divmod(at, n)
        index.append(i)
    text = f"Greatest {kind} difference: {value} at index {tuple(reversed(index))}"
    return text if allowed is None else f"{text} (up to {allowed} allowed)"
