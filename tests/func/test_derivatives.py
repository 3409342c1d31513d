"""Derivatives of functions: against closed formulas, finite differences and nested loops."""

from __future__ import annotations

import numpy as np
import pytest

import lampas
from lampas import nn
from lampas.func import (
    functional_call,
    grad,
    grad_and_value,
    hessian,
    jacfwd,
    jacrev,
    jvp,
    linearize,
    vjp,
    vmap,
)
from lampas.nn import functional as F

X = lampas.tensor([0.3, -1.2, 2.0], dtype=lampas.float64)
V = lampas.tensor([1.0, 0.5, -2.0], dtype=lampas.float64)


@pytest.fixture(autouse=True)
def clean():
    from lampas.func import _batched

    yield
    assert not _batched.levels() and not _batched._running


def close(a, b, rtol=1e-9):
    np.testing.assert_allclose(a.detach(), b, rtol=rtol, atol=1e-11)


def numeric(f, x, eps=1e-6):
    """The Jacobian by central differences: [*output, *input]."""
    columns = []
    for i in range(x.numel()):
        step = lampas.zeros(x.numel(), dtype=x.dtype)
        step[i] = eps
        step = step.reshape(x.shape)
        columns.append((f(x + step) - f(x - step)).detach() / (2 * eps))
    return lampas.stack(columns, -1).reshape(*columns[0].shape, *x.shape)


# ---- grad ----------------------------------------------------------------------------------------
def test_grad_and_higher_orders() -> None:
    f = lampas.sin
    wanted = [X.cos(), -X.sin(), -X.cos(), X.sin()]
    for w in wanted:
        f = grad(f)
        close(vmap(f)(X), w)


def test_argnums_containers_and_aux() -> None:
    f = lambda a, d, k=1: ((a * d["b"]).sum() * k, {"sum": a.sum()})
    g, aux = grad(f, has_aux=True)(X, {"b": V}, k=2)
    close(g, 2 * V.numpy())
    close(aux["sum"], X.sum())
    assert not aux["sum"].requires_grad and not g.requires_grad
    both, (value, aux) = grad_and_value(f, argnums=(0, 1), has_aux=True)(X, {"b": V})
    close(both[0], V)
    close(both[1]["b"], X)
    close(value, (X * V).sum())
    close(grad(lambda a, b: (a * b**2).sum(), argnums=-1)(X, V), 2 * X * V)


def test_gradients_of_no_path_are_zeros() -> None:
    close(grad(lambda x: lampas.ones((), dtype=x.dtype))(X), np.zeros(3))
    close(grad(lambda x: x.detach().sum() + (x[0] * 0))(X), np.zeros(3))


def test_grad_within_no_grad_and_outside() -> None:
    with lampas.no_grad():
        close(grad(lambda x: (x**2).sum())(X), 2 * X)

    # no_grad inside of f: constants, as in PyTorch.
    def f(x):
        with lampas.no_grad():
            c = x**2
        return (x - c).sum()

    close(grad(f)(X), np.ones(3))


