"""The operator table's mechanism: what a row is, and how its samples become tensors.

A row (`Op`) names an operator, how it may be called, and an independent reference. The tests
beside this file run every row through all that an operator promises. The rows are in the files
`table_<family>.py`; `rows.py` puts them together.
"""

from __future__ import annotations

import dataclasses
import functools
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

import lampas

KINDS = {
    "f": (lampas.float32, lampas.float64, lampas.float16, lampas.bfloat16),
    "d": (lampas.float32, lampas.float64),
    "c": (lampas.complex64, lampas.complex128),
    "i": (lampas.int64, lampas.uint8),
    "b": (lampas.bool,),
}
"""Which element types a letter of `Op.kinds` stands for; `d` is `f` without the halves."""

# What a result may differ by, relative and absolute: a few units in the last place.
TOLERANCE = {
    lampas.float64: 1e-10,
    lampas.complex128: 1e-10,
    lampas.float32: 2e-5,
    lampas.complex64: 2e-5,
    lampas.float16: 4e-3,
    lampas.bfloat16: 3e-2,
}


@dataclasses.dataclass(frozen=True)
class T:
    """A tensor argument of the type under test: distinct values, evenly between `lo` and `hi`.

    `into` makes of the drawn tensor what the operator asks for, say a symmetric matrix; the
    gradient is taken by what was drawn.
    """

    shape: tuple[int, ...]
    lo: float = -2.0
    hi: float = 2.0
    grad: bool = True
    into: Callable[[lampas.Tensor], lampas.Tensor] | None = None

    def make(self, dtype: lampas.dtype, seed: int) -> lampas.Tensor:
        """The tensor; the same one for the same arguments."""
        drawn = self.draw(dtype, seed)
        return self.into(drawn) if self.into else drawn

    def draw(self, dtype: lampas.dtype, seed: int) -> lampas.Tensor:
        """The values before `into`."""
        rng = np.random.default_rng(seed)
        n = int(np.prod(self.shape))
        if dtype == lampas.bool:
            return lampas.tensor(rng.random(self.shape) < 0.5)
        if not dtype.is_floating_point and not dtype.is_complex:
            low = max(int(np.ceil(self.lo)), 0 if dtype == lampas.uint8 else -100)
            whole = rng.integers(low, max(int(np.floor(self.hi)), low) + 1, self.shape)
            return lampas.tensor(whole).to(dtype)

        def values() -> np.ndarray[Any, Any]:
            steps = (np.arange(n) + 0.3 + 0.4 * rng.random(n)) / max(n, 1)
            return np.asarray(rng.permutation(self.lo + (self.hi - self.lo) * steps))

        drawn = values() + 1j * values() if dtype.is_complex else values()
        return lampas.tensor(drawn.reshape(self.shape)).to(dtype)


@dataclasses.dataclass(frozen=True)
class Fixed:
    """A tensor argument that keeps its own type: indices, masks."""

    values: Any
    dtype: lampas.dtype = lampas.int64

    def make(self, dtype: lampas.dtype, seed: int) -> lampas.Tensor:
        """The tensor."""
        return lampas.tensor(self.values, dtype=self.dtype)


def t(*shape: int, lo: float = -2.0, hi: float = 2.0, grad: bool = True, into: Any = None) -> T:
    """A tensor of this shape."""
    return T(shape, lo, hi, grad, into)


def mask(values: Any) -> Fixed:
    """A bool tensor."""
    return Fixed(values, lampas.bool)


