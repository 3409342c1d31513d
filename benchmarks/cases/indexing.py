"""Rows and elements picked by index, and tensors joined."""

from __future__ import annotations

from typing import Any

from cases import Work, case


@case("index/embedding_50k_128")
def embedding(lib: Any) -> Work:
    table, rows = lib.randn(50000, 128), lib.randint(0, 50000, (4096,))
    return lambda: lib.nn.functional.embedding(rows, table)


@case("index/gather_scatter")
def gather_scatter(lib: Any) -> Work:
    x, index = lib.randn(4096, 256), lib.randint(0, 4096, (4096, 256))
    return lambda: lib.zeros(4096, 256).scatter_add(0, index, x.gather(0, index))


@case("index/cat_64")
def cat(lib: Any) -> Work:
    parts = [lib.randn(256, 64) for _ in range(64)]
    return lambda: lib.cat(parts, 1)


@case("index/mask_1M")
def mask(lib: Any) -> Work:
    x = lib.randn(1 << 20)
    keep = x > 0
    return lambda: x[keep]
