"""What every family of linear algebra needs: checks, named results, the way to NumPy and back."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Sequence
from typing import Any

from lampas import _C
from lampas._C import Tensor

__all__ = [
    "LinAlgError",
    "adjoint",
    "broadcast_batches",
    "check_dtype",
    "check_matrix",
    "diagonal_matrix",
    "elementwise",
    "from_array",
    "identity",
    "like_on_meta",
    "named",
    "real_dtype",
    "to_array",
]


class LinAlgError(RuntimeError):
    """A matrix that a factorization or a solver cannot deal with: singular, not positive-definite.

    >>> import lampas
    >>> try:
    ...     lampas.linalg.inv(lampas.zeros(2, 2))
    ... except lampas.linalg.LinAlgError:
    ...     print("singular")
    singular
    """

    __module__ = "torch._C"


def named(name: str, fields: str) -> Any:
    """The type of an operator's named results: made of a sequence, read by index or by name."""
    base: Any = namedtuple(name, fields.split())  # type: ignore[misc]

    def show(self: Any) -> str:
        pairs: Any = zip(base._fields, self, strict=True)
        rows = ",\n".join(f"{field}={value!r}" for field, value in pairs)
        return f"torch.return_types.{name}(\n{rows})"

    def make(cls: Any, values: Sequence[Any]) -> Any:
        if len(values) != len(base._fields):
            raise TypeError(
                f"torch.return_types.{name}() takes a {len(base._fields)}-sequence "
                f"({len(values)}-sequence given)"
            )
        return tuple.__new__(cls, values)

    def reduce(self: Any) -> Any:
        return _restore, (name, tuple(self))

    body = {"__slots__": (), "__repr__": show, "__new__": make, "__reduce__": reduce}
    kind = type(name, (base,), {**body, "__module__": "torch.return_types"})
    _C._return_types[name] = kind
    return kind


def _restore(name: str, values: tuple[Any, ...]) -> Any:
    """A named result out of a pickle."""
    return _C._return_types[name](values)


# ---- checks --------------------------------------------------------------------------------------
_LOW_PRECISION = {_C.float16: "Half", _C.bfloat16: "BFloat16"}


def check_dtype(a: Tensor, name: str, what: str = "A") -> None:
    """Refuses dtypes that LAPACK does not know, by NotImplementedError: a RuntimeError too."""
    if not (a.dtype.is_floating_point or a.dtype.is_complex):
        raise NotImplementedError(
            f"linalg.{name}: Expected a floating point or complex tensor as input. "
            f"Got {a.dtype} for {what} of shape {tuple(a.shape)}; convert it with .float()"
        )
    if a.dtype in _LOW_PRECISION:
        raise NotImplementedError(
            f"\"linalg_{name}\" not implemented for '{_LOW_PRECISION[a.dtype]}': "
            f"convert {what} with .float()"
        )


def check_matrix(a: Tensor, name: str, square: bool = False, what: str = "A") -> None:
    """Refuses what is no matrix, and with `square` what is no square one."""
    if a.dim() < 2:
        raise RuntimeError(
            f"linalg.{name}: The input tensor {what} must have at least 2 dimensions, "
            f"got shape {tuple(a.shape)}"
        )
    if square and a.size(-1) != a.size(-2):
        raise RuntimeError(
            f"linalg.{name}: {what} must be batches of square matrices, "
            f"but they are {a.size(-2)} by {a.size(-1)} matrices"
        )
    check_dtype(a, name, what)


def check_same_dtype(a: Tensor, b: Tensor, name: str) -> None:
    """Refuses operands of different dtypes."""
    if a.dtype != b.dtype:
        raise RuntimeError(
            f"linalg.{name}: Expected A and B to have the same dtype, but found A of type "
            f"{a.dtype} and B of type {b.dtype} instead; convert one with .to()"
        )


# ---- NumPy ---------------------------------------------------------------------------------------
def to_array(t: Tensor) -> Any:
    """The values as a NumPy array, which may share the tensor's memory."""
    return t.detach().resolve_conj().numpy()


def from_array(x: Any, like: Tensor | None = None) -> Tensor:
    """A tensor of an array's values, on the heap of its own."""
    import numpy as np

    t = _C.from_numpy(np.require(x, requirements=["C", "W", "O"]))
    return t if like is None or t.dtype == like.dtype else t.to(like.dtype)


def like_on_meta(like: Tensor, shape: Sequence[int], dtype: Any = None) -> Tensor:
    """A result without values, which is what operators of meta tensors give."""
    return _C.empty(tuple(shape), dtype=dtype or like.dtype, device="meta")


def elementwise(compute: Any, *tensors: Tensor) -> Tensor:
    """A function of float64 arrays of equal shape, rounded to the dtype of the first tensor."""
    import numpy as np

    first = tensors[0]
    if any(t.is_meta for t in tensors):
        return like_on_meta(first, first.shape)
    y = compute(*(np.atleast_1d(to_array(t.detach().double())) for t in tensors))
    return from_array(np.asarray(y)).reshape(first.shape).to(first.dtype)


def real_dtype(a: Tensor) -> Any:
    """The dtype of the real part of a tensor's values."""
    return {_C.complex64: _C.float32, _C.complex128: _C.float64}.get(a.dtype, a.dtype)


# ---- small pieces --------------------------------------------------------------------------------
def adjoint(a: Tensor) -> Tensor:
    """The conjugate transpose of the last two dimensions."""
    return a.mH if a.dtype.is_complex else a.mT


def identity(n: int, like: Tensor) -> Tensor:
    """The n by n identity in a tensor's dtype."""
    return _C.eye(n, dtype=like.dtype, device=like.device)


def diagonal_matrix(values: Tensor, like: Tensor) -> Tensor:
    """Square matrices with `values` on the diagonal, in the dtype of `like`."""
    return values.to(like.dtype).unsqueeze(-1) * identity(values.size(-1), like)


def real_diagonal(a: Tensor) -> Tensor:
    """The diagonal's real part."""
    d = a.diagonal(0, -2, -1)
    return d.real if a.dtype.is_complex else d


def broadcast_batches(a: Tensor, b: Tensor, name: str) -> tuple[Tensor, Tensor]:
    """Both matrices expanded to their common batch dimensions."""
    from lampas import broadcast_shapes

    if a.shape[:-2] == b.shape[:-2]:
        return a, b
    try:
        batch = broadcast_shapes(tuple(a.shape[:-2]), tuple(b.shape[:-2]))
    except RuntimeError:
        raise RuntimeError(
            f"linalg.{name}: the batch dimensions of A {tuple(a.shape)} and B {tuple(b.shape)} "
            "do not broadcast"
        ) from None
    return a.expand(*batch, *a.shape[-2:]), b.expand(*batch, *b.shape[-2:])
