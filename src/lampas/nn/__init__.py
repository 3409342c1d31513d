"""Building blocks of models: layers, losses, containers, and functions for all of them."""

from __future__ import annotations

import importlib
from typing import Any

from . import functional, init, modules, parameter, utils
from .modules import *  # noqa: F403
from .modules import Module
from .parameter import Buffer, Parameter, UninitializedBuffer, UninitializedParameter

__all__ = [
    "Buffer",
    "Module",
    "Parameter",
    "UninitializedBuffer",
    "UninitializedParameter",
    "factory_kwargs",
    "functional",
    "init",
    "modules",
    "parameter",
    "utils",
]
__all__ += modules.__all__


def factory_kwargs(kwargs: dict[str, Any] | None) -> dict[str, Any]:
    """The arguments among ``kwargs`` that functions making tensors take: ``device``, ``dtype``
    and ``memory_format``, with those of a nested ``factory_kwargs``.

    Raises:
        TypeError: for others, and for any that is given twice.

    Example:
        >>> from lampas import nn
        >>> nn.factory_kwargs({"dtype": None})
        {'dtype': None}
    """
    if kwargs is None:
        return {}
    simple = {"device", "dtype", "memory_format"}
    unknown = kwargs.keys() - simple - {"factory_kwargs"}
    if unknown:
        raise TypeError(f"unexpected kwargs {unknown}")
    result = dict(kwargs.get("factory_kwargs", {}))
    for key in simple & kwargs.keys():
        if key in result:
            raise TypeError(f"{key} specified twice, in **kwargs and in factory_kwargs")
        result[key] = kwargs[key]
    return result


def __getattr__(name: str) -> Any:
    if name == "DataParallel":
        from .parallel import DataParallel

        return DataParallel
    if name in ("attention", "grad", "parallel"):
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
