"""The packages that the alias stands in for, as importlib.metadata lists them."""

from __future__ import annotations

import os
from importlib.metadata import Distribution
from pathlib import Path


class Standin(Distribution):
    """A package that is Lampas under another name: it has a version and no files."""

    def __init__(self, name: str, version: str) -> None:
        self._text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"

    def read_text(self, filename: str) -> str | None:
        """The text of one of the files in the package's own folder, of which it has one."""
        return self._text if filename == "METADATA" else None

    def locate_file(self, path: str | os.PathLike[str]) -> Path:
        """Where a file of the package would be."""
        return Path(__file__).parents[2] / path