def test_the_users_own_graph_goes_through() -> None:
    w = lampas.tensor(2.0, dtype=lampas.float64, requires_grad=True)
    x = X.clone().requires_grad_()
    g = grad(lambda a: (w * a**3).sum())(x)
    g.sum().backward()
    close(w.grad, (3 * X**2).sum())
    close(x.grad, 2 * 6 * X)
    assert x.grad.grad_fn is None


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: grad(lambda x: x)(X), "scalar tensor, got tensor with 1 dims"),
        (lambda: grad(lambda x: 3)(X), "to return a Tensor, got int"),
        (lambda: grad(lambda x: x.sum(), has_aux=True)(X), "should be a tuple"),
        (lambda: grad(lambda x: x.sum(), argnums=1)(X), "Got argnum=1, but only 1"),
        (lambda: grad(lambda x: x.sum(), argnums=())(X), "must be non-empty"),
        (lambda: grad(lambda x: x.sum(), argnums=(0, 0))(X), "must be unique"),
        (lambda: grad(lambda x: x.sum(), argnums="a")(X), "argnums must be int"),
        (lambda: grad(lambda x: x)(3.0), "contain only Tensors, got unsupported type float"),
        (lambda: jvp(lampas.sin, X, X), "Expected primals to be a tuple"),
        (lambda: jvp(lampas.sin, (X,), (V, V)), "same python structure"),
        (lambda: jvp(lampas.sin, (X,), (V[:2],)), r"got \(2,\) for \(3,\)"),
        (lambda: jvp(lampas.sin, (), ()), "non-empty tuple"),
        (lambda: jvp(lambda x: V, (X,), (V,), strict=True), "independent of the inputs"),
        (lambda: vjp(lampas.sin, X)[1]((V, V)), "structure of the outputs"),
        (lambda: vjp(lampas.sin, X)[1](V[:2]), r"Expected a cotangent of shape \(3,\)"),
        (lambda: vjp(lambda x: 3, X), "outputs of f to contain only Tensors"),
        (lambda: linearize(lampas.sin, X)[1](V, V), "same python structure"),
        (lambda: jacrev(lampas.sin)(X.to(lampas.complex128)), "to be real"),
        (lambda: jacfwd(lambda x: lampas.complex(x, x))(X), "to be real"),
        (lambda: functional_call(nn.Linear(1, 1), ({}, 3), (X,)), "to be a dict, or a list"),
    ],
)  # fmt: skip
def test_errors(call, text: str) -> None:
    with pytest.raises((RuntimeError, ValueError), match=text):
        call()


# ---- products ------------------------------------------------------------------------------------
def f(x):
    return lampas.stack([(x**2).sum(), x.prod(), (x.exp() * V).sum(), x[0].sin()])


def test_products_with_the_jacobian() -> None:
    jacobian = numeric(f, X)
    u = lampas.tensor([1.0, -1.0, 0.5, 2.0], dtype=lampas.float64)
    out, pull = vjp(f, X)
    close(out, f(X))
    close(pull(u)[0], u.numpy() @ jacobian.numpy(), 1e-7)
    out, moved = jvp(f, (X,), (V,))
    close(out, f(X))
    close(moved, jacobian.numpy() @ V.numpy(), 1e-7)
    out, push = linearize(f, X)
    close(push(V), moved)
    close(push(2 * V), 2 * moved)
    for k in range(2):  # the graph stays
        close(pull(u + k)[0], (u + k).numpy() @ jacobian.numpy(), 1e-7)


def test_products_of_several_inputs_and_outputs() -> None:
    g = lambda a, b: {"p": a * b, "s": (a.sum(), b)}
    _, pull = vjp(g, X, V)
    one = {"p": lampas.ones(3).double(), "s": (lampas.ones(()).double(), V)}
    ga, gb = pull(one)
    close(ga, V + 1)
    close(gb, X + V)
    _, moved = jvp(g, (X, V), (V, X))
    close(moved["p"], V * V + X * X)
    close(moved["s"][0], V.sum())
    close(moved["s"][1], X)
    _, moved, aux = jvp(lambda a: (a.sin(), a.sum()), (X,), (V,), has_aux=True)
    close(aux, X.sum())
    _, pull, aux = vjp(lambda a: (a.sin(), a.sum()), X, has_aux=True)
    close(pull(V)[0], X.cos() * V)
    close(aux, X.sum())


def test_vmap_over_cotangents_and_tangents() -> None:
    jacobian = numeric(f, X)
    _, pull = vjp(f, X)
    rows = vmap(pull)(lampas.eye(4, dtype=X.dtype))[0]
    close(rows, jacobian, 1e-7)
    _, push = linearize(f, X)
    close(vmap(push, out_dims=1)(lampas.eye(3, dtype=X.dtype)), jacobian, 1e-7)
    columns = vmap(lambda v: jvp(f, (X,), (v,))[1], out_dims=1)(lampas.eye(3, dtype=X.dtype))
    close(columns, jacobian, 1e-7)


