"""Saving and loading: PyTorch's files and safetensors, both ways, without running code.

A file of tensors is data. Reading one looks up no names and calls no functions but those on a
short list; everything else is refused with its name and place. See :func:`load` for what
``weights_only`` and ``tensors_only`` mean, and :func:`add_safe_globals` for classes of your own.
"""

from __future__ import annotations

from lampas.serialization._globals import (
    add_safe_globals,
    clear_safe_globals,
    get_safe_globals,
    safe_globals,
)
from lampas.serialization._load import (
    LoadEndianness,
    get_default_load_endianness,
    get_default_mmap_options,
    get_unsafe_globals_in_checkpoint,
    load,
    set_default_load_endianness,
    set_default_mmap_options,
)
from lampas.serialization._location import (
    default_restore_location,
    location_tag,
    register_package,
)
from lampas.serialization._save import get_crc32_options, save, set_crc32_options

DEFAULT_PROTOCOL = 2

__all__ = [
    "save", "load", "add_safe_globals", "clear_safe_globals", "get_safe_globals", "safe_globals",
    "get_unsafe_globals_in_checkpoint", "register_package", "location_tag",
    "default_restore_location", "LoadEndianness", "get_default_load_endianness",
    "set_default_load_endianness", "get_default_mmap_options", "set_default_mmap_options",
    "get_crc32_options", "set_crc32_options",
]  # fmt: skip
