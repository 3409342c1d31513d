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
        if args and not isinstance(args[0], int):
            return (
                _C.tensor(args[0], dtype=cls.dtype)
                if not isinstance(args[0], _C.Size)
                else _C.empty(args[0], dtype=cls.dtype)
            )
        return _C.empty(args or (0,), dtype=cls.dtype)


def legacy_types() -> dict[str, type]:
    """FloatTensor, LongTensor … by name."""
    return {
        f"{n}Tensor": _LegacyMeta(f"{n}Tensor", (), {"dtype": d, "__module__": "torch"})
        for n, d in _NAMES.items()
    }
