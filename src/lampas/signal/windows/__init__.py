"""Windows: weights of m samples that fade towards both ends.

Every function takes

- M, the number of samples;
- sym: symmetric, as filters want it (the default), or one period of a periodic window, as the
  Fourier transform wants it;
- dtype (float32 or float64; the default dtype by default), layout, device, requires_grad.

Harris, "On the use of windows for harmonic analysis with the discrete Fourier transform" (1978),
describes them.

>>> import lampas
>>> lampas.signal.windows.hann(5)
tensor([0.0000, 0.5000, 1.0000, 0.5000, 0.0000])
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from lampas import _C
from lampas._C import Tensor

__all__ = [
    "bartlett",
    "blackman",
    "cosine",
    "exponential",
    "gaussian",
    "general_cosine",
    "general_hamming",
    "hamming",
    "hann",
    "kaiser",
    "nuttall",
]


def _window(
    name: str,
    M: int,
    dtype: Any,
    layout: Any,
    device: Any,
    requires_grad: bool,
    values: Callable[[Tensor], Tensor],
) -> Tensor:
    """`values` of the sample numbers 0 to M - 1, computed in float64."""
    import lampas

    if M < 0:
        raise ValueError(f"{name} requires non-negative window length, got M={M}")
    if layout is not None and layout is not lampas.strided:
        raise ValueError(f"{name} is implemented for strided tensors only, got: {layout}")
    kind = dtype if dtype is not None else _C.get_default_dtype()
    if kind not in (_C.float32, _C.float64):
        raise ValueError(f"{name} expects float32 or float64 dtypes, got: {kind}")
    if M < 2:
        result = _C.ones(M, dtype=kind)
    else:
        result = values(_C.arange(M, dtype=_C.float64)).to(kind)
    return result.to(device=device).requires_grad_(requires_grad)


def _length(M: int, sym: bool) -> int:
    return M - 1 if sym else M


def exponential(
    M: int,
    *,
    center: float | None = None,
    tau: float = 1.0,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """exp(-|n - center| / tau); the centre is the middle and may be given with sym=False.

    >>> import lampas
    >>> lampas.signal.windows.exponential(3, tau=1.0)
    tensor([0.3679, 1.0000, 0.3679])
    """
    if tau <= 0:
        raise ValueError(f"Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ValueError("Center must be None for symmetric windows")
    middle = _length(M, sym) / 2 if center is None else center
    return _window(
        "exponential", M, dtype, layout, device, requires_grad,
        lambda n: (-(n - middle).abs() / tau).exp(),
    )  # fmt: skip


def cosine(
    M: int,
    *,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Half a period of a sine: sin(pi (n + 0.5) / M).

    >>> import lampas
    >>> lampas.signal.windows.cosine(3)
    tensor([0.5000, 1.0000, 0.5000])
    """
    period = M if sym else M + 1
    return _window(
        "cosine", M, dtype, layout, device, requires_grad,
        lambda n: ((n + 0.5) * (math.pi / period)).sin(),
    )  # fmt: skip


