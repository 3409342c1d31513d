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


_PIECE = 120_000  # bytes of a copy: blocks from 128 KiB on are new pages of the system each time


def _by_rows(
    transform: Any, a: Any, dims: Dims, n: int, scale: float, like: Tensor, real: bool
) -> Tensor | None:
    """transform(rows, out=rows of n values) of a batch's last dimension, some rows at a time, so
    that the copies which NumPy makes stay small. None where it is not the last dimension
    alone, or NumPy is older than 2 and takes no `out`."""
    import numpy as np

    if tuple(dims) != (a.ndim - 1,) or int(np.__version__.split(".")[0]) < 2:
        return None
    double = like.dtype in (_C.float64, _C.complex128)
    kinds = (_C.float32, _C.float64) if real else (_C.complex64, _C.complex128)
    result = _C.empty((*a.shape[:-1], n), dtype=kinds[double])
    rows, out = a.reshape(-1, a.shape[-1]), result.numpy().reshape(-1, n)
    step = max(1, _PIECE // (rows[0].nbytes * (1 if double else 2)))  # copies may be double
    for i in range(0, len(rows), step):
        transform(rows[i : i + step], out[i : i + step])
    return result if scale == 1.0 else result.mul_(scale)


def _on_meta(like: Tensor, dim: int, n: int, real: bool) -> Tensor:
    """A result without values, n long in one dimension."""
    double = like.dtype in (_C.float64, _C.complex128)
    kinds = (_C.float32, _C.float64) if real else (_C.complex64, _C.complex128)
    shape = list(like.shape)
    shape[dim] = n
    return like_on_meta(like, shape, kinds[double])


def _fill_whole(whole: Any, half: Any, dims: Dims) -> None:
    """All columns of the transform of real values, of which those beyond the half are conjugates
    of others."""
    import numpy as np

    others, last = tuple(dims[:-1]), dims[-1]
    n, kept = whole.shape[last], half.shape[last]

    def columns(start: int, stop: int, step: int = 1) -> tuple[slice, ...]:
        return (slice(None),) * last + (slice(start, stop, step),)

    mirrored = half[columns(n - kept, 0, -1)]
    if others:
        mirrored = np.roll(np.flip(mirrored, others), 1, others)
    whole[columns(0, kept)] = half
    np.conjugate(mirrored, out=whole[columns(kept, n)])


class _ComplexToComplex(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, dims: Dims, scale: float, forward: bool) -> Tensor:
        import numpy as np

        ctx.how = dims, scale, forward
        ctx.real = not x.dtype.is_complex
        if x.is_meta:
            return _on_meta(x, dims[-1], x.size(dims[-1]), real=False)
        a = to_array(x)

        def one(rows: Any, out: Any) -> None:
            if not ctx.real:
                (np.fft.fft if forward else np.fft.ifft)(
                    rows, norm="backward" if forward else "forward", out=out
                )
                return
            half = np.fft.rfft(rows)
            _fill_whole(out, half if forward else half.conj(), (1,))

        result = _by_rows(one, a, dims, a.shape[dims[-1]], scale, x, real=False)
        if result is not None:
            return result
        if ctx.real:  # half of the work
            half = np.fft.rfftn(a, axes=dims)
            y = np.empty(a.shape, half.dtype)
            _fill_whole(y, half if forward else half.conj(), dims)
        else:
            y = np.fft.fftn(a, axes=dims) if forward else np.fft.ifftn(a, axes=dims, norm="forward")
        return _finish(y, scale, x, real=False)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        dims, scale, forward = ctx.how
        gx = complex_to_complex(g, dims, scale, not forward)
        return gx.real if ctx.real else gx, None, None, None


class _RealToComplex(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, dims: Dims, scale: float, forward: bool) -> Tensor:
        import numpy as np

        ctx.how = dims, scale, forward
        ctx.size = x.size(dims[-1])
        if x.is_meta:
            return _on_meta(x, dims[-1], ctx.size // 2 + 1, real=False)
        a = to_array(x)

        def one(rows: Any, out: Any) -> None:
            np.fft.rfft(rows, out=out)
            if not forward:
                np.conjugate(out, out=out)

        result = _by_rows(one, a, dims, ctx.size // 2 + 1, scale, x, real=False)
        if result is not None:
            return result
        y = np.fft.rfftn(a, axes=dims)
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

        def one(rows: Any, out: Any) -> None:
            np.fft.irfft(rows.conj() if forward else rows, n, norm="forward", out=out)

        result = _by_rows(one, a, dims, n, scale, x, real=True)
        if result is not None:
            return result
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
    """The transform of complex or real values over dimensions counted from the start."""
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
