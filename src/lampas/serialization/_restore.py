"""What a pickle of tensors means: which names, calls and states there are."""

from __future__ import annotations

import sys
import warnings
from collections import OrderedDict
from collections.abc import Callable
from pickle import UnpicklingError
from reprlib import repr as short
from typing import Any

from lampas import _C, nn
from lampas._tensor import Tensor
from lampas.nn import parameter as _parameter
from lampas.serialization import _globals as g
from lampas.storage import TypedStorage, UntypedStorage


class Opaque:
    """Stands for an object of a class that is not allowed: what was saved of it, no behaviour."""

    def __init__(self, name: str, args: Any = ()) -> None:
        self.name, self.args = name, args
        self.state: Any = None
        self.items: list[Any] = []
        self.pairs: list[tuple[Any, Any]] = []

    def __repr__(self) -> str:
        return f"<{self.name} of a file>"


# ---- tensors -------------------------------------------------------------------------------------
def _over(storage: Any, dtype: Any, offset: Any, size: Any, stride: Any) -> Tensor:
    untyped = storage._untyped_storage if isinstance(storage, TypedStorage) else storage
    if not isinstance(untyped, UntypedStorage):
        raise UnpicklingError(f"a tensor without a storage but {short(storage)} at {{place}}")
    try:
        return untyped._tensor(dtype, tuple(size), tuple(stride), offset)
    except (RuntimeError, TypeError) as e:
        raise UnpicklingError(f"damaged tensor at {{place}}: {e}") from None


def _finish(tensor: Tensor, requires_grad: Any, metadata: Any = None) -> Tensor:
    # Views that PyTorch conjugates or negates when they are read.
    if metadata and metadata.get("conj"):
        tensor = tensor.conj()
    if metadata and metadata.get("neg"):
        tensor = tensor.neg()
    if requires_grad:
        tensor.requires_grad_()
    return tensor


def _rebuild_tensor(storage: Any, offset: Any, size: Any, stride: Any) -> Tensor:
    return _over(storage, getattr(storage, "dtype", None), offset, size, stride)


def _rebuild_tensor_v2(
    storage: Any, offset: Any, size: Any, stride: Any, requires_grad: Any, hooks: Any = None,
    metadata: Any = None,
) -> Tensor:  # fmt: skip
    return _finish(_rebuild_tensor(storage, offset, size, stride), requires_grad, metadata)


def _rebuild_tensor_v3(
    storage: Any, offset: Any, size: Any, stride: Any, requires_grad: Any, hooks: Any,
    dtype: Any, metadata: Any = None,
) -> Tensor:  # fmt: skip
    if isinstance(dtype, Foreign):
        return dtype.widened(storage, offset, size, stride)
    return _finish(_over(storage, dtype, offset, size, stride), requires_grad, metadata)