def gaussian(
    M: int,
    *,
    std: float = 1.0,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """exp(-((n - c) / std)**2 / 2) around the middle c.

    >>> import lampas
    >>> lampas.signal.windows.gaussian(3)
    tensor([0.6065, 1.0000, 0.6065])
    """
    if std <= 0:
        raise ValueError(f"Standard deviation must be positive, got: {std} instead.")
    middle = _length(M, sym) / 2
    return _window(
        "gaussian", M, dtype, layout, device, requires_grad,
        lambda n: (-(((n - middle) / std) ** 2) / 2).exp(),
    )  # fmt: skip


def kaiser(
    M: int,
    *,
    beta: float = 12.0,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """I0(beta sqrt(1 - u**2)) / I0(beta), u from -1 to 1: Kaiser (1974).

    >>> import lampas
    >>> lampas.signal.windows.kaiser(3, beta=0.0)
    tensor([1., 1., 1.])
    """
    if beta < 0:
        raise ValueError(f"beta must be non-negative, got: {beta} instead.")

    def values(n: Tensor) -> Tensor:
        u = n * (2.0 / _length(M, sym)) - 1
        inside = (beta * beta * (1 - u * u)).clamp(min=0).sqrt()
        return _C.i0(inside) / _C.i0(_C.tensor(beta, dtype=_C.float64))

    return _window("kaiser", M, dtype, layout, device, requires_grad, values)


def general_cosine(
    M: int,
    *,
    a: Iterable[float],
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """The sum of (-1)**i a[i] cos(2 pi i n / (M - 1)).

    >>> import lampas
    >>> lampas.signal.windows.general_cosine(3, a=[0.5, 0.5])
    tensor([0., 1., 0.])
    """
    if not isinstance(a, Iterable):
        raise TypeError("Coefficients must be a list/tuple")
    weights = list(a)
    if not weights:
        raise ValueError("Coefficients cannot be empty")

    def values(n: Tensor) -> Tensor:
        angle = n * (2 * math.pi / _length(M, sym))
        total = _C.zeros_like(n)
        for i, weight in enumerate(weights):
            total = total + (-1) ** i * weight * (angle * i).cos()
        return total

    return _window("general_cosine", M, dtype, layout, device, requires_grad, values)


def general_hamming(
    M: int,
    *,
    alpha: float = 0.54,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """alpha - (1 - alpha) cos(2 pi n / (M - 1)).

    >>> import lampas
    >>> lampas.signal.windows.general_hamming(3)
    tensor([0.0800, 1.0000, 0.0800])
    """
    return general_cosine(
        M,
        a=[alpha, 1.0 - alpha],
        sym=sym,
        dtype=dtype,
        layout=layout,
        device=device,
        requires_grad=requires_grad,
    )


def hamming(
    M: int,
    *,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """`general_hamming` with alpha = 0.54.

    >>> import lampas
    >>> lampas.signal.windows.hamming(3)
    tensor([0.0800, 1.0000, 0.0800])
    """
    return general_hamming(
        M, sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad
    )


def hann(
    M: int,
    *,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """`general_hamming` with alpha = 0.5.

    >>> import lampas
    >>> lampas.signal.windows.hann(3)
    tensor([0., 1., 0.])
    """
    return general_hamming(
        M,
        alpha=0.5,
        sym=sym,
        dtype=dtype,
        layout=layout,
        device=device,
        requires_grad=requires_grad,
    )


def blackman(
    M: int,
    *,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """`general_cosine` with a = 0.42, 0.5, 0.08.

    >>> import lampas
    >>> lampas.signal.windows.blackman(5)[2]
    tensor(1.)
    """
    return general_cosine(
        M,
        a=[0.42, 0.5, 0.08],
        sym=sym,
        dtype=dtype,
        layout=layout,
        device=device,
        requires_grad=requires_grad,
    )


def bartlett(
    M: int,
    *,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """A triangle: 1 - |2 n / (M - 1) - 1|.

    >>> import lampas
    >>> lampas.signal.windows.bartlett(5)
    tensor([0.0000, 0.5000, 1.0000, 0.5000, 0.0000])
    """
    return _window(
        "bartlett", M, dtype, layout, device, requires_grad,
        lambda n: 1 - (n * (2.0 / _length(M, sym)) - 1).abs(),
    )  # fmt: skip


def nuttall(
    M: int,
    *,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """The minimum four-term window of Nuttall, "Some windows with very good sidelobe behavior"
    (1981).

    >>> import lampas
    >>> lampas.signal.windows.nuttall(5)[2]
    tensor(1.)
    """
    return general_cosine(
        M,
        a=[0.3635819, 0.4891775, 0.1365995, 0.0106411],
        sym=sym,
        dtype=dtype,
        layout=layout,
        device=device,
        requires_grad=requires_grad,
    )
