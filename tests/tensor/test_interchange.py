"""Memory shared with NumPy and others, without copies where that can be; pickles and copies."""

from __future__ import annotations

import array
import copy
import gc
import io
import pickle

import numpy as np
import pytest

import lampas

NUMPY = {
    lampas.bool: "?", lampas.uint8: "u1", lampas.int8: "i1", lampas.int16: "i2",
    lampas.int32: "i4", lampas.int64: "i8", lampas.float16: "f2", lampas.float32: "f4",
    lampas.float64: "f8", lampas.complex64: "c8", lampas.complex128: "c16",
}  # fmt: skip


# ---- NumPy --------------------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", NUMPY)
def test_types_both_ways(dtype) -> None:
    a = np.array([[0, 1], [1, 0]]).astype(NUMPY[dtype])
    t = lampas.from_numpy(a)
    assert t.dtype == dtype and t.numpy().dtype == a.dtype
    t[0, 0] = 1
    assert a[0, 0] == 1 and t.data_ptr() == a.ctypes.data
    np.testing.assert_array_equal(lampas.tensor(a), a)
    assert lampas.as_tensor(a).data_ptr() == a.ctypes.data
    assert np.asarray(t).ctypes.data == a.ctypes.data


def test_layouts() -> None:
    a = np.arange(24).reshape(2, 3, 4)
    for part in (a, a.T, a[:, ::2], a[1], a[..., 1], a.transpose(1, 0, 2), a[:0], a[:, :, :1]):
        t = lampas.from_numpy(part)
        np.testing.assert_array_equal(t, part)
        np.testing.assert_array_equal(t.t() if t.ndim == 2 else t, part.T if t.ndim == 2 else part)
        back = t.numpy()
        assert back.shape == part.shape and (back.size == 0 or back.strides == part.strides)
    x = lampas.arange(12).reshape(3, 4)
    np.testing.assert_array_equal(x[:, ::2].t().numpy(), np.arange(12).reshape(3, 4)[:, ::2].T)
    assert lampas.from_numpy(np.array(5.0)).shape == ()


def test_negative_strides() -> None:
    a = np.arange(6)[::-1]
    with pytest.raises(ValueError, match=r"negative.*copy\(\)"):
        lampas.from_numpy(a)
    assert lampas.from_numpy(a.copy()).tolist() == [5, 4, 3, 2, 1, 0]
    one = np.arange(3)[:1][::-1]  # of one element: its stride means nothing
    assert lampas.from_numpy(one).tolist() == [0]


@pytest.mark.parametrize("make", [lampas.tensor, lampas.as_tensor])
def test_python_s_own_arrays_are_sequences(make) -> None:
    for values in (bytearray([1, 2]), memoryview(b"\1\2"), array.array("h", [1, 2])):
        t = make(values)
        assert t.dtype == lampas.int64 and t.tolist() == [1, 2]
    assert make(array.array("d", [0.5])).dtype == lampas.float32


def test_read_only_arrays() -> None:
    a = np.arange(4.0)
    a.flags.writeable = False
    t = lampas.from_numpy(a)
    assert t.sum() == 6 and t[1:].tolist() == [1.0, 2.0, 3.0]
    for write in (
        lambda: t.add_(1),
        lambda: t.__setitem__(0, 1.0),
        lambda: t[1:].zero_(),
        lambda: lampas.add(t, 1, out=t),
        lambda: t.uniform_(),
    ):
        with pytest.raises(ValueError, match="read-only"):
            write()
    assert a.tolist() == [0.0, 1.0, 2.0, 3.0]
    t.clone().add_(1)
    broadcast = lampas.tensor(np.broadcast_to(np.arange(3), (2, 3)))
    broadcast.add_(1)
    assert broadcast.tolist() == [[1, 2, 3], [1, 2, 3]]


