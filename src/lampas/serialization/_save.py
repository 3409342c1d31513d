"""Writing objects: the pickle of a file, and its storages beside it."""

from __future__ import annotations

import io
import os
import pickle
import sys
from collections import OrderedDict
from types import FunctionType, ModuleType
from typing import Any

from lampas import nn
from lampas._C import Generator, device
from lampas._tensor import Tensor
from lampas.nn import parameter as _parameter
from lampas.serialization import _globals as g
from lampas.serialization import _legacy, _restore
from lampas.serialization._files import PathOrFile, is_path, writing
from lampas.serialization._location import location_tag, untyped
from lampas.serialization._storages import bytes_of
from lampas.serialization._zip import ALIGNMENT, ZipWriter
from lampas.storage import TypedStorage, UntypedStorage

# What is written under a name that is not where it lives.
_NAMES: dict[int, tuple[Any, str]] = {
    id(f): (f, name)
    for table in (_restore._REBUILDERS, _restore._OTHER, g.VALUES)
    for name, f in table.items()
    if isinstance(f, (FunctionType, g.StorageKind))
}
_NAMES |= {
    id(_parameter._rebuild_parameter): (
        _parameter._rebuild_parameter, "torch._utils._rebuild_parameter"
    ),
    id(_parameter._rebuild_parameter_with_state): (
        _parameter._rebuild_parameter_with_state, "torch._utils._rebuild_parameter_with_state"
    ),
    id(_restore._rebuild_from_type): (
        _restore._rebuild_from_type, "torch._tensor._rebuild_from_type_v2"
    ),
    id(g.UNTYPED): (g.UNTYPED, "torch.storage.UntypedStorage"),
}  # fmt: skip
for _kind in g.STORAGES.values():
    _NAMES[id(_kind)] = (_kind, f"torch.{_kind.name}")


class PicklerMixin:
    """A pickler that puts storages beside the pickle and uses PyTorch's names.

    Mixed into Python's own pickler written in Python, whose way of writing globals can be changed.
    """

    storages: dict[str, tuple[UntypedStorage, g.StorageKind]]
    proto: int
    memo: dict[int, Any]

    def __init__(self, file: Any, protocol: int, legacy: bool = False) -> None:
        super().__init__(file, protocol)  # type: ignore[call-arg]
        self.storages = {}
        self._keys: dict[tuple[int, int], str] = {}
        self._legacy = legacy

    def save(self, obj: Any, save_persistent_id: bool = True) -> Any:
        """Writes an object."""
        if isinstance(obj, Tensor) and id(obj) not in self.memo:
            return self.save_reduce(*_reduce(obj), obj=obj)  # type: ignore[attr-defined]
        if isinstance(obj, device) and id(obj) not in self.memo:
            parts = (obj.type,) if obj.index is None else (obj.type, obj.index)
            return self.save_reduce(device, parts, obj=obj)  # type: ignore[attr-defined]
        if isinstance(obj, Generator) and id(obj) not in self.memo:
            state = (obj.initial_seed(), None, obj.get_state())
            made = (Generator, (obj.device,), state)
            return self.save_reduce(*made, obj=obj)  # type: ignore[attr-defined]
        return super().save(obj, save_persistent_id)  # type: ignore[misc]

    def persistent_id(self, obj: Any) -> Any:
        """What stands for a storage."""
        if isinstance(obj, (UntypedStorage, TypedStorage)):
            dtype = obj.dtype if isinstance(obj, TypedStorage) else None
            return self._reference(untyped(obj), g.STORAGE_OF.get(dtype, g.UNTYPED))
        return None

    def _reference(self, storage: UntypedStorage, kind: g.StorageKind) -> tuple[Any, ...]:
        place = (storage.data_ptr(), storage.nbytes())
        key = self._keys.get(place) if place[1] else None
        if key is None:
            key = str(len(self.storages))
            self._keys[place] = key
            self.storages[key] = (storage, kind)
        elif self.storages[key][1] is not kind:
            raise RuntimeError(
                "Cannot save multiple tensors or storages that view the same data as different "
                f"types: {self.storages[key][1].name} and {kind.name}. Remedy: clone() one of them"
            )
        size = 1 if kind.dtype is None else kind.dtype.itemsize
        count = storage.nbytes() // size
        reference = ("storage", kind, key, location_tag(storage), count)
        return (*reference, None) if self._legacy else reference

    def save_global(self, obj: Any, name: str | None = None) -> None:
        """Writes a name; those of Lampas as PyTorch has them."""
        known = _NAMES.get(id(obj))
        if known is not None and known[0] is obj:
            module, _, short = known[1].rpartition(".")
        else:
            module = getattr(obj, "__module__", None) or ""
            if not isinstance(module, str):
                module = "lampas"  # the native types dtype and device describe their instances
            short = name or getattr(obj, "__qualname__", None) or obj.__name__
            if module.partition(".")[0] != "lampas" or "<" in short:
                super().save_global(obj, name)  # type: ignore[misc]
                return
            module = "torch" + module[len("lampas") :]
            if module.startswith("torch.nn.modules.") and getattr(nn, short, None) is obj:
                module = "torch.nn"  # where both have it, whatever the file it is written in
            elif module == "torch.nn.utils._weight_norm":
                module = "torch.nn.utils.weight_norm"
        write = self.write  # type: ignore[attr-defined]
        if self.proto >= 4:
            self.save(module)
            self.save(short)
            write(pickle.STACK_GLOBAL)
        else:
            write(pickle.GLOBAL + f"{module}\n{short}\n".encode())
        self.memoize(obj)  # type: ignore[attr-defined]

    def save_type(self, obj: Any) -> Any:
        """Writes a class."""
        if obj is type(None) or obj is type(NotImplemented) or obj is type(...):
            return super().save_type(obj)  # type: ignore[misc]
        return self.save_global(obj)

    dispatch = {**pickle._Pickler.dispatch, type: save_type}
    dispatch[FunctionType] = dispatch[g.StorageKind] = save_global


