"""The caching allocator as Python sees it: statistics, bounds, errors."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Iterator

import pytest

import lampas
from lampas import _C

MIB = 2**20


@pytest.fixture(autouse=True)
def _nothing_cached() -> Iterator[None]:
    gc.collect()
    _C.empty_cache()
    yield
    _C.set_memory_limit(0)


def test_statistics_follow_tensors() -> None:
    before = _C.memory_stats()
    x = lampas.empty(8 * MIB, dtype=lampas.uint8)
    during = _C.memory_stats()
    assert during["allocated"] - before["allocated"] >= x.nbytes
    assert during["allocations"] > before["allocations"]
    del x
    after = _C.memory_stats()
    assert after["allocated"] == before["allocated"]
    assert after["cached"] - before["cached"] >= 8 * MIB  # kept for the next one
    assert after["reserved"] == after["allocated"] + after["cached"]
    assert during["peak_allocated"] >= during["allocated"]


def test_the_cache_serves_what_was_freed() -> None:
    x = lampas.empty(4 * MIB, dtype=lampas.uint8)
    where, hits = x.data_ptr(), _C.memory_stats()["cache_hits"]
    del x
    y = lampas.empty(4 * MIB, dtype=lampas.uint8)
    assert y.data_ptr() == where and _C.memory_stats()["cache_hits"] > hits


def test_the_cache_is_given_back() -> None:
    del [lampas.empty(MIB, dtype=lampas.uint8) for _ in range(16)][:]
    gc.collect()
    full = _C.memory_stats()["cached"]
    _C.empty_cache()
    assert full - _C.memory_stats()["cached"] >= 15 * MIB


def test_small_blocks_are_given_back_too() -> None:
    """In a process of its own: a block that something else keeps keeps its slab."""
    code = f"""
import lampas
from lampas import _C
kept = [lampas.zeros(1000) for _ in range(5000)]
last = kept[-1].fill_(7)
del kept
assert _C.memory_stats()["cached"] >= {15 * MIB}, _C.memory_stats()
_C.empty_cache()
assert _C.memory_stats()["cached"] <= {4 * MIB}, _C.memory_stats()
again = [lampas.ones(1000) for _ in range(5000)]
assert bool((last == 7).all()) and all(x[-1] == 1 for x in again)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_small_blocks_make_room_for_a_large_one() -> None:
    del [lampas.zeros(1000) for _ in range(10000)][:]
    gc.collect()
    _C.set_memory_limit(_C.memory_stats()["allocated"] + 64 * MIB)
    lampas.zeros(60 * MIB, dtype=lampas.uint8)


def test_peaks_start_anew() -> None:
    x = lampas.empty(32 * MIB, dtype=lampas.uint8)
    del x
    high = _C.memory_stats()["peak_allocated"]
    _C.reset_peak_memory()
    assert _C.memory_stats()["peak_allocated"] <= high - 16 * MIB


def test_addresses_are_aligned() -> None:
    for n in (0, 1, 3, 17, 100, 1000, 10_000, 100_000, 3_000_000):
        for dtype in (lampas.uint8, lampas.float64):
            assert lampas.empty(n, dtype=dtype).untyped_storage().data_ptr() % 64 == 0


@pytest.mark.parametrize("make", [lampas.empty, lampas.zeros, lampas.ones, lampas.rand])
def test_a_request_that_cannot_be_met_names_its_size(make) -> None:
    with pytest.raises(MemoryError, match=r"cannot allocate .*4398046511104 bytes") as error:
        make(2**40)
    assert isinstance(error.value, RuntimeError)  # what programs for PyTorch catch
    assert "smaller batch" in str(error.value)


def test_limits() -> None:
    used = _C.memory_stats()["allocated"]
    _C.set_memory_limit(used + 64 * MIB)
    assert _C.memory_stats()["memory_limit"] == used + 64 * MIB
    kept = lampas.empty(40 * MIB, dtype=lampas.uint8)
    with pytest.raises(MemoryError, match=r"cannot allocate .*\(41943040 bytes\)"):
        lampas.empty(40 * MIB, dtype=lampas.uint8)
    del kept
    assert lampas.empty(40 * MIB, dtype=lampas.uint8).numel() == 40 * MIB
    _C.set_memory_limit(0)
    assert lampas.empty(100 * MIB, dtype=lampas.uint8).numel() == 100 * MIB


@pytest.mark.parametrize(
    "operate",
    [
        lambda x: x @ x,
        lambda x: x[:1] @ x,  # one row
        lambda x: x.t() @ x,
        lambda x: lampas.nn.functional.linear(x, x),
        lambda x: x.sort(),
        lambda x: x.cumsum(0),
        lambda x: lampas.nn.functional.conv1d(x[None], x[:, :, None].contiguous()),
        lambda x: x.softmax(0),
        lambda x: x.to(lampas.float64),
        lambda x: x.sum(0, dtype=lampas.float64) + x.std(1),
    ],
)
def test_operators_that_run_out_raise(operate) -> None:
    """Scratch memory counts like any other; a kernel that finds none says so."""
    x = lampas.rand(512, 512)
    want = operate(x)
    gc.collect()
    # From a limit at which nothing fits to one at which all does.
    for room in (0, 1, 64, 256, 512, 1024, 1100, 2048, 2200, 4096, 65536):
        _C.set_memory_limit(_C.memory_stats()["allocated"] + room * 1024)
        try:
            got = operate(x)
        except MemoryError:
            continue
        finally:
            _C.set_memory_limit(0)
        first, second = (got, want) if isinstance(got, lampas.Tensor) else (got[0], want[0])
        assert first.equal(second)


def test_sizes_that_overflow() -> None:
    for shape in ((2**62,), (2**40, 2**40), (2**31, 2**31, 2**31), (2**63 - 1,)):
        with pytest.raises((RuntimeError, MemoryError)):
            lampas.empty(shape)
    assert lampas.empty(2**40, device="meta").numel() == 2**40
    with pytest.raises(RuntimeError, match="negative dimension"):
        lampas.empty(-1)
