"""Tensors that say what they are, so that transforms of version 2 treat them accordingly.

What an operator makes of them is a plain tensor again, but for ``clone``, ``to``, ``detach`` and
``requires_grad_``; :func:`wrap` puts the type back, and :func:`set_return_type` keeps it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from enum import Enum
from typing import Any

import lampas
from lampas import Tensor
from lampas.overrides import DisableTorchFunctionSubclass

__all__ = [
    "BoundingBoxFormat",
    "BoundingBoxes",
    "Image",
    "KeyPoints",
    "Mask",
    "TVTensor",
    "Video",
    "is_rotated_bounding_format",
    "set_return_type",
    "wrap",
]

_KEEPING = {"clone", "to", "detach", "requires_grad_", "__deepcopy__"}
_keep_all = False


class TVTensor(Tensor):
    """Base of the types below."""

    _fields: tuple[str, ...] = ()
    _between = ", "

    @classmethod
    def _made(cls, data: Any, dtype: Any, device: Any, requires_grad: bool | None) -> Any:
        if requires_grad is None:
            requires_grad = data.requires_grad if isinstance(data, Tensor) else False
        plain = lampas.as_tensor(data, dtype=dtype, device=device)
        with DisableTorchFunctionSubclass():
            return plain.requires_grad_(requires_grad).as_subclass(cls)

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        with DisableTorchFunctionSubclass():
            value = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "")
        kept = _keep_all or name in _KEEPING
        if not isinstance(value, Tensor):
            return value
        if kept and args and isinstance(args[0], cls):
            return wrap(value, like=args[0])
        if isinstance(value, cls) and not any(value is arg for arg in args):
            return value.as_subclass(Tensor)
        return value

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        copy = self.detach().clone().requires_grad_(self.requires_grad)
        memo[id(self)] = copy
        return copy

    def __repr__(self, **kwargs: Any) -> str:
        name = type(self).__name__
        shown = ", ".join(f"{field}={getattr(self, field)}" for field in self._fields)
        content = repr(self.as_subclass(Tensor))[len("tensor(") : -1]
        content = content.replace("\n" + " " * len("tensor("), "\n" + " " * (len(name) + 1))
        return f"{name}({content}{self._between}{shown})"


class Image(TVTensor):
    """An image ``(..., C, H, W)``, of a tensor, an array-like or a PIL image.

    >>> type(Image(lampas.zeros(3, 4, 4)).clone()).__name__
    'Image'
    """

    def __new__(
        cls, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool | None = None
    ) -> Any:
        from lampas.vision._pillow import is_pil_image
        from lampas.vision.transforms.functional import pil_to_tensor

        if is_pil_image(data):
            data = pil_to_tensor(data)
        made = cls._made(data, dtype, device, requires_grad)
        if made.dim() < 2:
            raise ValueError(f"an Image should have at least 2 dimensions, got {made.dim()}")
        return made.unsqueeze(0).as_subclass(cls) if made.dim() == 2 else made


class Video(TVTensor):
    """A video ``(..., T, C, H, W)``.

    >>> Video(lampas.zeros(2, 3, 4, 4)).shape
    torch.Size([2, 3, 4, 4])
    """

    def __new__(
        cls, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool | None = None
    ) -> Any:
        made = cls._made(data, dtype, device, requires_grad)
        if made.dim() < 4:
            raise ValueError(f"a Video should have at least 4 dimensions, got {made.dim()}")
        return made


class Mask(TVTensor):
    """Masks ``(..., H, W)``: of classes, or one for each thing.

    >>> type(Mask(lampas.zeros(4, 4)) + 1).__name__
    'Tensor'
    """

    _between = ""

    def __new__(
        cls, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool | None = None
    ) -> Any:
        from lampas.vision._pillow import is_pil_image
        from lampas.vision.transforms.functional import pil_to_tensor

        if is_pil_image(data):
            data = pil_to_tensor(data)
        return cls._made(data, dtype, device, requires_grad)


class BoundingBoxFormat(Enum):
    """What the numbers of a box are; see :func:`lampas.vision.ops.box_convert`."""

    XYXY = "XYXY"
    XYWH = "XYWH"
    CXCYWH = "CXCYWH"
    XYWHR = "XYWHR"
    CXCYWHR = "CXCYWHR"
    XYXYXYXY = "XYXYXYXY"


def is_rotated_bounding_format(format: BoundingBoxFormat | str) -> bool:
    """Whether boxes of this format can be turned.

    >>> is_rotated_bounding_format("CXCYWHR")
    True
    """
    name = format if isinstance(format, str) else format.value
    return name.upper() in ("XYWHR", "CXCYWHR", "XYXYXYXY")


class BoundingBoxes(TVTensor):
    """Boxes ``(N, K)`` on an image of ``canvas_size`` (height, width).

    Args:
        data: the boxes; one box alone gets a first dimension.
        format: a :class:`BoundingBoxFormat` or its name.
        canvas_size: of the image.
        clamping_mode: ``"soft"`` or ``"hard"``: transforms cut boxes at the borders; None: not.
        dtype: of the tensor.
        device: of the tensor.
        requires_grad: of the tensor.

    >>> BoundingBoxes([[0, 0, 2, 3]], format="XYXY", canvas_size=(4, 4)).format.value
    'XYXY'
    """

    format: BoundingBoxFormat
    canvas_size: tuple[int, int]
    clamping_mode: str | None
    _fields = ("format", "canvas_size", "clamping_mode")

    def __new__(
        cls,
        data: Any,
        *,
        format: BoundingBoxFormat | str,
        canvas_size: Sequence[int],
        clamping_mode: str | None = "soft",
        dtype: Any = None,
        device: Any = None,
        requires_grad: bool | None = None,
    ) -> Any:
        made = cls._made(data, dtype, device, requires_grad)
        if clamping_mode not in ("soft", "hard", None):
            raise ValueError(f"clamping_mode must be soft, hard or None, got {clamping_mode!r}")
        if made.dim() == 1:
            made = made.unsqueeze(0).as_subclass(cls)
        if made.dim() != 2:
            raise ValueError(f"Expected a 1D or 2D tensor, got {made.dim()}D")
        if isinstance(format, str):
            format = BoundingBoxFormat[format.upper()]
        if is_rotated_bounding_format(format) and not made.is_floating_point():
            raise ValueError(f"Rotated bounding boxes should be floating point, got {made.dtype}")
        made.format = format
        made.canvas_size = tuple(canvas_size)
        made.clamping_mode = clamping_mode
        return made


class KeyPoints(TVTensor):
    """Points ``(..., 2)`` of x and y on an image of ``canvas_size`` (height, width).

    >>> KeyPoints([[1, 2]], canvas_size=(4, 4)).canvas_size
    (4, 4)
    """

    canvas_size: tuple[int, int]
    _fields = ("canvas_size",)

    def __new__(
        cls,
        data: Any,
        *,
        canvas_size: Sequence[int],
        dtype: Any = None,
        device: Any = None,
        requires_grad: bool | None = None,
    ) -> Any:
        made = cls._made(data, dtype, device, requires_grad)
        if made.dim() == 1:
            made = made.unsqueeze(0).as_subclass(cls)
        if made.shape[-1] != 2:
            raise ValueError(f"Expected a tensor of shape (..., 2), not {tuple(made.shape)}")
        made.canvas_size = tuple(canvas_size)
        return made


def wrap(wrappee: Tensor, *, like: Any, **kwargs: Any) -> Any:
    """A plain tensor as the type of ``like``; ``kwargs`` change its fields.

    >>> boxes = BoundingBoxes([[0, 0, 2, 3]], format="XYXY", canvas_size=(4, 4))
    >>> wrap(boxes + 1, like=boxes, canvas_size=(8, 8)).canvas_size
    (8, 8)
    """
    if not isinstance(like, TVTensor):
        return wrappee
    made = wrappee.as_subclass(type(like))
    for name in like._fields:
        setattr(made, name, kwargs[name] if name in kwargs else getattr(like, name))
    return made


class _ReturnType(AbstractContextManager["_ReturnType"]):
    def __init__(self, before: bool) -> None:
        self.before = before

    def __exit__(self, *_: Any) -> None:
        global _keep_all
        _keep_all = self.before


def set_return_type(return_type: str) -> _ReturnType:
    """Whether operators on these types give ``"Tensor"``, as they do, or a ``"TVTensor"``.

    Holds from now on, or within a ``with`` block.

    >>> with set_return_type("TVTensor"):
    ...     kind = type(Image(lampas.zeros(3, 4, 4)) + 1).__name__
    >>> kind
    'Image'
    """
    global _keep_all
    kinds = {"tensor": False, "tvtensor": True}
    if return_type.lower() not in kinds:
        raise ValueError(f"return_type must be 'TVTensor' or 'Tensor', got {return_type!r}")
    before, _keep_all = _keep_all, kinds[return_type.lower()]
    return _ReturnType(before)
