"""Rows of Fourier transforms and windows, against NumPy and SciPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .table import Call, Op, call, t

try:
    import scipy.fft as scipy_fft
    import scipy.signal.windows as scipy_windows
except ImportError:
    scipy_fft = scipy_windows = None


def known(name: str) -> Callable[..., Any] | None:
    """SciPy's transform of this name, with PyTorch's argument names, or None."""
    function = getattr(scipy_fft, name) if scipy_fft else None
    return function and (lambda x, s=None, dim=None, norm=None: function(x, s, dim, norm))


def _numpy(name: str) -> Callable[..., Any]:
    function = getattr(np.fft, name)
    return lambda x, n=None, dim=-1, norm=None: function(x, n, dim, norm)


def _numpy_n(name: str) -> Callable[..., Any]:
    function = getattr(np.fft, name)

    def reference(x: Any, s: Any = None, dim: Any = None, norm: Any = None) -> Any:
        axes = dim if dim is not None else (-2, -1) if name.endswith("2") else None
        if s is not None and axes is None:
            axes = tuple(range(-len(s), 0))
        return function(x, s, axes, norm)

    return reference


_ONE = [
    call(t(2, 4)),
    call(t(3, 2), 5, 0, "ortho"),
    call(t(2, 4), 3, norm="forward"),
]
_MANY = [
    call(t(3, 4)),
    call(t(2, 2, 3), (3, 2), (0, 2), "ortho"),
    call(t(2, 4), (2, 3), norm="forward"),
]
_BAD_DIM = (call(t(2, 3), dim=7), IndexError, "range")
_BAD_NORM = (call(t(2, 3), norm="loud"), RuntimeError, "norm")


def transform(
    name: str, kinds: str, result: str, reference: Any, calls: list[Call], **options: Any
) -> Op:
    """A transform; single and double precision, and integers as the default type."""
    return Op(
        f"fft.{name}",
        calls,
        reference,
        kinds=kinds,
        result=result,
        tolerance=5,
        errors=[_BAD_DIM, _BAD_NORM],
        **options,
    )


ROWS: list[Op] = [
    transform("fft", "dci", "complex", _numpy("fft"), _ONE),
    transform("ifft", "dci", "complex", _numpy("ifft"), _ONE),
    transform("rfft", "di", "complex", _numpy("rfft"), _ONE, closed=False),
    transform("irfft", "dc", "real", _numpy("irfft"), _ONE),
    transform("hfft", "dc", "real", _numpy("hfft"), _ONE),
    transform("ihfft", "di", "complex", _numpy("ihfft"), _ONE),
    transform("fft2", "dc", "complex", _numpy_n("fft2"), _MANY),
    transform("ifft2", "dc", "complex", _numpy_n("ifft2"), _MANY),
    transform("rfft2", "di", "complex", _numpy_n("rfft2"), _MANY),
    transform("irfft2", "dc", "real", _numpy_n("irfft2"), _MANY),
    transform("fftn", "dc", "complex", _numpy_n("fftn"), _MANY),
    transform("ifftn", "dc", "complex", _numpy_n("ifftn"), _MANY),
    transform("rfftn", "di", "complex", _numpy_n("rfftn"), _MANY),
    transform("irfftn", "dc", "real", _numpy_n("irfftn"), _MANY),
    transform("hfftn", "dc", "real", known("hfftn"), _MANY),
    transform("ihfftn", "di", "complex", known("ihfftn"), _MANY),
    transform("hfft2", "dc", "real", known("hfft2") and known("hfftn"), _MANY[:1]),
    transform("ihfft2", "di", "complex", known("ihfft2") and known("ihfftn"), _MANY[:1]),
    Op(
        "fft.fftshift",
        [call(t(4)), call(t(3, 4), (0,)), call(t(3, 4))],
        np.fft.fftshift,
        kinds="fcib",
    ),
    Op(
        "fft.ifftshift",
        [call(t(4)), call(t(3, 4), (0,)), call(t(3, 4))],
        np.fft.ifftshift,
        kinds="fcib",
    ),
]


def numbers(name: str, reference: Any, *calls: Call, **options: Any) -> Op:
    """What takes sizes alone, and gives the default type."""
    options = {"kinds": "d", "result": "", "grad": 0, "meta": False, "tolerance": 5, **options}
    return Op(name, calls, reference, **options)


def window(name: str, reference: str, *arguments: str, **given: Any) -> Op:
    """A window of `lampas.signal`, symmetric and periodic, of several sizes."""
    function = getattr(scipy_windows, reference) if scipy_windows else None

    def expected(m: int, sym: bool = True, **rest: Any) -> Any:
        return function(m, *(rest.get(a) for a in arguments), sym=sym) if function else None

    calls = [call(7, **given), call(8, sym=False, **given), call(1, **given)]
    return numbers(f"signal.windows.{name}", function and expected, *calls)


def _old_window(name: str, reference: str, *arguments: Any) -> Op:
    function = getattr(scipy_windows, reference) if scipy_windows else None

    def expected(m: int, periodic: bool = True, *rest: Any) -> Any:
        return function(m, *(rest or arguments), sym=not periodic) if function else None

    return numbers(name, function and expected, call(8), call(7, False), call(1))


ROWS += [
    window("bartlett", "bartlett"),
    window("blackman", "blackman"),
    window("cosine", "cosine"),
    window("exponential", "exponential", "center", "tau", tau=3.0),
    window("gaussian", "gaussian", "std", std=1.5),
    window("general_cosine", "general_cosine", "a", a=[0.5, 0.3, 0.2]),
    window("general_hamming", "general_hamming", "alpha", alpha=0.6),
    window("hamming", "hamming"),
    window("hann", "hann"),
    window("kaiser", "kaiser", "beta", beta=9.0),
    window("nuttall", "nuttall"),
    _old_window("bartlett_window", "bartlett"),
    _old_window("blackman_window", "blackman"),
    _old_window("hamming_window", "hamming"),
    _old_window("hann_window", "hann"),
    _old_window("kaiser_window", "kaiser", 12.0),
    numbers("fft.fftfreq", np.fft.fftfreq, call(5), call(4, 0.5)),
    numbers("fft.rfftfreq", np.fft.rfftfreq, call(5), call(4, 0.5)),
    numbers("linspace", np.linspace, call(-1, 2, 7), call(3, 1, 2)),
    numbers("logspace", np.logspace, call(-1, 2, 7)),
    numbers("eye", np.eye, call(3), call(2, 4)),
    numbers("arange", np.arange, call(5), call(1, 9, 3), call(0.5, 2.0, 0.25)),
    numbers("full", np.full, call((2, 3), 1.5), call((), 2)),
    numbers(
        "tril_indices", lambda *a: np.stack(np.tril_indices(a[0], m=a[1], k=a[2])), call(3, 4, -1)
    ),
    numbers(
        "triu_indices", lambda *a: np.stack(np.triu_indices(a[0], m=a[1], k=a[2])), call(3, 4, 1)
    ),
]
