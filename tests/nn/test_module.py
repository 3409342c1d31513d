"""What programs rely on in nn.Module: registration, attributes, names, conversion, printing."""

from __future__ import annotations

import copy
import pickle

import pytest

import lampas
from lampas import nn


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(4, 3)
        self.fc2 = nn.Linear(3, 2)
        self.register_buffer("mean", lampas.zeros(2))
        self.scale = nn.Parameter(lampas.ones(1))

    def forward(self, x, shift=0.0):
        return self.fc2(self.fc1(x).relu()) * self.scale + shift


def test_names_and_order() -> None:
    net = Net()
    assert [n for n, _ in net.named_parameters()] == [
        "scale", "fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias",
    ]  # fmt: skip
    assert [n for n, _ in net.named_modules()] == ["", "fc1", "fc2"]
    assert [n for n, _ in net.named_modules(prefix="a")] == ["a", "a.fc1", "a.fc2"]
    assert [n for n, _ in net.named_children()] == ["fc1", "fc2"]
    assert [n for n, _ in net.named_buffers()] == ["mean"]
    assert len(list(net.parameters(recurse=False))) == 1


def test_shared_modules_and_parameters_count_once() -> None:
    net = nn.Module()
    net.a = nn.Linear(2, 2)
    net.b = net.a
    assert [n for n, _ in net.named_parameters()] == ["a.weight", "a.bias"]
    both = [n for n, _ in net.named_parameters(remove_duplicate=False)]
    assert both == ["a.weight", "a.bias", "b.weight", "b.bias"]
    assert len(list(net.modules())) == 2


def test_positional_and_keyword_arguments_reach_forward() -> None:
    net, x = Net(), lampas.ones(1, 4)
    assert lampas.equal(net(x, shift=1.0), net(x) + 1.0)
    assert lampas.equal(net(x, 1.0), net(x=x, shift=1.0))


def test_attributes_move_between_registries() -> None:
    m = nn.Module()
    m.x = 1
    m.x = nn.Parameter(lampas.ones(1))
    assert "x" in m._parameters and "x" not in m.__dict__
    m.x = None
    assert m.x is None and list(m.parameters()) == []
    m.x = nn.Parameter(lampas.ones(1))
    m.x = nn.ReLU()
    assert "x" in m._modules and "x" not in m._parameters
    del m.x
    assert not hasattr(m, "x")


def test_a_tensor_does_not_replace_a_parameter() -> None:
    m = nn.Linear(2, 2)
    with pytest.raises(TypeError, match=r"cannot assign .* as parameter 'weight'"):
        m.weight = lampas.ones(2, 2)
    with pytest.raises(TypeError, match="as child module 'fc1'"):
        Net().fc1 = 3


def test_buffer_kinds() -> None:
    m = nn.Module()
    m.register_buffer("kept", lampas.ones(1))
    m.register_buffer("lost", lampas.ones(1), persistent=False)
    m.own = nn.Buffer(lampas.ones(2), persistent=False)
    m.kept = lampas.zeros(1)
    assert list(m.state_dict()) == ["kept"]
    assert [n for n, _ in m.named_buffers()] == ["kept", "lost", "own"]
    assert m.kept.item() == 0


@pytest.mark.parametrize(
    ("name", "kind", "text"),
    [("", KeyError, "empty string"), ("a.b", KeyError, "can.*t contain"),
     ("forward", KeyError, "attribute 'forward' already exists"), (3, TypeError, "string")],
)  # fmt: skip
def test_names_that_cannot_be_registered(name, kind, text) -> None:
    m = nn.Module()
    with pytest.raises(kind, match=text):
        m.register_parameter(name, None)
    with pytest.raises(kind, match=text):
        m.register_buffer(name, None)
    with pytest.raises(kind, match=text):
        m.add_module(name, None)


def test_only_modules_and_leaf_parameters_can_be_registered() -> None:
    m = nn.Module()
    with pytest.raises(TypeError, match="is not a Module subclass"):
        m.add_module("x", 3)
    with pytest.raises(TypeError, match="cannot assign 'Tensor' object to parameter"):
        m.register_parameter("x", lampas.ones(1))
    with pytest.raises(TypeError, match="to buffer 'x'"):
        m.register_buffer("x", 3)


def test_forgetting_super_init_is_explained() -> None:
    class Early(nn.Module):
        def __init__(self) -> None:
            self.fc = nn.Linear(1, 1)
            super().__init__()

    with pytest.raises(AttributeError, match=r"cannot assign module before Module.__init__"):
        Early()


def test_unknown_attributes_name_class_and_attribute() -> None:
    with pytest.raises(AttributeError, match="'Net' object has no attribute 'fc3'") as e:
        Net().fc3
    assert e.value.name == "fc3"
    assert not hasattr(Net(), "fc3")


def test_a_failing_property_names_its_cause() -> None:
    class Broken(nn.Module):
        @property
        def size(self):
            return self.absent

    with pytest.raises(AttributeError, match="absent"):
        Broken().size


