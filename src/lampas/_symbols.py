"""Numbers that a tracer does not know yet, of which there are none: shapes are always known.

The types are there for programs that ask ``isinstance(n, (int, torch.SymInt))``.
"""

from __future__ import annotations

from typing import Any, NoReturn

__all__ = ["SymBool", "SymFloat", "SymInt"]


class _Symbol:
    def __new__(cls, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError(
            f"{cls.__name__}: nothing is traced here, so that sizes and numbers are always "
            "Python's own. Remedy: use the number itself"
        )


class SymInt(_Symbol):
    """The type of an integer that is not known yet: no value has it.

    >>> import lampas
    >>> isinstance(3, (int, lampas.SymInt)), isinstance(lampas.ones(3).size(0), lampas.SymInt)
    (True, False)
    """


class SymFloat(_Symbol):
    """The type of a float that is not known yet: no value has it."""


class SymBool(_Symbol):
    """The type of a truth value that is not known yet: no value has it."""
