"""Names of the top level and methods that stand in no operator table: files, layout, hashes, Python
functions over elements, a few eigenvalues."""

from __future__ import annotations

import os

import numpy as np
import pytest

import lampas
from lampas.nn import functional as F


# ---- files ---------------------------------------------------------------------------------------
def test_files_as_tensors(tmp_path) -> None:
    path = tmp_path / "x.bin"
    np.arange(6, dtype="i2").tofile(path)
    x = lampas.from_file(path, size=4, dtype=lampas.int16)
    x += 1
    assert x.tolist() == [1, 2, 3, 4] and np.fromfile(path, "i2").tolist() == list(range(6))
    y = lampas.from_file(str(path), shared=True, size=8, dtype=lampas.int16)
    y[0] = 7
    assert np.fromfile(path, "i2").tolist() == [7, 1, 2, 3, 4, 5, 0, 0]
    assert lampas.from_file(path, size=0).shape == (0,)
    new = lampas.from_file(tmp_path / "new", True, 3)
    assert new.tolist() == [0, 0, 0] and os.path.getsize(tmp_path / "new") == 12


def test_files_that_do_not_fit(tmp_path) -> None:
    (tmp_path / "short").write_bytes(bytes(7))
    with pytest.raises(RuntimeError, match=r"has 7 bytes, 2 elements of torch\.float32 need 8"):
        lampas.from_file(tmp_path / "short", size=2)
    with pytest.raises(RuntimeError, match="unable to open file"):
        lampas.from_file(tmp_path / "none", size=2)
    with pytest.raises(RuntimeError, match="CPU"):
        lampas.from_file(tmp_path / "short", size=1, device="meta")
    with pytest.raises(RuntimeError, match="0 or more"):
        lampas.from_file(tmp_path / "short", size=-1)


# ---- layout --------------------------------------------------------------------------------------
def test_dim_order() -> None:
    x = lampas.empty(2, 3, 4, 5)
    assert x.dim_order() == (0, 1, 2, 3)
    assert x.permute(3, 1, 0, 2).dim_order() == (2, 1, 3, 0)
    assert x.to(memory_format=lampas.channels_last).dim_order() == (0, 2, 3, 1)
    assert lampas.empty(2, 3).expand(4, 2, 3).dim_order() == (0, 1, 2)
    assert lampas.tensor(1.0).dim_order() == ()
    formats = [lampas.contiguous_format, lampas.channels_last]
    assert x.dim_order(ambiguity_check=formats) == (0, 1, 2, 3)
    for t, check in ((lampas.empty(2, 1), True), (lampas.empty(2, 1, 4, 5), formats)):
        with pytest.raises(RuntimeError, match="unique dim order"):
            t.dim_order(ambiguity_check=check)
    for check in (3, [1]):
        with pytest.raises(TypeError, match="bool or a list of memory formats"):
            x.dim_order(ambiguity_check=check)


def test_new_empty_strided() -> None:
    x = lampas.ones(1, dtype=lampas.int16)
    new = x.new_empty_strided((2, 3), (1, 2))
    assert new.stride() == (1, 2) and new.dtype is lampas.int16
    new = x.new_empty_strided([2], [3], dtype=lampas.float64, requires_grad=True)
    assert new.stride() == (3,) and new.dtype is lampas.float64 and new.requires_grad


def test_memory_without_values_takes_gradients() -> None:
    x = lampas.ones(1)
    made = (
        lampas.empty_strided((2,), (3,), requires_grad=True),
        x.new_empty(2, requires_grad=True),
    )
    assert all(t.requires_grad for t in made)


def test_slice_inverse_is_the_slice() -> None:
    x = lampas.arange(24).reshape(4, 6)
    for dim, start, end, step in ((0, 1, 4, 2), (1, None, 5, 3), (-1, 2, None, 1)):
        place = [slice(None)] * 2
        place[dim] = slice(start, end, step)
        src = lampas.zeros(4, 6)[tuple(place)]
        part = lampas.slice_inverse(x, src, dim, start, end, step)
        assert lampas.equal(part, x[tuple(place)]) and part._base is not None
    with pytest.raises(RuntimeError, match=r"shape \(2, 6\), the slice has \(3, 6\)"):
        x.slice_inverse(lampas.zeros(2, 6), 0, 1, 4, 1)


def test_tensors_are_dense() -> None:
    x = lampas.ones(2, 3)
    assert x.to_dense() is x and x.dense_dim() == 2
    assert x.to_dense(lampas.float64).dtype is lampas.float64
    lampas.testing.assert_close(lampas.spmm(x, x.T), x @ x.T)


