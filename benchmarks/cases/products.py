"""Matrix products, from the mission network's shapes to large squares."""

from __future__ import annotations

from typing import Any

from cases import Work, case

SHAPES = (
    (64, 784, 128),
    (784, 64, 128),
    (64, 128, 64),
    (256, 256, 256),
    (1024, 1024, 1024),
    (2048, 512, 128),
    (32, 4096, 1024),
    (1, 1024, 1024),
)


def product(m: int, k: int, n: int) -> None:
    @case(f"matmul/{m}x{k}x{n}")
    def make(lib: Any) -> Work:
        a, b = lib.randn(m, k), lib.randn(k, n)
        return lambda: a @ b


for shape in SHAPES:
    product(*shape)


@case("matmul/batched_64x64x32x64")
def batched(lib: Any) -> Work:
    a, b = lib.randn(64, 64, 32), lib.randn(64, 32, 64)
    return lambda: a @ b


@case("matmul/transposed_512")
def transposed(lib: Any) -> Work:
    a, b = lib.randn(512, 512), lib.randn(512, 512)
    return lambda: a.t() @ b
