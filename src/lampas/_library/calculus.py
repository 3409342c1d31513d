"""Differences, gradients and integrals of sampled functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lampas import _C
from lampas._C import Tensor
from lampas._library import operator


def _part(x: Tensor, dim: int, start: int | None, stop: int | None) -> Tensor:
    axis = dim % x.dim()
    result: Tensor = x[(slice(None),) * axis + (slice(start, stop),)]
    return result


@operator(
    "diff(Tensor input, int n=1, int dim=-1, Tensor? prepend=None, Tensor? append=None, *, "
    "Tensor? out=None)",
    method=True,
)
def diff(
    input: Tensor,
    n: int = 1,
    dim: int = -1,
    prepend: Tensor | None = None,
    append: Tensor | None = None,
) -> Tensor:
    """The n-th differences of neighbours along a dimension; of bools, whether they differ.

    Args:
        prepend, append: values put before and after the input along `dim`.

    >>> import lampas
    >>> lampas.diff(lampas.tensor([1, 4, 9]))
    tensor([3, 5])
    """
    if input.dim() == 0:
        raise RuntimeError("diff expects input to be at least one-dimensional, got a scalar")
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    if not -input.dim() <= dim < input.dim():
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-input.dim()}, "
            f"{input.dim() - 1}], but got {dim})"
        )
    for name, part in (("prepend", prepend), ("append", append)):
        if part is not None and part.dim() != input.dim():
            raise RuntimeError(
                f"diff expects {name} to have the same number of dimensions as input, "
                f"got {part.dim()} and {input.dim()}"
            )
    if n == 0:
        return input.clone()
    parts = [p for p in (prepend, input, append) if p is not None]
    x = _C.cat(parts, dim) if len(parts) > 1 else input
    for _ in range(min(n, x.size(dim))):
        later, earlier = _part(x, dim, 1, None), _part(x, dim, None, -1)
        x = later.logical_xor(earlier) if x.dtype == _C.bool else later - earlier
    return x


# ---- gradient ------------------------------------------------------------------------------------
def _gradient_along(x: Tensor, dim: int, spacing: Any, edge_order: int) -> Tensor:
    """Second-order differences inside, one-sided ones of `edge_order` at the edges."""
    n = x.size(dim)

    def at(start: int, stop: int | None = None) -> Tensor:
        return _part(x, dim, start, stop if stop is not None else (start + 1 or None))

    if isinstance(spacing, Tensor):
        shape = [1] * x.dim()
        shape[dim] = -1
        h = diff(spacing).reshape(shape)

        def gap(i: int, j: int | None = None) -> Tensor:
            return _part(h, dim, i, j if j is not None else (i + 1 or None))

        a, b = gap(0, -1), gap(1, n)
        inner = (
            -(b / (a * (a + b))) * at(0, -2)
            + ((b - a) / (a * b)) * at(1, -1)
            + (a / (b * (a + b))) * at(2, n)
        )
        if edge_order == 1:
            first, last = (at(1) - at(0)) / gap(0), (at(-1) - at(-2)) / gap(-1)
        else:
            p, q = gap(0), gap(1)
            first = (
                -((2 * p + q) / (p * (p + q))) * at(0)
                + ((p + q) / (p * q)) * at(1)
                - (p / (q * (p + q))) * at(2)
            )
            p, q = gap(-2), gap(-1)
            last = (
                (q / (p * (p + q))) * at(-3)
                - ((p + q) / (p * q)) * at(-2)
                + ((2 * q + p) / (q * (p + q))) * at(-1)
            )
    else:
        inner = (at(2, n) - at(0, -2)) / 2
        if edge_order == 1:
            first, last = at(1) - at(0), at(-1) - at(-2)
        else:
            first = -1.5 * at(0) + 2 * at(1) - 0.5 * at(2)
            last = 1.5 * at(-1) - 2 * at(-2) + 0.5 * at(-3)
        inner, first, last = (t / spacing for t in (inner, first, last))
    return _C.cat([first, inner, last], dim)


@operator("gradient(Tensor input, *, object spacing=None, object dim=None, int edge_order=1)")
def gradient(
    input: Tensor, *, spacing: Any = None, dim: Any = None, edge_order: int = 1
) -> tuple[Tensor, ...]:
    """The derivative along each dimension of a sampled function, by central differences.

    Args:
        input: samples.
        spacing: the distance between samples: one number, one for each dimension, or for each
            dimension a vector of its coordinates.
        dim: one dimension, or several; all of them by default.
        edge_order: 1 or 2, the order of the one-sided differences at the edges.

    >>> import lampas
    >>> lampas.gradient(lampas.tensor([1.0, 4.0, 9.0, 16.0]))
    (tensor([3., 4., 6., 7.]),)
    """
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    several = isinstance(spacing, (list, tuple))
    if dim is None:
        given = len(spacing) if several else input.dim()
        if several and given != input.dim():
            raise RuntimeError(
                f"torch.gradient expected spacing to be unspecified, a scalar, or a list of length "
                f"equal to 'self.dim() = {input.dim()}', since dim argument was not given, but got "
                f"a list of length {given}"
            )
        dims = list(range(input.dim()))
    else:
        dims = [dim] if isinstance(dim, int) else list(dim)
        if several and len(spacing) != len(dims):
            raise RuntimeError(
                f"torch.gradient expected spacing to be unspecified, a scalar or it's spacing and "
                f"dim arguments to have the same length, but got a spacing argument of length "
                f"{len(spacing)} and a dim argument of length {len(dims)}."
            )
    spacings: Sequence[Any] = (
        spacing if several else [1 if spacing is None else spacing] * len(dims)
    )
    wrapped = []
    for d, h in zip(dims, spacings, strict=True):
        if not -input.dim() <= d < input.dim():
            raise IndexError(
                f"Dimension out of range (expected to be in range of [{-input.dim()}, "
                f"{input.dim() - 1}], but got {d})"
            )
        d %= input.dim()
        if d in wrapped:
            raise RuntimeError(f"dim {d} appears multiple times in the list of dims")
        wrapped.append(d)
        if input.size(d) < edge_order + 1:
            raise RuntimeError(
                "torch.gradient expected each dimension size to be at least edge_order+1, "
                f"got size {input.size(d)} of dimension {d}"
            )
        if isinstance(h, Tensor) and (h.dim() != 1 or h.numel() != input.size(d)):
            raise RuntimeError(
                "torch.gradient expected each element of spacing to have one dimension and the "
                f"length of its dimension, {input.size(d)}, but got shape {tuple(h.shape)}"
            )
    if input.dtype == _C.uint8:
        raise RuntimeError("torch.gradient does not support uint8 input.")
    x = input if input.dtype.is_floating_point or input.dtype.is_complex else input.to(_C.float32)
    return tuple(
        _gradient_along(x, d, h, edge_order) for d, h in zip(wrapped, spacings, strict=True)
    )


# ---- integrals -----------------------------------------------------------------------------------
def _areas(y: Tensor, x: Tensor | None, dim: int, name: str) -> Tensor:
    """The trapezoids' areas, doubled: the sum of neighbours times their distance, 1 without x."""
    if y.dim() == 0:
        raise IndexError(f"{name}: y needs at least one dimension, got a scalar")
    if not -y.dim() <= dim < y.dim():
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-y.dim()}, {y.dim() - 1}], "
            f"but got {dim})"
        )
    if y.dtype == _C.bool:
        raise RuntimeError(f"{name}: received a bool input for `y`, but bool is not supported")
    both = _part(y, dim, 1, None) + _part(y, dim, None, -1)
    if x is None:
        return both
    if x.dtype == _C.bool:
        raise RuntimeError(f"{name}: received a bool input for `x`, but bool is not supported")
    if x.dim() == 1:
        if x.numel() != y.size(dim):
            raise RuntimeError(
                f"{name}: There must be one `x` value for each sample point, got {x.numel()} for "
                f"{y.size(dim)} points"
            )
        shape = [1] * y.dim()
        shape[dim] = -1
        return both * diff(x).reshape(shape)
    if x.dim() > y.dim():
        raise RuntimeError(
            f"{name}: x must not have more dimensions than y, got shapes {tuple(x.shape)} and "
            f"{tuple(y.shape)}"
        )
    raised = x.reshape([1] * (y.dim() - x.dim()) + list(x.shape))
    return both * diff(raised, dim=dim)


