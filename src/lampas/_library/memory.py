"""Tensors over files, how memory is laid out, and elements one by one through Python."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from lampas import _C
from lampas._C import Tensor
from lampas._library import listed, operator


# ---- files ---------------------------------------------------------------------------------------
@listed
def from_file(
    filename: str | os.PathLike[str],
    shared: bool | None = None,
    size: int = 0,
    *,
    dtype: _C.dtype | None = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor over a file's bytes, which are read when they are first looked at.

    Args:
        filename: the file's name.
        shared: True: what is written into the tensor goes to the file, which is made or grown if
            need be. False: it stays in memory.
        size: the number of elements.
        dtype: of the elements.
        layout: strided.
        device: the CPU.
        pin_memory: has to be False: there is no device to copy to.

    Raises:
        RuntimeError: no such file, or one that is too short.

    >>> import os, tempfile, lampas
    >>> path = os.path.join(tempfile.mkdtemp(), "x")
    >>> x = lampas.from_file(path, shared=True, size=2, dtype=lampas.int32)
    >>> _ = x.fill_(258)
    >>> list(open(path, "rb").read())
    [2, 1, 0, 0, 2, 1, 0, 0]
    """
    import mmap

    if device is not None and _C.device(device).type != "cpu":
        raise RuntimeError(f"from_file(): expected the CPU as device, got {device}")
    if layout not in (None, _C.strided) or pin_memory:
        raise RuntimeError("from_file(): only strided tensors in plain memory")
    dtype = dtype or _C.get_default_dtype()
    nbytes = size * dtype.itemsize
    if size < 0:
        raise RuntimeError(f"from_file(): size has to be 0 or more, got {size}")
    mode = os.O_RDWR | os.O_CREAT if shared else os.O_RDONLY
    name = os.fspath(filename)
    try:
        descriptor = os.open(name, mode, 0o666)
    except OSError as e:
        raise RuntimeError(
            f"unable to open file <{name}> in read-{'write' if shared else 'only'} mode: "
            f"{e.strerror} ({e.errno})"
        ) from None
    try:
        have = os.fstat(descriptor).st_size
        if have < nbytes and not shared:
            raise RuntimeError(
                f"from_file(): file <{name}> has {have} bytes, {size} elements of {dtype} need "
                f"{nbytes}"
            )
        if have < nbytes:
            os.truncate(descriptor, nbytes)
        if nbytes == 0:
            return _C.empty([0], dtype=dtype)
        access = mmap.ACCESS_WRITE if shared else mmap.ACCESS_COPY
        mapping = mmap.mmap(descriptor, nbytes, access=access)
    finally:
        os.close(descriptor)
    found: Tensor = _C._tensor_over(memoryview(mapping)).view(dtype)
    return found


