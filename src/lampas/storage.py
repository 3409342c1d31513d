"""The memory behind tensors."""

from __future__ import annotations

from typing import Any

from lampas import _C
from lampas._C import Tensor

__all__ = ["TypedStorage", "UntypedStorage"]


class UntypedStorage:
    """Bytes shared by a tensor and its views.

    >>> import lampas
    >>> lampas.zeros(3).untyped_storage().nbytes()
    12
    """

    def __init__(self, size: int = 0, *, device: Any = None) -> None:
        self._bytes = _C.empty(size, dtype=_C.uint8)

    @classmethod
    def _of(cls, tensor: Tensor) -> UntypedStorage:
        self = cls.__new__(cls)
        self._bytes = _C._storage_bytes(tensor)
        return self

    def _tensor(
        self, dtype: _C.dtype, size: tuple[int, ...], stride: tuple[int, ...], offset: int
    ) -> Tensor:
        return _C._over_storage(self._bytes, dtype, list(size), list(stride), offset)

    def nbytes(self) -> int:
        """Size in bytes."""
        return self._bytes.numel()

    size = nbytes
    __len__ = nbytes

    def data_ptr(self) -> int:
        """Address of the first byte."""
        return self._bytes.data_ptr()

    def resize_(self, size: int) -> UntypedStorage:
        """Changes the size; what fits is kept."""
        self._bytes.resize_(size)
        return self

    def fill_(self, value: int) -> UntypedStorage:
        """Writes one value into every byte."""
        self._bytes.fill_(value)
        return self

    def copy_(self, other: UntypedStorage, non_blocking: bool = False) -> UntypedStorage:
        """Writes the bytes of another storage."""
        self._bytes.copy_(other._bytes)
        return self

    def clone(self) -> UntypedStorage:
        """A copy."""
        new = UntypedStorage()
        new._bytes = self._bytes.clone()
        return new

    def tolist(self) -> list[int]:
        """The bytes as a list."""
        return self._bytes.tolist()

    def cpu(self) -> UntypedStorage:
        """Itself."""
        return self

    @property
    def device(self) -> _C.device:
        """Where it lives."""
        return self._bytes.device

    @staticmethod
    def from_file(filename: Any, shared: bool = False, nbytes: int = 0) -> UntypedStorage:
        """A storage over a file's bytes; arguments as for :func:`lampas.from_file`.

        >>> import lampas, tempfile
        >>> with tempfile.NamedTemporaryFile() as file:
        ...     _ = file.write(bytes([1, 2, 3]))
        ...     file.flush()
        ...     lampas.UntypedStorage.from_file(file.name, nbytes=3).tolist()
        [1, 2, 3]
        """
        from lampas._library.memory import from_file

        return UntypedStorage._of(from_file(filename, shared, nbytes, dtype=_C.uint8))

    def untyped(self) -> UntypedStorage:
        """Itself."""
        return self

    def __getitem__(self, index: Any) -> Any:
        """One byte; of a slice a storage over the same memory."""
        if not isinstance(index, slice):
            return self._bytes[index].item()
        if index.step not in (None, 1):
            raise RuntimeError(f"a storage has slices of step 1 alone, got {index.step}")
        part = memoryview(self._bytes.numpy())[index]
        new = UntypedStorage()
        new._bytes = _C._tensor_over(part) if len(part) else _C.empty(0, dtype=_C.uint8)
        return new

    def __setitem__(self, index: Any, value: Any) -> None:
        self._bytes[index] = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UntypedStorage) and self.data_ptr() == other.data_ptr()

    def __hash__(self) -> int:
        return hash(self.data_ptr())

    def __deepcopy__(self, memo: dict[int, Any]) -> UntypedStorage:
        # One copy for all tensors that look at these bytes.
        key = ("storage", self.data_ptr(), self.nbytes())
        known: Any = memo.get(key)  # type: ignore[call-overload]
        if known is None:
            known = memo[key] = self.clone()  # type: ignore[index]
        return known

    def __reduce__(self) -> tuple[Any, ...]:
        return (_from_bytes, (self._bytes.numpy().tobytes(),))

    def __repr__(self) -> str:
        return f"UntypedStorage of {self.nbytes()} bytes on {self.device}"


def _from_bytes(data: bytes) -> UntypedStorage:
    new = UntypedStorage(len(data))
    if data:
        new._bytes.copy_(_C._tensor_over(data))
    return new


class TypedStorage:
    """A storage seen as elements of one dtype."""

    def __init__(self, *, wrap_storage: UntypedStorage, dtype: _C.dtype) -> None:
        self._untyped_storage, self.dtype = wrap_storage, dtype

    def untyped(self) -> UntypedStorage:
        """The bytes."""
        return self._untyped_storage

    def _view(self) -> Tensor:
        n = self._untyped_storage.nbytes() // self.dtype.itemsize
        return self._untyped_storage._tensor(self.dtype, (n,), (1,), 0)

    def size(self) -> int:
        """The number of elements."""
        return self._view().numel()

    __len__ = size

    def nbytes(self) -> int:
        """Size in bytes."""
        return self._untyped_storage.nbytes()

    def data_ptr(self) -> int:
        """Address of the first element."""
        return self._untyped_storage.data_ptr()

    def tolist(self) -> list[Any]:
        """The elements as a list."""
        return self._view().tolist()

    def __getitem__(self, index: Any) -> Any:
        part = self._view()[index]
        return part.item() if isinstance(index, int) else part.tolist()

    def __setitem__(self, index: Any, value: Any) -> None:
        self._view()[index] = value

    def element_size(self) -> int:
        """Bytes of an element."""
        return self.dtype.itemsize

    def fill_(self, value: Any) -> TypedStorage:
        """Writes one value into every element."""
        self._view().fill_(value)
        return self

    @property
    def device(self) -> _C.device:
        """Where it lives."""
        return self._untyped_storage.device

    def __repr__(self) -> str:
        shown = "\n ".join(str(v) for v in self.tolist())
        kind = f"torch.storage.TypedStorage(dtype={self.dtype}, device={self.device})"
        return f" {shown}\n[{kind} of size {self.size()}]"
