"""The tensor type names of PyTorch's early days: FloatTensor and its like."""

from __future__ import annotations

from typing import Any

from lampas import _C

_NAMES = {
    "Bool": _C.bool, "Byte": _C.uint8, "Char": _C.int8, "Short": _C.int16, "Int": _C.int32, "Long": _C.int64, "Half": _C.float16,  # noqa: E501
    "BFloat16": _C.bfloat16, "Float": _C.float32, "Double": _C.float64, "ComplexFloat": _C.complex64, "ComplexDouble": _C.complex128,  # noqa: E501
}  # fmt: skip


def type_name(dtype: _C.dtype) -> str:
    """'torch.FloatTensor' for float32."""
    return next(f"torch.{n}Tensor" for n, d in _NAMES.items() if d is dtype)


def dtype_of_type(kind: Any) -> _C.dtype:
    """The dtype that a dtype, a legacy type or its name stands for."""
    if isinstance(kind, _C.dtype):
        return kind
    text = kind if isinstance(kind, str) else getattr(kind, "__name__", "")
    name = text.rsplit(".", 1)[-1].removesuffix("Tensor")
    if name == "":
        return _C.get_default_dtype()
    if name not in _NAMES:
        raise ValueError(f"invalid type: {kind!r}; use a dtype such as torch.float32")
    return _NAMES[name]


class _LegacyMeta(type):
    """`isinstance(t, FloatTensor)` asks for the dtype."""

    dtype: Any

    def __instancecheck__(cls, obj: object) -> bool:
        return isinstance(obj, _C.Tensor) and obj.dtype is cls.dtype

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        from lampas.storage import TypedStorage, UntypedStorage

        if args and isinstance(args[0], (TypedStorage, UntypedStorage)):
            return _over(args[0], cls.dtype)
        if args and not isinstance(args[0], int):
            return (
                _C.tensor(args[0], dtype=cls.dtype)
                if not isinstance(args[0], _C.Size)
                else _C.empty(args[0], dtype=cls.dtype)
            )
        return _C.empty(args or (0,), dtype=cls.dtype)


def _over(storage: Any, dtype: Any) -> Any:
    """The tensor over all of a storage."""
    if getattr(storage, "dtype", dtype) is not dtype:
        wanted, got = (type_name(d).removeprefix("torch.")[:-6] for d in (dtype, storage.dtype))
        raise RuntimeError(
            f"Expected a Storage of type {wanted} or an UntypedStorage, but got type {got} for "
            "argument 1 'storage'"
        )
    untyped = storage.untyped()
    return untyped._tensor(dtype, (untyped.nbytes() // dtype.itemsize,), (1,), 0)


class _LegacyStorageMeta(type):
    """`isinstance(s, FloatStorage)` asks for the dtype; calls give a TypedStorage."""

    dtype: Any

    def __instancecheck__(cls, obj: object) -> bool:
        from lampas.storage import TypedStorage

        return isinstance(obj, TypedStorage) and obj.dtype is cls.dtype

    def __call__(cls, *args: Any) -> Any:
        """An empty storage, one of a size with undefined elements, or one of given elements."""
        if len(args) > 1:
            raise RuntimeError(f"{cls.__name__}: Too many positional arguments, got {len(args)}")
        given = args[0] if args else 0
        values = _C.empty([given] if isinstance(given, int) else [0], dtype=cls.dtype)
        if not isinstance(given, int):
            values = _C.tensor(list(given), dtype=cls.dtype)
        return cls._of(values)

    def _of(cls, values: Any) -> Any:
        from lampas.storage import TypedStorage

        return TypedStorage(wrap_storage=values.untyped_storage(), dtype=cls.dtype)

    def from_buffer(
        cls, buffer: Any, byte_order: str | None = None, count: int = -1, offset: int = 0
    ) -> Any:
        """A storage of the bytes of an object, copied.

        Args:
            buffer: bytes, or what has the buffer protocol.
            byte_order: ``"native"``, ``"little"`` or ``"big"``; may be left away for single bytes.
            count: the number of elements; all by default.
            offset: bytes to pass over.
        """
        import numpy as np

        size = cls.dtype.itemsize
        if byte_order not in ("native", "little", "big"):
            if byte_order is not None or size > 1:
                raise RuntimeError(
                    f"{cls.__name__}.from_buffer: byte_order has to be 'native', 'little' or "
                    f"'big', got {byte_order!r}"
                )
        data = memoryview(buffer).cast("B")[offset:]
        wanted = len(data) if count < 0 else count * size
        if len(data) < wanted or wanted % size:
            raise RuntimeError(
                f"{cls.__name__}.from_buffer: {len(data)} bytes after the offset {offset}, and "
                f"{wanted} are needed in pieces of {size}"
            )
        import sys

        bits = np.frombuffer(data[:wanted], np.uint8).copy()
        if byte_order not in (None, "native", sys.byteorder):
            part = size // 2 if cls.dtype.is_complex else size
            bits = bits.reshape(-1, part)[:, ::-1].copy().ravel()
        return cls._of(_C.as_tensor(bits))

    def from_file(cls, filename: Any, shared: bool = False, size: int = 0) -> Any:
        """A storage over a file; arguments as for :func:`lampas.from_file`."""
        from lampas._library.memory import from_file

        return cls._of(from_file(filename, shared, size, dtype=cls.dtype))


def legacy_types() -> dict[str, type]:
    """FloatTensor, LongTensor, FloatStorage … by name."""
    found: dict[str, type] = {}
    for what, meta in (("Tensor", _LegacyMeta), ("Storage", _LegacyStorageMeta)):
        for n, d in _NAMES.items():
            found[n + what] = meta(n + what, (), {"dtype": d, "__module__": "torch"})
    return found
