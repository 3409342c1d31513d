"""Views and what they share; writing in place and into out=."""

from __future__ import annotations

import re

import numpy as np
import pytest

import lampas

VIEWS = {
    "view": lambda t: t.view(12),
    "reshape": lambda t: t.reshape(2, 6),
    "flatten": lambda t: t.flatten(),
    "ravel": lambda t: t.ravel(),
    "transpose": lambda t: t.transpose(0, 1),
    "t": lambda t: t.t(),
    "T": lambda t: t.T,
    "mT": lambda t: t.mT,
    "permute": lambda t: t.permute(1, 0),
    "movedim": lambda t: t.movedim(0, 1),
    "swapaxes": lambda t: t.swapaxes(0, 1),
    "unsqueeze": lambda t: t.unsqueeze(1),
    "squeeze": lambda t: t.unsqueeze(1).squeeze(1),
    "select": lambda t: t.select(0, 1),
    "narrow": lambda t: t.narrow(1, 1, 2),
    "slice": lambda t: t[::2, 1:],
    "diagonal": lambda t: t.diagonal(),
    "unfold": lambda t: t.unfold(1, 2, 2),
    "as_strided": lambda t: t.as_strided((2, 2), (4, 1), 1),
    "expand": lambda t: t[:, :1].expand(3, 5),
    "expand_as": lambda t: t[:1].expand_as(lampas.ones(3, 4)),
    "view_as": lambda t: t.view_as(lampas.ones(4, 3)),
    "split": lambda t: t.split(2)[0],
    "chunk": lambda t: t.chunk(2, 1)[1],
    "unbind": lambda t: t.unbind(1)[2],
    "detach": lambda t: t.detach(),
    "alias": lambda t: t.view_as(t),
    "unflatten": lambda t: t.unflatten(1, (2, 2)),
    "dtype": lambda t: t.view(lampas.int64),
    "real": lambda t: t.real,
    "hsplit": lambda t: t.hsplit(2)[1],
    "tensor_split": lambda t: t.tensor_split(2)[0],
    "broadcast_to": lambda t: t.broadcast_to(2, 3, 4),
    "adjoint": lambda t: t.adjoint(),
}


@pytest.mark.parametrize("name", VIEWS)
def test_views_share_memory(name: str) -> None:
    x = lampas.arange(12.0, dtype=lampas.float64).reshape(3, 4)
    v = VIEWS[name](x)
    assert v.untyped_storage().data_ptr() == x.untyped_storage().data_ptr()
    before = v.clone()
    x.add_(100)
    if name != "dtype":
        np.testing.assert_array_equal(v, before + 100)
    assert v._version == x._version or name == "detach"
    if name not in ("expand", "expand_as", "broadcast_to", "dtype"):
        v.fill_(-1)
        assert (x == -1).sum() == v.numel()


@pytest.mark.parametrize("name", ["clone", "contiguous", "reshape", "to", "repeat", "flip", "roll"])
def test_copies_do_not(name: str) -> None:
    x = lampas.arange(12.0).reshape(3, 4).t()
    copies = {
        "clone": lambda: x.clone(),
        "contiguous": lambda: x.contiguous(),
        "reshape": lambda: x.reshape(12),
        "to": lambda: x.to(lampas.float64),
        "repeat": lambda: x.repeat(1, 1),
        "flip": lambda: x.flip(0),
        "roll": lambda: x.roll(1),
    }
    y = copies[name]()
    assert y.untyped_storage().data_ptr() != x.untyped_storage().data_ptr()
    y.zero_()
    assert x.sum() == 66


def test_what_needs_no_copy_makes_none() -> None:
    x = lampas.ones(3)
    assert x.contiguous() is x and x.to(lampas.float32) is x and x.float() is x
    assert x.to("cpu") is x and x.cpu() is x
    assert x.to(lampas.float32, copy=True) is not x