def test_states_are_loaded_into_or_assigned() -> None:
    x, y = lampas.zeros(2), lampas.ones(2, requires_grad=True)
    loaded = x.module_load(y.detach())
    assert loaded.tolist() == x.tolist() == [1, 1] and x.const_data_ptr() == x.data_ptr()
    assigned = x.module_load(y, assign=True)
    assert assigned.data_ptr() == y.data_ptr() and not assigned.requires_grad


def test_another_shape() -> None:
    x = lampas.arange(6.0, requires_grad=True)
    with pytest.warns(UserWarning, match="non-inplace resize is deprecated"):
        y = x.resize(2, 3)
    with pytest.warns(UserWarning, match="resize_as"):
        z = y.t().resize_as(x)
    (y.sum() + (z * x).sum()).backward()
    assert z.tolist() == [0, 3, 1, 4, 2, 5] and x.grad is not None
    with pytest.warns(UserWarning), pytest.raises(RuntimeError, match="requested resize to 2x2"):
        x.resize(2, 2)


def test_legacy_storages(tmp_path) -> None:
    x = lampas.ones(2)
    assert isinstance(x.storage(), lampas.FloatStorage) and x.storage_type() is lampas.FloatStorage
    assert not isinstance(x.storage(), lampas.DoubleStorage)
    made = lampas.FloatStorage([1, 2])
    assert type(made) is lampas.TypedStorage and made.tolist() == [1, 2] and len(made) == 2
    assert len(lampas.LongStorage()) == 0 and len(lampas.LongStorage(3)) == 3
    assert lampas.HalfStorage(2).fill_(3).tolist() == [3, 3] and made.element_size() == 4
    assert repr(made).splitlines()[:2] == [" 1.0", " 2.0"]
    data = lampas.ByteStorage.from_buffer(b"abc")
    assert lampas.ByteTensor(data).tolist() == [97, 98, 99]
    over = lampas.FloatTensor(x.untyped_storage())
    over[0] = 5
    assert x.tolist() == [5, 1]
    with pytest.raises(RuntimeError, match="type Float or an UntypedStorage, but got type Byte"):
        lampas.FloatTensor(data)
    np.arange(3.0).tofile(tmp_path / "x")
    assert lampas.DoubleStorage.from_file(tmp_path / "x", size=3).tolist() == [0, 1, 2]


def test_legacy_storages_of_bytes() -> None:
    raw = bytes(range(16))
    for order, letter in (("little", "<"), ("big", ">")):
        got = lampas.IntStorage.from_buffer(raw, order, 2, 4)
        assert got.tolist() == np.frombuffer(raw, letter + "i4")[1:3].tolist()
    pair = np.array([1 + 2j], ">c8").tobytes()
    assert lampas.ComplexFloatStorage.from_buffer(pair, "big").tolist() == [1 + 2j]
    for args, text in (
        ((raw,), "byte_order"),
        ((raw, "middle"), "byte_order"),
        ((raw, "big", 5), "16 bytes"),
        ((raw[:3], "big"), "pieces of 4"),
    ):
        with pytest.raises(RuntimeError, match=text):
            lampas.IntStorage.from_buffer(*args)


# ---- hashes --------------------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "int64", "bool"])
def test_hashes_are_the_bits_joined(dtype: str) -> None:
    a = (np.random.default_rng(0).standard_normal((3, 4)) * 5).astype(dtype)
    bits = a.astype("f8").view("i8") if a.dtype.kind == "f" else a.astype("i8")
    x = lampas.tensor(a)
    assert lampas.hash_tensor(x).item() == np.bitwise_xor.reduce(bits, axis=None)
    np.testing.assert_array_equal(x.hash_tensor(1).numpy(), np.bitwise_xor.reduce(bits, axis=1))
    kept = lampas.hash_tensor(x.T, [0], keepdim=True)
    np.testing.assert_array_equal(kept.numpy(), np.bitwise_xor.reduce(bits.T, 0, keepdims=True))


def test_hashes_refuse() -> None:
    with pytest.raises(RuntimeError, match="Unknown hash_tensor mode"):
        lampas.hash_tensor(lampas.ones(1), mode=1)
    with pytest.raises(RuntimeError, match="'dim' argument"):
        lampas.hash_tensor(lampas.ones(0))
    with pytest.raises(NotImplementedError, match="complex64"):
        lampas.hash_tensor(lampas.ones(1, dtype=lampas.complex64))


# ---- elements through Python ---------------------------------------------------------------------
def test_functions_over_elements() -> None:
    a = np.arange(6.0).reshape(2, 3)
    x = lampas.tensor(a).T  # strided
    assert x.apply_(lambda v: v * v + 1) is x
    np.testing.assert_array_equal(x.numpy(), (a * a + 1).T)
    x.map_(lampas.arange(2.0, dtype=lampas.float64), lambda v, w: v - w)
    np.testing.assert_array_equal(x.numpy(), (a * a + 1).T - np.arange(2.0))
    y = lampas.ones(2, dtype=lampas.int64)
    assert y.map2_(y, lampas.tensor([2, 3]), lambda p, q, r: p + q + r + 0.75).tolist() == [4, 5]
    assert lampas.tensor([True, False]).apply_(lambda v: not v).tolist() == [False, True]
    z = lampas.ones(2, dtype=lampas.complex64)
    assert z.apply_(lambda v: v * 1j).tolist() == [1j, 1j]


