"""Data pipes: datasets that are chained by methods registered on them.

A pipe class registered under a name becomes a method of every pipe of its kind:

>>> from lampas.utils.data import IterDataPipe, functional_datapipe
>>> class Source(IterDataPipe):
...     def __init__(self, values):
...         self.values = values
...     def __iter__(self):
...         return iter(self.values)
>>> @functional_datapipe("doubled")
... class Doubled(IterDataPipe):
...     def __init__(self, source):
...         self.source = source
...     def __iter__(self):
...         return (2 * x for x in self.source)
>>> list(Source([1, 2]).doubled())
[2, 4]
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, TypeVar

from lampas.utils.data.dataset import Dataset, IterableDataset

__all__ = ["DFIterDataPipe", "DataChunk", "IterDataPipe", "MapDataPipe", "functional_datapipe"]

_T_co = TypeVar("_T_co", covariant=True)


class _Functional:
    """Methods by registration, each kind of pipe with a table of its own."""

    functions: ClassVar[dict[str, Callable[..., Any]]]

    def __getattr__(self, name: str) -> Any:
        function = type(self).functions.get(name)
        if function is None:
            raise AttributeError(
                f"'{type(self).__name__}' object has no attribute '{name}'; pipes registered with "
                f"functional_datapipe: {sorted(type(self).functions)}"
            )
        return functools.partial(function, self)

    @classmethod
    def register_function(cls, function_name: str, function: Callable[..., Any]) -> None:
        """Makes `function(pipe, …)` the method of that name."""
        cls.functions[function_name] = function

    @classmethod
    def register_datapipe_as_function(
        cls, function_name: str, cls_to_register: type, enable_df_api_tracing: bool = False
    ) -> None:
        """Makes the class the method of that name.

        Raises:
            ValueError: the name is taken, or tracing of data frames is asked for.
        """
        if enable_df_api_tracing:
            raise ValueError("functional_datapipe(): there are no data frames to trace")
        if function_name in cls.functions:
            raise ValueError(
                f"Unable to add DataPipe function name {function_name} as it is already taken"
            )
        cls.functions[function_name] = cls_to_register


class IterDataPipe(_Functional, IterableDataset[_T_co]):
    """A stream of samples with methods registered by :class:`functional_datapipe`."""

    functions: ClassVar[dict[str, Callable[..., Any]]] = {}

    def __iter__(self) -> Iterator[_T_co]:
        raise TypeError(f"{type(self).__name__} is a pipe without __iter__; define it")


class DFIterDataPipe(IterDataPipe[_T_co]):
    """A stream of data frames."""


class MapDataPipe(_Functional, Dataset[_T_co]):
    """Samples by key with methods registered by :class:`functional_datapipe`."""

    functions: ClassVar[dict[str, Callable[..., Any]]] = {}


class DataChunk(list[Any]):
    """A batch of samples, a list that says what it is.

    >>> DataChunk([1, 2]).as_str()
    '[1, 2]'
    """

    def __init__(self, items: Any) -> None:
        items = list(items)
        super().__init__(items)
        self.items = items

    def as_str(self, indent: str = "") -> str:
        """The samples in brackets, after an indent."""
        return indent + "[" + ", ".join(str(x) for x in self) + "]"

    def raw_iterator(self) -> Iterator[Any]:
        """The samples as they are."""
        return iter(self.items)


class functional_datapipe:
    """Decorates a pipe class: it becomes the method `name` of all pipes of its kind."""

    def __init__(self, name: str, enable_df_api_tracing: bool = False) -> None:
        self.name = name
        self.enable_df_api_tracing = enable_df_api_tracing

    def __call__(self, cls: type) -> type:
        for kind in (IterDataPipe, MapDataPipe):
            if issubclass(cls, kind):
                kind.register_datapipe_as_function(self.name, cls, self.enable_df_api_tracing)
                return cls
        raise TypeError("functional_datapipe can only decorate IterDataPipe or MapDataPipe")