def test_classes_with_their_own_getattr() -> None:
    class Wrapper(nn.Module):
        def __init__(self, inner) -> None:
            super().__init__()
            self.inner = inner

        def __getattr__(self, name):
            try:
                return super().__getattr__(name)
            except AttributeError:
                return getattr(super().__getattr__("inner"), name)

    w = Wrapper(nn.Linear(3, 2))
    assert w.in_features == 3 and w.inner.out_features == 2
    with pytest.raises(AttributeError, match="nothing"):
        w.nothing


def test_a_mixin_may_stand_before_module() -> None:
    class Mixin:
        def twice(self, x):
            return self.fc(x) * 2

    class Mixed(Mixin, nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(2, 1)

        def forward(self, x):
            return self.twice(x)

    m, calls = Mixed(), []
    m.register_forward_hook(lambda *a: calls.append(1))
    assert m(lampas.ones(1, 2)).shape == (1, 1)
    assert calls == [1]
    assert list(m.state_dict()) == ["fc.weight", "fc.bias"]


def test_init_refuses_unknown_arguments() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'x'"):
        nn.Module(x=1)
    with pytest.raises(TypeError, match="takes 1 positional argument but 2 were given"):
        nn.Module(1)


def test_missing_forward() -> None:
    class Empty(nn.Module):
        pass

    with pytest.raises(NotImplementedError, match=r'\[Empty\] is missing the required "forward"'):
        Empty()(1)


def test_submodules_by_dotted_name() -> None:
    net = nn.Sequential(nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1)))
    assert net.get_submodule("0.0") is net[0][0]
    assert net.get_submodule("") is net
    assert net.get_parameter("0.0.bias") is net[0][0].bias
    assert net.get_buffer("0.1.running_mean") is net[0][1].running_mean
    net.set_submodule("0.0", nn.Identity())
    assert isinstance(net[0][0], nn.Identity)
    with pytest.raises(AttributeError, match="has no attribute `7`"):
        net.get_submodule("0.7")
    with pytest.raises(AttributeError, match=r"is not an nn.Module"):
        net.get_submodule("0.1.weight")
    with pytest.raises(AttributeError, match=r"is not an nn.Parameter"):
        net.get_parameter("0.1.running_mean")
    with pytest.raises(ValueError, match="without a target name"):
        net.set_submodule("", nn.ReLU())


def test_modes_and_gradients() -> None:
    net = Net()
    assert net.eval() is net and not net.fc1.training
    assert net.train().fc2.training
    with pytest.raises(ValueError, match="boolean"):
        net.train(1)
    net(lampas.ones(2, 4)).sum().backward()
    assert net.fc1.bias.grad is not None
    net.zero_grad(set_to_none=False)
    assert net.fc1.bias.grad.abs().sum().item() == 0
    net.zero_grad()
    assert net.fc1.bias.grad is None
    assert not any(p.requires_grad for p in net.requires_grad_(False).parameters())


def test_conversion_keeps_the_parameter_objects() -> None:
    net = Net()
    net.register_buffer("count", lampas.zeros(1, dtype=lampas.int64))
    before = list(net.parameters())
    net(lampas.ones(2, 4)).sum().backward()
    net.double()
    assert all(a is b for a, b in zip(before, net.parameters(), strict=True))
    assert net.fc1.weight.dtype == net.fc1.weight.grad.dtype == net.mean.dtype == lampas.float64
    assert net.count.dtype == lampas.int64
    assert net.to(lampas.float32).scale.dtype == lampas.float32
    assert net.to("cpu", dtype=lampas.float16).scale.dtype == lampas.float16
    assert net.to(lampas.ones(1)).scale.dtype == lampas.float32
    with pytest.raises(TypeError, match="only accepts floating point or complex"):
        net.to(lampas.int32)
    with pytest.raises(TypeError):
        net.to(wrong=1)


def test_apply_visits_children_first() -> None:
    seen = []
    Net().apply(lambda m: seen.append(type(m).__name__))
    assert seen == ["Linear", "Linear", "Net"]


def test_copies_and_pickles_are_independent() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)).eval()
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert lampas.equal(other[0].weight, net[0].weight)
        assert isinstance(other[0].weight, nn.Parameter) and not other.training
        with lampas.no_grad():
            other[0].weight.fill_(0)
        assert net[0].weight.abs().sum() > 0


def test_printing() -> None:
    net = nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.ReLU(), nn.Dropout(0.1)))
    assert repr(net) == (
        "Sequential(\n"
        "  (0): Linear(in_features=2, out_features=3, bias=True)\n"
        "  (1): Sequential(\n"
        "    (0): ReLU()\n"
        "    (1): Dropout(p=0.1, inplace=False)\n"
        "  )\n"
        ")"
    )
    assert "fc1" in dir(Net()) and "scale" in dir(Net())
    assert "0" not in dir(net)


def test_registration_hooks_may_replace_what_is_registered() -> None:
    seen = []
    handle = nn.modules.module.register_module_parameter_registration_hook(
        lambda module, name, param: seen.append(name)
    )
    with handle:
        nn.Linear(1, 1)
    nn.Linear(1, 1)
    assert seen == ["weight", "bias"]
