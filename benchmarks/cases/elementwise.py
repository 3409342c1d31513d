"""One result per element: functions, broadcasting, layouts, copies, random numbers."""

from __future__ import annotations

from typing import Any

from cases import Work, case, expression

MILLION = 1 << 20

expression("map/exp_1M", "x.exp()", MILLION)
expression("map/gelu_1M", "F.gelu(x)", MILLION)
expression("map/tanh_1M", "x.tanh()", MILLION)
expression("map/add_8M", "x + x", 8 * MILLION)
expression("map/add_row_2048x1024", "x + x[0]", 2048, 1024)
expression("map/mul_transposed_2048", "x * x.t()", 2048, 2048)
expression("map/copy_transposed_2048", "x.t().contiguous()", 2048, 2048)


@case("map/chain_gelu_by_hand_4M")
def gelu_by_hand(lib: Any) -> Work:
    x = lib.randn(4 * MILLION)
    return lambda: 0.5 * x * (1 + lib.tanh(0.79788456 * (x + 0.044715 * x * x * x)))


@case("random/randn_1M")
def normal(lib: Any) -> Work:
    return lambda: lib.randn(MILLION)


@case("random/rand_1M")
def uniform(lib: Any) -> Work:
    return lambda: lib.rand(MILLION)
