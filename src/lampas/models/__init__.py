"""Small models for small images: the ones that `lampas train` has of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lampas.models.images import MLP, LeNet, Linear
from lampas.models.residual import ConvNet, ResNet9, ResNet20

if TYPE_CHECKING:
    from lampas.nn import Module

__all__ = [
    "MLP", "Linear", "LeNet", "ConvNet", "ResNet9", "ResNet20", "MODELS", "create",
]  # fmt: skip

MODELS: dict[str, type[Module]] = {
    "mlp": MLP,
    "linear": Linear,
    "lenet": LeNet,
    "cnn": ConvNet,
    "resnet9": ResNet9,
    "resnet20": ResNet20,
}
# Their first linear layer is made for one size of image.
FIXED_SIZE = ("mlp", "linear", "lenet")


def create(name: str, classes: int = 10, channels: int = 1, size: int = 28) -> Module:
    """A new model by its name in ``MODELS``, for images ``(N, channels, size, size)``.

    Raises:
        ValueError: no such model, or it does not take images of that size.

    >>> create("linear")
    Linear(
      (fc): Linear(in_features=784, out_features=10, bias=True)
    )
    """
    if name not in MODELS:
        raise ValueError(f"no model is called {name!r}; there are {', '.join(MODELS)}")
    sizes = {"size": size} if name in FIXED_SIZE else {}
    return MODELS[name](classes, channels, **sizes)