# ---- layout --------------------------------------------------------------------------------------
@operator(
    "new_empty_strided(Tensor input, int[] size, int[] stride, *, dtype? dtype=None, "
    "layout? layout=None, device? device=None, bool? pin_memory=None, bool requires_grad=False)",
    function=False,
    method=True,
)
def new_empty_strided(
    input: Tensor,
    size: Sequence[int],
    stride: Sequence[int],
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Memory without values, with these strides and this tensor's dtype.

    >>> import lampas
    >>> lampas.ones(1).new_empty_strided((2, 3), (1, 2)).stride()
    (1, 2)
    """
    return _C.empty_strided(
        size,
        stride,
        dtype=dtype or input.dtype,
        layout=layout or _C.strided,
        device=device or input.device,
        pin_memory=bool(pin_memory),
        requires_grad=requires_grad,
    )


_AMBIGUOUS = (
    "The tensor does not have unique dim order, or cannot map to exact one of the given memory "
    "formats."
)


_NO_CHECK = "The ambiguity_check argument must be a bool or a list of memory formats."


@operator("dim_order(Tensor input, *, object ambiguity_check=None)", function=False, method=True)
def dim_order(input: Tensor, ambiguity_check: Any = False) -> tuple[int, ...]:
    """The dimensions from the one with the largest stride to the one with the smallest.

    Args:
        ambiguity_check: True: raise where sizes of 1, or strides that are the same, leave a
            choice; a list of memory formats: raise where not exactly one of them fits.

    Raises:
        RuntimeError: the order is ambiguous.
        TypeError: `ambiguity_check` is neither.

    >>> import lampas
    >>> lampas.ones(2, 3, 4).transpose(1, 2).dim_order()
    (0, 2, 1)
    """
    if isinstance(ambiguity_check, list):
        formats = ambiguity_check
        if not all(isinstance(f, _C.memory_format) for f in formats):
            raise TypeError(_NO_CHECK)
        if sum(input.is_contiguous(memory_format=f) for f in formats) != 1:
            raise RuntimeError(_AMBIGUOUS)
    elif not isinstance(ambiguity_check, bool):
        raise TypeError(_NO_CHECK)
    elif ambiguity_check:
        strides = [s for n, s in zip(input.shape, input.stride(), strict=True) if n != 1]
        if len(strides) != input.dim() or len(set(strides)) != len(strides):
            raise RuntimeError(_AMBIGUOUS)
    size, stride = input.shape, input.stride()
    order = list(range(input.dim()))
    # Sorting by insertion: dimensions with stride 0 lie nowhere, the others move past none of them.
    for end in range(1, len(order)):
        for at in range(end, 0, -1):
            outer, inner = order[at - 1], order[at]
            if not stride[outer] or not stride[inner] or 0 in size:
                continue
            if (stride[outer], size[outer]) >= (stride[inner], size[inner]):
                break
            order[at - 1], order[at] = inner, outer
    return tuple(order)


@operator(
    "slice_inverse(Tensor input, Tensor src, int dim=0, int? start=None, int? end=None, "
    "int step=1)",
    method=True,
)
def slice_inverse(
    input: Tensor, src: Tensor, dim: int = 0, start: Any = None, end: Any = None, step: int = 1
) -> Tensor:
    """The slice of `input` that `src` was of its own tensor: `src`'s sizes, strides and offset.

    Raises:
        RuntimeError: `src` has not the size of that slice.

    >>> import lampas
    >>> x = lampas.arange(6)
    >>> lampas.slice_inverse(x, x[::2], 0, 0, 6, 2)
    tensor([0, 2, 4])
    """
    index: tuple[Any, ...] = (slice(None),) * (dim % max(input.dim(), 1))
    index += (slice(start, end, step),)
    wanted = input[index].shape
    if src.dim() != input.dim() or src.shape != wanted:
        raise RuntimeError(
            f"slice_inverse(): src has shape {tuple(src.shape)}, the slice has {tuple(wanted)}"
        )
    return input.as_strided(list(src.shape), list(src.stride()), src.storage_offset())


@operator("to_dense(Tensor input, dtype? dtype=None, *, bool? masked_grad=None)", function=False,
          method=True)  # fmt: skip
def to_dense(input: Tensor, dtype: Any = None, masked_grad: Any = None) -> Tensor:
    """Itself, in `dtype` if one is given: every tensor is dense, so that no gradient is masked.

    >>> import lampas
    >>> lampas.ones(2).to_dense()
    tensor([1., 1.])
    """
    return input if dtype is None else input.to(dtype)


@operator("dense_dim(Tensor input)", function=False, method=True)
def dense_dim(input: Tensor) -> int:
    """The number of dimensions: every tensor is dense.

    >>> import lampas
    >>> lampas.ones(2, 3).dense_dim()
    2
    """
    return input.dim()


@operator("storage_type(Tensor input)", function=False, method=True)
def storage_type(input: Tensor) -> type:
    """The legacy type of its storage.

    >>> import lampas
    >>> lampas.ones(1).storage_type() is lampas.FloatStorage
    True
    """
    import lampas

    kind: type = getattr(lampas, input.type().removeprefix("torch.")[:-6] + "Storage")
    return kind


@operator("const_data_ptr(Tensor input)", function=False, method=True)
def const_data_ptr(input: Tensor) -> int:
    """The address of the first element, for who only reads.

    >>> import lampas
    >>> x = lampas.ones(1)
    >>> x.const_data_ptr() == x.data_ptr()
    True
    """
    return input.data_ptr()


@operator("module_load(Tensor input, Tensor other, bool assign=False)", function=False, method=True)
def module_load(input: Tensor, other: Tensor, assign: bool = False) -> Tensor:
    """What takes the place of a parameter or buffer when a state is loaded.

    Args:
        input: the parameter or buffer.
        other: what the state has.
        assign: take `other` itself; else its values are written into `input`.

    >>> import lampas
    >>> lampas.zeros(2).module_load(lampas.ones(2))
    tensor([1., 1.])
    """
    return other.detach() if assign else input.copy_(other).detach()


def _resized(name: str, input: Tensor, size: Sequence[int]) -> Tensor:
    import warnings

    warnings.warn(f"non-inplace {name} is deprecated. Remedy: reshape", stacklevel=3)
    count = 1
    for n in size:
        count *= n
    if count != input.numel():
        raise RuntimeError(
            f"requested resize to {'x'.join(map(str, size))} ({count} elements in total), but the "
            f"given tensor has a size of {'x'.join(map(str, input.shape))} ({input.numel()} "
            "elements). autograd's resize can only change the shape of a given tensor, while "
            "preserving the number of elements."
        )
    return input.contiguous().view(list(size))


@operator("resize(Tensor input, int[]* sizes)", function=False, method=True)
def resize(input: Tensor, sizes: Sequence[int]) -> Tensor:
    """Another shape of as many elements; :meth:`reshape` is the one to use.

    >>> import lampas, warnings
    >>> warnings.simplefilter("ignore")
    >>> lampas.ones(4).resize(2, 2).shape
    torch.Size([2, 2])
    """
    return _resized("resize", input, sizes)


@operator("resize_as(Tensor input, Tensor tensor)", function=False, method=True)
def resize_as(input: Tensor, tensor: Tensor) -> Tensor:
    """The shape of another tensor; :meth:`reshape` is the one to use.

    >>> import lampas, warnings
    >>> warnings.simplefilter("ignore")
    >>> lampas.ones(4).resize_as(lampas.ones(2, 2)).shape
    torch.Size([2, 2])
    """
    return _resized("resize_as", input, list(tensor.shape))


# ---- hashes --------------------------------------------------------------------------------------
@operator(
    "hash_tensor(Tensor input, int[1]? dim=None, bool keepdim=False, int mode=0)", method=True
)
def hash_tensor(input: Tensor, dim: Any = None, keepdim: bool = False, mode: int = 0) -> Tensor:
    """The elements' bits joined by exclusive or: whether two tensors are the same, in 64 bits.

    Floats are widened to float64 and integers to int64 first. PyTorch's result is uint64, here it
    is int64 with the same bits.

    Args:
        input: any real or bool tensor.
        dim: the dimensions to reduce, all by default.
        keepdim: keep them, with size 1.
        mode: 0, the only one there is.

    >>> import lampas
    >>> lampas.hash_tensor(lampas.tensor([1, 2, 4]))
    tensor(7)
    """
    import numpy as np

    if mode != 0:
        raise RuntimeError(f"Unknown hash_tensor mode: {mode}")
    if input.is_complex():
        raise NotImplementedError(f"hash_tensor(): not for {input.dtype}")
    if input.numel() == 0 and not dim:
        raise RuntimeError(
            "hash_tensor: Expected reduction dim to be specified for input.numel() == 0. Specify "
            "the reduction dim with the 'dim' argument."
        )
    wide = _C.float64 if input.is_floating_point() else _C.int64
    bits = input.detach().to(wide).contiguous().view(_C.int64)
    axes = tuple(d % max(input.dim(), 1) for d in dim) if dim else tuple(range(input.dim()))
    if input.dim() == 0:
        return bits
    join: Any = np.bitwise_xor.reduce
    folded = join(bits.numpy(), axis=axes, keepdims=keepdim)
    return _C.tensor(np.asarray(folded))


# ---- elements through Python ---------------------------------------------------------------------
def _through(name: str, self: Tensor, f: Callable[..., Any], others: tuple[Any, ...]) -> Tensor:
    if self.requires_grad:
        raise RuntimeError(
            f"Can't call {name}() on Variable that requires grad. Use var.detach().{name}() "
            "instead."
        )
    if not callable(f):
        kind = type(f).__name__
        raise TypeError(f"{name}(): expected a function, {kind!r} object is not callable")
    lists = [self.flatten().tolist()]
    for other in others:
        if other.dtype != self.dtype:
            raise TypeError(f"{name}(): expected {self.type()} for 'other' (got {other.type()})")
        lists.append(other.detach().expand(self.shape).flatten().tolist())
    values = [_number(name, f(*row), self.dtype) for row in zip(*lists, strict=True)]
    return self.copy_(_C.tensor(values, dtype=self.dtype).view(list(self.shape)))


def _number(name: str, value: Any, dtype: _C.dtype) -> Any:
    if isinstance(value, (str, bytes)) or not hasattr(value, "__abs__"):
        raise TypeError(f"{name}(): must be real number, not {type(value).__name__}")
    if dtype == _C.bool:
        return bool(value)
    if dtype.is_complex:
        return complex(value)
    return float(value) if dtype.is_floating_point else int(value)


@operator("apply_(Tensor input, object callable)", function=False, method=True)
def apply_(input: Tensor, callable: Callable[[Any], Any]) -> Tensor:
    """Replaces each element by what a Python function makes of it; slow, for small tensors.

    Raises:
        RuntimeError: the tensor requires gradients.
        TypeError: the function gives something other than a number.

    >>> import lampas
    >>> lampas.arange(3).apply_(lambda n: n * n)
    tensor([0, 1, 4])
    """
    return _through("apply_", input, callable, ())


@operator("map_(Tensor input, Tensor tensor, object callable)", function=False, method=True)
def map_(input: Tensor, tensor: Tensor, callable: Callable[[Any, Any], Any]) -> Tensor:
    """As :meth:`apply_`, with a function of an element and of that of another tensor.

    >>> import lampas
    >>> lampas.arange(3).map_(lampas.tensor([5, 6, 7]), max)
    tensor([5, 6, 7])
    """
    return _through("map_", input, callable, (tensor,))


@operator("map2_(Tensor input, Tensor x, Tensor y, object callable)", function=False, method=True)
def map2_(input: Tensor, x: Tensor, y: Tensor, callable: Callable[..., Any]) -> Tensor:
    """As :meth:`apply_`, with a function of the elements of this and two other tensors.

    >>> import lampas
    >>> x = lampas.ones(2)
    >>> x.map2_(x, x, lambda a, b, c: a + b + c)
    tensor([3., 3.])
    """
    return _through("map2_", input, callable, (x, y))


@operator("polygamma(Tensor input, int n)", function=False, method=True, inplace=True)
def polygamma(input: Tensor, n: int) -> Tensor:
    """The n-th derivative of :meth:`digamma`.

    >>> import lampas
    >>> lampas.ones(1).polygamma(1)
    tensor([1.6449])
    """
    return _C.polygamma(n, input)
