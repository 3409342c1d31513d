"""Small models for images of 28 × 28 pixels: the ones `lampas train` offers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lampas.models.images import MLP, LeNet, Linear

if TYPE_CHECKING:
    from lampas.nn import Module

__all__ = ["MLP", "Linear", "LeNet", "MODELS", "create"]

MODELS: dict[str, type[Module]] = {"mlp": MLP, "linear": Linear, "cnn": LeNet}


def create(name: str, classes: int = 10) -> Module:
    """A new model by its name in ``MODELS``, for images ``(N, 1, 28, 28)``.

    Raises:
        ValueError: no such model.

    >>> create("linear")
    Linear(
      (fc): Linear(in_features=784, out_features=10, bias=True)
    )
    """
    if name not in MODELS:
        raise ValueError(f"no model is called {name!r}; there are {', '.join(MODELS)}")
    return MODELS[name](classes)
