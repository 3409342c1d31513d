"""What functions of a program's own need: choices by a flag, subclasses that take calls over, types
of sizes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

_ASKING = ("has_torch_function", "has_torch_function_unary", "has_torch_function_variadic")


def __getattr__(name: str) -> Any:
    if name in ("handle_torch_function", *_ASKING):
        from lampas import overrides

        return getattr(overrides, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class _BroadcastingList:
    """``BroadcastingList2[int]``: the type of one number, or of a list of two."""

    def __getitem__(self, kind: Any) -> Any:
        return kind | list[kind]


BroadcastingList1 = BroadcastingList2 = BroadcastingList3 = _BroadcastingList()


def assert_int_or_pair(arg: Any, arg_name: str, message: str) -> None:
    """Raises an AssertionError unless `arg` is one number or two.

    Args:
        arg: what to look at.
        arg_name: its name.
        message: of the error; ``{}`` in it becomes the name.
    """
    if not isinstance(arg, int) and len(arg) != 2:
        raise AssertionError(message.format(arg_name))


def boolean_dispatch(
    arg_name: str,
    arg_index: int,
    default: bool,
    if_true: Callable[..., Any],
    if_false: Callable[..., Any],
    module_name: str,
    func_name: str,
) -> Callable[..., Any]:
    """A function that calls one of two by the value of a flag among its arguments.

    Args:
        arg_name: the flag's name.
        arg_index: its place.
        default: its value if it is not given.
        if_true: what to call if it is true.
        if_false: what to call if it is not.
        module_name: the new function's module.
        func_name: its name.

    >>> import lampas.nn.functional as F
    >>> top = F.boolean_dispatch("both", 1, False, lambda x, both: (x, x), lambda x, both=False: x,
    ...                          __name__, "top")
    >>> top(1), top(1, True), top(1, both=True)
    (1, (1, 1), (1, 1))
    """

    @functools.wraps(if_true if if_true.__doc__ else if_false)
    def chosen(*args: Any, **kwargs: Any) -> Any:
        flag = default
        if arg_name in kwargs:
            flag = kwargs[arg_name]
        elif arg_index < len(args):
            flag = args[arg_index]
        return (if_true if flag else if_false)(*args, **kwargs)

    chosen.__name__ = chosen.__qualname__ = func_name
    chosen.__module__ = module_name
    return chosen
