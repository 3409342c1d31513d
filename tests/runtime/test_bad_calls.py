"""Calls that make no sense: they raise what Python can catch, and never end the interpreter."""

from __future__ import annotations

import random
import subprocess
import sys
import warnings

import pytest

import lampas
from lampas import _C

F = lampas.nn.functional


# ---- sizes and places that overflow, kernels of nothing -----------------------------------------
@pytest.mark.parametrize(
    "call",
    [
        lambda: F.conv1d(lampas.ones(1, 2, 5), lampas.ones(2, 1, 0), None, 2, 1, 2, 2),
        lambda: F.conv2d(lampas.ones(1, 2, 5, 5), lampas.ones(2, 2, 0, 3)),
        lambda: F.conv1d(lampas.ones(1, 2, 5), lampas.ones(0, 2, 2)),
        lambda: F.conv_transpose1d(lampas.ones(1, 2, 5), lampas.ones(2, 2, 0)),
        lambda: F.max_pool1d(lampas.ones(1, 5), 2, 1, 2**63 - 1),
        lambda: F.max_pool2d(lampas.ones(1, 5, 5), 2, 1, 2**62),
        lambda: F.conv2d(lampas.ones(1, 1, 5, 5), lampas.ones(1, 1, 2, 2), padding=2**62),
        lambda: lampas.frombuffer(bytearray(16), dtype=lampas.int32, count=2**62),
        lambda: lampas.zeros(3).index_put_(3, lampas.tensor(1.0)),
        lambda: lampas.zeros(3).as_strided((2**31, 2**31), (2**31, 2**31)),
        lambda: lampas.zeros(3).as_strided((2,), (1,), 2**62),
        lambda: lampas.zeros(3).view(2**32, 2**32),
        lambda: lampas.zeros(3).repeat(2**40, 2**40),
        lambda: lampas.zeros(3).unfold(0, 2**62, 1),
        lambda: lampas.zeros(3).expand(2**62, 3).contiguous(),
        lambda: lampas.arange(0, 1e300, 1e-300),
        lambda: lampas.linspace(0, 1, 2**62),
        lambda: lampas.eye(2**40),
        lambda: lampas.tril_indices(2**40, 2**40),
        lambda: F.pad(lampas.ones(2), (2**62, 2**62)),
        lambda: lampas.ones(2).repeat_interleave(2**62),
        lambda: lampas.bincount(lampas.tensor([2**62])),
        lambda: F.one_hot(lampas.tensor([2**62])),
    ],
)
def test_calls_that_are_refused(call) -> None:
    with pytest.raises((RuntimeError, ValueError, TypeError, MemoryError, OverflowError)):
        call()


# ---- memory that cannot be written to ------------------------------------------------------------
def batch_norm_of(x: lampas.Tensor) -> None:
    F.batch_norm(lampas.randn(4, 8), x, x.clone(), training=True)


def instance_norm_of(x: lampas.Tensor) -> None:
    F.instance_norm(lampas.randn(4, 8, 3), x.clone(), x, use_input_stats=True)


def embedding_of(x: lampas.Tensor) -> None:
    F.embedding(lampas.tensor([1]), x.view(2, 4), max_norm=0.5)


def zero_grad_of(x: lampas.Tensor) -> None:
    p = lampas.ones(8, requires_grad=True)
    p.grad = x
    lampas.optim.SGD([p], 0.1).zero_grad(set_to_none=False)


@pytest.mark.parametrize("write", [batch_norm_of, instance_norm_of, embedding_of, zero_grad_of])
def test_state_in_read_only_memory_is_refused(write) -> None:
    memory = bytes(lampas.full((8,), 3.0).numpy())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        x = lampas.frombuffer(memory, dtype=lampas.float32)
    with pytest.raises(ValueError, match="read-only"):
        write(x)
    assert x.tolist() == [3.0] * 8


# ---- the end of the process ----------------------------------------------------------------------
@pytest.mark.parametrize(
    "context",
    [
        "t.autograd.graph.saved_tensors_hooks(lambda x: x, lambda x: x)",
        "t.profiler.profile()",
        "t.device('meta')",
        "t.autocast('cpu')",
        "t.overrides.BaseTorchFunctionMode()",
    ],
)
@pytest.mark.parametrize("thread", [False, True])
def test_a_process_ends_within_a_context(context: str, thread: bool) -> None:
    program = f"""
import threading
import lampas as t, lampas.overrides, lampas.profiler
def work():
    ({context}).__enter__()
    x = t.ones(3, requires_grad=True)
    (x * x @ x).exp()
if {thread}:
    worker = threading.Thread(target=work)
    worker.start()
    worker.join()
else:
    work()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


# ---- random calls -------------------------------------------------------------------------------
def random_argument(rnd: random.Random) -> str:
    """An expression: mostly a small tensor, else something else."""
    if rnd.random() < 0.6:
        shape = rnd.choice(["()", "(0,)", "(3,)", "(2, 3)", "(3, 3)", "(2, 0, 3)", "(1, 2, 3, 4)"])
        dtype = rnd.choice(["float32"] * 3 + ["int64", "bool", "float16", "complex64", "uint8"])
        tensor = f"t.full({shape}, {rnd.choice(['0', '1', '-3', 'nan'])}).to(t.{dtype})"
        change = [
            "",
            "",
            ".requires_grad_(nan < 0)",
            "[..., None]",
            ".expand(2, *{0})",
            ".to('meta')",
        ]
        return tensor + rnd.choice(change).format(shape)
    return rnd.choice(
        "0 1 -1 2 -2 7 2**31 2**62 -2**62 2**63-1 2**70 0.5 -1.5 nan 1e308 True None 1j 'sum' 'x' "
        "() (0,) (1,2) (-1,0) (2**62,) (2**31,2**31) [t.ones(2)]*2 t.int64 object()".split()
    )


def random_call(rnd: random.Random, names: list[str]) -> str:
    arguments = [random_argument(rnd) for _ in range(rnd.choice([1, 2, 2, 3, 3, 4, 5]))]
    if rnd.random() < 0.1:
        arguments.append(f"out={random_argument(rnd)}")
    return f"_C.{rnd.choice(names)}({', '.join(arguments)})"


PROGRAM = """
import resource, sys, warnings
import lampas as t
from lampas import _C
resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
warnings.simplefilter("ignore")
nan, finished = float("nan"), 0
for line in sys.stdin:
    print(line, end="", file=sys.stderr, flush=True)
    try:
        repr(eval(line))
        finished += 1
    except SystemError:
        raise
    except Exception as error:
        assert str(error), "an error without a message"
print(finished)
"""


def test_random_calls() -> None:
    rnd = random.Random(0)
    names = [n for n in dir(_C) if type(getattr(_C, n)).__name__ == "Function"]
    names = [n for n in names if not n.startswith(("_", "set_", "from_file"))]
    calls = "\n".join(random_call(rnd, names) for _ in range(4000))
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM], input=calls, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr[-2000:]
    assert int(result.stdout) > 100
