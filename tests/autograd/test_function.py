"""autograd.Function: what its context offers and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

import lampas
from lampas.autograd import Function
from lampas.autograd.function import once_differentiable


def leaf(*values: float) -> lampas.Tensor:
    return lampas.tensor(values, dtype=lampas.float64, requires_grad=True)


class Multiply(Function):
    """a * b * scale, with its context handed on by forward itself."""

    seen: tuple = ()

    @staticmethod
    def forward(ctx, a, b, scale):
        ctx.save_for_backward(a, b)
        ctx.scale = scale
        Multiply.seen = ctx.needs_input_grad
        return a * b * scale

    @staticmethod
    def backward(ctx, g):
        a, b = ctx.saved_tensors
        ga = g * b * ctx.scale if ctx.needs_input_grad[0] else None
        gb = g * a * ctx.scale if ctx.needs_input_grad[1] else None
        return ga, gb, None


def test_forward_and_backward() -> None:
    a, b = leaf(2.0, 3.0), leaf(5.0, 7.0)
    y = Multiply.apply(a, b, 10)
    assert y.tolist() == [100.0, 210.0] and "MultiplyBackward" in y.grad_fn.name()
    y.sum().backward()
    assert a.grad.tolist() == [50.0, 70.0] and b.grad.tolist() == [20.0, 30.0]


def test_needs_input_grad() -> None:
    a, b = leaf(2.0), lampas.ones(1, dtype=lampas.float64)
    Multiply.apply(a, b, 10).backward()
    assert Multiply.seen == (True, False, False) and b.grad is None
    y = Multiply.apply(b, b, 1)
    assert Multiply.seen == (False, False, False) and not y.requires_grad
    with lampas.no_grad():
        assert not Multiply.apply(a, b, 1).requires_grad


def test_second_derivatives_and_gradcheck() -> None:
    a, b = leaf(2.0), leaf(5.0)
    (ga,) = lampas.autograd.grad(Multiply.apply(a, b, 10), a, create_graph=True)
    assert lampas.autograd.grad(ga, b)[0].item() == 10
    assert lampas.autograd.gradcheck(lambda x, y: Multiply.apply(x, y, 3), (a, b))
    assert lampas.autograd.gradgradcheck(lambda x, y: Multiply.apply(x, y, 3), (a, b))


def test_saved_tensors_are_checked_and_freed() -> None:
    a, b = leaf(2.0), leaf(5.0)
    b2 = b * 1
    y = Multiply.apply(a, b2, 1)
    b2.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()
    y = Multiply.apply(a, b, 1)
    y.backward()
    with pytest.raises(RuntimeError, match="a second time"):
        y.backward()


def test_setup_context() -> None:
    class Power(Function):
        @staticmethod
        def forward(x, n):
            return x**n, n

        @staticmethod
        def setup_context(ctx, inputs, output):
            x, n = inputs
            ctx.save_for_backward(x)
            ctx.n = n
            assert output[1] == n

        @staticmethod
        def backward(ctx, g, _):
            (x,) = ctx.saved_tensors
            return g * ctx.n * x ** (ctx.n - 1), None

    x = leaf(3.0)
    y, n = Power.apply(x, 3)
    assert n == 3
    y.backward()
    assert x.grad.item() == 27


def test_mark_dirty() -> None:
    class AddOne(Function):
        @staticmethod
        def forward(ctx, x):
            x.add_(1)
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 10

    x = leaf(1.0)
    y = x * 2
    z = AddOne.apply(y)
    assert z is y and y.item() == 3
    z.backward()
    assert x.grad.item() == 20
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
        AddOne.apply(x)


def test_mark_dirty_in_a_view() -> None:
    class Double(Function):
        @staticmethod
        def forward(ctx, x):
            x.mul_(2)
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 2

    x = leaf(1.0, 2.0, 3.0)
    y = x * 1
    Double.apply(y[1:])
    assert y.tolist() == [1.0, 4.0, 6.0]
    y.sum().backward()
    assert x.grad.tolist() == [1.0, 2.0, 2.0]


def test_mark_non_differentiable() -> None:
    class SortWithIndex(Function):
        @staticmethod
        def forward(ctx, x):
            values, index = x.sort()
            halves = values / 2
            ctx.mark_non_differentiable(index, halves)
            ctx.save_for_backward(index)
            return values, index, halves

        @staticmethod
        def backward(ctx, g, gi, gh):
            assert gi.dtype == lampas.int64 and not gi.any() and not gh.any()
            (index,) = ctx.saved_tensors
            return lampas.zeros_like(g).index_add_(0, index, g)

    x = leaf(3.0, 1.0, 2.0)
    values, index, halves = SortWithIndex.apply(x)
    assert index.tolist() == [1, 2, 0] and not index.requires_grad and not halves.requires_grad
    (values * lampas.tensor([1.0, 10.0, 100.0], dtype=lampas.float64)).sum().backward()
    assert x.grad.tolist() == [100.0, 1.0, 10.0]


@pytest.mark.parametrize("materialize", [True, False])
def test_absent_gradients(materialize: bool) -> None:
    class Two(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(materialize)
            return x * 2, x * 3

        @staticmethod
        def backward(ctx, g2, g3):
            if materialize:
                assert g3.tolist() == [0.0, 0.0]
                return g2 * 2 + g3 * 3
            assert g3 is None
            return g2 * 2

    x = leaf(1.0, 2.0)
    y, _ = Two.apply(x)
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_once_differentiable() -> None:
    class Once(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**2

        @staticmethod
        @once_differentiable
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            assert not lampas.is_grad_enabled()
            return g * 2 * x

    x = leaf(3.0)
    Once.apply(x).backward()
    assert x.grad.item() == 6
    (g,) = lampas.autograd.grad(Once.apply(x), x, leaf(1.0), create_graph=True)
    with pytest.raises(RuntimeError, match="marked with @once_differentiable"):
        g.backward()


@pytest.mark.parametrize(
    ("backward", "error", "text"),
    [
        (lambda ctx, g: (g, g), RuntimeError, "returned an incorrect number of gradients"),
        (lambda ctx, g: g[:1], RuntimeError, "returned an invalid gradient|shape"),
        (lambda ctx, g: "text", (RuntimeError, TypeError), "expected|must return"),
        (lambda ctx, g: 1 / 0, ZeroDivisionError, "division by zero"),
    ],
)
def test_bad_backwards(backward, error, text) -> None:
    class Bad(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

    Bad.backward = staticmethod(backward)
    with pytest.raises(error, match=text):
        Bad.apply(leaf(1.0, 2.0)).sum().backward()


def test_functions_without_backward() -> None:
    class Half(Function):
        @staticmethod
        def forward(ctx, x):
            return x / 2

    y = Half.apply(leaf(1.0))
    assert y.item() == 0.5 and y.requires_grad
    with pytest.raises(NotImplementedError, match="backward"):
        y.backward()
    with pytest.raises(RuntimeError, match="Legacy autograd function"):
        Half()(leaf(1.0))
    with pytest.raises(NotImplementedError):
        type("Nothing", (Function,), {}).apply(leaf(1.0))


def test_inputs_that_are_no_tensors() -> None:
    class Sum(Function):
        @staticmethod
        def forward(ctx, *args):
            ctx.n = len(args)
            return sum(a for a in args if isinstance(a, lampas.Tensor)), "text", None

        @staticmethod
        def backward(ctx, g, *rest):
            assert rest == (None, None)
            return (g,) * ctx.n

    a, b = leaf(1.0), leaf(2.0)
    y, text, nothing = Sum.apply(a, b)
    assert (text, nothing) == ("text", None)
    y.backward()
    assert a.grad.item() == b.grad.item() == 1
    y, *_ = Sum.apply(a, 3)
    with pytest.raises(RuntimeError, match="gradient"):
        y.backward()


def test_an_input_returned_as_it_is() -> None:
    class Identity(Function):
        @staticmethod
        def forward(ctx, x):
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 5

    x = leaf(1.0)
    y = Identity.apply(x)
    assert y is not x and not y.is_leaf and x.is_leaf
    y.backward()
    assert x.grad.item() == 5


def test_vmap() -> None:
    class Square(Function):
        @staticmethod
        def forward(x):
            return x**2

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * 2 * x

        @staticmethod
        def vmap(info, in_dims, x):
            assert info.batch_size == 3 and in_dims == (0,)
            return x**2 + 0, 0

    x = lampas.arange(6.0).reshape(3, 2)
    y = lampas.func.vmap(Square.apply)(x)
    np.testing.assert_array_equal(y, np.arange(6.0).reshape(3, 2) ** 2)
    with pytest.raises(RuntimeError, match="vmap"):
        lampas.func.vmap(Multiply.apply, in_dims=(0, 0, None))(x, x, 1)


def test_vmap_made_from_forward() -> None:
    class Cube(Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x):
            return x**3

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * 3 * x**2

    x = lampas.arange(4.0)
    np.testing.assert_array_equal(lampas.func.vmap(Cube.apply)(x), np.arange(4.0) ** 3)
    g = lampas.func.vmap(lampas.func.grad(Cube.apply))(x)
    np.testing.assert_array_equal(g, 3 * np.arange(4.0) ** 2)


def test_a_jvp_serves_forward_mode() -> None:
    class Sine(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_forward(x)
            ctx.save_for_backward(x)
            return x.sin()

        @staticmethod
        def jvp(ctx, t):
            (x,) = ctx.saved_tensors
            return t * x.cos()

    x = lampas.tensor([0.5], dtype=lampas.float64)
    with lampas.autograd.forward_ad.dual_level():
        dual = lampas.autograd.forward_ad.make_dual(x, lampas.full_like(x, 2.0))
        tangent = lampas.autograd.forward_ad.unpack_dual(Sine.apply(dual)).tangent
        assert tangent.item() == pytest.approx(2 * np.cos(0.5))
