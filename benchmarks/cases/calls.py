"""What one call costs: tensors so small that the arithmetic does not count."""

from __future__ import annotations

from typing import Any

from cases import Work, case


@case("call/add_4")
def add(lib: Any) -> Work:
    a, b = lib.rand(4), lib.rand(4)
    return lambda: a + b


@case("call/add_4_grad")
def add_recorded(lib: Any) -> Work:
    a, b = lib.rand(4, requires_grad=True), lib.rand(4)
    return lambda: a + b


@case("call/scalar_chain")
def scalar_chain(lib: Any) -> Work:
    a = lib.rand(1)
    return lambda: ((a * 2.0 + 1.0) / 3.0 - 0.5).exp()


@case("call/index_slice")
def index_slice(lib: Any) -> Work:
    a = lib.rand(64, 64)
    return lambda: a[3:17, 5]


@case("call/backward_small")
def backward_small(lib: Any) -> Work:
    weight, x = lib.rand(8, 8, requires_grad=True), lib.rand(8, 8)
    return lambda: ((x @ weight).relu() * 2 + 1).sum().backward()


@case("call/zeros_and_item")
def zeros_and_item(lib: Any) -> Work:
    return lambda: lib.zeros(2, 3).sum().item()


@case("call/linear_module")
def linear_module(lib: Any) -> Work:
    layer, x = lib.nn.Linear(4, 4), lib.rand(1, 4)
    return lambda: layer(x)


@case("infer/mlp_bs1")
def infer_mlp(lib: Any) -> Work:
    from cases.training import mission_network

    net, x = mission_network(lib).eval(), lib.rand(1, 784)

    def work() -> Any:
        with lib.no_grad():
            return net(x)

    return work
