"""Threads: how many there are, the same bits on any number of them, what fork leaves."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

import lampas

F = lampas.nn.functional


@pytest.fixture(autouse=True)
def _as_many_threads_as_before() -> Iterator[None]:
    before = lampas.get_num_threads()
    yield
    lampas.set_num_threads(before)


def test_the_number_of_threads() -> None:
    for n in (1, 5, 2):
        lampas.set_num_threads(n)
        assert lampas.get_num_threads() == n
    for bad in (0, -1):
        with pytest.raises((RuntimeError, ValueError), match=r"positive|at least"):
            lampas.set_num_threads(bad)
    with pytest.raises(TypeError):
        lampas.set_num_threads("two")
    assert lampas.get_num_threads() == 2


def test_the_environment_sets_it() -> None:
    program = "import lampas; print(lampas.get_num_threads())"

    def run(value: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"LAMPAS_NUM_THREADS": value}
        command = [sys.executable, "-c", program]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    assert run("3").stdout == "3\n"
    wrong = run("many")
    assert wrong.returncode != 0 and "LAMPAS_NUM_THREADS" in wrong.stderr


def made(*shape: int, dtype: lampas.dtype = lampas.float32) -> lampas.Tensor:
    """Values of many magnitudes, so that another order of sums gives other bits."""
    g = lampas.Generator().manual_seed(len(shape))
    x = lampas.randn(*shape, generator=g) * 10 ** (lampas.rand(*shape, generator=g) * 6 - 3)
    return x.to(dtype)


def gradients(f: Callable[..., lampas.Tensor], *inputs: lampas.Tensor) -> list[lampas.Tensor]:
    leaves = [x.detach().clone().requires_grad_() for x in inputs]
    y = f(*leaves)
    return [y.detach(), *lampas.autograd.grad(y, leaves, lampas.cos(y.detach()))]


def recurrent() -> list[lampas.Tensor]:
    lampas.manual_seed(0)
    net = lampas.nn.LSTM(33, 65, batch_first=True)
    out, _ = net(made(17, 9, 33))
    out.sum().backward()
    return [out, *[p.grad for p in net.parameters()]]


def trained() -> list[lampas.Tensor]:
    lampas.manual_seed(0)
    net = lampas.nn.Sequential(
        lampas.nn.Linear(200, 129), lampas.nn.ReLU(), lampas.nn.Dropout(0.3),
        lampas.nn.LayerNorm(129), lampas.nn.Linear(129, 10),
    )  # fmt: skip
    optimizer = lampas.optim.AdamW(net.parameters(), lr=1e-2)
    x, labels = lampas.randn(256, 200), lampas.randint(0, 10, (256,))
    for _ in range(3):
        optimizer.zero_grad()
        F.cross_entropy(net(x), labels).backward()
        optimizer.step()
    return list(net.parameters())


CASES: dict[str, Callable[[], object]] = {
    "sum": lambda: [made(300_001).sum(), made(700, 901).sum(0), made(700, 901).sum(1)],
    "double sum": lambda: made(300_001, dtype=lampas.float64).sum(),
    "half sum": lambda: made(100_001, dtype=lampas.bfloat16).sum(),
    "mean var": lambda: [made(511, 1023).mean(), made(511, 1023).var(0), made(511, 1023).std(1)],
    "short rows": lambda: [made(90_001, n).sum(1) for n in (5, 32, 33)] + [made(9001, 7).prod(1)],
    "nansum": lambda: [made(300_001).log().nansum(), made(700, 901).log().nansum(0)],
    "dot": lambda: [
        made(300_001, dtype=d).dot(made(300_001, dtype=d).flip(0))
        for d in (lampas.float32, lampas.float64, lampas.bfloat16, lampas.int64)
    ],
    "running extremes": lambda: [*made(700, 901).cummax(0), *made(700, 901).cummin(1)],
    "norm": lambda: [made(300_001).norm(), made(300_001).norm(1), made(700, 901).norm(3, dim=0)],
    "prod": lambda: made(300_001).sign().prod(),
    "logsumexp": lambda: [made(700, 901).logsumexp(0), made(700, 901).logsumexp(1)],
    "extremes": lambda: [made(300_001).max(), made(700, 901).argmin(0), made(700, 901).amax(1)],
    "cumsum": lambda: [made(300_001).cumsum(0), made(700, 901).cumsum(0), made(99_999).cumprod(0)],
    "softmax": lambda: gradients(lambda x: x.softmax(1), made(700, 901)),
    "log_softmax 0": lambda: gradients(lambda x: x.log_softmax(0), made(700, 301)),
    "maths": lambda: [made(200_001).exp(), made(200_001).tanh(), made(200_001).abs().log()],
    "broadcast": lambda: made(700, 1) * made(1, 901) + made(901),
    "matmul": lambda: gradients(lambda a, b: a @ b, made(130, 517), made(517, 203)),
    "matrix times vector": lambda: gradients(lambda a, b: a @ b, made(700, 1300), made(1300)),
    "one row": lambda: made(1, 3001) @ made(3001, 517),
    "tall": lambda: made(2050, 33) @ made(33, 17),
    "batches": lambda: gradients(lambda a, b: a @ b, made(9, 65, 130), made(9, 130, 33)),
    "double matmul": lambda: made(130, 517, dtype=lampas.float64)
    @ made(517, 203, dtype=lampas.float64),
    "half matmul": lambda: made(130, 517, dtype=lampas.bfloat16)
    @ made(517, 203, dtype=lampas.bfloat16),
    "integer matmul": lambda: made(130, 100).to(lampas.int64) @ made(100, 130).to(lampas.int64),
    "linear": lambda: gradients(F.linear, made(129, 784), made(128, 784), made(128)),
    "conv2d 3x3": lambda: gradients(
        lambda x, w, b: F.conv2d(x, w, b, padding=1),
        made(5, 16, 29, 31), made(24, 16, 3, 3), made(24),
    ),
    "conv2d stride": lambda: gradients(
        lambda x, w: F.conv2d(x, w, stride=2, padding=2), made(5, 7, 29, 31), made(24, 7, 5, 5)
    ),
    "conv2d depthwise": lambda: gradients(
        lambda x, w: F.conv2d(x, w, padding=1, groups=24), made(5, 24, 29, 31), made(24, 1, 3, 3)
    ),
    "conv2d groups": lambda: gradients(
        lambda x, w: F.conv2d(x, w, groups=4), made(5, 16, 19, 21), made(24, 4, 3, 3)
    ),
    "conv1d": lambda: gradients(F.conv1d, made(9, 17, 301), made(33, 17, 7)),
    "conv3d": lambda: gradients(F.conv3d, made(2, 5, 9, 10, 11), made(8, 5, 3, 3, 3)),
    "conv transposed": lambda: gradients(
        lambda x, w: F.conv_transpose2d(x, w, stride=2), made(5, 16, 13, 15), made(16, 9, 3, 3)
    ),
    "pooling": lambda: gradients(lambda x: F.max_pool2d(x, 3, 2), made(8, 16, 41, 43))
    + gradients(lambda x: F.avg_pool2d(x, 2), made(8, 16, 41, 43)),
    "batch_norm": lambda: gradients(
        lambda x, w, b: F.batch_norm(x, None, None, w, b, True),
        made(16, 33, 21, 20), made(33), made(33),
    ),
    "layer_norm": lambda: gradients(
        lambda x, w, b: F.layer_norm(x, (301,), w, b), made(513, 301), made(301), made(301)
    ),
    "group_norm": lambda: gradients(lambda x: F.group_norm(x, 4), made(8, 32, 21, 20)),
    "cross_entropy": lambda: gradients(
        lambda x: F.cross_entropy(x, lampas.arange(3000) % 101).reshape(1), made(3000, 101)
    ),
    "embedding": lambda: gradients(
        lambda w: F.embedding(lampas.arange(50_000) % 1000, w), made(1000, 33)
    ),
    "attention": lambda: gradients(
        F.scaled_dot_product_attention, made(4, 3, 65, 32), made(4, 3, 65, 32), made(4, 3, 65, 32)
    ),
    "lstm": recurrent,
    "sort": lambda: [*made(300_001).sort(), *made(301, 1001).sort(0), *made(301, 1001).topk(7)],
    "stable sort": lambda: (made(200_001) * 0.01).round().sort(stable=True),
    "unique": lambda: (made(200_001)).round().unique(return_inverse=True, return_counts=True),
    "median": lambda: [made(301, 1001).median(), *made(301, 1001).median(1)],
    "index_add": lambda: lampas.zeros(1000, 3).index_add(
        0, lampas.arange(90_000) % 1000, made(90_000, 3)
    ),
    "scatter_add": lambda: lampas.zeros(1000).scatter_add(
        0, lampas.arange(200_000) % 1000, made(200_000)
    ),
    "index_put": lambda: lampas.zeros(1000).index_put(
        (lampas.arange(200_000) % 1000,), made(200_000), accumulate=True
    ),
    "histogram": lambda: [
        made(200_001).histc(50, -5, 5), (made(99_999).abs() % 50).long().bincount(),
    ],
    "where gather": lambda: lampas.where(made(700, 901) > 0, made(700, 901), 0.0).gather(
        1, lampas.arange(901).expand(700, 901).flip(1)
    ),
    "copies": lambda: [made(701, 903).t().contiguous(), lampas.cat([made(301, 99)] * 3, 1)],
    "random": lambda: [
        lampas.manual_seed(5) and lampas.rand(100_003), lampas.randn(100_003),
        lampas.randint(0, 1000, (100_003,)), lampas.randperm(50_001),
        lampas.rand(70_001).bernoulli(), lampas.empty(60_001).exponential_(),
        lampas.multinomial(lampas.rand(300), 200),
        F.dropout(lampas.ones(100_001), 0.3),
    ],
    "complex": lambda: [
        (made(100_001) + 1j * made(100_001)).sum(), lampas.fft.fft(made(513, 64)),
        (made(64, 65) + 1j) @ (made(65, 66) - 2j),
    ],
    "einsum": lambda: lampas.einsum("bij,bjk->ik", made(7, 65, 130), made(7, 130, 33)),
    "training": trained,
}  # fmt: skip


def bits(value: object) -> list[bytes]:
    if isinstance(value, lampas.Tensor):
        flat = value.detach().contiguous().reshape(-1)
        return [flat.view(lampas.uint8).numpy().tobytes() if flat.numel() else b""]
    return [b for part in value for b in bits(part)]  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", CASES)
def test_the_same_bits_on_any_number_of_threads(name: str) -> None:
    lampas.set_num_threads(1)
    lampas.manual_seed(0)
    want = bits(CASES[name]())
    for n in (2, 3, 7):
        lampas.set_num_threads(n)
        lampas.manual_seed(0)
        assert bits(CASES[name]()) == want, f"{n} threads"


def test_operators_run_in_several_python_threads_at_once() -> None:
    lampas.set_num_threads(3)
    a, b = made(130, 517), made(517, 203)
    want, errors = (a @ b).softmax(1), []

    def work() -> None:
        for _ in range(20):
            if not (a @ b).softmax(1).equal(want):
                errors.append("other bits")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_the_pool_survives_fork() -> None:
    program = """
import os, lampas
lampas.set_num_threads(4)
x = lampas.rand(700, 700)
want = (x @ x).sum(0)
def child():
    assert lampas.get_num_threads() == 4
    for _ in range(5):
        assert (x @ x).sum(0).equal(want)
    y = lampas.rand(300, 300, requires_grad=True)
    (y @ y).sum().backward()
    inner = os.fork()
    if inner == 0:
        assert (x @ x).sum(0).equal(want)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(inner, 0)[1]) == 0
for _ in range(3):
    pid = os.fork()
    if pid == 0:
        try:
            child()
        except BaseException as error:
            print(error, flush=True)
            os._exit(1)
        os._exit(0)
    assert (x @ x).sum(0).equal(want)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
print("done")
"""
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False
    )
    assert result.stdout == "done\n", result.stdout + result.stderr


@pytest.mark.parametrize("wrong", ["2", 2.5, None, True])
def test_a_number_of_threads_that_is_no_int(wrong: object) -> None:
    with pytest.raises(TypeError, match=f"expects an int, but got {type(wrong).__name__}"):
        lampas.set_num_threads(wrong)  # type: ignore[arg-type]