def test_strides() -> None:
    x = lampas.zeros(2, 3, 4)
    assert x.stride() == (12, 4, 1) and x.permute(2, 0, 1).stride() == (1, 12, 4)
    assert x[:, 1:, ::2].stride() == (12, 4, 2) and x[:, 1:, ::2].storage_offset() == 4
    assert x[0].expand(5, 3, 4).stride() == (0, 4, 1)
    assert x.permute(2, 0, 1).clone().stride() == (1, 12, 4)  # a dense layout is kept
    assert (x.permute(2, 0, 1) + 1).stride() == (1, 12, 4)
    assert x.permute(2, 0, 1).contiguous().stride() == (6, 3, 1)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda t: t.view(5), "shape .*is invalid for input of size 12"),
        (lambda t: t.view(-1, 5), "shape .*is invalid for input of size 12"),
        (lambda t: t.view(-1, -1), "only one dimension can be inferred"),
        (lambda t: t.t().view(12), "view size is not compatible|contiguous"),
        (lambda t: t.reshape(-2), "invalid shape dimension -2"),
        (lambda t: t.expand(2, 4), "expanded size of the tensor"),
        (lambda t: t.expand(4), "number of sizes provided|expanded size"),
        (lambda t: t.narrow(0, 2, 2), "exceeds dimension size"),
        (lambda t: t.as_strided((4,), (4,)), "out of bounds for storage"),
        (lambda t: t.as_strided((2,), (-1,)), "[Nn]egative strides"),
        (lambda t: t.as_strided((2,), (1, 1)), "mismatch in length of strides and shape"),
        (lambda t: t.as_strided((2,), (2**62,)), "out of bounds for storage|overflow"),
        (lambda t: t.permute(0, 0), "repeated dim|duplicate"),
        (lambda t: t.view(lampas.complex128).view(lampas.int8).t().view(lampas.int16), "view|str"),
    ],
)
def test_impossible_views(call, text) -> None:
    with pytest.raises(RuntimeError, match=text):
        call(lampas.zeros(3, 4, dtype=lampas.float64))


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda t: t.view(5), "view"),
        (lambda t: t.expand(4), "expand"),
        (lambda t: t.sum(7), "sum"),
        (lambda t: t.mm(t[0]), "mm"),
        (lambda t: lampas.cat([t, t[0]]), "cat"),
        (lambda t: lampas.zeros(2**45), "zeros"),
        (lambda t: t.float().add_(lampas.ones(5)), "add_"),
        (lambda t: lampas.nn.functional.max_pool2d(t[0], 2), "max_pool2d"),
    ],
)
def test_an_error_names_the_operator_once(call, name) -> None:
    with pytest.raises((RuntimeError, IndexError)) as e:
        call(lampas.zeros(3, 4, dtype=lampas.float64))
    assert len(re.findall(rf"\b{name}\b", str(e.value))) == 1


# ---- in place -----------------------------------------------------------------------------------
def test_in_place_returns_the_tensor_itself() -> None:
    x = lampas.ones(3)
    same = x
    x += 1
    x *= 2
    x -= 1
    x /= 2
    x **= 2
    assert x is same and x.tolist() == [2.25] * 3 and x._version == 5
    assert x.sqrt_() is x and x.fill_(7) is x and x.zero_() is x and x.copy_(same) is x
    n = lampas.tensor([6, 7])
    n //= 2
    n %= 2
    n <<= 3
    n |= 1
    n ^= 8
    n &= 15
    assert n.tolist() == [1, 1]


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: lampas.ones(2, dtype=lampas.int64).add_(0.5), "can't be cast"),
        (lambda: lampas.ones(2, dtype=lampas.int64).div_(2), "can't be cast"),
        (lambda: lampas.ones(2).mul_(1j), "can't be cast"),
        (lambda: lampas.ones(2, dtype=lampas.bool).add_(1), "can't be cast"),
        (lambda: lampas.ones(2).add_(lampas.ones(3, 2)), "doesn't match the broadcast shape"),
        (lambda: lampas.ones(1).mul_(lampas.ones(3)), "doesn't match the broadcast shape"),
    ],
)
def test_results_that_do_not_fit(call, text) -> None:
    with pytest.raises(RuntimeError, match=text):
        call()