class Foreign:
    """An element type that Lampas does not have."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def widened(self, storage: Any, offset: Any, size: Any, stride: Any) -> Tensor:
        """The same values in a wider type."""
        wide = g.WIDER.get(self.name)
        if wide is None:
            raise UnpicklingError(
                f"a tensor of dtype {self.name} at {{place}}: Lampas does not have this dtype. "
                "Remedy: convert it in PyTorch before saving, tensor.to(torch.float32) say"
            )
        from lampas.serialization import _foreign

        bits = _over(storage, *_foreign.layout(self.name, tuple(size), tuple(stride), offset))
        warnings.warn(
            f"lampas.load: {self.name} is not a dtype of Lampas; the tensor was read as {wide}, "
            "its values unchanged",
            stacklevel=2,
        )
        return _foreign.widened(self.name, bits, getattr(_C, wide))


def _rebuild_parameter(data: Tensor, requires_grad: Any, hooks: Any) -> Tensor:
    return nn.Parameter(data, bool(requires_grad))


def _rebuild_parameter_with_state(
    data: Tensor, requires_grad: Any, hooks: Any, state: Any
) -> Tensor:
    return _with_state(_rebuild_parameter(data, requires_grad, hooks), state)


def _with_state(tensor: Tensor, state: Any) -> Tensor:
    if isinstance(state, tuple) and len(state) == 2:
        state = {**(state[0] or {}), **(state[1] or {})}
    if isinstance(state, dict):
        if state.get("_is_buffer"):
            return nn.Buffer(tensor, persistent=bool(state.get("persistent", True)))
        tensor.__dict__.update({k: v for k, v in state.items() if isinstance(k, str)})
    return tensor


def _rebuild_meta_tensor_no_storage(
    dtype: Any, size: Any, stride: Any, requires_grad: Any
) -> Tensor:
    meta = _C.empty(tuple(size), dtype=dtype, device="meta").as_strided(tuple(size), tuple(stride))
    return _finish(meta, requires_grad)


def _rebuild_device_tensor_from_numpy(
    data: Any, dtype: Any, device: Any, requires_grad: Any
) -> Tensor:
    return _finish(_C.tensor(data).to(dtype), requires_grad)


def _list_of(values: Any) -> list[Any]:
    return list(values)


def _first(value: Any, *_: Any) -> Any:
    return value


_REBUILDERS: dict[str, Callable[..., Any]] = {
    "torch._utils._rebuild_tensor": _rebuild_tensor,
    "torch._utils._rebuild_tensor_v2": _rebuild_tensor_v2,
    "torch._utils._rebuild_tensor_v3": _rebuild_tensor_v3,
    "torch._utils._rebuild_parameter": _rebuild_parameter,
    "torch._utils._rebuild_parameter_with_state": _rebuild_parameter_with_state,
    "torch._utils._rebuild_meta_tensor_no_storage": _rebuild_meta_tensor_no_storage,
    "torch._utils._rebuild_device_tensor_from_numpy": _rebuild_device_tensor_from_numpy,
    "torch.jit._pickle.build_intlist": _list_of,
    "torch.jit._pickle.build_tensorlist": _list_of,
    "torch.jit._pickle.build_doublelist": _list_of,
    "torch.jit._pickle.build_boollist": _list_of,
    "torch.jit._pickle.restore_type_tag": _first,
}
_PARAMETERS: dict[str, Any] = {
    f"torch.nn.parameter.{n}": getattr(_parameter, n)
    for n in ("Parameter", "Buffer", "UninitializedParameter", "UninitializedBuffer")
}
# Kinds of tensors that Lampas does not have.
_LACKING = {
    "_rebuild_sparse_tensor": "sparse tensors; save tensor.to_dense()",
    "_rebuild_qtensor": "quantized tensors; save tensor.dequantize()",
    "_rebuild_nested_tensor": "nested tensors; save tensor.unbind()",
}
_FLAT = "tensors_only=True"


class Restorer:
    """The meaning of a pickle of tensors; see `Machine`.

    Args:
        persistent: gives the storage for a persistent id.
        file: what messages call the file.
        weights_only: whether objects of the program's own modules are refused, too.
        opaque: whether what is not allowed becomes `Opaque` instead of an error.
    """

    def __init__(
        self,
        persistent: Callable[[Any], Any],
        file: str,
        weights_only: bool = True,
        opaque: bool = False,
    ) -> None:
        self.persistent = persistent
        self.file, self.weights_only, self.opaque = file, weights_only, opaque
        self.unsafe: dict[str, None] = {}  # in the order found
        self.calls: dict[Any, Callable[..., Any]] = dict(g.CALLS)
        self.calls[_rebuild_from_type] = self._from_type
        self.calls[_reconstructor] = lambda cls, *_: self.new(cls, (), {})
        for function in _REBUILDERS.values():
            self.calls[function] = function
        for kind in _PARAMETERS.values():
            self.calls[kind] = kind
        self.kinds: tuple[type, ...] = ()  # classes of the program whose objects may be made
        self.plain: set[type] = set()  # harmless standard types
        if not weights_only:
            self._widen_list()

    # ---- names ----------------------------------------------------------------------------------
    def find(self, module: str, name: str) -> Any:
        """The value of a global."""
        full = g.normal_name(module, name)
        for table in (g.registered(), g.VALUES, _REBUILDERS, _PARAMETERS, _OTHER):
            if full in table:
                return table[full]
        if full.startswith("numpy."):
            from lampas.serialization import _numpy

            self.calls.update(_numpy.CALLS)
            if full in _numpy.VALUES:
                return _numpy.VALUES[full]
        if full.startswith("torch.return_types."):
            return self._named(full.rpartition(".")[2], full)
        if full.startswith("torch.") and full[6:] in _FOREIGN_DTYPES:
            return Foreign(full[6:])
        if not self.weights_only:
            value = self._program_class(module, name, full)
            if value is not None:
                return value
        self.unsafe[full] = None
        if self.opaque:
            return Opaque(full)
        raise UnpicklingError(self._refusal(full))

    def _named(self, name: str, full: str) -> Any:
        """The type of an operator's named results."""
        from lampas import return_types

        kind = getattr(return_types, name, None)
        if kind is None or name.startswith("_"):
            raise UnpicklingError(self._refusal(full))
        self.calls[kind] = lambda values, *_: kind(values)
        return kind

    def _refusal(self, full: str) -> str:
        short = full.rpartition(".")[2]
        for name, advice in _LACKING.items():
            if short.startswith(name):
                return (
                    f"{self.file} holds a tensor of a kind that Lampas lacks: {advice} ({{place}})"
                )
        text = (
            f"{self.file} refers to {full} ({{place}}). Files are read without running code: they "
            "may hold tensors, containers, numbers, texts and a short list of harmless types, and "
            f"{full} is none of them. Nothing was run. Remedy: lampas.load(file, {_FLAT}) gives "
            "the tensors alone, by name."
        )
        if full.startswith(("builtins.", "os.", "posix.", "nt.", "subprocess.", "sys.")):
            return f"{text} A file of tensors has no use for {full}: it may be an attack"
        text += (
            f" If {full} is a class that you know to be harmless, allow it: "
            f"lampas.serialization.add_safe_globals([{short}])"
        )
        if self.weights_only:
            text += (
                ". If it is an nn.Module of your program, defined or imported before: "
                "lampas.load(file, weights_only=False)"
            )
        return text

    def _widen_list(self) -> None:
        from lampas.optim import Optimizer
        from lampas.optim.lr_scheduler import LRScheduler
        from lampas.serialization._plain import PLAIN

        self.kinds = (nn.Module, Optimizer, LRScheduler)
        self.plain = set(PLAIN.values())
        for kind in self.plain:
            self.calls[kind] = kind
        from lampas.nn.utils._weight_norm import WeightNorm

        self.plain.add(WeightNorm)  # a hook of modules with a norm in a parameter of its own
        self.calls[WeightNorm] = lambda *_: WeightNorm.__new__(WeightNorm)

    def _program_class(self, module: str, name: str, full: str) -> Any:
        """A module class that this process has loaded already, or a harmless standard type."""
        from lampas.serialization._plain import PLAIN

        if full in PLAIN:
            return PLAIN[full]
        if full == "torch.nn.utils.weight_norm.WeightNorm":
            from lampas.nn.utils._weight_norm import WeightNorm

            return WeightNorm
        if full.startswith("torch."):
            module = "lampas" + full[5:].removesuffix("." + name)
        value: Any = sys.modules.get(module)
        for part in name.split("."):
            value = getattr(value, part, None)
        if value is None and full.startswith("torch.nn."):
            value = getattr(nn, name, None)
        if isinstance(value, type) and issubclass(value, self.kinds):
            return value
        if isinstance(value, type(_C.relu)) or (
            full.startswith("torch.nn.functional.") and callable(value)
        ):
            return value  # an attribute of a module, an activation say; calling it is refused
        return None

    # ---- calls ----------------------------------------------------------------------------------
    def call(self, function: Any, args: Any) -> Any:
        """The result of a call that the file asks for."""
        if type(args) is not tuple:
            raise TypeError("arguments must be a tuple")
        if isinstance(function, Opaque):
            return Opaque(function.name, args)
        if any(function is v for v in g.registered().values()):
            return function(*args)
        # Only functions and classes are hashed: a file can hold tuples whose hash never ends.
        handler = self.calls.get(function) if callable(function) else None
        if handler is None:
            raise UnpicklingError(f"a call of {short(function)} at {{place}}: not allowed in files")
        if self.opaque and any(isinstance(a, Opaque) for a in args) and not _makes_tensor(function):
            return Opaque(getattr(function, "__name__", "object"), args)
        return handler(*args)

    def _from_type(self, function: Any, cls: Any, args: Any, state: Any) -> Any:
        tensor = self.call(function, args)
        if not isinstance(tensor, Tensor):
            return tensor
        known = any(cls is v for v in g.registered().values()) or cls in _PARAMETERS.values()
        if isinstance(cls, type) and cls is not Tensor and known and cls is not nn.Parameter:
            tensor = tensor.as_subclass(cls)
        elif cls is nn.Parameter:
            tensor = nn.Parameter(tensor, tensor.requires_grad)
        return _with_state(tensor, state)

    def new(self, cls: Any, args: Any, kwargs: Any) -> Any:
        """A new object of a class, its ``__init__`` not run."""
        if isinstance(cls, Opaque):
            return Opaque(cls.name, args)
        if any(cls is v for v in g.registered().values()):
            return cls.__new__(cls, *args, **kwargs)
        if isinstance(cls, type) and self.kinds and issubclass(cls, self.kinds):
            if args or kwargs:
                raise UnpicklingError(f"{cls.__name__} with arguments at {{place}}: not allowed")
            base: Any = next(k for k in self.kinds if issubclass(cls, k))
            return base.__new__(cls)
        if kwargs:
            raise UnpicklingError(f"{short(cls)} with keyword arguments at {{place}}: not allowed")
        return self.call(cls, args)

    # ---- states ---------------------------------------------------------------------------------
    def build(self, obj: Any, state: Any) -> Any:
        """`obj` with the state that was saved for it."""
        kind = type(obj)
        if kind is Opaque:
            obj.state = state
        elif kind is OrderedDict or kind in self.plain:
            obj.__dict__.update(_attributes(state))
        elif any(kind is v for v in g.registered().values()):
            _set_state(obj, state)
        elif self.kinds and isinstance(obj, self.kinds):
            self._module_state(obj, state)
        elif isinstance(obj, Tensor):
            _with_state(obj, state)
        elif kind is _C.Generator:
            _generator_state(obj, state)
        elif kind.__module__ == "numpy" and kind.__name__ == "ndarray":
            from lampas.serialization import _numpy

            return _numpy.array_state(obj, state)
        elif kind.__module__.startswith("numpy"):
            from lampas.serialization import _numpy

            return _numpy.dtype_state(obj, state)
        else:
            raise UnpicklingError(f"a state for {kind.__name__} at {{place}}: not allowed")
        return obj

    def _module_state(self, obj: Any, state: Any) -> None:
        own = getattr(type(obj), "__setstate__", None)
        if own is None:
            obj.__dict__.update(_attributes(state))
        elif getattr(own, "__module__", "").startswith("lampas."):
            own(obj, state)
        else:
            name = g.name_of_global(type(obj))
            raise UnpicklingError(
                f"{self.file} holds a {name} ({{place}}), whose __setstate__ would run on what the "
                "file says. If that is safe, allow it: "
                f"lampas.serialization.add_safe_globals([{type(obj).__name__}])"
            )

    def extend(self, obj: Any, items: list[Any]) -> None:
        """Adds list items to an object that is no list."""
        if isinstance(obj, Opaque):
            obj.items.extend(items)
        elif type(obj).__name__ == "deque" or self._is_registered(obj):
            obj.extend(items)
        else:
            raise UnpicklingError(f"items for {type(obj).__name__} at {{place}}: not allowed")

    def update(self, obj: Any, pairs: list[tuple[Any, Any]]) -> None:
        """Sets dictionary items of an object that is no dictionary."""
        if isinstance(obj, Opaque):
            obj.pairs.extend(pairs)
        elif self._is_registered(obj):
            for key, value in pairs:
                obj[key] = value
        else:
            raise UnpicklingError(f"entries for {type(obj).__name__} at {{place}}: not allowed")

    def _is_registered(self, obj: Any) -> bool:
        return any(type(obj) is v for v in g.registered().values())