@dataclasses.dataclass(frozen=True)
class Call:
    """One way to call an operator; `T` and `Fixed` stand for tensors, also in lists."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def make(self, dtype: lampas.dtype, drawn: bool = False) -> Call:
        """With tensors in place of their descriptions; `drawn`: as they are before `into`."""
        seeds = iter(range(1, 100))
        shapes: list[Any] = []
        self.map(lambda leaf: shapes.append(leaf.shape if isinstance(leaf, T) else 0))
        text = zlib.crc32(repr(shapes).encode())

        def one(leaf: Any) -> Any:
            if not isinstance(leaf, (T, Fixed)):
                return leaf
            make = leaf.draw if drawn and isinstance(leaf, T) else leaf.make
            return make(dtype, text + next(seeds))

        return self.map(one)

    def map(self, change: Callable[[Any], Any]) -> Call:
        """With `change` applied to every argument that is no list."""

        def inside(value: Any) -> Any:
            if isinstance(value, (list, tuple)) and not isinstance(value, lampas.Size):
                return type(value)(inside(v) for v in value)
            return change(value)

        kwargs = {name: inside(value) for name, value in self.kwargs.items()}
        return Call(tuple(inside(value) for value in self.args), kwargs)

    def run(self, function: Callable[..., Any]) -> Any:
        """What the function gives."""
        return function(*self.args, **self.kwargs)


def call(*args: Any, **kwargs: Any) -> Call:
    """One way to call an operator."""
    return Call(args, kwargs)


@dataclasses.dataclass(frozen=True)
class Op:
    """One operator, and all that its tests need to know.

    Attributes:
        name: where it is found below `lampas`; `Tensor.name` for what is a method only.
        calls: samples of how it is called.
        reference: the same over NumPy arrays (halves arrive as float64), or None where the row is
            checked against itself alone: layouts, gradients, `out=` and errors.
        kinds: the element types that `T` arguments may have, letters of `KINDS`.
        result: the result's type: "same", "float" (integers give the default type), "bool",
            "int64", "real" (complex gives its real type), "complex" (real gives its complex type),
            "sum" (integers give int64), or "" for anything.
        grad: how many times it can be differentiated, 0 to 2.
        complex_grad: whether its gradient is checked for complex input where `kinds` has them.
        strided: whether it takes every layout; what reads strides does not.
        meta: whether it runs on the meta device; what reads values does not.
        closed: whether types outside `kinds` must be refused.
        errors: bad calls: the call, the exception's type, a part of its text.
        tolerance: a factor on `TOLERANCE`.
        aliases: further names of the same operator.
        inplace: whether the form with the underscore is tested, if there is one.
        seen: what of a result values and gradients look at, where not all of it is determined, such
            as the signs of eigenvectors.
    """

    name: str
    calls: Sequence[Call]
    reference: Callable[..., Any] | None = None
    kinds: str = "f"
    result: str = "same"
    grad: int = 2
    complex_grad: bool = True
    strided: bool = True
    meta: bool = True
    closed: bool = False
    errors: Sequence[tuple[Call, type[Exception], str]] = ()
    tolerance: float = 1.0
    aliases: Sequence[str] = ()
    inplace: bool = True
    seen: Callable[[Any], Any] | None = None

    @property
    def function(self) -> Callable[..., Any]:
        """The operator."""
        found: Any = functools.reduce(getattr, self.name.split("."), lampas)
        return found  # type: ignore[no-any-return]

    @property
    def short(self) -> str:
        """The last part of the name."""
        return self.name.rpartition(".")[2]

    @property
    def dtypes(self) -> list[lampas.dtype]:
        """All types it is tested with."""
        return [dtype for kind in self.kinds for dtype in KINDS[kind]]

    @property
    def main(self) -> lampas.dtype:
        """The type for checks that need one: double precision where possible."""
        first = {"f": lampas.float64, "d": lampas.float64, "c": lampas.complex128}
        return first.get(self.kinds[0], KINDS[self.kinds[0]][0])

    @property
    def takes_out(self) -> bool:
        """Whether a signature has `out=`."""
        return any(" out=None" in text for text in getattr(self.function, "__signatures__", ()))

    def look(self, result: Any) -> Any:
        """What of a result is determined."""
        return self.seen(result) if self.seen else result

    def result_dtype(self, dtype: lampas.dtype) -> lampas.dtype | None:
        """What the result's type must be; None where the row does not say."""
        whole = not dtype.is_floating_point and not dtype.is_complex
        rules = {
            "same": dtype,
            "float": lampas.get_default_dtype() if whole else dtype,
            "bool": lampas.bool,
            "int64": lampas.int64,
            "real": {lampas.complex64: lampas.float32, lampas.complex128: lampas.float64}.get(
                dtype, dtype
            ),
            "sum": lampas.int64 if whole else dtype,
            "complex": {lampas.float64: lampas.complex128, lampas.complex128: dtype}.get(
                dtype, lampas.complex64
            ),
        }
        return rules.get(self.result)


def leaves(value: Any) -> Iterator[Any]:
    """The parts of a result that is a tensor, an array, a number, or lists of these."""
    if isinstance(value, (list, tuple)):
        for part in value:
            yield from leaves(part)
    elif value is not None:
        yield value


def to_numpy(value: Any, floats: bool = False) -> Any:
    """A tensor's values; halves as double precision, and integers too where `floats` is set."""
    if not isinstance(value, lampas.Tensor):
        return value
    value = value.detach()
    if value.dtype in (lampas.float16, lampas.bfloat16, lampas.float32) or (
        floats and not value.dtype.is_complex and value.dtype != lampas.float64
    ):
        value = value.to(lampas.float64)
    if value.dtype == lampas.complex64:
        value = value.to(lampas.complex128)
    return value.resolve_conj().numpy()


def assert_same(actual: Any, expected: Any, factor: float = 1.0, what: str = "") -> None:
    """Every part of a result has the expected part's shape and values."""
    got, wanted = list(leaves(actual)), list(leaves(expected))
    assert len(got) == len(wanted), f"{what}: {len(got)} results, expected {len(wanted)}"
    for a, e in zip(got, wanted, strict=True):
        bound = factor * TOLERANCE.get(getattr(a, "dtype", None), 1e-10)
        a, e = np.asarray(to_numpy(a)), np.asarray(to_numpy(e))
        assert a.shape == e.shape, f"{what}: shape {a.shape}, expected {e.shape}"
        if a.dtype.kind in "bui" and e.dtype.kind in "bui":
            np.testing.assert_array_equal(a, e, err_msg=what)
        else:
            np.testing.assert_allclose(a, e, rtol=bound, atol=bound, err_msg=what)
