"""MkDocs hook: adds what is written from the package itself when the site is built.

Nothing is written into docs/: the reference, made from docstrings, exists only while the site is
built, and where a page has a line `<!-- help: lampas train -->` the command's own help stands.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
from typing import Any

import reference
from mkdocs.structure.files import File, Files

import lampas.cli

HELP = re.compile(r"^<!-- help: lampas (\w+) -->$", re.MULTILINE)


def on_config(config: Any) -> Any:
    for part in config.nav:
        if isinstance(part, dict) and "Reference" in part:
            part["Reference"] = reference.navigation()
    return config


def on_files(files: Files, config: Any) -> Files:
    for path, text in reference.pages().items():
        files.append(File.generated(config, path, content=text))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    return HELP.sub(lambda match: f"```text\n{_help(match[1])}```", markdown)


def _help(command: str) -> str:
    """What `lampas COMMAND --help` prints."""
    os.environ["COLUMNS"] = "90"
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        lampas.cli.main([command, "--help"])
    if not out.getvalue():
        raise ValueError(f"lampas {command} --help printed nothing")
    return out.getvalue()