class _Pickler(PicklerMixin, pickle._Pickler):  # type: ignore[misc]
    pass


def _reduce(tensor: Tensor) -> tuple[Any, ...]:
    """How to make a tensor again, in PyTorch's words."""
    kind = type(tensor)
    own = kind.__reduce_ex__
    if own not in (Tensor.__reduce_ex__, nn.Parameter.__reduce_ex__, nn.Buffer.__reduce_ex__):
        return own(tensor, 2)
    if issubclass(kind, nn.Parameter):
        values = tensor.data.as_subclass(Tensor)
        state = dict(tensor.__dict__)
        args: tuple[Any, ...] = (values, tensor.requires_grad, OrderedDict())
        if kind is not nn.Parameter:
            return (_restore._rebuild_from_type, (_V2, kind, _reduce(values)[1], state))
        if state:
            return (_restore._rebuild_parameter_with_state, (*args, state))
        return (_restore._rebuild_parameter, args)
    function, arguments = _plain(tensor)
    state = {k: v for k, v in tensor.__dict__.items() if k != "_post_accumulate_grad_hooks"}
    if issubclass(kind, nn.Buffer):
        kind, state = Tensor, {**state, "_is_buffer": True}
    if kind is Tensor and not state:
        return function, arguments
    return (_restore._rebuild_from_type, (function, kind, arguments, state))


_V2 = _restore._rebuild_tensor_v2


def _plain(tensor: Tensor) -> tuple[Any, tuple[Any, ...]]:
    _warn_of_hooks(tensor)
    size, stride = tuple(tensor.shape), tuple(tensor.stride())
    if tensor.is_meta:
        arguments = (tensor.dtype, size, stride, tensor.requires_grad)
        return _restore._rebuild_meta_tensor_no_storage, arguments
    storage = TypedStorage(wrap_storage=tensor.untyped_storage(), dtype=tensor.dtype)
    offset = tensor.storage_offset()
    return _V2, (storage, offset, size, stride, tensor.requires_grad, OrderedDict())


