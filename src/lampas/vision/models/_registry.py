"""Models by name, and what all their constructors share: the `weights` argument."""

from __future__ import annotations

import fnmatch
import functools
import inspect
import os
import warnings
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any, TypeVar

from lampas.nn import Module
from lampas.vision.models._weights import WeightsEnum

__all__ = [
    "get_model",
    "get_model_builder",
    "get_model_weights",
    "get_weight",
    "list_models",
    "register_model",
]

M = TypeVar("M", bound=Module)
Builder = Callable[..., Any]
# Changes the arguments for published weights; may give a function that finishes the model.
Adapt = Callable[[dict[str, Any], WeightsEnum], Callable[[Any], None] | None]

_BUILDERS: dict[str, Builder] = {}
_ENUMS: dict[str, type[WeightsEnum]] = {}


def register_model(name: str | None = None) -> Callable[[Callable[..., M]], Callable[..., M]]:
    """A decorator that makes a function known to `get_model` and `list_models`.

    Raises:
        ValueError: the name is taken.

    >>> from lampas.vision import models
    >>> models.get_model_builder("resnet18") is models.resnet18
    True
    """

    def register(build: Callable[..., M]) -> Callable[..., M]:
        key = name if name is not None else build.__name__
        if key in _BUILDERS:
            raise ValueError(f"An entry is already registered under the name {key!r}.")
        _BUILDERS[key] = build
        return build

    return register


def fix(kwargs: dict[str, Any], name: str, value: Any) -> None:
    """Sets an argument that weights determine; ValueError if it was given another value."""
    if kwargs.setdefault(name, value) != value:
        raise ValueError(
            f"The parameter {name!r} expected value {value} but got {kwargs[name]} instead."
        )


def _chosen(enum: type[WeightsEnum], weights: Any, build: Builder, kwargs: dict[str, Any]) -> Any:
    """None, a member of the enum, or the path of a file."""
    if "pretrained" in kwargs or isinstance(weights, bool):
        wanted = kwargs.pop("pretrained", weights)
        first = next(iter(enum))
        warnings.warn(
            f"{build.__name__}(pretrained=...) is deprecated: it means weights={first!r} or None",
            stacklevel=3,
        )
        return first if wanted else None
    if isinstance(weights, os.PathLike):
        return os.fspath(weights)
    if isinstance(weights, str):
        key = weights.removeprefix(enum.__name__ + ".")
        if key in enum.__members__:
            return enum[key]
        if os.path.exists(weights):
            return weights
        raise ValueError(
            f"{build.__name__}: {weights!r} is neither one of {enum.__name__} "
            f"({', '.join(enum.__members__)}) nor the path of a file"
        )
    return enum.verify(weights)


def load_weights(model: Module, weights: Any, progress: bool) -> None:
    """Loads a member of an enum, or a file of weights: a state_dict, or one in a checkpoint."""
    if isinstance(weights, WeightsEnum):
        state = weights.get_state_dict(progress=progress, check_hash=True)
    else:
        from lampas.serialization import load

        state = load(weights, map_location="cpu")
        for key in ("state_dict", "model"):
            if isinstance(state, dict) and isinstance(state.get(key), dict):
                state = state[key]
    model.load_state_dict(state)


def with_weights(
    enum: type[WeightsEnum], adapt: Adapt | None = None
) -> Callable[[Callable[..., M]], Callable[..., M]]:
    """A decorator that registers a builder and gives it `weights` and `progress`."""

    def decorate(build: Callable[..., M]) -> Callable[..., M]:
        @functools.wraps(build)
        def builder(weights: Any = None, progress: bool = True, **kwargs: Any) -> M:
            chosen = _chosen(enum, weights, build, kwargs)
            finish = None
            if isinstance(chosen, WeightsEnum):
                if chosen.meta["categories"] is not None:
                    fix(kwargs, "num_classes", len(chosen.meta["categories"]))
                finish = adapt(kwargs, chosen) if adapt is not None else None
            model = build(**kwargs)
            if chosen is not None:
                load_weights(model, chosen, progress)
                if finish is not None:
                    finish(model)
            return model

        own = inspect.signature(build).parameters.values()
        added = [
            inspect.Parameter("weights", inspect.Parameter.KEYWORD_ONLY, default=None),
            inspect.Parameter("progress", inspect.Parameter.KEYWORD_ONLY, default=True),
        ]
        first = [p for p in own if p.kind is not p.VAR_KEYWORD]
        last = [p for p in own if p.kind is p.VAR_KEYWORD]
        builder.__signature__ = inspect.Signature([*first, *added, *last])  # type: ignore[attr-defined]
        _ENUMS[build.__name__] = enum
        return register_model()(builder)

    return decorate


def list_models(
    module: ModuleType | None = None,
    include: Iterable[str] | str | None = None,
    exclude: Iterable[str] | str | None = None,
) -> list[str]:
    """The names of all models, or of those in `module` and those that shell patterns match.

    >>> from lampas.vision import models
    >>> models.list_models(include="resnet*", exclude="resnet1*")
    ['resnet34', 'resnet50']
    """

    def patterns(value: Iterable[str] | str) -> list[str]:
        return [value] if isinstance(value, str) else list(value)

    names = set(_BUILDERS)
    if module is not None:
        names = {n for n in names if _BUILDERS[n].__module__.rpartition(".")[0] == module.__name__}
    if include:
        names = {n for n in names for p in patterns(include) if fnmatch.fnmatch(n, p)}
    if exclude:
        names -= {n for n in names for p in patterns(exclude) if fnmatch.fnmatch(n, p)}
    return sorted(names)


def get_model_builder(name: str) -> Builder:
    """The function that builds a model.

    Raises:
        ValueError: no model has that name.

    >>> lampas.vision.models.get_model_builder("AlexNet").__name__
    'alexnet'
    """
    try:
        return _BUILDERS[name.lower()]
    except KeyError:
        import difflib

        near = difflib.get_close_matches(name.lower(), _BUILDERS)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise ValueError(f"Unknown model {name}{hint}") from None


def get_model(name: str, **config: Any) -> Module:
    """A model by its name; further arguments are its builder's.

    >>> model = lampas.vision.models.get_model("squeezenet1_1", num_classes=10)
    >>> model(lampas.zeros(1, 3, 64, 64)).shape
    torch.Size([1, 10])
    """
    model: Module = get_model_builder(name)(**config)
    return model


def get_model_weights(name: Callable[..., Any] | str) -> type[WeightsEnum]:
    """The enum of a model's published weights.

    Raises:
        ValueError: there is no such model, or it has none.

    >>> list(lampas.vision.models.get_model_weights("resnet50"))
    [ResNet50_Weights.IMAGENET1K_V1, ResNet50_Weights.IMAGENET1K_V2]
    """
    builder = get_model_builder(name) if isinstance(name, str) else name
    if builder.__name__ not in _ENUMS:
        raise ValueError(f"{builder.__name__} has no published weights")
    return _ENUMS[builder.__name__]


def get_weight(name: str) -> WeightsEnum:
    """Published weights by their full name.

    Raises:
        ValueError: the name is not of the form "Enum.MEMBER", or there are none.

    >>> lampas.vision.models.get_weight("ResNet50_Weights.DEFAULT")
    ResNet50_Weights.IMAGENET1K_V2
    """
    enum_name, dot, member = name.partition(".")
    enum = next((e for e in _ENUMS.values() if e.__name__ == enum_name), None)
    if not dot or enum is None or member not in enum.__members__:
        raise ValueError(f"Invalid weight name provided: {name!r}.")
    return enum[member]