def test_functions_over_elements_refuse() -> None:
    x = lampas.ones(2)
    with pytest.raises(RuntimeError, match=r"Can't call apply_\(\) on Variable that requires grad"):
        lampas.ones(2, requires_grad=True).apply_(abs)
    with pytest.raises(TypeError, match="must be real number, not str"):
        x.apply_(str)
    with pytest.raises(TypeError, match="not callable"):
        x.apply_(3)
    with pytest.raises(TypeError, match=r"expected torch\.FloatTensor"):
        x.map_(x.double(), max)
    with pytest.raises(RuntimeError, match="expanded size"):
        x.map_(lampas.ones(3), max)
    assert x.tolist() == [1, 1]


def test_polygamma_as_a_method() -> None:
    x = lampas.tensor([0.5, 2.0], dtype=lampas.float64)
    # trigamma(1/2) = pi**2/2, trigamma(2) = pi**2/6 - 1
    expected = lampas.tensor([np.pi**2 / 2, np.pi**2 / 6 - 1], dtype=lampas.float64)
    lampas.testing.assert_close(x.polygamma(1), expected)
    assert x.polygamma_(1) is x
    lampas.testing.assert_close(x, expected)


# ---- bags ----------------------------------------------------------------------------------------
def test_embedding_bag_tells_how() -> None:
    w = lampas.tensor([[1.0, 9.0], [3.0, 4.0], [5.0, 6.0]], requires_grad=True)
    index, offsets = lampas.tensor([0, 1, 2, 2, 0]), lampas.tensor([0, 2, 2])
    for mode, name in enumerate(("sum", "mean", "max")):
        out, bag, sizes, rows = lampas.embedding_bag(w, index, offsets, mode=mode)
        lampas.testing.assert_close(out, F.embedding_bag(index, w, offsets, mode=name))
        if mode:
            assert bag.tolist() == [0, 0, 2, 2, 2] and sizes.tolist() == [2, 0, 3]
    assert rows.tolist() == [[1, 0], [0, 0], [2, 0]]  # 9 is in row 0
    out.sum().backward()
    assert w.grad.tolist() == [[0, 2], [1, 0], [1, 0]]
    out = lampas.embedding_bag(w, index, lampas.tensor([0, 2, 5]), False, 0, False, None, True, 0)
    assert out[0].tolist() == [[3, 4], [10, 12]]
    with pytest.raises(RuntimeError, match="0, 1 or 2"):
        lampas.embedding_bag(w, index, offsets, mode=3)


def test_embedding_renorm() -> None:
    w = lampas.tensor([[3.0, 4.0], [6.0, 8.0], [0.3, 0.4]])
    assert lampas.embedding_renorm_(w, lampas.tensor([2, 1, 1]), 5.0, 2.0) is w
    lampas.testing.assert_close(w, lampas.tensor([[3.0, 4.0], [3.0, 4.0], [0.3, 0.4]]))


# ---- a few eigenvalues ---------------------------------------------------------------------------
def symmetric(n: int) -> np.ndarray:
    q = np.linalg.qr(np.random.default_rng(n).standard_normal((n, n)))[0]
    return (q * np.arange(1.0, n + 1)) @ q.T


@pytest.mark.parametrize("method", ["basic", "ortho"])
@pytest.mark.parametrize("largest", [True, False])
def test_lobpcg_against_the_whole_spectrum(method: str, largest: bool) -> None:
    lampas.manual_seed(0)
    a, n = symmetric(30), 30
    expected = [n, n - 1, n - 2] if largest else [1, 2, 3]
    kwargs = {"largest": largest, "method": method, "tol": 1e-9}
    values, vectors = lampas.lobpcg(lampas.tensor(a), k=3, **kwargs)
    np.testing.assert_allclose(values.numpy(), expected, rtol=1e-9)
    np.testing.assert_allclose(a @ vectors.numpy(), (vectors * values).numpy(), atol=1e-6)
    b = np.diag(np.linspace(1, 2, n))
    values, _ = lampas.lobpcg(lampas.tensor(a), 2, lampas.tensor(b), **kwargs)
    spectrum = np.sort(np.linalg.eigvals(np.linalg.solve(b, a)).real)
    np.testing.assert_allclose(values, spectrum[-2:][::-1] if largest else spectrum[:2], rtol=1e-9)


