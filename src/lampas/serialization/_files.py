"""Files as save and load see them: paths written atomically, file objects as they are."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from typing import Any, Union

PathOrFile = Union[str, "os.PathLike[str]", Any]


def is_path(f: PathOrFile) -> bool:
    """Whether `f` names a file rather than being one."""
    return isinstance(f, (str, os.PathLike))


def name_of(f: PathOrFile) -> str:
    """What messages call the file."""
    if is_path(f):
        return os.fspath(f)
    name = getattr(f, "name", None)
    return name if isinstance(name, str) else f"<{type(f).__name__}>"


@contextlib.contextmanager
def writing(f: PathOrFile) -> Iterator[Any]:
    """A binary file to write to; a path gets its new content whole or not at all.

    The content goes to a temporary file beside the target, is brought to the disk and then takes
    the target's name. A crash at any moment leaves the old file or the new one.

    Raises:
        RuntimeError: the folder of the path does not exist; the path is a folder.
        AttributeError: `f` is neither a path nor has a ``write`` method.
    """
    if not is_path(f):
        if not hasattr(f, "write"):
            raise AttributeError(
                "expected 'f' to be string, path, or a file-like object with a 'write' attribute, "
                f"not {type(f).__name__}"
            )
        yield f
        if hasattr(f, "flush"):
            f.flush()
        return
    # A link keeps pointing where it pointed.
    target = os.path.realpath(os.fspath(f))
    folder = os.path.dirname(target)
    if not os.path.isdir(folder):
        raise RuntimeError(
            f"Parent directory {folder} does not exist. Create it first: "
            f"os.makedirs({folder!r}, exist_ok=True)"
        )
    if os.path.isdir(target):
        raise RuntimeError(f"{target} is a folder. Remedy: give the name of a file inside it")
    mode = os.stat(target).st_mode if os.path.exists(target) else None
    if mode is not None and not stat.S_ISREG(mode):
        with open(target, "wb") as file:  # a device or a pipe cannot be replaced
            yield file
        return
    with _beside(target, mode) as file:
        yield file


@contextlib.contextmanager
def _beside(target: str, mode: int | None) -> Iterator[Any]:
    folder, base = os.path.split(target)
    part = os.path.join(folder, f".{base[:200]}.{os.getpid()}.{os.urandom(4).hex()}.part")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    descriptor = os.open(part, flags, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            os.chmod(part, stat.S_IMODE(mode))
        os.replace(part, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(part)
        raise
    _sync_folder(folder)


def _sync_folder(folder: str) -> None:
    # The new name, too, has to reach the disk. Some file systems cannot do that for folders.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def reading(f: PathOrFile) -> Iterator[Any]:
    """A binary file to read from.

    Raises:
        FileNotFoundError: there is no such file; the message names files that are called alike.
        AttributeError: `f` cannot be read or seeked.
        TypeError: `f` is open for text.
    """
    if not is_path(f):
        for method in ("read", "seek", "tell"):
            if not hasattr(f, method):
                raise AttributeError(
                    f"{type(f).__name__!r} object has no attribute {method!r}. You can only load "
                    "from a path or a file that is seekable. Remedy: read the data into an "
                    "io.BytesIO and load from that"
                )
        opened: Any = f
        if isinstance(opened.read(0), str):
            raise TypeError(
                f"{name_of(f)} is open for text, and files of tensors are bytes. Remedy: open it "
                "with mode 'rb'"
            )
        yield f
        return
    path = os.fspath(f)
    try:
        file = open(path, "rb")
    except FileNotFoundError as e:
        raise FileNotFoundError(e.errno, str(e.strerror) + _alike(path), path) from None
    with file:
        yield file


def _alike(path: str) -> str:
    import difflib

    folder, base = os.path.split(os.path.abspath(path))
    if not os.path.isdir(folder):
        return f" (nor is there a folder {folder})"
    near = difflib.get_close_matches(base, os.listdir(folder), n=2)
    return f" (did you mean {' or '.join(near)}?)" if near else ""


def size_of(file: Any) -> int:
    """The number of bytes in a file."""
    here = file.tell()
    size = file.seek(0, os.SEEK_END)
    file.seek(here)
    return size if isinstance(size, int) else 0
