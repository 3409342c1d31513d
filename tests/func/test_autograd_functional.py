"""autograd.functional and autograd.forward_ad, against closed formulas."""

from __future__ import annotations

import numpy as np
import pytest

import lampas
from lampas.autograd import forward_ad
from lampas.autograd.functional import hessian, hvp, jacobian, jvp, vhp, vjp

X = lampas.tensor([0.3, -1.2, 2.0], dtype=lampas.float64)
V = lampas.tensor([1.0, 0.5, -2.0], dtype=lampas.float64)
A = lampas.tensor([[1.0, 2.0, 0.0], [0.0, -1.0, 3.0]], dtype=lampas.float64)


def close(a, b):
    np.testing.assert_allclose(a.detach(), b.detach(), rtol=1e-10, atol=1e-12)


def product(a, b):
    return a * b, (a * b).sum()


def test_products() -> None:
    out, g = vjp(lambda x: A @ x, X, V[:2])
    close(out, A @ X)
    close(g, A.T @ V[:2])
    out, t = jvp(lambda x: A @ x, X, V)
    close(t, A @ V)
    _, (ga, gb) = vjp(product, (X, V), (V, X.sum()))
    close(ga, V * V + V * X.sum())
    close(gb, X * V + X * X.sum())
    _, (one, two) = jvp(product, (X, V), (V, X))
    close(one, V * V + X * X)
    close(two, one.sum())
    assert not out.requires_grad and not t.requires_grad
    with lampas.no_grad():
        close(vjp(lambda x: x.sum() ** 2, X)[1], (2 * X.sum()).expand(3))


@pytest.mark.parametrize(
    "options", [{}, {"vectorize": True}, {"vectorize": True, "strategy": "forward-mode"}]
)
def test_jacobian(options) -> None:
    close(jacobian(lambda x: A @ x, X, **options), A)
    (aa, ab), (sa, sb) = jacobian(product, (X, V), **options)
    close(aa, V.diag())
    close(ab, X.diag())
    close(sa, V)
    close(sb, X)
    (only,) = jacobian(lambda x: x**2, (X,), **options)
    close(only, (2 * X).diag())
    zero = jacobian(lambda x: lampas.ones(2, dtype=x.dtype), X, **options)
    assert zero.shape == (2, 3) and zero.abs().sum() == 0


@pytest.mark.parametrize(
    "options", [{}, {"vectorize": True, "outer_jacobian_strategy": "forward-mode"}]
)
def test_hessian(options) -> None:
    close(hessian(lambda x: (x**3).sum(), X, **options), (6 * X).diag())
    (aa, ab), (ba, bb) = hessian(lambda a, b: (a**2 * b).sum().reshape(1), (X, V), **options)
    close(aa, (2 * V).diag())
    close(ab, (2 * X).diag())
    close(ba, (2 * X).diag())
    close(bb, lampas.zeros(3, 3, dtype=X.dtype))


@pytest.mark.parametrize("product", [hvp, vhp])
def test_products_with_the_hessian(product) -> None:
    value, h = product(lambda x: x.prod() + (x**3).sum(), X, V)
    full = hessian(lambda x: x.prod() + (x**3).sum(), X)
    close(value, X.prod() + (X**3).sum())
    close(h, full @ V)
    _, (a, b) = product(lambda a, b: (a**2 * b).sum(), (X, V), (V, X))
    close(a, 2 * V * V + 2 * X * X)
    close(b, 2 * X * V)


def test_create_graph() -> None:
    x = X.clone().requires_grad_()
    for f in (vjp, jvp):
        _, g = f(lambda a: a**3, x, V, create_graph=True)
        close(lampas.autograd.grad(g.sum(), x)[0], 6 * X * V)
    j = jacobian(lambda a: a**3, x, create_graph=True)
    close(lampas.autograd.grad(j.sum(), x)[0], 6 * X)
    for f in (hvp, vhp):
        _, g = f(lambda a: (a**4).sum(), x, V, create_graph=True)
        close(lampas.autograd.grad(g.sum(), x)[0], 24 * X * V)


