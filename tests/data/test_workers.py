"""Worker processes over epochs: seeds, faults and what comes after them, streams, prefetching."""

from __future__ import annotations

import os
import random
import signal
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import lampas
from lampas.utils import data as D

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="local classes need fork")


class Draws(D.Dataset[Any]):
    def __getitem__(self, i: int) -> Any:
        return lampas.rand(1).item(), random.random(), np.random.rand()

    def __len__(self) -> int:
        return 4


def epoch(loader: Any) -> list[list[float]]:
    return [[float(column[0]) for column in batch] for batch in loader]


# ---- seeds -------------------------------------------------------------------------------------

FIRST = [
    [0.116625, 0.929063, 0.035415],
    [0.314840, 0.557419, 0.240715],
    [0.134144, 0.102438, 0.291596],
    [0.280845, 0.461832, 0.913719],
]
SECOND = {
    False: [
        [0.796544, 0.420369, 0.766699],
        [0.389345, 0.879416, 0.981597],
        [0.699883, 0.146656, 0.960683],
        [0.690793, 0.278445, 0.315812],
    ],
    True: [
        [0.806562, 0.956438, 0.003292],
        [0.867926, 0.612990, 0.963551],
        [0.837458, 0.910654, 0.760956],
        [0.484299, 0.692930, 0.053278],
    ],
}
AFTER = {False: 0.720380425453186, True: 0.4450901746749878}


@pytest.mark.parametrize("persistent", [False, True])
def test_two_epochs_draw_as_recorded_from_pytorch(persistent: bool) -> None:
    generator = lampas.Generator().manual_seed(7)
    loader = D.DataLoader(
        Draws(),
        num_workers=2,
        generator=generator,
        shuffle=True,
        persistent_workers=persistent,
    )
    assert np.allclose(epoch(loader), FIRST, rtol=0, atol=1e-6)
    assert np.allclose(epoch(loader), SECOND[persistent], rtol=0, atol=1e-6)
    # The default generator has not moved, the loader's own has.
    assert lampas.rand(1).item() == 0.49625658988952637
    assert lampas.rand(1, generator=generator).item() == AFTER[persistent]


def test_without_a_generator_the_default_one_seeds_every_epoch() -> None:
    loader = D.DataLoader(Draws(), num_workers=2)
    runs = []
    for _ in range(2):
        lampas.manual_seed(3)
        runs.append([epoch(loader), epoch(loader)])
    assert runs[0] == runs[1] and runs[0][0] != runs[0][1]


# ---- faults ------------------------------------------------------------------------------------


class Sometimes(D.Dataset[int]):
    """Fails at each index of ``bad``."""

    def __init__(self, *bad: int) -> None:
        self.bad = bad

    def __getitem__(self, i: int) -> int:
        if i in self.bad:
            raise ValueError(f"sample {i} is bad")
        return i

    def __len__(self) -> int:
        return 8


@pytest.mark.parametrize("persistent", [False, True])
def test_after_an_error_the_rest_can_be_had(persistent: bool) -> None:
    loader = D.DataLoader(Sometimes(2, 5), 2, num_workers=2, persistent_workers=persistent)
    for _ in range(2):
        batches, got, errors = iter(loader), [], []
        while True:
            try:
                got.append(next(batches).tolist())
            except StopIteration:
                break
            except ValueError as error:
                errors.append(str(error))
        assert got == [[0, 1], [6, 7]] and len(errors) == 2
        assert "worker process 1" in errors[0] and "sample 2 is bad" in errors[0]
        assert "in __getitem__" in errors[0] and 'raise ValueError(f"sample' in errors[0]
        assert "worker process 0" in errors[1] and "sample 5 is bad" in errors[1]


by_lambda = lambda samples: samples


@pytest.mark.parametrize("function", [by_lambda, lambda samples: samples])
@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_what_cannot_be_pickled_is_said(method: str, function: Any) -> None:
    options = {"num_workers": 1, "collate_fn": function, "multiprocessing_context": method}
    with pytest.raises(Exception, match=rf"'{method}', which pickles.*none may be a lambda"):
        iter(D.DataLoader(Sometimes(), **options))


def bad_collate(samples: list[Any]) -> Any:
    raise TypeError("cannot collate these")


def bad_init(worker: int) -> None:
    raise OSError(f"worker {worker} finds no file")


class Broken(D.IterableDataset[int]):
    def __init__(self, at_once: bool) -> None:
        self.at_once = at_once

    def __iter__(self) -> Iterator[int]:
        if self.at_once:
            raise RuntimeError("no stream")
        return self.numbers()

    def numbers(self) -> Iterator[int]:
        yield 1
        raise RuntimeError("the stream broke")


PLACES = [
    (Sometimes(), {"collate_fn": bad_collate}, TypeError, "cannot collate", "bad_collate"),
    (Sometimes(), {"worker_init_fn": bad_init}, OSError, "worker 0 finds no file", "bad_init"),
    (Broken(True), {}, RuntimeError, "no stream", "__iter__"),
    (Broken(False), {"batch_size": 2}, RuntimeError, "the stream broke", "numbers"),
]


@pytest.mark.parametrize(("dataset", "options", "error", "text", "function"), PLACES)
def test_a_traceback_names_the_users_function(
    dataset: Any, options: dict[str, Any], error: type[Exception], text: str, function: str
) -> None:
    with pytest.raises(error) as caught:
        list(D.DataLoader(dataset, num_workers=1, **options))
    message = str(caught.value)
    assert message.startswith(f"Caught {error.__name__} in DataLoader worker process 0.\nOriginal")
    assert text in message and f"in {function}" in message and __file__ in message


