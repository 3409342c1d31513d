"""The command `lampas`: train, predict, run, bench, doctor."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

COMMANDS = {
    "train": "train a model on images, in five steps, with a report",
    "predict": "say what a trained model makes of pictures",
    "run": "run a PyTorch program on Lampas, unmodified",
    "bench": "time typical operations, beside PyTorch if there is one",
    "doctor": "say what this machine offers, what is used, and what is wrong",
}


def parser() -> argparse.ArgumentParser:
    """The top-level parser; each command's own is made when it is used."""
    from lampas._version import __version__

    p = argparse.ArgumentParser(
        prog="lampas",
        description="Deep learning with PyTorch's interface on CPUs.",
        epilog="`lampas COMMAND --help` explains a command. Example: lampas train --data digits --epochs 5",  # noqa: E501
    )
    p.add_argument("--version", action="version", version=f"lampas {__version__}")
    commands = p.add_subparsers(dest="command", metavar="COMMAND")
    for name, text in COMMANDS.items():
        commands.add_parser(name, help=text, add_help=False)
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; returns the exit status.

    >>> main(["--version"])
    Traceback (most recent call last):
    SystemExit: 0
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments:
        parser().print_help()
        return 2
    name, rest = arguments[0], arguments[1:]
    if name not in COMMANDS:
        p = parser()
        if not name.startswith("-"):
            p.error(_unknown(name))
        p.parse_args([name])  # --help, --version, or an error
        return 2
    from importlib import import_module

    try:
        return import_module(f"lampas.cli.{name}").main(rest)
    except UsageError as e:
        print(f"lampas {name}: {e}", file=sys.stderr)
        return 2


def _unknown(name: str) -> str:
    """What to say about a first argument that is no command."""
    import difflib
    from pathlib import Path

    listed = f"there is no command {name!r}, only {', '.join(COMMANDS)}"
    near = difflib.get_close_matches(name, COMMANDS, n=1)
    if near:
        return f"{listed}; did you mean `lampas {near[0]}`?"
    return f"{listed}; did you mean `lampas run {name}`?" if Path(name).exists() else listed


class UsageError(Exception):
    """A mistake in the call: a line, rarely more, that says what to do, and exit status 2."""
