"""Long signals: padding, transforms of frames and back, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import lampas
from lampas.nn import functional as F


@pytest.mark.parametrize(
    "mode, theirs", [("reflect", "reflect"), ("replicate", "edge"), ("circular", "wrap")]
)
@pytest.mark.parametrize("ends", [(3, 0), (0, 4), (6, 6), (-2, 3), (2, -3)])
def test_padding_of_one_dimension(mode: str, theirs: str, ends: tuple[int, int]) -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, 7))
    kept = x[..., max(0, -ends[0]) : 7 + min(0, ends[1])] if mode == "circular" else x
    grown = [(0, 0), (0, 0), (max(0, ends[0]), max(0, ends[1]))]
    want = np.pad(kept, grown, mode=theirs)
    if mode != "circular":
        want = want[..., max(0, -ends[0]) : want.shape[-1] + min(0, ends[1])]
    given = lampas.tensor(x, requires_grad=True)
    got = F.pad(given, ends, mode=mode)
    np.testing.assert_array_equal(got.detach().numpy(), want)
    assert lampas.autograd.gradcheck(lambda t: F.pad(t, ends, mode=mode), (given,))


@pytest.mark.parametrize("n_fft, hop", [(400, 160), (64, 16), (63, 20)])
def test_frames_and_back(n_fft: int, hop: int) -> None:
    x = np.random.default_rng(1).standard_normal((2, 20000))
    window = np.hanning(n_fft + 1)[:-1]
    weights = lampas.tensor(window)
    got = lampas.stft(lampas.tensor(x), n_fft, hop, window=weights, return_complex=True)
    padded = np.pad(x, [(0, 0), (n_fft // 2, n_fft // 2)], mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft, axis=1)[:, ::hop]
    want = np.fft.rfft(frames * window, axis=-1).swapaxes(1, 2)
    np.testing.assert_allclose(got.numpy(), want, rtol=1e-10, atol=1e-10)
    back = lampas.istft(got, n_fft, hop, window=weights, length=x.shape[1])
    covered = n_fft // 2 + hop * (got.shape[-1] - 1) - n_fft // 2
    np.testing.assert_allclose(back.numpy()[:, :covered], x[:, :covered], rtol=1e-9, atol=1e-9)


def test_frames_of_a_complex_signal_and_back() -> None:
    random = np.random.default_rng(2)
    x = lampas.tensor(random.standard_normal(800) + 1j * random.standard_normal(800))
    frames = lampas.stft(x, 32, 8, window=lampas.hann_window(32, dtype=lampas.float64))
    weights = lampas.hann_window(32, dtype=lampas.float64)
    back = lampas.istft(frames, 32, 8, window=weights, return_complex=True)
    lampas.testing.assert_close(back, x[: back.numel()])


@pytest.mark.parametrize("shape", [(1,), (2,), (7,), (12,), (4, 5), (3, 4, 6)])
def test_transforms_of_real_values(shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(3).standard_normal(shape)
    given = lampas.tensor(x, requires_grad=True)
    for ours, theirs in ((lampas.fft.fftn, np.fft.fftn), (lampas.fft.ifftn, np.fft.ifftn)):
        np.testing.assert_allclose(ours(given).detach().numpy(), theirs(x), atol=1e-12)
        assert lampas.autograd.gradcheck(ours, (given,))
    single = lampas.fft.fft(lampas.tensor(x, dtype=lampas.float32), dim=0)
    assert single.dtype == lampas.complex64
    np.testing.assert_allclose(single.numpy(), np.fft.fft(x, axis=0), rtol=1e-5, atol=1e-5)
