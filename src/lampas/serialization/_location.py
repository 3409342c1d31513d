"""Where storages go: PyTorch's location tags and `map_location`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lampas import _C
from lampas.storage import TypedStorage, UntypedStorage

MapLocation = Callable[[Any, str], Any] | Any | str | dict[str, str] | None
# (priority, storage -> tag or None, (storage, tag) -> storage or None), in order of priority
_packages: list[tuple[int, Callable[..., Any], Callable[..., Any]]] = []


def register_package(
    priority: int,
    tagger: Callable[[Any], str | None],
    deserializer: Callable[[Any, str], Any],
) -> None:
    """Adds functions that tag storages when saved, and place them when loaded.

    Args:
        priority: lower ones are asked first.
        tagger: gives a storage's tag, or None.
        deserializer: gives the storage for a storage and its tag, or None.
    """
    _packages.append((priority, tagger, deserializer))
    _packages.sort(key=lambda p: p[0])


def location_tag(storage: Any) -> str:
    """The tag that a storage is saved with.

    Example:
        >>> import lampas
        >>> lampas.serialization.location_tag(lampas.zeros(2).untyped_storage())
        'cpu'
    """
    for _, tagger, _ in _packages:
        tag = tagger(storage)
        if tag is not None:
            return tag
    return untyped(storage).device.type


def default_restore_location(storage: Any, location: str) -> Any:
    """The storage for a tag: those of any device come to the CPU.

    Args:
        storage: as read, on the CPU.
        location: its tag in the file, ``"cuda:0"`` say.
    """
    for _, _, deserializer in _packages:
        result = deserializer(storage, location)
        if result is not None:
            return result
    return to_meta(storage) if location == "meta" else storage


def untyped(storage: Any) -> UntypedStorage:
    """The bytes of a storage of either kind."""
    return storage._untyped_storage if isinstance(storage, TypedStorage) else storage


def to_meta(storage: UntypedStorage) -> UntypedStorage:
    """A storage of the same size without memory."""
    new = UntypedStorage()
    new._bytes = _C.empty(storage.nbytes(), dtype=_C.uint8, device="meta")
    return new


def _target(location: Any) -> str:
    """'cpu' or 'meta', for what a program asked for."""
    device = _C.device(location) if isinstance(location, str) else location
    if device.type not in ("cpu", "meta"):
        raise RuntimeError(
            f"lampas.load: map_location={str(device)!r}, but Lampas runs on the CPU "
            "(torch.cuda.is_available() is False). Remedy: map_location='cpu', or leave it out: "
            "checkpoints of any device load on the CPU"
        )
    return device.type


def restorer(map_location: MapLocation) -> Callable[[UntypedStorage, str], UntypedStorage]:
    """A function from a storage, just read, and its tag to the storage that takes its place.

    Raises:
        RuntimeError: a device that Lampas does not have.
        TypeError: `map_location` is none of the kinds below.
    """
    if map_location is None:
        return default_restore_location
    if isinstance(map_location, (str, _C.device)):
        meta = _target(map_location) == "meta"
        return lambda storage, tag: to_meta(storage) if meta else storage
    if isinstance(map_location, dict):
        table = map_location
        return lambda storage, tag: (
            to_meta(storage) if tag in table and _target(table[tag]) == "meta"
            else storage if tag in table
            else default_restore_location(storage, tag)
        )  # fmt: skip
    if not callable(map_location):
        raise TypeError(
            "map_location must be a device, its name, a dictionary of names or a function "
            f"(storage, tag) -> storage, not {type(map_location).__name__}"
        )
    function = map_location

    def restore(storage: UntypedStorage, tag: str) -> UntypedStorage:
        result = function(storage, tag)
        return default_restore_location(storage, tag) if result is None else untyped(result)

    return restore


def wants_meta(map_location: MapLocation) -> bool:
    """Whether no data need be read at all."""
    plain = isinstance(map_location, (str, _C.device))
    return plain and _target(map_location) == "meta"
