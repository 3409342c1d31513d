"""Modules that programs import: devices that are not there, types, futures, weak dictionaries."""

from __future__ import annotations

import copy
import gc
import importlib
import pickle
import threading
import warnings

import numpy as np
import pytest

import lampas
from lampas import nn

IMPORTS = [
    "accelerator", "backends.cuda", "backends.cudnn", "backends.mkl", "backends.mkldnn",
    "backends.mps", "backends.openmp", "cpu", "cuda.amp", "cuda.amp.autocast_mode",
    "cuda.amp.grad_scaler", "cuda.memory", "cuda.nvtx", "cuda.random", "distributed", "functional",
    "futures", "mps", "nn.common_types", "return_types", "types", "utils.benchmark",
    "utils.collect_env",
    "utils.dlpack", "utils.model_zoo", "utils.weak", "xpu", "__config__",
]  # fmt: skip


@pytest.mark.parametrize("name", IMPORTS)
def test_programs_find_them(name: str) -> None:
    import lampas.alias

    installed = lampas.alias.installed()
    lampas.alias.install()
    try:
        assert importlib.import_module(f"torch.{name}") is importlib.import_module(f"lampas.{name}")
    finally:
        if not installed:
            lampas.alias.uninstall()


# ---- devices that are not there ------------------------------------------------------------------
def test_cuda_answers_truthfully() -> None:
    cuda = lampas.cuda
    assert not cuda.is_available() and not cuda.is_initialized() and cuda.device_count() == 0
    assert cuda.memory_allocated() == cuda.max_memory_reserved() == 0
    assert cuda.get_arch_list() == [] and cuda.get_rng_state_all() == []
    assert lampas.cuda.amp.GradScaler is importlib.import_module("lampas.cuda.amp").GradScaler
    for passed_over in (
        lambda: cuda.manual_seed_all(1), cuda.empty_cache, cuda.reset_peak_memory_stats,
        lambda: cuda.set_rng_state_all([lampas.zeros(4)]),
    ):  # fmt: skip
        assert passed_over() is None
    with cuda.device(None), cuda.stream(None), cuda.device_of(lampas.ones(1)):
        pass
    for refused in (
        cuda.current_device, cuda.get_device_name, cuda.Stream, cuda.Event, cuda.synchronize,
        cuda.current_stream, cuda.mem_get_info, cuda.get_rng_state, cuda.get_device_capability,
        lambda: cuda.set_device(0), lambda: cuda.nvtx.mark("x"),
    ):  # fmt: skip
        with pytest.raises(RuntimeError, match="no CUDA device"):
            refused()
    with pytest.raises(AttributeError, match="is_available"):
        cuda.graph_pool_of_mine


def test_types_of_tensors_on_devices_are_those_of_no_object() -> None:
    assert not isinstance(lampas.ones(1), lampas.cuda.FloatTensor)
    assert lampas.cuda.LongTensor is lampas.cuda.LongTensor
    with pytest.raises(TypeError, match=r"torch\.cuda\.HalfTensor not available.*use torch"):
        lampas.cuda.HalfTensor(2)


def test_a_loop_with_cuda_amp_trains_in_float32() -> None:
    model = nn.Linear(3, 1)
    optimizer = lampas.optim.SGD(model.parameters(), lr=0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scaler = lampas.cuda.amp.GradScaler()
        with lampas.cuda.amp.autocast():
            out = model(lampas.ones(2, 3))
    assert out.dtype is lampas.float32 and not scaler.is_enabled()
    before = model.weight.clone()
    scaler.scale(out.sum()).backward()
    scaler.step(optimizer)
    scaler.update()
    lampas.testing.assert_close(model.weight, before - 0.1 * 2)
    with pytest.warns(FutureWarning, match="torch.amp.GradScaler"):
        lampas.cuda.amp.GradScaler()


def test_other_accelerators() -> None:
    for module in (lampas.accelerator, lampas.mps, lampas.xpu):
        assert not module.is_available() and module.device_count() == 0
    assert lampas.accelerator.current_accelerator() is None
    with pytest.raises(RuntimeError, match="no accelerator"):
        lampas.accelerator.synchronize()


def test_switches_of_backends_are_remembered() -> None:
    cudnn = importlib.import_module("lampas.backends.cudnn")
    assert cudnn is lampas.backends.cudnn and not cudnn.is_available() and cudnn.version() is None
    before = cudnn.benchmark
    with cudnn.flags(benchmark=not before):
        assert cudnn.benchmark is not before
    assert cudnn.benchmark is before
    cuda = lampas.backends.cuda
    with cuda.sdp_kernel(enable_flash=False):
        assert not cuda.flash_sdp_enabled() and cuda.math_sdp_enabled()
    assert cuda.flash_sdp_enabled() and not cuda.is_built()
    with pytest.raises(AttributeError, match="backends"):
        lampas.backends.nothing


def test_the_cpu_is_a_device() -> None:
    assert lampas.cpu.is_available() and lampas.cpu.device_count() == 1
    lampas.cpu.set_device("cpu")
    with pytest.raises(RuntimeError):
        lampas.cpu.set_device("cuda")
    assert "isa" in lampas.cpu.get_capabilities()


def test_distributed_says_that_it_is_not_there(monkeypatch) -> None:
    dist = lampas.distributed
    assert not dist.is_available() and not dist.is_initialized()
    assert not dist.is_backend_available("gloo") and not dist.is_torchelastic_launched()
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "1")
    assert dist.is_torchelastic_launched()
    with pytest.raises(TypeError, match="must be a name"):
        dist.is_backend_available(1)


