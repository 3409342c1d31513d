"""Windows of the classic kind, periodic by default."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lampas import _C
from lampas._C import Tensor
from lampas._library import listed


def _window(
    name: str, shape: Callable[..., Tensor], n: int, periodic: bool, options: Any
) -> Tensor:
    """`shape(M, sym=, dtype=, …)` of lampas.signal.windows, with checks and `out=`."""
    out = options.pop("out", None)
    pin_memory = options.pop("pin_memory", None)
    if isinstance(n, bool) or not isinstance(n, int):
        raise TypeError(f"{name}(): argument 'window_length' must be int, not {type(n).__name__}")
    if n < 0:
        raise RuntimeError(f"{name} requires non-negative window_length, got window_length={n}")
    dtype = options.get("dtype")
    if dtype is not None and not dtype.is_floating_point:
        raise RuntimeError(f"{name} expects floating point dtypes, got: {dtype}")
    if pin_memory:
        raise RuntimeError(f"{name}(): pin_memory=True needs an accelerator; leave it away")
    half = dtype if dtype in (_C.float16, _C.bfloat16) else None
    if half is not None:
        options["dtype"] = _C.float32
    w = shape(n, sym=not periodic, **options)
    w = w if half is None else w.detach().to(half).requires_grad_(w.requires_grad)
    return w if out is None else out.resize_(w.shape).copy_(w)


@listed
def hann_window(window_length: int, periodic: bool = True, **options: Any) -> Tensor:
    """The Hann window, one-dimensional; options as of :func:`lampas.zeros`.

    >>> import lampas
    >>> lampas.hann_window(4)
    tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    from lampas.signal import windows

    return _window("hann_window", windows.hann, window_length, periodic, options)


@listed
def hamming_window(
    window_length: int,
    periodic: bool = True,
    alpha: float = 0.54,
    beta: float = 0.46,
    **options: Any,
) -> Tensor:
    """The Hamming window, `alpha - beta cos(2 pi n / N)`.

    >>> import lampas
    >>> lampas.hamming_window(4)
    tensor([0.0800, 0.5400, 1.0000, 0.5400])
    """
    from lampas.signal import windows

    def shape(n: int, **kwargs: Any) -> Tensor:
        # One point is 1, whatever the coefficients.
        if n == 1:
            return windows.hann(1, **kwargs)
        return windows.general_cosine(n, a=[alpha, beta], **kwargs)

    return _window("hamming_window", shape, window_length, periodic, options)


@listed
def blackman_window(window_length: int, periodic: bool = True, **options: Any) -> Tensor:
    """The Blackman window.

    >>> import lampas
    >>> lampas.blackman_window(4).round(decimals=4).abs()
    tensor([0.0000, 0.3400, 1.0000, 0.3400])
    """
    from lampas.signal import windows

    return _window("blackman_window", windows.blackman, window_length, periodic, options)


@listed
def bartlett_window(window_length: int, periodic: bool = True, **options: Any) -> Tensor:
    """The Bartlett window, a triangle that ends at zero.

    >>> import lampas
    >>> lampas.bartlett_window(4)
    tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    from lampas.signal import windows

    return _window("bartlett_window", windows.bartlett, window_length, periodic, options)


@listed
def kaiser_window(
    window_length: int, periodic: bool = True, beta: float = 12.0, **options: Any
) -> Tensor:
    """The Kaiser window with shape parameter `beta`.

    >>> import lampas
    >>> lampas.kaiser_window(3, periodic=False, beta=0.0)
    tensor([1., 1., 1.])
    """
    from lampas.signal import windows

    def shape(n: int, **kwargs: Any) -> Tensor:
        return windows.kaiser(n, beta=beta, **kwargs)

    return _window("kaiser_window", shape, window_length, periodic, options)
