"""Published weights of models: where they are, how good, and what images they take.

The table `_weights.json` has an entry for each; an enum for each model is made from it.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

__all__ = ["Weights", "WeightsEnum", "weights_enum"]

_FOLDER = Path(__file__).parent
_VOC = (
    "__background__ aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse "
    "motorbike person pottedplant sheep sofa train tvmonitor"
)


@dataclass
class Weights:
    """Where weights lie, what prepares images for them, and what is known about them.

    >>> weights = lampas.vision.models.AlexNet_Weights.DEFAULT.value
    >>> weights.meta["num_params"]
    61100840
    """

    url: str
    transforms: Callable[..., Any]
    meta: dict[str, Any]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Weights) and self.url == other.url and self.meta == other.meta

    __hash__ = None  # type: ignore[assignment]


class WeightsEnum(Enum):
    """The published weights of one model; DEFAULT names the best of them.

    >>> from lampas.vision.models import ResNet50_Weights
    >>> ResNet50_Weights.DEFAULT
    ResNet50_Weights.IMAGENET1K_V2
    """

    @classmethod
    def verify(cls, obj: Any) -> Any:
        """The member for itself, for its name, or None for None.

        Raises:
            TypeError: a member of another enum.
            KeyError: no such name.
        """
        if isinstance(obj, str):
            return cls[obj.removeprefix(cls.__name__ + ".")]
        if obj is not None and not isinstance(obj, cls):
            raise TypeError(
                f"Invalid Weight class provided; expected {cls.__name__} but received "
                f"{type(obj).__name__}."
            )
        return obj

    def get_state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The weights, fetched into the cache unless they are there.

        Arguments are those of :func:`lampas.hub.load_state_dict_from_url`.

        Raises:
            RuntimeError: they are not in the cache and cannot be fetched.
        """
        from urllib.error import URLError

        from lampas import hub

        try:
            return hub.load_state_dict_from_url(self.url, *args, **kwargs)
        except URLError as e:
            cache = os.path.join(hub.get_dir(), "checkpoints", os.path.basename(self.url))
            raise RuntimeError(
                f"{self} cannot be fetched from {self.url} ({e.reason}). Without a network, put "
                f"the file at {cache}, or pass its path as weights=."
            ) from e

    def __repr__(self) -> str:
        return f"{type(self).__name__}.{self.name}"

    @property
    def url(self) -> str:
        """The address of the file."""
        url: str = self.value.url
        return url

    @property
    def transforms(self) -> Callable[..., Any]:
        """Makes the transform that prepares an image for the model."""
        transforms: Callable[..., Any] = self.value.transforms
        return transforms

    @property
    def meta(self) -> dict[str, Any]:
        """Number of parameters, least size of images, names of classes, scores."""
        meta: dict[str, Any] = self.value.meta
        return meta


@functools.lru_cache(maxsize=1)
def _table() -> dict[str, dict[str, Any]]:
    table: dict[str, dict[str, Any]] = json.loads((_FOLDER / "_weights.json").read_text("utf-8"))
    return table


@functools.lru_cache(maxsize=1)
def _imagenet() -> list[str]:
    return (_FOLDER / "_imagenet_classes.txt").read_text("utf-8").splitlines()


def _member(entry: dict[str, Any]) -> Weights:
    from lampas.vision.transforms._presets import ImageClassification, SemanticSegmentation

    kind = entry.get("categories", "imagenet")
    preset: Any = SemanticSegmentation if kind == "voc" else ImageClassification
    meta = {
        "num_params": entry["num_params"],
        "min_size": tuple(entry.get("min_size", (1, 1))),
        "categories": {"imagenet": _imagenet(), "voc": _VOC.split(), None: None}[kind],
        "_metrics": entry.get("metrics", {}),
    }
    if "license" in entry:
        meta["license"] = entry["license"]
    options = {k: tuple(v) if isinstance(v, list) else v for k, v in _options(entry).items()}
    return Weights(entry["url"], functools.partial(preset, **options), meta)


def _options(entry: dict[str, Any]) -> dict[str, Any]:
    from lampas.vision.transforms import InterpolationMode

    options = dict(entry.get("transforms", {}))
    if "interpolation" in options:
        options["interpolation"] = InterpolationMode(options["interpolation"])
    return options


def weights_enum(name: str) -> Any:
    """The enum of that name, from the table."""
    entries = dict(_table()[name])
    default = entries.pop("DEFAULT", None)
    members = {key: _member(entry) for key, entry in entries.items()}
    if default is not None:
        members["DEFAULT"] = members[default]
    make: Any = WeightsEnum
    enum = make(name, members)
    enum.__module__ = "lampas.vision.models"
    return enum
