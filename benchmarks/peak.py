"""The speed of each convolution of ResNet-18 as a fraction of what the processor can do.

usage: peak.py [--threads 2] [--images 16] [--size 32] [--gflops G]

Forward, gradient of the input, gradient of the weight. Operations are those of the direct sum, so
Winograd's method, which needs fewer, may come out above 1. The peak is the speed of a product of
large matrices, measured between the cases, unless --gflops gives it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import lampas
import lampas.nn.functional as F

# channels, side relative to the images, outputs, window, stride, and how often ResNet-18 has it
LAYERS = [
    (3, 1, 64, 3, 1, 1),
    (64, 1, 64, 3, 1, 4),
    (64, 1, 128, 3, 2, 1),
    (64, 1, 128, 1, 2, 1),
    (128, 2, 128, 3, 1, 3),
    (128, 2, 256, 3, 2, 1),
    (128, 2, 256, 1, 2, 1),
    (256, 4, 256, 3, 1, 3),
    (256, 4, 512, 3, 2, 1),
    (256, 4, 512, 1, 2, 1),
    (512, 8, 512, 3, 1, 3),
]


def seconds(work: Callable[[], Any], total: float = 0.3) -> float:
    work()
    best, end = float("inf"), time.perf_counter() + total
    while time.perf_counter() < end:
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best


def measured_peak() -> float:
    a, b = lampas.randn(1536, 1536), lampas.randn(1536, 1536)
    return 2 * 1536**3 / seconds(lambda: a @ b)


def layer(images: int, side: int, c: int, o: int, k: int, stride: int) -> tuple[int, list[float]]:
    """Operations of one pass, and the seconds of each of the three."""
    x = lampas.randn(images, c, side, side, requires_grad=True)
    w = lampas.randn(o, c, k, k, requires_grad=True)
    y = F.conv2d(x, w, None, stride, k // 2)
    g = lampas.randn(*y.shape)

    def forward() -> None:
        with lampas.no_grad():
            F.conv2d(x, w, None, stride, k // 2)

    def gradient(of: lampas.Tensor) -> Callable[[], Any]:
        return lambda: lampas.autograd.grad(y, of, g, retain_graph=True)

    return 2 * w.numel() * y.numel() // o, [seconds(f) for f in (forward, gradient(x), gradient(w))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--images", type=int, default=16, help="in a batch")
    parser.add_argument("--size", type=int, default=32, help="pixels of an image's side")
    parser.add_argument("--gflops", type=float, help="the processor's peak, instead of measuring")
    chosen = parser.parse_args()
    lampas.set_num_threads(chosen.threads)
    peak = chosen.gflops * 1e9 if chosen.gflops else measured_peak()
    print(f"peak {peak / 1e9:.0f} GFLOP/s, {chosen.threads} threads, {chosen.images} images")
    print(f"{'layer':26} {'times':>5} {'forward':>8} {'input':>8} {'weight':>8}")
    work, spent = 0, 0.0
    for c, down, o, k, stride, times in LAYERS:
        side = chosen.size // down
        flops, passes = layer(chosen.images, side, c, o, k, stride)
        shares = "".join(f" {flops / t / peak:8.2f}" for t in passes)
        print(f"{f'{c} to {o}, {k}x{k} /{stride}, {side}x{side}':26} {times:5}{shares}")
        work += 3 * times * flops
        spent += times * sum(passes)
    print(f"all: {work / 1e9:.1f} GFLOP in {spent * 1e3:.1f} ms, {work / spent / peak:.2f} of peak")


if __name__ == "__main__":
    main()
