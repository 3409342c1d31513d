"""What an object is, tensors from other objects and files, old ranges."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lampas import _C
from lampas._C import Tensor
from lampas._library import listed, operator

# `range` is a function of this family.
_numbers = range


@listed
def is_tensor(obj: Any, /) -> bool:
    """Is it a tensor?

    >>> import lampas
    >>> lampas.is_tensor(lampas.ones(1)), lampas.is_tensor(1.0)
    (True, False)
    """
    return isinstance(obj, Tensor)


@listed
def is_storage(obj: Any, /) -> bool:
    """Is it a storage?

    >>> import lampas
    >>> lampas.is_storage(lampas.ones(1).untyped_storage())
    True
    """
    from lampas import storage

    return isinstance(obj, (storage.UntypedStorage, storage.TypedStorage))


@listed
def typename(obj: Any, /) -> str:
    """The name of an object's type with its module; for a tensor the legacy name.

    >>> import lampas
    >>> lampas.typename(lampas.ones(1))
    'torch.FloatTensor'
    """
    if isinstance(obj, Tensor):
        return obj.type()
    kind = obj if hasattr(obj, "__qualname__") else type(obj)
    module = getattr(kind, "__module__", None) or ""
    return kind.__qualname__ if module in ("", "builtins") else f"{module}.{kind.__qualname__}"


@operator("is_nonzero(Tensor input)", method=True)
def is_nonzero(input: Tensor) -> bool:
    """Is the one element of the tensor other than zero?

    >>> import lampas
    >>> lampas.is_nonzero(lampas.tensor([0.5]))
    True
    """
    if input.numel() != 1:
        count = "no values" if input.numel() == 0 else "more than one value"
        raise RuntimeError(f"Boolean value of Tensor with {count} is ambiguous")
    return bool(input)


@operator("is_same_size(Tensor input, Tensor other)", method=True)
def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Have the tensors one shape?

    >>> import lampas
    >>> lampas.is_same_size(lampas.ones(2), lampas.ones(3))
    False
    """
    return input.shape == other.shape


@listed
def asarray(
    obj: Any,
    *,
    dtype: _C.dtype | None = None,
    device: Any = None,
    copy: bool | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor of whatever has numbers: tensors, arrays, DLPack, buffers, scalars, sequences.

    Args:
        copy: True copies always, False never (ValueError where it must), None where needed.

    >>> import lampas, numpy
    >>> a = numpy.zeros(2)
    >>> lampas.asarray(a)[0] = 1
    >>> float(a[0])
    1.0
    """
    shares = True
    if isinstance(obj, Tensor):
        x = obj
    elif is_storage(obj):  # its bytes, or the elements that it says
        bits = obj.untyped()._bytes
        x = bits.view(getattr(obj, "dtype", _C.uint8))
    elif hasattr(obj, "__array_interface__"):
        x = _C.as_tensor(obj)
    elif hasattr(obj, "__dlpack__"):
        import numpy as np

        x = _C.as_tensor(np.from_dlpack(obj))
    elif isinstance(obj, (bytes, bytearray, memoryview)):
        x = _C.frombuffer(obj, dtype=dtype or _C.get_default_dtype())
    else:
        x, shares = _C.tensor(obj, dtype=dtype, device=device), False
    moved = x.to(device=device, dtype=dtype)
    if copy is False and (moved is not x or not shares):
        what = f"a {type(obj).__name__}" if not shares else f"{x.dtype} on {x.device}"
        raise ValueError(
            f"asarray(): can't alias {what} as {moved.dtype} on {moved.device}: set copy=None"
        )
    if moved is x and shares and copy:
        moved = x.clone()
    return moved.requires_grad_() if requires_grad and moved.is_leaf else moved


@listed
def range(
    start: float, end: float, step: float = 1, *, dtype: Any = None, **options: Any
) -> Tensor:
    """The numbers from start to end, end included; :func:`lampas.arange` is the one to use.

    >>> import lampas
    >>> lampas.range(1, 3)
    tensor([1., 2., 3.])
    """
    import warnings

    warnings.warn(
        "torch.range is deprecated and will be removed in a future release because its behavior "
        "is inconsistent with Python's range builtin. Instead, use torch.arange, which produces "
        "values in [start, end).",
        UserWarning,
        stacklevel=2,
    )
    if step == 0:
        raise RuntimeError("range(): step must be nonzero")
    if (end - start) * step < 0:
        raise RuntimeError(
            f"range(): upper bound and lower bound inconsistent with step sign: start={start}, "
            f"end={end}, step={step}"
        )
    out = options.pop("out", None)
    if dtype is None:
        dtype = _C.get_default_dtype() if out is None else out.dtype
    count = int((end - start) / step) + 1
    steps = _C.arange(count, dtype=_C.float64 if dtype.is_floating_point else _C.int64)
    values = (steps * step + start).to(dtype)
    if out is not None:
        return out.resize_(values.shape).copy_(values)
    requires_grad = options.pop("requires_grad", False)
    return (
        _C.empty(values.shape, dtype=dtype, **options).copy_(values).requires_grad_(requires_grad)
    )


@listed
def empty_permuted(size: Sequence[int], physical_layout: Sequence[int], **options: Any) -> Tensor:
    """A tensor without values whose dimensions lie in memory in the given order.

    >>> import lampas
    >>> lampas.empty_permuted((2, 3, 5), (0, 2, 1)).stride()
    (15, 1, 3)
    """
    if sorted(physical_layout) != list(_numbers(len(size))):
        raise RuntimeError(
            f"empty_permuted(): physical_layout {list(physical_layout)} is no permutation of the "
            f"{len(size)} dimensions of size {list(size)}"
        )
    x = _C.empty([size[d] for d in physical_layout], **options)
    return x.permute([physical_layout.index(d) for d in _numbers(len(size))])


@listed
def get_device(input: Tensor) -> int:
    """The number of the tensor's device; -1: the processor.

    >>> import lampas
    >>> lampas.get_device(lampas.ones(1))
    -1
    """
    return input.get_device()


@listed
def resize_as_(input: Tensor, the_template: Tensor, *, memory_format: Any = None) -> Tensor:
    """Gives the input the template's size.

    >>> import lampas
    >>> lampas.resize_as_(lampas.empty(0), lampas.ones(2, 3)).shape
    torch.Size([2, 3])
    """
    if memory_format is None:
        return input.resize_as_(the_template)
    return input.resize_as_(the_template, memory_format=memory_format)
