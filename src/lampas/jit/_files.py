"""Files of scripted modules: their state and the names of their classes, no programs."""

from __future__ import annotations

from typing import Any

from lampas.jit._script import RecursiveScriptModule, ScriptModule, script
from lampas.nn import Module
from lampas.serialization._files import PathOrFile, name_of

_MARK = "lampas.jit"


def _plain(module: Module, known: dict[int, Module]) -> Module:
    """A module of the program's own classes with the same parameters and buffers."""
    if id(module) in known:
        return known[id(module)]
    scripted = isinstance(module, RecursiveScriptModule)
    kind: Any = type(module).__bases__[1] if scripted else type(module)
    new: Module = Module.__new__(kind)
    known[id(module)] = new
    new.__dict__.update(module.__dict__)
    new.__dict__["_modules"] = {
        name: None if child is None else _plain(child, known)
        for name, child in module._modules.items()
    }
    return new


def save(m: Any, f: PathOrFile, _extra_files: dict[str, Any] | None = None) -> None:
    """Writes a scripted or traced module; :func:`load` reads it.

    The file holds the module's state and its classes' names. It is no program: who loads it has to
    have the classes, and PyTorch's own ``jit.load`` does not read it.

    Args:
        m: what :func:`script` or :func:`trace` gave for a module.
        f: a path or a binary file.
        _extra_files: texts or bytes by name, to be kept with it.

    Raises:
        TypeError: something other than a scripted module.

    >>> import io, lampas
    >>> file = io.BytesIO()
    >>> lampas.jit.save(lampas.jit.script(lampas.nn.Linear(2, 1)), file)
    >>> _ = file.seek(0)
    >>> lampas.jit.load(file)(lampas.ones(3, 2)).shape
    torch.Size([3, 1])
    """
    from lampas.serialization import save as write

    if not isinstance(m, ScriptModule):
        raise TypeError(
            f"jit.save: expected a module that jit.script or jit.trace gave, got "
            f"{type(m).__name__}. Remedy: jit.script(module); a function has no state to save"
        )
    extra = {
        name: text.encode() if isinstance(text, str) else bytes(text)
        for name, text in (_extra_files or {}).items()
    }
    write({_MARK: 1, "module": _plain(m, {}), "extra_files": extra}, f)


def load(
    f: PathOrFile,
    map_location: Any = None,
    _extra_files: dict[str, Any] | None = None,
    _restore_shapes: bool = False,
) -> Any:
    """Reads a module that :func:`save` wrote. No code in the file is run.

    Args:
        f: a path or a binary file.
        map_location: as for :func:`lampas.load`.
        _extra_files: names whose texts are wanted: they are put in as bytes.
        _restore_shapes: shapes are always known.

    Raises:
        RuntimeError: a TorchScript archive of PyTorch's, or another file.
        pickle.UnpicklingError: a class that this process has not imported.
        KeyError: no extra file of that name.
    """
    from lampas.serialization import load as read

    found = read(f, map_location, weights_only=False)
    if not isinstance(found, dict) or found.get(_MARK) != 1:
        raise RuntimeError(
            f"jit.load: {name_of(f)} was not written by lampas.jit.save. Remedy: lampas.load reads "
            "what lampas.save wrote"
        )
    for name in _extra_files or {}:
        if name not in found["extra_files"]:
            raise KeyError(
                f"jit.load: {name_of(f)} has no extra file {name!r}; it has "
                f"{list(found['extra_files'])}"
            )
        _extra_files[name] = found["extra_files"][name]  # type: ignore[index]
    return script(found["module"])
