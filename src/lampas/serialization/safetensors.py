"""The safetensors format: a header in JSON, then the tensors' bytes.

Source: https://github.com/huggingface/safetensors. Eight bytes give the header's length; the header
gives each tensor's dtype, shape and place; nothing may overlap or be left over.
"""

from __future__ import annotations

import json
import mmap as _mmap
import os
import sys
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from lampas import _C
from lampas._tensor import Tensor
from lampas.nn import Module
from lampas.serialization._files import PathOrFile, is_path, name_of, reading, size_of, writing
from lampas.serialization._storages import bytes_of, empty, over
from lampas.serialization._zip import read_full

HEADER_LIMIT = 100_000_000
_ALIGNMENT = 8
_DTYPES = {
    "BOOL": _C.bool, "U8": _C.uint8, "I8": _C.int8, "I16": _C.int16, "I32": _C.int32,
    "I64": _C.int64, "F16": _C.float16, "BF16": _C.bfloat16, "F32": _C.float32, "F64": _C.float64,
    "C64": _C.complex64,
}  # fmt: skip
_NAMES = {d: n for n, d in _DTYPES.items()}


class SafetensorError(RuntimeError):
    """A file that breaks the format's rules."""


# ---- writing -------------------------------------------------------------------------------------
def save_file(
    tensors: Mapping[str, Tensor], filename: PathOrFile, metadata: dict[str, str] | None = None
) -> None:
    """Writes tensors by name; a path gets the new content whole or not at all.

    Args:
        tensors: any shapes and strides; each is written contiguous.
        filename: a path or a binary file.
        metadata: texts by name, for the header.

    Raises:
        ValueError: not a dictionary of texts to tensors; a dtype that the format lacks.
        RuntimeError: tensors that share memory, which the format cannot say.

    Example:
        >>> import os, tempfile, lampas
        >>> from lampas.serialization import safetensors
        >>> path = os.path.join(tempfile.mkdtemp(), "x.safetensors")
        >>> safetensors.save_file({"x": lampas.arange(3)}, path)
        >>> safetensors.load_file(path)
        {'x': tensor([0, 1, 2])}
    """
    head, ordered = _plan(tensors, metadata)
    with writing(filename) as file:
        file.write(head)
        for tensor in ordered:
            if tensor.numel():
                file.write(_content(tensor))


def save(tensors: Mapping[str, Tensor], metadata: dict[str, str] | None = None) -> bytes:
    """As `save_file`, but gives the bytes."""
    head, ordered = _plan(tensors, metadata)
    return b"".join([head, *(bytes(_content(t)) for t in ordered if t.numel())])


def _content(tensor: Tensor) -> memoryview:
    flat = tensor.detach().contiguous()
    start, size = flat.storage_offset() * flat.itemsize, flat.nbytes
    content = bytes_of(flat.untyped_storage())[start : start + size]
    if sys.byteorder != "little":
        width = flat.itemsize // (2 if flat.dtype.is_complex else 1)
        if width > 1:
            import numpy as np

            return memoryview(np.frombuffer(content, f"u{width}").byteswap()).cast("B")
    return content


def _plan(
    tensors: Mapping[str, Tensor], metadata: dict[str, str] | None
) -> tuple[bytes, list[Tensor]]:
    _check(tensors, metadata)
    # As the format's own writer: large elements first, so that all are aligned.
    names = sorted(tensors, key=lambda n: (-tensors[n].itemsize, n))
    header: dict[str, Any] = {"__metadata__": metadata} if metadata else {}
    at = 0
    for name in names:
        tensor = tensors[name]
        end = at + tensor.numel() * tensor.itemsize
        shape = list(tensor.shape)
        header[name] = {
            "dtype": _NAMES[tensor.dtype], "shape": shape, "data_offsets": [at, end],
        }  # fmt: skip
        at = end
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    return len(text).to_bytes(8, "little") + text, [tensors[n] for n in names]


def _check(tensors: Any, metadata: Any) -> None:
    if not isinstance(tensors, Mapping):
        raise ValueError(
            f"safetensors: expected a dictionary from names to tensors, got "
            f"{type(tensors).__name__}. Remedy: save model.state_dict(), or use a path that does "
            "not end in .safetensors"
        )
    places: dict[int, list[str]] = {}
    for name, tensor in tensors.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            raise ValueError(
                f"safetensors: entry {name!r} is a {type(tensor).__name__}: the format holds "
                "tensors by name and nothing else. Remedy: use a path that does not end in "
                ".safetensors, or save the tensors alone"
            )
        if name == "__metadata__":
            raise ValueError("safetensors: no tensor can be called '__metadata__'")
        if tensor.dtype not in _NAMES:
            raise ValueError(f"safetensors: {name!r} has dtype {tensor.dtype}, which it lacks")
        if tensor.is_meta:
            raise ValueError(f"safetensors: {name!r} is a meta tensor, which has no data")
        if tensor.numel():
            places.setdefault(tensor.untyped_storage().data_ptr(), []).append(name)
    shared = [names for names in places.values() if _overlap([tensors[n] for n in names])]
    if shared:
        raise RuntimeError(
            f"Some tensors share memory, this will lead to duplicate memory on disk and potential "
            f"differences when loading them again: {shared}. Remedy: save_model(model, path), "
            "which keeps one of each; or clone() them; or a path that does not end in .safetensors"
        )
    if metadata is not None and not all(
        isinstance(k, str) and isinstance(v, str) for k, v in metadata.items()
    ):
        raise ValueError("safetensors: metadata must be texts by name")


