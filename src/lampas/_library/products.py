"""Products of tensors and distances between vectors."""

from __future__ import annotations

import math
from typing import Any

from lampas import _C
from lampas._C import Tensor
from lampas._library import operator
from lampas._library.broadcasting import broadcast_shapes
from lampas.autograd import Function


@operator("kron(Tensor input, Tensor other, *, Tensor? out=None)", method=True)
def kron(input: Tensor, other: Tensor) -> Tensor:
    """The Kronecker product: every element of the input times the whole other tensor.

    >>> import lampas
    >>> lampas.kron(lampas.tensor([1, 10]), lampas.tensor([1, 2]))
    tensor([ 1,  2, 10, 20])
    """
    ndim = max(input.dim(), other.dim())
    a = [1] * (ndim - input.dim()) + list(input.shape)
    b = [1] * (ndim - other.dim()) + list(other.shape)
    left = input.reshape([s for size in a for s in (size, 1)])
    right = other.reshape([s for size in b for s in (1, size)])
    return (left * right).reshape([x * y for x, y in zip(a, b, strict=True)])


def _axes(dims: Any, a: Tensor, b: Tensor) -> tuple[list[int], list[int]]:
    """The contracted dimensions of both operands, as given or by their number."""
    if isinstance(dims, Tensor):
        dims = dims.tolist() if dims.numel() > 1 else int(dims.item())
    if isinstance(dims, (list, tuple)):
        if len(dims) != 2:
            raise RuntimeError(
                f"tensordot expects dims to be int or a pair of lists of dimensions, got {dims}"
            )
        left, right = ([d] if isinstance(d, int) else [int(i) for i in d] for d in dims)
    elif not isinstance(dims, int):
        raise RuntimeError(
            "tensordot expects dims to be int or a pair of lists of dimensions, got "
            f"{type(dims).__name__} {dims!r}"
        )
    else:
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(a.dim(), b.dim()):
            raise RuntimeError(
                "tensordot expects dims < ndim_a or ndim_b, but got "
                f"dims={dims} for shapes {tuple(a.shape)} and {tuple(b.shape)}"
            )
        left, right = list(range(a.dim() - dims, a.dim())), list(range(dims))
    if len(left) != len(right):
        raise RuntimeError(f"both dimension lists should have same length, got {left} and {right}")
    for axes, x in ((left, a), (right, b)):
        for d in axes:
            if not -x.dim() <= d < x.dim():
                raise IndexError(
                    f"Dimension out of range (expected to be in range of [{-x.dim()}, "
                    f"{x.dim() - 1}], but got {d})"
                )
    return [d % a.dim() for d in left], [d % b.dim() for d in right]


@operator("tensordot(Tensor a, Tensor b, object dims=None, *, Tensor? out=None)")
def tensordot(a: Tensor, b: Tensor, dims: Any = 2) -> Tensor:
    """The sum of products over several dimensions of both operands.

    Args:
        dims: how many of the last dimensions of a and the first of b, or a pair of lists of
            dimensions.

    >>> import lampas
    >>> lampas.tensordot(lampas.ones(2, 3, 4), lampas.ones(3, 4, 5), dims=2).shape
    torch.Size([2, 5])
    """
    left, right = _axes(dims, a, b)
    if a.dtype != b.dtype:
        raise RuntimeError(
            "both inputs should have same dtype, but got "
            f"{a.dtype} and {b.dtype} (tensordot); convert one with .to()"
        )
    for i, j in zip(left, right, strict=True):
        x, y = a.size(i), b.size(j)
        if x != y and x != 1 and y != 1:
            raise RuntimeError(
                f"contracted dimensions need to match, but first has size {x} in dim {i} and "
                f"second has size {y} in dim {j}"
            )
        if x != y:
            # A dimension of size one stands for a constant along it.
            if y == 1:
                a = a.sum(i, keepdim=True, dtype=a.dtype)
            else:
                b = b.sum(j, keepdim=True, dtype=b.dtype)
    kept_a = [d for d in range(a.dim()) if d not in left]
    kept_b = [d for d in range(b.dim()) if d not in right]
    inner = math.prod(a.size(d) for d in left)
    rows = a.permute(kept_a + left).reshape(math.prod(a.size(d) for d in kept_a), inner)
    cols = b.permute(right + kept_b).reshape(inner, math.prod(b.size(d) for d in kept_b))
    return (rows @ cols).reshape([a.size(d) for d in kept_a] + [b.size(d) for d in kept_b])


