"""Sequential, lists and dictionaries of modules and parameters."""

from __future__ import annotations

from collections import OrderedDict

import pytest

import lampas
from lampas import nn


def test_sequential_is_a_list_that_runs() -> None:
    a, b, c = nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1)
    s = nn.Sequential(a, b, c)
    x = lampas.ones(1, 2)
    assert lampas.equal(s(x), c(b(a(x))))
    assert s[0] is a and s[-1] is c and len(s) == 3 and list(s[1:]) == [b, c]
    s.append(nn.Tanh()).insert(0, nn.Identity())
    assert [type(m).__name__ for m in s] == ["Identity", "Linear", "ReLU", "Linear", "Tanh"]
    assert s.pop(0).__class__ is nn.Identity
    del s[1]
    assert [n for n, _ in s.named_children()] == ["0", "1", "2"]
    assert len(s + nn.Sequential(a)) == 4 and len(nn.Sequential(b) * 3) == 3
    with pytest.raises(IndexError, match="out of range"):
        s[9]


def test_sequential_with_names() -> None:
    s = nn.Sequential(OrderedDict(first=nn.ReLU(), second=nn.Tanh()))
    assert [n for n, _ in s.named_children()] == ["first", "second"]
    assert s.first is s[0]
    assert next(iter(s[:1].named_children()))[0] == "first"


@pytest.mark.parametrize(
    ("value", "text"),
    [([nn.ReLU()], r"unpack the list"), (nn.ReLU, r"create it: ReLU\(\.\.\.\)"),
     (lampas.relu, r"^lampas\.relu is not a Module subclass: argument 0 is the function relu"),
     (3, r"int is not a Module subclass$")],
)  # fmt: skip
def test_what_is_no_module_is_explained(value, text) -> None:
    with pytest.raises(TypeError, match=text):
        nn.Sequential(value)


def test_module_list() -> None:
    m = nn.ModuleList(nn.Linear(i + 1, 1) for i in range(3))
    m.insert(1, nn.ReLU())
    m += [nn.Tanh()]
    assert len(m) == 5 and isinstance(m[1], nn.ReLU) and isinstance(m[-1], nn.Tanh)
    m[1] = nn.Sigmoid()
    del m[0]
    assert isinstance(m[0], nn.Sigmoid) and isinstance(m[:2], nn.ModuleList)
    assert "(0): Sigmoid()" in repr(m)
    assert repr(nn.ModuleList([nn.ReLU(), nn.ReLU()])) == (
        "ModuleList(\n  (0-1): 2 x ReLU()\n)"
    )
    with pytest.raises(NotImplementedError):
        m(1)
    with pytest.raises(TypeError, match="iterable"):
        m.extend(3)


def test_module_dict() -> None:
    m = nn.ModuleDict([("a", nn.ReLU())])
    m["b"] = nn.Tanh()
    m.update({"c": nn.Linear(1, 1)})
    assert list(m) == list(m.keys()) == ["a", "b", "c"] and "b" in m and len(m) == 3
    assert isinstance(m.pop("a"), nn.ReLU) and [k for k, _ in m.items()] == ["b", "c"]
    assert len(list(m.parameters())) == 2
    with pytest.raises(ValueError, match="2 is required"):
        m.update([("x", 1, 2)])
    m.clear()
    assert len(m) == 0


def test_parameter_containers() -> None:
    ps = nn.ParameterList([lampas.ones(2)])
    ps.append(nn.Parameter(lampas.zeros(3)))
    ps += [lampas.ones(1)]
    assert len(ps) == 3 and all(isinstance(p, nn.Parameter) for p in ps)
    assert list(ps.state_dict()) == ["0", "1", "2"]
    assert "containing: [torch.float32 of size 3]" in repr(ps)
    pd = nn.ParameterDict({"a": lampas.ones(2)})
    pd["b"] = lampas.zeros(1)
    assert list(pd) == ["a", "b"] and pd.get("c") is None
    assert (pd | nn.ParameterDict({"c": lampas.ones(1)})).keys() == {"a", "b", "c"}
    assert pd.popitem()[0] == "b" and len(list(pd.parameters())) == 1
    with pytest.raises(TypeError, match="not a string"):
        pd[3] = lampas.ones(1)
