"""Watching models compute."""

from __future__ import annotations

import pytest

import lampas
from lampas import nn
from lampas.vision.models import inception_v3, resnet18
from lampas.vision.models.feature_extraction import create_feature_extractor, get_graph_node_names


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU())
        self.act = nn.ReLU()
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        y = self.act(self.body(x))
        y = self.act(y + 1)
        if self.training:
            y = y * 2
        return lampas.flatten(y, 1)


def test_names_of_modules_functions_and_repeated_calls():
    model = Small()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.warns(UserWarning, match="not the same"):
        train, evaluation = get_graph_node_names(model)
    assert evaluation == ["x", "body.0", "body.1", "act", "add", "act_1", "flatten"]
    assert train == [*evaluation[:-1], "mul", "flatten"]
    assert model.training
    assert all(lampas.equal(before[n], v) for n, v in model.state_dict().items())


def test_models_that_want_larger_images():
    train, evaluation = get_graph_node_names(inception_v3(init_weights=False), None, True)
    assert "AuxLogits.fc" in train and "AuxLogits.fc" not in evaluation
    assert evaluation[:2] == ["x", "Conv2d_1a_3x3.conv"] and evaluation[-1] == "fc"


def test_features_are_what_the_model_computes():
    model = resnet18(num_classes=5).eval()
    x = lampas.randn(2, 3, 64, 64)
    extract = create_feature_extractor(model, {"layer2": "a", "flatten": "b", "fc": "c"})
    out = extract(x)
    assert list(out) == ["a", "b", "c"]
    stem = model.maxpool(model.relu(model.bn1(model.conv1(x))))
    assert lampas.equal(out["a"], model.layer2(model.layer1(stem)))
    assert lampas.equal(out["c"], model(x)) and lampas.equal(model.fc(out["b"]), out["c"])
    assert list(extract.state_dict()) == list(model.state_dict())
    assert not model.conv1._forward_hooks and not model.conv1._forward_pre_hooks


def test_nothing_is_computed_beyond_the_last_feature():
    model = Small()
    model.act.register_forward_hook(lambda *_: pytest.fail("computed"))
    assert create_feature_extractor(model, ["body"])(lampas.zeros(1, 1, 4, 4))["body"].shape[1] == 2


def test_features_pass_gradients_and_follow_the_mode():
    model = Small()
    extract = create_feature_extractor(
        model, train_return_nodes=["mul"], eval_return_nodes={"act_1": "last"}
    )
    extract(lampas.randn(1, 1, 4, 4))["mul"].sum().backward()
    assert model.body[0].weight.grad is not None
    extract.eval()
    assert not model.training and not model.drop.training
    assert list(extract(lampas.zeros(1, 1, 4, 4))) == ["last"]


def test_errors_name_the_node():
    model = Small()
    with pytest.raises(ValueError, match="Either `return_nodes` or"):
        create_feature_extractor(model)
    with pytest.raises(ValueError, match=r"'head\.fc' is not present in model: Small"):
        create_feature_extractor(model, ["head.fc"])
    with pytest.raises(ValueError, match="'flaten' was not computed by Small; near are 'flatten'"):
        create_feature_extractor(model, ["flaten"])(lampas.zeros(1, 1, 4, 4))
    with pytest.raises(ValueError, match="tracer_kwargs"):
        get_graph_node_names(model, {"leaf_modules": []})
    with pytest.raises(ValueError, match="pass concrete_args"):
        get_graph_node_names(nn.Sequential(nn.ReLU()))
