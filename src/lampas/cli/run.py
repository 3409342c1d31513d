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
  lampas run - < train.py             a program from standard input

`import torch` and `import torchvision` find Lampas. Arguments after the program are the program's.
"""


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    p = argparse.ArgumentParser(
        prog="lampas run",
        description="Run a program written for PyTorch on Lampas.",
        usage="lampas run [-m MODULE | -c CODE | SCRIPT | -] [ARGUMENT ...]",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("-m", metavar="MODULE", dest="module", help="run a module, as python -m does")
    p.add_argument("-c", metavar="CODE", dest="code", help="run code given here")
    p.add_argument("rest", nargs="*", metavar="SCRIPT ARGUMENT", help="a script and its arguments")
    # What stands behind the program is not ours to read.
    for i, a in enumerate(argv):
        if a in ("-m", "-c"):
            x = p.parse_args(argv[: i + 2])
            x.rest = list(argv[i + 2 :])
            return x
        if a == "-" or not a.startswith("-"):
            x = p.parse_args([b for b in argv[:i] if b != "--"])
            x.rest = list(argv[i:])
            return x
    p.parse_args(argv)
    p.error("nothing to run: give a script, -m MODULE or -c CODE")


def main(argv: Sequence[str]) -> int:
    """Runs the program; its exit status is ours."""
    x = _parse(argv)
    from lampas import alias

    try:
        alias.install()
    except RuntimeError as e:
        raise UsageError(str(e)) from None
    if x.module:
        return _guarded(lambda: _run_module(x.module, x.rest))
    if x.code is not None:
        return _guarded(lambda: _run_code(x.code, x.rest))
    return _run_script(*x.rest)


def _run_script(script: str, *arguments: str) -> int:
    if script == "-":
        sys.argv = [script, *arguments]
        _search_first("")
        return _guarded(lambda: _execute_text(sys.stdin.read(), "<stdin>"))
    if not os.path.exists(script):
        near = _near_files(script)
        raise UsageError(f"no such file: {script}" + (f"; did you mean {near}?" if near else ""))
    if os.path.isdir(script) and not os.path.exists(os.path.join(script, "__main__.py")):
        raise UsageError(f"{script} is a folder without a __main__.py; name the script inside it")
    if not os.access(script, os.R_OK):
        raise UsageError(f"{script} may not be read by you: see its permissions")
    sys.argv = [script, *arguments]
    if os.path.isdir(script) or _is_archive(script):
        _search_first(script)
        return _guarded(lambda: _execute_module("__main__"))
    _search_first(os.path.dirname(os.path.realpath(script)))
    return _guarded(lambda: _execute_file(script))


def _is_archive(path: str) -> bool:
    """Whether a file is a zip archive that Python would run."""
    if not os.path.isfile(path):  # a pipe gives its text once
        return False
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
    _execute_text(code, "<string>")


def _execute_text(code: str, name: str) -> None:
    exec(compile(code, name, "exec"), _main_module().__dict__)


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
    if isinstance(error, (AttributeError, ImportError)) and (hint := _missing_name(str(error))):
        print(hint, file=sys.stderr)


# What Python says of a name that a module or Tensor lacks.
_NO_NAME = (
    r"cannot import name '(?P<name>\w+)' from '(?P<owner>(?:lampas|torch)[\w.]*)'",
    r"module '(?P<owner>lampas[\w.]*)' has no attribute '(?P<name>\w+)'",
    r"'(?P<owner>lampas\.Tensor)' object has no attribute '(?P<name>\w+)'",
    r"type object '(?P<owner>lampas\.Tensor)' has no attribute '(?P<name>\w+)'",
)


def _missing_name(message: str) -> str:
    """Says, of a name that Lampas lacks, which names are nearest; empty for other errors."""
    import re

    from lampas import Tensor, _suggest, alias

    match = next(filter(None, (re.match(pattern, message) for pattern in _NO_NAME)), None)
    if match is None:
        return ""
    owner, name = match["owner"], match["name"]
    place: Any = Tensor if owner == "lampas.Tensor" else sys.modules.get(owner)
    shown = alias.torch_name(owner)
    near = ", ".join(f"{shown}.{n}" for n in _suggest.nearest(name, dir(place)))
    return f"Lampas has no {shown}.{name}. " + (f"Nearest: {near}" if near else alias.LEFT_OUT)
