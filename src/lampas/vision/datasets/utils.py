"""Fetching and checking dataset files."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import tarfile

_CHUNK = 1 << 18
_SECONDS_OF_SILENCE = 30
_USER_AGENT = "lampas"
# What another mirror cannot help with.
_OF_THIS_MACHINE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)


def calculate_md5(fpath: str | Path, chunk_size: int = 1024 * 1024) -> str:
    """The MD5 sum of a file, in hexadecimal. It tells damage, not tampering."""
    import hashlib

    digest = hashlib.md5(usedforsecurity=False)
    with open(fpath, "rb") as file:
        while chunk := file.read(chunk_size):
            digest.update(chunk)
    return digest.hexdigest()


def check_md5(fpath: str | Path, md5: str, **kwargs: Any) -> bool:
    """Whether the file has this MD5 sum."""
    return md5 == calculate_md5(fpath, **kwargs)


def check_integrity(fpath: str | Path, md5: str | None = None) -> bool:
    """Whether the file exists and, if a sum is given, has it."""
    if not os.path.isfile(fpath):
        return False
    return md5 is None or check_md5(fpath, md5)


def verify_str_arg(
    value: Any, arg: str | None = None, valid_values: Iterable[str] | None = None
) -> str:
    """``value`` if it is one of ``valid_values``.

    Raises:
        ValueError: it is not, or is no string.

    >>> verify_str_arg("train", "split", ("train", "test"))
    'train'
    """
    name = "" if arg is None else f" for argument {arg}"
    if not isinstance(value, str):
        raise ValueError(f"Expected type str{name}, but got type {type(value)}.")
    if valid_values is not None and value not in (valid := tuple(valid_values)):
        raise ValueError(f"Unknown value '{value}'{name}. Valid values are {valid}.")
    return value


class DownloadError(RuntimeError):
    """No mirror gave the file; the text lists each with its failure and says what to do."""


def download(urls: Sequence[str], folder: str | Path, filename: str, md5: str | None = None) -> str:
    """Fetches a file from the first mirror that has it, whole, and returns its path.

    A file that is there with the right sum is kept. What arrived before an interruption stays in
    ``<filename>.part`` and the next attempt asks only for the rest. The file gets its name when it
    is complete and its sum is right, so a file by that name is never half a file.

    Raises:
        DownloadError: all mirrors failed.
        OSError: the folder cannot be written, or the disk is full.
    """
    from http.client import HTTPException

    path = os.path.join(os.path.expanduser(folder), filename)
    if check_integrity(path, md5):
        return path
    os.makedirs(os.path.dirname(path), exist_ok=True)
    failures = []
    with _alone_in(os.path.dirname(path)):
        if check_integrity(path, md5):
            return path  # another process fetched it meanwhile
        for url in urls:
            try:
                _fetch(url, f"{path}.part", md5)
            except (OSError, ValueError, HTTPException) as error:  # urllib's are OSErrors
                if getattr(error, "errno", None) in _OF_THIS_MACHINE:
                    raise
                failures.append(f"  {url}\n    {_reason(error)}")
                continue
            os.replace(f"{path}.part", path)
            return path
    sum_text = f" (MD5 {md5})" if md5 else ""
    raise DownloadError(
        f"Could not download {filename}:\n"
        + "\n".join(failures)
        + f"\nWithout a network, get the file{sum_text} elsewhere and put it at\n  {path}"
    )


@contextlib.contextmanager
def _alone_in(folder: str) -> Iterator[None]:
    """Waits until no other process downloads into ``folder``: ranks often start together."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _reason(error: BaseException) -> str:
    import urllib.error

    if isinstance(error, urllib.error.HTTPError):
        return f"the server answers {error.code} {error.reason}"
    if isinstance(error, urllib.error.URLError):
        return f"cannot be reached: {error.reason}"
    return f"{type(error).__name__}: {error}"


def _fetch(url: str, part: str, md5: str | None) -> None:
    """Fetches ``url`` into ``part``, going on where an earlier attempt stopped."""
    import urllib.error

    have = os.path.getsize(part) if os.path.exists(part) else 0
    try:
        _receive(url, part, have)
    except urllib.error.HTTPError as error:
        # 416: there is nothing beyond what we have, or what we have is of another file.
        if error.code != 416 or not have:
            raise
        if not check_integrity(part, md5):
            _receive(url, part, 0)
    if md5 is None or check_md5(part, md5):
        return
    found = calculate_md5(part)
    os.remove(part)
    if have:
        # The earlier part may have come from another mirror with other bytes.
        return _fetch(url, part, md5)
    raise ValueError(f"the file is damaged or another one: its MD5 sum is {found}, not {md5}")


def _receive(url: str, part: str, have: int) -> None:
    import urllib.request

    headers = {"User-Agent": _USER_AGENT}
    if have:
        headers["Range"] = f"bytes={have}-"
    request = urllib.request.Request(url, headers=headers)
    with urllib.request.urlopen(request, timeout=_SECONDS_OF_SILENCE) as response:
        resumed = have > 0 and response.status == 206
        length = response.headers.get("Content-Length")
        total = None if length is None else int(length) + (have if resumed else 0)
        done = have if resumed else 0
        with open(part, "ab" if resumed else "wb") as file, _progress(url, total, done) as bar:
            while chunk := response.read1(_CHUNK):  # as it comes, so that a silence loses nothing
                file.write(chunk)
                done += len(chunk)
                bar.update(len(chunk))
    if total is not None and done < total:
        raise ConnectionError(f"the connection ended after {done} of {total} bytes")


