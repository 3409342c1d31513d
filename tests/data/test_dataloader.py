"""The loader's arguments, and worker processes: results, seeds, failures, endings."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lampas
from lampas.utils import data as D

LINUX = sys.platform == "linux"


class Numbers(D.Dataset[Any]):
    def __init__(self, n: int = 20) -> None:
        self.n = n

    def __getitem__(self, i: int) -> Any:
        return lampas.full((3,), float(i)), i, {"name": str(i), "array": np.arange(2) + i}

    def __len__(self) -> int:
        return self.n


class Draws(D.Dataset[Any]):
    def __getitem__(self, i: int) -> Any:
        return lampas.rand(1).item(), random.random(), np.random.rand()

    def __len__(self) -> int:
        return 4


class Stream(D.IterableDataset[int]):
    def __iter__(self) -> Any:
        info = D.get_worker_info()
        assert info is not None
        return iter(range(100 * info.id, 100 * info.id + 5 + 4 * info.id))


class Faulty(Numbers):
    """Does something bad when the last sample is asked for."""

    def __init__(self, fault: str) -> None:
        super().__init__(9)
        self.fault = fault

    def __getitem__(self, i: int) -> Any:
        if i == self.n - 1:
            getattr(self, self.fault)()
        return i

    def raise_value_error(self) -> None:
        raise ValueError("sample 8 is bad")

    def raise_key_error(self) -> None:
        raise KeyError("no such key")

    def raise_local_class(self) -> None:
        raise type("Odd", (Exception,), {})("strange")

    def kill(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def leave(self) -> None:
        os._exit(3)

    def sleep(self) -> None:
        time.sleep(60)


def plain(value: Any) -> Any:
    if isinstance(value, lampas.Tensor):
        return str(value.dtype), value.tolist()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


# ---- arguments ---------------------------------------------------------------------------------


BAD: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"num_workers": -1}, ValueError, "non-negative"),
    ({"timeout": -1}, ValueError, "non-negative"),
    ({"prefetch_factor": 2}, ValueError, "num_workers > 0"),
    ({"persistent_workers": True}, ValueError, "num_workers > 0"),
    ({"multiprocessing_context": "spawn"}, ValueError, "num_workers=0"),
    ({"num_workers": 1, "multiprocessing_context": "no"}, ValueError, "valid start method"),
    ({"num_workers": 1, "multiprocessing_context": 3}, TypeError, "valid context"),
    ({"sampler": [0], "shuffle": True}, ValueError, "mutually exclusive"),
    ({"batch_sampler": [[0]], "batch_size": 2}, ValueError, "mutually exclusive"),
    ({"batch_size": None, "drop_last": True}, ValueError, "drop_last"),
    ({"batch_size": 0}, ValueError, "batch_size=0"),
]


@pytest.mark.parametrize(("options", "error", "text"), BAD)
def test_bad_arguments_are_named(
    options: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        D.DataLoader(Numbers(), **options)


@pytest.mark.parametrize("options", [{"shuffle": True}, {"sampler": [0]}, {"batch_sampler": [[0]]}])
def test_a_stream_takes_no_sampler(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="IterableDataset"):
        D.DataLoader(Stream(), **options)


def test_what_is_fixed_cannot_be_set_later() -> None:
    loader = D.DataLoader(Numbers())
    with pytest.raises(ValueError, match="batch_size attribute"):
        loader.batch_size = 3


def test_timeout_without_workers_is_said_when_iterating() -> None:
    with pytest.raises(AssertionError, match="num_workers > 0"):
        iter(D.DataLoader(Numbers(), timeout=1))


def test_single_samples_without_batches() -> None:
    loader = D.DataLoader(Numbers(2), batch_size=None)
    assert [plain(sample[1]) for sample in loader] == [0, 1]
    assert loader.batch_sampler is None and len(loader) == 2


def test_length_and_warning_of_a_stream_that_is_longer_than_said() -> None:
    class Liar(D.IterableDataset[int]):
        def __iter__(self) -> Any:
            return iter(range(5))

        def __len__(self) -> int:
            return 3

    loader = D.DataLoader(Liar(), batch_size=None)
    assert len(loader) == 3 and len(D.DataLoader(Liar(), batch_size=2)) == 2
    with pytest.warns(UserWarning, match="reported to be 3"):
        assert list(loader) == [0, 1, 2, 3, 4]


# ---- workers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("options", [{}, {"drop_last": True}, {"prefetch_factor": 1}])
@pytest.mark.filterwarnings("ignore:This DataLoader will create")
def test_workers_give_the_same_batches(workers: int, options: dict[str, Any]) -> None:
    expected = []
    for count in (0, workers):
        lampas.manual_seed(2)
        used = {k: v for k, v in options.items() if count or k != "prefetch_factor"}
        loader = D.DataLoader(Numbers(), batch_size=3, shuffle=True, num_workers=count, **used)
        expected.append(([plain(batch) for batch in loader], lampas.rand(1).item()))
    assert expected[0] == expected[1]


def test_whole_batches_in_workers() -> None:
    dataset = D.TensorDataset(lampas.arange(40.0).view(20, 2), lampas.arange(20))
    batches = [
        [plain(batch) for batch in D.DataLoader(dataset, batch_size=3, num_workers=count)]
        for count in (0, 2)
    ]
    assert batches[0] == batches[1]


@pytest.mark.parametrize(
    "dtype", ["bool", "uint8", "int64", "float16", "bfloat16", "float32", "float64"]
)
def test_large_batches_arrive_unharmed_and_writable(dtype: str) -> None:
    source = lampas.arange(100_000).remainder(100).to(getattr(lampas, dtype)).view(2, -1)
    dataset = D.TensorDataset(source, lampas.empty(2, 0))
    for i, (batch, empty) in enumerate(D.DataLoader(dataset, num_workers=1)):
        assert lampas.equal(batch[0], source[i]) and batch.dtype == source.dtype
        assert tuple(empty.shape) == (1, 0)
        batch.zero_()
        assert not batch.any()


def test_batches_outlive_their_workers() -> None:
    dataset = D.TensorDataset(lampas.arange(600_000).view(300, 2000))
    kept = [batch for (batch,) in D.DataLoader(dataset, batch_size=10, num_workers=2)]
    assert lampas.equal(lampas.cat(kept), dataset.tensors[0])


def test_seeds_of_workers_as_recorded_from_pytorch() -> None:
    lampas.manual_seed(0)
    loader = D.DataLoader(Draws(), batch_size=1, num_workers=2)
    drawn = [[float(column[0]) for column in batch] for batch in loader]
    recorded = [
        [0.7821398973464966, 0.21315340548154382, 0.8371640508861415],
        [0.6938178539276123, 0.7733861492043289, 0.6702704958690073],
        [0.053598999977111816, 0.2764485855185723, 0.38757835109739946],
        [0.29795897006988525, 0.1634220007200502, 0.07589687641367027],
    ]
    assert np.allclose(drawn, recorded, rtol=0, atol=1e-15)


def remember_worker(worker: int) -> None:
    info = D.get_worker_info()
    assert info is not None and info.id == worker and info.num_workers == 2
    info.dataset.n = 100 + worker


class Tagged(Numbers):
    def __getitem__(self, i: int) -> Any:
        info = D.get_worker_info()
        assert info is not None
        return self.n, info.seed, lampas.get_num_threads()


def test_worker_init_and_info() -> None:
    loader = D.DataLoader(Tagged(4), num_workers=2, worker_init_fn=remember_worker)
    batches = [plain(batch) for batch in loader]
    assert [batch[0][1] for batch in batches] == [[100], [101], [100], [101]]
    assert batches[1][1][1][0] - batches[0][1][1][0] == 1
    assert all(batch[2][1] == [1] for batch in batches)
    assert D.get_worker_info() is None


@pytest.mark.parametrize("batch_size", [None, 3])
def test_streams_are_shared_out_by_worker_info(batch_size: int | None) -> None:
    loader = D.DataLoader(Stream(), batch_size=batch_size, num_workers=2)
    batches = [plain(batch) for batch in loader]
    if batch_size is None:
        assert batches == [0, 100, 1, 101, 2, 102, 3, 103, 4, 104, 105, 106, 107, 108]
    else:
        numbers = [batch[1] for batch in batches]
        assert numbers == [[0, 1, 2], [100, 101, 102], [3, 4], [103, 104, 105], [106, 107, 108]]


def test_persistent_workers_stay_and_start_over() -> None:
    loader = D.DataLoader(Numbers(), batch_size=3, num_workers=2, persistent_workers=True)
    first = [plain(batch) for batch in loader]
    assert loader._iterator is not None
    pids = [worker.pid for worker in loader._iterator._workers]
    for _ in loader:
        break
    assert [plain(batch) for batch in loader] == first
    assert [worker.pid for worker in loader._iterator._workers] == pids
    del loader
    assert all(gone(pid) for pid in pids)


def test_out_of_order_gives_everything_once() -> None:
    loader = D.DataLoader(Numbers(), batch_size=2, num_workers=2, in_order=False)
    assert sorted(i for batch in loader for i in batch[1].tolist()) == list(range(20))


FAULTS = [
    ("raise_value_error", ValueError, "(?s)worker process 0.*sample 8 is bad"),
    ("raise_key_error", KeyError, "(?s)worker process 0.*Traceback.*raise_key_error"),
    ("raise_local_class", RuntimeError, "(?s)Caught Odd.*strange"),
    ("kill", RuntimeError, "pid.*SIGKILL.*memory"),
    ("leave", RuntimeError, "exit code 3"),
]


@pytest.mark.parametrize(("fault", "error", "text"), FAULTS)
def test_faults_in_workers_arrive(fault: str, error: type[Exception], text: str) -> None:
    loader = D.DataLoader(Faulty(fault), batch_size=2, num_workers=2)
    batches = iter(loader)
    pids = [worker.pid for worker in batches._workers]  # type: ignore[attr-defined]
    seen: list[Any] = []
    with pytest.raises(error, match=text):
        seen.extend(batch.tolist() for batch in batches)
    # A death is reported as soon as it is known, an exception when its turn comes.
    assert seen == [[0, 1], [2, 3], [4, 5], [6, 7]][: len(seen)]
    assert len(seen) == 4 or error is RuntimeError
    del batches
    assert all(gone(pid) for pid in pids)


def test_timeout_names_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    from lampas.utils.data._utils import multiprocess

    monkeypatch.setattr(multiprocess, "_TIME_TO_STOP", 0.1)
    loader = D.DataLoader(Faulty("sleep"), batch_size=9, num_workers=1, timeout=0.5)
    with pytest.raises(RuntimeError, match=r"timed out after 0.5 seconds: worker 0 \(pid \d+\)"):
        next(iter(loader))


def not_to_be_sent(samples: list[Any]) -> Any:
    return lambda: samples


def test_a_batch_that_cannot_be_sent_is_an_error() -> None:
    loader = D.DataLoader(Numbers(), collate_fn=not_to_be_sent, num_workers=1)
    with pytest.raises(Exception, match=r"(?s)sending a batch.*pickle"):
        next(iter(loader))


def test_a_tensor_within_a_graph_cannot_be_sent() -> None:
    weight = lampas.ones(2, requires_grad=True)

    class Graph(Numbers):
        def __getitem__(self, i: int) -> Any:
            return weight * i

    with pytest.raises(RuntimeError, match="detach"):
        next(iter(D.DataLoader(Graph(), num_workers=1)))


def test_memory_that_cannot_be_shared_is_said_and_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    from lampas.utils.data._utils import transport

    def full(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(transport, "_shared_file", full)
    dataset = D.TensorDataset(lampas.arange(200_000).view(2, -1))
    if not hasattr(os, "memfd_create"):
        pytest.skip("this system shares no memory by descriptor")
    loader = D.DataLoader(dataset, num_workers=1, multiprocessing_context="fork")
    with pytest.warns(RuntimeWarning, match="No space left"):
        batches = [batch for (batch,) in loader]
    assert lampas.equal(lampas.cat(batches), dataset.tensors[0])


def test_stopping_early_leaves_no_process_and_no_descriptor() -> None:
    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd")) if LINUX else 0

    loader = D.DataLoader(Numbers(), num_workers=2)
    list(loader)
    before = descriptors()
    batches = iter(loader)
    next(batches)
    pids = [worker.pid for worker in batches._workers]  # type: ignore[attr-defined]
    del batches
    assert all(gone(pid) for pid in pids) and descriptors() == before


SCRIPT = """
import sys, time
import lampas
from lampas.utils.data import DataLoader, Dataset