def _overlap(tensors: list[Tensor]) -> bool:
    if len(tensors) < 2:
        return False
    spans = sorted(
        (
            t.data_ptr(),
            t.data_ptr()
            + t.itemsize * (1 + sum((n - 1) * s for n, s in zip(t.shape, t.stride(), strict=True))),
        )
        for t in tensors
    )
    return any(b[0] < a[1] for a, b in pairwise(spans))


# ---- reading -------------------------------------------------------------------------------------
def load_file(filename: PathOrFile, device: Any = "cpu", mmap: bool = False) -> dict[str, Tensor]:
    """The tensors of a file by name.

    Args:
        filename: a path or a binary file.
        device: ``"cpu"`` or ``"meta"``.
        mmap: look at the file's bytes in place instead of reading them; for paths.

    Raises:
        SafetensorError: a file that is cut or damaged.
    """
    with reading(filename) as file:
        mapped = filename if mmap and is_path(filename) else None
        tensors = read(file, name_of(filename), mapped)[0]
    return {k: t.to(device) for k, t in tensors.items()}


def load(data: bytes) -> dict[str, Tensor]:
    """The tensors in the bytes of a file, by name."""
    import io

    return read(io.BytesIO(data), "<bytes>")[0]


def read(
    file: Any, name: str, mapped: PathOrFile | None = None
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors and the metadata of an open file."""
    header, start, metadata = read_header(file, name)
    mapping = None
    if mapped is not None and sys.byteorder == "little":
        with open(mapped, "rb") as same:
            mapping = memoryview(_mmap.mmap(same.fileno(), 0, access=_mmap.ACCESS_COPY))
    tensors = {k: _tensor(file, name, k, entry, start, mapping) for k, entry in header.items()}
    return tensors, metadata


def _tensor(
    file: Any, name: str, key: str, entry: Any, start: int, mapping: memoryview | None
) -> Tensor:
    dtype, shape, (begin, end) = _DTYPES[entry["dtype"]], entry["shape"], entry["data_offsets"]
    if mapping is not None and (start + begin) % dtype.itemsize == 0:
        storage = over(mapping[start + begin : start + end])
    else:
        storage = empty(end - begin)
        if end > begin:
            file.seek(start + begin)
            if read_full(file, bytes_of(storage)) != end - begin:
                raise SafetensorError(f"{name} is cut inside tensor {key!r}")
    width = dtype.itemsize // (2 if dtype.is_complex else 1)
    if sys.byteorder != "little" and width > 1:
        storage._bytes.numpy().view(f"u{width}").byteswap(inplace=True)
    stride, step = [], 1
    for n in reversed(shape):
        stride.append(step)
        step *= max(n, 1)
    return storage._tensor(dtype, tuple(shape), tuple(reversed(stride)), 0)


def read_header(file: Any, name: str) -> tuple[dict[str, Any], int, dict[str, str]]:
    """The entries by name, where the data begin, and the metadata; all rules are checked."""
    size, begin = size_of(file), file.tell()
    head = file.read(8)
    length = int.from_bytes(head, "little")
    if len(head) < 8 or length > HEADER_LIMIT or begin + 8 + length > size:
        raise SafetensorError(
            f"{name} is cut or no safetensors file: its header is said to have {length} bytes, "
            f"the file has {size}"
        )
    try:
        header = json.loads(file.read(length).decode(), object_pairs_hook=_unique)
        metadata = header.pop("__metadata__", None) or {}
        if not isinstance(metadata, dict) or not all(map(_is_text, metadata.values())):
            raise ValueError("its metadata are not texts by name")
        entries = sorted(header.items(), key=lambda kv: kv[1]["data_offsets"])
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError) as e:
        raise SafetensorError(f"{name} is damaged: its header, bytes 8 to {8 + length}: {e}") from e
    start, at = begin + 8 + length, 0
    for key, entry in entries:
        at = _check_entry(name, key, entry, at)
    if start + at != size:
        word = "cut" if start + at > size else "damaged"
        raise SafetensorError(
            f"{name} is {word}: its tensors end at byte {start + at}, the file at byte {size}"
        )
    return header, start, metadata


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [k for k, _ in pairs]
        raise ValueError(f"it names {next(k for k in names if names.count(k) > 1)!r} twice")
    return found


def _check_entry(name: str, key: str, entry: Any, at: int) -> int:
    """Where the entry ends, which has to begin where the one before it ended."""
    try:
        dtype, shape, (begin, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
        sound = _is_text(dtype) and all(type(n) is int and n >= 0 for n in [*shape, begin, end])
    except (KeyError, TypeError, ValueError):
        sound = False
    if not sound:
        raise SafetensorError(f"{name} is damaged: what its header says of {key!r}: {entry!r:.200}")
    if dtype not in _DTYPES:
        raise SafetensorError(
            f"{name}: tensor {key!r} has dtype {dtype}, which Lampas lacks; it has "
            f"{', '.join(_DTYPES)}"
        )
    count = 1
    for n in shape:
        count *= n
    if begin != at or end - begin != count * _DTYPES[dtype].itemsize:
        raise SafetensorError(
            f"{name} is damaged: tensor {key!r} of {dtype} {shape} is said to be at bytes {begin} "
            f"to {end} of the data; the tensor before it ends at {at}"
        )
    return end


class safe_open:
    """Opens a file to read some of its tensors.

    Args:
        filename: a path.
        framework: ``"pt"``.
        device: ``"cpu"``.

    Example:
        >>> import os, tempfile, lampas
        >>> from lampas.serialization import safetensors
        >>> path = os.path.join(tempfile.mkdtemp(), "x.safetensors")
        >>> safetensors.save_file({"x": lampas.arange(3)}, path, {"made": "here"})
        >>> with safetensors.safe_open(path) as f:
        ...     f.keys(), f.metadata(), f.get_tensor("x")
        (['x'], {'made': 'here'}, tensor([0, 1, 2]))
    """

    def __init__(
        self, filename: str | os.PathLike[str], framework: str = "pt", device: Any = "cpu"
    ) -> None:
        if framework not in ("pt", "torch", "pytorch", "lampas"):
            raise ValueError(f"framework must be 'pt', not {framework!r}")
        self._name, self._device = name_of(filename), device
        self._opened = reading(filename)
        self._file = self._opened.__enter__()
        try:
            self._header, self._start, self._metadata = read_header(self._file, self._name)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> safe_open:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def keys(self) -> list[str]:
        """The names of all tensors."""
        return list(self._header)

    def offset_keys(self) -> list[str]:
        """The names in the order of the data."""
        return sorted(self._header, key=lambda k: self._header[k]["data_offsets"])

    def __iter__(self) -> Iterator[str]:
        return iter(self._header)

    def metadata(self) -> dict[str, str] | None:
        """The texts of the header."""
        return dict(self._metadata) or None

    def get_tensor(self, name: str) -> Tensor:
        """One tensor."""
        if name not in self._header:
            import difflib

            near = difflib.get_close_matches(name, self._header, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise SafetensorError(f"{self._name} does not contain tensor {name!r}{hint}")
        entry = self._header[name]
        return _tensor(self._file, self._name, name, entry, self._start, None).to(self._device)

    def get_slice(self, name: str) -> Any:
        """A tensor to be indexed: ``get_slice("x")[:10]``."""
        return _Slice(self.get_tensor(name))


class _Slice:
    def __init__(self, tensor: Tensor) -> None:
        self._tensor = tensor

    def __getitem__(self, index: Any) -> Tensor:
        return self._tensor[index].clone()

    def get_shape(self) -> list[int]:
        return list(self._tensor.shape)

    def get_dtype(self) -> str:
        return _NAMES[self._tensor.dtype]


# ---- models --------------------------------------------------------------------------------------
def save_model(model: Module, filename: PathOrFile, metadata: dict[str, str] | None = None) -> None:
    """Writes a model's state; of tensors that are the same memory one is kept, the header says
    which.

    Raises:
        RuntimeError: tensors that share part of their memory.
    """
    kept: dict[Any, str] = {}
    tensors, notes = {}, dict(metadata or {})
    for name, tensor in model.state_dict().items():
        place = (tensor.data_ptr(), tuple(tensor.shape), tensor.stride(), tensor.dtype)
        if tensor.numel() and place in kept:
            notes[name] = kept[place]
        else:
            kept[place] = name
            tensors[name] = tensor
    save_file(tensors, filename, notes)


def load_model(
    model: Module, filename: PathOrFile, strict: bool = True, device: Any = "cpu"
) -> tuple[list[str], list[str]]:
    """Loads what `save_model` wrote into a model.

    Returns:
        Names that are missing, names that are unexpected; both empty if ``strict``.
    """
    with reading(filename) as file:
        tensors, notes = read(file, name_of(filename))
    for name, source in notes.items():
        if name not in tensors and source in tensors:
            tensors[name] = tensors[source]
    missing, unexpected = model.load_state_dict(tensors, strict=strict)
    return list(missing), list(unexpected)


__all__ = [
    "SafetensorError", "load", "load_file", "load_model", "safe_open", "save", "save_file",
    "save_model",
]  # fmt: skip
