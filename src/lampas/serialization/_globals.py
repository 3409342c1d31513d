"""Which names a file may mention, and what they become."""

from __future__ import annotations

import contextlib
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from pickle import UnpicklingError
from reprlib import repr as short
from typing import Any

from lampas import _C
from lampas._tensor import Tensor
from lampas.serialization._machine import check_keys

Entry = Callable[..., Any] | tuple[Callable[..., Any], str]


class StorageKind:
    """What files call FloatStorage and its like: a storage seen as elements of one dtype."""

    def __init__(self, name: str, dtype: Any) -> None:
        self.name, self.dtype = name, dtype

    def __repr__(self) -> str:
        return f"<{self.name} of a file>"


DTYPES = {
    n: getattr(_C, n)
    for n in (
        "bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32",
        "float64", "complex64", "complex128",
    )
}  # fmt: skip
_STORAGES = {
    "BoolStorage": "bool", "ByteStorage": "uint8", "CharStorage": "int8", "ShortStorage": "int16",
    "IntStorage": "int32", "LongStorage": "int64", "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16", "FloatStorage": "float32", "DoubleStorage": "float64",
    "ComplexFloatStorage": "complex64", "ComplexDoubleStorage": "complex128",
}  # fmt: skip
UNTYPED = StorageKind("UntypedStorage", None)
STORAGES = {n: StorageKind(n, DTYPES[d]) for n, d in _STORAGES.items()}
STORAGE_OF = {kind.dtype: kind for kind in STORAGES.values()}

# Names of types whose values are wider in Lampas: every value is kept exactly.
WIDER = {
    "uint16": "int32", "uint32": "int64", "uint64": "int64", "complex32": "complex64",
    "float8_e4m3fn": "float16", "float8_e5m2": "float16", "float8_e4m3fnuz": "float16",
    "float8_e5m2fnuz": "float16", "float8_e8m0fnu": "float32",
}  # fmt: skip


# ---- calls that a file may ask for ---------------------------------------------------------------
def _encode(text: str, encoding: str = "utf-8") -> bytes:
    # How protocol 2 writes bytes.
    if encoding not in ("latin1", "latin-1"):
        raise UnpicklingError(f"bytes in encoding {short(encoding)} at {{place}}")
    return text.encode("latin1")


def _bytearray(*args: Any) -> bytearray:
    if args and isinstance(args[0], int):
        raise UnpicklingError("a bytearray of a given size at {place}: not allowed in files")
    if len(args) == 2:
        return bytearray(_encode(*args))
    return bytearray(*args)


def _bytes(*args: Any) -> bytes:
    return bytes(_bytearray(*args))


def _scalar(kind: type) -> Callable[..., Any]:
    def make(*args: Any) -> Any:
        if not all(isinstance(a, (int, float, complex)) for a in args):
            raise UnpicklingError(f"{kind.__name__}() of other than numbers at {{place}}")
        return kind(*args)

    return make


_HASHING = (set, frozenset, Counter)


def _plain(kind: type) -> Callable[..., Any]:
    """Containers of what was read."""

    def make(*args: Any) -> Any:
        if not all(type(a) in (list, tuple, set, dict, frozenset, int, type(None)) for a in args):
            raise UnpicklingError(f"{kind.__name__}() of unusual arguments at {{place}}")
        for arg in args:
            if isinstance(arg, (list, tuple)) and kind in _HASHING:
                check_keys(arg)
            elif isinstance(arg, (list, tuple)) and issubclass(kind, dict):
                check_keys(pair[0] for pair in arg)
        return kind(*args)

    return make


def _defaultdict(factory: Any = None, *items: Any) -> Any:
    if factory not in (None, list, dict, set, tuple, int, float, str, bool, OrderedDict, deque):
        raise UnpicklingError(
            f"a defaultdict with factory {short(factory)} at {{place}}: not allowed"
        )
    return defaultdict(factory, _plain(dict)(*items))


def _device(*args: Any) -> Any:
    return _C.device(*args)


VALUES: dict[str, Any] = {
    "collections.OrderedDict": OrderedDict,
    "collections.Counter": Counter,
    "collections.defaultdict": defaultdict,
    "collections.deque": deque,
    "_codecs.encode": _encode,
    "torch.Size": _C.Size,
    "torch.device": _C.device,
    "torch._C.Generator": _C.Generator,
    "torch.Tensor": Tensor,
    "torch._C._TensorBase": Tensor,
    "torch.storage.UntypedStorage": UNTYPED,
    "torch.UntypedStorage": UNTYPED,
}
for _type in (
    set, frozenset, list, dict, tuple, int, float, complex, str, bytes, bytearray, bool, slice,
    range, object,
):  # fmt: skip
    VALUES[f"builtins.{_type.__name__}"] = _type