_POINTS = "(Tensor y, Tensor x, *, int dim=-1)", "(Tensor y, *, Number dx=1, int dim=-1)"


def _trapezoid(y: Tensor, x: Tensor | None = None, *, dx: Any = 1, dim: int = -1) -> Tensor:
    if y.dim() and y.size(dim) == 0:
        return _C.zeros([s for i, s in enumerate(y.shape) if i != dim % y.dim()], dtype=y.dtype)
    return _areas(y, x, dim, "trapezoid").sum(dim) * (dx / 2.0 if x is None else 0.5)


@operator("trapezoid" + _POINTS[0], "trapezoid" + _POINTS[1])
def trapezoid(y: Tensor, x: Tensor | None = None, *, dx: Any = 1, dim: int = -1) -> Tensor:
    """The integral along a dimension by the trapezoidal rule.

    Args:
        y: samples; x: where they were taken, of shape [n] or that of y; dx: their distance.

    >>> import lampas
    >>> lampas.trapezoid(lampas.tensor([1.0, 2.0, 3.0]))
    tensor(4.)
    """
    return _trapezoid(y, x, dx=dx, dim=dim)


@operator("trapz(Tensor y, Tensor x, *, int dim=-1)", "trapz(Tensor y, *, float dx=1, int dim=-1)")
def trapz(y: Tensor, x: Tensor | None = None, *, dx: Any = 1, dim: int = -1) -> Tensor:
    """The older name of `trapezoid`.

    >>> import lampas
    >>> lampas.trapz(lampas.tensor([1.0, 2.0, 3.0]), dx=2)
    tensor(8.)
    """
    return _trapezoid(y, x, dx=dx, dim=dim)


@operator("cumulative_trapezoid" + _POINTS[0], "cumulative_trapezoid" + _POINTS[1])
def cumulative_trapezoid(
    y: Tensor, x: Tensor | None = None, *, dx: Any = 1, dim: int = -1
) -> Tensor:
    """The integrals up to every sample but the first; see `trapezoid`.

    >>> import lampas
    >>> lampas.cumulative_trapezoid(lampas.tensor([1.0, 2.0, 3.0]))
    tensor([1.5000, 4.0000])
    """
    areas = _areas(y, x, dim, "cumulative_trapezoid")
    return (areas * (dx / 2.0 if x is None else 0.5)).cumsum(dim)