ONE = lampas.ones(3)
ERRORS = [
    (lambda: vjp(lambda x: x * 2, ONE), RuntimeError, "can only be None if the user-provided"),
    (lambda: jvp(lambda x: x * 2, ONE), RuntimeError, "can only be None if the input"),
    (lambda: vjp(lambda x: x, ONE, ONE[:2]), RuntimeError, "v has invalid size"),
    (lambda: vjp(lambda x: (x, x), ONE, ONE), RuntimeError, "tuple of invalid length"),
    (lambda: vjp(lambda x: x, [ONE], ONE), TypeError, "inputs given to vjp must be"),
    (lambda: jacobian(lambda x: (x, 3), ONE), TypeError, "value at index 1"),
    (lambda: vjp(lambda a, b: b, (ONE, ONE), ONE, strict=True), RuntimeError, "input 0"),
    (lambda: jvp(lambda x: ONE, ONE, ONE, strict=True), RuntimeError, "does not require gradients"),
    (lambda: jacobian(lambda a, b: b, (ONE, ONE), strict=True), RuntimeError, "Output 0"),
    (lambda: jacobian(lambda x: x, ONE, False, True, True), RuntimeError, "together"),
    (lambda: jacobian(lambda x: x, ONE, strategy="a"), AssertionError, "Expected strategy"),
    (
        lambda: jacobian(lambda x: x, ONE, strategy="forward-mode"),
        NotImplementedError, "vectorize=True",
    ),
    (lambda: hessian(lambda x: x, ONE), RuntimeError, "single element"),
    (lambda: hessian(lambda x: (x, x), ONE), RuntimeError, "return a single Tensor"),
    (lambda: hvp(lambda x: x.sum(), ONE, ONE, strict=True), RuntimeError, "twice differentiable"),
    (lambda: vhp(lambda x: x.sum(), ONE, ONE, strict=True), RuntimeError, "twice differentiable"),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(ERRORS)))
def test_errors(case: int) -> None:
    call, kind, text = ERRORS[case]
    with pytest.raises(kind, match=text):
        call()


# ---- dual tensors --------------------------------------------------------------------------------
def test_dual_tensors() -> None:
    with forward_ad.dual_level():
        x = forward_ad.make_dual(X, V)
        y = forward_ad.make_dual(V, X)
        for got, value, tangent in (
            (x, X, V),
            (x.sin(), X.sin(), X.cos() * V),
            (x * y, X * V, V * V + X * X),
            (A @ x, A @ X, A @ V),
        ):
            primal, moved = forward_ad.unpack_dual(got)
            close(primal, value)
            close(moved, tangent)
            assert not primal.requires_grad
        assert forward_ad.unpack_dual(X).tangent is None
    assert forward_ad.unpack_dual(x).tangent is None


def test_dual_parameters_and_gradients_of_tangents() -> None:
    w = X.clone().requires_grad_()
    with forward_ad.dual_level():
        x = forward_ad.make_dual(V, X)
        _, tangent = forward_ad.unpack_dual(x**2 * w)
        close(lampas.autograd.grad(tangent.sum(), w)[0], 2 * V * X)
        moved = forward_ad.unpack_dual(lampas.func.grad(lambda a: (a**3).sum())(x)).tangent
        close(moved, 6 * V * X)


def test_dual_errors() -> None:
    with pytest.raises(RuntimeError, match="no level exists"):
        forward_ad.make_dual(X, V)
    with pytest.raises(RuntimeError, match="no level"):
        forward_ad.exit_dual_level()
    with forward_ad.dual_level():
        with pytest.raises(RuntimeError, match="different size"):
            forward_ad.make_dual(X, V[:2])
        with pytest.raises(ValueError, match="floating point"):
            forward_ad.make_dual(X.long(), V)
        with pytest.raises(RuntimeError, match="Nested"), forward_ad.dual_level():
            pass
    with pytest.raises(KeyError), forward_ad.dual_level():
        raise KeyError
    assert forward_ad.enter_dual_level() == 0
    forward_ad.exit_dual_level()
