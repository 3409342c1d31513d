"""Versions: PyTorch's names."""

from lampas._version import __version__

__all__ = ["__version__", "cuda", "debug", "git_version", "hip"]

cuda = None
hip = None
debug = False
git_version = ""