@pytest.mark.parametrize(
    ("array", "error", "text"),
    [
        (np.array(["a"]), TypeError, "can't convert"),
        (np.array([None]), TypeError, "can't convert"),
        (np.zeros(3, ">f8"), (TypeError, ValueError), "byte order"),
        (np.zeros(2, "f8,i4"), TypeError, "can't convert"),
        (np.zeros(3, "M8[s]"), (TypeError, ValueError), ""),
        (np.zeros(4, "i1,i4")["f1"], ValueError, "multiple of the element"),
        ([1, 2], TypeError, "expected np.ndarray"),
    ],
)
def test_refused_arrays(array, error, text) -> None:
    with pytest.raises(error, match=text):
        lampas.from_numpy(array)


def test_numpy_of_special_tensors() -> None:
    x = lampas.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match=r"Use tensor.detach\(\).numpy\(\) instead"):
        x.numpy()
    assert x.numpy(force=True).tolist() == [1.0, 1.0]
    with pytest.raises(TypeError, match=r"bfloat16|BFloat16"):
        lampas.ones(2, dtype=lampas.bfloat16).numpy()
    with pytest.raises((TypeError, RuntimeError, NotImplementedError), match="meta"):
        lampas.ones(2, device="meta").numpy()
    assert lampas.zeros(0, 3).numpy().shape == (0, 3)
    assert lampas.tensor([1 + 2j]).conj().resolve_conj().numpy().tolist() == [1 - 2j]


def test_memory_outlives_its_maker() -> None:
    a = lampas.arange(1000.0).numpy()
    t = lampas.from_numpy(np.arange(1000.0))
    gc.collect()
    lampas.rand(1000)
    assert a.sum() == t.sum() == 499500


def test_numpy_functions_take_tensors() -> None:
    x = lampas.tensor([1.0, 4.0])
    assert np.sum(x.numpy()) == 5 and np.array(x).tolist() == [1.0, 4.0]
    assert np.asarray(x, dtype=np.int32).tolist() == [1, 4]
    copied = np.array(x)
    copied[0] = 9
    assert x[0] == 1
    np.testing.assert_array_equal(np.stack([x, x]), [[1, 4], [1, 4]])


# ---- other memory -------------------------------------------------------------------------------
def test_frombuffer() -> None:
    memory = bytearray(np.arange(4, dtype="i4").tobytes())
    t = lampas.frombuffer(memory, dtype=lampas.int32)
    t[0] = 7
    assert np.frombuffer(memory, "i4").tolist() == [7, 1, 2, 3]
    assert lampas.frombuffer(memory, dtype=lampas.int32, count=2, offset=4).tolist() == [1, 2]
    for arguments in (
        {"offset": 3},
        {"count": 9},
        {"offset": 99},
        {"count": 0},
        {"offset": -1},
        {"count": 2**62},
    ):
        with pytest.raises((ValueError, RuntimeError)):
            lampas.frombuffer(memory, dtype=lampas.int32, **arguments)