# ---- DLPack --------------------------------------------------------------------------------------
def test_dlpack_shares_memory_both_ways() -> None:
    from lampas.utils.dlpack import from_dlpack, to_dlpack

    array = np.arange(6.0).reshape(2, 3).T
    x = lampas.from_dlpack(array)
    assert x.shape == (3, 2) and x.stride() == (1, 3)
    x[0, 0] = 9
    assert array[0, 0] == 9
    y = from_dlpack(to_dlpack(x))
    y[0, 1] = 8
    assert array[0, 1] == 8
    assert from_dlpack(array, copy=True).add_(1)[0, 0] == 10 and array[0, 0] == 9
    back = np.from_dlpack(x)
    x[1, 0] = 7
    assert back[1, 0] == 7


def test_dlpack_refuses() -> None:
    class Elsewhere:
        def __dlpack__(self) -> None:
            raise AssertionError("not to be asked")

        def __dlpack_device__(self) -> tuple[int, int]:
            return (2, 0)

    with pytest.raises(BufferError, match=r"device \(2, 0\)"):
        lampas.from_dlpack(Elsewhere())
    with pytest.raises(TypeError, match="got list"):
        lampas.from_dlpack([1])
    with pytest.raises(RuntimeError, match="device=cuda"):
        lampas.from_dlpack(np.ones(1), device="cuda")


# ---- futures -------------------------------------------------------------------------------------
def test_futures_cross_threads() -> None:
    from lampas.futures import Future, collect_all, wait_all

    one, two = Future(), Future()
    seen = []
    sum_of_both = collect_all([one, two]).then(lambda f: sum(g.value() for g in f.wait()))
    one.add_done_callback(lambda f: seen.append(f.value()))
    thread = threading.Thread(target=lambda: (one.set_result(1), two.set_result(2)))
    thread.start()
    assert sum_of_both.wait() == 3 and wait_all([one, two]) == [1, 2]
    thread.join()
    one.add_done_callback(lambda f: seen.append(f.value() * 10))
    assert seen == [1, 10] and one.done()
    with pytest.raises(RuntimeError, match="completed once"):
        one.set_result(3)


def test_futures_carry_errors() -> None:
    from lampas.futures import Future, wait_all

    bad = Future()
    after = bad.then(lambda f: f.value())
    with pytest.raises(RuntimeError, match="not done"):
        bad.value()
    bad.set_exception(ValueError("no"))
    for wait in (bad.wait, after.wait, lambda: wait_all([bad])):
        with pytest.raises(ValueError, match="no"):
            wait()
    with pytest.raises(AssertionError):
        Future().set_exception("text")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="CPU"):
        Future(devices=["cuda:0"])


# ---- weak dictionaries ---------------------------------------------------------------------------
def test_weak_dictionaries_go_by_identity() -> None:
    from lampas.utils.weak import TensorWeakRef, WeakTensorKeyDictionary

    x, y = lampas.ones(2), lampas.ones(2)
    notes = WeakTensorKeyDictionary({x: 1})
    notes[y] = 2
    assert notes[x] == 1 and notes[y] == 2 and len(notes) == 2 and x in notes
    assert lampas.ones(2) not in notes and len(notes.copy()) == 2
    reference = TensorWeakRef(x)
    assert reference() is x
    del x
    gc.collect()
    assert len(notes) == 1 and reference() is None
    del notes[y]
    assert list(notes) == []


# ---- types ---------------------------------------------------------------------------------------
def test_named_results_have_types() -> None:
    x = lampas.arange(6.0).reshape(2, 3)
    assert type(x.max(0)) is lampas.return_types.max
    assert type(lampas.linalg.eigh(x @ x.T)) is lampas.return_types.linalg_eigh
    with pytest.raises(AttributeError, match="no attribute 'relu'"):
        lampas.return_types.relu
    assert isinstance(3, lampas.types.Number)


def test_operators_of_functional_are_the_same() -> None:
    for name in lampas.functional.__all__:
        assert getattr(lampas.functional, name) is getattr(lampas, name)


def test_weights_of_the_model_zoo_are_those_of_the_hub() -> None:
    from lampas.utils import model_zoo

    assert model_zoo.load_url is lampas.hub.load_state_dict_from_url


def test_small_things_pickle() -> None:
    x = lampas.ones(2, 2)
    for obj in (
        lampas.device("cpu"), lampas.device("cuda:1"), lampas.float16, lampas.Size([1, 2]),
        lampas.strided, lampas.channels_last,
    ):  # fmt: skip
        assert pickle.loads(pickle.dumps(obj)) == obj and copy.deepcopy(obj) == obj
    for result in (x.max(0), x.sort(), x.aminmax(), lampas.linalg.qr(x), x.frexp()):
        new = pickle.loads(pickle.dumps(result))
        assert type(new) is type(result) and lampas.equal(new[0], result[0])
