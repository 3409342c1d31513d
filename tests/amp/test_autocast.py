"""What autocast does to operators: dtypes of results, casts that are kept, gradients."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import lampas
from lampas import nn, optim
from lampas.nn import functional as F

F16, BF16, F32, F64 = lampas.float16, lampas.bfloat16, lampas.float32, lampas.float64


def filled(dtype: lampas.dtype):
    """Makes tensors of `dtype` by shape, with values between 0.1 and 1.1."""

    def make(*shape: int) -> lampas.Tensor:
        return (lampas.rand(*shape) + 0.1).to(dtype)

    return make


def positive(r) -> lampas.Tensor:
    x = r(3, 3).float()
    return (x @ x.T + lampas.eye(3)).to(r(1).dtype)


# Operators in autocast's dtype.
SHORT = {
    "matmul": lambda r: r(2, 3) @ r(3, 2),
    "method": lambda r: r(2, 3).matmul(r(3, 2)),
    "mm": lambda r: lampas.mm(r(2, 3), r(3, 2)),
    "bmm": lambda r: lampas.bmm(r(1, 2, 3), r(1, 3, 2)),
    "inner": lambda r: lampas.inner(r(2, 3), r(2, 3)),
    "addmm": lambda r: lampas.addmm(r(2, 2), r(2, 3), r(3, 2)),
    "baddbmm": lambda r: lampas.baddbmm(r(1, 2, 2), r(1, 2, 3), r(1, 3, 2)),
    "addbmm": lambda r: lampas.addbmm(r(2, 2), r(1, 2, 3), r(1, 3, 2)),
    "linear": lambda r: F.linear(r(2, 3), r(4, 3), r(4)),
    "einsum": lambda r: lampas.einsum("ij,jk->ik", r(2, 3), r(3, 2)),
    "tensordot": lambda r: lampas.tensordot(r(2, 3), r(3, 2), 1),
    "chain_matmul": lambda r: lampas.chain_matmul(r(2, 3), r(3, 2)),
    "multi_dot": lambda r: lampas.linalg.multi_dot([r(2, 3), r(3, 2)]),
    "vecdot": lambda r: lampas.linalg.vecdot(r(3), r(3)),
    "matrix_power": lambda r: lampas.linalg.matrix_power(r(3, 3), 2),
    "cov": lambda r: lampas.cov(r(2, 3)),
    "conv1d": lambda r: F.conv1d(r(1, 1, 5), r(1, 1, 3), r(1)),
    "conv2d": lambda r: F.conv2d(r(1, 1, 5, 5), r(1, 1, 3, 3)),
    "conv2d same": lambda r: F.conv2d(r(1, 1, 5, 5), r(1, 1, 3, 3), padding="same"),
    "conv3d": lambda r: F.conv3d(r(1, 1, 5, 5, 5), r(1, 1, 3, 3, 3)),
    "conv_transpose1d": lambda r: F.conv_transpose1d(r(1, 1, 5), r(1, 1, 3)),
    "conv_transpose2d": lambda r: F.conv_transpose2d(r(1, 1, 5, 5), r(1, 1, 3, 3)),
    "conv_transpose3d": lambda r: F.conv_transpose3d(r(1, 1, 5, 5, 5), r(1, 1, 3, 3, 3)),
    "conv_tbc": lambda r: lampas.conv_tbc(r(5, 1, 2), r(3, 2, 2), r(2)),
    "prelu": lambda r: F.prelu(r(2), r(1)),
    "affine_grid": lambda r: F.affine_grid(r(1, 2, 3), (1, 1, 2, 2), False),
    "attention": lambda r: F.scaled_dot_product_attention(r(1, 2, 3), r(1, 2, 3), r(1, 2, 3)),
}

# Operators in float32, whatever shorter float they are given.
SINGLE = {
    "prod": lambda r: r(2).prod(),
    "prod dim": lambda r: lampas.prod(r(2, 2), 1),
    "trace": lambda r: lampas.trace(r(3, 3)),
    "quantile": lambda r: lampas.quantile(r(4), 0.5),
    "nanquantile": lambda r: lampas.nanquantile(r(4), 0.5),
    "cdist": lambda r: lampas.cdist(r(2, 3), r(2, 3)),
    "grid_sample": lambda r: F.grid_sample(r(1, 1, 3, 3), r(1, 2, 2, 2), align_corners=False),
    "avg_pool3d": lambda r: F.avg_pool3d(r(1, 1, 4, 4, 4), 2),
    "max_pool3d": lambda r: F.max_pool3d(r(1, 1, 4, 4, 4), 2),
    "adaptive_avg_pool3d": lambda r: F.adaptive_avg_pool3d(r(1, 1, 4, 4, 4), 2),
    "adaptive_max_pool3d": lambda r: F.adaptive_max_pool3d(r(1, 1, 4, 4, 4), 2),
    "max_unpool2d": lambda r: F.max_unpool2d(r(1, 1, 2, 2), lampas.arange(4).view(1, 1, 2, 2), 2),
    "fractional": lambda r: F.fractional_max_pool2d(r(1, 1, 4, 4), 2, output_size=2),
    "reflect 1d": lambda r: F.pad(r(1, 1, 4), (1, 1), "reflect"),
    "reflect 2d": lambda r: F.pad(r(1, 1, 4, 4), (1, 1, 1, 1), "reflect"),
    "replicate 3d": lambda r: F.pad(r(1, 1, 4, 4, 4), (1,) * 6, "replicate"),
    "cholesky": lambda r: lampas.linalg.cholesky(positive(r) + lampas.eye(3).to(r(1).dtype)),
    "inv": lambda r: lampas.linalg.inv(positive(r)),
    "inverse": lambda r: positive(r).inverse(),
    "solve": lambda r: lampas.linalg.solve(positive(r), r(3)),
    "lstsq": lambda r: lampas.linalg.lstsq(r(3, 3), r(3, 1))[0],
    "cond": lambda r: lampas.linalg.cond(r(3, 3)),
    "svd": lambda r: lampas.linalg.svd(r(3, 3))[1],
    "eigh": lambda r: lampas.linalg.eigh(positive(r))[0],
    "qr": lambda r: lampas.linalg.qr(r(3, 3))[0],
    "irfft": lambda r: lampas.fft.irfft(r(4)),
    "mse_loss": lambda r: F.mse_loss(r(3), r(3)),
    "l1_loss": lambda r: F.l1_loss(r(3), r(3)),
    "huber_loss": lambda r: F.huber_loss(r(3), r(3)),
    "smooth_l1_loss": lambda r: F.smooth_l1_loss(r(3), r(3)),
    "binary_cross_entropy": lambda r: F.binary_cross_entropy(r(3) * 0.5, r(3) * 0.5),
    "with logits": lambda r: F.binary_cross_entropy_with_logits(r(3), r(3)),
    "nll_loss": lambda r: F.nll_loss(r(2, 3), lampas.tensor([0, 1])),
    "cross_entropy": lambda r: F.cross_entropy(r(2, 3), lampas.tensor([0, 1])),
    "cross_entropy, probabilities": lambda r: F.cross_entropy(r(2, 3), r(2, 3)),
    "kl_div": lambda r: F.kl_div(r(3), r(3), reduction="sum"),
    "poisson_nll_loss": lambda r: F.poisson_nll_loss(r(3), r(3)),
    "cosine": lambda r: F.cosine_embedding_loss(r(2, 3), r(2, 3), lampas.tensor([1, -1])),
    "hinge": lambda r: F.hinge_embedding_loss(r(2), lampas.tensor([1, -1])),
    "ranking": lambda r: F.margin_ranking_loss(r(2), r(2), lampas.tensor([1, -1])),
    "soft_margin_loss": lambda r: F.soft_margin_loss(r(2), lampas.tensor([1, -1])),
    "triplet": lambda r: F.triplet_margin_loss(r(2, 3), r(2, 3), r(2, 3)),
    "multi_margin_loss": lambda r: F.multi_margin_loss(r(2, 3), lampas.tensor([0, 1])),
    "multilabel": lambda r: F.multilabel_margin_loss(r(3), lampas.tensor([0, -1, 1])),
    "ctc_loss": lambda r: F.ctc_loss(r(5, 1, 3).log(), lampas.tensor([[1, 2]]), (5,), (2,)),
}

# Operators that take what they are given.
AS_GIVEN = {
    "mv": lambda r: lampas.mv(r(2, 3), r(3)),
    "dot": lambda r: lampas.dot(r(3), r(3)),
    "outer": lambda r: lampas.outer(r(3), r(3)),
    "addmv": lambda r: lampas.addmv(r(2), r(2, 3), r(3)),
    "in place": lambda r: r(2, 2).addmm_(r(2, 3), r(3, 2)),
    "out": lambda r: lampas.mm(r(2, 3), r(3, 2), out=lampas.empty(2, 2, dtype=r(1).dtype)),
    "bilinear": lambda r: F.bilinear(r(2, 3), r(2, 3), r(4, 3, 3)),
    "matrix_exp": lambda r: lampas.matrix_exp(r(3, 3)),
    "add": lambda r: r(2) + r(2),
    "sum": lambda r: r(2).sum(),
    "softmax": lambda r: F.softmax(r(3), 0),
    "layer_norm": lambda r: F.layer_norm(r(3), (3,)),
    "relu": lambda r: F.relu(r(3)),
    "max_pool2d": lambda r: F.max_pool2d(r(1, 1, 4, 4), 2),
    "constant pad": lambda r: F.pad(r(1, 1, 4), (1, 1)),
    "reflect 3d": lambda r: F.pad(r(1, 1, 4, 4, 4), (1,) * 6, "reflect"),
    "cosine_similarity": lambda r: F.cosine_similarity(r(2, 3), r(2, 3)),
}


def expected(kind: str, given: lampas.dtype, short: lampas.dtype) -> lampas.dtype:
    if given == F64 or kind == "given":
        return given
    return short if kind == "short" else F32


TABLES = {"short": SHORT, "single": SINGLE, "given": AS_GIVEN}
ROWS = [(kind, name, f) for kind, rows in TABLES.items() for name, f in rows.items()]


@pytest.mark.parametrize(("kind", "name", "f"), ROWS, ids=[f"{k}: {n}" for k, n, _ in ROWS])
def test_result_dtypes(kind: str, name: str, f) -> None:
    for short in (BF16, F16):
        for given in (F32, short, F64):
            with lampas.autocast("cpu", dtype=short):
                assert f(filled(given)).dtype == expected(kind, given, short), (short, given)


def test_complex_results_of_halves() -> None:
    r = filled(BF16)
    with lampas.autocast("cpu"):
        assert lampas.fft.fft(r(4)).dtype == lampas.complex64
        assert lampas.fft.rfftn(r(4, 4)).dtype == lampas.complex64
        assert lampas.polar(r(2), r(2)).dtype == lampas.complex64
        assert lampas.view_as_complex(r(3, 2)).dtype == lampas.complex64
        window = lampas.ones(4, dtype=BF16)
        assert lampas.stft(r(16), 4, window=window, return_complex=True).dtype == lampas.complex64
        assert lampas.linalg.eigvals(r(3, 3)).dtype == lampas.complex64


def test_joins_take_the_widest() -> None:
    r, s = filled(BF16), filled(F32)
    with lampas.autocast("cpu"):
        assert lampas.cat([r(2), s(2)]).dtype == F32
        assert lampas.cat([r(2), r(2)]).dtype == BF16
        assert lampas.stack([r(2), s(2)]).dtype == F32
        assert lampas.stack([r(2), s(2).double()]).dtype == F64
        at = lampas.tensor([0])
        assert lampas.index_copy(r(3), 0, at, s(1)).dtype == F32
        assert lampas.index_copy(s(3), 0, at, r(1)).dtype == F32
    with pytest.raises(RuntimeError):
        lampas.index_copy(r(3), 0, at, s(1))


@pytest.mark.parametrize(
    ("layer", "output"),
    [(nn.RNN, BF16), (nn.LSTM, BF16), (nn.GRU, F32), (nn.RNNCell, BF16), (nn.LSTMCell, F32),
     (nn.GRUCell, F32)],
)  # fmt: skip
def test_recurrent_layers(layer, output) -> None:
    cell = layer.__name__.endswith("Cell")
    x = lampas.rand(2, 3) if cell else lampas.rand(2, 1, 3)
    model = layer(3, 4)
    with lampas.autocast("cpu"):
        y = model(x)
        while not isinstance(y, lampas.Tensor):
            y = y[0]
        assert y.dtype == output
        model(x.bfloat16())  # needs no cast by hand
    y.sum().backward()
    assert all(p.grad.dtype == F32 for p in model.parameters())


def test_integers_and_meta_tensors_stay() -> None:
    i = lampas.ones(2, 2, dtype=lampas.int64)
    m = lampas.ones(2, 2, device="meta")
    with lampas.autocast("cpu"):
        assert (i @ i).dtype == lampas.int64
        assert (m @ m).dtype == F32
        assert (filled(F32)(2, 2).to(lampas.complex64) @ i.to(lampas.complex64)).is_complex()


def test_values_are_those_of_the_short_product() -> None:
    a, b = lampas.randn(5, 7), lampas.randn(7, 3)
    with lampas.autocast("cpu", dtype=F16):
        y = a @ b
    exact = a.half().double().numpy() @ b.half().double().numpy()
    assert np.allclose(y.double().numpy(), exact, rtol=1e-3, atol=1e-3)


# ---- gradients and the cache --------------------------------------------------------------------


def test_gradients_reach_float32_weights() -> None:
    w = lampas.randn(4, 3, requires_grad=True)
    x = lampas.randn(5, 3)
    with lampas.autocast("cpu"):
        F.linear(x, w).sum().backward()
    assert w.grad.dtype == F32
    assert np.allclose(w.grad.numpy(), np.tile(x.sum(0).numpy(), (4, 1)), rtol=2e-2, atol=2e-2)


def cast_of_weight(y: lampas.Tensor) -> object:
    """The graph's node that cast the second operand of the product `y`."""
    return y.grad_fn.next_functions[1][0]


