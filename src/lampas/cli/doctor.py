"""`lampas doctor`: what the machine offers, what is used, and what is wrong."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

OK, WARN, FAIL = "ok", "warn", "fail"
MARKS = {OK: "✓", WARN: "!", FAIL: "✗"}
VARIABLES = {
    "LAMPAS_NUM_THREADS": "threads that operators use",
    "LAMPAS_ISA": "highest instruction set to use: base, avx2, avx512, avx512_bf16, amx",
    "LAMPAS_NO_HINTS": "1: no hints at likely mistakes",
    "LAMPAS_WINOGRAD": "0: convolutions of 3×3 without Winograd's algorithm",
    "OMP_NUM_THREADS": "threads, where LAMPAS_NUM_THREADS is not set",
    "TORCH_HOME": "the cache is in its folder hub",
}
OLDEST_NUMPY = (1, 23)


class Finding(NamedTuple):
    """One thing looked at: its state and, where it is not ok, what to do."""

    topic: str
    state: str
    text: str
    remedy: str = ""


def gib(n: float) -> str:
    """Bytes for people."""
    return f"{n / 2**30:.1f} GiB" if n >= 2**30 else f"{n / 2**20:.0f} MiB"


# ---- the machine ---------------------------------------------------------------------------------
def check_python() -> list[Finding]:
    import numpy

    import lampas

    version = platform.python_version()
    old = sys.version_info < (3, 10)
    parts = tuple(int(n) for n in numpy.__version__.split(".")[:2])
    old_numpy = parts < OLDEST_NUMPY
    return [
        Finding("Lampas", OK, f"{lampas.__version__} in {Path(lampas.__file__).parent}"),
        Finding(
            "Python",
            FAIL if old else OK,
            f"{version} ({sys.executable})",
            "install Python 3.10 or newer" if old else "",
        ),
        Finding(
            "NumPy",
            FAIL if old_numpy else OK,
            numpy.__version__,
            "pip install --upgrade numpy" if old_numpy else "",
        ),
    ]


def check_processor() -> list[Finding]:
    from lampas import _C

    c = _C.cpu_info()
    best, chosen = c["best_isa"], c["isa"]
    name = f"{c['model'] or c['architecture']}: {c['physical_cores']} cores, L1d {c['l1d'] // 1024} KiB, L2 {c['l2'] // 1024} KiB, L3 {c['l3'] // 1024} KiB"  # noqa: E501
    lower = chosen != best
    return [
        Finding("processor", OK, name),
        Finding(
            "instruction set",
            WARN if lower else OK,
            f"{chosen} of {best}" if lower else chosen,
            f"unset LAMPAS_ISA to use {best}" if lower else "",
        ),
    ]


def check_threads() -> list[Finding]:
    from lampas import _C

    c = _C.cpu_info()
    used, usable = _C.get_num_threads(), c["usable_cores"]
    limits = [f"{c['logical_cores']} online"]
    if hasattr(os, "sched_getaffinity"):
        limits.append(f"{len(os.sched_getaffinity(0))} in the affinity mask")
    limits.append(f"quota of {c['cpu_quota']:g} cores" if c["cpu_quota"] else "no quota")
    if c["local_ranks"] > 1:
        limits.append(f"{c['local_ranks']} processes share this machine")
    text = f"{used} used, {usable} usable ({', '.join(limits)})"
    if used > usable:
        return [
            Finding(
                "threads",
                WARN,
                text,
                f"more threads than cores are slow: set LAMPAS_NUM_THREADS={usable}, or unset it",
            )
        ]
    if used * c["local_ranks"] < usable:
        return [
            Finding(
                "threads",
                WARN,
                text,
                "unset LAMPAS_NUM_THREADS and OMP_NUM_THREADS to use all cores",
            )
        ]
    return [Finding("threads", OK, text)]


def check_memory() -> list[Finding]:
    from lampas import _C

    c = _C.cpu_info()
    free, limit = c["memory_available"], c["memory_limit"]
    text = f"{gib(free)} free of {gib(limit)}" + (
        "" if limit == c["memory_total"] else f" (the machine has {gib(c['memory_total'])})"
    )
    low = free < 2**30
    remedy = "close other programs, or train with a smaller batch" if low else ""
    found = [Finding("memory", WARN if low else OK, text, remedy), *check_address_space(free)]
    if sys.platform == "linux":
        found.append(check_shared_memory())
    return found


def check_address_space(free: int) -> list[Finding]:
    """A limit that the shell or a batch system sets on a process."""
    if sys.platform == "win32":
        return []
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY or limit > free + 2**30:
        return []
    text = f"a process may have {gib(limit)}, less than what is free"
    return [Finding("addresses", WARN, text, "ulimit -v unlimited, or ask the batch system")]


def check_shared_memory() -> Finding:
    """Loader workers need no /dev/shm; locks and queues between processes do."""
    try:
        space = shutil.disk_usage("/dev/shm")
    except OSError as e:
        return Finding("/dev/shm", WARN, f"{type(e).__name__}: {e}", _MOUNT_SHM)
    text = f"{gib(space.free)} free of {gib(space.total)}"
    if not os.access("/dev/shm", os.W_OK):
        return Finding("/dev/shm", WARN, f"{text}, not writable", _MOUNT_SHM)
    if space.free < 64 * 2**20:
        return Finding("/dev/shm", WARN, text, _LARGER_SHM)
    return Finding("/dev/shm", OK, text)


_MOUNT_SHM = (
    "locks and queues of multiprocessing fail without it: mount -t tmpfs tmpfs /dev/shm, "
    "or start the container with --shm-size=1g"
)
_LARGER_SHM = (
    "DataLoader does without it, other libraries that share memory may end with a bus error: "
    "start the container with --shm-size=1g, or delete what is left in it"
)


def check_environment() -> list[Finding]:
    """The variables that are set, those with a slip in name or value among them."""
    import difflib

    found = []
    for name, value in sorted(os.environ.items()):
        if name in VARIABLES:
            first = value.partition(",")[0].strip()
            threads = name == "OMP_NUM_THREADS" and not (first.isdigit() and int(first))
            remedy = f"set {name} to a number, or unset it" if threads else ""
            text = (
                f"{value} (no number of threads, ignored)"
                if threads
                else f"{value} ({VARIABLES[name]})"
            )
            found.append(Finding(name, WARN if threads else OK, text, remedy))
        elif name.startswith("LAMPAS_"):
            near = difflib.get_close_matches(name, VARIABLES, n=1)
            remedy = f"did you mean {near[0]}?" if near else f"unset {name}"
            found.append(Finding(name, WARN, f"{value} (no such setting, ignored)", remedy))
    return found or [Finding("environment", OK, "no variable that matters is set")]


def check_extras() -> list[Finding]:
    from importlib.util import find_spec

    found = []
    for module, needed in (("safetensors", "checkpoints"), ("tqdm", "progress bars")):
        there = find_spec(module) is not None
        found.append(
            Finding(
                module,
                OK if there else FAIL,
                "installed" if there else f"missing, needed for {needed}",
                "" if there else f"pip install {module}",
            )
        )
    for module, needed, extra in (
        ("PIL", "image files", "vision"),
        ("scipy", "rare special functions", ""),
    ):
        there = find_spec(module) is not None
        how = f"pip install 'lampas[{extra}]'" if extra else f"pip install {module}"
        found.append(
            Finding(
                module, OK, "installed" if there else f"not installed; only for {needed} ({how})"
            )
        )
    return found


def check_other() -> list[Finding]:
    """A PyTorch beside Lampas, and which of the two a program gets."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        there = version("torch")
    except PackageNotFoundError:
        return []
    text = f"{there} is installed too: `import torch` finds it, under `lampas run` it finds Lampas"
    return [Finding("PyTorch", OK, text)]