def _progress(url: str, total: int | None, done: int) -> Any:
    from tqdm import tqdm

    name = _file_name(url) or url
    return tqdm(
        desc=name, total=total, initial=done, unit="B", unit_scale=True, file=sys.stderr, leave=True
    )


def _file_name(url: str) -> str:
    from urllib.parse import urlparse

    return os.path.basename(urlparse(url).path)


def download_url(
    url: str,
    root: str | Path,
    filename: str | Path | None = None,
    md5: str | None = None,
    max_redirect_hops: int = 3,
) -> None:
    """Fetches one file into the folder ``root``; redirections are followed.

    Raises:
        DownloadError: it cannot be had, or its MD5 sum is wrong.
    """
    name = str(filename) if filename else _file_name(url)
    download([url], root, name, md5)


def extract_archive(
    from_path: str | Path, to_path: str | Path | None = None, remove_finished: bool = False
) -> str:
    """Unpacks ``.tar[.*]``, ``.tgz``, ``.zip``, ``.gz``, ``.bz2`` or ``.xz``.

    Members of an archive cannot land outside of the folder. Returns the folder, or the file that
    a plain compressed file became.

    Raises:
        RuntimeError: the suffix is none of these.
        ValueError: a member's path leads outside of the folder.
    """
    import shutil
    import tarfile
    import zipfile

    source = str(from_path)
    folder = os.path.dirname(source) if to_path is None else str(to_path)
    if source.endswith((".tar", ".tgz", ".tbz2", ".tbz", ".txz")) or ".tar." in source:
        result = folder
        with tarfile.open(source, "r:*") as tar:
            _extract_tar(tar, folder)
    elif source.endswith(".zip"):
        result = folder
        with zipfile.ZipFile(source) as archive:
            archive.extractall(folder)  # drops absolute paths and `..` by itself
    elif (suffix := os.path.splitext(source)[1]) in (".gz", ".bz2", ".xz"):
        result = os.path.splitext(source)[0] if to_path is None else str(to_path)
        if os.path.isdir(result):
            result = os.path.join(result, os.path.basename(os.path.splitext(source)[0]))
        with open_compressed(source, suffix) as packed, atomic_writer(result) as file:
            shutil.copyfileobj(packed, file, _CHUNK)
    else:
        raise RuntimeError(
            f"Cannot tell how to unpack {source}: known are .tar, .tgz, .zip, .gz, .bz2, .xz"
        )
    if remove_finished:
        os.remove(source)
    return result


def _extract_tar(tar: tarfile.TarFile, folder: str) -> None:
    import tarfile

    if hasattr(tarfile, "data_filter"):
        tar.extractall(folder, filter="data")
        return
    root = os.path.realpath(folder)
    for member in tar.getmembers():
        target = os.path.realpath(os.path.join(root, member.name))
        plain = member.isfile() or member.isdir()
        if not plain or os.path.commonpath([root, target]) != root:
            raise ValueError(f"{member.name} in the archive leads outside of {folder}")
    tar.extractall(folder)


def download_and_extract_archive(
    url: str,
    download_root: str | Path,
    extract_root: str | Path | None = None,
    filename: str | Path | None = None,
    md5: str | None = None,
    remove_finished: bool = False,
) -> None:
    """Fetches an archive and unpacks it."""
    folder = os.path.expanduser(download_root)
    name = str(filename) if filename else _file_name(url)
    path = download([url], folder, name, md5)
    extract_archive(path, folder if extract_root is None else extract_root, remove_finished)


def open_compressed(path: str | Path, suffix: str | None = None) -> Any:
    """Opens a file for reading bytes, uncompressed by its suffix (``.gz``, ``.bz2``, ``.xz``)."""
    suffix = os.path.splitext(path)[1] if suffix is None else suffix
    if suffix == ".gz":
        import gzip

        return gzip.open(path, "rb")
    if suffix == ".bz2":
        import bz2

        return bz2.open(path, "rb")
    if suffix == ".xz":
        import lzma

        return lzma.open(path, "rb")
    return open(path, "rb")


@contextlib.contextmanager
def atomic_writer(path: str) -> Any:
    """A binary file that gets the name ``path`` only when it is complete."""
    import tempfile

    folder, name = os.path.split(path)
    handle, temporary = tempfile.mkstemp(prefix=f".{name}.", dir=folder or ".")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def list_dir(root: str | Path, prefix: bool = False) -> list[str]:
    """The folders in ``root``, with its path in front if ``prefix``."""
    root = os.path.expanduser(root)
    names = [name for name in os.listdir(root) if os.path.isdir(os.path.join(root, name))]
    return [os.path.join(root, name) for name in names] if prefix else names


def list_files(root: str | Path, suffix: str, prefix: bool = False) -> list[str]:
    """The files in ``root`` that end in ``suffix``, with its path in front if ``prefix``."""
    root = os.path.expanduser(root)
    names = [
        name
        for name in os.listdir(root)
        if os.path.isfile(os.path.join(root, name)) and name.endswith(suffix)
    ]
    return [os.path.join(root, name) for name in names] if prefix else names
