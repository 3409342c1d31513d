"""Hooks on tensors, leaves after accumulation and nodes; retain_grad; saved tensors."""

from __future__ import annotations

import pytest

import lampas


def leaf(*values: float) -> lampas.Tensor:
    return lampas.tensor(values, dtype=lampas.float64, requires_grad=True)


# ---- tensors ------------------------------------------------------------------------------------
def test_a_hook_sees_the_gradient() -> None:
    x, seen = leaf(1.0, 2.0), []
    y = x * 3
    y.register_hook(seen.append)
    (y * lampas.tensor([1.0, 10.0], dtype=lampas.float64)).sum().backward()
    assert [g.tolist() for g in seen] == [[1.0, 10.0]]
    assert x.grad.tolist() == [3.0, 30.0]


def test_what_a_hook_returns_takes_the_gradient_s_place() -> None:
    x = leaf(1.0, 2.0)
    y = x * 3
    y.register_hook(lambda g: g * 2)
    y.register_hook(lambda g: g + 1)  # in the order they were registered
    y.sum().backward()
    assert x.grad.tolist() == [9.0, 9.0]


def test_a_hook_on_a_leaf_sees_the_sum_of_all_paths() -> None:
    x, seen = leaf(2.0), []
    x.register_hook(lambda g: seen.append(g.item()))
    (x * 3 + x * 4).backward()
    assert seen == [7.0] and x.grad.item() == 7
    x.register_hook(lambda g: g * 0)
    x.grad = None
    (x * 3).backward()
    assert x.grad.item() == 0


def test_removed_hooks_are_silent() -> None:
    x, seen = leaf(1.0), []
    handle = x.register_hook(seen.append)
    handle.remove()
    handle.remove()
    (x * 2).backward()
    assert seen == []
    with x.register_hook(seen.append):
        (x * 2).backward()
    (x * 2).backward()
    assert len(seen) == 1


def test_hooks_need_a_gradient() -> None:
    with pytest.raises(RuntimeError, match="cannot register a hook on a tensor that doesn't"):
        lampas.ones(1).register_hook(lambda g: g)


def test_an_exception_in_a_hook_arrives() -> None:
    x = leaf(1.0)
    y = x * 2

    def complain(g):
        raise KeyError("from the hook")

    y.register_hook(complain)
    with pytest.raises(KeyError, match="from the hook"):
        y.backward()


@pytest.mark.parametrize("bad", [3, "text", [1.0]])
def test_a_hook_must_return_a_tensor_or_nothing(bad) -> None:
    x = leaf(1.0)
    y = x * 2
    y.register_hook(lambda g: bad)
    with pytest.raises((TypeError, RuntimeError)):
        y.backward()


def test_hooks_of_what_is_written_in_place_see_the_gradient_of_their_time() -> None:
    x, seen = leaf(1.0), []
    y = x * 2
    y.register_hook(lambda g: seen.append(("before", g.item())))
    y.mul_(5)
    y.register_hook(lambda g: seen.append(("after", g.item())))
    y.backward()
    assert seen == [("after", 1.0), ("before", 5.0)]


def test_hooks_run_in_grad_too_and_can_be_differentiated() -> None:
    x = leaf(3.0)
    y = x**2
    y.register_hook(lambda g: g * x)
    (g,) = lampas.autograd.grad(y, x, create_graph=True)  # x * 2 x
    assert g.item() == 18
    assert lampas.autograd.grad(g, x)[0].item() == 12


# ---- leaves, after accumulation -----------------------------------------------------------------
def test_hooks_after_accumulation() -> None:
    x, seen = leaf(1.0), []
    handle = x.register_post_accumulate_grad_hook(lambda p: seen.append((p is x, p.grad.item())))
    (x * 2).backward()
    (x * 2).backward()
    assert seen == [(True, 2.0), (True, 4.0)]
    handle.remove()
    (x * 2).backward()
    assert len(seen) == 2


def test_an_optimizer_step_within_backward() -> None:
    x, y = leaf(1.0), leaf(10.0)

    def step(p):
        with lampas.no_grad():
            p -= 0.5 * p.grad
        p.grad = None

    for p in (x, y):
        p.register_post_accumulate_grad_hook(step)
    (x * 2 + y * 4).backward()
    assert (x.item(), y.item()) == (0.0, 8.0) and x.grad is None and y.grad is None