# ---- Jacobians -----------------------------------------------------------------------------------
FUNCTIONS = {
    "vector": f,
    "matrix": lambda x: x.outer(x.sin()),
    "scalar": lambda x: x.logsumexp(0),
    "softmax": lambda x: x.softmax(0),
    "layer_norm": lambda x: F.layer_norm(x, (3,)),
    "inverse": lambda x: lampas.linalg.inv(x.outer(x) + lampas.eye(3, dtype=x.dtype)),
    "conv": lambda x: F.conv1d(x.reshape(1, 1, 3), x[:2].reshape(1, 1, 2)),
    "gelu": lambda x: F.gelu(x) * x.sum(),
    "sort": lambda x: x.sort().values ** 2,
    "cumprod": lambda x: x.cumprod(0),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_jacobians(name: str) -> None:
    g = FUNCTIONS[name]
    wanted = numeric(g, X)
    for jac in (jacrev(g), jacfwd(g), jacrev(g, chunk_size=1), jacfwd(g, chunk_size=2)):
        got = jac(X)
        assert got.shape == (*g(X).shape, 3)
        np.testing.assert_allclose(got, wanted, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_hessians(name: str) -> None:
    g = FUNCTIONS[name]
    wanted = numeric(jacrev(g), X)
    for h in (hessian(g), jacrev(jacrev(g)), jacfwd(jacfwd(g)), jacrev(jacfwd(g))):
        np.testing.assert_allclose(h(X), wanted, rtol=1e-5, atol=1e-7)


def test_jacobians_of_containers() -> None:
    g = lambda a, b: (a * b["w"], {"s": a.sum()})
    for jac in (jacrev, jacfwd):
        one, two = jac(g, argnums=(0, 1))(X, {"w": V})
        close(one[0], V.diag())
        close(one[1]["w"], X.diag())
        close(two["s"][0], np.ones(3))
        close(two["s"][1]["w"], np.zeros(3))
        result, aux = jac(lambda a: (a**2, a.sum()), has_aux=True)(X)
        close(result, (2 * X).diag())
        close(aux, X.sum())
    assert jacrev(lambda x: x * 2)(lampas.ones(0)).shape == (0, 0)
    assert jacfwd(lambda x: x * 2)(lampas.ones(0)).shape == (0, 0)


def test_hessian_of_two_arguments() -> None:
    g = lambda a, b: (a**2 * b).sum()
    (aa, ab), (ba, bb) = hessian(g, argnums=(0, 1))(X, V)
    close(aa, (2 * V).diag())
    close(ab, (2 * X).diag())
    close(ba, (2 * X).diag())
    close(bb, np.zeros((3, 3)))


# ---- nesting -------------------------------------------------------------------------------------
def test_grad_of_vmap_of_grad() -> None:
    inner = vmap(grad(lambda t, w: (t**3 * w).sin()), (0, None))
    outer = grad(lambda x, w: (inner(x, w) ** 2).sum(), argnums=(0, 1))
    gx, gw = outer(X, lampas.tensor(0.7, dtype=X.dtype))

    def total(x, w):
        return ((3 * x**2 * w * (x**3 * w).cos()) ** 2).sum()

    w = lampas.tensor([0.7], dtype=X.dtype)
    np.testing.assert_allclose(gx, numeric(lambda x: total(x, w), X), rtol=1e-6)
    np.testing.assert_allclose(gw, numeric(lambda v: total(X, v), w)[0], rtol=1e-6)


def test_vmap_of_hessian_and_of_jacobians() -> None:
    batch = lampas.stack([X, V, X * V])
    g = lambda x: x.prod() + (x.exp() * x).sum()
    rows = lampas.stack([hessian(g)(x) for x in batch])
    close(vmap(hessian(g))(batch), rows)
    close(vmap(jacrev(f))(batch), lampas.stack([jacrev(f)(x) for x in batch]))
    close(vmap(jacfwd(f))(batch), lampas.stack([jacfwd(f)(x) for x in batch]))
    close(vmap(vmap(grad(lampas.sin)))(batch), batch.cos())


def test_perturbations_are_not_confused() -> None:
    # d/dx (x * d/dy (x + y)) is 1; a shared tangent would make it 2.
    x = lampas.tensor(3.0)
    assert grad(lambda a: a * grad(lambda b: a + b)(lampas.tensor(1.0)))(x) == 1
    one = (lampas.ones(()),)
    inner = lambda a: jvp(lambda b: a * b, (lampas.tensor(1.0),), one)[1]
    assert jvp(lambda a: a * inner(a), (x,), one)[1] == 6
    assert grad(lambda a: jvp(lambda b: a * b * b, (a,), one)[1])(x) == 12


def test_mixed_modes() -> None:
    one = (V,)
    g = lambda x: (x.exp() * x).prod()
    hv = jvp(grad(g), (X,), one)[1]
    close(hv, hessian(g)(X).numpy() @ V.numpy())
    close(grad(lambda x: jvp(g, (x,), one)[1])(X), hv)
    close(vjp(grad(g), X)[1](V)[0], hv)


# ---- modules -------------------------------------------------------------------------------------
def net():
    lampas.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)).double()


