"""What to add to a report of a mistake: versions, the machine, and what is used of it."""

from __future__ import annotations

import platform
import sys

__all__ = ["get_pretty_env_info", "main"]


def get_pretty_env_info() -> str:
    """The environment in lines.

    >>> get_pretty_env_info().splitlines()[0].split(":")[0]
    'Lampas version'
    """
    import numpy

    import lampas.__config__ as config
    from lampas._version import __version__, torch_version

    return "\n".join(
        [
            f"Lampas version: {__version__} (the interface of PyTorch {torch_version})",
            "CUDA available: False",
            f"OS: {platform.platform()}",
            f"Python version: {sys.version.split()[0]} ({platform.architecture()[0]})",
            f"NumPy version: {numpy.__version__}",
            "",
            config.show().rstrip(),
            config.parallel_info().rstrip(),
        ]
    )


def main() -> None:
    """Prints the environment."""
    print(get_pretty_env_info())


if __name__ == "__main__":
    main()
