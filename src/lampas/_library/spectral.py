"""Short-time Fourier transforms."""

from __future__ import annotations

import math
from typing import Any

from lampas import _C
from lampas._C import Tensor
from lampas._library import operator


def _window(window: Tensor | None, win_length: int, n_fft: int, dtype: Any) -> Tensor:
    """The window, ones without one, in the middle of n_fft samples."""
    w = _C.ones(win_length, dtype=dtype) if window is None else window
    left = (n_fft - win_length) // 2
    if win_length == n_fft:
        return w
    ends = (_C.zeros(left, dtype=w.dtype), _C.zeros(n_fft - win_length - left, dtype=w.dtype))
    return _C.cat([ends[0], w, ends[1]])


def _overlapped(pieces: Tensor, hop: int) -> Tensor:
    """The sums [b, n] of pieces [b, n_fft, count] that begin `hop` samples from one another."""
    n_fft, count = pieces.size(1), pieces.size(2)
    total = n_fft + hop * (count - 1)
    sums = _C._fold_patches(pieces, [1, total], [1, n_fft], [1, 1], [0, 0], [1, hop])
    return sums.reshape(pieces.size(0), total)


def _check(name: str, n_fft: int, hop: int, win_length: int, window: Tensor | None) -> None:
    if hop <= 0:
        raise RuntimeError(f"{name}: expected hop_length > 0, but got hop_length={hop}")
    if not 0 < win_length <= n_fft:
        raise RuntimeError(
            f"{name}: expected 0 < win_length <= n_fft, but got win_length={win_length} "
            f"and n_fft={n_fft}"
        )
    if window is not None and (window.dim() != 1 or window.numel() != win_length):
        raise RuntimeError(
            f"{name}: expected a 1D window tensor of size equal to win_length={win_length}, "
            f"but got window with size {list(window.shape)}"
        )