def _warn_of_hooks(tensor: Tensor) -> None:
    for hook in (tensor._backward_hooks or {}).values():
        if not hasattr(hook, "__torch_unserializable__"):
            import warnings

            warnings.warn(
                f"backward hook {hook!r} on tensor will not be serialized. If this is expected, "
                "you can decorate the function with @torch.utils.hooks.unserializable_hook to "
                "suppress this warning",
                stacklevel=2,
            )


def _pickler_class(pickle_module: ModuleType) -> type:
    base = getattr(pickle_module, "Pickler", None)
    if base is pickle.Pickler:
        return _Pickler
    if isinstance(base, type) and issubclass(base, pickle._Pickler):
        return type("_Pickler", (PicklerMixin, base), {})
    raise ValueError(
        f"lampas.save: pickle_module {getattr(pickle_module, '__name__', pickle_module)!r} has no "
        "Pickler that is written in Python, which saving tensors needs. Remedy: leave "
        "pickle_module out"
    )


_checksums = True


def get_crc32_options() -> bool:
    """Whether `save` writes a CRC-32 of each record."""
    return _checksums


def set_crc32_options(compute_crc32: bool) -> None:
    """Sets whether `save` writes a CRC-32 of each record, by which `load` finds damage."""
    global _checksums
    _checksums = compute_crc32


def save(
    obj: object,
    f: PathOrFile,
    pickle_module: Any = pickle,
    pickle_protocol: int = 2,
    _use_new_zipfile_serialization: bool = True,
    _disable_byteorder_record: bool = False,
) -> None:
    """Writes an object to a file that PyTorch reads, too.

    Tensors that share memory share it again when they are loaded; a view brings all of its
    storage along. A path gets the new content whole or not at all. A dictionary of tensors goes to
    a path that ends in ``.safetensors`` in that format.

    Args:
        obj: a state dictionary, or anything that can be pickled.
        f: a path or a binary file.
        pickle_module: gives the pickler.
        pickle_protocol: of the pickle inside.

    Raises:
        RuntimeError: the path's folder does not exist; tensors of different dtypes share memory.
        AttributeError: `f` is no file.

    Example:
        >>> import io, lampas
        >>> file = io.BytesIO()
        >>> lampas.save({"weight": lampas.ones(2)}, file)
        >>> _ = file.seek(0)
        >>> lampas.load(file)
        {'weight': tensor([1., 1.])}
    """
    if is_path(f) and os.fspath(f).endswith(".safetensors"):
        from lampas.serialization.safetensors import save_file

        save_file(obj, f)  # type: ignore[arg-type]
        return
    kind = _pickler_class(pickle_module)
    with writing(f) as file:
        if not _use_new_zipfile_serialization:
            make = lambda out, legacy: kind(out, pickle_protocol, legacy)
            _legacy.save(obj, file, make, pickle_protocol)
            return
        buffer = io.BytesIO()
        pickler = kind(buffer, pickle_protocol)
        pickler.dump(obj)
        _write_zip(file, f, buffer.getbuffer(), pickler.storages, not _disable_byteorder_record)


def _write_zip(file: Any, f: PathOrFile, data: Any, storages: Any, byteorder: bool) -> None:
    name = os.path.splitext(os.path.basename(os.fspath(f)))[0] if is_path(f) else "archive"
    archive = ZipWriter(file, name or "archive", _checksums)
    archive.add("data.pkl", data)
    archive.add(".format_version", b"1")
    archive.add(".storage_alignment", str(ALIGNMENT).encode())
    if byteorder:
        archive.add("byteorder", sys.byteorder.encode())
    identity = 0
    for key, (storage, _) in storages.items():
        content = bytes_of(storage) if storage.nbytes() else b""
        archive.add(f"data/{key}", content)
        identity = hash((identity, archive.last_checksum, len(content)))
    archive.add("version", b"3\n")
    archive.add(".data/serialization_id", f"{identity % 10**40:040d}".encode())
    archive.finish()


__all__ = ["get_crc32_options", "save", "set_crc32_options"]
