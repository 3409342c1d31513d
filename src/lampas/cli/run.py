"""`lampas run`: a PyTorch program, unmodified, on Lampas."""

from __future__ import annotations

import argparse
import builtins
import importlib.util
import io
import os
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import SourceFileLoader
from types import ModuleType
from typing import Any

from lampas.cli import UsageError

EPILOG = """\
examples:
  lampas run train.py --epochs 3      a script with its arguments
  lampas run -m package.train         a module
  lampas run -c 'import torch; print(torch.__version__)'

`import torch` and `import torchvision` find Lampas. Arguments after the program are the program's.
"""


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    p = argparse.ArgumentParser(
        prog="lampas run",
        description="Run a program written for PyTorch on Lampas.",
        usage="lampas run [-m MODULE | -c CODE | SCRIPT] [ARGUMENT ...]",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("-m", metavar="MODULE", dest="module", help="run a module, as python -m does")
    p.add_argument("-c", metavar="CODE", dest="code", help="run code given here")
    p.add_argument(
        "rest",
        nargs=argparse.REMAINDER,
        metavar="SCRIPT ARGUMENT",
        help="a script and its arguments",
    )
    # What stands behind the program is not ours to read.
    own = list(argv)
    for i, a in enumerate(own):
        if a in ("-m", "-c"):
            x = p.parse_args(own[: i + 2])
            x.rest = own[i + 2 :]
            return x
        if not a.startswith("-"):
            return p.parse_args([*own[:i], "--", *own[i:]])
    x = p.parse_args(own)
    p.error("nothing to run: give a script, -m MODULE or -c CODE")
    return x


def main(argv: Sequence[str]) -> int:
    """Runs the program; its exit status is ours."""
    x = _parse(argv)
    rest = [a for i, a in enumerate(x.rest) if not (i == 0 and a == "--")]
    from lampas import alias

    try:
        alias.install()
    except RuntimeError as e:
        raise UsageError(str(e)) from None
    if x.module:
        return _guarded(lambda: _run_module(x.module, rest))
    if x.code is not None:
        return _guarded(lambda: _run_code(x.code, rest))
    return _run_script(*rest)


def _run_script(script: str, *arguments: str) -> int:
    if not os.path.exists(script):
        near = _near_files(script)
        raise UsageError(f"no such file: {script}" + (f"; did you mean {near}?" if near else ""))
    if os.path.isdir(script) and not os.path.exists(os.path.join(script, "__main__.py")):
        raise UsageError(f"{script} is a folder without a __main__.py; name the script inside it")
    sys.argv = [script, *arguments]
    if os.path.isdir(script) or _is_archive(script):
        _search_first(script)
        return _guarded(lambda: _execute_module("__main__"))
    _search_first(os.path.dirname(os.path.realpath(script)))
    return _guarded(lambda: _execute_file(script))


def _is_archive(path: str) -> bool:
    """Whether a file is a zip archive that Python would run."""
    with open(path, "rb") as file:
        return file.read(4) == b"PK\x03\x04"


def _search_first(folder: str) -> None:
    """Puts the program's folder where this command's own stands in sys.path."""
    if not getattr(sys.flags, "safe_path", False):
        sys.path[0] = folder


def _execute_file(script: str) -> None:
    path = os.path.abspath(script)
    with io.open_code(path) as file:
        source = file.read()
    loader = SourceFileLoader("__main__", path)
    main = _main_module(__file__=path, __cached__=None, __loader__=loader)
    exec(compile(source, path, "exec"), main.__dict__)


def _main_module(**attributes: Any) -> ModuleType:
    """The program's `__main__`, which stays: threads, pickles and exit handlers look for it."""
    main = ModuleType("__main__")
    main.__dict__.update(__builtins__=builtins, **attributes)
    sys.modules["__main__"] = main
    return main


def _near_files(script: str) -> str:
    import difflib

    folder = os.path.dirname(script) or "."
    names = os.listdir(folder) if os.path.isdir(folder) else []
    return ", ".join(difflib.get_close_matches(os.path.basename(script), names, n=2))


def _run_module(module: str, arguments: list[str]) -> None:
    sys.argv = [module, *arguments]
    _search_first(os.getcwd())
    _execute_module(module)


def _execute_module(name: str) -> None:
    try:
        sys.modules.pop("__main__", None)  # this command's own would be found
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            spec = importlib.util.find_spec(f"{name}.__main__")
    except ModuleNotFoundError as e:
        if e.name is None or not name.startswith(e.name):
            raise
        spec = None
    if spec is None:
        raise UsageError(f"no module named {name} to run, neither in {sys.path[0]} nor installed")
    loader: Any = spec.loader
    code = loader.get_code(spec.name)
    if code is None:
        raise UsageError(f"{spec.name} has no Python code to run")
    sys.argv[0] = spec.origin or sys.argv[0]
    main = _main_module(
        __file__=spec.origin, __cached__=spec.cached, __loader__=loader, __package__=spec.parent,
        __spec__=spec,
    )  # fmt: skip
    exec(code, main.__dict__)


def _run_code(code: str, arguments: list[str]) -> None:
    sys.argv = ["-c", *arguments]
    _search_first("")
    exec(compile(code, "<string>", "exec"), _main_module().__dict__)


def _guarded(run: Callable[[], Any]) -> int:
    """The program's outcome as an exit status; its tracebacks begin with its own lines."""
    try:
        run()
    except UsageError:
        raise
    except SystemExit as e:
        if e.code is None or isinstance(e.code, int):
            return int(e.code or 0)
        print(e.code, file=sys.stderr)
        return 1
    except BaseException as e:
        _report(e)
        return 130 if isinstance(e, KeyboardInterrupt) else 1
    return 0


def _report(error: BaseException) -> None:
    """What Python does with an uncaught exception, without this file's frames on top."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    sys.excepthook(type(error), error.with_traceback(trace), trace)
    if isinstance(error, ImportError) and (hint := _import_hint(error)):
        print(hint, file=sys.stderr)


def _import_hint(error: ImportError) -> str:
    """The nearest names, where a `from torch.x import y` found no y."""
    import difflib
    import re

    match = re.match(r"cannot import name '(\w+)' from '(lampas[\w.]*|torch[\w.]*)'", str(error))
    if not match:
        return ""
    module = sys.modules.get(match[2])
    near = difflib.get_close_matches(match[1], dir(module), n=3, cutoff=0.6) if module else []
    if not near:
        return "Lampas does not have this name; the documentation's page on differences lists what is left out and why."  # noqa: E501
    return f"Lampas does not have this name. Nearest: {', '.join(near)}"
