"""Lampas: deep learning with PyTorch's interface over a lean native core.

The five steps, on random data:

>>> import lampas
>>> from lampas import nn, optim
>>> _ = lampas.manual_seed(0)
>>> model = nn.Linear(4, 2)                                  # create a model
>>> loss_fn = nn.CrossEntropyLoss()                          # define a loss
>>> optimizer = optim.SGD(model.parameters(), lr=0.1)        # create an optimizer
>>> x, y = lampas.randn(8, 4), lampas.randint(0, 2, (8,))
>>> for _ in range(3):                                       # train
...     optimizer.zero_grad()
...     loss = loss_fn(model(x), y)
...     loss.backward()
...     optimizer.step()
>>> accuracy = (model(x).argmax(1) == y).float().mean()      # evaluate
"""

from __future__ import annotations

import copyreg as _copyreg
import importlib as _importlib
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

from lampas import _C, _inplace, _library, _suggest, autograd
from lampas._C import *
from lampas._constants import *
from lampas._tensor import Tensor
from lampas._version import __version__
from lampas.amp._state import *
from lampas.autograd import (
    enable_grad,
    inference_mode,
    no_grad,
    set_grad_enabled,
)
from lampas.random import fork_rng, get_rng_state, initial_seed, manual_seed, seed, set_rng_state

if _TYPE_CHECKING:  # when a program runs, `__getattr__` imports them once they are asked for
    from lampas import nn, optim, utils

_library.attach_methods()


def _enter_device(device: _Any) -> _Any:
    from lampas._default_device import enter

    return enter(device)


def _leave_device(device: _Any, *error: object) -> None:
    from lampas._default_device import leave

    leave(device, *error)


def _reduce_device(device: _Any) -> tuple[_Any, ...]:
    return _make_device, (str(device),)


def _make_device(name: str) -> _Any:
    return _C.device(name)


_copyreg.pickle(_C.device, _reduce_device)
_C.device.__enter__ = _enter_device  # type: ignore[method-assign]
_C.device.__exit__ = _leave_device  # type: ignore[method-assign]

# nn.functional's own functions, found here too.
_FROM_FUNCTIONAL = (
    "celu_", "channel_shuffle", "cosine_similarity", "native_channel_shuffle",
    "pairwise_distance", "pdist", "pixel_shuffle", "pixel_unshuffle", "rrelu_", "selu_",
    "threshold_",
)  # fmt: skip
_SETTINGS = (
    "are_deterministic_algorithms_enabled", "get_deterministic_debug_mode", "get_device_module",
    "get_float32_matmul_precision", "get_num_interop_threads", "has_lapack", "has_mkl",
    "has_openmp", "has_spectral", "init_num_threads", "is_anomaly_check_nan_enabled",
    "is_anomaly_enabled", "is_deterministic_algorithms_warn_only_enabled", "set_anomaly_enabled",
    "set_default_tensor_type", "set_deterministic_debug_mode", "set_float32_matmul_precision",
    "set_num_interop_threads", "use_deterministic_algorithms",
)  # fmt: skip

# Functions that bring a module of their own along.
_LAZY_FUNCTIONS = {
    **dict.fromkeys(_SETTINGS, "_settings"),
    **dict.fromkeys(_FROM_FUNCTIONAL, "nn.functional"),
    **dict.fromkeys(("SymBool", "SymFloat", "SymInt"), "_symbols"),
    **dict.fromkeys(("TypedStorage", "UntypedStorage"), "storage"),
    **dict.fromkeys(("DisableTorchFunction", "DisableTorchFunctionSubclass"), "overrides"),
    "AcceleratorError": "_errors",
    "FileCheck": "testing._file_check",
    "Future": "jit",
    "GradScaler": "amp",
    "ScriptFunction": "jit",
    "ScriptModule": "jit",
    "autocast": "amp",
    "compile": "compiler",
    "fork": "jit",
    "from_dlpack": "utils.dlpack",
    "get_default_device": "_default_device",
    "load": "serialization",
    "save": "serialization",
    "set_default_device": "_default_device",
    "set_printoptions": "_tensor_str",
    "thread_safe_generator": "random",
    "vmap": "func",
    "wait": "jit",
}


def _submodules() -> set[str]:
    import pkgutil

    return {m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_")}


def _legacy_types() -> dict[str, type]:
    from lampas._legacy import legacy_types

    return legacy_types()


def __getattr__(name: str) -> _Any:
    if name in _library.FUNCTIONS:
        found = _library.load(name)
        # What is kept is found at once; but `range` must not hide Python's in this module.
        return found if name == "range" else globals().setdefault(name, found)
    if name in _LAZY_FUNCTIONS:
        return getattr(_importlib.import_module(f"lampas.{_LAZY_FUNCTIONS[name]}"), name)
    if _inplace.is_inplace(name):
        return globals().setdefault(name, _inplace.function(name))
    if name.endswith(("Tensor", "Storage")) and name in (types := _legacy_types()):
        globals().update(types)
        return types[name]
    if name.startswith("_"):  # `from lampas import _part` asks here before it imports the part
        raise _suggest.missing_name("lampas", name)
    # Subpackages are imported when first used.
    try:
        return _importlib.import_module(f"lampas.{name}")
    except ModuleNotFoundError as e:
        if e.name != f"lampas.{name}":
            raise
    elsewhere = {**_LAZY_FUNCTIONS, **_library.FUNCTIONS}
    raise _suggest.missing_name("lampas", name, globals(), _submodules(), elsewhere)


def __dir__() -> list[str]:
    return sorted({*globals(), *_submodules(), *_LAZY_FUNCTIONS, *_library.FUNCTIONS})


__all__ = sorted({"nn", "optim", "utils", *(n for n in globals() if not n.startswith("_"))})
