"""The parts of Tensor that are Python: none of them is on a hot path."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from lampas import _C
from lampas._C import Tensor

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Tensor"]


# ---- autograd ------------------------------------------------------------------------------------
def backward(
    self: Tensor,
    gradient: Tensor | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Tensor | Sequence[Tensor] | None = None,
) -> None:
    """Adds the gradients of this tensor to the `.grad` of the leaves it was computed from.

    Args:
        gradient: gradient of this tensor, of its shape; may be left away for one element.
        retain_graph: keep the graph for another backward pass. Default: create_graph.
        create_graph: record the backward pass too, for higher derivatives.
        inputs: leaves to accumulate into; all by default.

    >>> import lampas
    >>> x = lampas.tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4.])
    """
    if inputs is None and not create_graph:
        keep = bool(retain_graph)
        _C._backward((self,), (gradient,), (), keep, False, False, False)
        return
    from lampas.autograd import backward as run

    run(self, gradient, retain_graph, create_graph, inputs=inputs)


def register_hook(self: Tensor, hook: Callable[[Tensor], Tensor | None]) -> Any:
    """Calls `hook(grad)` whenever this tensor's gradient is computed; what it returns replaces it.

    Returns a handle whose `remove()` takes the hook away.
    """
    from lampas.utils.hooks import RemovableHandle

    if not self.requires_grad:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    if self._backward_hooks is None or not _C._hooks_see(self, self._backward_hooks):
        self._backward_hooks = OrderedDict()
        _C._register_hook(self, self._backward_hooks)
    handle = RemovableHandle(self._backward_hooks)
    self._backward_hooks[handle.id] = hook
    return handle


def register_post_accumulate_grad_hook(self: Tensor, hook: Callable[[Tensor], None]) -> Any:
    """Calls `hook(tensor)` each time after a gradient was added to this leaf's `.grad`."""
    from lampas.utils.hooks import RemovableHandle

    hooks = self.__dict__.get("_post_accumulate_grad_hooks")
    if hooks is None:
        hooks = OrderedDict()
        _C._register_post_accumulate(self, hooks)
        self._post_accumulate_grad_hooks = hooks  # type: ignore[attr-defined]
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    return handle


def retain_grad(self: Tensor) -> None:
    """Keeps the gradient of a tensor that is not a leaf in its `.grad`, too."""
    _C._retain_grad(self)


# ---- NumPy ---------------------------------------------------------------------------------------
def numpy(self: Tensor, *, force: bool = False) -> np.ndarray:
    """This tensor's memory as a NumPy array; writes are seen by both.

    Raises:
        RuntimeError: the tensor requires grad (force=True detaches it).
        TypeError: bfloat16, which NumPy does not have.
    """
    import numpy as np

    if force:
        self = self.detach()
    elif self.requires_grad:
        raise RuntimeError(
            "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
        )
    _C._array_interface(self)  # raises where there is no such array
    return np.asarray(_Memory(self))


class _Memory:
    """Keeps the tensor alive for as long as an array looks at its memory."""

    __slots__ = ("__array_interface__", "tensor")

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor
        self.__array_interface__ = _C._array_interface(tensor)


def __array__(self: Tensor, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
    import numpy as np

    array = numpy(self)
    if dtype is not None and array.dtype != dtype:
        if copy is False:
            raise ValueError("Unable to avoid copy while creating an array of another dtype")
        return array.astype(dtype)
    return np.array(array) if copy else array


def __array_wrap__(
    self: Tensor, array: np.ndarray, context: Any = None, return_scalar: bool = False
) -> Tensor:
    if array.dtype == bool:
        array = array.astype("uint8")
    return _C.tensor(array)


def __dlpack__(
    self: Tensor,
    *,
    stream: Any = None,
    max_version: Any = None,
    dl_device: Any = None,
    copy: bool | None = None,
) -> Any:
    if self.requires_grad:
        raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
    source = self.clone() if copy else self
    if dl_device is not None and tuple(dl_device) != (1, 0):
        raise BufferError(f"__dlpack__(): the memory is on the CPU, (1, 0), not on {dl_device}")
    return _C._to_dlpack(source, max_version is not None and tuple(max_version) >= (1, 0))


def __dlpack_device__(self: Tensor) -> tuple[int, int]:
    return (1, 0)


# ---- copies and files ----------------------------------------------------------------------------
def __deepcopy__(self: Tensor, memo: dict[int, Any]) -> Tensor:
    import copy

    if id(self) in memo:
        return memo[id(self)]
    if not self.is_leaf:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the "  # noqa: E501
            "moment. Remedy: deep-copy tensor.detach()"
        )
    with _C_no_grad():
        # Tensors over one storage stay together.
        storage = self.untyped_storage()
        new_storage = copy.deepcopy(storage, memo)
        data = new_storage._tensor(
            self.dtype, tuple(self.shape), self.stride(), self.storage_offset()
        )
    result = data if type(self) is Tensor else data.as_subclass(type(self))
    if self.requires_grad:
        result.requires_grad_()
    if self.grad is not None:
        result.grad = copy.deepcopy(self.grad, memo)
    for name, value in self.__dict__.items():
        result.__dict__[name] = copy.deepcopy(value, memo)
    memo[id(self)] = result
    return result