VALUES |= {f"torch.{n}": d for n, d in DTYPES.items()}
VALUES |= {f"torch.{n}": kind for n, kind in STORAGES.items()}
VALUES |= {f"torch.storage.{n}": kind for n, kind in STORAGES.items()}
for _name in ("contiguous_format", "preserve_format", "channels_last", "channels_last_3d"):
    VALUES[f"torch.{_name}"] = getattr(_C, _name)
VALUES["torch.strided"] = _C.strided

CALLS: dict[Any, Callable[..., Any]] = {
    OrderedDict: _plain(OrderedDict),
    Counter: _plain(Counter),
    deque: _plain(deque),
    defaultdict: _defaultdict,
    _encode: _encode,
    _C.Size: _plain(_C.Size),
    _C.device: _device,
    _C.Generator: lambda *_: _C.Generator(),  # of any device; its state says the rest
    set: _plain(set),
    frozenset: _plain(frozenset),
    list: _plain(list),
    tuple: _plain(tuple),
    dict: _plain(dict),
    slice: slice,
    range: range,
    bytes: _bytes,
    bytearray: _bytearray,
    int: _scalar(int),
    float: _scalar(float),
    complex: _scalar(complex),
    bool: _scalar(bool),
}


# ---- names that the program allows ---------------------------------------------------------------
_registered: dict[str, Any] = {}


def name_of_global(obj: Any) -> str:
    """'module.name' as files have it: parts of Lampas under PyTorch's names."""
    return normal_name(obj.__module__, getattr(obj, "__qualname__", obj.__name__))


def normal_name(module: str, name: str) -> str:
    """One spelling for a global, whoever wrote it."""
    # Python 2's names, which protocol 2 still uses.
    module, name = NAME_MAPPING.get((module, name), (module, name))
    module = IMPORT_MAPPING.get(module, module)
    root, dot, rest = module.partition(".")
    root = "torch" if root == "lampas" else root
    return f"{root}{dot}{rest}.{name}"


def _named(entries: Sequence[Entry]) -> dict[str, Any]:
    if isinstance(entries, (str, bytes)) or not isinstance(entries, Sequence):
        raise TypeError(
            f"safe globals must be a list of classes and functions, not {type(entries).__name__}. "
            "Remedy: add_safe_globals([MyClass])"
        )
    found = {}
    for entry in entries:
        if isinstance(entry, tuple):
            if len(entry) != 2 or not isinstance(entry[1], str):
                raise ValueError(
                    f"Expected a tuple of 2 items, a class or function and its full name, but got "
                    f"{entry!r}"
                )
            module, _, name = entry[1].rpartition(".")
            found[normal_name(module, name)] = entry[0]
        elif callable(entry):
            found[name_of_global(entry)] = entry
        else:
            raise TypeError(f"safe globals must be classes or functions, not {entry!r}")
    return found


def add_safe_globals(safe_globals: Sequence[Entry]) -> None:
    """Allows files to make objects of these classes, and call these functions.

    Args:
        safe_globals: classes and functions, or pairs of one and its full name in files.

    Raises:
        TypeError: not a list of classes and functions.

    Example:
        >>> import argparse, lampas
        >>> lampas.serialization.add_safe_globals([argparse.Namespace])
        >>> lampas.serialization.get_safe_globals()
        [<class 'argparse.Namespace'>]
        >>> lampas.serialization.clear_safe_globals()
    """
    _registered.update(_named(safe_globals))


def get_safe_globals() -> list[Any]:
    """The classes and functions that were allowed with :func:`add_safe_globals`."""
    return list(_registered.values())


def clear_safe_globals() -> None:
    """Forgets what was allowed with :func:`add_safe_globals`."""
    _registered.clear()


def registered() -> dict[str, Any]:
    """What the program allows, by name."""
    return _registered


@contextlib.contextmanager
def safe_globals(safe_globals: Sequence[Entry]) -> Iterator[None]:
    """Allows files to use these classes and functions within the ``with`` block.

    Args:
        safe_globals: as for :func:`add_safe_globals`.

    Example:
        >>> import fractions, io, lampas
        >>> file = io.BytesIO()
        >>> lampas.save({"ratio": fractions.Fraction(1, 3)}, file)
        >>> _ = file.seek(0)
        >>> with lampas.serialization.safe_globals([fractions.Fraction]):
        ...     lampas.load(file)
        {'ratio': Fraction(1, 3)}
    """
    before = dict(_registered)
    _registered.update(_named(safe_globals))
    try:
        yield
    finally:
        _registered.clear()
        _registered.update(before)
