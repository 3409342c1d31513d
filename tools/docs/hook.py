"""MkDocs hook: adds the reference, written from the package's docstrings when the site is built.

Nothing is written into docs/; the pages exist only while the site is built.
"""

from __future__ import annotations

from typing import Any

import reference
from mkdocs.structure.files import File, Files


def on_config(config: Any) -> Any:
    for part in config.nav:
        if isinstance(part, dict) and "Reference" in part:
            part["Reference"] = reference.navigation()
    return config


def on_files(files: Files, config: Any) -> Files:
    for path, text in reference.pages().items():
        files.append(File.generated(config, path, content=text))
    return files
