"""Conversions between PIL images, arrays and tensors, and what changes only values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import lampas
from lampas.vision._pillow import is_pil_image, pil_image

# Modes whose pixels are not 8 bits deep, with a type that holds all their values.
_DEEP_MODES = {"I": np.int32, "I;16": np.int32, "I;16B": np.int32, "F": np.float32}


def _hwc_to_chw(array: np.ndarray[Any, Any]) -> lampas.Tensor:
    if array.ndim == 2:
        array = array[:, :, None]
    return lampas.from_numpy(np.ascontiguousarray(array.transpose(2, 0, 1)))


def to_tensor(pic: Any) -> lampas.Tensor:
    """A PIL image or an array ``(H, W[, C])`` as a tensor ``(C, H, W)``.

    8-bit values become floats of the default dtype in [0, 1]; others keep their values, those of 16
    bits as int32.

    Raises:
        TypeError: neither an image nor an array.
        ValueError: an array that is not 2- or 3-dimensional.

    >>> import numpy as np
    >>> to_tensor(np.full((2, 3), 255, np.uint8)).shape
    torch.Size([1, 2, 3])
    """
    if isinstance(pic, np.ndarray):
        if pic.ndim not in (2, 3):
            raise ValueError(f"pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
        tensor = _hwc_to_chw(pic)
        return _unit_range(tensor) if tensor.dtype == lampas.uint8 else tensor
    if not is_pil_image(pic):
        raise TypeError(f"pic should be PIL Image or ndarray. Got {type(pic)}")
    if pic.mode in _DEEP_MODES:
        return _hwc_to_chw(np.array(pic, _DEEP_MODES[pic.mode], copy=True))
    array = np.array(pic, dtype=np.uint8, copy=True)
    return _unit_range(_hwc_to_chw(255 * array if pic.mode == "1" else array))


def _unit_range(tensor: lampas.Tensor) -> lampas.Tensor:
    return tensor.to(lampas.get_default_dtype()).div(255)


def pil_to_tensor(pic: Any) -> lampas.Tensor:
    """A PIL image as a tensor ``(C, H, W)`` of its own dtype (int32 for 16 bits), not scaled.

    Raises:
        TypeError: not a PIL image.
    """
    if not is_pil_image(pic):
        raise TypeError(f"pic should be PIL Image. Got {type(pic)}")
    return _hwc_to_chw(np.array(pic, _DEEP_MODES.get(pic.mode), copy=True))


def convert_image_dtype(image: lampas.Tensor, dtype: lampas.dtype | None = None) -> lampas.Tensor:
    """Converts an image's dtype and scales its values to the new dtype's range.

    Integers range up to their largest value, floats from 0 to 1.

    Raises:
        TypeError: a PIL image, say.
        RuntimeError: float to an integer type whose range the float type cannot represent.

    >>> convert_image_dtype(lampas.tensor([0.0, 1.0]), lampas.uint8).tolist()
    [0, 255]
    """
    dtype = lampas.float32 if dtype is None else dtype
    if not isinstance(image, lampas.Tensor):
        raise TypeError(f"Input img should be Tensor Image, got {type(image)}: use to_tensor()")
    if image.dtype == dtype:
        return image
    if image.dtype.is_floating_point:
        return image.to(dtype) if dtype.is_floating_point else _float_to_int(image, dtype)
    largest = _largest(image.dtype)
    if dtype.is_floating_point:
        return image.to(dtype).div(largest)
    wanted = _largest(dtype)
    if largest > wanted:
        return image.div((largest + 1) // (wanted + 1), rounding_mode="floor").to(dtype)
    return image.to(dtype) * ((wanted + 1) // (largest + 1))


def _largest(dtype: lampas.dtype) -> int:
    return 1 if dtype == lampas.bool else int(lampas.iinfo(dtype).max)


def _float_to_int(image: lampas.Tensor, dtype: lampas.dtype) -> lampas.Tensor:
    narrow = image.dtype == lampas.float32 and dtype in (lampas.int32, lampas.int64)
    if narrow or (image.dtype == lampas.float64 and dtype == lampas.int64):
        raise RuntimeError(
            f"The cast from {image.dtype} to {dtype} cannot be performed safely: the float type "
            "does not represent the integer type's largest values"
        )
    # Slightly less than the number of values, so that 1.0 lands on the largest one.
    return image.mul(_largest(dtype) + 1.0 - 1e-3).to(dtype)


def normalize(
    tensor: lampas.Tensor,
    mean: Sequence[float],
    std: Sequence[float],
    inplace: bool = False,
) -> lampas.Tensor:
    """``(tensor - mean) / std`` for each channel of a float image ``(..., C, H, W)``.

    Raises:
        TypeError: not a tensor, or not of a float dtype.
        ValueError: fewer than 3 dimensions, or a standard deviation of zero.

    >>> normalize(lampas.ones(1, 2, 2), [0.5], [0.5]).flatten().tolist()
    [1.0, 1.0, 1.0, 1.0]
    """
    if not isinstance(tensor, lampas.Tensor):
        raise TypeError(
            f"img should be Tensor Image. Got {type(tensor)}. Put ToTensor() before Normalize()."
        )
    if not tensor.is_floating_point():
        raise TypeError(
            f"Input tensor should be a float tensor. Got {tensor.dtype}. "
            "Put ToTensor() or ConvertImageDtype() before Normalize()."
        )
    if tensor.dim() < 3:
        raise ValueError(
            "Expected tensor to be a tensor image of size (..., C, H, W). "
            f"Got tensor.size() = {tuple(tensor.shape)}"
        )
    result = tensor if inplace else tensor.clone()
    return subtract_and_divide(result, mean, std)


def subtract_and_divide(
    tensor: lampas.Tensor, mean: Sequence[float], std: Sequence[float]
) -> lampas.Tensor:
    """Normalizes ``(..., C, H, W)`` in place."""
    columns = []
    for values in (mean, std):
        column = lampas.as_tensor(values, dtype=tensor.dtype)
        columns.append(column.view(-1, 1, 1) if column.dim() == 1 else column)
    if (columns[1] == 0).any():
        raise ValueError(
            f"std evaluated to zero after conversion to {tensor.dtype}, leading to division by "
            f"zero: std={std}"
        )
    return tensor.sub_(columns[0]).div_(columns[1])


def to_pil_image(pic: Any, mode: str | None = None) -> Any:
    """A tensor ``(C, H, W)`` or array ``(H, W, C)`` as a PIL image.

    Float values are taken to lie in [0, 1] (unless ``mode`` is ``"F"``). Without ``mode``, the
    number of channels and the dtype decide it.

    Raises:
        TypeError: neither a tensor nor an array, or a dtype that no mode holds.
        ValueError: wrong number of dimensions or channels, or a mode that does not fit.
    """
    if isinstance(pic, lampas.Tensor):
        if pic.dim() not in (2, 3):
            raise ValueError(f"pic should be 2/3 dimensional. Got {pic.dim()} dimensions.")
        chw = pic.unsqueeze(0) if pic.dim() == 2 else pic
        if chw.shape[0] > 4:
            raise ValueError(f"pic should not have > 4 channels. Got {chw.shape[0]} channels.")
        if chw.is_floating_point() and mode != "F":
            chw = chw.mul(255).to(lampas.uint8)
        array = chw.detach().permute(1, 2, 0).numpy()
    elif isinstance(pic, np.ndarray):
        if pic.ndim not in (2, 3):
            raise ValueError(f"pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
        array = pic[:, :, None] if pic.ndim == 2 else pic
        if array.shape[-1] > 4:
            raise ValueError(f"pic should not have > 4 channels. Got {array.shape[-1]} channels.")
    else:
        raise TypeError(f"pic should be Tensor or ndarray. Got {type(pic)}.")
    return _array_to_pil(np.ascontiguousarray(array), mode)


_GREY_MODES = {"uint8": "L", "int16": "I;16", "int32": "I", "float32": "F"}
_MODES = {2: ("LA",), 3: ("RGB", "YCbCr", "HSV"), 4: ("RGBA", "CMYK", "RGBX")}
_DEFAULT_MODE = {2: "LA", 3: "RGB", 4: "RGBA"}


def _array_to_pil(array: np.ndarray[Any, Any], mode: str | None) -> Any:
    image = pil_image()
    channels = array.shape[2]
    if channels == 1:
        array = array[:, :, 0]
        fits = _GREY_MODES.get(str(array.dtype))
        if mode is not None and mode != fits:
            raise ValueError(
                f"Incorrect mode ({mode}) supplied for input type {array.dtype}. Should be {fits}"
            )
        if fits is None:
            raise TypeError(f"Input type {array.dtype} is not supported")
        return image.fromarray(array)
    if mode is not None and mode not in _MODES[channels]:
        raise ValueError(f"Only modes {_MODES[channels]} are supported for {channels}D inputs")
    if array.dtype != np.uint8:
        raise TypeError(f"Input type {array.dtype} is not supported")
    mode = mode or _DEFAULT_MODE[channels]
    height, width = array.shape[:2]
    return image.frombytes(mode, (width, height), array.tobytes())
