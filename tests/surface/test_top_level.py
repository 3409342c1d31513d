"""Names of the top level: settings, in-place functions, einsum, windows, functional forms."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import lampas


def series(*shape: int) -> lampas.Tensor:
    n = int(np.prod(shape))
    return lampas.arange(n, dtype=lampas.float64).reshape(shape).sin()


EQUATIONS = [
    ("ij,jk->ik", (2, 3), (3, 4)),
    ("ij,jk", (2, 3), (3, 4)),
    ("ii", (3, 3)),
    ("ii->i", (3, 3)),
    ("iij->j", (3, 3, 2)),
    ("...ij,...jk->...ik", (5, 1, 2, 3), (4, 3, 4)),
    ("i,j->ij", (2,), (3,)),
    ("i,i->", (3,), (3,)),
    ("bn,anm,bm->ba", (2, 3), (4, 3, 5), (2, 5)),
    ("ab,c->", (2, 3), (4,)),
    ("ba", (2, 3)),
    ("i...->...", (2, 3)),
    ("ij,ij->ij", (2, 3), (2, 3)),
    ("ij,jk->ik", (2, 0), (0, 3)),
    ("ij,jk,kl,lm->im", (2, 3), (3, 4), (4, 5), (5, 2)),
    ("...ii->...i", (2, 3, 3)),
]


@pytest.mark.parametrize("case", EQUATIONS, ids=lambda c: c[0])
def test_einsum_as_numpy(case: tuple) -> None:
    equation, *shapes = case
    operands = [series(*s) for s in shapes]
    want = np.einsum(equation, *(x.numpy() for x in operands))
    got = lampas.einsum(equation, *operands)
    assert got.shape == want.shape
    np.testing.assert_allclose(got.numpy(), want, rtol=1e-12, atol=1e-12)


def test_einsum_sublists_and_gradient() -> None:
    a, b = series(2, 3).requires_grad_(), series(3, 4).requires_grad_()
    sub = lampas.einsum(a, [0, 1], b, [1, 2], [0, 2])
    lampas.testing.assert_close(sub, a @ b)
    assert lampas.autograd.gradcheck(lambda x, y: lampas.einsum("ij,jk->ki", x, y), (a, b))


@pytest.mark.parametrize(
    ("equation", "shapes", "text"),
    [
        ("ij,jk->ik", [(2, 3), (4, 4)], "subscript j has size 4"),
        ("i,j", [(2,)], "2 subscripts for 1 operands"),
        ("i->j", [(2,)], "output subscript j"),
        ("i->ii", [(2,)], "must appear once"),
        ("i1->i", [(2, 2)], "invalid subscript"),
        ("i", [(2, 2)], "does not match the number of dimensions"),
    ],
)
def test_einsum_refuses(equation: str, shapes: list, text: str) -> None:
    with pytest.raises(RuntimeError, match=text):
        lampas.einsum(equation, *(series(*s) for s in shapes))


def test_windows() -> None:
    n = np.arange(8)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * n / 8)
    np.testing.assert_allclose(lampas.hann_window(8).numpy(), hann, atol=1e-6)
    for name in ("hanning", "hamming", "blackman", "bartlett"):
        ours = getattr(lampas, name.replace("hanning", "hann") + "_window")(7, periodic=False)
        np.testing.assert_allclose(ours.numpy(), getattr(np, name)(7), atol=1e-6)
    kaiser = lampas.kaiser_window(7, periodic=False, beta=5.0)
    np.testing.assert_allclose(kaiser.numpy(), np.kaiser(7, 5.0), atol=1e-6)
    with pytest.raises(RuntimeError, match="non-negative"):
        lampas.hann_window(-1)
    with pytest.raises(RuntimeError, match="floating point"):
        lampas.hann_window(3, dtype=lampas.int64)


def test_inplace_functions_are_the_methods() -> None:
    x = lampas.tensor([-1.0, 4.0])
    assert lampas.abs_(x) is x
    assert x.tolist() == [1.0, 4.0]
    assert lampas.clamp_(input=x, max=2).tolist() == [1.0, 2.0]
    assert not hasattr(lampas, "add_")


def test_settings() -> None:
    lampas.set_deterministic_debug_mode("warn")
    assert lampas.get_deterministic_debug_mode() == 1
    assert lampas.is_deterministic_algorithms_warn_only_enabled()
    lampas.use_deterministic_algorithms(False)
    with pytest.raises(TypeError, match="mode must be bool"):
        lampas.use_deterministic_algorithms(1)
    with pytest.raises(TypeError, match="floating-point"):
        lampas.set_default_tensor_type("torch.LongTensor")


def test_legacy_types() -> None:
    x = lampas.FloatTensor([1, 2])
    assert isinstance(x, lampas.FloatTensor)
    assert not isinstance(x, lampas.LongTensor)
    assert lampas.LongTensor(2, 3).shape == (2, 3)
    assert x.type(lampas.LongTensor).dtype is lampas.int64


def test_functional_forms() -> None:
    F = lampas.nn.functional
    x, t = series(2, 3), series(2, 3).abs()
    for number, name in enumerate(("none", "mean", "sum")):
        lampas.testing.assert_close(lampas.kl_div(x, t, number), F.kl_div(x, t, reduction=name))
    with pytest.raises(ValueError, match="reduction is 0"):
        lampas.kl_div(x, t, 3)
    y = lampas.convolution(series(1, 2, 5), series(2, 3, 3), None, [2], [1], [1], True, [1], 1)
    lampas.testing.assert_close(
        y, F.conv_transpose1d(series(1, 2, 5), series(2, 3, 3), None, 2, 1, 1)
    )
    kept, mask = lampas.native_dropout(lampas.ones(1000), 0.25, True)
    lampas.testing.assert_close(kept, mask / 0.75)


def test_asarray() -> None:
    a = np.arange(3.0)
    lampas.asarray(a)[0] = 7
    assert a[0] == 7
    lampas.asarray(a, copy=True)[0] = 8
    assert a[0] == 7
    with pytest.raises(ValueError, match="can't alias"):
        lampas.asarray([1, 2], copy=False)
    with pytest.raises(ValueError, match="can't alias"):
        lampas.asarray(a, dtype=lampas.float32, copy=False)


def test_range_and_vander() -> None:
    with pytest.warns(UserWarning, match="deprecated"):
        assert lampas.range(0, 1, 0.5).tolist() == [0.0, 0.5, 1.0]
    x = series(4)
    np.testing.assert_allclose(lampas.vander(x, 3).numpy(), np.vander(x.numpy(), 3))


def test_default_device() -> None:
    with lampas.device("meta") as d:
        assert lampas.get_default_device() == d
        assert lampas.nn.Linear(2, 2).weight.device == d
        assert lampas.ones(1, device="cpu").device.type == "cpu"
    lampas.set_default_device("meta")
    try:
        assert lampas.rand(2).device.type == "meta"
        with lampas.device("cpu"):
            assert lampas.tensor(1.0).item() == 1.0
    finally:
        lampas.set_default_device(None)
    assert lampas.tensor(1.0).device.type == "cpu"


def test_segment_reduce() -> None:
    x = series(5).requires_grad_()
    lengths = lampas.tensor([2, 0, 3])
    for reduce in ("sum", "mean", "max", "min", "prod"):
        got = lampas.segment_reduce(x, reduce, lengths=lengths)
        f = getattr(np, reduce)
        values = x.detach().numpy()
        np.testing.assert_allclose(got[0].item(), f(values[:2]))
        np.testing.assert_allclose(got[2].item(), f(values[2:]))
        offsets = lampas.tensor([0, 2, 2, 5])
        again = lampas.segment_reduce(x, reduce, offsets=offsets)
        lampas.testing.assert_close(got, again, equal_nan=True)
    assert lampas.autograd.gradcheck(
        lambda x: lampas.segment_reduce(x, "prod", lengths=lengths, initial=2.0), (x,)
    )
    with pytest.raises(RuntimeError, match="sum to 5"):
        lampas.segment_reduce(x, "sum", lengths=lampas.tensor([2]))


def test_fill_diagonal() -> None:
    for shape, wrap in (((3, 3), False), ((7, 3), True), ((7, 3), False), ((2, 5), True)):
        want = np.zeros(shape)
        np.fill_diagonal(want, 2, wrap=wrap)
        np.testing.assert_array_equal(lampas.zeros(shape).fill_diagonal_(2, wrap).numpy(), want)
    with pytest.raises(RuntimeError, match="equal length"):
        lampas.zeros(2, 2, 3).fill_diagonal_(1)


def test_cond() -> None:
    assert lampas.cond(True, lambda x: x + 1, lambda x: x - 1, (1,)) == 2
    with pytest.raises(RuntimeError, match="Expected pred"):
        lampas.cond(lampas.ones(2), lambda: 1, lambda: 2)


def test_operators_pickle_and_copy_by_name() -> None:
    for op in (lampas.relu, lampas.Tensor.add_, lampas.Tensor.item, lampas.linalg.svd):
        assert pickle.loads(pickle.dumps(op)) is op and copy.deepcopy(op) is op
