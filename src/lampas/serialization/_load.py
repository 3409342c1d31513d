"""Reading objects: which format a file has, and what it holds."""

from __future__ import annotations

import enum
import mmap as _mmap
import pickle
import warnings
from collections.abc import Callable
from typing import Any

from lampas.serialization import _legacy
from lampas.serialization._files import PathOrFile, is_path, name_of, reading, size_of
from lampas.serialization._flatten import flatten
from lampas.serialization._location import MapLocation, restorer, wants_meta
from lampas.serialization._machine import Machine
from lampas.serialization._restore import Restorer
from lampas.serialization._storages import ZipStorages
from lampas.serialization._zip import ZipReader


class LoadEndianness(enum.Enum):
    """The byte order of files that do not say theirs."""

    NATIVE = 1
    LITTLE = 2
    BIG = 3


_endianness: LoadEndianness | None = None
_mmap_flags = getattr(_mmap, "MAP_PRIVATE", 2)


def get_default_load_endianness() -> LoadEndianness | None:
    """The byte order assumed of files that do not say theirs; None: this machine's."""
    return _endianness


def set_default_load_endianness(endianness: LoadEndianness | None) -> None:
    """Sets the byte order assumed of files that do not say theirs."""
    global _endianness
    if endianness is not None and not isinstance(endianness, LoadEndianness):
        raise TypeError("Invalid argument type in function set_default_load_endianness")
    _endianness = endianness


def get_default_mmap_options() -> int:
    """MAP_PRIVATE or MAP_SHARED: what ``load(…, mmap=True)`` maps files with."""
    return _mmap_flags


class set_default_mmap_options:
    """Sets what ``load(…, mmap=True)`` maps files with; in a ``with`` statement, within it.

    Args:
        flags: ``mmap.MAP_PRIVATE``, writes to tensors stay in memory; or ``mmap.MAP_SHARED``,
            they go to the file.
    """

    def __init__(self, flags: int) -> None:
        global _mmap_flags
        if flags not in (_mmap.MAP_PRIVATE, _mmap.MAP_SHARED):
            raise ValueError(
                "Invalid argument in function set_default_mmap_options, expected "
                f"mmap.MAP_PRIVATE or mmap.MAP_SHARED, but got {flags}"
            )
        self.prev = _mmap_flags
        _mmap_flags = flags

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        global _mmap_flags
        _mmap_flags = self.prev


def load(
    f: PathOrFile,
    map_location: MapLocation = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    tensors_only: bool = False,
    **pickle_load_args: Any,
) -> Any:
    """Reads a file written by :func:`save`, or by PyTorch, without running code from it.

    Files hold tensors, containers, numbers, texts and a short list of harmless types. Tensors of
    any device come to the CPU. ``.safetensors`` files are recognised by their content.

    Args:
        f: a path or a binary file that can be seeked.
        map_location: where tensors go: a device or its name; a dictionary from names in the file
            to names; a function of a storage and its name that gives the storage, or None.
        pickle_module: only Python's own, or None.
        weights_only: False also reads ``nn.Module``, ``Optimizer`` and scheduler objects whose
            classes this process has already loaded, and standard types such as
            ``argparse.Namespace`` and ``pathlib.Path``. No function named in a file is run in
            either case. Default: True.
        mmap: look at the file's bytes in place instead of reading them; for paths.
        tensors_only: give a dictionary of all tensors by name, whatever else the file holds;
            what is not allowed is passed over. Reads pickled modules and TorchScript archives,
            whose names are those of ``state_dict()``.
        pickle_load_args: ``encoding`` and ``errors``, for texts written by Python 2.

    Raises:
        FileNotFoundError: no such file.
        EOFError: an empty file.
        RuntimeError: a file that is cut or damaged, or no such file at all.
        pickle.UnpicklingError: the file mentions something that is not allowed; the message gives
            its name, its place and what to do.

    Example:
        >>> import io, lampas
        >>> file = io.BytesIO()
        >>> lampas.save({"step": 3, "x": lampas.arange(3)}, file)
        >>> _ = file.seek(0)
        >>> lampas.load(file)
        {'step': 3, 'x': tensor([0, 1, 2])}
        >>> _ = file.seek(0)
        >>> lampas.load(file, tensors_only=True)
        {'x': tensor([0, 1, 2])}
    """
    if pickle_module is not None and pickle_module is not pickle:
        raise ValueError(
            "lampas.load: pickle_module: files are read without running code, which no other "
            "pickle module does. Remedy: leave it out; allow classes with "
            "lampas.serialization.add_safe_globals"
        )
    if weights_only and pickle_module is not None:
        raise RuntimeError(
            "Can not safely load weights when explicit pickle_module is specified. Remedy: leave "
            "it out"
        )
    options = _options(pickle_load_args)
    strict = weights_only is None or bool(weights_only)
    make = lambda persistent: Restorer(persistent, name_of(f), strict, tensors_only)
    result = _read(f, map_location, mmap, make, options)
    return flatten(result) if tensors_only else result


