"""What a row cannot say of running sums: infinities, and gradients beyond the second."""

from __future__ import annotations

import math

import lampas
from lampas.autograd import gradgradcheck

_P = 1 / (1 + math.exp(-1))  # the second one's part of exp(0) + exp(1)


def test_logcumsumexp_leaves_out_what_is_minus_infinity() -> None:
    x = lampas.tensor([-math.inf, 0.0, 1.0], dtype=lampas.float64, requires_grad=True)
    x.logcumsumexp(0)[1:].sum().backward()
    wanted = lampas.tensor([0.0, 2 - _P, _P], dtype=lampas.float64)
    lampas.testing.assert_close(x.grad, wanted)
    (g,) = lampas.autograd.grad(x.logcumsumexp(0)[1:].sum(), x, create_graph=True)
    lampas.testing.assert_close(g, wanted)
    (again,) = lampas.autograd.grad(g[2], x)
    slope = _P * (1 - _P)
    lampas.testing.assert_close(again, lampas.tensor([0.0, -slope, slope], dtype=lampas.float64))


def test_logcumsumexp_has_a_third_gradient() -> None:
    x = lampas.tensor([0.3, -0.4, 0.9], dtype=lampas.float64, requires_grad=True)

    def slope(x: lampas.Tensor) -> lampas.Tensor:
        return lampas.autograd.grad(x.logcumsumexp(0).square().sum(), x, create_graph=True)[0]

    assert gradgradcheck(slope, (x,))
