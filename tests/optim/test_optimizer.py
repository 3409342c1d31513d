"""Groups, state, hooks and errors of the optimizers."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from typing import Any

import numpy as np
import pytest

import lampas
from lampas import optim

EVERY: list[tuple[type, dict[str, Any]]] = [
    (optim.SGD, {"lr": 0.1, "momentum": 0.9}),
    (optim.Adam, {"amsgrad": True}),
    (optim.AdamW, {}),
    (optim.Adamax, {}),
    (optim.NAdam, {}),
    (optim.RAdam, {"betas": (0.9, 0.9)}),
    (optim.Adagrad, {}),
    (optim.Adadelta, {}),
    (optim.RMSprop, {"momentum": 0.5, "centered": True}),
    (optim.Rprop, {}),
    (optim.ASGD, {"t0": 2}),
    (optim.Adafactor, {}),
    (optim.Muon, {}),
    (optim.LBFGS, {"max_iter": 3}),
]
every = pytest.mark.parametrize("cls, options", EVERY, ids=[c.__name__ for c, _ in EVERY])


def leaf(*values: float, **options: Any) -> Any:
    return lampas.tensor(list(values), requires_grad=True, **options)


def closure_of(optimizer: Any, w: Any):
    def closure():
        optimizer.zero_grad()
        loss = (w**4).sum() + (w * lampas.arange(1.0, 7.0).reshape(2, 3)).sum()
        loss.backward()
        return loss

    return closure


# ---- state ------------------------------------------------------------------------------------


@every
def test_resumes_to_the_same_bits(cls, options) -> None:
    w = lampas.linspace(-1, 1, 6).reshape(2, 3).clone().requires_grad_()
    optimizer = cls([w], **options)
    for _ in range(3):
        optimizer.step(closure_of(optimizer, w))
    saved = copy.deepcopy(optimizer.state_dict())
    again = w.detach().clone().requires_grad_()
    resumed = cls([again], **options)
    resumed.load_state_dict(saved)
    for _ in range(3):
        optimizer.step(closure_of(optimizer, w))
        resumed.step(closure_of(resumed, again))
    np.testing.assert_array_equal(w.detach().numpy(), again.detach().numpy())


@every
def test_pickles_with_its_parameters(cls, options) -> None:
    w = lampas.linspace(-1, 1, 6).reshape(2, 3).clone().requires_grad_()
    optimizer = cls([w], **options)
    optimizer.step(closure_of(optimizer, w))
    other = pickle.loads(pickle.dumps(optimizer))
    assert other.state_dict()["param_groups"] == optimizer.state_dict()["param_groups"]
    again = other.param_groups[0]["params"][0]
    optimizer.step(closure_of(optimizer, w))
    other.step(closure_of(other, again))
    np.testing.assert_array_equal(w.detach().numpy(), again.detach().numpy())


def test_state_dict_has_pytorchs_form() -> None:
    x, y = leaf(1.0, 2.0), leaf(3.0)
    optimizer = optim.Adam([{"params": [x]}, {"params": [y], "lr": 0.5}], lr=0.1)
    x.grad = lampas.ones(2)
    optimizer.step()
    state = optimizer.state_dict()
    assert [g["params"] for g in state["param_groups"]] == [[0], [1]]
    assert [g["lr"] for g in state["param_groups"]] == [0.1, 0.5]
    assert list(state["state"]) == [0]
    assert list(state["state"][0]) == ["step", "exp_avg", "exp_avg_sq"]
    step = state["state"][0]["step"]
    assert step.shape == () and step.dtype == lampas.float32 and step.item() == 1.0
    assert state["state"][0]["exp_avg"] is optimizer.state[x]["exp_avg"]
    assert list(state["param_groups"][0]) == [
        "lr", "betas", "eps", "weight_decay", "amsgrad", "maximize", "foreach", "capturable",
        "differentiable", "fused", "decoupled_weight_decay", "params",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "cls, options, keys",
    [
        (optim.SGD, {}, None),
        (optim.SGD, {"momentum": 0.9}, ["momentum_buffer"]),
        (optim.Adam, {"amsgrad": True}, ["step", "exp_avg", "exp_avg_sq", "max_exp_avg_sq"]),
        (optim.Adamax, {}, ["step", "exp_avg", "exp_inf"]),
        (optim.NAdam, {}, ["step", "mu_product", "exp_avg", "exp_avg_sq"]),
        (optim.Adagrad, {}, ["step", "sum"]),
        (optim.Adadelta, {}, ["step", "square_avg", "acc_delta"]),
        (
            optim.RMSprop,
            {"momentum": 0.5, "centered": True},
            ["step", "square_avg", "momentum_buffer", "grad_avg"],
        ),
        (optim.Rprop, {}, ["step", "prev", "step_size"]),
        (optim.ASGD, {}, ["step", "eta", "mu", "ax"]),
        (optim.Adafactor, {}, ["step", "variance"]),
    ],
)
def test_state_names(cls, options, keys) -> None:
    x = leaf(1.0, 2.0)
    optimizer = cls([x], **options)
    x.grad = lampas.ones(2)
    optimizer.step()
    assert (list(optimizer.state[x]) if x in optimizer.state else None) == keys


def test_loaded_state_takes_the_parameters_dtype_and_steps_keep_theirs() -> None:
    x = leaf(1.0, 2.0)
    optimizer = optim.Adam([x])
    x.grad = lampas.ones(2)
    optimizer.step()
    y = leaf(1.0, 2.0, dtype=lampas.float64)
    other = optim.Adam([y])
    other.load_state_dict(optimizer.state_dict())
    assert other.state[y]["exp_avg"].dtype == lampas.float64
    assert other.state[y]["step"].dtype == lampas.float32
    y.grad = lampas.ones(2, dtype=lampas.float64)
    other.step()
    assert other.state[y]["step"].item() == 2.0


def test_state_that_was_replaced_is_used() -> None:
    x = leaf(0.0)
    optimizer = optim.SGD([x], lr=1.0, momentum=0.5)
    x.grad = lampas.zeros(1)
    optimizer.step()
    optimizer.state[x]["momentum_buffer"] = lampas.tensor([4.0])
    optimizer.step()
    assert x.item() == -2.0
    optimizer.state.clear()
    x.grad = lampas.ones(1)
    optimizer.step()
    assert x.item() == -3.0


def test_load_checks_groups() -> None:
    x, y = leaf(1.0), leaf(2.0)
    two = optim.SGD([{"params": [x]}, {"params": [y]}])
    one = optim.SGD([x, y])
    with pytest.raises(ValueError, match="number of parameter groups: 1, the optimizer 2"):
        two.load_state_dict(one.state_dict())
    with pytest.raises(ValueError, match="group 0 was saved with 2 parameters and has 1 here"):
        optim.SGD([x]).load_state_dict(one.state_dict())


def test_deep_copy_is_independent() -> None:
    x = leaf(1.0)
    optimizer = optim.SGD([x], lr=1.0)
    other = copy.deepcopy(optimizer)
    x.grad = lampas.ones(1)
    optimizer.step()
    assert other.param_groups[0]["params"][0].item() == 1.0


def test_an_optimizer_is_freed_at_once() -> None:
    x = leaf(1.0)
    optimizer = optim.Adam([x])
    optim.lr_scheduler.StepLR(optimizer, 1)
    x.grad = lampas.ones(1)
    optimizer.step()
    gone = weakref.ref(optimizer)
    gc.disable()
    try:
        del optimizer
        assert gone() is None
    finally:
        gc.enable()


# ---- steps ------------------------------------------------------------------------------------


def test_parameters_without_gradient_are_left_alone() -> None:
    x, y = leaf(1.0), leaf(1.0)
    optimizer = optim.Adam([x, y], lr=0.5)
    for step in range(3):
        x.grad = lampas.ones(1)
        y.grad = lampas.ones(1) if step == 1 else None
        optimizer.step()
    assert optimizer.state[x]["step"].item() == 3.0
    assert optimizer.state[y]["step"].item() == 1.0
    assert y.item() == pytest.approx(0.5)


def test_groups_have_their_own_options() -> None:
    x, y, z = leaf(1.0), leaf(1.0), leaf(1.0)
    groups = [{"params": [x]}, {"params": y, "lr": 0.5, "weight_decay": 1.0}]
    optimizer = optim.SGD(groups, lr=0.25)
    optimizer.add_param_group({"params": (z,), "maximize": True})
    for p in (x, y, z):
        p.grad = lampas.ones(1)
    optimizer.step()
    assert [p.item() for p in (x, y, z)] == [0.75, 0.0, 1.25]
    optimizer.param_groups[0]["lr"] = 0.0
    optimizer.step()
    assert x.item() == 0.75


def test_learning_rate_may_be_a_tensor() -> None:
    x, lr = leaf(1.0), lampas.tensor(0.5)
    optimizer = optim.SGD([x], lr=lr)
    x.grad = lampas.ones(1)
    optimizer.step()
    lr.fill_(0.25)
    optimizer.step()
    assert x.item() == 0.25


def test_closure_runs_with_gradients_and_its_loss_is_returned() -> None:
    x = leaf(2.0)
    optimizer = optim.SGD([x], lr=0.25)

    def closure():
        assert lampas.is_grad_enabled()
        optimizer.zero_grad()
        loss = (x * x).sum()
        loss.backward()
        return loss

    with lampas.no_grad():
        assert optimizer.step(closure).item() == 4.0
    assert x.item() == 1.0
    assert optimizer.step() is None


def test_step_counts_as_a_write() -> None:
    x = leaf(1.0, 2.0)
    optimizer = optim.SGD([x], lr=0.1)
    y = (x * x).sum()
    x.grad = lampas.ones(2)
    optimizer.step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


def test_tied_memory_is_updated_in_order() -> None:
    flat = lampas.zeros(100_000)
    whole, half = (v.detach().requires_grad_() for v in (flat, flat[:60_000]))
    optimizer = optim.SGD([whole, half], lr=1.0, weight_decay=0.5)
    whole.grad, half.grad = lampas.full((100_000,), -1.0), lampas.full((60_000,), -1.0)
    optimizer.step()
    want = np.where(np.arange(100_000) < 60_000, 1.5, 1.0)
    np.testing.assert_array_equal(flat.numpy(), want)


def test_zero_grad() -> None:
    x, y = leaf(1.0, 2.0), leaf(3.0)
    optimizer = optim.SGD([x, y])
    x.grad = kept = lampas.ones(2)
    optimizer.zero_grad(set_to_none=False)
    assert x.grad is kept and kept.tolist() == [0.0, 0.0] and y.grad is None
    (x.prod() ** 2).backward(create_graph=True)
    assert x.grad.requires_grad
    optimizer.zero_grad(set_to_none=False)
    assert not x.grad.requires_grad and x.grad.tolist() == [0.0, 0.0]
    optimizer.zero_grad()
    assert x.grad is None


@pytest.mark.parametrize(
    "cls, options",
    [
        (optim.SGD, {"momentum": 0.9, "weight_decay": 0.1}),
        (optim.Adam, {"amsgrad": True}),
        (optim.AdamW, {}),
        (optim.Adamax, {}),
        (optim.NAdam, {}),
        (optim.RAdam, {"betas": (0.9, 0.9)}),
        (optim.Adagrad, {}),
        (optim.Adadelta, {}),
        (optim.RMSprop, {"momentum": 0.5}),
    ],
)
def test_differentiable_step_has_a_gradient_for_the_learning_rate(cls, options) -> None:
    def loss(lr: Any) -> Any:
        p = lampas.tensor([1.0, -2.0], dtype=lampas.float64, requires_grad=True).clone()
        optimizer = cls([p], lr=lr, differentiable=True, **options)
        for step in range(6):
            p.grad = lampas.tensor([0.5, 1.0 + step], dtype=lampas.float64)
            optimizer.step()
        return (p**2).sum()

    lr = lampas.tensor(0.1, dtype=lampas.float64, requires_grad=True)
    loss(lr).backward()
    high, low = (loss(lampas.tensor(v, dtype=lampas.float64)).item() for v in (0.1001, 0.0999))
    assert lr.grad.item() == pytest.approx((high - low) / 2e-4, rel=1e-5)


def test_other_parameters_for_a_while() -> None:
    x, y = leaf(1.0), leaf(5.0)
    optimizer = optim.SGD([x], lr=1.0, momentum=0.5)
    x.grad, y.grad = lampas.ones(1), lampas.full((1,), 2.0)
    optimizer.step()
    state = copy.deepcopy(optimizer.state_dict())
    state["param_groups"][0]["lr"] = 0.5
    with optim.swap_in_optimizer_params_and_state(optimizer, {"y": y}, state):
        optimizer.step()
    assert (x.item(), y.item()) == (0.0, 3.75)
    assert optimizer.param_groups[0]["lr"] == 1.0
    assert optimizer.state[x]["momentum_buffer"].item() == 1.0
    with pytest.raises(RuntimeError, match="make a step first"):
        with optim.swap_in_optimizer_params_and_state(optim.SGD([x]), {"y": y}, state):
            pass


# ---- hooks ------------------------------------------------------------------------------------


def test_hooks_surround_the_step() -> None:
    x = leaf(1.0)
    optimizer = optim.SGD([x], lr=1.0)
    x.grad = lampas.ones(1)
    calls: list[Any] = []
    handles = [
        optimizer.register_step_pre_hook(lambda o, args, kw: calls.append(("pre", x.item()))),
        optimizer.register_step_post_hook(lambda o, args, kw: calls.append(("post", x.item()))),
        optim.optimizer.register_optimizer_step_pre_hook(lambda *a: calls.append("all pre")),
        optim.optimizer.register_optimizer_step_post_hook(lambda *a: calls.append("all post")),
    ]
    optimizer.step()
    assert calls == ["all pre", ("pre", 1.0), ("post", 0.0), "all post"]
    for handle in handles:
        handle.remove()
    optimizer.step()
    assert len(calls) == 4


def test_pre_hook_may_change_the_arguments() -> None:
    x = leaf(1.0)
    optimizer = optim.SGD([x])
    optimizer.register_step_pre_hook(lambda o, args, kw: ((args[0], lambda: "changed"), {}))
    assert optimizer.step(lambda: "given") == "changed"
    optimizer.register_step_pre_hook(lambda o, args, kw: 3)
    with pytest.raises(RuntimeError, match="must return None or a tuple"):
        optimizer.step()


def test_hooks_of_an_optimizer_written_by_hand() -> None:
    class Still(optim.Optimizer):
        def step(self):
            return "stepped"

    optimizer = Still([leaf(1.0)], {})
    calls: list[str] = []
    optimizer.register_step_post_hook(lambda *a: calls.append("post"))
    assert optimizer.step() == "stepped" and calls == ["post"]


def test_state_dict_hooks() -> None:
    x = leaf(1.0)
    optimizer = optim.SGD([x], lr=1.0)
    optimizer.register_state_dict_pre_hook(lambda o: order.append(1))
    optimizer.register_state_dict_pre_hook(lambda o: order.append(0), prepend=True)
    optimizer.register_state_dict_post_hook(lambda o, state: {**state, "extra": 1})
    order: list[int] = []
    state = optimizer.state_dict()
    assert order == [0, 1] and state["extra"] == 1

    def halved(o, state):
        group = {**state["param_groups"][0], "lr": state["param_groups"][0]["lr"] / 2}
        return {**state, "param_groups": [group]}

    optimizer.register_load_state_dict_pre_hook(halved)
    optimizer.register_load_state_dict_post_hook(lambda o: order.append(2))
    optimizer.load_state_dict(state)
    assert optimizer.param_groups[0]["lr"] == 0.5 and order == [0, 1, 2]


# ---- names ------------------------------------------------------------------------------------


def test_named_parameters() -> None:
    x, y = leaf(1.0), leaf(2.0)
    optimizer = optim.SGD([("x", x), ("y", y)])
    assert optimizer.param_groups[0]["param_names"] == ["x", "y"]
    assert optimizer.state_dict()["param_groups"][0]["param_names"] == ["x", "y"]
    unnamed = optim.SGD([x, y]).state_dict()
    optimizer.load_state_dict(unnamed)
    assert optimizer.param_groups[0]["param_names"] == ["x", "y"]
    with pytest.raises(ValueError, match="cannot add param group without names"):
        optimizer.add_param_group({"params": [leaf(3.0)]})
    with pytest.raises(ValueError, match="Some param names are missing: 1 of 2"):
        optim.SGD([("x", x), y])


# ---- errors -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cls, options, text",
    [
        (optim.SGD, {"lr": -1}, "SGD: Invalid learning rate: -1"),
        (optim.SGD, {"lr": float("nan")}, "Invalid learning rate: nan"),
        (optim.SGD, {"momentum": -0.5}, "Invalid momentum value: -0.5"),
        (optim.SGD, {"nesterov": True}, "Nesterov momentum requires a momentum and zero dampening"),
        (optim.SGD, {"lr": lampas.ones(2)}, "Tensor lr must be 1-element"),
        (optim.Adam, {"betas": (1.0, 0.9)}, "Adam: Invalid beta parameter at index 0: 1.0"),
        (optim.AdamW, {"betas": (0.0, -1.0)}, "AdamW: Invalid beta parameter at index 1: -1.0"),
        (optim.Adam, {"eps": -1e-8}, "Invalid epsilon value: -1e-08"),
        (optim.Adam, {"weight_decay": -1}, "Invalid weight_decay value: -1"),
        (optim.Adamax, {"eps": -1}, "Adamax: Invalid epsilon value: -1"),
        (optim.NAdam, {"momentum_decay": -0.2}, "Invalid momentum_decay value: -0.2"),
        (optim.RAdam, {"lr": -0.1}, "RAdam: Invalid learning rate: -0.1"),
        (optim.Adagrad, {"lr_decay": -0.5}, "Invalid lr_decay value: -0.5"),
        (optim.Adadelta, {"rho": 1.1}, "Invalid rho value: 1.1"),
        (optim.RMSprop, {"momentum": -1.0}, "Invalid momentum value: -1.0"),
        (optim.Rprop, {"etas": (1.0, 0.5)}, "Invalid eta values: 1.0, 0.5"),
        (optim.ASGD, {"weight_decay": -0.5}, "Invalid weight_decay value: -0.5"),
        (optim.Adafactor, {"d": 0.5}, "Clipping threshold d should be >= 1 but is: 0.5"),
        (optim.Muon, {}, r"Muon only supports 2D parameters .* size: \(1,\)"),
    ],
)
def test_bad_options(cls, options, text) -> None:
    with pytest.raises(ValueError, match=text):
        cls([leaf(1.0)], **options)


def test_bad_parameters() -> None:
    x = leaf(1.0)
    with pytest.raises(ValueError, match="optimizer got an empty parameter list"):
        optim.SGD([])
    with pytest.raises(TypeError, match=r"iterable of Tensors or dicts, but got .*Tens"):
        optim.SGD(x)
    with pytest.raises(TypeError, match="can only optimize Tensors, but one of the params is int"):
        optim.SGD([3])
    with pytest.raises(TypeError, match="ordering of tensors in sets"):
        optim.SGD([{"params": {x}}])
    with pytest.raises(TypeError, match="param_group must be a dict"):
        optim.SGD([x]).add_param_group([leaf(2.0)])
    with pytest.raises(ValueError, match=r"can't optimize a non-leaf Tensor.*shape \[1\]"):
        optim.SGD([x * 2])
    with pytest.raises(ValueError, match="appear in more than one parameter group"):
        optim.SGD([{"params": [x]}, {"params": [x]}])
    with pytest.warns(UserWarning, match="duplicate parameters"):
        optim.SGD([x, x])
    with pytest.raises(ValueError, match="doesn't support per-parameter options"):
        optim.LBFGS([{"params": [x]}, {"params": [leaf(2.0)]}])
    with pytest.raises(ValueError, match=r"didn't specify a value of required .* rate"):
        optim.Optimizer([{"params": [x]}], {"rate": optim.optimizer.required})
    with pytest.raises(NotImplementedError, match="does not define step"):
        optim.Optimizer([x], {}).step()


def test_exclusive_modes() -> None:
    for cls in (optim.SGD, optim.Adam, optim.Adagrad):
        with pytest.raises(RuntimeError, match="`fused` does not support `differentiable`"):
            cls([leaf(1.0)], fused=True, differentiable=True)
        with pytest.raises(RuntimeError, match="cannot be `True` together"):
            cls([leaf(1.0)], fused=True, foreach=True)


def test_lbfgs_knows_one_line_search() -> None:
    x = leaf(1.0)
    optimizer = optim.LBFGS([x], line_search_fn="armijo")
    with pytest.raises(RuntimeError, match="only 'strong_wolfe' is supported, but got 'armijo'"):

        def closure():
            optimizer.zero_grad()
            loss = (x * x).sum()
            loss.backward()
            return loss

        optimizer.step(closure)


def test_repr_lists_groups() -> None:
    text = repr(optim.SGD([leaf(1.0)], lr=0.5))
    assert text.startswith("SGD (\nParameter Group 0\n    dampening: 0\n")
    assert "    lr: 0.5\n" in text and text.endswith("\n)")


def test_the_native_update_checks_its_arguments() -> None:
    update = lampas._C._optim_update
    x = leaf(1.0)
    x.grad = lampas.ones(1)
    with pytest.raises(TypeError, match="takes 6 arguments but got 2"):
        update("sgd", [x])
    with pytest.raises(TypeError, match=r"takes \(str, list, dict, tuple, bool, tuple\)"):
        update("sgd", (x,), {}, (), False, (0.1, 0, 0, 0, 0))
    with pytest.raises(ValueError, match="no update rule named 'newton'"):
        update("newton", [x], {}, (), False, (0.1,))
    with pytest.raises(
        ValueError, match="'sgd' takes 5 options and 0 to 1 buffers, but got 1 and 2"
    ):
        update("sgd", [x], {}, ("a", "b"), False, (0.1,))
    with pytest.raises(TypeError, match=r"params\[0\] is a int, not a Tensor"):
        update("sgd", [3], {}, (), False, (0.1, 0, 0, 0, 0))
    with pytest.raises(TypeError):
        update("sgd", [x], {}, (), False, ("0.1", 0, 0, 0, 0))
    with pytest.raises(TypeError, match="takes a list and a bool"):
        lampas._C._zero_grads((x,), True)
    assert x.item() == 1.0


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"momentum_buffer": 3},
        {"momentum_buffer": lampas.zeros(2)},
        {"momentum_buffer": lampas.zeros(1, dtype=lampas.float64)},
        3,
    ],
)
def test_the_native_update_leaves_what_it_cannot_take(state) -> None:
    x, y = leaf(1.0), leaf(1.0)
    x.grad = lampas.ones(1)
    rest = lampas._C._optim_update(
        "sgd", [x, y], {x: state}, ("momentum_buffer",), False, (0.1, 0, 0.9, 0, 0)
    )
    assert len(rest) == 1 and rest[0] is x and x.item() == 1.0