def test_gradients_per_sample() -> None:
    model, x, y = net(), lampas.randn(6, 4).double(), lampas.arange(6) % 3
    params = {k: v.detach() for k, v in model.named_parameters()}

    def loss(p, xi, yi):
        out = functional_call(model, p, (xi.unsqueeze(0),))
        return F.cross_entropy(out, yi.unsqueeze(0))

    got = vmap(grad(loss), (None, 0, 0))(params, x, y)
    values = vmap(grad_and_value(loss), (None, 0, 0), chunk_size=4)(params, x, y)[1]
    for i in range(6):
        model.zero_grad()
        one = F.cross_entropy(model(x[i : i + 1]), y[i : i + 1])
        one.backward()
        close(values[i], one.detach())
        for k, p in model.named_parameters():
            close(got[k][i], p.grad)
    assert set(got) == set(params)


def test_convolutional_gradients_per_sample() -> None:
    lampas.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.GroupNorm(2, 4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(16, 3),
    ).double()  # fmt: skip
    x = lampas.randn(4, 2, 6, 6).double()
    params = {k: v.detach() for k, v in model.named_parameters()}
    loss = lambda p, xi: (functional_call(model, p, (xi[None],)) ** 2).sum()
    got = vmap(grad(loss), (None, 0))(params, x)
    for i in range(4):
        for k, g in grad(loss)(params, x[i]).items():
            close(got[k][i], g)


def test_ensembles() -> None:
    models = [net() for _ in range(3)]
    for i, m in enumerate(models):
        lampas.nn.init.normal_(m[0].weight, generator=lampas.Generator().manual_seed(i))
    params, buffers = lampas.func.stack_module_state(models)
    assert params["0.weight"].is_leaf and params["0.weight"].requires_grad
    x = lampas.randn(3, 6, 4).double()
    run = lambda p, b, xi: functional_call(models[0], (p, b), (xi,))
    got = vmap(run)(params, buffers, x)
    shared = vmap(run, (0, 0, None))(params, buffers, x[0])
    for i, m in enumerate(models):
        close(got[i], m(x[i]).detach())
        close(shared[i], m(x[0]).detach())
    got.sum().backward()
    models[1](x[1]).sum().backward()
    close(params["0.weight"].grad[1], models[1][0].weight.grad)


def test_functional_call() -> None:
    model = net()
    x = lampas.randn(2, 4).double()
    zeros = {k: lampas.zeros_like(v) for k, v in model.named_parameters()}
    assert functional_call(model, zeros, x).abs().sum() == 0
    assert functional_call(model, [{"0.bias": zeros["0.bias"]}, {}], (x,)).abs().sum() > 0
    assert isinstance(model[0].weight, nn.Parameter) and model(x).abs().sum() > 0
    with pytest.raises(RuntimeError, match="nonsense"):
        functional_call(model, {"nonsense": X}, (x,), strict=True)
    with pytest.raises(ValueError, match="multiple dictionaries"):
        functional_call(model, [zeros, zeros], (x,))
    before = model[0].weight
    with pytest.raises(RuntimeError):
        functional_call(model, zeros, (lampas.ones(2, 7).double(),))
    assert model[0].weight is before


