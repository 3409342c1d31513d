"""Handles of registered hooks."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["RemovableHandle"]


class RemovableHandle:
    """What registering a hook returns; :meth:`remove` takes the hook out again.

    Usable as a context manager, which removes the hook at its end.

    Args:
        hooks_dict: the registry, an ``OrderedDict`` from ids to hooks. It is referred to weakly.
        extra_dict: further registries (one, or a list) from which the id is removed as well.

    Example:
        >>> from collections import OrderedDict
        >>> from lampas.utils.hooks import RemovableHandle
        >>> registry = OrderedDict()
        >>> handle = RemovableHandle(registry)
        >>> registry[handle.id] = print
        >>> handle.remove()
        >>> len(registry)
        0
    """

    next_id = 0

    def __init__(self, hooks_dict: Any, *, extra_dict: Any = None) -> None:
        self.id = RemovableHandle.next_id
        RemovableHandle.next_id += 1
        self.hooks_dict_ref = weakref.ref(hooks_dict)
        if extra_dict is None:
            extra_dict = ()
        elif not isinstance(extra_dict, list):
            extra_dict = (extra_dict,)
        self.extra_dict_ref = tuple(weakref.ref(d) for d in extra_dict)

    def remove(self) -> None:
        """Takes the hook out of its registry; a second call does nothing."""
        for reference in (self.hooks_dict_ref, *self.extra_dict_ref):
            registry = reference()
            if registry is not None:
                registry.pop(self.id, None)

    def __getstate__(self) -> tuple[Any, ...]:
        extra = tuple(reference() for reference in self.extra_dict_ref)
        return self.hooks_dict_ref(), self.id, extra

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        from collections import OrderedDict

        registry, self.id, extra = state
        self.hooks_dict_ref = weakref.ref(OrderedDict() if registry is None else registry)
        self.extra_dict_ref = tuple(weakref.ref(OrderedDict() if d is None else d) for d in extra)
        RemovableHandle.next_id = max(RemovableHandle.next_id, self.id + 1)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.remove()
