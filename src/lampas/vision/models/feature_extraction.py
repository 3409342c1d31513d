"""What a model computes inside, by the names of its modules and functions.

A model is not rewritten but watched: hooks see its modules, and a mode sees the functions that are
called between them. Names are those that torchvision gives: the path of the module in which
something is computed, then the module or function, with ``_1``, ``_2`` … for later calls. Only
what gives tensors has a name.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import lampas
from lampas import Tensor, nn
from lampas.overrides import TorchFunctionMode

__all__ = ["create_feature_extractor", "get_graph_node_names"]

_OPERATORS = {"__add__": "add", "__radd__": "add", "__iadd__": "add", "__mul__": "mul"}


class _AllThere(Exception):
    """Everything that was asked for has been computed."""


def _is_leaf(module: nn.Module) -> bool:
    """Whether a module counts as one thing: lampas.nn's but for containers, lampas.vision.ops'."""
    if any(base.__module__.startswith("lampas.vision.ops") for base in type(module).__mro__):
        return True
    inside = type(module).__module__.startswith("lampas.nn")
    return inside and not isinstance(module, (nn.Sequential, nn.ModuleList, nn.ModuleDict))


def _has_tensor(value: Any) -> bool:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (tuple, list)):
        return any(_has_tensor(part) for part in value)
    return isinstance(value, Tensor)


class _Watch(TorchFunctionMode):
    """Calls ``seen(name, value)`` for each node; ``modules`` maps modules to their paths."""

    def __init__(self, modules: dict[nn.Module, str], seen: Callable[[str, Any], None]) -> None:
        super().__init__()
        self.modules = modules
        self.seen = seen
        self.paths: list[str] = [""]
        self.inside_leaf = 0
        self.inside_function = 0
        self.counts: dict[str, int] = {}

    def _numbered(self, name: str) -> str:
        count = self.counts.get(name, 0)
        self.counts[name] = count + 1
        return name if count == 0 else f"{name}_{count}"

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self.inside_function += 1
        try:
            value = func(*args, **(kwargs or {}))
        finally:
            self.inside_function -= 1
        if not (self.inside_leaf or self.inside_function) and _has_tensor(value):
            name = getattr(func, "__name__", str(func))
            name = _OPERATORS.get(name, name).strip("_")
            path = self.paths[-1]
            self.seen(self._numbered(f"{path}.{name}" if path else name), value)
        return value

    def enter(self, module: nn.Module, args: Any) -> None:
        """Before a module is called."""
        self.paths.append(self.modules[module])
        self.inside_leaf += _is_leaf(module)

    def leave(self, module: nn.Module, args: Any, value: Any) -> None:
        """After it."""
        path = self.paths.pop()
        self.inside_leaf -= _is_leaf(module)
        if path and not self.inside_leaf:
            self.seen(self._numbered(path) if _is_leaf(module) else path, value)


@contextmanager
def _watched(model: nn.Module, seen: Callable[[str, Any], None]) -> Iterator[None]:
    modules = {module: name for name, module in model.named_modules()}
    watch = _Watch(modules, seen)
    handles = []
    for module in modules:
        handles.append(module.register_forward_pre_hook(watch.enter))
        handles.append(module.register_forward_hook(watch.leave))
    try:
        with watch:
            yield
    finally:
        for handle in handles:
            handle.remove()


def _example(model: nn.Module) -> Tensor:
    """An input that fits the model's first layer."""
    side = getattr(model, "image_size", 224)
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            return lampas.zeros(2, module.in_channels, side, side)
        if isinstance(module, nn.Conv1d):
            return lampas.zeros(2, module.in_channels, side)
        if isinstance(module, nn.Linear):
            return lampas.zeros(2, module.in_features)
    raise ValueError(
        f"get_graph_node_names(): no layer of {type(model).__name__} tells what its input looks "
        "like: pass concrete_args={name of forward's argument: a tensor}"
    )


def _inputs(model: nn.Module, concrete_args: dict[str, Any] | None) -> tuple[list[str], list[Any]]:
    """Names and values of forward's arguments."""
    parameters = inspect.signature(model.forward).parameters.values()
    if concrete_args is not None:
        return list(concrete_args), list(concrete_args.values())
    names = [p.name for p in parameters if p.default is p.empty and p.kind != p.VAR_KEYWORD]
    return names[:1], [_example(model)]


def get_graph_node_names(
    model: nn.Module,
    tracer_kwargs: dict[str, Any] | None = None,
    suppress_diff_warning: bool = False,
    concrete_args: dict[str, Any] | None = None,
) -> tuple[list[str], list[str]]:
    """The names of everything a model computes, in order: in training, and in evaluation.

    The model is run once in each mode, without gradients; its state stays as it was.

    Args:
        model: any module.
        tracer_kwargs: may be empty only: nothing is traced symbolically.
        suppress_diff_warning: no warning where the two lists differ.
        concrete_args: forward's arguments by name; by default an image that fits the first layer.

    Raises:
        ValueError: no argument is given and the first layer does not tell what fits.

    >>> from lampas.vision.models import resnet18
    >>> names, _ = get_graph_node_names(resnet18())
    >>> names[:5], names[-3:]
    (['x', 'conv1', 'bn1', 'relu', 'maxpool'], ['avgpool', 'flatten', 'fc'])
    """
    _no_tracer(tracer_kwargs)
    keys, values = _inputs(model, concrete_args)
    containers = {name for name, module in model.named_modules() if not _is_leaf(module)}
    lists = []
    was_training = {module: module.training for module in model.modules()}
    state = {name: value.clone() for name, value in model.state_dict().items()}
    random = lampas.get_rng_state()
    try:
        for training in (True, False):
            model.train(training)
            names = list(keys)

            def seen(name: str, value: Any, names: list[str] = names) -> None:
                if name not in containers:
                    names.append(name)

            with lampas.no_grad(), _watched(model, seen):
                model(**dict(zip(keys, values, strict=True)))
            lists.append(names)
    finally:
        for module, training in was_training.items():
            module.training = training
        model.load_state_dict(state)
        lampas.set_rng_state(random)
    if lists[0] != lists[1] and not suppress_diff_warning:
        _warn_of_difference()
    return lists[0], lists[1]