def _options(given: dict[str, Any]) -> dict[str, Any]:
    unknown = set(given) - {"encoding", "errors", "fix_imports", "buffers"}
    if unknown:
        raise TypeError(
            f"load() got an unexpected keyword argument {sorted(unknown)[0]!r}; it takes "
            "map_location, weights_only, mmap, tensors_only, encoding and errors"
        )
    return {k: v for k, v in given.items() if k in ("encoding", "errors")}


def _read(
    f: PathOrFile,
    map_location: MapLocation,
    mmap: bool | None,
    make: Callable[[Callable[[Any], Any]], Restorer],
    options: dict[str, Any],
) -> Any:
    restore, name = restorer(map_location), name_of(f)
    skip = wants_meta(map_location)
    with reading(f) as file:
        start = file.tell()
        head = bytes(file.read(512))
        file.seek(start)
        if not head:
            raise EOFError(f"{name} is empty")
        if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
            archive = ZipReader(file, name, size_of(file))
            mapping = _map(f, file) if mmap else None
            endianness = None if _endianness in (None, LoadEndianness.NATIVE) else (
                _endianness.name.lower()
            )  # fmt: skip
            storages = ZipStorages(archive, restore, skip, mapping, endianness)
            _refuse_script(archive, make(storages.load), name)
            where = f"record {archive.prefix}data.pkl of {name}"
            policy = make(storages.load)
            return Machine(archive.read("data.pkl"), policy, where, **options).load()
        if _begins_safetensors(head, size_of(file) - start):
            from lampas.serialization.safetensors import read

            tensors = read(file, name, f if mmap and is_path(f) else None)[0]
            return {k: t.to("meta") for k, t in tensors.items()} if skip else tensors
        if mmap:
            raise RuntimeError(
                "mmap can only be used with files saved with "
                "`save(_use_new_zipfile_serialization=True)`, and with safetensors files. "
                "Remedy: load without mmap and save again"
            )
        if not _legacy.begins_legacy(head):
            raise RuntimeError(_unknown(name, head, size_of(file)))
        return _legacy.load(file, name, restore, make, skip, options)


def _refuse_script(archive: ZipReader, policy: Restorer, name: str) -> None:
    if "constants.pkl" not in archive:
        return
    if not policy.opaque:
        raise RuntimeError(
            f"{name} is a TorchScript archive: a program, which Lampas does not run. Remedy: "
            "lampas.load(file, tensors_only=True) gives its tensors by name, for "
            "model.load_state_dict()"
        )


def _begins_safetensors(head: bytes, size: int) -> bool:
    return len(head) > 8 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= size - 8


def _map(f: PathOrFile, file: Any) -> _mmap.mmap:
    if not is_path(f):
        raise ValueError("f must be a string filename in order to use mmap argument")
    shared = _mmap_flags == getattr(_mmap, "MAP_SHARED", 1)
    access = _mmap.ACCESS_WRITE if shared else _mmap.ACCESS_COPY
    if not shared:
        return _mmap.mmap(file.fileno(), 0, access=access)
    with open(f, "r+b") as writable:
        return _mmap.mmap(writable.fileno(), 0, access=access)


def _unknown(name: str, head: bytes, size: int) -> str:
    begins = f"It begins with {head[:16]!r} and has {size} bytes."
    if head[257:262] == b"ustar":
        return (
            f"{name} is a tar archive, the format of PyTorch before 0.2, which is not read. "
            "Remedy: load and save it again with a PyTorch before 2.9"
        )
    if head[:1] == b"\x80":
        return (
            f"{name} is a pickle, but was not written by save(): invalid magic number. {begins} "
            "Remedy: write it with lampas.save or torch.save"
        )
    if head[:64].lstrip().startswith((b"<", b"version https://git-lfs")):
        return (
            f"{name} is no file of tensors but a text, a web page or a pointer to the real file. "
            f"{begins} Remedy: download it again"
        )
    return f"{name} is no file of tensors: invalid magic number; corrupt file? {begins}"


def get_unsafe_globals_in_checkpoint(f: PathOrFile) -> list[str]:
    """The names in a file that :func:`load` would refuse, in the order of their appearance.

    Args:
        f: a path or a binary file.

    Example:
        >>> import fractions, io, lampas
        >>> file = io.BytesIO()
        >>> lampas.save([fractions.Fraction(1, 3)], file)
        >>> _ = file.seek(0)
        >>> lampas.serialization.get_unsafe_globals_in_checkpoint(file)
        ['fractions.Fraction']
    """
    made: list[Restorer] = []

    def make(persistent: Callable[[Any], Any]) -> Restorer:
        made.append(Restorer(persistent, name_of(f), True, True))
        return made[-1]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _read(f, "meta", None, make, {})
    return list(made[-1].unsafe) if made else []
