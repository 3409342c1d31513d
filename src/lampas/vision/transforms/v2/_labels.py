"""Where the labels of a sample or batch are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import lampas
from lampas.vision.transforms.v2.functional import is_pure_tensor


def find_labels(inputs: Any) -> lampas.Tensor:
    """The labels in a sample: ``labels`` of a dictionary, or the only plain int64 tensor."""
    if isinstance(inputs, (tuple, list)):
        named = next((part for part in inputs if isinstance(part, Mapping)), None)
        if named is None and len(inputs) > 1 and isinstance(inputs[1], lampas.Tensor):
            tensors = [part for part in inputs if is_pure_tensor(part)]
            integers = [t for t in tensors if not t.is_floating_point() and t.dim() <= 2]
            found: lampas.Tensor = integers[-1] if integers else inputs[1]
            return found
        inputs = named
    if isinstance(inputs, Mapping):
        for name in sorted(inputs, key=lambda name: str(name).lower() != "labels"):
            if "label" in str(name).lower():
                found = inputs[name]
                return found
    raise ValueError(
        "Could not infer where the labels are in the sample. Try passing a callable as the "
        "labels_getter parameter? If there are no labels in the sample by design, pass "
        "labels_getter=None."
    )


def labels_getter_of(getter: Callable[[Any], Any] | str | None) -> Callable[[Any], Any]:
    """The function that a ``labels_getter`` stands for.

    Raises:
        ValueError: neither ``"default"`` nor a function nor None.
    """
    if getter == "default":
        return find_labels
    if callable(getter):
        return getter
    if getter is None:
        return lambda _: None
    raise ValueError(
        f"labels_getter should either be 'default', a callable, or None, but got {getter}."
    )