def _generator_state(generator: Any, state: Any) -> None:
    stream = state[-1] if isinstance(state, tuple) and len(state) == 3 else state
    try:
        generator.set_state(stream)
    except (RuntimeError, TypeError) as e:
        raise UnpicklingError(
            f"the state of a random number generator at {{place}} that is not the CPU's: {e}"
        ) from None


def _attributes(state: Any) -> dict[str, Any]:
    if not isinstance(state, dict) or not all(isinstance(k, str) for k in state):
        raise UnpicklingError("attributes that are no dictionary at {place}")
    return state


def _set_state(obj: Any, state: Any) -> None:
    # As pickle does it, for classes that the program allows.
    own = getattr(obj, "__setstate__", None)
    if own is not None:
        own(state)
        return
    slots = None
    if isinstance(state, tuple) and len(state) == 2:
        state, slots = state
    if state:
        obj.__dict__.update(_attributes(state))
    for name, value in (slots or {}).items():
        setattr(obj, name, value)


def _rebuild_from_type() -> None:
    """The name of a function in files; `Restorer` does its work."""


def _reconstructor() -> None:
    """The name of a function in files of protocols 0 and 1; `Restorer` does its work."""


_OTHER: dict[str, Any] = {
    "torch._tensor._rebuild_from_type_v2": _rebuild_from_type,
    "torch._tensor._rebuild_from_type": _rebuild_from_type,
    "copyreg._reconstructor": _reconstructor,
}
_FOREIGN_DTYPES = {
    "uint16", "uint32", "uint64", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz",
    "float8_e5m2fnuz", "float8_e8m0fnu", "float4_e2m1fn_x2", "complex32",
}  # fmt: skip


def _makes_tensor(function: Any) -> bool:
    return function is _rebuild_from_type or function in _REBUILDERS.values()