def test_hooks_after_accumulation_are_for_leaves() -> None:
    with pytest.raises(RuntimeError, match="leaf"):
        (leaf(1.0) * 2).register_post_accumulate_grad_hook(print)


# ---- nodes --------------------------------------------------------------------------------------
def test_hooks_of_nodes() -> None:
    x, order = leaf(2.0), []
    y = x * 3
    node = y.grad_fn
    node.register_prehook(lambda grads: order.append(("pre", [g.item() for g in grads])))
    node.register_hook(
        lambda into, out: order.append(("post", into[0].item(), [g.item() for g in out]))
    )
    y.backward()
    assert order == [("pre", [1.0]), ("post", 3.0, [1.0])]


def test_hooks_of_nodes_replace_gradients() -> None:
    x = leaf(2.0)
    y = x * 3
    y.grad_fn.register_prehook(lambda grads: (grads[0] * 10,))
    y.grad_fn.register_hook(lambda into, out: (into[0] + 1, *into[1:]))
    y.backward()
    assert x.grad.item() == 31


def test_nodes_tell_about_the_graph() -> None:
    x = leaf(2.0)
    y = (x * 3).exp()
    assert y.grad_fn.name() == "ExpBackward0" and type(y.grad_fn).__name__ == "ExpBackward0"
    (mul, _), *_ = y.grad_fn.next_functions
    assert mul.name() == "MulBackward0"
    accumulate = mul.next_functions[0][0]
    assert "AccumulateGrad" in accumulate.name() and accumulate.variable is x
    assert x.grad_fn is None and x.is_leaf and not y.is_leaf
    y.grad_fn.metadata["note"] = 1
    assert y.grad_fn.metadata == {"note": 1}


def test_hooks_of_several_gradients() -> None:
    x, y = leaf(1.0), leaf(2.0)
    a, b = x * 2, y * 3
    seen: list = []
    handle = lampas.autograd.graph.register_multi_grad_hook((a, b), seen.append)
    (a * b).backward()
    assert [[g.item() for g in gs] for gs in seen] == [[6.0, 2.0]]
    handle.remove()


# ---- retain_grad --------------------------------------------------------------------------------
def test_retain_grad() -> None:
    x = leaf(1.0)
    y = x * 2
    assert not y.retains_grad
    y.retain_grad()
    y.retain_grad()
    assert y.retains_grad and not x.retains_grad
    (y * y).backward()
    assert y.grad.item() == 4 and x.grad.item() == 8


def test_retain_grad_sees_what_hooks_made_of_it() -> None:
    x = leaf(1.0)
    y = x * 2
    y.retain_grad()
    y.register_hook(lambda g: g * 100)  # registered later, runs earlier all the same
    y.backward()
    assert y.grad.item() == 100 and x.grad.item() == 200


def test_retain_grad_of_others() -> None:
    leaf(1.0).retain_grad()  # a leaf keeps its gradient anyway
    with pytest.raises(RuntimeError, match="can't retain_grad on Tensor that has requires_grad=F"):
        lampas.ones(1).retain_grad()


def test_grad_of_what_is_no_leaf_warns() -> None:
    y = leaf(1.0) * 2
    with pytest.warns(UserWarning, match="not a leaf"):
        assert y.grad is None


# ---- saved tensors ------------------------------------------------------------------------------
def test_saved_tensors_can_be_packed() -> None:
    packed: list = []

    def pack(t):
        packed.append(t)
        return t.numpy(force=True).copy()

    x = leaf(2.0)
    with lampas.autograd.graph.saved_tensors_hooks(pack, lampas.from_numpy):
        y = x.exp() * x
    assert packed
    y.backward()
    assert x.grad.item() == pytest.approx(3 * 7.38905609893065)


def test_saving_can_be_forbidden() -> None:
    x = leaf(2.0)
    with (
        lampas.autograd.graph.disable_saved_tensors_hooks("not here"),
        pytest.raises(RuntimeError, match="not here"),
        lampas.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t),
    ):
        x.exp()
    with lampas.autograd.graph.save_on_cpu():
        y = x.exp()
    y.backward()
    assert x.grad.item() == y.item()