def check_data() -> list[Finding]:
    from lampas import hub

    cache = Path(hub.get_dir())
    place = cache if cache.exists() else next(p for p in cache.parents if p.exists())
    text = f"{cache}" + ("" if cache.exists() else " (made when first needed)")
    try:  # what a file's mode says is not all: file systems can be read-only, quotas used up
        with tempfile.TemporaryFile(dir=place):
            found = [Finding("cache", OK, text)]
    except OSError as e:
        text += f": {place} cannot be written to ({e.strerror})"
        found = [Finding("cache", WARN, text, "set TORCH_HOME to a folder that you may write to")]
    found.append(check_datasets())
    free = shutil.disk_usage(".").free
    low = free < 2**30
    remedy = "make room: data sets, checkpoints and reports go here" if low else ""
    return [*found, Finding("disk", WARN if low else OK, f"{gib(free)} free here", remedy)]


def check_datasets() -> Finding:
    """Data sets at hand without a download."""
    here = [f"{name} in data/{name}" for name in ("MNIST", "FashionMNIST") if _raw(name)]
    text = "; ".join(["digits in the package", *here])
    return Finding("data sets", OK, text + ("" if here else "; others are downloaded on first use"))


def _raw(name: str) -> bool:
    return any(Path("data", name, "raw").glob("train-images-idx3-ubyte*"))


