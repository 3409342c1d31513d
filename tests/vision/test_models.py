"""Models: published counts and names of parameters, outputs, weights of every kind."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

import lampas
from lampas import nn
from lampas.vision import models
from lampas.vision.models import _layers as layers
from lampas.vision.models import segmentation

# As published with the weights.
COUNTS = {
    "alexnet": 61_100_840,
    "convnext_tiny": 28_589_128,
    "convnext_large": 197_767_336,
    "densenet121": 7_978_856,
    "densenet201": 20_013_928,
    "efficientnet_b0": 5_288_548,
    "efficientnet_b7": 66_347_960,
    "efficientnet_v2_s": 21_458_488,
    "maxvit_t": 30_919_624,
    "mnasnet1_0": 4_383_312,
    "mobilenet_v2": 3_504_872,
    "mobilenet_v3_large": 5_483_032,
    "mobilenet_v3_small": 2_542_856,
    "regnet_x_8gf": 39_572_648,
    "regnet_y_400mf": 4_344_144,
    "resnet18": 11_689_512,
    "resnet50": 25_557_032,
    "resnet152": 60_192_808,
    "resnext50_32x4d": 25_028_904,
    "shufflenet_v2_x1_0": 2_278_604,
    "squeezenet1_0": 1_248_424,
    "squeezenet1_1": 1_235_496,
    "swin_t": 28_288_354,
    "swin_v2_t": 28_351_570,
    "vgg16": 138_357_544,
    "vgg19_bn": 143_678_248,
    "vit_b_16": 86_567_656,
    "vit_l_32": 306_535_400,
    "wide_resnet50_2": 68_883_240,
}


def on_meta(name: str, **kwargs: Any) -> nn.Module:
    with lampas.device("meta"):
        return models.get_model(name, **kwargs)


def count(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("name", list(COUNTS))
def test_counts_of_parameters(name: str) -> None:
    assert count(on_meta(name)) == COUNTS[name]


@pytest.mark.parametrize("name", models.list_models(exclude=["*deeplab*", "*fcn*", "*_h_*"]))
def test_counts_are_those_of_the_published_weights(name: str) -> None:
    model = on_meta(name, **({"aux_logits": False} if name == "googlenet" else {}))
    for weights in models.get_model_weights(name):
        larger = "SWAG" in weights.name and name.startswith("vit")  # more positions
        features = weights.meta["categories"] is None
        if not larger and not features:
            assert count(model) == weights.meta["num_params"]
    assert weights.url.startswith("https://") and "-" in weights.url.rpartition("/")[2]


def test_auxiliary_heads_add_to_the_count() -> None:
    assert count(on_meta("googlenet")) == 13_004_888
    assert count(on_meta("inception_v3")) == 27_161_264
    for name, weights in (
        ("fcn_resnet50", segmentation.FCN_ResNet50_Weights),
        ("deeplabv3_resnet101", segmentation.DeepLabV3_ResNet101_Weights),
    ):
        assert count(on_meta(name, aux_loss=True)) == weights.DEFAULT.meta["num_params"]


KEYS = {
    "alexnet": {"features.10.weight": (256, 256, 3, 3), "classifier.6.bias": (1000,)},
    "convnext_tiny": {
        "features.1.2.layer_scale": (96, 1, 1),
        "features.1.0.block.5.weight": (96, 384),
        "features.2.0.weight": (96,),
        "classifier.2.weight": (1000, 768),
    },
    "densenet121": {
        "features.denseblock4.denselayer16.conv2.weight": (32, 128, 3, 3),
        "features.transition1.norm.running_mean": (256,),
        "features.norm5.weight": (1024,),
    },
    "efficientnet_b0": {
        "features.2.0.block.2.fc1.weight": (4, 96, 1, 1),
        "features.8.1.num_batches_tracked": (),
        "classifier.1.weight": (1000, 1280),
    },
    "googlenet": {"inception4e.branch3.1.conv.weight": (128, 32, 3, 3), "aux2.fc1.bias": (1024,)},
    "inception_v3": {
        "Mixed_6b.branch7x7dbl_5.conv.weight": (192, 128, 1, 7),
        "Mixed_7c.branch3x3dbl_3b.bn.weight": (384,),
        "AuxLogits.conv1.conv.weight": (768, 128, 5, 5),
    },
    "maxvit_t": {
        "blocks.0.layers.1.layers.grid_attention.attn_layer.1.relative_position_index": (49, 49),
        "blocks.3.layers.0.layers.MBconv.proj.1.weight": (512, 256, 1, 1),
    },
    "mnasnet1_0": {"layers.8.0.layers.3.weight": (48, 1, 3, 3)},
    "mobilenet_v2": {"features.18.0.weight": (1280, 320, 1, 1)},
    "mobilenet_v3_large": {"features.4.block.2.fc2.bias": (72,), "classifier.3.bias": (1000,)},
    "regnet_y_400mf": {"trunk_output.block4.block4-0.f.se.fc1.weight": (52, 440, 1, 1)},
    "resnet50": {
        "layer4.2.bn3.running_var": (2048,),
        "layer1.0.downsample.0.weight": (256, 64, 1, 1),
        "fc.weight": (1000, 2048),
    },
    "shufflenet_v2_x1_0": {"stage2.0.branch1.0.weight": (24, 1, 3, 3), "conv5.1.bias": (1024,)},
    "squeezenet1_0": {"features.3.expand3x3.weight": (64, 16, 3, 3)},
    "swin_t": {
        "features.7.1.attn.relative_position_bias_table": (169, 24),
        "features.2.reduction.weight": (192, 384),
    },
    "swin_v2_t": {
        "features.1.0.attn.relative_coords_table": (1, 15, 15, 2),
        "features.1.0.attn.logit_scale": (3, 1, 1),
        "features.2.norm.weight": (192,),
    },
    "vgg11_bn": {"features.26.running_mean": (512,)},
    "vit_b_16": {
        "class_token": (1, 1, 768),
        "encoder.pos_embedding": (1, 197, 768),
        "encoder.layers.encoder_layer_11.self_attention.in_proj_weight": (2304, 768),
        "encoder.layers.encoder_layer_0.mlp.3.weight": (768, 3072),
        "heads.head.bias": (1000,),
    },
    "lraspp_mobilenet_v3_large": {
        "backbone.16.1.weight": (960,),
        "classifier.low_classifier.weight": (21, 40, 1, 1),
    },
    "deeplabv3_resnet50": {
        "backbone.layer4.2.conv3.weight": (2048, 512, 1, 1),
        "classifier.0.convs.4.1.weight": (256, 2048, 1, 1),
        "classifier.0.project.1.running_mean": (256,),
    },
}


@pytest.mark.parametrize("name", list(KEYS))
def test_names_and_shapes_of_parameters(name: str) -> None:
    state = on_meta(name).state_dict()
    for key, shape in KEYS[name].items():
        assert tuple(state[key].shape) == shape


SMALL = {
    "alexnet": 64,
    "densenet121": 32,
    "efficientnet_b0": 32,
    "efficientnet_v2_s": 32,
    "mnasnet0_5": 32,
    "mobilenet_v2": 32,
    "mobilenet_v3_small": 32,
    "regnet_x_400mf": 32,
    "resnet18": 32,
    "resnet50": 32,
    "shufflenet_v2_x0_5": 32,
    "squeezenet1_1": 32,
    "swin_t": 40,
}


@pytest.mark.parametrize("name", list(SMALL))
def test_a_step_of_training(name: str) -> None:
    lampas.manual_seed(0)
    model = models.get_model(name, num_classes=3)
    x = lampas.randn(2, 3, SMALL[name], SMALL[name])
    loss = nn.functional.cross_entropy(model(x), lampas.tensor([0, 2]))
    loss.backward()
    assert math.isfinite(loss.item())
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    model.eval()
    with lampas.no_grad():
        together, alone = model(x), model(x[:1])
    lampas.testing.assert_close(together[:1], alone, rtol=1e-3, atol=1e-4)


def test_auxiliary_outputs_come_in_training_only() -> None:
    model = models.googlenet(num_classes=4)
    x = lampas.zeros(2, 3, 64, 64)
    out = model(x)
    assert type(out).__name__ == "GoogLeNetOutputs" and out.logits.shape == (2, 4)
    assert out.aux_logits1.shape == out.aux_logits2.shape == (2, 4)
    assert model.eval()(x).shape == (2, 4)
    assert models.googlenet(num_classes=4, aux_logits=False)(x).shape == (2, 4)


def test_inputs_are_renormalized() -> None:
    model = models.GoogLeNet(num_classes=2, aux_logits=False, init_weights=False).eval()
    x = lampas.rand(1, 3, 32, 32)
    mean = lampas.tensor([0.485, 0.456, 0.406])[:, None, None]
    std = lampas.tensor([0.229, 0.224, 0.225])[:, None, None]
    plain = model((x - 0.5) / 0.5)
    model.transform_input = True
    lampas.testing.assert_close(model((x - mean) / std), plain, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("build", [segmentation.fcn_resnet50, segmentation.deeplabv3_resnet50])
def test_segmentation(build: Any) -> None:
    model = build(num_classes=3, aux_loss=True).eval()
    out = model(lampas.zeros(1, 3, 33, 40))
    assert {k: tuple(v.shape) for k, v in out.items()} == {
        "out": (1, 3, 33, 40),
        "aux": (1, 3, 33, 40),
    }
    assert model.backbone(lampas.zeros(1, 3, 64, 64))["out"].shape == (1, 2048, 8, 8)


# ---- attention against its definition ------------------------------------------------------------
def test_windows_do_not_see_each_other() -> None:
    """Without a shift a change in one window leaves the others as they were; a shift joins them."""
    from lampas.vision.models.swin_transformer import ShiftedWindowAttention

    lampas.manual_seed(0)
    x = lampas.randn(1, 4, 4, 8)
    y = x.clone()
    y[:, 0, 0] += 1
    for shift, touched in ((0, {(0, 0), (0, 1), (1, 0), (1, 1)}), (1, {(0, 0)})):
        attention = ShiftedWindowAttention(8, [2, 2], [shift, shift], 2)
        change = (attention(x) - attention(y)).abs().sum(-1)[0]
        assert {(int(i), int(j)) for i, j in (change > 1e-6).nonzero()} == touched


def test_grids_attend_far() -> None:
    from lampas.vision.models.maxvit import PartitionAttentionLayer

    lampas.manual_seed(0)
    x = lampas.randn(1, 8, 4, 4)
    y = x.clone()
    y[:, 0, 0, 0] += 1
    places = {"window": {(0, 0), (0, 1), (1, 0), (1, 1)}, "grid": {(0, 0), (0, 2), (2, 0), (2, 2)}}
    for kind, touched in places.items():
        layer = PartitionAttentionLayer(
            8, 4, 2, kind, (4, 4), 2, nn.GELU, nn.LayerNorm, 0.0, 0.0, 0.0
        )
        change = (layer(x) - layer(y)).abs().sum(1)[0]
        assert {(int(i), int(j)) for i, j in (change > 1e-6).nonzero()} == touched


def test_shuffled_channels_alternate() -> None:
    from lampas.vision.models.shufflenetv2 import InvertedResidual

    block = InvertedResidual(4, 4, 1)
    block.branch2 = nn.Sequential()
    x = lampas.arange(4.0).view(1, 4, 1, 1)
    assert block(x).flatten().tolist() == [0, 2, 1, 3]


def test_stochastic_depth() -> None:
    lampas.manual_seed(0)
    x = lampas.ones(1000, 2)
    y = layers.StochasticDepth(0.25, "row")(x)
    assert y.flatten().unique().tolist() == [0.0, pytest.approx(4 / 3)]
    assert (y[:, 0] == y[:, 1]).all() and abs(y.mean().item() - 1) < 0.05
    assert len(layers.StochasticDepth(0.5, "batch")(x).unique()) == 1
    assert layers.StochasticDepth(0.25, "row").eval()(x) is x
    with pytest.raises(ValueError, match="between 0 and 1"):
        layers.StochasticDepth(2.0, "row")


def test_dense_layers_recomputed_give_the_same() -> None:
    outs = []
    for memory_efficient in (False, True):
        lampas.manual_seed(0)
        model = models.DenseNet(4, (2, 2), 8, num_classes=2, memory_efficient=memory_efficient)
        x = lampas.randn(2, 3, 32, 32, requires_grad=True)
        model(x).sum().backward()
        outs.append(x.grad)
    lampas.testing.assert_close(outs[0], outs[1])


# ---- weights -------------------------------------------------------------------------------------
def test_weights_from_a_file(tmp_path: Path) -> None:
    source = models.squeezenet1_1(num_classes=3)
    plain, wrapped = tmp_path / "w.pt", tmp_path / "checkpoint.pt"
    lampas.save(source.state_dict(), plain)
    lampas.save({"epoch": 3, "state_dict": source.state_dict()}, wrapped)
    x = lampas.randn(1, 3, 32, 32)
    for weights in (plain, str(wrapped)):
        model = models.squeezenet1_1(weights=weights, num_classes=3)
        assert lampas.equal(model.eval()(x), source.eval()(x))


def test_old_names_in_published_files() -> None:
    dense = models.DenseNet(4, (1,), 8)
    state = dense.state_dict()
    old = {k.replace("norm1.", "norm.1.").replace("conv2.", "conv.2."): v for k, v in state.items()}
    assert old.keys() != state.keys()
    dense.load_state_dict(old)
    vit = models.VisionTransformer(16, 8, 1, 2, 8, 8)
    state = vit.state_dict()
    old = {
        k.replace("mlp.0.", "mlp.linear_1.").replace("mlp.3.", "mlp.linear_2."): v
        for k, v in state.items()
    }
    vit.load_state_dict(old)


def test_published_weights_from_the_cache(tmp_path: Path) -> None:
    before = lampas.hub.get_dir()
    lampas.hub.set_dir(tmp_path)
    try:
        weights = models.ShuffleNet_V2_X0_5_Weights.DEFAULT
        source = models.shufflenet_v2_x0_5()
        path = tmp_path / "checkpoints" / weights.url.rpartition("/")[2]
        path.parent.mkdir()
        lampas.save(source.state_dict(), path)
        for given in (weights, "DEFAULT", "ShuffleNet_V2_X0_5_Weights.IMAGENET1K_V1"):
            model = models.shufflenet_v2_x0_5(weights=given, progress=False)
            assert lampas.equal(model.fc.weight, source.fc.weight)
        with pytest.warns(UserWarning, match="pretrained"):
            models.shufflenet_v2_x0_5(pretrained=True)
        with pytest.raises(ValueError, match="'num_classes' expected value 1000 but got 10"):
            models.shufflenet_v2_x0_5(weights=weights, num_classes=10)
    finally:
        lampas.hub.set_dir(before)


def test_without_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import urllib.request
    from urllib.error import URLError

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise URLError("no route")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    before = lampas.hub.get_dir()
    lampas.hub.set_dir(tmp_path)
    try:
        with pytest.raises(RuntimeError, match=r"cannot be fetched.*no route.*put the file at"):
            models.squeezenet1_1(weights="DEFAULT")
    finally:
        lampas.hub.set_dir(before)


def test_bad_weights() -> None:
    with pytest.raises(ValueError, match=r"neither one of AlexNet_Weights \(IMAGENET1K_V1, D"):
        models.alexnet(weights="nothing.pt")
    with pytest.raises(TypeError, match="expected AlexNet_Weights but received ResNet18_Weights"):
        models.alexnet(weights=models.ResNet18_Weights.DEFAULT)


def test_enums() -> None:
    weights = models.ResNet50_Weights
    assert weights.DEFAULT is weights.IMAGENET1K_V2 is models.get_weight("ResNet50_Weights.DEFAULT")
    assert weights.IMAGENET1K_V1.url.endswith("resnet50-0676ba61.pth")
    meta = weights.DEFAULT.meta
    assert len(meta["categories"]) == 1000 and meta["categories"][1] == "goldfish"
    assert repr(weights.DEFAULT) == "ResNet50_Weights.IMAGENET1K_V2"
    assert len(segmentation.FCN_ResNet50_Weights.DEFAULT.meta["categories"]) == 21
    for name in ("resnet50", "ResNet50_Weights.NONE"):
        with pytest.raises(ValueError, match="Invalid weight name"):
            models.get_weight(name)


def test_presets_prepare_images() -> None:
    image = pytest.importorskip("PIL.Image").new("RGB", (300, 200), (255, 0, 0))
    for weights in (
        models.ResNet50_Weights.DEFAULT,
        models.ViT_B_16_Weights.IMAGENET1K_SWAG_E2E_V1,
    ):
        prepare = weights.transforms()
        x = prepare(image)
        assert x.shape == (3, prepare.crop_size[0], prepare.crop_size[0])
        expected = [(1 - 0.485) / 0.229, -0.456 / 0.224, -0.406 / 0.225]
        lampas.testing.assert_close(x.mean((1, 2)), lampas.tensor(expected), rtol=1e-3, atol=1e-3)
        assert "crop_size=" in repr(prepare)


# ---- names ---------------------------------------------------------------------------------------
def test_lists_and_lookup() -> None:
    assert len(models.list_models()) >= 86
    assert models.list_models(include=["swin_*", "vgg11*"], exclude="*v2*") == [
        "swin_b",
        "swin_s",
        "swin_t",
        "vgg11",
        "vgg11_bn",
    ]
    assert "fcn_resnet50" in models.list_models(module=segmentation)
    assert "resnet18" not in models.list_models(module=segmentation)
    with pytest.raises(ValueError, match="Unknown model resnet19; did you mean resnet"):
        models.get_model("resnet19")
    with pytest.raises(ValueError, match="already registered"):
        models.register_model("resnet18")(models.resnet18)


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match="groups=1 and base_width=64"):
        models.resnet18(groups=2)
    with pytest.raises(ValueError, match="3-element tuple"):
        models.resnet50(replace_stride_with_dilation=[True])
    with pytest.raises(ValueError, match="'groups' expected value 32 but got 2"):
        models.resnext50_32x4d(groups=2)
    with pytest.raises(ValueError, match="1_0 or 1_1"):
        models.SqueezeNet("2_0")
    with pytest.raises(ValueError, match="should not be empty"):
        models.ConvNeXt([])
    with pytest.raises(ValueError, match="Wrong image size! Expected 32 x 32 but got 64 x 32"):
        models.VisionTransformer(32, 8, 1, 2, 8, 8)(lampas.zeros(1, 3, 64, 32))
    with pytest.raises(ValueError, match="indivisible by patch size"):
        models.VisionTransformer(30, 8, 1, 2, 8, 8)
    with pytest.raises(ValueError, match="not divisible by partition size"):
        models.MaxVit((30, 30), 8, 7, [8], [1], 4, 0.0)
    with pytest.raises(ValueError, match="return_layers are not present in model: nothing"):
        layers.IntermediateLayerGetter(models.squeezenet1_1(), {"nothing": "out"})
    with pytest.raises(TypeError):
        models.alexnet(nonsense=3)


def test_torchvision_models() -> None:
    import lampas.alias

    lampas.alias.install()
    try:
        import torchvision.models as tv  # type: ignore[import-not-found]
        from torchvision.models.resnet import BasicBlock  # type: ignore[import-not-found]
        from torchvision.models.segmentation import fcn_resnet50  # type: ignore[import-not-found]

        assert tv.resnet18 is models.resnet18 and fcn_resnet50 is segmentation.fcn_resnet50
        assert BasicBlock.expansion == 1
    finally:
        lampas.alias.uninstall()
