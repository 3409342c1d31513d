"""Tensors of other libraries and for them, without a copy.

DLPack, https://dmlc.github.io/dlpack/latest/.
"""

from __future__ import annotations

import enum
from typing import Any

from lampas import _C
from lampas._tensor import Tensor

__all__ = ["DLDeviceType", "from_dlpack", "to_dlpack"]


class DLDeviceType(enum.IntEnum):
    """Kinds of devices by DLPack's numbers; Lampas has the first."""

    kDLCPU = 1
    kDLCUDA = 2
    kDLCUDAHost = 3
    kDLOpenCL = 4
    kDLVulkan = 7
    kDLMetal = 8
    kDLVPI = 9
    kDLROCM = 10
    kDLROCMHost = 11
    kDLExtDev = 12
    kDLCUDAManaged = 13
    kDLOneAPI = 14


def to_dlpack(tensor: Tensor) -> Any:
    """A capsule that another library's ``from_dlpack`` takes; once.

    >>> import lampas
    >>> x = lampas.zeros(2)
    >>> y = from_dlpack(to_dlpack(x))
    >>> _ = y.fill_(3)
    >>> x
    tensor([3., 3.])
    """
    return tensor.__dlpack__()


def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor over the memory of another library's array, or of a capsule.

    Of read-only memory the tensor cannot be written to.

    Args:
        ext_tensor: an object with ``__dlpack__``, or the capsule that it gives.
        device: where the tensor is to be: the CPU.
        copy: True: a copy; False: never; None: only if there is no other way.

    Raises:
        BufferError: memory of another device.
        TypeError: an object without ``__dlpack__``.

    >>> import numpy, lampas
    >>> array = numpy.zeros(2)
    >>> x = lampas.from_dlpack(array)
    >>> _ = x.fill_(3)
    >>> array
    array([3., 3.])
    """
    if device is not None and _C.device(device).type != "cpu":
        raise RuntimeError(f"from_dlpack(): Lampas runs on the CPU, device={device} is not there")
    if type(ext_tensor).__name__ != "PyCapsule":
        if not hasattr(ext_tensor, "__dlpack__"):
            raise TypeError(
                f"from_dlpack(): expected an array with __dlpack__ or its capsule, got "
                f"{type(ext_tensor).__name__}"
            )
        where = ext_tensor.__dlpack_device__() if hasattr(ext_tensor, "__dlpack_device__") else (1,)
        if int(where[0]) != DLDeviceType.kDLCPU:
            raise BufferError(
                f"from_dlpack(): the memory is on device {tuple(where)}, not the CPU. Remedy: move "
                "it there with the library that made it"
            )
        try:  # since version 1.0 memory can be said to be read-only
            ext_tensor = ext_tensor.__dlpack__(max_version=(1, 0))
        except TypeError:  # of a library that does not know the argument
            ext_tensor = ext_tensor.__dlpack__()
    tensor: Tensor = _C._from_dlpack(ext_tensor)
    return tensor.clone() if copy else tensor