def test_a_worker_killed_from_outside_is_said_and_its_fellows_end() -> None:
    batches = iter(D.DataLoader(Sometimes(), num_workers=2, prefetch_factor=1))
    next(batches)
    workers = list(batches._workers)  # type: ignore[attr-defined]
    pids = [worker.pid for worker in workers]
    os.kill(pids[1], signal.SIGKILL)
    with pytest.raises(RuntimeError, match=rf"(?s)pid\(s\) {pids[1]}.*worker 1 .*SIGKILL.*memory"):
        list(batches)
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    with pytest.raises(RuntimeError, match=r"start anew with iter\(loader\)"):
        next(batches)


def test_persistent_workers_that_died_between_epochs() -> None:
    loader = D.DataLoader(Sometimes(), 4, num_workers=2, persistent_workers=True)
    expected = [batch.tolist() for batch in loader]
    assert loader._iterator is not None
    os.kill(loader._iterator._workers[0].pid, signal.SIGTERM)  # type: ignore[attr-defined]
    with pytest.raises(RuntimeError, match="worker 0 was killed by signal: SIGTERM"):
        list(loader)
    assert [batch.tolist() for batch in loader] == expected  # by new ones


# ---- streams -----------------------------------------------------------------------------------


class Range(D.IterableDataset[int]):
    def __init__(self, start: int, end: int) -> None:
        self.start, self.end = start, end

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.start, self.end))


def share_out(worker: int) -> None:
    info = D.get_worker_info()
    assert info is not None
    dataset = info.dataset
    each = -(-(dataset.end - dataset.start) // info.num_workers)
    dataset.start += each * worker
    dataset.end = min(dataset.start + each, dataset.end)


@pytest.mark.parametrize("persistent", [False, True])
def test_streams_begin_anew_each_epoch(persistent: bool) -> None:
    loader = D.DataLoader(
        Range(0, 7),
        batch_size=2,
        num_workers=2,
        worker_init_fn=share_out,
        persistent_workers=persistent,
    )
    for _ in range(2):
        assert [batch.tolist() for batch in loader] == [[0, 1], [4, 5], [2, 3], [6]]
    short = D.DataLoader(Range(0, 7), 2, num_workers=2, worker_init_fn=share_out, drop_last=True)
    assert [batch.tolist() for batch in short] == [[0, 1], [4, 5], [2, 3]]


def test_an_empty_stream_and_an_empty_dataset() -> None:
    assert list(D.DataLoader(Range(0, 0), num_workers=2)) == []
    assert list(D.DataLoader(D.TensorDataset(lampas.ones(0)), num_workers=2)) == []


# ---- prefetching -------------------------------------------------------------------------------


@pytest.mark.parametrize("factor", [1, 3])
def test_as_many_batches_are_asked_for_as_the_factor_says(factor: int) -> None:
    asked: list[int] = []

    def indices() -> Iterator[int]:
        for i in range(20):
            asked.append(i)
            yield i

    class Order(D.Sampler[int]):
        def __iter__(self) -> Iterator[int]:
            return indices()

    options = {"sampler": Order(), "num_workers": 2, "prefetch_factor": factor}
    batches = iter(D.DataLoader(D.TensorDataset(lampas.arange(20)), **options))
    assert len(asked) == 2 * factor
    next(batches)
    assert len(asked) == 2 * factor + 1
    del batches


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /dev/shm")
def test_batches_leave_nothing_in_shared_memory() -> None:
    before = set(os.listdir("/dev/shm"))
    dataset = D.TensorDataset(lampas.arange(400_000).view(4, -1))
    kept = list(D.DataLoader(dataset, num_workers=2))
    assert set(os.listdir("/dev/shm")) <= before and len(kept) == 4


# ---- whole batches -----------------------------------------------------------------------------


def test_kept_batches_do_not_run_out_of_descriptors() -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    few = max(int(fd) for fd in os.listdir("/dev/fd")) + 20
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(few, soft), hard))
    try:
        samples = lampas.arange(60.0)[:, None].expand(60, 20_000)
        kept = list(D.DataLoader(D.TensorDataset(samples), 1, num_workers=1))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert [float(batch[0, -1]) for (batch,) in kept] == list(range(60))


def test_workers_close_what_they_opened(capfd: pytest.CaptureFixture[str]) -> None:
    def warn(_: int) -> None:
        warnings.simplefilter("always", ResourceWarning)
        warnings.showwarning = lambda text, *_: print(text, file=sys.__stderr__, flush=True)

    for workers in (1, 2):
        assert len(list(D.DataLoader(range(8), 2, num_workers=workers, worker_init_fn=warn))) == 4
    assert capfd.readouterr().err == ""


def test_workers_fetch_whole_batches_of_what_single_samples_give() -> None:
    source = D.TensorDataset(lampas.arange(44.0).view(11, 2, 2), lampas.arange(11))

    class OneByOne(D.TensorDataset):
        def __getitem__(self, i: Any) -> Any:
            return super().__getitem__(i)

    results = []
    for dataset in (source, OneByOne(*source.tensors)):
        lampas.manual_seed(5)
        loader = D.DataLoader(dataset, 3, shuffle=True, num_workers=2)
        results.append([[column.tolist() for column in batch] for batch in loader])
    assert results[0] == results[1]