def test_batch_norm_without_statistics() -> None:
    model = lampas.func.replace_all_batch_norm_modules_(
        nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
    ).double()
    params = {k: v.detach() for k, v in model.named_parameters()}
    x = lampas.randn(2, 5, 4).double()
    got = vmap(lambda p, xi: functional_call(model, p, (xi,)), (None, 0))(params, x)
    for i in range(2):
        close(got[i], model(x[i]).detach())


def test_jacobian_of_a_network_by_its_input() -> None:
    model, x = net(), lampas.randn(5, 4).double()
    rows = vmap(jacrev(model))(x)
    for i in range(5):
        np.testing.assert_allclose(rows[i].detach(), numeric(model, x[i]), rtol=1e-5, atol=1e-8)
    close(vmap(jacfwd(model))(x), rows.detach())


# ---- custom functions ----------------------------------------------------------------------------
class Cube(lampas.autograd.Function):
    """With rules of its own."""

    @staticmethod
    def forward(x):
        return x**3

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 3 * x**2 * g

    @staticmethod
    def jvp(ctx, t):
        (x,) = ctx.saved_tensors
        return 3 * x**2 * t

    @staticmethod
    def vmap(info, in_dims, x):
        Cube.seen = (info.batch_size, info.randomness, in_dims)
        return Cube.apply(x), in_dims[0]


class Scale(lampas.autograd.Function):
    """With a generated rule: forward and backward run under vmap."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x, w):
        return x * w, x + w

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, g, h):
        x, w = ctx.saved_tensors
        return g * w + h, (g * x + h).sum()


def test_custom_functions_under_transforms() -> None:
    close(vmap(Cube.apply, in_dims=1)(lampas.stack([X, V])), lampas.stack([X, V]).T ** 3)
    assert Cube.seen == (3, "error", (0,))
    close(grad(lambda x: Cube.apply(x).sum())(X), 3 * X**2)
    close(grad(lambda x: grad(lambda y: Cube.apply(y).sum())(x).sum())(X), 6 * X)
    close(vmap(grad(Cube.apply))(X), 3 * X**2)
    close(jvp(Cube.apply, (X,), (V,))[1], 3 * X**2 * V)
    close(jacrev(Cube.apply)(X), (3 * X**2).diag())
    close(jacfwd(Cube.apply)(X), (3 * X**2).diag())


@pytest.mark.parametrize("dims", [(0, 0), (0, None), (None, 0)])
def test_generated_rules(dims) -> None:
    x = lampas.stack([X, V]) if dims[0] == 0 else X
    w = lampas.tensor([2.0, 3.0] if dims[1] == 0 else 2.0, dtype=X.dtype)
    got = vmap(Scale.apply, dims)(x, w)
    loss = lambda a, b: sum(o.sin().sum() for o in Scale.apply(a, b))
    plain = lambda a, b: (a * b).sin().sum() + (a + b).sin().sum()
    grads = vmap(grad(loss, (0, 1)), dims)(x, w)
    wanted = vmap(grad(plain, (0, 1)), dims)(x, w)
    for a, b in zip(grads, wanted, strict=True):
        close(a, b)
    column = w[:, None] if dims[1] == 0 else w
    close(got[0], x * column)
    total = lambda a, b: sum(o.sin().sum() for o in vmap(Scale.apply, dims)(a, b))
    reference = lambda a, b: vmap(plain, dims)(a, b).sum()
    for a, b in zip(grad(total, (0, 1))(x, w), grad(reference, (0, 1))(x, w), strict=True):
        close(a, b)


def test_custom_functions_without_a_rule() -> None:
    class Plain(lampas.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    with pytest.raises(RuntimeError, match="override the setup_context"):
        vmap(Plain.apply)(X)
    assert Plain.apply(X).tolist() == (2 * X).tolist()
