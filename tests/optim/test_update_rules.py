"""Every optimizer against its published formula, written out in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lampas
from lampas import optim

STEPS = 12

# Each rule is a generator: it is sent gradients and yields the parameter after each step.


def penalised(p, g, o):
    return g + o.get("weight_decay", 0) * p


def sgd(p, o):
    momentum, dampening = o.get("momentum", 0), o.get("dampening", 0)
    velocity = None
    while True:
        g = penalised(p, (yield p), o)
        if momentum:
            velocity = g if velocity is None else momentum * velocity + (1 - dampening) * g
            g = g + momentum * velocity if o.get("nesterov") else velocity
        p = p - o.get("lr", 1e-3) * g


def adam(p, o):
    """m and v are averages that start at zero; dividing by 1 - beta**t takes that bias out."""
    lr, (beta1, beta2) = o.get("lr", 1e-3), o.get("betas", (0.9, 0.999))
    m, v, top, t = 0 * p, 0 * p, 0 * p, 0
    while True:
        g = yield p
        t += 1
        if o.get("decoupled_weight_decay"):
            p = p - lr * o["weight_decay"] * p
        else:
            g = penalised(p, g, o)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        top = np.maximum(top, v)
        corrected = (top if o.get("amsgrad") else v) / (1 - beta2**t)
        p = p - lr * (m / (1 - beta1**t)) / (np.sqrt(corrected) + o.get("eps", 1e-8))


def adamw(p, o):
    return adam(p, {"weight_decay": 1e-2, **o, "decoupled_weight_decay": True})


def adamax(p, o):
    lr, (beta1, beta2) = o.get("lr", 2e-3), o.get("betas", (0.9, 0.999))
    m, u, t = 0 * p, 0 * p, 0
    while True:
        g = penalised(p, (yield p), o)
        t += 1
        m = beta1 * m + (1 - beta1) * g
        u = np.maximum(beta2 * u, np.abs(g) + 1e-8)
        p = p - lr / (1 - beta1**t) * m / u


def nadam(p, o):
    lr, (beta1, beta2) = o.get("lr", 2e-3), o.get("betas", (0.9, 0.999))
    m, v, t, product = 0 * p, 0 * p, 0, 1.0

    def momentum(t):
        return beta1 * (1 - 0.5 * 0.96 ** (t * o.get("momentum_decay", 4e-3)))

    while True:
        g = yield p
        t += 1
        if o.get("decoupled_weight_decay"):
            p = p - lr * o["weight_decay"] * p
        else:
            g = penalised(p, g, o)
        product *= momentum(t)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        ahead = momentum(t + 1) * m / (1 - product * momentum(t + 1))
        ahead = ahead + (1 - momentum(t)) * g / (1 - product)
        p = p - lr * ahead / (np.sqrt(v / (1 - beta2**t)) + 1e-8)


def radam(p, o):
    lr, (beta1, beta2) = o.get("lr", 1e-3), o.get("betas", (0.9, 0.999))
    m, v, t = 0 * p, 0 * p, 0
    limit = 2 / (1 - beta2) - 1
    while True:
        g = penalised(p, (yield p), o)
        t += 1
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        step = m / (1 - beta1**t)
        length = limit - 2 * t * beta2**t / (1 - beta2**t)
        if length > 5:
            r = ((length - 4) * (length - 2) * limit) / ((limit - 4) * (limit - 2) * length)
            step = step * np.sqrt(r * (1 - beta2**t)) / (np.sqrt(v) + 1e-8)
        p = p - lr * step


def adagrad(p, o):
    total, t = 0 * p + o.get("initial_accumulator_value", 0), 0
    while True:
        g = penalised(p, (yield p), o)
        t += 1
        total = total + g**2
        lr = o.get("lr", 1e-2) / (1 + (t - 1) * o.get("lr_decay", 0))
        p = p - lr * g / (np.sqrt(total) + 1e-10)


def adadelta(p, o):
    rho, v, u = o.get("rho", 0.9), 0 * p, 0 * p
    while True:
        g = penalised(p, (yield p), o)
        v = rho * v + (1 - rho) * g**2
        d = np.sqrt(u + 1e-6) / np.sqrt(v + 1e-6) * g
        u = rho * u + (1 - rho) * d**2
        p = p - o.get("lr", 1.0) * d


def rmsprop(p, o):
    alpha, v, mean, velocity = o.get("alpha", 0.99), 0 * p, 0 * p, 0 * p
    while True:
        g = penalised(p, (yield p), o)
        v = alpha * v + (1 - alpha) * g**2
        mean = alpha * mean + (1 - alpha) * g
        d = g / (np.sqrt(v - mean**2 if o.get("centered") else v) + 1e-8)
        velocity = o.get("momentum", 0) * velocity + d
        p = p - o.get("lr", 1e-2) * velocity


def rprop(p, o):
    smaller, larger = o.get("etas", (0.5, 1.2))
    size, before = 0 * p + o.get("lr", 1e-2), 0 * p
    while True:
        g = yield p
        turned = g * before < 0
        factor = np.where(turned, smaller, np.where(g * before > 0, larger, 1.0))
        size = np.clip(size * factor, *o.get("step_sizes", (1e-6, 50)))
        before = np.where(turned, 0.0, g)
        p = p - np.sign(before) * size


def asgd(p, o):
    lr, lambd, t = o.get("lr", 1e-2), o.get("lambd", 1e-4), 0
    eta = lr
    while True:
        g = penalised(p, (yield p), o)
        t += 1
        p = p * (1 - lambd * eta) - eta * g
        eta = lr / (1 + lambd * lr * t) ** o.get("alpha", 0.75)


CASES: list[tuple[type, Any, dict[str, Any]]] = [
    (optim.SGD, sgd, {"lr": 0.1}),
    (optim.SGD, sgd, {"lr": 0.1, "weight_decay": 0.3}),
    (optim.SGD, sgd, {"lr": 0.1, "momentum": 0.9}),
    (optim.SGD, sgd, {"lr": 0.1, "momentum": 0.9, "dampening": 0.4, "weight_decay": 0.1}),
    (optim.SGD, sgd, {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    (optim.Adam, adam, {"lr": 0.1}),
    (optim.Adam, adam, {"lr": 0.1, "betas": (0.0, 0.5), "eps": 0.1}),
    (optim.Adam, adam, {"lr": 0.1, "betas": (0.4, 0.9), "weight_decay": 0.2}),
    (optim.Adam, adam, {"lr": 0.1, "amsgrad": True, "betas": (0.9, 0.2)}),
    (optim.Adam, adam, {"decoupled_weight_decay": True, "weight_decay": 0.2}),
    (optim.AdamW, adamw, {"lr": 0.1}),
    (optim.AdamW, adamw, {"lr": 0.1, "weight_decay": 0.5, "amsgrad": True}),
    (optim.Adamax, adamax, {"lr": 0.1}),
    (optim.Adamax, adamax, {"weight_decay": 0.2, "betas": (0.8, 0.7)}),
    (optim.NAdam, nadam, {"lr": 0.1}),
    (optim.NAdam, nadam, {"weight_decay": 0.2, "momentum_decay": 0.1}),
    (optim.NAdam, nadam, {"weight_decay": 0.2, "decoupled_weight_decay": True}),
    (optim.RAdam, radam, {"lr": 0.1}),
    (optim.RAdam, radam, {"lr": 0.1, "weight_decay": 0.2, "betas": (0.8, 0.95)}),
    (optim.Adagrad, adagrad, {"lr": 0.1}),
    (optim.Adagrad, adagrad, {"lr_decay": 0.5, "initial_accumulator_value": 0.3}),
    (optim.Adadelta, adadelta, {}),
    (optim.Adadelta, adadelta, {"rho": 0.5, "weight_decay": 0.2, "lr": 0.5}),
    (optim.RMSprop, rmsprop, {}),
    (optim.RMSprop, rmsprop, {"alpha": 0.9, "momentum": 0.7, "weight_decay": 0.1}),
    (optim.RMSprop, rmsprop, {"alpha": 0.9, "centered": True}),
    (optim.RMSprop, rmsprop, {"alpha": 0.9, "centered": True, "momentum": 0.7}),
    (optim.Rprop, rprop, {}),
    (optim.Rprop, rprop, {"lr": 0.2, "etas": (0.3, 1.7), "step_sizes": (0.05, 0.4)}),
    (optim.ASGD, asgd, {"lr": 0.1}),
    (optim.ASGD, asgd, {"lr": 0.1, "lambd": 0.2, "weight_decay": 0.1}),
]
NAMES = [f"{cls.__name__}-{i}" for i, (cls, _, _) in enumerate(CASES)]
cases = pytest.mark.parametrize("cls, rule, options", CASES, ids=NAMES)


def gradients(shape: tuple[int, ...], seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    scales = 10.0 ** rng.integers(-2, 2, size=STEPS)
    return [np.asarray(rng.normal(size=shape) * scale) for scale in scales]


def beginning(shape: tuple[int, ...]) -> np.ndarray:
    return np.asarray(np.random.default_rng(1).normal(size=shape))


def close(p: Any, want: np.ndarray, cls: type, tolerance: float = 1e-11) -> None:
    """NAdam and ASGD keep single numbers of their state in float32."""
    if cls in (optim.NAdam, optim.ASGD):
        tolerance = max(tolerance, 1e-6)
    got = p.detach().numpy()
    np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)


def expected(rule: Any, start: np.ndarray, grads: list[np.ndarray], options: Any) -> np.ndarray:
    steps = rule(start, options)
    next(steps)
    for g in grads:
        result = steps.send(g)
    return result


def run(cls: type, p: Any, grads: list[np.ndarray], options: Any) -> Any:
    p.requires_grad_()
    optimizer = cls([p], **options)
    for g in grads:
        p.grad = lampas.from_numpy(g).to(p.dtype)
        optimizer.step()
    return optimizer


@cases
@pytest.mark.parametrize("dtype, tolerance", [("float64", 1e-11), ("float32", 2e-4)])
@pytest.mark.parametrize("shape", [(7, 33), (1,), (), (0, 3)])
def test_formula(cls, rule, options, dtype, tolerance, shape) -> None:
    start = beginning(shape)
    p = lampas.from_numpy(start.copy()).to(getattr(lampas, dtype))
    run(cls, p, gradients(shape), options)
    close(p, expected(rule, start, gradients(shape), options), cls, tolerance)


@cases
def test_more_than_one_block(cls, rule, options) -> None:
    start = beginning((70001,))
    p = lampas.from_numpy(start.copy())
    run(cls, p, gradients(start.shape), options)
    close(p, expected(rule, start, gradients(start.shape), options), cls)


@cases
def test_strided_parameter(cls, rule, options) -> None:
    start = beginning((5, 9))
    p = lampas.from_numpy(np.ascontiguousarray(start.T)).t()
    assert not p.is_contiguous()
    run(cls, p, gradients(start.shape), options)
    close(p, expected(rule, start, gradients(start.shape), options), cls)


@cases
def test_maximize_is_descent_on_the_negative(cls, rule, options) -> None:
    start = beginning((5,))
    grads = gradients(start.shape)
    up, down = (lampas.from_numpy(start.copy()) for _ in range(2))
    run(cls, up, grads, {**options, "maximize": True})
    run(cls, down, [-g for g in grads], options)
    np.testing.assert_array_equal(up.detach().numpy(), down.detach().numpy())


@cases
def test_complex_parameter_is_two_real_ones(cls, rule, options) -> None:
    start = beginning((5, 2))
    grads = gradients(start.shape)
    p = lampas.view_as_complex(lampas.from_numpy(start.copy()))
    p = p.detach().requires_grad_()
    optimizer = cls([p], **options)
    for g in grads:
        p.grad = lampas.view_as_complex(lampas.from_numpy(g))
        optimizer.step()
    close(lampas.view_as_real(p.detach()), expected(rule, start, grads, options), cls)


@cases
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_stays_near(cls, rule, options, dtype) -> None:
    start = beginning((600,))
    p = lampas.from_numpy(start.copy()).to(getattr(lampas, dtype))
    grads = [np.sign(g) * 0.5 for g in gradients(start.shape)[:3]]
    run(cls, p, grads, options)
    assert p.dtype == getattr(lampas, dtype)
    want = expected(rule, start, grads, options)
    # Ratios of sums of a few rounded numbers: only the coarse course is certain.
    error = np.abs(p.detach().float().numpy() - want)
    assert np.median(error) < 0.05


@pytest.mark.parametrize("decay", [0.0, 0.5])
def test_plain_gradient_descent_by_hand(decay) -> None:
    x = lampas.tensor([1.0, -2.0], dtype=lampas.float64, requires_grad=True)
    optimizer = optim.SGD([x], lr=0.25, weight_decay=decay)
    (x**2).sum().backward()
    optimizer.step()
    np.testing.assert_allclose(x.detach().numpy(), np.array([1.0, -2.0]) * (0.5 - 0.25 * decay))


def test_asgd_averages_from_t0() -> None:
    x = lampas.zeros(3, dtype=lampas.float64, requires_grad=True)
    optimizer = optim.ASGD([x], lr=0.1, lambd=0.0, t0=2)
    seen = []
    for _ in range(8):
        x.grad = lampas.randn(3, dtype=lampas.float64)
        optimizer.step()
        seen.append(x.detach().numpy().copy())
    # mu becomes 1/2 after step 4, so the mean is over the values from step 4 on.
    np.testing.assert_allclose(optimizer.state[x]["ax"].numpy(), np.mean(seen[3:], 0), rtol=1e-6)


def test_adafactor_matrix() -> None:
    rng = np.random.default_rng(0)
    start, grads = rng.normal(size=(4, 6)), gradients((4, 6))
    p = lampas.from_numpy(start.copy())
    run(optim.Adafactor, p, grads, {"lr": 0.1, "weight_decay": 0.1})
    want, rows, columns = start, np.zeros((4, 1)), np.zeros((1, 6))
    for t, g in enumerate(grads, 1):
        weight = t**-0.8
        size = max(1e-3, np.sqrt((want**2).mean())) * min(0.1, 1 / np.sqrt(t))
        want = want * (1 - 0.1 * 0.1)
        rows += weight * ((g**2).mean(1, keepdims=True) - rows)
        columns += weight * ((g**2).mean(0, keepdims=True) - columns)
        eps = np.finfo(np.float64).eps
        update = g / np.sqrt(np.maximum(rows * columns / max(rows.mean(), eps), eps**2))
        want = want - size / max(1.0, np.sqrt((update**2).mean())) * update
    np.testing.assert_allclose(p.detach().numpy(), want, rtol=1e-9)


def test_muon_update_is_nearly_orthogonal() -> None:
    for shape in [(4, 9), (9, 4), (5, 5)]:
        w = lampas.zeros(*shape, requires_grad=True)
        optimizer = optim.Muon([w], lr=1.0, weight_decay=0.0)
        w.grad = lampas.randn(*shape)
        optimizer.step()
        ratio = max(1.0, shape[0] / shape[1]) ** 0.5
        values = np.linalg.svd(w.detach().numpy() / ratio, compute_uv=False)
        assert np.all((values > 0.6) & (values < 1.3)), values
        # The directions are those of the gradient.
        u, _, vt = np.linalg.svd(w.grad.numpy(), full_matrices=False)
        core = u.T @ w.detach().numpy() @ vt.T / ratio
        assert np.abs(core + np.diag(values.mean() * np.ones(len(core)))).max() < 0.5


QUADRATIC: list[tuple[type, dict[str, Any]]] = [
    (optim.SGD, {"lr": 0.1}),
    (optim.SGD, {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
    (optim.Adam, {"lr": 0.1}),
    (optim.AdamW, {"lr": 0.1, "weight_decay": 0.0}),
    (optim.Adamax, {"lr": 0.1}),
    (optim.NAdam, {"lr": 0.1}),
    (optim.RAdam, {"lr": 0.1}),
    (optim.Adagrad, {"lr": 1.0}),
    (optim.Adadelta, {"lr": 10.0}),
    (optim.RMSprop, {"lr": 0.01}),
    (optim.Rprop, {}),
    (optim.ASGD, {"lr": 0.1}),
    (optim.Adafactor, {"lr": 0.1}),
    (optim.LBFGS, {}),
    (optim.LBFGS, {"line_search_fn": "strong_wolfe"}),
]


@pytest.mark.parametrize("cls, options", QUADRATIC)
def test_finds_the_minimum_of_a_quadratic(cls, options) -> None:
    target = lampas.tensor([1.0, -2.0, 0.5], dtype=lampas.float64)
    x = lampas.zeros(3, dtype=lampas.float64, requires_grad=True)
    optimizer = cls([x], **options)

    def closure():
        optimizer.zero_grad()
        loss = (lampas.tensor([1.0, 2.0, 0.5]) * (x - target) ** 2).sum()
        loss.backward()
        return loss

    first = float(closure())
    for _ in range(500):
        optimizer.step(closure)
    assert float(closure()) < 1e-2 * first
