"""The models that a run can name, and what suits them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lampas.cli import UsageError

if TYPE_CHECKING:
    from lampas.nn import Module

# Their outputs are maps of classes, not classes.
_SEGMENTATION = ("fcn_", "deeplabv3_", "lraspp_")
# Without batch normalisation a large rate makes them diverge.
_GENTLE = ("alexnet", "squeezenet", "vit_", "swin_", "convnext_")


def own() -> list[str]:
    """Models for small images."""
    from lampas.models import MODELS

    return list(MODELS)


def published() -> list[str]:
    """The classifiers of `lampas.vision.models`."""
    from lampas.vision.models import list_models

    return [name for name in list_models() if not segments(name)]


def segments(name: str) -> bool:
    """Whether it is a model of `lampas.vision.models.segmentation`."""
    return name.startswith(_SEGMENTATION)


def known(name: str) -> bool:
    """Whether there is such a model."""
    return name in own() or name in published()


def is_plain(name: str) -> bool:
    """Whether it is a small model without normalisation, made for one size of image."""
    from lampas.models import FIXED_SIZE

    return name in FIXED_SIZE


def is_gentle(name: str) -> bool:
    """Whether it wants a small learning rate."""
    return name.startswith(_GENTLE) or (name.startswith("vgg") and not name.endswith("_bn"))


def channels(name: str, of_data: int) -> int:
    """What the model takes: the published ones know colour images only."""
    return of_data if name in own() else 3


def default_size(name: str) -> int:
    """Width and height for pictures of any size."""
    if name in own():
        return 64
    return 299 if name == "inception_v3" else 224


def create(name: str, classes: int, channels: int, size: int) -> Module:
    """A new model for images ``(N, channels, size, size)``; its result is ``(N, classes)``.

    Raises:
        UsageError: it does not take images of that size.
    """
    from lampas import models

    try:
        if name in own():
            model = models.create(name, classes, channels, size)
        else:
            model = _published(name, classes, size)
        _try(model, classes, channels, size)
    except (RuntimeError, ValueError) as e:
        reason = " ".join(str(e).split())
        raise UsageError(
            f"--model {name} does not take images of {size} × {size} pixels: {reason}; "
            f"set --image-size, for example {default_size(name)}"
        ) from None
    return model


def _published(name: str, classes: int, size: int) -> Module:
    from lampas.vision.models import get_model

    options: dict[str, Any] = {}
    if name.startswith("vit_"):
        options["image_size"] = size
    elif name.startswith("maxvit"):
        options["input_size"] = (size, size)
    elif name in ("googlenet", "inception_v3"):
        options |= {"aux_logits": False, "init_weights": True}
    return get_model(name, num_classes=classes, **options)


def _try(model: Module, classes: int, channels: int, size: int) -> None:
    """One image through the model, without numbers."""
    import lampas

    model.eval()
    with lampas.no_grad():
        shape = model(lampas.zeros(1, channels, size, size)).shape
    if tuple(shape) != (1, classes):
        raise ValueError(f"its result has shape {tuple(shape)}, not (1, {classes})")
    model.train()
