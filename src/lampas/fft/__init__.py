"""Discrete Fourier transforms, differentiable any number of times.

Transforms take float32 and float64 and their complex kinds; integers count as the default dtype.
`norm` is "backward" (the default: the inverse divides by n), "ortho" (both divide by sqrt(n)) or
"forward" (the forward transform divides by n).

>>> import lampas
>>> lampas.fft.rfft(lampas.tensor([1.0, 0.0, 0.0, 0.0]))
tensor([1.+0.j, 1.+0.j, 1.+0.j])
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from lampas import _C
from lampas._C import Tensor
from lampas._library import operator
from lampas.fft._transforms import complex_to_complex, complex_to_real, real_to_complex

__all__ = [
    "fft",
    "fft2",
    "fftfreq",
    "fftn",
    "fftshift",
    "hfft",
    "hfft2",
    "hfftn",
    "ifft",
    "ifft2",
    "ifftn",
    "ifftshift",
    "ihfft",
    "ihfft2",
    "ihfftn",
    "irfft",
    "irfft2",
    "irfftn",
    "rfft",
    "rfft2",
    "rfftfreq",
    "rfftn",
]

_Ints = Sequence[int]


# ---- arguments -----------------------------------------------------------------------------------
def _scale(norm: str | None, n: int, forward: bool) -> float:
    if norm not in (None, "backward", "ortho", "forward"):
        raise RuntimeError(
            f'Invalid normalization mode: "{norm}"; take "forward", "backward" or "ortho"'
        )
    if norm == "ortho":
        return 1 / math.sqrt(n)
    return 1 / n if (norm == "forward") == forward else 1.0


def _prepare(x: Tensor, name: str, want: str) -> Tensor:
    """The input as the dtype that a transform takes: "real", "complex" or "any"."""
    if x.dtype in (_C.float16, _C.bfloat16):
        raise RuntimeError(f"{name}: Unsupported dtype {x.dtype}; convert with .float()")
    if not (x.dtype.is_floating_point or x.dtype.is_complex):
        x = x.to(_C.get_default_dtype())
    if want == "real":
        if x.dtype.is_complex:
            raise RuntimeError(f"{name} expects a real input tensor, but got {x.dtype}")
        return x
    if x.dtype.is_complex or want == "any":
        return x
    return x.to(_C.complex128 if x.dtype == _C.float64 else _C.complex64)


def _axis(x: Tensor, dim: int) -> int:
    ndim = max(x.dim(), 1)
    if not -ndim <= dim < ndim:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-ndim}, {ndim - 1}], "
            f"but got {dim})"
        )
    return dim % ndim


def _sized(x: Tensor, dims: _Ints, sizes: _Ints, name: str) -> Tensor:
    """Cut or padded with zeros at the end."""
    for d, n in zip(dims, sizes, strict=True):
        have = x.size(d)
        if have > n:
            x = x.narrow(d, 0, n)
        elif have < n:
            shape = list(x.shape)
            shape[d] = n - have
            x = _C.cat([x, _C.zeros(shape, dtype=x.dtype, device=x.device)], d)
    if x.numel() == 0:
        raise RuntimeError(
            f"{name}: an input of shape {tuple(x.shape)} has nothing to transform; leave empty "
            "batches out"
        )
    return x


def _check_points(sizes: _Ints, name: str) -> None:
    for n in sizes:
        if n < 1:
            raise RuntimeError(f"Invalid number of data points ({n}) specified ({name})")


def _one(x: Tensor, dim: int, name: str) -> tuple[Tensor, int]:
    if x.dim() == 0:
        raise IndexError(
            f"{name}: Dimension specified as {dim} but tensor has no dimensions"
        )
    return x, _axis(x, dim)


def _shape_and_dims(
    x: Tensor, s: _Ints | None, dim: _Ints | None, name: str
) -> tuple[list[int], list[int]]:
    """Sizes and dimensions (from the start) as both optional arguments give them."""
    if dim is not None:
        dims = [_axis(x, d) for d in dim]
        if len(set(dims)) != len(dims):
            raise RuntimeError(f"FFT dims must be unique, got {list(dim)} ({name})")
        if s is not None and len(s) != len(dims):
            raise RuntimeError(
                "When given, dim and shape arguments must have the same length, got "
                f"{len(dims)} and {len(s)} ({name})"
            )
    elif s is not None:
        if len(s) > x.dim():
            raise RuntimeError(
                f"Got shape with {len(s)} values but input tensor only has {x.dim()} dimensions."
            )
        dims = list(range(x.dim() - len(s), x.dim()))
    else:
        dims = list(range(x.dim()))
    given = [-1] * len(dims) if s is None else list(s)
    sizes = [x.size(d) if n == -1 else n for d, n in zip(dims, given, strict=True)]
    return sizes, dims


# ---- what the public functions share -------------------------------------------------------------
def _complex(x: Tensor, s: Any, dim: Any, norm: str | None, forward: bool, name: str) -> Tensor:
    x = _prepare(x, name, "any")
    sizes, dims = _shape_and_dims(x, s, dim, name)
    _check_points(sizes, name)
    if not dims:
        return _prepare(x, name, "complex").clone()
    scale = _scale(norm, math.prod(sizes), forward)
    return complex_to_complex(_sized(x, dims, sizes, name), dims, scale, forward)


def _from_real(x: Tensor, s: Any, dim: Any, norm: str | None, forward: bool, name: str) -> Tensor:
    x = _prepare(x, name, "real")
    sizes, dims = _shape_and_dims(x, s, dim, name)
    if not dims:
        raise RuntimeError(f"{name} must transform at least one axis")
    _check_points(sizes, name)
    scale = _scale(norm, math.prod(sizes), forward)
    return real_to_complex(_sized(x, dims, sizes, name), dims, scale, forward)


def _to_real(x: Tensor, s: Any, dim: Any, norm: str | None, forward: bool, name: str) -> Tensor:
    x = _prepare(x, name, "complex")
    sizes, dims = _shape_and_dims(x, s, dim, name)
    if not dims:
        raise RuntimeError(f"{name} must transform at least one axis")
    if s is None or s[-1] == -1:
        sizes[-1] = 2 * (x.size(dims[-1]) - 1)
    _check_points(sizes, name)
    scale = _scale(norm, math.prod(sizes), forward)
    x = _sized(x, dims, [*sizes[:-1], sizes[-1] // 2 + 1], name)
    return complex_to_real(x, dims, scale, forward, sizes[-1])


def _define(name: str, kind: Any, forward: bool, what: str) -> tuple[Any, Any, Any]:
    """A transform's functions of one dimension, two and any number of them."""

    def one(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
        _one(input, dim, name)
        result: Tensor = kind(input, None if n is None else [n], [dim], norm, forward, name)
        return result

    def two(
        input: Tensor,
        s: _Ints | None = None,
        dim: _Ints | None = (-2, -1),
        norm: str | None = None,
    ) -> Tensor:
        result: Tensor = kind(input, s, dim, norm, forward, name + "2")
        return result

    def several(
        input: Tensor, s: _Ints | None = None, dim: _Ints | None = None, norm: str | None = None
    ) -> Tensor:
        result: Tensor = kind(input, s, dim, norm, forward, name + "n")
        return result

    one.__doc__ = f"""{what} along one dimension.

    Args:
        n: the number of points; the input is cut or padded with zeros to have it.
        dim: the dimension.
        norm: "backward", "ortho" or "forward"; see `lampas.fft`.
    """
    two.__doc__ = f"""{what} over two dimensions, the last ones by default.

    Args:
        s: the sizes; the input is cut or padded with zeros to have them.
        dim: the dimensions.
        norm: "backward", "ortho" or "forward"; see `lampas.fft`.
    """
    several.__doc__ = f"""{what} over several dimensions, all by default.

    Args:
        s: the sizes, of the last dimensions without dim; -1 keeps one.
        dim: the dimensions.
        norm: "backward", "ortho" or "forward"; see `lampas.fft`.
    """
    tail = "str? norm=None, *, Tensor? out=None)"
    shape = f"(Tensor input, int[1]? s=None, int[1]? dim=None, {tail}"
    return (
        operator(f"fft_{name}(Tensor input, int? n=None, int dim=-1, {tail}", function=False)(one),
        operator(f"fft_{name}2{shape}", function=False)(two),
        operator(f"fft_{name}n{shape}", function=False)(several),
    )


fft, fft2, fftn = _define("fft", _complex, True, "The discrete Fourier transform")
ifft, ifft2, ifftn = _define("ifft", _complex, False, "The inverse discrete Fourier transform")
rfft, rfft2, rfftn = _define(
    "rfft",
    _from_real,
    True,
    "The discrete Fourier transform of real values, whose redundant half is left out,",
)
irfft, irfft2, irfftn = _define(
    "irfft", _to_real, False, "The real inverse of `rfft`, of 2 (m - 1) points unless told,"
)
hfft, hfft2, hfftn = _define(
    "hfft",
    _to_real,
    True,
    "The real transform of a Hermitian signal, of 2 (m - 1) points unless told,",
)
ihfft, ihfft2, ihfftn = _define(
    "ihfft", _from_real, False, "The inverse of `hfft`, whose redundant half is left out,"
)


# ---- frequencies and shifts ----------------------------------------------------------------------
def _frequencies(
    indices: Tensor, n: int, d: float, dtype: Any, device: Any, requires_grad: bool
) -> Tensor:
    kind = dtype if dtype is not None else _C.get_default_dtype()
    return (indices.to(kind) * (1.0 / (n * d))).to(device=device).requires_grad_(requires_grad)


_FREQUENCIES = (
    "(int n, float d=1.0, *, Tensor? out=None, dtype? dtype=None, object layout=None, "
    "device? device=None, bool requires_grad=False)"
)


@operator("fft_fftfreq" + _FREQUENCIES, function=False)
def fftfreq(
    n: int,
    d: float = 1.0,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """The frequencies of `fft`'s results for n samples at a distance of d.

    >>> import lampas
    >>> lampas.fft.fftfreq(4)
    tensor([ 0.0000,  0.2500, -0.5000, -0.2500])
    """
    half = (n - 1) // 2 + 1
    indices = _C.cat([_C.arange(half), _C.arange(-(n // 2), 0)])
    return _frequencies(indices, n, d, dtype, device, requires_grad)


@operator("fft_rfftfreq" + _FREQUENCIES, function=False)
def rfftfreq(
    n: int,
    d: float = 1.0,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """The frequencies of `rfft`'s results for n samples at a distance of d.

    >>> import lampas
    >>> lampas.fft.rfftfreq(4)
    tensor([0.0000, 0.2500, 0.5000])
    """
    return _frequencies(_C.arange(n // 2 + 1), n, d, dtype, device, requires_grad)


def _rolled(x: Tensor, dim: _Ints | None, shift: Any) -> Tensor:
    dims = list(range(x.dim())) if dim is None else [_axis(x, d) for d in dim]
    return x.roll([shift(x.size(d)) for d in dims], dims) if dims else x.clone()


@operator("fft_fftshift(Tensor input, int[1]? dim=None)", function=False)
def fftshift(input: Tensor, dim: _Ints | None = None) -> Tensor:
    """The zero frequency moved to the middle of the dimensions, all by default.

    >>> import lampas
    >>> lampas.fft.fftshift(lampas.fft.fftfreq(4))
    tensor([-0.5000, -0.2500,  0.0000,  0.2500])
    """
    return _rolled(input, dim, lambda n: n // 2)


@operator("fft_ifftshift(Tensor input, int[1]? dim=None)", function=False)
def ifftshift(input: Tensor, dim: _Ints | None = None) -> Tensor:
    """Undoes `fftshift`.

    >>> import lampas
    >>> lampas.fft.ifftshift(lampas.fft.fftshift(lampas.arange(3)))
    tensor([0, 1, 2])
    """
    return _rolled(input, dim, lambda n: (n + 1) // 2)
