"""The transforms' classes, under the module name that some programs import them from."""

from __future__ import annotations

from lampas.vision import transforms as _package
from lampas.vision.transforms._conversion import RandomTransforms

__all__ = [name for name in _package.__all__ if name[0].isupper()]
__all__ += ["RandomTransforms"]
globals().update({name: getattr(_package, name) for name in __all__ if name in vars(_package)})
