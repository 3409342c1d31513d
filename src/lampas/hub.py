"""Models from folders and repositories that have a ``hubconf.py``, and weights from addresses.

A ``hubconf.py`` is a program: loading from a repository runs it. Weights are data: files that
:func:`load_state_dict_from_url` fetches run no code.
"""

from __future__ import annotations

import builtins
import hashlib
import importlib.util
import os
import re
import shutil
import sys
import tempfile
import zipfile
from types import ModuleType
from typing import Any
from urllib.parse import urlparse

__all__ = [
    "download_url_to_file", "get_dir", "help", "list", "load", "load_state_dict_from_url",
    "set_dir",
]  # fmt: skip

_CHUNK = 1 << 17
# In 'resnet18-bf5011fc.pth' the beginning of the file's SHA-256.
_HASH = re.compile(r"-([a-f0-9]*)\.")
_TRUSTED = "trusted_list"
_dir: str | None = None


def get_dir() -> str:
    """The folder for what is fetched: set by :func:`set_dir`, else ``$TORCH_HOME/hub``, else
    ``$XDG_CACHE_HOME/torch/hub``, else ``~/.cache/torch/hub``, so that PyTorch's is shared."""
    if _dir is not None:
        return _dir
    cache = os.path.join(os.getenv("XDG_CACHE_HOME", "~/.cache"), "torch")
    return os.path.join(os.path.expanduser(os.getenv("TORCH_HOME", cache)), "hub")


def set_dir(d: str | os.PathLike[str]) -> None:
    """Sets the folder for what is fetched.

    Example:
        >>> import lampas
        >>> before = lampas.hub.get_dir()
        >>> lampas.hub.set_dir("models")
        >>> lampas.hub.get_dir()
        'models'
        >>> lampas.hub.set_dir(before)
    """
    global _dir
    _dir = os.path.expanduser(os.fspath(d))


# ---- weights -------------------------------------------------------------------------------------
def download_url_to_file(
    url: str, dst: str, hash_prefix: str | None = None, progress: bool = True
) -> None:
    """Fetches a file; it is there whole or not at all.

    Args:
        url: http, https or file.
        dst: the path it gets.
        hash_prefix: how its SHA-256 begins.
        progress: show a bar on stderr.

    Raises:
        RuntimeError: the SHA-256 begins otherwise, or the file came incomplete.
        urllib.error.URLError: the address cannot be reached.
    """
    from urllib.request import Request, urlopen

    from lampas.serialization._files import writing

    digest = hashlib.sha256()
    done = 0
    with urlopen(Request(url, headers={"User-Agent": "lampas.hub"})) as source:
        length = source.headers.get("Content-Length")
        size = int(length) if length is not None else None
        # The checks stand inside: what fails them is never given its name.
        with writing(dst) as file, _bar(size, progress) as bar:
            while chunk := source.read(_CHUNK):
                file.write(chunk)
                digest.update(chunk)
                done += len(chunk)
                bar.update(len(chunk))
            if size is not None and done != size:
                raise RuntimeError(f"{url} came incomplete: {done} of {size} bytes; try again")
            found = digest.hexdigest()
            if hash_prefix is not None and not found.startswith(hash_prefix):
                raise RuntimeError(
                    f'invalid hash value (expected "{hash_prefix}", got "{found}"): {url} is '
                    "damaged or not the file it is taken for"
                )


def _bar(size: int | None, progress: bool) -> Any:
    from tqdm import tqdm

    return tqdm(total=size, disable=not progress, unit="B", unit_scale=True, unit_divisor=1024)


def load_state_dict_from_url(
    url: str,
    model_dir: str | None = None,
    map_location: Any = None,
    progress: bool = True,
    check_hash: bool = False,
    file_name: str | None = None,
    weights_only: bool = False,
) -> dict[str, Any]:
    """Loads a file of weights, fetched unless it was before.

    Args:
        url: where it is.
        model_dir: the folder it is kept in; default: ``checkpoints`` in :func:`get_dir`.
        map_location: as for :func:`lampas.load`.
        progress: show a bar on stderr.
        check_hash: check that its SHA-256 begins as its name says, ``name-<hash>.ext``.
        file_name: the name it is kept under; default: that in the address.
        weights_only: as for :func:`lampas.load`.

    Raises:
        RuntimeError: the SHA-256 begins otherwise.
    """
    from lampas.serialization import load as read

    folder = model_dir or os.path.join(get_dir(), "checkpoints")
    os.makedirs(folder, exist_ok=True)
    name = file_name or os.path.basename(urlparse(url).path)
    path = os.path.join(folder, name)
    if not os.path.exists(path):
        sys.stderr.write(f'Downloading: "{url}" to {path}\n')
        match = _HASH.search(name) if check_hash else None
        download_url_to_file(url, path, match.group(1) if match else None, progress)
    if zipfile.is_zipfile(path) and not _is_checkpoint(path):
        path = _unpacked(path, folder)
    return read(path, map_location=map_location, weights_only=weights_only)


