"""Storages in shared memory, and how they travel between processes."""

from __future__ import annotations

import mmap
import os
import tempfile
import weakref
from multiprocessing.reduction import DupFd, ForkingPickler
from typing import Any

from lampas import _C, nn
from lampas._tensor import Tensor
from lampas.storage import TypedStorage, UntypedStorage

_STRATEGIES = {"file_descriptor", "file_system"}
_strategy = "file_descriptor"


def get_all_sharing_strategies() -> set[str]:
    """The names that :func:`set_sharing_strategy` takes."""
    return set(_STRATEGIES)


def get_sharing_strategy() -> str:
    """The name that was set."""
    return _strategy


def set_sharing_strategy(new_strategy: str) -> None:
    """Sets how memory is shared. Lampas passes descriptors of unnamed files under either name, so
    that nothing is left behind by processes that die.

    Raises:
        AssertionError: an unknown name.
    """
    global _strategy
    if new_strategy not in _STRATEGIES:
        raise AssertionError(
            f"unknown sharing strategy {new_strategy!r}; there are {sorted(_STRATEGIES)}"
        )
    _strategy = new_strategy


class _Block(mmap.mmap):
    """Memory of an unnamed file, and the file."""

    descriptor: int


# Blocks by the address of their memory and by their file, as long as a storage uses them.
_by_address: weakref.WeakValueDictionary[int, _Block] = weakref.WeakValueDictionary()
_by_file: weakref.WeakValueDictionary[tuple[int, int], _Block] = weakref.WeakValueDictionary()


def _unnamed_file(size: int) -> int:
    create = getattr(os, "memfd_create", None)
    if create is not None:
        descriptor = create("lampas")
    else:
        folder = "/dev/shm" if os.path.isdir("/dev/shm") else None
        descriptor, name = tempfile.mkstemp(prefix="lampas-", dir=folder)
        os.unlink(name)
    os.ftruncate(descriptor, size)
    return descriptor


def _map(descriptor: int, size: int) -> _Block:
    block = _Block(descriptor, size)
    block.descriptor = descriptor
    weakref.finalize(block, os.close, descriptor)
    status = os.fstat(descriptor)
    _by_file[(status.st_dev, status.st_ino)] = block
    return block


def _block_of(bytes_: Tensor) -> _Block | None:
    """The block that a storage lies in."""
    return _by_address.get(bytes_.data_ptr())


def _share(bytes_: Tensor) -> _Block:
    block = _block_of(bytes_)
    if block is None:
        size = bytes_.numel()
        block = _map(_unnamed_file(size), size)
        _C._move_storage(bytes_, block)
        _by_address[bytes_.data_ptr()] = block
    return block


def share_memory_(tensor: Tensor) -> Tensor:
    """Moves a tensor's storage, and with it all its views, into shared memory.

    Args:
        tensor: on the CPU; one that is shared already, or empty, stays as it is.

    Returns:
        `tensor`.
    """
    bytes_ = tensor.untyped_storage()._bytes
    if not tensor.is_meta and bytes_.numel():
        _share(bytes_)
    return tensor


def is_shared(tensor: Tensor) -> bool:
    """Whether a tensor's storage lies in shared memory."""
    return not tensor.is_meta and _block_of(tensor.untyped_storage()._bytes) is not None


# ---- travelling ----------------------------------------------------------------------------------
def _reduce_storage(storage: UntypedStorage) -> tuple[Any, ...]:
    size = storage.nbytes()
    if size == 0 or storage._bytes.is_meta:
        return _rebuild_empty, (size, storage.device.type)
    return _rebuild_storage, (DupFd(_share(storage._bytes).descriptor), size)


def _rebuild_empty(size: int, device: str) -> UntypedStorage:
    new = UntypedStorage()
    new._bytes = _C.empty(size, dtype=_C.uint8, device=device)
    return new


def _rebuild_storage(handle: Any, size: int) -> UntypedStorage:
    descriptor = handle.detach()
    status = os.fstat(descriptor)
    block = _by_file.get((status.st_dev, status.st_ino))
    if block is None:
        block = _map(descriptor, size)
    else:
        os.close(descriptor)
    new = UntypedStorage()
    new._bytes = _C._tensor_over(memoryview(block))
    _by_address[new._bytes.data_ptr()] = block
    return new


def _reduce_typed(storage: TypedStorage) -> tuple[Any, ...]:
    return _rebuild_typed, (storage.untyped(), storage.dtype)


def _rebuild_typed(storage: UntypedStorage, dtype: Any) -> TypedStorage:
    return TypedStorage(wrap_storage=storage, dtype=dtype)


def _reduce_tensor(tensor: Tensor) -> tuple[Any, ...]:
    if tensor.requires_grad and not tensor.is_leaf:
        raise RuntimeError(
            "Cowardly refusing to serialize non-leaf tensor which requires_grad, since autograd "
            "does not support crossing process boundaries. If you just want to transfer the data, "
            "call detach() on the tensor before serializing (e.g., putting it on the queue)."
        )
    return _rebuild_tensor, (
        type(tensor), tensor.untyped_storage(), tensor.dtype, tuple(tensor.shape),
        tensor.stride(), tensor.storage_offset(), tensor.requires_grad, dict(tensor.__dict__),
    )  # fmt: skip


def _rebuild_tensor(
    kind: type, storage: UntypedStorage, dtype: Any, size: Any, stride: Any, offset: int,
    requires_grad: bool, attributes: dict[str, Any],
) -> Tensor:  # fmt: skip
    tensor = storage._tensor(dtype, size, stride, offset)
    if kind is nn.Parameter:
        tensor = nn.Parameter(tensor, requires_grad)
    elif kind is not Tensor:
        tensor = tensor.as_subclass(kind)
    tensor.__dict__.update(attributes)
    return tensor.requires_grad_(requires_grad)


def init_reductions() -> None:
    """Makes tensors travel by reference through queues, pipes and pools."""
    ForkingPickler.register(UntypedStorage, _reduce_storage)
    ForkingPickler.register(TypedStorage, _reduce_typed)
    for kind in (Tensor, nn.Parameter, nn.Buffer):
        ForkingPickler.register(kind, _reduce_tensor)


init_reductions()
__all__ = [
    "get_all_sharing_strategies", "get_sharing_strategy", "init_reductions",
    "is_shared", "set_sharing_strategy", "share_memory_",
]  # fmt: skip
