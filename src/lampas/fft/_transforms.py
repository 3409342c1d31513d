"""The three transforms that all others are made of, computed by NumPy, with exact gradients.

Each is linear, so its gradient is its adjoint: one of the same three. Scales are factors of the
whole transform; `forward` says which sign the exponent has.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lampas import _C
from lampas._C import Tensor
from lampas.autograd import Function
from lampas.linalg._common import from_array, like_on_meta, to_array

__all__ = ["complex_to_complex", "complex_to_real", "real_to_complex"]

Dims = Sequence[int]


def _finish(array: Any, scale: float, like: Tensor, real: bool) -> Tensor:
    import numpy as np

    double = like.dtype in (_C.float64, _C.complex128)
    kind = (np.float64 if double else np.float32) if real else None
    kind = kind or (np.complex128 if double else np.complex64)
    if scale != 1.0:
        array = array * scale
    return from_array(np.ascontiguousarray(array.astype(kind, copy=False)))


def _on_meta(like: Tensor, dim: int, n: int, real: bool) -> Tensor:
    """A result without values, n long in one dimension."""
    double = like.dtype in (_C.float64, _C.complex128)
    kinds = (_C.float32, _C.float64) if real else (_C.complex64, _C.complex128)
    shape = list(like.shape)
    shape[dim] = n
    return like_on_meta(like, shape, kinds[double])


class _ComplexToComplex(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, dims: Dims, scale: float, forward: bool) -> Tensor:
        import numpy as np

        ctx.how = dims, scale, forward
        if x.is_meta:
            return like_on_meta(x, x.shape)
        a = to_array(x)
        y = np.fft.fftn(a, axes=dims) if forward else np.fft.ifftn(a, axes=dims, norm="forward")
        return _finish(y, scale, x, real=False)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        dims, scale, forward = ctx.how
        return complex_to_complex(g, dims, scale, not forward), None, None, None


class _RealToComplex(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, dims: Dims, scale: float, forward: bool) -> Tensor:
        import numpy as np

        ctx.how = dims, scale, forward
        ctx.size = x.size(dims[-1])
        if x.is_meta:
            return _on_meta(x, dims[-1], ctx.size // 2 + 1, real=False)
        y = np.fft.rfftn(to_array(x), axes=dims)
        return _finish(y if forward else y.conj(), scale, x, real=False)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        dims, scale, forward = ctx.how
        last = dims[-1]
        # The half that is not computed gets no gradient.
        shape = list(g.shape)
        shape[last] = ctx.size - g.size(last)
        whole = _C.cat([g, _C.zeros(shape, dtype=g.dtype, device=g.device)], last)
        return complex_to_complex(whole, dims, scale, not forward).real, None, None, None


class _ComplexToReal(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, dims: Dims, scale: float, forward: bool, n: int) -> Tensor:
        import numpy as np

        ctx.how = dims, scale, forward
        if x.is_meta:
            return _on_meta(x, dims[-1], n, real=True)
        a = to_array(x)
        sizes = [a.shape[d] for d in dims[:-1]] + [n]
        y = np.fft.irfftn(a.conj() if forward else a, s=sizes, axes=dims, norm="forward")
        return _finish(y, scale, x, real=True)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        dims, scale, forward = ctx.how
        last = dims[-1]
        half = real_to_complex(g, dims, scale, not forward)
        # Every column but the first, and the last of an even size, stands for two.
        n, kept = g.size(last), half.size(last)
        weights = _C.ones(kept, device=g.device)
        weights[1 : 1 + n - kept] = 2
        shape = [1] * half.dim()
        shape[last] = kept
        return half * weights.reshape(shape), None, None, None, None


def complex_to_complex(x: Tensor, dims: Dims, scale: float, forward: bool) -> Tensor:
    """The transform of complex values over dimensions counted from the start."""
    result: Tensor = _ComplexToComplex.apply(x, tuple(dims), scale, forward)
    return result


def real_to_complex(x: Tensor, dims: Dims, scale: float, forward: bool) -> Tensor:
    """The transform of real values, of which the last dimension keeps n // 2 + 1 columns."""
    result: Tensor = _RealToComplex.apply(x, tuple(dims), scale, forward)
    return result


def complex_to_real(x: Tensor, dims: Dims, scale: float, forward: bool, n: int) -> Tensor:
    """The real transform, n long in the last dimension, of the half of a Hermitian one."""
    result: Tensor = _ComplexToReal.apply(x, tuple(dims), scale, forward, n)
    return result