@operator(
    "stft(Tensor input, int n_fft, int? hop_length=None, int? win_length=None, "
    "Tensor? window=None, bool center=True, str pad_mode='reflect', bool normalized=False, "
    "bool? onesided=None, bool? return_complex=None, bool? align_to_window=None)",
    method=True,
)
def stft(
    input: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    pad_mode: str = "reflect",
    normalized: bool = False,
    onesided: bool | None = None,
    return_complex: bool | None = None,
    align_to_window: bool | None = None,
) -> Tensor:
    """The Fourier transforms of overlapping windows of a signal.

    Args:
        input: signals [n] or [b, n], real or complex.
        n_fft: samples in a transform.
        hop_length: samples from one window to the next; n_fft // 4 by default.
        win_length: samples that the window covers; n_fft by default.
        window: weights [win_length]; ones by default.
        center: pad the signal by n_fft // 2 on both ends, so that frame t is centred at
            t * hop_length; pad_mode says with what.
        normalized: divide by sqrt(n_fft).
        onesided: leave out the redundant half; the default for real signals and windows.
        return_complex: must be given for real signals; False gives pairs of real numbers.

    Returns [..., frequencies, frames].

    >>> import lampas
    >>> lampas.stft(lampas.ones(8), 4, center=False, return_complex=True).shape
    torch.Size([3, 5])
    """
    hop = n_fft // 4 if hop_length is None else hop_length
    length = n_fft if win_length is None else win_length
    if return_complex is None:
        if not (input.dtype.is_complex or (window is not None and window.dtype.is_complex)):
            raise RuntimeError(
                "stft requires the return_complex parameter be given for real inputs, and will "
                "further require that return_complex=True in a future PyTorch release."
            )
        return_complex = True
    if not (input.dtype.is_floating_point or input.dtype.is_complex):
        raise RuntimeError(
            f"stft: expected a tensor of floating point or complex values, got {input.dtype}"
        )
    if input.dim() not in (1, 2):
        raise RuntimeError(f"stft: expected a 1D or 2D tensor, got shape {tuple(input.shape)}")
    x = input if input.dim() == 2 else input.unsqueeze(0)
    if center:
        from lampas.nn.functional import pad

        x = pad(x.unsqueeze(1), [n_fft // 2] * 2, mode=pad_mode).squeeze(1)
    if not 0 < n_fft <= x.size(1):
        raise RuntimeError(
            f"stft: expected 0 < n_fft <= {x.size(1)}, but got n_fft={n_fft} "
            f"(the length of the signal{' with its padding' if center else ''})"
        )
    _check("stft", n_fft, hop, length, window)
    real_kind = x.real.dtype if x.dtype.is_complex else x.dtype
    weights = _window(window, length, n_fft, real_kind)
    frames = x.unfold(1, n_fft, hop) * weights
    complex_input = frames.dtype.is_complex
    if onesided and complex_input:
        raise RuntimeError("Cannot have onesided output if window or input is complex")
    half = not complex_input if onesided is None else onesided
    from lampas import fft

    norm = "ortho" if normalized else None
    result = (fft.rfft if half else fft.fft)(frames, None, -1, norm).transpose(1, 2)
    result = result if input.dim() == 2 else result.squeeze(0)
    return result if return_complex else _C.view_as_real(result.contiguous())


@operator(
    "istft(Tensor input, int n_fft, int? hop_length=None, int? win_length=None, "
    "Tensor? window=None, bool center=True, bool normalized=False, bool? onesided=None, "
    "int? length=None, bool return_complex=False)",
    method=True,
)
def istft(
    input: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    normalized: bool = False,
    onesided: bool | None = None,
    length: int | None = None,
    return_complex: bool = False,
) -> Tensor:
    """The signal of which `stft` gives the transforms, by least squares: Griffin & Lim, "Signal
    estimation from modified short-time Fourier transform" (1984).

    Args:
        input: complex [..., frequencies, frames]; the others as for `stft`.
        length: samples of the result; what the frames cover by default.
        return_complex: the signal is complex.

    >>> import lampas
    >>> x = lampas.arange(8.0)
    >>> y = lampas.istft(lampas.stft(x, 4, return_complex=True), 4)
    >>> bool(lampas.allclose(x, y, atol=1e-5))
    True
    """
    from lampas import fft

    hop = n_fft // 4 if hop_length is None else hop_length
    win = n_fft if win_length is None else win_length
    if not input.dtype.is_complex:
        raise RuntimeError(
            "istft requires a complex-valued input tensor matching the output from stft with "
            f"return_complex=True, got {input.dtype}"
        )
    if input.numel() == 0:
        raise RuntimeError("istft: input tensor cannot be empty")
    if input.dim() not in (2, 3):
        raise RuntimeError(f"istft: expected 2 or 3 dimensions, got {list(input.shape)}")
    half = input.size(-2) != n_fft if onesided is None else onesided
    want = n_fft // 2 + 1 if half else n_fft
    if input.size(-2) != want:
        raise RuntimeError(
            f"istft: expected the frequency dimension (2nd to the last) of the input tensor to "
            f"match {'n_fft / 2 + 1 ' if half else 'n_fft '}with onesided={half}, but got "
            f"{input.size(-2)} for n_fft={n_fft}"
        )
    if not 0 < hop <= win:
        raise RuntimeError(f"istft: expected 0 < hop_length <= win_length, got {hop} and {win}")
    _check("istft", n_fft, hop, win, window)
    if return_complex and half:
        raise RuntimeError("cannot have onesided output if window or input is complex")
    x = input if input.dim() == 3 else input.unsqueeze(0)
    kind = _C.float64 if x.dtype == _C.complex128 else _C.float32
    weights = _window(window, win, n_fft, kind)
    frames = x.transpose(1, 2)
    norm = "ortho" if normalized else None
    if return_complex:
        pieces = fft.ifft(frames, None, -1, norm)
    else:  # a real signal has its redundant half of frequencies for nothing
        pieces = fft.irfft(frames[..., : n_fft // 2 + 1], n_fft, -1, norm)
    signal = _overlapped((pieces * weights).transpose(1, 2), hop)
    count, total = x.size(2), signal.size(1)
    squares = (weights * weights).reshape(1, n_fft, 1)
    envelope = _overlapped(squares.expand(1, n_fft, count), hop)[0]
    start = n_fft // 2 if center else 0
    end = total - n_fft // 2 if center else total
    if length is not None:
        end = start + length
    signal, envelope = signal[:, start:end], envelope[start:end]
    smallest = float(envelope.abs().amin()) if envelope.numel() else math.inf
    if smallest < 1e-11:
        raise RuntimeError(
            f"istft: window overlap add min: {smallest}; the windows do not cover every sample"
        )
    signal = signal / envelope
    if length is not None and signal.size(1) < length:
        rest = _C.zeros((signal.size(0), length - signal.size(1)), dtype=signal.dtype)
        signal = _C.cat([signal, rest], 1)
    return signal if input.dim() == 3 else signal.squeeze(0)
