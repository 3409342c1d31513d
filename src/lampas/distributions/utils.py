"""Small tools shared by distributions: broadcasting, probabilities and logits, lazy attributes."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import lampas
from lampas import Tensor

__all__ = [
    "broadcast_all",
    "clamp_probs",
    "lazy_property",
    "logits_to_probs",
    "probs_to_logits",
    "tril_matrix_to_vec",
    "vec_to_tril_matrix",
]

euler_constant = 0.57721566490153286061


def broadcast_all(*values: Any) -> tuple[Tensor, ...]:
    """Tensors and numbers as tensors of one common shape; numbers take the first tensor's dtype.

    Raises ValueError if a value is neither.

    >>> broadcast_all(lampas.zeros(2), 1.0)
    (tensor([0., 0.]), tensor([1., 1.]))
    """
    for value in values:
        if not isinstance(value, (Tensor, int, float, complex)):
            raise ValueError(
                "Input arguments must all be instances of Number, torch.Tensor or objects "
                f"implementing __torch_function__; got {type(value).__name__}"
            )
    first = next((v for v in values if isinstance(v, Tensor)), None)
    dtype = lampas.get_default_dtype() if first is None else first.dtype
    tensors = [v if isinstance(v, Tensor) else lampas.tensor(v, dtype=dtype) for v in values]
    return tuple(lampas.broadcast_tensors(*tensors))


def standard_normal(shape: Sequence[int], like: Tensor) -> Tensor:
    """Draws from N(0, 1) of the given shape, of `like`'s dtype."""
    return lampas.empty(shape, dtype=like.dtype, device=like.device).normal_()


def sum_rightmost(value: Tensor, dims: int) -> Tensor:
    """`value` with its last `dims` dimensions summed."""
    return value if dims == 0 else value.sum(tuple(range(-dims, 0)))


_sum_rightmost = sum_rightmost


def _standard_normal(shape: Sequence[int], dtype: Any, device: Any) -> Tensor:
    return lampas.empty(shape, dtype=dtype, device=device).normal_()


def logits_to_probs(logits: Tensor, is_binary: bool = False) -> Tensor:
    """Probabilities of log odds (`is_binary`), or of unnormalized logs along the last dimension.

    >>> logits_to_probs(lampas.zeros(2))
    tensor([0.5000, 0.5000])
    """
    return lampas.sigmoid(logits) if is_binary else lampas.softmax(logits, dim=-1)


def clamp_probs(probs: Tensor) -> Tensor:
    """Probabilities moved inside the open interval (0, 1), by the dtype's epsilon.

    >>> clamp_probs(lampas.tensor([0.0, 0.5]))
    tensor([1.1921e-07, 5.0000e-01])
    """
    eps = lampas.finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)


def probs_to_logits(probs: Tensor, is_binary: bool = False) -> Tensor:
    """The inverse of `logits_to_probs`, finite at 0 and 1.

    >>> probs_to_logits(lampas.tensor(0.5), is_binary=True)
    tensor(0.)
    """
    inside = clamp_probs(probs)
    return inside.log() - (-inside).log1p() if is_binary else inside.log()


class lazy_property:
    """A property computed at first access and kept in the instance from then on.

    >>> class Square:
    ...     side = 3
    ...     @lazy_property
    ...     def area(self):
    ...         return self.side**2
    >>> s = Square()
    >>> s.area, "area" in vars(s)
    (9, True)
    """

    def __init__(self, wrapped: Callable[[Any], Any]) -> None:
        self.wrapped = wrapped
        functools.update_wrapper(self, wrapped)  # type: ignore[arg-type]

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        with lampas.enable_grad():
            value = self.wrapped(instance)
        setattr(instance, self.wrapped.__name__, value)
        return value


def tril_matrix_to_vec(mat: Tensor, diag: int = 0) -> Tensor:
    """The lower triangle of (..., n, n), up to diagonal `diag`, as a vector in row order.

    Raises ValueError if `diag` is outside [-n, n).

    >>> tril_matrix_to_vec(lampas.tensor([[1, 2], [3, 4]]))
    tensor([1, 3, 4])
    """
    n = mat.shape[-1]
    if not -n <= diag < n:
        raise ValueError(f"diag ({diag}) provided is outside [{-n}, {n - 1}].")
    rows, columns = lampas.tril_indices(n, n, diag)
    return mat[..., rows, columns]


def vec_to_tril_matrix(vec: Tensor, diag: int = 0) -> Tensor:
    """The inverse of `tril_matrix_to_vec`: a vector put into a lower triangle, zero elsewhere.

    Raises ValueError if no triangle has that many elements.

    >>> vec_to_tril_matrix(lampas.tensor([1.0, 3.0, 4.0]))
    tensor([[1., 0.],
            [3., 4.]])
    """
    # n (n + 1) / 2 elements up to the main diagonal; each further diagonal adds its length.
    size = vec.shape[-1]
    slope = 1 + 2 * diag
    n = (math.sqrt(slope**2 + 8 * size + 4 * abs(diag) * (diag + 1)) - slope) / 2
    order = round(n)
    if abs(n - order) > 1e-6:
        raise ValueError(
            f"The size of last dimension is {size} which cannot be expressed as the lower "
            "triangular part of a square D x D matrix."
        )
    rows, columns = lampas.tril_indices(order, order, diag)
    matrix = vec.new_zeros((*vec.shape[:-1], order, order))
    matrix[..., rows, columns] = vec
    return matrix


def given_one(**options: Any) -> str:
    """The name of the one option that is not None; ValueError if there is not exactly one."""
    given = [name for name, value in options.items() if value is not None]
    if len(given) == 1:
        return given[0]
    names = [f"`{name}`" for name in options]
    if len(names) == 2:
        raise ValueError(f"Either {names[0]} or {names[1]} must be specified, but not both.")
    raise ValueError(f"Exactly one of {' or '.join(names)} may be specified.")
