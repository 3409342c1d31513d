"""Which names the reference describes, a namespace a page."""

from __future__ import annotations

import importlib
import inspect
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any


@dataclass(frozen=True)
class Page:
    """A page of the reference: the names of one module, or the members of one class."""

    name: str  # what it describes: "lampas.nn"
    chapter: str
    by_module: bool = False  # groups follow the files in which things are defined
    extra: tuple[str, ...] = field(default=())  # names beside those of `__all__`

    @property
    def path(self) -> str:
        return f"reference/{self.name}.md"

    @property
    def title(self) -> str:
        return self.name.removeprefix("lampas.")


def _chapter(title: str, *names: str, by_module: tuple[str, ...] = ()) -> list[Page]:
    return [Page(f"lampas.{n}".rstrip("."), title, n in by_module) for n in names]


PAGES = [
    *_chapter("Tensors", "", "Tensor", "random", "linalg", "fft", "special", "signal.windows",
              "masked"),
    *_chapter("Gradients", "autograd", "autograd.functional", "autograd.forward_ad",
              "autograd.graph", "autograd.profiler", "func"),
    *_chapter("Networks", "nn", "nn.functional", "nn.init", "nn.attention", "nn.utils",
              "nn.utils.rnn",
              "nn.utils.parametrize", "nn.utils.parametrizations", "nn.utils.prune", "nn.parallel",
              "nn.grad",
              by_module=("nn",)),
    *_chapter("Training", "optim", "optim.lr_scheduler", "optim.swa_utils", "amp", "utils.data",
              "utils.checkpoint", "utils.tensorboard"),
    *_chapter("Distributions", "distributions", "distributions.constraints"),
    *_chapter("Files and processes", "serialization", "serialization.safetensors", "utils.dlpack",
              "hub", "multiprocessing", "futures"),
    *_chapter("Images", "vision", "vision.datasets", "vision.transforms", "vision.transforms.v2",
              "vision.transforms.functional", "vision.transforms.v2.functional", "vision.models",
              "vision.models.segmentation", "vision.models.feature_extraction",
              "vision.ops", "vision.utils", "vision.io", "vision.tv_tensors",
              by_module=("vision.models", "vision.datasets")),
    *_chapter("Tools", "testing", "profiler", "utils.benchmark", "jit", "compiler", "overrides",
              "utils.weak", "cpu", "cuda", "cuda.amp", "accelerator", "distributed", "backends",
              "backends.cuda", "backends.cudnn", "models", "alias", "cli"),
]  # fmt: skip
NOT_NAMES = {"annotations", "ModuleBase", "set_global_module_hooks"}



def target(page: Page) -> Any:
    """The module or class that a page describes."""
    try:
        return importlib.import_module(page.name)
    except ModuleNotFoundError as e:
        if e.name != page.name:
            raise
    owner, _, name = page.name.rpartition(".")
    return getattr(importlib.import_module(owner), name)


def _defined_in(module: ModuleType, member: Any) -> bool:
    """Whether a module without `__all__` offers `member` as its own."""
    if hasattr(member, "__signatures__"):
        return True
    return getattr(member, "__module__", None) == module.__name__ and callable(member)


def public_names(page: Page) -> list[str]:
    """The names that a module's page describes, sorted."""
    module = target(page)
    if page.name == "lampas.nn":
        found = [*module.__all__, "DataParallel"]
    elif page.name == "lampas":
        found = [n for n in dir(module) if not n.startswith("_") and not n.endswith("_")]
    elif hasattr(module, "__all__"):
        found = list(module.__all__)
    else:
        found = [n for n in vars(module) if _defined_in(module, getattr(module, n))]
    described = {p.name for p in PAGES}
    return sorted(
        name
        for name in {*found, *page.extra}
        if not name.startswith("_")
        and name not in NOT_NAMES
        and not inspect.ismodule(getattr(module, name))
        and (f"{page.name}.{name}" not in described or page.name != "lampas")
        and (name != "Tensor")
    )


def members(cls: type) -> list[tuple[str, Any]]:
    """The methods and properties that a class's entry describes: its own with a docstring, and
    those of bases that are no public class of their own, nor part of one."""
    seen: dict[str, Any] = {}
    public = [b for b in cls.__mro__[1:] if b is not object and not _hidden(b)]
    for base in cls.__mro__:
        if base is not cls and (not _hidden(base) or any(issubclass(b, base) for b in public)):
            continue
        for name, raw in vars(base).items():
            if name.startswith("_") or name in seen or inspect.isclass(raw):
                continue
            member = raw if isinstance(raw, property) else inspect.getattr_static(base, name)
            member = getattr(member, "__func__", member)
            if isinstance(getattr(member, "__doc__", None), str) and (
                inspect.isroutine(member) or isinstance(member, property) or _described(member)
            ):
                seen[name] = member
    return sorted(seen.items())


def _described(member: Any) -> bool:
    return hasattr(member, "__nb_signature__") or inspect.isgetsetdescriptor(member)


def _hidden(base: type) -> bool:
    """Whether a base class only serves to write another one."""
    module = str(getattr(base, "__module__", ""))
    if not module.startswith("lampas"):
        return False
    return base.__name__.startswith("_") or any(p.startswith("_") for p in module.split(".")[1:])
