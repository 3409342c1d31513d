"""Saving and loading by name."""

from __future__ import annotations

from collections import OrderedDict

import pytest

import lampas
from lampas import nn


def net() -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))


def test_keys_values_and_metadata() -> None:
    m = net()
    state = m.state_dict()
    assert list(state) == [
        "0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var",
        "1.num_batches_tracked",
    ]  # fmt: skip
    assert state._metadata["1"] == {"version": 2}
    assert not state["0.weight"].requires_grad
    assert m.state_dict(keep_vars=True)["0.weight"] is m[0].weight
    assert next(iter(m.state_dict(prefix="a."))) == "a.0.weight"
    # Values are shared, not copied.
    with lampas.no_grad():
        m[0].weight.fill_(7)
    assert state["0.weight"].eq(7).all()


def test_round_trip() -> None:
    a, b = net(), net()
    keys = b.load_state_dict(a.state_dict())
    assert repr(keys) == "<All keys matched successfully>"
    for x, y in zip(a.parameters(), b.parameters(), strict=True):
        assert lampas.equal(x, y) and x is not y


def test_mismatches_are_all_listed() -> None:
    state = net().state_dict()
    state["0.weight"] = lampas.zeros(5, 5)
    state["extra"] = lampas.zeros(1)
    del state["0.bias"]
    with pytest.raises(RuntimeError) as e:
        net().load_state_dict(state)
    text = str(e.value)
    assert text.startswith("Error(s) in loading state_dict for Sequential:\n\t")
    assert 'Missing key(s) in state_dict: "0.bias". ' in text
    assert 'Unexpected key(s) in state_dict: "extra". ' in text
    assert "size mismatch for 0.weight: copying a param with shape torch.Size([5, 5])" in text


def test_not_strict_loads_what_fits_and_reports_the_rest() -> None:
    keys = net().load_state_dict({"0.weight": lampas.ones(2, 3), "new": 1}, strict=False)
    assert keys.unexpected_keys == ["new"]
    assert "0.bias" in keys.missing_keys
    with pytest.raises(RuntimeError, match="size mismatch"):
        net().load_state_dict({"0.weight": lampas.ones(1)}, strict=False)


def test_a_wrapper_prefix_is_recognised() -> None:
    state = {f"module.{k}": v for k, v in net().state_dict().items()}
    with pytest.raises(RuntimeError, match=r"begin with 'module\.'"):
        net().load_state_dict(state)


def test_nearest_names_are_suggested() -> None:
    state = net().state_dict()
    state["0.wieght"] = state.pop("0.weight")
    with pytest.raises(RuntimeError, match=r'"0\.wieght" may be "0.weight"'):
        net().load_state_dict(state)


def test_wrong_kinds() -> None:
    with pytest.raises(TypeError, match="dict-like"):
        net().load_state_dict("weights.pt")
    with pytest.raises(RuntimeError, match=r"expected torch.Tensor or Tensor-like"):
        net().load_state_dict({**net().state_dict(), "0.bias": 3})


def test_assign_takes_the_tensors_themselves() -> None:
    m = nn.Linear(2, 1)
    m.weight.requires_grad_(False)
    values = lampas.ones(1, 2, dtype=lampas.float64)
    m.load_state_dict({"weight": values, "bias": lampas.zeros(1)}, assign=True)
    assert m.weight.dtype == lampas.float64 and isinstance(m.weight, nn.Parameter)
    assert not m.weight.requires_grad
    assert m.weight.data_ptr() == values.data_ptr()


def test_extra_state() -> None:
    class Counter(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.count = 0

        def get_extra_state(self):
            return {"count": self.count}

        def set_extra_state(self, state):
            self.count = state["count"]

    a, b = Counter(), Counter()
    a.count = 5
    b.load_state_dict(a.state_dict())
    assert b.count == 5
    with pytest.raises(RuntimeError, match="_extra_state"):
        b.load_state_dict({})


def test_hooks_of_saving_and_loading() -> None:
    m, seen = nn.Linear(1, 1), []
    m.register_state_dict_pre_hook(lambda module, prefix, keep: seen.append(("pre", prefix)))
    m.register_state_dict_post_hook(
        lambda module, state, prefix, meta: state.pop(prefix + "bias") and None
    )
    state = m.state_dict()
    assert list(state) == ["weight"] and seen == [("pre", "")]
    m.register_load_state_dict_pre_hook(
        lambda module, state, prefix, *rest: state.setdefault("bias", lampas.ones(1))
    )
    m.register_load_state_dict_post_hook(lambda module, keys: seen.append(keys.missing_keys))
    m.load_state_dict(state)
    assert m.bias.item() == 1 and seen[-1] == []
    assert "bias" not in state


def test_loading_an_old_batch_norm_without_counter() -> None:
    state = OrderedDict(nn.BatchNorm1d(2).state_dict())
    del state["num_batches_tracked"]
    nn.BatchNorm1d(2).load_state_dict(state)


def test_buffers_that_are_not_persistent_are_not_expected() -> None:
    m = nn.Module()
    m.register_buffer("x", lampas.ones(1), persistent=False)
    m.load_state_dict({})
    with pytest.raises(RuntimeError, match="Unexpected"):
        m.load_state_dict({"x": lampas.ones(1)})