def test_cast_weights_are_kept_until_the_block_ends() -> None:
    w = lampas.randn(3, 3, requires_grad=True)
    x = lampas.randn(2, 3)
    with lampas.autocast("cpu"):
        a, b = x @ w, x @ w
        assert cast_of_weight(a) is cast_of_weight(b)
        with lampas.autocast("cpu"):
            assert cast_of_weight(x @ w) is cast_of_weight(a)
        with lampas.autocast("cpu", cache_enabled=False):
            assert cast_of_weight(x @ w) is not cast_of_weight(a)
        y = x.detach().requires_grad_() * 1  # not a leaf
        assert cast_of_weight(x @ y.T) is not cast_of_weight(x @ y.T)
    with lampas.autocast("cpu"):
        assert cast_of_weight(x @ w) is not cast_of_weight(a)
    (a + b).sum().backward()
    assert np.allclose(w.grad.numpy(), 2 * np.tile(x.sum(0)[:, None], 3), rtol=2e-2, atol=2e-2)


def test_a_weight_that_changed_is_cast_anew() -> None:
    model = nn.Linear(1, 1, bias=False)
    optimizer = optim.SGD(model.parameters(), lr=1.0)
    x = lampas.ones(1, 1)
    with lampas.autocast("cpu"):
        before = model(x)
        before.sum().backward()
        optimizer.step()
        assert (before - model(x)).item() == pytest.approx(1.0, abs=0.02)