def _no_tracer(tracer_kwargs: dict[str, Any] | None) -> None:
    if tracer_kwargs:
        raise ValueError(
            f"tracer_kwargs {sorted(tracer_kwargs)} have no meaning here: models are watched while "
            "they run, not traced"
        )


def _warn_of_difference() -> None:
    import warnings

    warnings.warn(
        "The nodes obtained by running the model in train and eval mode are not the same: pass "
        "train_return_nodes and eval_return_nodes, with names from get_graph_node_names",
        stacklevel=3,
    )


class FeatureExtractor(nn.Module):
    """A model that gives some of what it computes; made by :func:`create_feature_extractor`.

    Its modules, parameters and state_dict keys are the model's, and shared with it.
    """

    def __init__(
        self, model: nn.Module, train_nodes: dict[str, str], eval_nodes: dict[str, str]
    ) -> None:
        super().__init__()
        self._modules.update(model._modules)
        self._parameters.update(model._parameters)
        self._buffers.update(model._buffers)
        object.__setattr__(self, "_model", model)
        self.train_return_nodes = train_nodes
        self.eval_return_nodes = eval_nodes
        self.training = model.training

    def train(self, mode: bool = True) -> FeatureExtractor:
        """Sets the mode of the model and of all its modules."""
        super().train(mode)
        self._model.training = mode
        return self

    def forward(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The outputs asked for, by the names given to them, in the order they are computed.

        Nothing is computed beyond the last of them.

        Raises:
            ValueError: the model computed nothing by one of the names.
        """
        wanted = self.train_return_nodes if self.training else self.eval_return_nodes
        found: dict[str, Any] = {}
        last: list[str] = []

        def seen(name: str, value: Any) -> None:
            last.append(name)
            if name in wanted:
                found[wanted[name]] = value
                if len(found) == len(wanted):
                    raise _AllThere

        try:
            with _watched(self._model, seen):
                self._model(*args, **kwargs)
        except _AllThere:
            return found
        missing = [name for name, new in wanted.items() if new not in found]
        import difflib

        near = difflib.get_close_matches(missing[0], last, n=3, cutoff=0.4)
        raise ValueError(
            f"node {missing[0]!r} was not computed by {type(self._model).__name__}"
            + (f"; near are {', '.join(map(repr, near))}" if near else "")
            + ". Names are those of get_graph_node_names(model)"
        )


def _renamed(nodes: list[str] | dict[str, str]) -> dict[str, str]:
    if isinstance(nodes, dict):
        return {str(name): str(new) for name, new in nodes.items()}
    return {str(name): str(name) for name in nodes}


def create_feature_extractor(
    model: nn.Module,
    return_nodes: list[str] | dict[str, str] | None = None,
    train_return_nodes: list[str] | dict[str, str] | None = None,
    eval_return_nodes: list[str] | dict[str, str] | None = None,
    tracer_kwargs: dict[str, Any] | None = None,
    suppress_diff_warning: bool = False,
    concrete_args: dict[str, Any] | None = None,
) -> FeatureExtractor:
    """A module that gives some of what a model computes inside, as a dictionary.

    Args:
        model: any module; it is shared, not copied.
        return_nodes: names as :func:`get_graph_node_names` lists them, or of any module, for
            what it returns; as a dictionary, with the names that the outputs shall have.
        train_return_nodes: for training, together with ``eval_return_nodes`` instead.
        eval_return_nodes: for evaluation.
        tracer_kwargs: may be empty only: nothing is traced symbolically.
        suppress_diff_warning: there for torchvision's sake; there is no graph to differ.
        concrete_args: fixed arguments of forward, by name.

    Raises:
        ValueError: both or none of the ways to name nodes, or names that no call can have.

    >>> from lampas.vision.models import resnet18
    >>> extract = create_feature_extractor(resnet18(), {"layer1": "low", "layer4.1.add": "high"})
    >>> {name: tuple(x.shape) for name, x in extract(lampas.zeros(1, 3, 64, 64)).items()}
    {'low': (1, 64, 16, 16), 'high': (1, 512, 2, 2)}
    """
    _no_tracer(tracer_kwargs)
    separate = (train_return_nodes is not None, eval_return_nodes is not None)
    if (return_nodes is None) == (not any(separate)) or separate[0] != separate[1]:
        raise ValueError(
            "Either `return_nodes` or `train_return_nodes` and `eval_return_nodes` together should "
            "be specified"
        )
    train = _renamed(train_return_nodes if return_nodes is None else return_nodes)  # type: ignore[arg-type]
    evaluation = _renamed(eval_return_nodes if return_nodes is None else return_nodes)  # type: ignore[arg-type]
    children = {name.partition(".")[0] for name, _ in model.named_modules() if name}
    for name in (*train, *evaluation):
        head, dot, _ = name.partition(".")
        if dot and head not in children:
            raise ValueError(
                f"node: '{name}' is not present in model: {type(model).__name__} has no module "
                f"{head!r}, only {', '.join(sorted(children))}"
            )
    return FeatureExtractor(model, train, evaluation)