def test_a_wider_operand_is_rounded() -> None:
    x = lampas.ones(2, dtype=lampas.float16)
    x.add_(lampas.tensor([0.1, 0.2], dtype=lampas.float64))
    assert x.dtype == lampas.float16
    n = lampas.ones(2, dtype=lampas.int8)
    n.add_(lampas.tensor([300, 5]))
    assert n.tolist() == [45, 6]


def test_operands_that_overlap_are_read_first() -> None:
    x = lampas.arange(6)
    x[1:] += x[:-1]
    assert x.tolist() == [0, 1, 3, 5, 7, 9]
    m = lampas.arange(4).reshape(2, 2)
    m += m.t()
    assert m.tolist() == [[0, 3], [3, 6]]
    y = lampas.arange(5.0)
    lampas.exp(y[:-1].clone(), out=y[1:])
    lampas.add(y[:-1], 1, out=y[1:])
    np.testing.assert_allclose(y, [0, 1, 2, 1 + np.e, 1 + np.e**2], rtol=1e-6)


@pytest.mark.parametrize(
    "write",
    [
        lambda t: t.add_(1),
        lambda t: t.sigmoid_(),
        lambda t: t.copy_(lampas.arange(3.0)),
        lambda t: t.uniform_(),
        lambda t: t.__setitem__(slice(None), lampas.arange(3.0)),
        lambda t: lampas.add(lampas.ones(3), 1, out=t),
        lambda t: t.scatter_(0, lampas.tensor([0]), 1.0),
        lambda t: t.cumsum_(0),
    ],
)
def test_expanded_tensors_cannot_be_written_to(write) -> None:
    t = lampas.zeros(1).expand(3)
    with pytest.raises(RuntimeError, match="more than one element of the written-to tensor"):
        write(t)
    assert t.tolist() == [0.0] * 3
    assert t.fill_(2).tolist() == [2.0] * 3  # one value for all


# ---- out= ---------------------------------------------------------------------------------------
def test_out() -> None:
    a, b = lampas.arange(3.0), lampas.ones(3)
    out = lampas.empty(3)
    assert lampas.add(a, b, out=out) is out and out.tolist() == [1.0, 2.0, 3.0]
    empty = lampas.empty(0)
    assert lampas.add(a, b, out=empty).shape == (3,)
    wide = lampas.empty(3, dtype=lampas.float64)
    lampas.add(a, b, out=wide)
    assert wide.dtype == lampas.float64
    holes = lampas.zeros(6)
    lampas.add(a, b, out=holes[::2])
    assert holes.tolist() == [1.0, 0.0, 2.0, 0.0, 3.0, 0.0]
    assert lampas.add(a, b, out=a) is a and a.tolist() == [1.0, 2.0, 3.0]
    values, where = lampas.empty(0), lampas.empty(0, dtype=lampas.int64)
    pair = lampas.sort(lampas.tensor([3.0, 1.0]), out=(values, where))
    assert pair[0] is values and where.tolist() == [1, 0]
    grown = lampas.ones(2)
    lampas.add(a, b, out=grown)
    assert grown.shape == (3,)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: lampas.div(lampas.ones(2), 2, out=lampas.empty(2, dtype=lampas.int64)),
         RuntimeError, "can't be cast"),
        (lambda: lampas.add(lampas.ones(2), 2, out=[1.0]), TypeError, "out"),
        (lambda: lampas.sort(lampas.ones(2), out=lampas.empty(2)), TypeError, "out"),
        (lambda: lampas.add(lampas.ones(5), 1, out=lampas.from_numpy(np.zeros(2, "f4"))),
         RuntimeError, "resiz"),
    ],
)  # fmt: skip
def test_bad_out(call, error, text) -> None:
    with pytest.raises(error, match=text):
        call()


def test_resize() -> None:
    x = lampas.arange(6.0)
    x.resize_(2, 3)
    assert x.tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
    x.resize_(2)
    assert x.tolist() == [0.0, 1.0] and x.untyped_storage().nbytes() == 24
    x.resize_(8)
    assert x[:6].tolist() == list(range(6))
    n = lampas.zeros(3)
    array = n.numpy()
    with pytest.raises(RuntimeError, match="not resizable"):
        n.resize_(1000)  # the array looks at this memory
    assert array.tolist() == [0.0] * 3