def test_a_cast_made_without_gradients_is_not_used_for_them() -> None:
    w = lampas.ones(2, 2, requires_grad=True)
    with lampas.autocast("cpu"):
        with lampas.no_grad():
            assert not (w @ w).requires_grad
        (w @ w).sum().backward()
    assert w.grad.tolist() == [[4.0, 4.0], [4.0, 4.0]]


def test_off_within_on_and_on_other_threads() -> None:
    a = lampas.ones(2, 2)
    seen = []
    with lampas.autocast("cpu"):
        with lampas.autocast("cpu", enabled=False):
            assert (a @ a).dtype == F32
        assert (a @ a).dtype == BF16
        thread = threading.Thread(target=lambda: seen.append((a @ a).dtype))
        thread.start()
        thread.join()
    assert seen == [F32] and (a @ a).dtype == F32


def test_an_error_leaves_autocast_on() -> None:
    a = lampas.ones(2, 3)
    with lampas.autocast("cpu"):
        with pytest.raises(RuntimeError):
            a @ a
        with pytest.raises(RuntimeError):
            lampas.mm(a, a)
        assert lampas.mm(a, a.T).dtype == BF16


def test_training_under_autocast() -> None:
    lampas.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))
    optimizer = optim.SGD(model.parameters(), lr=0.5)
    x = lampas.randn(32, 4)
    y = (x[:, 0] > 0).long()
    losses = []
    for _ in range(30):
        optimizer.zero_grad()
        with lampas.autocast("cpu"):
            out = model(x)
            loss = F.cross_entropy(out, y)
        assert out.dtype == BF16 and loss.dtype == F32
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]
    assert all(p.dtype == F32 for p in model.parameters())