def test_lobpcg_takes_what_it_is_given() -> None:
    a = lampas.tensor(symmetric(20))
    seen: list[int] = []
    start = lampas.eye(20, dtype=lampas.float64)[:, :2]
    track = lambda worker: seen.append(worker.ivars["istep"])
    lampas.lobpcg(a, X=start, niter=4, tol=0.0, tracker=track)
    assert seen == [0, 1, 2, 3, 4]
    steps: list[int] = []
    count = lambda worker: steps.append(worker.ivars["istep"])
    near = lampas.linalg.inv(a + 0.1 * lampas.eye(20, dtype=lampas.float64))
    lampas.lobpcg(a, X=start, iK=near, largest=False, tracker=count)
    plain: list[int] = []
    lampas.lobpcg(a, X=start, largest=False, tracker=lambda w: plain.append(w.ivars["istep"]))
    assert len(steps) < len(plain)  # the approximate inverse helps
    values, vectors = lampas.lobpcg(
        a.expand(2, 20, 20), 2, ortho_iparams={"i_max": 5}, ortho_bparams={"ortho_use_drop": True}
    )
    assert values.shape == (2, 2) and vectors.shape == (2, 20, 2)
    lampas.testing.assert_close(values[0], values[1])
    for kwargs, text in (
        ({"method": "x"}, "'basic' or 'ortho'"),
        ({"k": 7}, "not applicable"),
        ({"ortho_fparams": {"x": 1}}, "unknown parameter"),
    ):
        with pytest.raises(ValueError, match=text):
            lampas.lobpcg(a, **kwargs)


def test_lobpcg_gradient() -> None:
    a = lampas.tensor(symmetric(9), requires_grad=True)
    values, vectors = lampas.lobpcg(a, k=1, tol=1e-10)
    values.sum().backward()
    v = vectors.detach()  # of a simple eigenvalue: v v^T
    lampas.testing.assert_close(a.grad, v @ v.T, rtol=1e-6, atol=1e-8)


# ---- numbers of the process ----------------------------------------------------------------------
def test_numbers_too_small_for_full_precision() -> None:
    x = lampas.full((1 << 19,), 1e-40)
    if not lampas.set_flush_denormal(True):
        pytest.skip("this processor keeps them")
    try:
        assert not (x * 1).any()  # on every thread
    finally:
        assert lampas.set_flush_denormal(False)
    assert (x * 1).all()
    with pytest.raises(TypeError):
        lampas.set_flush_denormal("yes")


def test_threads() -> None:
    with pytest.raises(RuntimeError, match="positive integer"):
        lampas.set_num_interop_threads(0)
    with pytest.raises(TypeError, match="expects an int"):
        lampas.set_num_interop_threads(1.5)
    before = lampas.get_num_interop_threads()
    lampas.set_num_interop_threads(before + 1)
    assert lampas.get_num_interop_threads() == before + 1
    lampas.set_num_interop_threads(before)


def test_what_is_built_in() -> None:
    assert lampas.has_lapack and lampas.has_spectral
    assert not lampas.has_mkl and not lampas.has_openmp
    assert lampas.get_device_module("cpu") is lampas.cpu
    with pytest.raises(RuntimeError, match="corresponding module"):
        lampas.get_device_module("meta")
    with pytest.raises(RuntimeError, match="Invalid value of device"):
        lampas.get_device_module(3)


def test_symbols_are_types_without_values() -> None:
    assert not isinstance(lampas.ones(3).shape[0], (lampas.SymInt, lampas.SymFloat))
    with pytest.raises(TypeError, match="use the number itself"):
        lampas.SymInt(3)


# ---- nn.functional -------------------------------------------------------------------------------
def test_choices_by_a_flag() -> None:
    both = F.boolean_dispatch(
        "both", 1, True, lambda x, both=True: "both", lambda x, both=False: "one", "m", "pool"
    )
    assert both(0) == "both" and both(0, False) == "one" and both(0, both=False) == "one"
    assert both.__name__ == "pool" and both.__module__ == "m"
    F.assert_int_or_pair((1, 2), "size", "{}")
    with pytest.raises(AssertionError, match="size is wrong"):
        F.assert_int_or_pair((1, 2, 3), "size", "{} is wrong")
    assert F.has_torch_function is lampas.overrides.has_torch_function
    assert F.BroadcastingList2[int] == int | list[int]


def test_soft_margin_loss_has_no_gradient_to_its_target() -> None:
    x, t = lampas.tensor([0.5, -1.0]), lampas.tensor([1.0, -1.0], requires_grad=True)
    with pytest.raises(RuntimeError, match="not differentiable with respect to argument 'target'"):
        F.soft_margin_loss(x, t)
    expected = np.log1p(np.exp(-np.array([0.5, 1.0]))).mean()
    assert F.soft_margin_loss(x, t.detach()).item() == pytest.approx(expected)