class _Older:
    """An array of a library whose DLPack has no versions."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def __dlpack__(self) -> object:
        return self.array.__dlpack__()


def test_dlpack_of_read_only_memory() -> None:
    a = np.arange(3.0)
    assert lampas.from_dlpack(_Older(a)).tolist() == [0, 1, 2]
    a.flags.writeable = False
    if np.lib.NumpyVersion(np.__version__) < "2.1.0":
        pytest.skip("this NumPy gives no read-only memory away")
    t = lampas.from_dlpack(a)
    assert t.data_ptr() == a.ctypes.data
    with pytest.raises(ValueError, match="read-only"):
        t.add_(1)
    with pytest.raises(BufferError, match=r"read-?only"):
        lampas.from_dlpack(_Older(a))


def test_dlpack() -> None:
    a = np.arange(6.0).reshape(2, 3)
    t = lampas.from_dlpack(a)
    t[0, 0] = 5
    assert a[0, 0] == 5
    back = np.from_dlpack(t.t())
    assert back.shape == (3, 2) and back[0, 0] == 5
    x = lampas.arange(4)
    y = lampas.utils.dlpack.from_dlpack(lampas.utils.dlpack.to_dlpack(x))
    y[0] = 9
    assert x[0] == 9
    for dtype in (lampas.bfloat16, lampas.bool, lampas.complex64, lampas.uint8, lampas.float16):
        z = lampas.ones(3, dtype=dtype)
        assert lampas.from_dlpack(z).dtype == dtype
    assert tuple(int(n) for n in lampas.ones(1).__dlpack_device__()) == (1, 0)
    with pytest.raises((RuntimeError, BufferError), match="require gradient"):
        lampas.ones(1, requires_grad=True).__dlpack__()


def test_a_capsule_is_used_once() -> None:
    capsule = lampas.utils.dlpack.to_dlpack(lampas.ones(2))
    lampas.from_dlpack(capsule)
    with pytest.raises((RuntimeError, ValueError, TypeError)):
        lampas.from_dlpack(capsule)
    del capsule
    lampas.utils.dlpack.to_dlpack(lampas.ones(2))  # never taken: freed with its capsule
    gc.collect()
    for bad in (3, object(), None):
        with pytest.raises((TypeError, RuntimeError, AttributeError)):
            lampas.from_dlpack(bad)


# ---- pickles and copies -------------------------------------------------------------------------
TENSORS = {
    "plain": lambda: lampas.arange(6.0).reshape(2, 3),
    "scalar": lambda: lampas.tensor(3),
    "empty": lambda: lampas.zeros(0, 4),
    "transposed": lambda: lampas.arange(6).reshape(2, 3).t(),
    "part": lambda: lampas.arange(10)[2:8:2],
    "half": lambda: lampas.ones(3, dtype=lampas.bfloat16),
    "complex": lambda: lampas.tensor([1 + 2j]),
    "leaf": lambda: lampas.ones(2, requires_grad=True),
    "parameter": lambda: lampas.nn.Parameter(lampas.ones(2)),
    "meta": lambda: lampas.ones(2, 3, device="meta"),
}


@pytest.mark.parametrize("name", TENSORS)
@pytest.mark.parametrize("protocol", [2, pickle.HIGHEST_PROTOCOL])
def test_pickles(name: str, protocol: int) -> None:
    x = TENSORS[name]()
    y = pickle.loads(pickle.dumps(x, protocol))
    assert type(y) is type(x) and y.dtype == x.dtype and y.requires_grad == x.requires_grad
    assert y.shape == x.shape and y.stride() == x.stride() and y.device == x.device
    assert name == "meta" or y.tolist() == x.tolist()


@pytest.mark.parametrize("name", TENSORS)
def test_deep_copies(name: str) -> None:
    x = TENSORS[name]()
    y = copy.deepcopy(x)
    assert type(y) is type(x) and y.requires_grad == x.requires_grad and y.stride() == x.stride()
    if name not in ("meta", "empty"):
        assert y.tolist() == x.tolist() and y.data_ptr() != x.data_ptr()


def test_deep_copies_keep_what_is_shared() -> None:
    base = lampas.arange(4.0)
    whole, part, again = copy.deepcopy([base, base[1:], base])
    assert whole is again
    whole[1] = 9
    assert part[0] == 9 and base[1] == 1
    x = lampas.ones(2, requires_grad=True)
    (x * 2).sum().backward()
    x.note = ["kept"]
    y = copy.deepcopy(x)
    assert y.grad.tolist() == [2.0, 2.0] and y.grad is not x.grad
    assert y.note == ["kept"] and y.note is not x.note
    with pytest.raises(RuntimeError, match="Only Tensors created explicitly by the user"):
        copy.deepcopy(x * 2)


def test_attributes_and_subclasses_in_pickles() -> None:
    x = lampas.ones(2)
    x.note = {"a": 1}
    assert pickle.loads(pickle.dumps(x)).note == {"a": 1}
    stream = io.BytesIO()
    lampas.save(x, stream)
    stream.seek(0)
    assert lampas.load(stream, weights_only=False).tolist() == [1.0, 1.0]
    assert pickle.loads(pickle.dumps(lampas.float16)) is lampas.float16
    assert copy.deepcopy(lampas.device("cpu")) == lampas.device("cpu")
