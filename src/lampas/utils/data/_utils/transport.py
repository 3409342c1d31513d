"""Moving batches from a worker process to the main one.

A batch is pickled with the contents of its tensors and arrays left out. These go, each aligned,
into one block of shared memory: an anonymous file (``memfd_create``) whose descriptor travels with
the message. Such a file has no name, so nothing can be left behind whoever is killed when; it does
not live in ``/dev/shm``, so that folder's size does not matter; and it is filled by ``write``,
which reports a lack of memory as an error where a write through a mapping would be a bus error.
Small batches, and all batches where the system has no such files, travel inside the message.
"""

from __future__ import annotations

import io
import mmap
import os
import pickle
import socket
import warnings
import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np

import lampas

_ALIGNMENT = 64
# Below this, a copy through the pipe costs less than making and mapping a file.
_SMALLEST_SHARED = 1 << 16
# A mapping keeps a file descriptor until its tensors are gone (before Python 3.13). Programs that
# keep more batches than this get copies, or they would run out of descriptors.
_MOST_MAPPINGS = 256

_mappings: weakref.WeakSet[Any] = weakref.WeakSet()


class _Pickler(pickle.Pickler):
    def reducer_override(self, value: Any) -> Any:
        if type(value) is not lampas.Tensor or value.device.type != "cpu":
            return NotImplemented
        if value.requires_grad and not value.is_leaf:
            raise RuntimeError(
                "a worker cannot send a tensor that is part of a graph (requires_grad is set and "
                "it is not a leaf): the graph stays in the worker. Call detach() in the dataset "
                "or the collate_fn."
            )
        name = str(value.dtype).rpartition(".")[2]
        plain = value.detach().contiguous()
        if name == "bfloat16":  # NumPy has no such type
            plain = plain.view(lampas.int16)
        array = plain.resolve_conj().numpy() if plain.is_complex() else plain.numpy()
        where = pickle.PickleBuffer(array) if array.size else None
        return _rebuild, (where, array.dtype.str, name, array.shape, value.requires_grad)


def _rebuild(
    buffer: Any, array_dtype: str, name: str, shape: tuple[int, ...], requires_grad: bool
) -> lampas.Tensor:
    dtype = getattr(lampas, name)
    if buffer is None:
        tensor = lampas.empty(shape, dtype=dtype)
    else:
        tensor = lampas.from_numpy(np.frombuffer(buffer, array_dtype).reshape(shape))
    if tensor.dtype != dtype:
        tensor = tensor.view(dtype)
    return tensor.requires_grad_() if requires_grad else tensor


class _Block(mmap.mmap):
    """A mapping that can be referred to weakly."""


def _places(sizes: Sequence[int]) -> tuple[list[int], int]:
    """Where buffers of these sizes go in a block, and the block's size."""
    starts, end = [], 0
    for size in sizes:
        starts.append(end)
        end += -(-size // _ALIGNMENT) * _ALIGNMENT
    return starts, end


def _write_all(fd: int, data: memoryview, offset: int) -> None:
    while data.nbytes:
        written = os.pwrite(fd, data, offset)
        data, offset = data[written:], offset + written


def _shared_file(views: list[memoryview], starts: list[int], total: int) -> int:
    """The descriptor of an anonymous file with the buffers in their places."""
    fd = os.memfd_create("lampas-batch", os.MFD_CLOEXEC)
    try:
        os.ftruncate(fd, total)
        for view, start in zip(views, starts, strict=True):
            _write_all(fd, view, start)
    except BaseException:
        os.close(fd)
        raise
    return fd


class Sender:
    """The worker's end: sends objects over a :mod:`multiprocessing` connection."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.socket: socket.socket | None = None
        if hasattr(os, "memfd_create") and hasattr(socket, "send_fds"):
            self.socket = socket.socket(fileno=os.dup(connection.fileno()))

    def send(self, value: Any) -> None:
        """Sends ``value``; what pickling raises comes before anything is sent."""
        file = io.BytesIO()
        buffers: list[pickle.PickleBuffer] = []
        _Pickler(file, protocol=5, buffer_callback=buffers.append).dump(value)
        views = [buffer.raw() for buffer in buffers]
        sizes = [view.nbytes for view in views]
        starts, total = _places(sizes)
        trouble: str | None = None
        header: tuple[Any, ...]
        if self.socket is not None and total >= _SMALLEST_SHARED:
            try:
                fd = _shared_file(views, starts, total)
            except OSError as error:
                trouble = f"{type(error).__name__}: {error}"
            else:
                try:
                    header = (file.getvalue(), sizes, True, None)
                    self.connection.send_bytes(pickle.dumps(header, protocol=5))
                    socket.send_fds(self.socket, [b"F"], [fd])
                finally:
                    os.close(fd)
                return
        header = (file.getvalue(), sizes, False, trouble)
        self.connection.send_bytes(pickle.dumps(header, protocol=5))
        if total:
            block = bytearray(total)
            for view, start, size in zip(views, starts, sizes, strict=True):
                block[start : start + size] = view
            self.connection.send_bytes(block)

    def close(self) -> None:
        """Closes what was opened here; the connection is still read from."""
        if self.socket is not None:
            self.socket.close()


class Receiver:
    """The main process's end."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.heard = False  # whether anything has come
        self.warned = False
        self.socket: socket.socket | None = None
        if hasattr(os, "memfd_create") and hasattr(socket, "recv_fds"):
            self.socket = socket.socket(fileno=os.dup(connection.fileno()))

    def receive(self) -> Any:
        """The next object; its tensors and arrays are views of the block they came in.

        Raises:
            EOFError, ConnectionError: the worker is gone.
            OSError: no more files can be opened.
        """
        payload, sizes, shared, trouble = pickle.loads(self.connection.recv_bytes())
        self.heard = True
        starts, total = _places(sizes)
        if trouble is not None and not self.warned:
            self.warned = True
            warnings.warn(
                f"A worker got no shared memory ({trouble}); its batches are copied instead, "
                "which is slower. Smaller batches, fewer workers or a smaller prefetch_factor "
                "need less memory.",
                RuntimeWarning,
                stacklevel=2,
            )
        if not total:
            return pickle.loads(payload, buffers=[b"" for _ in sizes])
        block = self._mapped(total) if shared else bytearray(self.connection.recv_bytes())
        view = memoryview(block)
        parts = [view[start : start + size] for start, size in zip(starts, sizes, strict=True)]
        return pickle.loads(payload, buffers=parts)

    def _mapped(self, total: int) -> Any:
        assert self.socket is not None
        marker, fds, _, _ = socket.recv_fds(self.socket, 1, 1)
        if not marker:
            raise EOFError("the connection ended within a message")
        if not fds:
            raise OSError(
                "Too many open files: a batch's file descriptor could not be received. Raise the "
                "limit (`ulimit -n`), or keep fewer batches at a time."
            )
        try:
            if len(_mappings) >= _MOST_MAPPINGS:
                return _copied(fds[0], total)
            block = _Block(fds[0], total)
            _mappings.add(block)
            return block
        except OSError:  # no descriptor for the mapping, which duplicates it
            return _copied(fds[0], total)
        finally:
            os.close(fds[0])

    def close(self) -> None:
        """Closes the connection."""
        if self.socket is not None:
            self.socket.close()
        self.connection.close()


def _copied(fd: int, total: int) -> bytearray:
    block = bytearray(total)
    view, done = memoryview(block), 0
    while done < total:
        done += os.preadv(fd, [view[done:]], done)
    return block
