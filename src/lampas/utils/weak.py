"""Dictionaries whose keys are objects by identity and do not keep them alive.

Tensors compare by element, so that Python's own weak dictionaries do not fit them.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, MutableMapping
from typing import Any

__all__ = ["TensorWeakRef", "WeakIdKeyDictionary", "WeakIdRef", "WeakTensorKeyDictionary"]


class WeakIdRef(weakref.ref[Any]):
    """A weak reference that hashes and compares by the identity of its object."""

    __slots__ = ("_id",)

    def __init__(self, key: Any, callback: Any = None) -> None:
        super().__init__(key, callback)  # type: ignore[call-arg]
        self._id = id(key)

    def __hash__(self) -> int:
        return self._id

    def __eq__(self, other: object) -> bool:
        a, b = self(), other() if isinstance(other, WeakIdRef) else None
        return a is b if a is not None and b is not None else self is other


class WeakIdKeyDictionary(MutableMapping[Any, Any]):
    """A dictionary whose keys are looked up by identity, and go when nobody else holds them.

    Args:
        dict: what is in it at first.

    >>> import lampas
    >>> x = lampas.ones(2)
    >>> notes = WeakTensorKeyDictionary()
    >>> notes[x] = "ones"
    >>> notes[x], len(notes)
    ('ones', 1)
    >>> del x
    >>> len(notes)
    0
    """

    def __init__(self, dict: Any = None) -> None:
        self.data: Any = {}
        own = weakref.ref(self)

        def forget(reference: WeakIdRef) -> None:
            me = own()
            if me is not None:
                me.data.pop(reference, None)

        self._forget = forget
        if dict is not None:
            self.update(dict)

    def __getitem__(self, key: Any) -> Any:
        return self.data[WeakIdRef(key)]

    def __setitem__(self, key: Any, value: Any) -> None:
        self.data[WeakIdRef(key, self._forget)] = value

    def __delitem__(self, key: Any) -> None:
        del self.data[WeakIdRef(key)]

    def __contains__(self, key: object) -> bool:
        return WeakIdRef(key) in self.data

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self) -> Iterator[Any]:
        for reference in list(self.data):
            key = reference()
            if key is not None:
                yield key

    def copy(self) -> WeakIdKeyDictionary:
        """A dictionary of the same keys and values."""
        return type(self)(self)


WeakTensorKeyDictionary = WeakIdKeyDictionary


class TensorWeakRef:
    """A weak reference to a tensor.

    Args:
        tensor: what to refer to.
    """

    def __init__(self, tensor: Any) -> None:
        self.ref = WeakIdRef(tensor)

    def __call__(self) -> Any:
        return self.ref()