class _C_no_grad:
    def __enter__(self) -> None:
        self.before = _C._set_grad_enabled(False)

    def __exit__(self, *_: object) -> None:
        _C._set_grad_enabled(self.before)


def _rebuild(
    storage: Any,
    dtype: Any,
    size: tuple[int, ...],
    stride: tuple[int, ...],
    offset: int,
    requires_grad: bool,
    cls: type,
    attributes: dict[str, Any],
) -> Tensor:
    return _dress(storage._tensor(dtype, size, stride, offset), requires_grad, cls, attributes)


def _rebuild_meta(
    dtype: Any,
    size: tuple[int, ...],
    stride: tuple[int, ...],
    requires_grad: bool,
    cls: type,
    attributes: dict[str, Any],
) -> Tensor:
    bare = _C.empty_strided(size, stride, dtype=dtype, device="meta")
    return _dress(bare, requires_grad, cls, attributes)


def _dress(tensor: Tensor, requires_grad: bool, cls: type, attributes: dict[str, Any]) -> Tensor:
    if cls is not Tensor:
        tensor = tensor.as_subclass(cls)
    if requires_grad:
        tensor.requires_grad_()
    tensor.__dict__.update(attributes)
    return tensor


def __reduce_ex__(self: Tensor, protocol: int) -> tuple[Any, ...]:
    if not self.is_leaf:
        raise RuntimeError(
            "Cowardly refusing to serialize non-leaf tensor which requires_grad, since autograd does not support "  # noqa: E501
            "crossing process boundaries. If you just want to transfer the data, call detach() on the tensor before "  # noqa: E501
            "serializing (e.g., putting it on the queue)."
        )
    if self.device.type == "meta":
        return (
            _rebuild_meta,
            (
                self.dtype,
                tuple(self.shape),
                self.stride(),
                self.requires_grad,
                type(self),
                dict(self.__dict__),
            ),
        )
    return (
        _rebuild,
        (
            self.untyped_storage(),
            self.dtype,
            tuple(self.shape),
            self.stride(),
            self.storage_offset(),
            self.requires_grad,
            type(self),
            dict(self.__dict__),
        ),
    )


# ---- storage -------------------------------------------------------------------------------------
def untyped_storage(self: Tensor) -> Any:
    """The bytes this tensor looks at, shared with its views."""
    from lampas.storage import UntypedStorage

    return UntypedStorage._of(self)


def storage(self: Tensor) -> Any:
    """The memory this tensor looks at, as elements of its dtype."""
    from lampas.storage import TypedStorage

    return TypedStorage(wrap_storage=self.untyped_storage(), dtype=self.dtype)


# ---- subclasses and types ------------------------------------------------------------------------
def as_subclass(self: Tensor, cls: type) -> Tensor:
    """This tensor as an instance of a subclass of Tensor; shares memory and history."""
    return _C._as_subclass(self, cls)


def _make_subclass(cls: type, data: Tensor, require_grad: bool = False, **_: object) -> Tensor:
    tensor = _C._as_subclass(data.detach(), cls)
    if require_grad:
        tensor.requires_grad_()
    return tensor


def type_(self: Tensor, dtype: Any = None, non_blocking: bool = False, **_: object) -> Any:
    """The name of this tensor's old type, or the tensor cast to `dtype`."""
    from lampas._legacy import dtype_of_type, type_name

    return type_name(self.dtype) if dtype is None else self.to(dtype_of_type(dtype))


