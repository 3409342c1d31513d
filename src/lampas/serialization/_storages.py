"""Storages of files: read once each, however many tensors look at them."""

from __future__ import annotations

import mmap
import sys
from collections.abc import Callable
from pickle import UnpicklingError
from reprlib import repr as short
from typing import Any

from lampas import _C
from lampas.serialization._globals import StorageKind
from lampas.serialization._zip import ZipReader
from lampas.storage import TypedStorage, UntypedStorage


def empty(nbytes: int, device: str = "cpu") -> UntypedStorage:
    """A storage with undefined bytes."""
    new = UntypedStorage()
    new._bytes = _C.empty(nbytes, dtype=_C.uint8, device=device)
    return new


def over(view: memoryview) -> UntypedStorage:
    """A storage over memory that somebody else owns; kept alive by it."""
    new = UntypedStorage()
    new._bytes = _C._tensor_over(view) if len(view) else _C.empty(0, dtype=_C.uint8)
    return new


def bytes_of(storage: UntypedStorage) -> memoryview:
    """The memory of a storage."""
    return memoryview(storage._bytes.numpy())


def typed(storage: UntypedStorage, kind: StorageKind) -> Any:
    """As the file refers to it."""
    return storage if kind.dtype is None else TypedStorage(wrap_storage=storage, dtype=kind.dtype)


def parse_pid(pid: Any) -> tuple[StorageKind, str, str, int]:
    """The kind, key, tag and number of elements that a reference to a storage says."""
    if (
        not isinstance(pid, tuple)
        or len(pid) < 5
        or pid[0] != "storage"
        or not isinstance(pid[1], StorageKind)
        or not isinstance(pid[2], (str, int))
        or not isinstance(pid[3], str)
        or not isinstance(pid[4], int)
        or pid[4] < 0
    ):
        raise UnpicklingError(f"a damaged reference to a storage at {{place}}: {short(pid)}")
    return pid[1], str(pid[2]), pid[3], pid[4]


def item_size(kind: StorageKind) -> int:
    """Bytes of an element."""
    return 1 if kind.dtype is None else kind.dtype.itemsize


def swap(storage: UntypedStorage, kind: StorageKind) -> None:
    """Turns the byte order of each number round, in place."""
    size = item_size(kind)
    if kind.dtype is not None and kind.dtype.is_complex:
        size //= 2
    if size > 1:
        storage._bytes.numpy().view(f"u{size}").byteswap(inplace=True)


class ZipStorages:
    """The storages of a zip archive.

    Args:
        archive: where they are.
        restore: from a storage as read and its tag to the one that takes its place.
        skip_data: leave the bytes undefined: no data are wanted.
        mapping: the whole file in memory, where tensors are to look at it directly.
        endianness: of files that do not say; None: this machine's.
    """

    def __init__(
        self,
        archive: ZipReader,
        restore: Callable[[UntypedStorage, str], UntypedStorage],
        skip_data: bool = False,
        mapping: mmap.mmap | None = None,
        endianness: str | None = None,
    ) -> None:
        self._archive, self._restore = archive, restore
        self._skip, self._mapping = skip_data, mapping
        self._known: dict[str, UntypedStorage] = {}
        order = endianness or sys.byteorder
        if "byteorder" in archive:
            order = archive.read("byteorder").decode(errors="replace")
            if order not in ("little", "big"):
                raise RuntimeError(f"damaged file: unknown byte order {order!r:.40}")
        self._swap = order != sys.byteorder

    def load(self, pid: Any) -> Any:
        """The storage that a reference means."""
        kind, key, tag, count = parse_pid(pid)
        storage = self._known.get(key)
        if storage is None:
            nbytes = count * item_size(kind)
            storage = self._known[key] = self._restore(self._read(key, nbytes, kind), tag)
        return typed(storage, kind)

    def _read(self, key: str, nbytes: int, kind: StorageKind) -> UntypedStorage:
        record = f"data/{key}"
        have = self._archive.size(record)
        if have < nbytes:
            raise RuntimeError(
                f"damaged file: record {self._archive.prefix}{record} has {have} bytes, and its "
                f"tensor needs {nbytes}"
            )
        if self._skip:
            return empty(nbytes, "meta")
        if self._mapping is not None and not self._swap:
            start = self._archive.offset(record)
            if start is not None and start % max(item_size(kind), 1) == 0:
                return over(memoryview(self._mapping)[start : start + nbytes])
        storage = empty(nbytes)
        if nbytes:
            self._archive.read_into(record, bytes_of(storage))
        if self._swap:
            swap(storage, kind)
        return storage