def _is_checkpoint(path: str) -> bool:
    with zipfile.ZipFile(path) as z:
        return any(n == "data.pkl" or n.endswith("/data.pkl") for n in z.namelist())


def _unpacked(path: str, folder: str) -> str:
    """The one file in an old archive of weights."""
    with zipfile.ZipFile(path) as z:
        members = z.infolist()
        if len(members) != 1:
            raise RuntimeError("Only one file(not dir) is allowed in the zipfile")
        z.extract(members[0], folder)
        return os.path.join(folder, members[0].filename)


# ---- repositories --------------------------------------------------------------------------------
def load(
    repo_or_dir: str,
    model: str,
    *args: Any,
    source: str = "github",
    trust_repo: bool | str | None = None,
    force_reload: bool = False,
    verbose: bool = True,
    skip_validation: bool = False,
    **kwargs: Any,
) -> Any:
    """Calls a function of a ``hubconf.py``; this runs the program in that file.

    Args:
        repo_or_dir: a folder, or ``owner/name[:branch or tag]`` on GitHub.
        model: the function's name.
        args: its arguments.
        source: ``"local"`` or ``"github"``.
        trust_repo: run programs of a repository: True: yes; False: after asking; ``"check"`` or
            None: after asking unless it is trusted already.
        force_reload: fetch the repository again.
        verbose: say whether the fetched copy is used.
        skip_validation: do not ask GitHub whether the branch belongs to the repository.
        kwargs: its keyword arguments.

    Raises:
        ValueError: an unknown `source`.
        RuntimeError: no such function; a package that it needs is missing; not trusted.
    """
    folder = _folder(repo_or_dir, source, trust_repo, force_reload, verbose, skip_validation)
    return _entry(folder, model)(*args, **kwargs)


def list(
    github: str,
    force_reload: bool = False,
    skip_validation: bool = False,
    trust_repo: bool | str | None = None,
    verbose: bool = True,
    *,
    source: str = "github",
) -> builtins.list[str]:
    """The names of the functions of a ``hubconf.py``; arguments as for :func:`load`."""
    folder = _folder(github, source, trust_repo, force_reload, verbose, skip_validation)
    module = _hubconf(folder)
    return [n for n in dir(module) if callable(getattr(module, n)) and not n.startswith("_")]


def help(
    github: str,
    model: str,
    force_reload: bool = False,
    skip_validation: bool = False,
    trust_repo: bool | str | None = None,
    *,
    source: str = "github",
) -> str | None:
    """The documentation of a function of a ``hubconf.py``; arguments as for :func:`load`."""
    folder = _folder(github, source, trust_repo, force_reload, True, skip_validation)
    return _entry(folder, model).__doc__


def _folder(
    repo: str, source: str, trust: Any, force_reload: bool, verbose: bool, skip_validation: bool
) -> str:
    if source == "local":
        if not os.path.isfile(os.path.join(repo, "hubconf.py")):
            raise FileNotFoundError(f"hub: {os.path.abspath(repo)} has no hubconf.py")
        return repo
    if source != "github":
        raise ValueError(f'Unknown source: "{source}". Allowed values: "github" | "local".')
    return _fetched(repo, trust, force_reload, verbose, skip_validation)


