"""The format of PyTorch before 1.6: pickles one after the other, then the storages' bytes."""

from __future__ import annotations

import pickle
import struct
import sys
import warnings
from collections.abc import Callable
from typing import Any

from lampas.serialization._machine import Machine
from lampas.serialization._restore import Restorer
from lampas.serialization._storages import (
    bytes_of,
    empty,
    item_size,
    over,
    parse_pid,
    swap,
    typed,
)
from lampas.storage import UntypedStorage

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
# How a file begins: the magic number as a pickle of protocol 2 to 5.
_BEGINNING = b"\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."


def begins_legacy(head: bytes) -> bool:
    """Whether a file is of this format."""
    return _BEGINNING in head[:40]


class LegacyStorages:
    """Storages that are known before their bytes are read; then ``filled`` is set."""

    def __init__(
        self, restore: Callable[[UntypedStorage, str], UntypedStorage], skip: bool, limit: int
    ) -> None:
        self._restore, self._skip, self._left = restore, skip, limit
        self.known: dict[str, tuple[UntypedStorage, Any]] = {}
        self.filled = False
        self._placed: dict[str, UntypedStorage] = {}
        self._views: dict[Any, UntypedStorage] = {}

    def load(self, pid: Any) -> Any:
        """The storage that a reference means; its bytes come later."""
        if isinstance(pid, tuple) and len(pid) == 2 and pid[0] == "module":
            return pid[1][0]  # a class with its source, which is not looked at
        kind, key, tag, count = parse_pid(pid)
        if key not in self.known:
            nbytes = count * item_size(kind)
            self._left -= nbytes
            if self._left < 0:  # before any memory is asked for
                raise EOFError(f"storage {key} needs {nbytes} bytes, more than the file has left")
            raw = empty(nbytes, "meta" if self._skip else "cpu")
            self.known[key] = (raw, kind)
        storage = self.known[key][0]
        if self.filled:
            if key not in self._placed:
                self._placed[key] = self._restore(storage, tag)
            storage = self._placed[key]
        view = pid[5] if len(pid) > 5 else None
        return typed(self._view(storage, kind, view) if view else storage, kind)

    def _view(self, storage: UntypedStorage, kind: Any, view: Any) -> UntypedStorage:
        name, offset, size = view
        if not isinstance(name, (str, int)):
            raise TypeError("a view without a name")
        if name not in self._views:
            item = item_size(kind)
            start, n = int(offset) * item, int(size) * item
            if start < 0 or n < 0 or start + n > storage.nbytes():
                raise ValueError(f"a view of bytes {start} to {start + n} of a storage of "
                                 f"{storage.nbytes()}")  # fmt: skip
            self._views[name] = over(bytes_of(storage)[start : start + n])
        return self._views[name]


def load(
    file: Any,
    name: str,
    restore: Callable[[UntypedStorage, str], UntypedStorage],
    make_policy: Callable[[Callable[[Any], Any]], Restorer],
    skip_data: bool,
    options: dict[str, Any],
) -> Any:
    """Reads an object from the file's present position, and leaves the file behind it.

    Raises:
        RuntimeError: a cut or damaged file.
        UnpicklingError: something that is not allowed.
    """
    start = file.tell()
    data = file.read()
    storages = LegacyStorages(restore, skip_data, len(data))
    policy = make_policy(storages.load)
    at = 0

    def next_object() -> Any:
        nonlocal at
        machine = Machine(data, policy, name, at, **options)
        try:
            value = machine.load()
        except EOFError as e:
            raise RuntimeError(f"{name} is cut: {e}") from None
        at = machine.at
        return value

    if next_object() != MAGIC:
        raise RuntimeError(f"{name}: invalid magic number; corrupt file?")
    protocol = next_object()
    if protocol != PROTOCOL:
        raise RuntimeError(f"{name}: invalid protocol version: {protocol}")
    info = next_object()
    little = info.get("little_endian", True) if isinstance(info, dict) else True
    # The bytes come last, and some tensors need them at once: the object is read twice, first only
    # to learn which storages there are.
    begin, opaque, policy.opaque = at, policy.opaque, True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        next_object()
    policy.opaque = opaque
    keys = next_object()
    if not isinstance(keys, list) or not all(isinstance(k, (str, int)) for k in keys):
        raise RuntimeError(f"{name} is damaged: no list of storages before byte {at}")
    missing = set(storages.known) - {str(k) for k in keys}
    if missing:
        raise RuntimeError(f"{name} is damaged: it has no bytes for storages {sorted(missing)}")
    end = _read_data(data, at, keys, storages, name, little == (sys.byteorder == "little"))
    storages.filled, at = True, begin
    result = next_object()
    file.seek(start + end)
    return result


def _read_data(
    data: bytes, at: int, keys: Any, storages: LegacyStorages, name: str, native: bool
) -> int:
    view = memoryview(data)
    for key in keys:
        if str(key) not in storages.known:
            raise RuntimeError(f"{name} is damaged: bytes for an unknown storage {str(key)[:80]!r}")
        raw, kind = storages.known[str(key)]
        if at + 8 > len(view):
            raise RuntimeError(f"{name} is cut: storage {key} should begin at byte {at}")
        count = struct.unpack_from("<q" if native else ">q", view, at)[0]
        nbytes = count * item_size(kind)
        at += 8
        if nbytes != raw.nbytes():
            raise RuntimeError(
                f"{name} is damaged: storage {key} at byte {at} has {nbytes} bytes, "
                f"{raw.nbytes()} were announced"
            )
        if at + nbytes > len(view):
            raise RuntimeError(
                f"{name} is cut: storage {key} needs bytes {at} to {at + nbytes}, the file has "
                f"{len(view)}"
            )
        if nbytes and not raw._bytes.is_meta:
            bytes_of(raw)[:] = view[at : at + nbytes]
            if not native:
                swap(raw, kind)
        at += nbytes
    return at


def save(obj: Any, file: Any, make_pickler: Callable[[Any, bool], Any], protocol: int) -> None:
    """Writes an object in this format."""
    pickle.dump(MAGIC, file, protocol=protocol)
    pickle.dump(PROTOCOL, file, protocol=protocol)
    sizes = {"short": 2, "int": 4, "long": struct.calcsize("l")}
    little = sys.byteorder == "little"
    info = {"protocol_version": PROTOCOL, "little_endian": little, "type_sizes": sizes}
    pickle.dump(info, file, protocol=protocol)
    pickler = make_pickler(file, True)
    pickler.dump(obj)
    keys = sorted(pickler.storages)
    pickle.dump(keys, file, protocol=protocol)
    for key in keys:
        storage, kind = pickler.storages[key]
        file.write(struct.pack("<q" if little else ">q", storage.nbytes() // item_size(kind)))
        if storage.nbytes():
            file.write(bytes_of(storage))