# ---- distances -----------------------------------------------------------------------------------
def _distance(d: Tensor, p: float) -> Tensor:
    """The p-norm over the last dimension, its gradient zero where it has none."""
    if p == 0:
        return (d != 0).to(d.dtype).sum(-1) + 0 * d.sum(-1)
    if math.isinf(p):
        return d.abs().amax(-1) if d.size(-1) else d.sum(-1)
    if p == 1:
        return d.abs().sum(-1)
    return d.norm(p, -1)


class _Euclidean(Function):
    """Distances by |x|² + |y|² - 2 x·y, of which the gradient is taken without its rounding."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        square = x.pow(2).sum(-1, keepdim=True) + y.pow(2).sum(-1).unsqueeze(-2)
        result = (square - 2 * (x @ y.mT)).clamp_min(0).sqrt()
        ctx.save_for_backward(x, y)
        return result

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, Tensor]:
        x, y = ctx.saved_tensors
        distance = _distance(x.unsqueeze(-2) - y.unsqueeze(-3), 2)
        weight = _C.where(distance == 0, 0, g / distance)
        gx = x * weight.sum(-1, keepdim=True) - weight @ y
        gy = y * weight.sum(-2).unsqueeze(-1) - weight.mT @ x
        return gx, gy


_MODES = (
    "use_mm_for_euclid_dist_if_necessary",
    "use_mm_for_euclid_dist",
    "donot_use_mm_for_euclid_dist",
)


@operator("cdist(Tensor x1, Tensor x2, float p=2, str? compute_mode=None)")
def cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str | None = None) -> Tensor:
    """The p-norm distances [..., P, R] between all rows of x1 [..., P, M] and x2 [..., R, M].

    Args:
        p: order of the norm, from 0 to infinity.
        compute_mode: whether the Euclidean distance goes through a matrix product: where more
            than 25 rows make it worth it (the default), always
            ("use_mm_for_euclid_dist"), or never ("donot_use_mm_for_euclid_dist").

    >>> import lampas
    >>> lampas.cdist(lampas.zeros(1, 2), lampas.tensor([[3.0, 4.0], [0.0, 1.0]]))
    tensor([[5., 1.]])
    """
    for name, x in (("X1", x1), ("X2", x2)):
        if x.dim() < 2:
            raise RuntimeError(f"cdist only supports at least 2D tensors, {name} got: {x.dim()}D")
        if not x.dtype.is_floating_point:
            raise RuntimeError(f"cdist only supports floating-point dtypes, {name} got: {x.dtype}")
    if x1.size(-1) != x2.size(-1):
        raise RuntimeError(
            f"X1 and X2 must have the same number of columns. X1: {x1.size(-1)} X2: {x2.size(-1)}"
        )
    if p < 0:
        raise RuntimeError(f"cdist only supports non-negative p values, got {p}")
    mode = _MODES[0] if compute_mode is None else compute_mode
    if mode not in _MODES:
        raise ValueError(f"{mode} is not a valid value for compute_mode: one of {_MODES}")
    batch = broadcast_shapes(tuple(x1.shape[:-2]), tuple(x2.shape[:-2]))
    common = _C.promote_types(x1.dtype, x2.dtype)
    a = x1.to(common).expand(*batch, *x1.shape[-2:])
    b = x2.to(common).expand(*batch, *x2.shape[-2:])
    many = max(a.size(-2), b.size(-2)) > 25
    if p == 2 and (mode == _MODES[1] or (mode == _MODES[0] and many)):
        result: Tensor = _Euclidean.apply(a, b)
        return result
    return _distance(a.unsqueeze(-2) - b.unsqueeze(-3), p)


@operator("dist(Tensor input, Tensor other, Number p=2)", method=True)
def dist(input: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """The p-norm of input - other.

    >>> import lampas
    >>> lampas.dist(lampas.tensor([3.0, 0.0]), lampas.tensor([0.0, 4.0]))
    tensor(5.)
    """
    return (input - other).norm(p)