def _hubconf(folder: str) -> ModuleType:
    path = os.path.join(folder, "hubconf.py")
    spec = importlib.util.spec_from_file_location("hubconf", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # The repository's own modules are found while its program is read.
    sys.path.insert(0, folder)
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(folder)
    return module


def _entry(folder: str, name: str) -> Any:
    if not isinstance(name, str):
        raise ValueError(f"Invalid input: model should be a str of function name, not {name!r}")
    module = _hubconf(folder)
    needed = getattr(module, "dependencies", [])
    missing = [d for d in needed if not _importable(d)]
    if missing:
        raise RuntimeError(f"Missing dependencies: {', '.join(missing)}")
    function = getattr(module, name, None)
    if not callable(function):
        import difflib

        near = difflib.get_close_matches(name, dir(module), n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise RuntimeError(f"Cannot find callable {name} in hubconf{hint}")
    return function


def _importable(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False


# ---- GitHub --------------------------------------------------------------------------------------
def _parse(repo: str) -> tuple[str, str, str | None]:
    match = re.fullmatch(r"([\w.-]+)/([\w.-]+)(?::(.+))?", repo)
    if match is None:
        raise ValueError(f"hub: {repo!r} should be 'owner/name' or 'owner/name:branch'")
    return match[1], match[2], match[3]


def _fetched(repo: str, trust: Any, force_reload: bool, verbose: bool, skip: bool) -> str:
    owner, name, ref = _parse(repo)
    hub = get_dir()
    os.makedirs(hub, exist_ok=True)
    _ask_for_trust(f"{owner}_{name}", f"{owner}/{name}", trust, hub)
    ref = ref or _default_branch(owner, name)
    folder = os.path.join(hub, f"{owner}_{name}_{ref}".replace("/", "_"))
    if os.path.isdir(folder) and not force_reload:
        if verbose:
            sys.stderr.write(f"Using cache found in {folder}\n")
        return folder
    if not skip:
        _check_ref(owner, name, ref)
    _download_repository(f"https://github.com/{owner}/{name}/zipball/{ref}", folder, hub)
    return folder


def _ask_for_trust(key: str, repo: str, trust: Any, hub: str) -> None:
    if trust not in (True, False, None, "check"):
        raise ValueError(f"hub: trust_repo should be True, False, None or 'check', not {trust!r}")
    path = os.path.join(hub, _TRUSTED)
    known = open(path, encoding="utf-8").read().split() if os.path.exists(path) else []
    if key in known and trust is not False:
        return
    if trust is not True:
        answer = input(
            f"The repository {repo} does not belong to the list of trusted repositories; loading "
            "from it runs its program. Do you trust this repository and wish to add it to the "
            "trusted list of repositories (y/N)?"
        )
        if answer.strip().lower() not in ("y", "yes"):
            raise RuntimeError("Untrusted repository.")
    if key not in known:
        with open(path, "a", encoding="utf-8") as file:
            file.write(key + "\n")


def _answer(url: str) -> Any:
    import json
    from urllib.request import Request, urlopen

    headers = {"Accept": "application/vnd.github.v3+json", "User-Agent": "lampas.hub"}
    token = os.environ.get("GITHUB_TOKEN")
    if token:
        headers["Authorization"] = f"token {token}"
    with urlopen(Request(url, headers=headers)) as source:
        return json.load(source)


def _default_branch(owner: str, name: str) -> str:
    from urllib.error import HTTPError, URLError
    from urllib.request import urlopen

    try:
        with urlopen(f"https://github.com/{owner}/{name}/tree/main/"):
            return "main"
    except HTTPError as e:
        if e.code == 404:
            return "master"
        raise
    except URLError as e:
        # Without a network, what was fetched before.
        for ref in ("main", "master"):
            if os.path.exists(os.path.join(get_dir(), f"{owner}_{name}_{ref}")):
                return ref
        raise RuntimeError(
            "It looks like there is no internet connection and the repo could not be found in the "
            f"cache ({get_dir()})"
        ) from e


def _check_ref(owner: str, name: str, ref: str) -> None:
    # A commit of a fork can be reached under the repository's own address.
    for kind in ("branches", "tags"):
        for page in range(1, 101):
            rows = _answer(
                f"https://api.github.com/repos/{owner}/{name}/{kind}?per_page=100&page={page}"
            )
            if any(ref == r["name"] or r["commit"]["sha"].startswith(ref) for r in rows):
                return
            if not rows:
                break
    raise ValueError(
        f"Cannot find {ref} in https://github.com/{owner}/{name}. If it's a commit from a forked "
        "repo, please call hub.load() with forked repo directly."
    )


def _download_repository(url: str, folder: str, hub: str) -> None:
    with tempfile.TemporaryDirectory(dir=hub) as work:
        path = os.path.join(work, "repository.zip")
        download_url_to_file(url, path, progress=False)
        inside = os.path.join(work, "inside")
        with zipfile.ZipFile(path) as z:
            z.extractall(inside)
        (root,) = os.listdir(inside)
        if os.path.isdir(folder):
            shutil.rmtree(folder)
        os.replace(os.path.join(inside, root), folder)