class Slow(Dataset):
    def __getitem__(self, i):
        time.sleep(0.02)
        return lampas.full((30000,), float(i))
    def __len__(self):
        return 100000

if __name__ == "__main__":
    batches = iter(DataLoader(Slow(), num_workers=2, multiprocessing_context=sys.argv[1]))
    next(batches)
    print(*[worker.pid for worker in batches._workers], flush=True)
    for _ in batches:
        if sys.argv[2] == "leave":
            break
"""


def run_script(folder: Path, method: str, what: str) -> tuple[Any, list[int]]:
    script = folder / "script.py"
    script.write_text(SCRIPT)
    # What is started in the background ignores Ctrl-C, and so does what it starts, if not told.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        [sys.executable, str(script), method, what],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    signal.signal(signal.SIGINT, before)
    assert process.stdout is not None
    return process, [int(pid) for pid in process.stdout.readline().split()]


def wait_until_gone(pids: list[int]) -> bool:
    end = time.monotonic() + 15
    while time.monotonic() < end:
        if all(gone(pid) for pid in pids):
            return True
        time.sleep(0.05)
    return False


@pytest.mark.skipif(not LINUX, reason="process groups and fork as on Linux")
@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("ending", ["interrupt", "kill", "leave"])
def test_every_ending_takes_the_workers_along(tmp_path: Path, method: str, ending: str) -> None:
    process, pids = run_script(tmp_path, method, ending)
    assert len(pids) == 2
    if ending == "interrupt":
        os.killpg(process.pid, signal.SIGINT)
    elif ending == "kill":
        process.kill()
    _, errors = process.communicate(timeout=30)
    assert wait_until_gone(pids)
    if ending == "interrupt":
        assert errors.count("Traceback") == 1 and "KeyboardInterrupt" in errors
    elif ending == "leave":
        assert process.returncode == 0 and errors == ""