def __torch_function__(
    cls: type,
    func: Callable[..., Any],
    types: Any,
    args: tuple[Any, ...] = (),
    kwargs: dict[str, Any] | None = None,
) -> Any:
    """The call as it is; its results are instances of the subclass."""
    return _C._torch_function_default(cls, func, types, args, kwargs)


# ---- devices -------------------------------------------------------------------------------------
def cpu(self: Tensor, memory_format: Any = None) -> Tensor:
    """On the CPU: itself."""
    return self.to("cpu")


def cuda(
    self: Tensor, device: Any = None, non_blocking: bool = False, memory_format: Any = None
) -> Tensor:
    """Raises RuntimeError: Lampas runs on the CPU."""
    return self.to(_C.device("cuda", device if isinstance(device, int) else None))


def pin_memory(self: Tensor, device: Any = None) -> Tensor:
    """Itself: there is no device to copy to."""
    return self


def share_memory_(self: Tensor) -> Tensor:
    """Moves the data into memory that forked and spawned processes share."""
    from lampas.multiprocessing import share_memory_

    return share_memory_(self)


def is_shared(self: Tensor) -> bool:
    """Whether the data lies in memory shared between processes."""
    from lampas.multiprocessing import is_shared

    return is_shared(self)


def get_device(self: Tensor) -> int:
    """-1: on the CPU."""
    return -1


# ---- Python protocols ----------------------------------------------------------------------------
def __repr__(self: Tensor, *, tensor_contents: Any = None) -> str:
    from lampas._tensor_str import tensor_str

    return tensor_str(self)


def __format__(self: Tensor, spec: str) -> str:
    if self.dim() == 0 and not self.is_meta and type(self) is Tensor:
        return self.item().__format__(spec)
    return object.__format__(self, spec)


def __contains__(self: Tensor, element: Any) -> bool:
    if isinstance(element, (Tensor, int, float, complex, bool)):
        return bool((element == self).any())  # type: ignore[union-attr]
    raise RuntimeError(
        f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element)}."
    )


def __rpow__(self: Tensor, other: Any) -> Tensor:
    return _C.pow(other, self)


def __rdiv__(self: Tensor, other: Any) -> Tensor:
    return self.reciprocal() * other


def __dir__(self: Tensor) -> list[str]:
    return sorted(set(dir(type(self))) | set(self.__dict__))


def __complex__(self: Tensor) -> complex:
    return complex(self.item())


def new_tensor(
    self: Tensor,
    data: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor with a copy of `data`, of this tensor's dtype."""
    return _C.tensor(data, dtype=dtype or self.dtype, device=device, requires_grad=requires_grad)


def new(self: Tensor, *args: Any, **_: Any) -> Tensor:
    """A tensor of this one's dtype: empty with the given sizes, or from a sequence."""
    if not args:
        return self.new_empty(0)
    if isinstance(args[0], (Tensor, list)) or (
        isinstance(args[0], tuple) and not isinstance(args[0], _C.Size)
    ):
        return _C.tensor(args[0], dtype=self.dtype)
    return self.new_empty(*args)


def is_pinned(self: Tensor, device: Any = None) -> bool:
    """Always False: pinned memory speeds up copies to accelerators."""
    return False


_METHODS = [
    backward, register_hook, register_post_accumulate_grad_hook, retain_grad, numpy, __array__, __array_wrap__, __dlpack__, __dlpack_device__, __deepcopy__,  # noqa: E501
    __reduce_ex__, untyped_storage, storage, as_subclass, cpu, cuda, pin_memory, share_memory_, is_shared, get_device, __repr__, __format__, __contains__,  # noqa: E501
    __rpow__, __rdiv__, __dir__, __complex__,
    new_tensor, new,
]  # fmt: skip
for _f in _METHODS:
    setattr(Tensor, _f.__name__, _f)
Tensor.type = type_  # type: ignore[method-assign]
Tensor.__module__ = "lampas"
Tensor.__array_priority__ = 1000  # type: ignore[attr-defined]
Tensor._make_subclass = staticmethod(_make_subclass)  # type: ignore[method-assign]
Tensor.__torch_function__ = classmethod(__torch_function__)  # type: ignore[assignment, method-assign]
Tensor.is_pinned = is_pinned  # type: ignore[method-assign]