# ---- self-test -----------------------------------------------------------------------------------
def test_numerics() -> list[Finding]:
    """A few operators, a gradient and the random stream against what they must be."""
    import numpy as np

    import lampas

    wrong: list[str] = []
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((65, 130)).astype("f4"), rng.standard_normal((130, 47)).astype("f4")
    if not np.allclose(
        (lampas.tensor(a) @ lampas.tensor(b)).numpy(), a.astype("f8") @ b, atol=1e-4
    ):
        wrong.append("matrix product")
    for name, reference in (("exp", np.exp), ("tanh", np.tanh), ("sin", np.sin)):
        if not np.allclose(
            getattr(lampas, name)(lampas.tensor(a)).numpy(), reference(a), rtol=1e-5, atol=1e-6
        ):
            wrong.append(name)
    x = lampas.tensor(a[0].astype("f8"), requires_grad=True)
    (x.tanh() * x).sum().backward()
    t = np.tanh(a[0].astype("f8"))
    if x.grad is None or not np.allclose(x.grad.numpy(), t + a[0] * (1 - t * t), atol=1e-9):
        wrong.append("gradient")
    # The first draws of PyTorch's CPU generator from seed 0.
    known = [1.5409960746765137, -0.293428897857666, -2.1787893772125244]
    if not np.allclose(
        lampas.randn(3, generator=lampas.Generator().manual_seed(0)).numpy(), known, rtol=1e-5
    ):
        wrong.append("random numbers")
    if wrong:
        return [
            Finding(
                "numerics",
                FAIL,
                f"wrong results: {', '.join(wrong)}",
                "try LAMPAS_ISA=base, and report this with the output of `lampas doctor --json`",
            )
        ]
    return [Finding("numerics", OK, "operators, gradients and random numbers are right")]


def _best(run: Callable[[], Any], seconds: float = 0.15) -> float:
    run()
    best, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
    return best


def measure_speed() -> list[Finding]:
    """Rough figures of this moment: arithmetic, memory, one call."""
    import lampas

    a = lampas.randn(768, 768)
    flops = 2 * 768**3 / _best(lambda: a @ a) / 1e9
    x, y = lampas.ones(1 << 24), lampas.empty(1 << 24)
    memory = 2 * x.nbytes / _best(lambda: y.copy_(x)) / 1e9
    s = lampas.ones(4)

    def calls() -> None:
        for _ in range(1000):
            s + s

    call = _best(calls) * 1e6
    slow = call > 2000
    return [
        Finding(
            "speed",
            WARN if slow else OK,
            f"{flops:.0f} GFLOP/s in float32 products, {memory:.1f} GB/s copying, {call:.0f} ns a call",  # noqa: E501
            "the machine is busy, or the build is not optimised" if slow else "",
        )
    ]


CHECKS: tuple[Callable[[], list[Finding]], ...] = (
    check_python, check_processor, check_threads, check_memory, check_environment, check_extras, check_other, check_data, test_numerics, measure_speed,  # noqa: E501
)  # fmt: skip


def diagnose() -> list[Finding]:
    """All findings; a check that itself fails is one."""
    found: list[Finding] = []
    for check in CHECKS:
        try:
            found += check()
        except MemoryError as e:
            remedy = "close other programs, or raise the limit on this process's memory"
            found.append(Finding(check.__name__, FAIL, f"{type(e).__name__}: {e}", remedy))
        except Exception as e:
            found.append(
                Finding(
                    check.__name__,
                    FAIL,
                    f"{type(e).__name__}: {e}",
                    "report this with the output of `lampas doctor --json`",
                )
            )
    return found


def main(argv: Sequence[str]) -> int:
    """Prints the findings; 1 where something is wrong."""
    p = argparse.ArgumentParser(
        prog="lampas doctor",
        description="What this machine offers, what Lampas uses, and what is wrong, each with its remedy.",  # noqa: E501
        epilog="Exit status: 0 where all is well (warnings included), 1 where something is wrong.",
    )
    p.add_argument("--json", action="store_true", help="the findings as JSON")
    x = p.parse_args(argv)
    found = diagnose()
    if x.json:
        print(json.dumps([f._asdict() for f in found], indent=2))
    else:
        width = max(len(f.topic) for f in found)
        for f in found:
            print(f"{MARKS[f.state]} {f.topic:<{width}}  {f.text}")
            if f.remedy:
                print(f"  {'':<{width}}  → {f.remedy}")
        bad, warned = (sum(f.state == s for f in found) for s in (FAIL, WARN))
        print(
            f"\n{len(found)} checks: {bad} wrong, {warned} to look at."
            if bad or warned
            else f"\nAll {len(found)} checks are fine."
        )
    return int(any(f.state == FAIL for f in found))
