"""`lampas run`: a PyTorch program, unmodified, on Lampas."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
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
    return _run_script(rest)


def _run_script(rest: list[str]) -> int:
    script, *arguments = rest
    if not os.path.exists(script):
        near = _near_files(script)
        raise UsageError(f"no such file: {script}" + (f". Did you mean {near}?" if near else ""))
    if os.path.isdir(script) and not os.path.exists(os.path.join(script, "__main__.py")):
        raise UsageError(f"{script} is a folder without a __main__.py; name the script inside it")
    sys.argv = [script, *arguments]
    sys.path.insert(0, os.path.dirname(os.path.abspath(script)))

    def run() -> None:
        import runpy

        runpy.run_path(script, run_name="__main__")

    return _guarded(run)


def _near_files(script: str) -> str:
    import difflib

    folder = os.path.dirname(script) or "."
    names = os.listdir(folder) if os.path.isdir(folder) else []
    return ", ".join(difflib.get_close_matches(os.path.basename(script), names, n=2))


def _run_module(module: str, arguments: list[str]) -> None:
    import runpy

    sys.argv = [module, *arguments]
    sys.path.insert(0, os.getcwd())
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _run_code(code: str, arguments: list[str]) -> None:
    sys.argv = ["-c", *arguments]
    sys.path.insert(0, "")
    exec(compile(code, "<string>", "exec"), {"__name__": "__main__", "__builtins__": __builtins__})


def _guarded(run: Callable[[], Any]) -> int:
    """The program's outcome as an exit status; its tracebacks begin with its own lines."""
    try:
        run()
    except SystemExit as e:
        if e.code is None or isinstance(e.code, int):
            return int(e.code or 0)
        print(e.code, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("KeyboardInterrupt", file=sys.stderr)
        return 130
    except BaseException as e:
        _print_traceback(e)
        return 1
    return 0


def _print_traceback(error: BaseException) -> None:
    import traceback

    trace = error.__traceback__
    # Our own frames and runpy's stand above the program's.
    while trace is not None and (
        trace.tb_frame.f_code.co_filename in (__file__, "<frozen runpy>")
        or trace.tb_frame.f_code.co_filename.endswith("runpy.py")
    ):
        trace = trace.tb_next
    traceback.print_exception(type(error), error, trace)
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
