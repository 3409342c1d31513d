"""Makes `import torch` and `import torchvision` find Lampas.

>>> import lampas.alias
>>> lampas.alias.install()
>>> import torch
>>> torch.ones(2)
tensor([1., 1.])
>>> lampas.alias.uninstall()
"""

from __future__ import annotations

import importlib
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from lampas._version import torch_version

__all__ = ["install", "installed", "uninstall"]

# PyTorch's packages and what stands in for them.
ROOTS = {"torch": "lampas", "torchvision": "lampas.vision"}
# torchvision's release that belongs to the PyTorch release whose interface this is.
VERSIONS = {"torch": f"{torch_version}+lampas", "torchvision": "0.28.0+lampas"}
LEFT_OUT = "The documentation's page on differences lists what is left out and why."


class _Root(ModuleType):
    """`torch` itself: all of lampas, but under PyTorch's version."""

    def __init__(self, name: str, target: ModuleType) -> None:
        super().__init__(name, target.__doc__)
        self.__dict__.update(
            __version__=VERSIONS[name], __path__=[], __file__=target.__file__, _target=target
        )

    def __getattr__(self, name: str) -> Any:
        try:
            return getattr(self.__dict__["_target"], name)
        except AttributeError:
            raise _missing(self.__name__, name, self.__dict__["_target"]) from None

    def __setattr__(self, name: str, value: Any) -> None:
        # The import system notes submodules here; a program's own settings reach lampas.
        if isinstance(value, ModuleType) or name.startswith("__"):
            self.__dict__[name] = value
        else:
            setattr(self.__dict__["_target"], name, value)

    def __dir__(self) -> list[str]:
        return dir(self.__dict__["_target"])


def torch_name(name: str) -> str:
    """What a program that imports torch calls this part of Lampas.

    >>> torch_name("lampas.nn"), torch_name("lampas.vision.models")
    ('torch.nn', 'torchvision.models')
    """
    for root, real in sorted(ROOTS.items(), key=lambda item: -len(item[1])):
        if name == real or name.startswith(real + "."):
            return root + name[len(real) :]
    return name


def _missing(owner: str, name: str, target: ModuleType) -> AttributeError:
    from lampas._suggest import nearest

    near = ", ".join(repr(n) for n in nearest(name, dir(target)))
    return AttributeError(
        f"module {owner!r} has no attribute {name!r}: Lampas does not have it. "
        + (f"Nearest: {near}" if near else LEFT_OUT),
        name=name,
    )


class _Finder(MetaPathFinder, Loader):
    """Finds torch.x as the very module object lampas.x."""

    def __init__(self) -> None:
        self._kept: dict[int, dict[str, Any]] = {}

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        root = name.partition(".")[0]
        if root not in ROOTS:
            return None
        real = ROOTS[root] + name[len(root) :]
        try:
            importlib.import_module(real)
        except ModuleNotFoundError as e:
            if e.name is None or not (real == e.name or real.startswith(e.name + ".")):
                raise
            raise self._no_module(name, real) from None
        spec = ModuleSpec(name, self, is_package=True)
        spec.submodule_search_locations = []
        return spec

    def find_distributions(self, context: Any = None) -> list[Any]:
        """What `importlib.metadata.version("torch")` asks for."""
        from lampas.alias._metadata import Standin

        name = getattr(context, "name", None)
        return [Standin(n, v) for n, v in VERSIONS.items() if name is None or name.lower() == n]

    def _no_module(self, name: str, real: str) -> ModuleNotFoundError:
        import pkgutil

        from lampas._suggest import nearest

        parent = importlib.import_module(real.rpartition(".")[0])
        owner, _, last = name.rpartition(".")
        parts = [m.name for m in pkgutil.iter_modules(getattr(parent, "__path__", []))]
        near = ", ".join(f"{owner}.{n}" for n in nearest(last, parts))
        return ModuleNotFoundError(
            f"No module named {name!r}: Lampas does not have it. "
            + (f"Nearest: {near}" if near else LEFT_OUT),
            name=name,
        )

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        root, _, rest = spec.name.partition(".")
        target = importlib.import_module(ROOTS[root] + (f".{rest}" if rest else ""))
        if not rest:
            return _Root(spec.name, target)
        # The import system writes __spec__ and its like on what it is given; lampas keeps its own.
        own = ("__spec__", "__loader__", "__package__", "__path__", "__file__", "__cached__")
        self._kept[id(target)] = {n: target.__dict__[n] for n in own if n in target.__dict__}
        return target

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__.update(self._kept.pop(id(module), {}))


class _InChild:
    """Unpickled in a process that starts from nothing, puts the alias there."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        # The child has not taken over its parent's sys.path yet.
        code = (
            f"import sys; sys.path.append({self.path!r}); import lampas.alias; "
            "sys.path.pop(); lampas.alias.install()"
        )
        return exec, (code, {})


def _tell_children() -> None:
    """Makes processes that multiprocessing starts afresh find Lampas too.

    What such a process reads first is `spawn.get_preparation_data`; it imports the program's main
    module, and with it torch, before it learns which function to run.
    """
    from multiprocessing import spawn

    original = spawn.get_preparation_data

    def get_preparation_data(name: str) -> dict[str, Any]:
        data = original(name)
        if name == "ignore":  # a fork server gets text, no pickle; its children get the alias
            data.pop("init_main_from_name", None)
            data.pop("init_main_from_path", None)
        data["lampas.alias"] = _InChild(str(Path(__file__).parents[2]))
        return data

    get_preparation_data.original = original  # type: ignore[attr-defined]
    spawn.get_preparation_data = get_preparation_data


_finder: _Finder | None = None


def installed() -> bool:
    """Whether `import torch` finds Lampas now."""
    return _finder is not None


def install() -> None:
    """Makes `import torch`, `torch.*`, `torchvision` and `torchvision.*` find Lampas from now on.

    Worker processes find it too, whichever way they are started.

    Raises:
        RuntimeError: the real PyTorch is already imported in this process.
    """
    global _finder
    if _finder is not None:
        return
    for root in ROOTS:
        if root in sys.modules:
            raise RuntimeError(
                f"{root} is already imported in this process, so Lampas cannot take its place. "
                "Call lampas.alias.install() before the first import of torch, or start the program with `lampas run`."  # noqa: E501
            )
    _finder = _Finder()
    sys.meta_path.insert(0, _finder)
    _tell_children()


def uninstall() -> None:
    """Takes the alias away; modules that were imported through it are forgotten."""
    global _finder
    if _finder is None:
        return
    from multiprocessing import spawn

    sys.meta_path.remove(_finder)
    spawn.get_preparation_data = spawn.get_preparation_data.original  # type: ignore[attr-defined]
    _finder = None
    for name in [n for n in sys.modules if n.partition(".")[0] in ROOTS]:
        del sys.modules[name]
